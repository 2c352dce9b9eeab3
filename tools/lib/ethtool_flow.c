// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool.h>

#include "ethtool.h"
#include "ethtool_ioctl.h"

/* In a mask, ones mark the bits that must match. */
static void fill_spec(const struct dm_ethtool_flow *flow,
		      struct ethtool_rx_flow_spec *fs)
{
	if (flow->family == AF_INET) {
		struct ethtool_tcpip4_spec *value = &fs->h_u.tcp_ip4_spec;
		struct ethtool_tcpip4_spec *mask = &fs->m_u.tcp_ip4_spec;

		fs->flow_type = TCP_V4_FLOW;
		value->pdst = htons(flow->dst_port);
		mask->pdst = htons(0xffff);
		value->psrc = htons(flow->src_port);
		mask->psrc = htons(flow->src_port_mask);
		if (flow->dst.v4.s_addr != htonl(INADDR_ANY)) {
			value->ip4dst = flow->dst.v4.s_addr;
			mask->ip4dst = htonl(INADDR_BROADCAST);
		}
	} else {
		struct ethtool_tcpip6_spec *value = &fs->h_u.tcp_ip6_spec;
		struct ethtool_tcpip6_spec *mask = &fs->m_u.tcp_ip6_spec;

		fs->flow_type = TCP_V6_FLOW;
		value->pdst = htons(flow->dst_port);
		mask->pdst = htons(0xffff);
		value->psrc = htons(flow->src_port);
		mask->psrc = htons(flow->src_port_mask);
		if (!IN6_IS_ADDR_UNSPECIFIED(&flow->dst.v6)) {
			memcpy(value->ip6dst, &flow->dst.v6,
			       sizeof(value->ip6dst));
			memset(mask->ip6dst, 0xff, sizeof(mask->ip6dst));
		}
	}
	fs->ring_cookie = flow->queue;
}

/* The locations of all @rules rules, to be freed. */
static int list_rules(struct dm_ethtool *et, uint32_t rules,
		      struct ethtool_rxnfc **list)
{
	struct ethtool_rxnfc *all;
	int err;

	all = calloc(1, sizeof(*all) + rules * sizeof(*all->rule_locs));
	if (!all)
		return -ENOMEM;
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = rules;
	err = dm_ethtool_ioctl(et, all);
	if (err)
		free(all);
	else
		*list = all;
	return err;
}

/* For drivers that do not choose a location: the last one that is free. */
static int find_location(struct dm_ethtool *et, uint32_t rules, uint32_t size,
			 uint32_t *location)
{
	struct ethtool_rxnfc *all;
	uint32_t i;
	int err;

	err = list_rules(et, rules, &all);
	if (err)
		return err;

	err = -ENOSPC;
	while (size--) {
		for (i = 0; i < all->rule_cnt; i++)
			if (all->rule_locs[i] == size)
				break;
		if (i == all->rule_cnt) {
			*location = size;
			err = 0;
			break;
		}
	}
	free(all);
	return err;
}

static int is_alike(const struct dm_ethtool_flow *rule, void *data)
{
	const struct dm_ethtool_flow *flow = data;

	return rule->family == flow->family && rule->dst_port == flow->dst_port &&
	       rule->src_port == flow->src_port &&
	       rule->src_port_mask == flow->src_port_mask;
}

/*
 * A driver that chooses may choose the place of a rule for the same packets,
 * which then is gone: a place of its own keeps both.
 */
static int choose_location(struct dm_ethtool *et, struct dm_ethtool_flow *flow,
			   uint32_t *location)
{
	struct ethtool_rxnfc count = { .cmd = ETHTOOL_GRXCLSRLCNT };
	int err;

	err = dm_ethtool_ioctl(et, &count);
	if (err)
		return err;
	if (count.data & RX_CLS_LOC_SPECIAL &&
	    dm_ethtool_flow_each(et, is_alike, flow) <= 0) {
		*location = RX_CLS_LOC_ANY;
		return 0;
	}
	return find_location(et, count.rule_cnt,
			     count.data & ~RX_CLS_LOC_SPECIAL, location);
}

