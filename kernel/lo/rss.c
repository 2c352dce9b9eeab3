// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSS as it is configured, of each context: key, table, the fields that are
 * hashed. What is done with it for each packet is in steer.c.
 */
#include <linux/ethtool.h>
#include <linux/unaligned.h>

#include "devmem_lo.h"

#define DLO_RXH_IP	(RXH_IP_SRC | RXH_IP_DST)
#define DLO_RXH_L4	(RXH_L4_B_0_1 | RXH_L4_B_2_3)

/* What of a packet of each type can be hashed. */
static const u32 dlo_rss_hashable[DLO_FLOW_TYPES] = {
	[DLO_TCP4]	= DLO_RXH_IP | DLO_RXH_L4,
	[DLO_TCP6]	= DLO_RXH_IP | DLO_RXH_L4 | RXH_IP6_FL,
	[DLO_UDP4]	= DLO_RXH_IP | DLO_RXH_L4,
	[DLO_UDP6]	= DLO_RXH_IP | DLO_RXH_L4 | RXH_IP6_FL,
	[DLO_IP4]	= DLO_RXH_IP,
	[DLO_IP6]	= DLO_RXH_IP | RXH_IP6_FL,
};

/* A device that is unregistered gives up its contexts without the configuration's lock. */
static struct dlo_rss *dlo_rss_current(struct dlo_priv *priv, u32 context)
{
	return rcu_dereference_protected(priv->rss[context],
					 dlo_config_is_locked(priv->dev) ||
					 priv->dev->reg_state != NETREG_REGISTERED);
}

static void dlo_rss_publish(struct dlo_priv *priv, u32 context, struct dlo_rss *rss)
{
	struct dlo_rss *old = dlo_rss_current(priv, context);

	rcu_assign_pointer(priv->rss[context], rss);
	if (old)
		kfree_rcu(old, rcu);
}

static void dlo_rss_fill_indir(struct dlo_rss *rss, unsigned int queues)
{
	unsigned int i;

	for (i = 0; i < DLO_INDIR_LEN; i++)
		WRITE_ONCE(rss->indir[i], ethtool_rxfh_indir_default(i, queues));
}

static unsigned int dlo_rss_last(const struct dlo_rss *rss)
{
	unsigned int i, last = 0;

	for (i = 0; i < DLO_INDIR_LEN; i++)
		last = max(last, rss->indir[i]);
	return last;
}

/* A symmetric hash leaves out the source if it leaves out the destination, and knows no label. */
static bool dlo_fields_symmetric(u32 fields)
{
	return !(fields & RXH_IP6_FL) &&
	       !(fields & RXH_IP_SRC) == !(fields & RXH_IP_DST) &&
	       !(fields & RXH_L4_B_0_1) == !(fields & RXH_L4_B_2_3);
}

static bool dlo_rss_symmetric(const struct dlo_rss *rss)
{
	unsigned int i;

	for (i = 0; i < DLO_FLOW_TYPES; i++)
		if (!dlo_fields_symmetric(rss->fields[i]))
			return false;
	return true;
}

/* The 32 bits of @key from bit @pos on. */
static u32 dlo_key_window(const u8 *key, unsigned int pos)
{
	u64 bits = get_unaligned_be32(key + pos / 8);

	return (bits << 8 | key[pos / 8 + sizeof(u32)]) >> (8 - pos % 8);
}

static void dlo_rss_set_key(struct dlo_rss *rss, const u8 *key)
{
	unsigned int i, value, low;

	memcpy(rss->key, key, sizeof(rss->key));
	for (i = 0; i < ARRAY_SIZE(rss->toeplitz); i++) {
		for (value = 1; value < 16; value++) {
			low = __ffs(value);
			rss->toeplitz[i][value] = rss->toeplitz[i][value & (value - 1)] ^
						  dlo_key_window(key, 4 * i + 3 - low);
		}
	}
}

