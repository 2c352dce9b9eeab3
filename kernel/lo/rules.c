// SPDX-License-Identifier: GPL-2.0-only
/*
 * ntuple rules: a list in the order of their locations; the first that matches
 * decides, as in a NIC's TCAM.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/rculist.h>

#include "devmem_lo.h"

#define DLO_FLOW_WORDS		(sizeof(struct dlo_flow) / sizeof(unsigned long))

/*
 * struct dlo_rule - an ntuple rule; never changes while it is listed
 * @value:	what a flow must be where @mask has bits, and zero elsewhere
 */
struct dlo_rule {
	struct list_head list;
	struct rcu_head rcu;
	struct ethtool_rx_flow_spec fs;
	struct dlo_flow value;
	struct dlo_flow mask;
	struct dlo_action action;
};

static bool dlo_rule_matches(const struct dlo_rule *rule, const struct dlo_flow *flow)
{
	const unsigned long *value = (const unsigned long *)&rule->value;
	const unsigned long *mask = (const unsigned long *)&rule->mask;
	const unsigned long *is = (const unsigned long *)flow;
	unsigned int i;

	for (i = 0; i < DLO_FLOW_WORDS; i++)
		if ((is[i] & mask[i]) != value[i])
			return false;
	return true;
}

/* What the first rule that matches wants, or NULL. Called under RCU. */
const struct dlo_action *dlo_rules_match(struct dlo_priv *priv, const struct dlo_flow *flow)
{
	const struct dlo_rule *rule;

	list_for_each_entry_rcu(rule, &priv->rules, list)
		if (dlo_rule_matches(rule, flow))
			return &rule->action;
	return NULL;
}

static struct dlo_rule *dlo_rule_find(struct dlo_priv *priv, u32 location)
{
	struct dlo_rule *rule;

	list_for_each_entry(rule, &priv->rules, list)
		if (rule->fs.location == location)
			return rule;
	return NULL;
}

static void dlo_rule_unlist(struct dlo_priv *priv, struct dlo_rule *rule)
{
	list_del_rcu(&rule->list);
	priv->n_rules--;
	kfree_rcu(rule, rcu);
}

/*
 * What a flow type of ethtool implies: the version and protocol of IP, and what
 * the packet has to have.
 */
static const struct dlo_rule_type {
	u8 version;
	u8 proto;
	u8 flags;
} dlo_rule_types[] = {
	[TCP_V4_FLOW]		= { 4, IPPROTO_TCP, DLO_FLOW_PORTS },
	[TCP_V6_FLOW]		= { 6, IPPROTO_TCP, DLO_FLOW_PORTS },
	[UDP_V4_FLOW]		= { 4, IPPROTO_UDP, DLO_FLOW_PORTS },
	[UDP_V6_FLOW]		= { 6, IPPROTO_UDP, DLO_FLOW_PORTS },
	[SCTP_V4_FLOW]		= { 4, IPPROTO_SCTP, DLO_FLOW_L4 },
	[SCTP_V6_FLOW]		= { 6, IPPROTO_SCTP, DLO_FLOW_L4 },
	[ESP_V4_FLOW]		= { 4, IPPROTO_ESP, DLO_FLOW_L4 },
	[ESP_V6_FLOW]		= { 6, IPPROTO_ESP, DLO_FLOW_L4 },
	[IPV4_USER_FLOW]	= { 4 },
	[IPV6_USER_FLOW]	= { 6 },
	[ETHER_FLOW]		= { 0 },
};

/*
 * Lay out one side of an ethtool flow, its values or its masks, as a flow. The
 * structures of all types begin alike, in the order of a flow's tuple: the
 * ports' place is also that of an SPI, and of any protocol's first four bytes.
 */
