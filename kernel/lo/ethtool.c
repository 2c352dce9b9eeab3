// SPDX-License-Identifier: GPL-2.0-only
/*
 * ethtool: rings and split, channels, steering, statistics, the link.
 */
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/log2.h>
#include <linux/netdevice.h>

#include "devmem_lo.h"

static void dlo_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, DLO_NAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(dlo_parent), sizeof(info->bus_info));
}

static u32 dlo_get_link(struct net_device *dev)
{
	return netif_carrier_ok(dev);
}

static int dlo_get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_100000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

/* --- Rings and header-data split ---------------------------------------- */

static void dlo_get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			      struct kernel_ethtool_ringparam *kr, struct netlink_ext_ack *extack)
{
	struct dlo_priv *priv = netdev_priv(dev);

	ring->rx_max_pending = DLO_RX_RING_MAX;
	ring->rx_pending = priv->rx_ring;
	ring->tx_max_pending = DLO_TX_RING_MAX;
	ring->tx_pending = priv->tx_ring;
	kr->tcp_data_split = dlo_hds_on(priv) ? ETHTOOL_TCP_DATA_SPLIT_ENABLED :
						ETHTOOL_TCP_DATA_SPLIT_DISABLED;
	dlo_ring_set_hds_thresh(kr, priv->hds_thresh, DLO_HDS_THRESH_MAX);
}

static int dlo_check_ringparam(struct net_device *dev, const struct ethtool_ringparam *ring,
			       const struct kernel_ethtool_ringparam *kr,
			       struct netlink_ext_ack *extack)
{
	if (ring->rx_pending < DLO_RX_RING_MIN) {
		NL_SET_ERR_MSG_FMT(extack, "rx %u: fewer than %u", ring->rx_pending,
				   DLO_RX_RING_MIN);
		return -EINVAL;
	}
	if (ring->tx_pending < DLO_TX_RING_MIN) {
		NL_SET_ERR_MSG_FMT(extack, "tx %u: fewer than %u", ring->tx_pending,
				   (u32)DLO_TX_RING_MIN);
		return -EINVAL;
	}
	if (dlo_queues_bound(netdev_priv(dev), 0) &&
	    (kr->tcp_data_split != ETHTOOL_TCP_DATA_SPLIT_ENABLED || dlo_ring_hds_thresh(kr))) {
		NL_SET_ERR_MSG(extack, "a queue is bound to a dma-buf and needs the split");
		return -EBUSY;
	}
	if (kr->tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_ENABLED &&
	    dlo_xdp_is_linear(netdev_priv(dev))) {	/* the core refuses it only since 6.14 */
		NL_SET_ERR_MSG(extack, "the XDP program is not of xdp.frags");
		return -EBUSY;
	}
	return 0;
}

static int dlo_set_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			     struct kernel_ethtool_ringparam *kr, struct netlink_ext_ack *extack)
{
	struct dlo_priv *priv = netdev_priv(dev);
	u32 old_rx_ring = priv->rx_ring;
	u32 rx_ring;
	int err;

	err = dlo_check_ringparam(dev, ring, kr, extack);
	if (err)
		return err;

	rx_ring = roundup_pow_of_two(ring->rx_pending);
	if (rx_ring != old_rx_ring) {
		priv->rx_ring = rx_ring;
		err = dlo_queues_reload(priv);
		if (err) {
			priv->rx_ring = old_rx_ring;
			NL_SET_ERR_MSG(extack, "no memory for the new rings: the old ones stay");
			return err;
		}
	}

	WRITE_ONCE(priv->hds, kr->tcp_data_split);
	WRITE_ONCE(priv->hds_thresh, dlo_ring_hds_thresh(kr));
	if (ring->tx_pending != priv->tx_ring) {
		WRITE_ONCE(priv->tx_ring, ring->tx_pending);
		if (netif_running(dev))
			netif_tx_wake_all_queues(dev);
	}
	return 0;
}

/* --- Channels ----------------------------------------------------------- */

