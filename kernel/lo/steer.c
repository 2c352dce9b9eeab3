// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steering: which RX queue a packet goes to. Rules first, then RSS.
 */
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/ipv6.h>

#include "devmem_lo.h"

static void dlo_flow_ethernet(struct dlo_flow *flow, const struct sk_buff *skb, const u8 *data,
			      const struct dlo_head *h)
{
	const struct vlan_ethhdr *eth = (const struct vlan_ethhdr *)data;

	memcpy(flow->dst, eth->h_dest, ETH_ALEN);
	memcpy(flow->src, eth->h_source, ETH_ALEN);
	flow->type = *(const __be16 *)(data + (h->l3 ?: h->len) - sizeof(__be16));
	if (skb_vlan_tag_present(skb)) {
		flow->vlan_etype = skb->vlan_proto;
		flow->vlan_tci = htons(skb_vlan_tag_get(skb));
		flow->flags |= DLO_FLOW_VLAN;
	} else if (h->len >= VLAN_ETH_HLEN && eth_type_vlan(eth->h_vlan_proto)) {
		flow->vlan_etype = eth->h_vlan_proto;
		flow->vlan_tci = eth->h_vlan_TCI;
		flow->flags |= DLO_FLOW_VLAN;
	}
}

static void dlo_flow_ipv4(struct dlo_flow *flow, const struct iphdr *iph)
{
	flow->version = 4;
	flow->tos = iph->tos;
	flow->addr = sizeof(struct in_addr);
	memcpy(flow->tuple, &iph->addrs, sizeof(iph->addrs));
}

static void dlo_flow_ipv6(struct dlo_flow *flow, const struct ipv6hdr *ip6h)
{
	__be32 label = ip6_flowlabel(ip6h);

	flow->version = 6;
	flow->tos = ipv6_get_dsfield(ip6h);
	flow->addr = sizeof(struct in6_addr);
	memcpy(flow->tuple, &ip6h->addrs, sizeof(ip6h->addrs));
	memcpy(flow->tuple + DLO_TUPLE_LABEL, &label, sizeof(label));
}

/* Of a packet whose headers are at @data, as far as @h says. */
void dlo_flow_init(struct dlo_flow *flow, const struct sk_buff *skb, const u8 *data,
		   const struct dlo_head *h)
{
	memset(flow, 0, sizeof(*flow));
	if (h->len < ETH_HLEN)
		return;

	dlo_flow_ethernet(flow, skb, data, h);
	if (!h->l3)
		return;

	if (h->v6)
		dlo_flow_ipv6(flow, (const struct ipv6hdr *)(data + h->l3));
	else
		dlo_flow_ipv4(flow, (const struct iphdr *)(data + h->l3));
	flow->proto = h->proto;
	if (h->l4_raw) {
		flow->flags |= DLO_FLOW_L4;
		memcpy(flow->tuple + 2 * flow->addr, data + h->l4_raw, sizeof(__be32));
	}
	if (h->l4)
		flow->flags |= DLO_FLOW_PORTS;
}

static enum dlo_flow_type dlo_flow_type(const struct dlo_flow *flow)
{
	bool v6 = flow->version == 6;

	if (!(flow->flags & DLO_FLOW_PORTS))
		return v6 ? DLO_IP6 : DLO_IP4;
	if (flow->proto == IPPROTO_TCP)
		return v6 ? DLO_TCP6 : DLO_TCP4;
	return v6 ? DLO_UDP6 : DLO_UDP4;
}

/*
 * The hash every RSS-capable NIC computes: for each bit set in the input, the
 * 32 bits of the key that start at its position, all xored. What each value of
 * each half of a byte contributes is looked up: a line of the cache for each,
 * whatever the flow. As it is linear, parts of a tuple can be hashed alone.
 */