int dm_ethtool_flow_insert(struct dm_ethtool *et, struct dm_ethtool_flow *flow)
{
	struct ethtool_rxnfc req = { .cmd = ETHTOOL_SRXCLSRLINS };
	int err;

	err = choose_location(et, flow, &req.fs.location);
	if (err)
		return err;
	fill_spec(flow, &req.fs);
	err = dm_ethtool_ioctl(et, &req);
	if (!err)
		flow->location = req.fs.location;
	return err;
}

int dm_ethtool_flow_delete(struct dm_ethtool *et,
			   const struct dm_ethtool_flow *flow)
{
	struct ethtool_rxnfc req = { .cmd = ETHTOOL_GRXCLSRULE };
	struct ethtool_rx_flow_spec ours = { 0 };
	int err;

	req.fs.location = flow->location;
	err = dm_ethtool_ioctl(et, &req);
	if (err)
		return err == -ENOENT || err == -EINVAL ? 0 : err;

	fill_spec(flow, &ours);
	if (req.fs.flow_type != ours.flow_type ||
	    req.fs.ring_cookie != ours.ring_cookie ||
	    memcmp(&req.fs.h_u.tcp_ip6_spec, &ours.h_u.tcp_ip6_spec,
		   sizeof(ours.h_u.tcp_ip6_spec)))
		return 0;

	req = (struct ethtool_rxnfc){ .cmd = ETHTOOL_SRXCLSRLDEL };
	req.fs.location = flow->location;
	return dm_ethtool_ioctl(et, &req);
}

/* False when the rule is about something else than TCP to one local port. */
static bool read_spec(const struct ethtool_rx_flow_spec *fs,
		      struct dm_ethtool_flow *flow)
{
	uint32_t type = fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS);
	__be16 port, mask, source, source_mask;

	if (type == TCP_V4_FLOW) {
		port = fs->h_u.tcp_ip4_spec.pdst;
		mask = fs->m_u.tcp_ip4_spec.pdst;
		source = fs->h_u.tcp_ip4_spec.psrc;
		source_mask = fs->m_u.tcp_ip4_spec.psrc;
	} else if (type == TCP_V6_FLOW) {
		port = fs->h_u.tcp_ip6_spec.pdst;
		mask = fs->m_u.tcp_ip6_spec.pdst;
		source = fs->h_u.tcp_ip6_spec.psrc;
		source_mask = fs->m_u.tcp_ip6_spec.psrc;
	} else {
		return false;
	}
	*flow = (struct dm_ethtool_flow){
		.family		= type == TCP_V4_FLOW ? AF_INET : AF_INET6,
		.dst_port	= ntohs(port),
		.src_port	= ntohs(source),
		.src_port_mask	= ntohs(source_mask),
		.queue		= fs->ring_cookie == RX_CLS_FLOW_DISC ?
				  DM_ETHTOOL_FLOW_DROP : fs->ring_cookie,
		.location	= fs->location,
	};
	return mask == htons(0xffff);
}

int dm_ethtool_flow_each(struct dm_ethtool *et, dm_ethtool_flow_cb cb,
			 void *data)
{
	struct ethtool_rxnfc count = { .cmd = ETHTOOL_GRXCLSRLCNT }, *all;
	struct dm_ethtool_flow flow;
	uint32_t i;
	int err;

	err = dm_ethtool_ioctl(et, &count);
	if (err)
		return err;
	err = list_rules(et, count.rule_cnt, &all);
	if (err)
		return err;

	for (i = 0; i < all->rule_cnt && !err; i++) {
		struct ethtool_rxnfc rule = { .cmd = ETHTOOL_GRXCLSRULE };

		rule.fs.location = all->rule_locs[i];
		/* One that is gone meanwhile is no failure. */
		if (!dm_ethtool_ioctl(et, &rule) && read_spec(&rule.fs, &flow))
			err = cb(&flow, data);
	}
	free(all);
	return err;
}
