// SPDX-License-Identifier: GPL-2.0-only
/*
 * The net device: its birth and end, up and down, features, the poll function.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>

#include "devmem_lo.h"

#define DLO_TUNNELS	(NETIF_F_GSO_UDP_TUNNEL | NETIF_F_GSO_UDP_TUNNEL_CSUM | NETIF_F_GSO_GRE | \
			 NETIF_F_GSO_GRE_CSUM | NETIF_F_GSO_IPXIP4 | NETIF_F_GSO_IPXIP6)

#define DLO_FEATURES	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_RXHASH |	\
			 NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4 |	\
			 NETIF_F_GRO_HW | NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX |	\
			 NETIF_F_NTUPLE | DLO_TUNNELS)

/* What devices on top of this one, VLANs above all, may have of it. */
#define DLO_VLAN_FEATURES	(DLO_FEATURES & ~(NETIF_F_NTUPLE | NETIF_F_GRO_HW |		\
				 NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX))

/* What packets in tunnels may have of it. */
#define DLO_ENC_FEATURES	(DLO_FEATURES & ~(NETIF_F_NTUPLE | NETIF_F_GRO_HW))

int dlo_poll(struct napi_struct *napi, int budget)
{
	struct dlo_vector *vector = container_of(napi, struct dlo_vector, napi);
	struct dlo_priv *priv = vector->priv;
	int work = 0;

	dlo_irq_ack(vector);
	rcu_read_lock();	/* the peer's packets are handed back to it: see dlo_stop() */
	if (vector->idx < priv->dev->num_tx_queues)
		dlo_tx_clean(priv, vector->idx, budget);
	if (budget && vector->idx < priv->dev->num_rx_queues)
		work = dlo_rx_poll(priv, vector->idx, budget);
	rcu_read_unlock();

	if (work < budget && napi_complete_done(napi, work))
		dlo_irq_unmask(vector);
	return work;
}

/* There is a link while both ends are up. */
void dlo_carrier(struct net_device *dev, struct net_device *peer, bool on)
{
	if (on) {
		netif_carrier_on(dev);
		netif_carrier_on(peer);
	} else {
		netif_carrier_off(dev);
		if (peer)
			netif_carrier_off(peer);
	}
}

static int dlo_open(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(priv->peer);
	int err;

	if (!peer)
		return -ENOTCONN;

	err = dlo_queues_open(priv);
	if (err)
		return err;
	if (netif_running(peer))
		dlo_carrier(dev, peer, true);
	return 0;
}

static int dlo_stop(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(priv->peer);
	struct dlo_priv *peer_priv;
	unsigned int i;

	dlo_carrier(dev, peer, false);
	netif_tx_disable(dev);

	if (peer) {
		peer_priv = netdev_priv(peer);
		for (i = 0; i < peer->num_rx_queues; i++)
			dlo_wire_clear(&peer_priv->rxqs[i].wire);
	}
	synchronize_net();	/* what the peer's engine had in hand is back: dlo_poll() */

	dlo_queues_close(priv);
	dlo_tx_reset(priv);
	return 0;
}

/*
 * The engine has room for so many headers, among them those of one tunnel, and a
 * poll for so many frames of one packet: real ones have fewer, but packet sockets
 * may ask for segments of a byte.
 */
static bool dlo_gso_fits(const struct sk_buff *skb)
{
	netdev_features_t type = skb_shinfo(skb)->gso_type;

	return dlo_gso_hlen(skb) <= DLO_HEAD_MAX &&
	       skb->len <= DLO_TSO_SEGS_MAX * skb_shinfo(skb)->gso_size &&
	       hweight64((type << NETIF_F_GSO_SHIFT) & DLO_TUNNELS) <= 1;
}