static u32 dlo_toeplitz(const struct dlo_rss *rss, const u8 *tuple, unsigned int from,
			unsigned int len)
{
	const u32 (*part)[16] = rss->toeplitz + 2 * from;
	const u8 *data = tuple + from;
	const u8 *end = data + len;
	u32 hash = 0;

	for (; data < end; data++, part += 2)
		hash ^= part[0][*data >> 4] ^ part[1][*data & 0xf];
	return hash;
}

/*
 * Make both directions of a flow the same: in each pair, of @len bytes each,
 * the second becomes the xor of both, the first that too or the or of both.
 */
static void dlo_symmetric(u8 *pair, unsigned int len, u8 xfrm)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		u8 xor = pair[i] ^ pair[len + i];

		pair[i] = xfrm == RXH_XFRM_SYM_OR_XOR ? pair[i] | pair[len + i] : xor;
		pair[len + i] = xor;
	}
}

/* Each field is hashed at its place in the tuple, whether those before it are or not. */
static u32 dlo_hash(const struct dlo_rss *rss, const struct dlo_flow *flow, u32 fields)
{
	unsigned int addr = flow->addr;
	u32 hash = 0;

	if (fields & RXH_IP_SRC)
		hash ^= dlo_toeplitz(rss, flow->tuple, 0, addr);
	if (fields & RXH_IP_DST)
		hash ^= dlo_toeplitz(rss, flow->tuple, addr, addr);
	if (fields & RXH_L4_B_0_1)
		hash ^= dlo_toeplitz(rss, flow->tuple, 2 * addr, sizeof(__be16));
	if (fields & RXH_L4_B_2_3)
		hash ^= dlo_toeplitz(rss, flow->tuple, 2 * addr + sizeof(__be16), sizeof(__be16));
	if (fields & RXH_IP6_FL)
		hash ^= dlo_toeplitz(rss, flow->tuple, DLO_TUPLE_LABEL, sizeof(__be32));
	return hash;
}

static u32 dlo_hash_symmetric(const struct dlo_rss *rss, const struct dlo_flow *flow, u32 fields)
{
	struct dlo_flow both = *flow;

	dlo_symmetric(both.tuple, flow->addr, rss->xfrm);
	dlo_symmetric(both.tuple + 2 * flow->addr, sizeof(__be16), rss->xfrm);
	return dlo_hash(rss, &both, fields);
}

static void dlo_rss(const struct dlo_rss *rss, const struct dlo_flow *flow, struct dlo_verdict *v)
{
	u32 fields = flow->version ? rss->fields[dlo_flow_type(flow)] : 0;

	if (unlikely(rss->xfrm))
		v->hash = dlo_hash_symmetric(rss, flow, fields);
	else
		v->hash = dlo_hash(rss, flow, fields);
	if (fields & (RXH_L4_B_0_1 | RXH_L4_B_2_3))
		v->hash_type = PKT_HASH_TYPE_L4;
	else if (fields)
		v->hash_type = PKT_HASH_TYPE_L3;
	else
		v->hash_type = PKT_HASH_TYPE_NONE;
	v->queue = READ_ONCE(rss->indir[v->hash % DLO_INDIR_LEN]);
}

/*
 * Called under RCU, by the peer's transmit path. A rule that is going may be
 * seen with a context that is gone, or with a table it was never allowed with.
 */
void dlo_steer(struct dlo_priv *priv, const struct dlo_flow *flow, struct dlo_verdict *v)
{
	const struct dlo_action *action = dlo_rules_match(priv, flow);
	const struct dlo_rss *rss = NULL;

	if (action && action->rss)
		rss = rcu_dereference(priv->rss[action->context]);
	if (!rss)
		rss = rcu_dereference(priv->rss[0]);
	dlo_rss(rss, flow, v);
	if (!action)
		return;

	if (!action->rss) {
		v->queue = action->queue;
		return;
	}
	v->queue += action->queue;
	if (unlikely(v->queue >= READ_ONCE(priv->dev->real_num_rx_queues)))
		v->queue = 0;
}