static void dlo_rule_layout(struct dlo_flow *flow, u32 type, const union ethtool_flow_union *u,
			    const struct ethtool_flow_ext *ext)
{
	if (type == ETHER_FLOW) {
		ether_addr_copy(flow->dst, u->ether_spec.h_dest);
		ether_addr_copy(flow->src, u->ether_spec.h_source);
		flow->type = u->ether_spec.h_proto;
	} else if (dlo_rule_types[type].version == 4) {
		memcpy(flow->tuple, u->hdata, offsetof(struct ethtool_usrip4_spec, tos));
		flow->tos = u->usr_ip4_spec.tos;
	} else {
		memcpy(flow->tuple, u->hdata, offsetof(struct ethtool_usrip6_spec, tclass));
		flow->tos = u->usr_ip6_spec.tclass;
	}
	if (type == IPV4_USER_FLOW)
		flow->proto = u->usr_ip4_spec.proto;
	if (type == IPV6_USER_FLOW)
		flow->proto = u->usr_ip6_spec.l4_proto;
	flow->vlan_etype = ext->vlan_etype;
	flow->vlan_tci = ext->vlan_tci;
	if (type != ETHER_FLOW)
		ether_addr_copy(flow->dst, ext->h_dest);
}

/* The additional fields, but for those that the rule does not say it has. */
static int dlo_rule_ext(const struct ethtool_rx_flow_spec *fs, struct ethtool_flow_ext *value,
			struct ethtool_flow_ext *mask)
{
	memset(value, 0, sizeof(*value));
	memset(mask, 0, sizeof(*mask));
	if (fs->flow_type & FLOW_EXT) {
		if (fs->m_ext.data[0] || fs->m_ext.data[1])
			return -EOPNOTSUPP;	/* user-def has no meaning here */
		value->vlan_etype = fs->h_ext.vlan_etype;
		value->vlan_tci = fs->h_ext.vlan_tci;
		mask->vlan_etype = fs->m_ext.vlan_etype;
		mask->vlan_tci = fs->m_ext.vlan_tci;
	}
	if (fs->flow_type & FLOW_MAC_EXT) {
		ether_addr_copy(value->h_dest, fs->h_ext.h_dest);
		ether_addr_copy(mask->h_dest, fs->m_ext.h_dest);
	}
	return 0;
}

/* What the packet has to be and to have for the fields to mean something. */
static void dlo_rule_require(struct dlo_rule *rule, u32 type)
{
	const struct dlo_rule_type *implied = &dlo_rule_types[type];
	unsigned int l4 = implied->version == 4 ? 2 * sizeof(struct in_addr) :
						  2 * sizeof(struct in6_addr);
	u8 flags = implied->flags;

	if (implied->version) {
		rule->value.version = implied->version;
		rule->mask.version = U8_MAX;
		if (memchr_inv(rule->mask.tuple + l4, 0, sizeof(__be32)))
			flags |= DLO_FLOW_L4;
	}
	if (implied->proto) {
		rule->value.proto = implied->proto;
		rule->mask.proto = U8_MAX;
	}
	if (rule->mask.vlan_tci || rule->mask.vlan_etype)
		flags |= DLO_FLOW_VLAN;
	rule->value.flags = flags;
	rule->mask.flags = flags;
}

static int dlo_rule_match_init(struct dlo_rule *rule, const struct ethtool_rx_flow_spec *fs)
{
	u32 type = fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS);
	unsigned long *value = (unsigned long *)&rule->value;
	unsigned long *mask = (unsigned long *)&rule->mask;
	struct ethtool_flow_ext ext_value, ext_mask;
	unsigned int i;
	int err;

	if (type >= ARRAY_SIZE(dlo_rule_types) ||
	    (!dlo_rule_types[type].version && type != ETHER_FLOW))
		return -EOPNOTSUPP;
	if (type == IPV4_USER_FLOW &&
	    (fs->h_u.usr_ip4_spec.ip_ver != ETH_RX_NFC_IP4 || fs->m_u.usr_ip4_spec.ip_ver))
		return -EINVAL;
	if (type == ETHER_FLOW && fs->flow_type & FLOW_MAC_EXT)
		return -EINVAL;		/* two destinations */
	err = dlo_rule_ext(fs, &ext_value, &ext_mask);
	if (err)
		return err;

	dlo_rule_layout(&rule->value, type, &fs->h_u, &ext_value);
	dlo_rule_layout(&rule->mask, type, &fs->m_u, &ext_mask);
	dlo_rule_require(rule, type);
	for (i = 0; i < DLO_FLOW_WORDS; i++)
		value[i] &= mask[i];
	rule->fs = *fs;
	return 0;
}