/* Queues n of both directions share a vector; where one has more, those have theirs alone. */
static void dlo_get_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	ch->max_combined = min(dev->num_rx_queues, dev->num_tx_queues);
	ch->max_rx = dev->num_rx_queues - ch->max_combined;
	ch->max_tx = dev->num_tx_queues - ch->max_combined;
	ch->combined_count = min(dev->real_num_rx_queues, dev->real_num_tx_queues);
	ch->rx_count = dev->real_num_rx_queues - ch->combined_count;
	ch->tx_count = dev->real_num_tx_queues - ch->combined_count;
}

static int dlo_set_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	unsigned int rx = ch->combined_count + ch->rx_count;
	unsigned int tx = ch->combined_count + ch->tx_count;

	if (!rx || !tx || rx > dev->num_rx_queues || tx > dev->num_tx_queues)
		return -EINVAL;
	return dlo_queues_resize(netdev_priv(dev), rx, tx);
}

/* --- Coalescing --------------------------------------------------------- */

static int dlo_get_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
			    struct kernel_ethtool_coalesce *kec, struct netlink_ext_ack *extack)
{
	dlo_coalesce_get(netdev_priv(dev), ec);
	return 0;
}

static int dlo_set_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
			    struct kernel_ethtool_coalesce *kec, struct netlink_ext_ack *extack)
{
	return dlo_coalesce_set(netdev_priv(dev), ec, extack);
}

static int dlo_get_per_queue_coalesce(struct net_device *dev, u32 queue,
				      struct ethtool_coalesce *ec)
{
	return dlo_coalesce_get_queue(netdev_priv(dev), queue, ec);
}

static int dlo_set_per_queue_coalesce(struct net_device *dev, u32 queue,
				      struct ethtool_coalesce *ec)
{
	return dlo_coalesce_set_queue(netdev_priv(dev), queue, ec);
}

/* --- Steering ----------------------------------------------------------- */

static u32 dlo_get_rxfh_key_size(struct net_device *dev)
{
	return DLO_KEY_LEN;
}

static u32 dlo_get_rxfh_indir_size(struct net_device *dev)
{
	return DLO_INDIR_LEN;
}

static int dlo_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p)
{
	dlo_rss_get(netdev_priv(dev), p);
	return 0;
}

static int dlo_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p,
			struct netlink_ext_ack *extack)
{
	return dlo_rss_set(netdev_priv(dev), 0, p, extack);
}

static int dlo_create_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
				   const struct ethtool_rxfh_param *p,
				   struct netlink_ext_ack *extack)
{
	return dlo_rss_create(netdev_priv(dev), ctx, p, extack);
}

static int dlo_modify_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
				   const struct ethtool_rxfh_param *p,
				   struct netlink_ext_ack *extack)
{
	return dlo_rss_set(netdev_priv(dev), p->rss_context, p, extack);
}

static int dlo_remove_rxfh_context(struct net_device *dev, struct ethtool_rxfh_context *ctx,
				   u32 context, struct netlink_ext_ack *extack)
{
	return dlo_rss_remove(netdev_priv(dev), context, extack);
}

static int dlo_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *f)
{
	return dlo_rss_get_fields(netdev_priv(dev), f);
}

static int dlo_set_rxfh_fields(struct net_device *dev, const struct ethtool_rxfh_fields *f,
			       struct netlink_ext_ack *extack)
{
	return dlo_rss_set_fields(netdev_priv(dev), f, extack);
}

static int dlo_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *nfc, u32 *locs)
{
#ifdef DLO_RX_RINGS_IN_RXNFC
	if (nfc->cmd == ETHTOOL_GRXRINGS) {
		nfc->data = dev->real_num_rx_queues;
		return 0;
	}
#endif
	return dlo_rules_get(netdev_priv(dev), nfc, locs);
}

static int dlo_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *nfc)
{
	switch (nfc->cmd) {
	case ETHTOOL_SRXCLSRLINS:
		if (!(dev->features & NETIF_F_NTUPLE))
			return -EOPNOTSUPP;
		return dlo_rules_insert(netdev_priv(dev), nfc);
	case ETHTOOL_SRXCLSRLDEL:
		return dlo_rules_delete(netdev_priv(dev), nfc->fs.location);
	default:
		return -EOPNOTSUPP;
	}
}