/* Before the device is registered: nobody reads yet. */
int dlo_rss_init(struct dlo_priv *priv)
{
	u8 key[DLO_KEY_LEN];
	struct dlo_rss *rss;
	unsigned int i;

	rss = kzalloc_obj(*rss);
	if (!rss)
		return -ENOMEM;

	netdev_rss_key_fill(key, sizeof(key));
	dlo_rss_set_key(rss, key);
	dlo_rss_fill_indir(rss, priv->dev->real_num_rx_queues);
	for (i = 0; i < DLO_FLOW_TYPES; i++)
		rss->fields[i] = dlo_rss_hashable[i] & ~RXH_IP6_FL;
	RCU_INIT_POINTER(priv->rss[0], rss);
	return 0;
}

/* After the last grace period of the device. */
void dlo_rss_destroy(struct dlo_priv *priv)
{
	unsigned int i;

	for (i = 0; i < DLO_CONTEXTS; i++)
		kfree(rcu_dereference_protected(priv->rss[i], true));
}

/*
 * Spread the main context over @queues, unless a user has set its table: the
 * core has checked that it still fits. Done in place, so that it cannot fail.
 * Tables of other contexts stay as they are, whoever chose them.
 */
void dlo_rss_spread(struct dlo_priv *priv, unsigned int queues)
{
	if (!netif_is_rxfh_configured(priv->dev))
		dlo_rss_fill_indir(dlo_rss_current(priv, 0), queues);
}

/* The highest queue that @context leads to; -EINVAL: there is no such context. */
int dlo_rss_last_queue(struct dlo_priv *priv, u32 context)
{
	if (context >= DLO_CONTEXTS || !dlo_rss_current(priv, context))
		return -EINVAL;
	return dlo_rss_last(dlo_rss_current(priv, context));
}

/* Does a table that stays as it is lead to queue @from or beyond? */
bool dlo_rss_uses_queue(struct dlo_priv *priv, unsigned int from)
{
	const struct dlo_rss *rss;
	unsigned int i;

	for (i = netif_is_rxfh_configured(priv->dev) ? 0 : 1; i < DLO_CONTEXTS; i++) {
		rss = dlo_rss_current(priv, i);
		if (rss && dlo_rss_last(rss) >= from)
			return true;
	}
	return false;
}

/* --- Contexts ----------------------------------------------------------- */

/* The main context is number 0. Other contexts the core remembers itself. */
void dlo_rss_get(struct dlo_priv *priv, struct ethtool_rxfh_param *p)
{
	const struct dlo_rss *rss;

	rcu_read_lock();
	rss = rcu_dereference(priv->rss[0]);
	p->hfunc = ETH_RSS_HASH_TOP;
	p->input_xfrm = rss->xfrm;
	if (p->key)
		memcpy(p->key, rss->key, sizeof(rss->key));
	if (p->indir)
		memcpy(p->indir, rss->indir, sizeof(rss->indir));
	rcu_read_unlock();
}

/* Change @rss, which nobody reads yet, as asked. */
static int dlo_rss_apply(struct dlo_rss *rss, struct dlo_priv *priv, u32 context,
			 const struct ethtool_rxfh_param *p, struct netlink_ext_ack *extack)
{
	if (p->hfunc != ETH_RSS_HASH_NO_CHANGE && p->hfunc != ETH_RSS_HASH_TOP) {
		NL_SET_ERR_MSG(extack, "the only hash function is toeplitz");
		return -EOPNOTSUPP;
	}
	if (p->input_xfrm != RXH_XFRM_NO_CHANGE)
		rss->xfrm = p->input_xfrm;
	if (rss->xfrm && !dlo_rss_symmetric(rss)) {
		NL_SET_ERR_MSG(extack, "a symmetric hash needs symmetric fields");
		return -EINVAL;
	}
	if (p->key)
		dlo_rss_set_key(rss, p->key);
	if (p->indir)
		memcpy(rss->indir, p->indir, sizeof(rss->indir));
	if (!dlo_rules_fit(priv, context, dlo_rss_last(rss))) {
		NL_SET_ERR_MSG(extack, "a rule adds to this table: it leads beyond the last queue");
		return -EINVAL;
	}
	return 0;
}

int dlo_rss_set(struct dlo_priv *priv, u32 context, const struct ethtool_rxfh_param *p,
		struct netlink_ext_ack *extack)
{
	struct dlo_rss *rss;
	int err;