/* Where to. A rule for a context adds its queue to what the context's table says. */
static int dlo_rule_action(struct dlo_action *action, struct dlo_priv *priv,
			   const struct ethtool_rxnfc *nfc)
{
	u64 cookie = nfc->fs.ring_cookie;
	int last = 0;

	action->rss = nfc->fs.flow_type & FLOW_RSS;
	if (action->rss) {
		last = dlo_rss_last_queue(priv, nfc->rss_context);
		if (last < 0)
			return last;
		action->context = nfc->rss_context;
	} else if (cookie == RX_CLS_FLOW_DISC) {
		action->queue = DLO_DISCARD;
		return 0;
	}
	if (cookie == RX_CLS_FLOW_WAKE)
		return -EOPNOTSUPP;
	if (cookie >= priv->dev->real_num_rx_queues - last)
		return -EINVAL;
	action->queue = cookie;
	return 0;
}

/* A rule as asked, not listed yet. */
static struct dlo_rule *dlo_rule_create(struct dlo_priv *priv, const struct ethtool_rxnfc *nfc)
{
	struct dlo_rule *rule = kzalloc_obj(*rule);
	int err;

	if (!rule)
		return ERR_PTR(-ENOMEM);
	err = dlo_rule_match_init(rule, &nfc->fs);
	if (!err)
		err = dlo_rule_action(&rule->action, priv, nfc);
	if (err) {
		kfree(rule);
		return ERR_PTR(err);
	}
	return rule;
}

static struct dlo_rule *dlo_rule_find_same(struct dlo_priv *priv, const struct dlo_rule *as)
{
	struct dlo_rule *rule;

	list_for_each_entry(rule, &priv->rules, list)
		if (!memcmp(&rule->value, &as->value, sizeof(rule->value)) &&
		    !memcmp(&rule->mask, &as->mask, sizeof(rule->mask)))
			return rule;
	return NULL;
}

/*
 * Where @rule is to be: where it says, or in a free place as early or as late as
 * it asks. One that does not care takes the place of one for the same packets.
 */
static int dlo_rule_locate(struct dlo_priv *priv, struct dlo_rule *rule)
{
	int from = 0, to = DLO_RULES_MAX, step = 1;
	const struct dlo_rule *same;
	int i;

	switch (rule->fs.location) {
	case RX_CLS_LOC_LAST:
		from = DLO_RULES_MAX - 1;
		to = -1;
		step = -1;
		break;
	case RX_CLS_LOC_ANY:
		same = dlo_rule_find_same(priv, rule);
		if (same) {
			rule->fs.location = same->fs.location;
			return 0;
		}
		break;
	case RX_CLS_LOC_FIRST:
		break;
	default:
		return rule->fs.location < DLO_RULES_MAX ? 0 : -EINVAL;
	}

	for (i = from; i != to; i += step) {
		if (!dlo_rule_find(priv, i)) {
			rule->fs.location = i;
			return 0;
		}
	}
	return -ENOSPC;
}

/* In its place, instead of one that may be there. */
static void dlo_rule_list(struct dlo_priv *priv, struct dlo_rule *rule)
{
	struct dlo_rule *old = dlo_rule_find(priv, rule->fs.location);
	struct list_head *pos = &priv->rules;
	struct dlo_rule *other;

	if (old) {
		list_replace_rcu(&old->list, &rule->list);
		kfree_rcu(old, rcu);
		return;
	}
	list_for_each_entry(other, &priv->rules, list) {
		if (other->fs.location > rule->fs.location) {
			pos = &other->list;
			break;
		}
	}
	list_add_tail_rcu(&rule->list, pos);
	priv->n_rules++;
}

