/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which queue a packet goes to: flows, RSS contexts, ntuple rules.
 */
#ifndef _DEVMEM_LO_STEER_H
#define _DEVMEM_LO_STEER_H

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/skbuff.h>
#include "frame.h"

struct dlo_priv;

#define DLO_RULES_MAX		256
#define DLO_KEY_LEN		52
#define DLO_INDIR_LEN		256
#define DLO_CONTEXTS		64	/* of RSS, the main one among them */

#define DLO_TUPLE_LABEL		36		/* after two IPv6 addresses and ports */
#define DLO_TUPLE_MAX		40

enum dlo_flow_flags {
	DLO_FLOW_VLAN	= BIT(0),	/* there is a tag */
	DLO_FLOW_L4	= BIT(1),	/* there is a transport header */
	DLO_FLOW_PORTS	= BIT(2),	/* ... of TCP or UDP */
};

/*
 * struct dlo_flow - what steering looks at: one line of the cache, which a rule
 * compares as a whole. What a packet does not have is zero
 * @version:	4 or 6, 0: not IP
 * @type:	what the Ethernet header says follows, or the last tag
 * @vlan_tci:	of the outermost tag, as @vlan_etype
 * @addr:	bytes of one address; no rule compares it
 * @tuple:	source address, destination address, the first four bytes of the
 *		transport header, without holes; an IPv6 flow label at
 *		DLO_TUPLE_LABEL. The input of the Toeplitz hash
 */
struct dlo_flow {
	u8 version;
	u8 proto;
	u8 tos;
	u8 flags;
	__be16 type;
	__be16 vlan_tci;
	u8 dst[ETH_ALEN];
	u8 src[ETH_ALEN];
	__be16 vlan_etype;
	u8 addr;
	u8 unused;
	u8 tuple[DLO_TUPLE_MAX];
} __aligned(sizeof(unsigned long));

/* What has hash fields of its own; IP is what is neither TCP nor UDP, or a fragment. */
enum dlo_flow_type { DLO_TCP4, DLO_TCP6, DLO_UDP4, DLO_UDP6, DLO_IP4, DLO_IP6, DLO_FLOW_TYPES };

/*
 * struct dlo_rss - an RSS context; read under RCU, replaced as a whole but for
 * the main one's @indir, which dlo_rss_spread() changes entry by entry
 * @toeplitz:	of @key: what each half byte of a tuple adds to the hash, by its
 *		place and value
 * @fields:	what is hashed, RXH_*
 * @xfrm:	what is done to it before, RXH_XFRM_*; the fields are symmetric then
 */
struct dlo_rss {
	struct rcu_head rcu;
	u8 key[DLO_KEY_LEN];
	u32 toeplitz[2 * DLO_TUPLE_MAX][16] ____cacheline_aligned;
	u32 indir[DLO_INDIR_LEN];
	u32 fields[DLO_FLOW_TYPES];
	u8 xfrm;
};

#define DLO_DISCARD		U16_MAX		/* a queue number that means: drop */

/*
 * struct dlo_action - what becomes of a packet that a rule matches
 * @rss:	the table of @context decides
 * @queue:	where to, or DLO_DISCARD; with @rss, what is added to what the
 *		table says
 */
struct dlo_action {
	u16 queue;
	u16 context;
	bool rss;
};

struct dlo_verdict {
	u16 queue;
	u32 hash;
	enum pkt_hash_types hash_type;
};

void dlo_flow_init(struct dlo_flow *flow, const struct sk_buff *skb, const u8 *data,
		   const struct dlo_head *h);
void dlo_steer(struct dlo_priv *priv, const struct dlo_flow *flow, struct dlo_verdict *v);

int dlo_rss_init(struct dlo_priv *priv);
void dlo_rss_destroy(struct dlo_priv *priv);
void dlo_rss_spread(struct dlo_priv *priv, unsigned int queues);
void dlo_rss_get(struct dlo_priv *priv, struct ethtool_rxfh_param *p);
int dlo_rss_set(struct dlo_priv *priv, u32 context, const struct ethtool_rxfh_param *p,
		struct netlink_ext_ack *extack);
int dlo_rss_create(struct dlo_priv *priv, struct ethtool_rxfh_context *ctx,
		   const struct ethtool_rxfh_param *p, struct netlink_ext_ack *extack);
int dlo_rss_remove(struct dlo_priv *priv, u32 context, struct netlink_ext_ack *extack);
int dlo_rss_last_queue(struct dlo_priv *priv, u32 context);
bool dlo_rss_uses_queue(struct dlo_priv *priv, unsigned int from);
int dlo_rss_get_fields(struct dlo_priv *priv, struct ethtool_rxfh_fields *f);
int dlo_rss_set_fields(struct dlo_priv *priv, const struct ethtool_rxfh_fields *f,
		       struct netlink_ext_ack *extack);

const struct dlo_action *dlo_rules_match(struct dlo_priv *priv, const struct dlo_flow *flow);
int dlo_rules_get(struct dlo_priv *priv, struct ethtool_rxnfc *nfc, u32 *locs);
int dlo_rules_insert(struct dlo_priv *priv, struct ethtool_rxnfc *nfc);
int dlo_rules_delete(struct dlo_priv *priv, u32 location);
void dlo_rules_flush(struct dlo_priv *priv);
bool dlo_rules_use_queue(struct dlo_priv *priv, unsigned int from);
bool dlo_rules_use_context(struct dlo_priv *priv, u32 context);
bool dlo_rules_fit(struct dlo_priv *priv, u32 context, unsigned int last);

#endif /* _DEVMEM_LO_STEER_H */