	rss = kmemdup(dlo_rss_current(priv, context), sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	err = dlo_rss_apply(rss, priv, context, p, extack);
	if (err) {
		kfree(rss);
		return err;
	}
	dlo_rss_publish(priv, context, rss);
	return 0;
}

/*
 * A new context is like the main one, but spread over all queues; the core
 * learns in @ctx what it is.
 */
int dlo_rss_create(struct dlo_priv *priv, struct ethtool_rxfh_context *ctx,
		   const struct ethtool_rxfh_param *p, struct netlink_ext_ack *extack)
{
	struct dlo_rss *rss;
	int err;

	rss = kmemdup(dlo_rss_current(priv, 0), sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	dlo_rss_fill_indir(rss, priv->dev->real_num_rx_queues);
	err = dlo_rss_apply(rss, priv, p->rss_context, p, extack);
	if (err) {
		kfree(rss);
		return err;
	}

	memcpy(ethtool_rxfh_context_indir(ctx), rss->indir, sizeof(rss->indir));
	memcpy(ethtool_rxfh_context_key(ctx), rss->key, sizeof(rss->key));
	ctx->hfunc = ETH_RSS_HASH_TOP;
	ctx->input_xfrm = rss->xfrm;
	dlo_rss_publish(priv, p->rss_context, rss);
	return 0;
}

int dlo_rss_remove(struct dlo_priv *priv, u32 context, struct netlink_ext_ack *extack)
{
	if (dlo_rules_use_context(priv, context)) {
		NL_SET_ERR_MSG(extack, "a rule leads to this context");
		return -EBUSY;
	}
	dlo_rss_publish(priv, context, NULL);
	return 0;
}

/* --- Hash fields -------------------------------------------------------- */

static int dlo_ethtool_flow_type(u32 flow_type)
{
	switch (flow_type) {
	case TCP_V4_FLOW:
		return DLO_TCP4;
	case TCP_V6_FLOW:
		return DLO_TCP6;
	case UDP_V4_FLOW:
		return DLO_UDP4;
	case UDP_V6_FLOW:
		return DLO_UDP6;
	case IPV4_FLOW:
		return DLO_IP4;
	case IPV6_FLOW:
		return DLO_IP6;
	default:
		return -EOPNOTSUPP;
	}
}

int dlo_rss_get_fields(struct dlo_priv *priv, struct ethtool_rxfh_fields *f)
{
	int type = dlo_ethtool_flow_type(f->flow_type);
	const struct dlo_rss *rss;

	if (type < 0)
		return type;
	if (f->rss_context >= DLO_CONTEXTS)
		return -ENOENT;
	rcu_read_lock();
	rss = rcu_dereference(priv->rss[f->rss_context]);
	if (rss)
		f->data = rss->fields[type];
	rcu_read_unlock();
	return rss ? 0 : -ENOENT;
}

int dlo_rss_set_fields(struct dlo_priv *priv, const struct ethtool_rxfh_fields *f,
		       struct netlink_ext_ack *extack)
{
	int type = dlo_ethtool_flow_type(f->flow_type);
	struct dlo_rss *rss;

	if (type < 0) {
		NL_SET_ERR_MSG(extack, "hashed are TCP, UDP and what else is IP");
		return type;
	}
	if (f->data & ~dlo_rss_hashable[type]) {
		NL_SET_ERR_MSG(extack, "packets of this type have no such field");
		return -EINVAL;
	}

	if (f->rss_context >= DLO_CONTEXTS || !dlo_rss_current(priv, f->rss_context)) {
		NL_SET_ERR_MSG(extack, "no such context");
		return -ENOENT;
	}

	if (dlo_rss_current(priv, f->rss_context)->xfrm && !dlo_fields_symmetric(f->data)) {
		NL_SET_ERR_MSG(extack, "a symmetric hash needs symmetric fields");
		return -EINVAL;
	}

	rss = kmemdup(dlo_rss_current(priv, f->rss_context), sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	rss->fields[type] = f->data;
	dlo_rss_publish(priv, f->rss_context, rss);
	return 0;
}
