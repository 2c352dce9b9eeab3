// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

static void log_rule(struct nicconf *conf, const struct dm_ethtool_flow *flow)
{
	char remote[48] = "";

	if (flow->src_port_mask)
		snprintf(remote, sizeof(remote),
			 " from ports with 0x%x in bits 0x%x", flow->src_port,
			 flow->src_port_mask);
	nicconf_log(conf, "flow rule %u: TCP port %u over IPv%d%s to queue %u",
		    flow->location, flow->dst_port,
		    flow->family == AF_INET ? 4 : 6, remote, flow->queue);
}

int rules_insert(struct rules *rules, struct nicconf *conf,
		 const struct dm_ethtool_flow *flow)
{
	struct dm_ethtool_flow *rule = &rules->flow[rules->n];
	int err;

	if (rules->n == RULES_MAX)
		return nicconf_fail(conf, -EINVAL, "a rule out of order");
	*rule = *flow;
	err = dm_ethtool_flow_insert(&conf->et, rule);
	if (err)
		return nicconf_fail(conf, err,
				    "it refuses a rule that sends TCP port %u to queue %u: %s",
				    rule->dst_port, rule->queue, strerror(-err));
	rules->n++;
	log_rule(conf, rule);
	return 0;
}

int rules_remove(struct rules *rules, struct nicconf *conf)
{
	unsigned int removed = 0;
	int err, ret = 0;

	while (rules->n) {
		struct dm_ethtool_flow *rule = &rules->flow[--rules->n];

		err = dm_ethtool_flow_delete(&conf->et, rule);
		if (err && err != -ENODEV)
			ret = nicconf_fail(conf, err,
					   "cannot remove flow rule %u: %s",
					   rule->location, strerror(-err));
		removed += !err;
	}
	if (removed)
		nicconf_log(conf, "%u flow rule%s removed", removed,
			    removed == 1 ? "" : "s");
	return ret;
}

bool rules_have_location(const struct rules *rules, uint32_t location)
{
	unsigned int i;

	for (i = 0; i < rules->n; i++)
		if (rules->flow[i].location == location)
			return true;
	return false;
}

bool rules_have_family(const struct rules *rules, sa_family_t family)
{
	unsigned int i;

	for (i = 0; i < rules->n; i++)
		if (rules->flow[i].family == family)
			return true;
	return false;
}

/* What rules_note_rival() is asked for. */
struct rivalry {
	struct nicconf			*conf;
	const struct dm_ethtool_flow	*flow;
	bool				(*is_kin)(const struct dm_ethtool_flow *rule,
						  void *data);
	void				*data;
};

static int note_rival(const struct dm_ethtool_flow *rule, void *data)
{
	const struct rivalry *rivalry = data;
	char name[IF_NAMESIZE], where[32] = "nowhere";

	if (rule->family != rivalry->flow->family ||
	    rule->dst_port != rivalry->flow->dst_port ||
	    rivalry->is_kin(rule, rivalry->data))
		return 0;

	if (rule->queue != DM_ETHTOOL_FLOW_DROP)
		snprintf(where, sizeof(where), "to queue %u", rule->queue);
	nicconf_note(rivalry->conf,
		     "flow rule %u, not ours, sends TCP port %u over IPv%d %s, and may win: remove it with ethtool -N %s delete %u",
		     rule->location, rule->dst_port,
		     rule->family == AF_INET ? 4 : 6, where,
		     nicconf_name(rivalry->conf, name), rule->location);
	return 1;
}

void rules_note_rival(struct nicconf *conf, const struct dm_ethtool_flow *flow,
		      bool (*is_kin)(const struct dm_ethtool_flow *rule,
				     void *data),
		      void *data)
{
	struct rivalry rivalry = {
		.conf = conf, .flow = flow, .is_kin = is_kin, .data = data,
	};

	/* Where rules cannot be listed, there is nothing to say. */
	dm_ethtool_flow_each(&conf->et, note_rival, &rivalry);
}