int dlo_rules_insert(struct dlo_priv *priv, struct ethtool_rxnfc *nfc)
{
	struct dlo_rule *rule;
	int err;

	rule = dlo_rule_create(priv, nfc);
	if (IS_ERR(rule))
		return PTR_ERR(rule);
	err = dlo_rule_locate(priv, rule);
	if (err) {
		kfree(rule);
		return err;
	}
	nfc->fs.location = rule->fs.location;
	dlo_rule_list(priv, rule);
	return 0;
}

int dlo_rules_delete(struct dlo_priv *priv, u32 location)
{
	struct dlo_rule *rule = dlo_rule_find(priv, location);

	if (!rule)
		return -ENOENT;
	dlo_rule_unlist(priv, rule);
	return 0;
}

void dlo_rules_flush(struct dlo_priv *priv)
{
	struct dlo_rule *rule, *next;

	list_for_each_entry_safe(rule, next, &priv->rules, list)
		dlo_rule_unlist(priv, rule);
}

/*
 * Does a rule lead to queue @from or beyond? One that adds nothing to a table
 * does if the table does: dlo_rss_uses_queue().
 */
bool dlo_rules_use_queue(struct dlo_priv *priv, unsigned int from)
{
	const struct dlo_action *action;
	const struct dlo_rule *rule;
	unsigned int last;

	list_for_each_entry(rule, &priv->rules, list) {
		action = &rule->action;
		if (action->queue == DLO_DISCARD || (action->rss && !action->queue))
			continue;
		last = action->queue;
		if (action->rss)
			last += dlo_rss_last_queue(priv, action->context);
		if (last >= from)
			return true;
	}
	return false;
}

bool dlo_rules_use_context(struct dlo_priv *priv, u32 context)
{
	const struct dlo_rule *rule;

	list_for_each_entry(rule, &priv->rules, list)
		if (rule->action.rss && rule->action.context == context)
			return true;
	return false;
}

/* May @context get a table that leads to queue @last, in the light of what rules add to it? */
bool dlo_rules_fit(struct dlo_priv *priv, u32 context, unsigned int last)
{
	const struct dlo_rule *rule;

	list_for_each_entry(rule, &priv->rules, list)
		if (rule->action.rss && rule->action.context == context &&
		    rule->action.queue + last >= priv->dev->real_num_rx_queues)
			return false;
	return true;
}

static int dlo_rules_get_all(struct dlo_priv *priv, struct ethtool_rxnfc *nfc, u32 *locs)
{
	const struct dlo_rule *rule;
	u32 n = 0;

	if (nfc->rule_cnt < priv->n_rules)
		return -EMSGSIZE;
	list_for_each_entry(rule, &priv->rules, list)
		locs[n++] = rule->fs.location;
	nfc->rule_cnt = n;
	nfc->data = DLO_RULES_MAX;
	return 0;
}

int dlo_rules_get(struct dlo_priv *priv, struct ethtool_rxnfc *nfc, u32 *locs)
{
	const struct dlo_rule *rule;

	switch (nfc->cmd) {
	case ETHTOOL_GRXCLSRLCNT:
		nfc->rule_cnt = priv->n_rules;
		nfc->data = DLO_RULES_MAX | RX_CLS_LOC_SPECIAL;
		return 0;
	case ETHTOOL_GRXCLSRULE:
		rule = dlo_rule_find(priv, nfc->fs.location);
		if (!rule)
			return -ENOENT;
		nfc->fs = rule->fs;
		nfc->rss_context = rule->action.context;
		return 0;
	case ETHTOOL_GRXCLSRLALL:
		return dlo_rules_get_all(priv, nfc, locs);
	default:
		return -EOPNOTSUPP;
	}
}