#ifndef DLO_RX_RINGS_IN_RXNFC
static u32 dlo_get_rx_ring_count(struct net_device *dev)
{
	return dev->real_num_rx_queues;
}
#endif

/* --- Statistics and private flags --------------------------------------- */

static const char dlo_flag_names[DLO_FLAGS][ETH_GSTRING_LEN] = {
	[DLO_FLAG_RX_PACKED]	= "rx-packed",
};

static int dlo_get_sset_count(struct net_device *dev, int sset)
{
	switch (sset) {
	case ETH_SS_STATS:
		return dlo_stats_n(dev);
	case ETH_SS_PRIV_FLAGS:
		return DLO_FLAGS;
	default:
		return -EOPNOTSUPP;
	}
}

static void dlo_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	if (sset == ETH_SS_STATS)
		dlo_stats_strings(dev, data);
	else if (sset == ETH_SS_PRIV_FLAGS)
		memcpy(data, dlo_flag_names, sizeof(dlo_flag_names));
}

static u32 dlo_get_priv_flags(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);

	return priv->priv_flags;
}

static int dlo_set_priv_flags(struct net_device *dev, u32 flags)
{
	struct dlo_priv *priv = netdev_priv(dev);

	if (flags >> DLO_FLAGS)
		return -EINVAL;
	WRITE_ONCE(priv->priv_flags, flags);
	return 0;
}

static void dlo_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	dlo_stats_get(dev, data);
}

const struct ethtool_ops dlo_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_USECS | ETHTOOL_COALESCE_MAX_FRAMES,
	.supported_ring_params	= DLO_RING_PARAMS,
	.supported_input_xfrm	= RXH_XFRM_SYM_XOR | RXH_XFRM_SYM_OR_XOR,
	.cap_rss_rxnfc_adds	= 1,
	.rxfh_per_ctx_fields	= 1,
	.rxfh_per_ctx_key	= 1,
	.rxfh_max_num_contexts	= DLO_CONTEXTS,
	DLO_OPS_NEED_RTNL
	.get_drvinfo		= dlo_get_drvinfo,
	.get_link		= dlo_get_link,
	.get_link_ksettings	= dlo_get_link_ksettings,
	.get_ts_info		= dlo_get_ts_info,
	.get_ringparam		= dlo_get_ringparam,
	.set_ringparam		= dlo_set_ringparam,
	.get_channels		= dlo_get_channels,
	.set_channels		= dlo_set_channels,
	.get_coalesce		= dlo_get_coalesce,
	.set_coalesce		= dlo_set_coalesce,
	.get_per_queue_coalesce	= dlo_get_per_queue_coalesce,
	.set_per_queue_coalesce	= dlo_set_per_queue_coalesce,
	.get_rxfh_key_size	= dlo_get_rxfh_key_size,
	.get_rxfh_indir_size	= dlo_get_rxfh_indir_size,
	.get_rxfh		= dlo_get_rxfh,
	.set_rxfh		= dlo_set_rxfh,
	.create_rxfh_context	= dlo_create_rxfh_context,
	.modify_rxfh_context	= dlo_modify_rxfh_context,
	.remove_rxfh_context	= dlo_remove_rxfh_context,
	.get_rxfh_fields	= dlo_get_rxfh_fields,
	.set_rxfh_fields	= dlo_set_rxfh_fields,
	.get_rxnfc		= dlo_get_rxnfc,
	.set_rxnfc		= dlo_set_rxnfc,
#ifndef DLO_RX_RINGS_IN_RXNFC
	.get_rx_ring_count	= dlo_get_rx_ring_count,
#endif
	.get_sset_count		= dlo_get_sset_count,
	.get_strings		= dlo_get_strings,
	.get_ethtool_stats	= dlo_get_ethtool_stats,
	.get_priv_flags		= dlo_get_priv_flags,
	.set_priv_flags		= dlo_set_priv_flags,
};