/* What the engine has no room for is segmented by the stack. */
static netdev_features_t dlo_features_check(struct sk_buff *skb, struct net_device *dev,
					    netdev_features_t features)
{
	if (skb_is_gso(skb) && !dlo_gso_fits(skb))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

/* A program sees frames, not what hardware makes of several. */
static netdev_features_t dlo_fix_features(struct net_device *dev, netdev_features_t features)
{
	struct dlo_priv *priv = netdev_priv(dev);

	if (rcu_access_pointer(priv->xdp_prog))
		features &= ~NETIF_F_GRO_HW;
	return features;
}

static int dlo_set_features(struct net_device *dev, netdev_features_t features)
{
	if (!(features & NETIF_F_NTUPLE))
		dlo_rules_flush(netdev_priv(dev));
	return 0;
}

static void dlo_free_queues(struct dlo_priv *priv)
{
	kvfree(priv->txqs);
	kvfree(priv->rxqs);
	kvfree(priv->vectors);
}

static int dlo_init_queues(struct dlo_priv *priv)
{
	struct net_device *dev = priv->dev;
	unsigned int i;

	priv->vectors = kvzalloc_objs(*priv->vectors, dlo_n_vectors(dev));
	priv->rxqs = kvzalloc_objs(*priv->rxqs, dev->num_rx_queues);
	priv->txqs = kvzalloc_objs(*priv->txqs, dev->num_tx_queues);
	if (!priv->vectors || !priv->rxqs || !priv->txqs) {
		dlo_free_queues(priv);
		return -ENOMEM;
	}

	for (i = 0; i < dlo_n_vectors(dev); i++) {
		priv->vectors[i].priv = priv;
		priv->vectors[i].idx = i;
		dlo_vector_init_coalesce(&priv->vectors[i]);
	}
	for (i = 0; i < dev->num_rx_queues; i++) {
		skb_queue_head_init(&priv->rxqs[i].wire.list);
		dlo_gro_init(&priv->rxqs[i]);
	}
	for (i = 0; i < dev->num_tx_queues; i++)
		skb_queue_head_init(&priv->txqs[i].done);
	dlo_stats_init(priv);
	return 0;
}

/* ndo_init: undone by dlo_uninit(), or by the core freeing the device, dlo_free(). */
static int dlo_init_dev(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);
	int err;

	netdev_lockdep_set_classes(dev);

	err = dlo_init_queues(priv);
	if (err)
		return err;
	err = dlo_rss_init(priv);
	if (err)
		goto err_free_queues;
	err = dlo_faults_init(priv);
	if (err)
		goto err_rss;
	err = dlo_debugfs_add(priv);
	if (err)
		goto err_faults;
	err = dlo_clock_init(&priv->clock);
	if (err)
		goto err_debugfs;
	return 0;

err_debugfs:
	dlo_debugfs_remove(priv);
err_faults:
	dlo_faults_destroy(priv);
err_rss:
	dlo_rss_destroy(priv);
err_free_queues:
	dlo_free_queues(priv);
	return err;
}

/*
 * The device is closed. Cut the tie in both directions: the core waits for
 * transmitters, who read it under RCU, before it frees either.
 */
static void dlo_uninit(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(priv->peer);
	struct dlo_priv *peer_priv;

	dlo_clock_destroy(&priv->clock);
	dlo_debugfs_remove(priv);
	dlo_rules_flush(priv);
	if (peer) {
		peer_priv = netdev_priv(peer);
		RCU_INIT_POINTER(peer_priv->peer, NULL);
		RCU_INIT_POINTER(priv->peer, NULL);
	}
}

static void dlo_free(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);

	dlo_faults_destroy(priv);
	dlo_rss_destroy(priv);
	dlo_free_queues(priv);
}

static const struct net_device_ops dlo_netdev_ops = {
	.ndo_init		= dlo_init_dev,
	.ndo_uninit		= dlo_uninit,
	.ndo_open		= dlo_open,
	.ndo_stop		= dlo_stop,
	.ndo_start_xmit		= dlo_xmit,
	.ndo_features_check	= dlo_features_check,
	.ndo_fix_features	= dlo_fix_features,
	.ndo_set_features	= dlo_set_features,
	.ndo_bpf		= dlo_bpf,
	.ndo_xdp_xmit		= dlo_xdp_xmit,
	.ndo_get_stats64	= dlo_get_stats64,
	.ndo_hwtstamp_get	= dlo_hwtstamp_get,
	.ndo_hwtstamp_set	= dlo_hwtstamp_set,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

void dlo_setup(struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);

	ether_setup(dev);
	priv->dev = dev;
	INIT_LIST_HEAD(&priv->rules);
	priv->hds = ETHTOOL_TCP_DATA_SPLIT_UNKNOWN;
	priv->rx_ring = DLO_RX_RING;
	priv->tx_ring = DLO_TX_RING;

	dev->netdev_ops = &dlo_netdev_ops;
	dev->ethtool_ops = &dlo_ethtool_ops;
	dev->stat_ops = &dlo_stat_ops;
	dev->queue_mgmt_ops = &dlo_queue_mgmt_ops;
	dev->xdp_metadata_ops = &dlo_xdp_metadata_ops;
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT | NETDEV_XDP_ACT_RX_SG |
			    NETDEV_XDP_ACT_NDO_XMIT_SG;
	dev->needs_free_netdev = true;
	dev->priv_destructor = dlo_free;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;	/* packets are on lists until they are completed */
	dev->priv_flags |= IFF_DISABLE_NETPOLL;	/* no lock here is for hard interrupts */
	dev->max_mtu = DLO_MTU_MAX;
	dev->hw_features = DLO_FEATURES;
	dev->features = DLO_FEATURES;
	dev->vlan_features = DLO_VLAN_FEATURES;
	dev->hw_enc_features = DLO_ENC_FEATURES;
	dlo_enable_netmem_tx(dev);
}
