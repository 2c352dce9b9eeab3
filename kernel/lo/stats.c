// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics: per queue for ethtool and netlink, per device for everyone.
 */
#include <linux/ethtool.h>
#include <net/netdev_queues.h>

#include "devmem_lo.h"

static const char * const dlo_rx_names[] = {
	[DLO_RX_PACKETS]		= "packets",
	[DLO_RX_BYTES]			= "bytes",
	[DLO_RX_DROPS]			= "drops",
	[DLO_RX_ALLOC_FAIL]		= "alloc_fail",
	[DLO_RX_UNREACHABLE]		= "unreachable",
	[DLO_RX_OVERSIZE]		= "oversize",
	[DLO_RX_CSUM_DROPS]		= "csum_drops",
	[DLO_RX_CSUM_BAD]		= "csum_bad",
	[DLO_RX_CSUM_NONE]		= "csum_none",
	[DLO_RX_CSUM_UNNECESSARY]	= "csum_unnecessary",
	[DLO_RX_SPLIT]			= "split",
	[DLO_RX_GRO_PACKETS]		= "gro_packets",
	[DLO_RX_GRO_BYTES]		= "gro_bytes",
	[DLO_RX_GRO_WIRE_PACKETS]	= "gro_wire_packets",
	[DLO_RX_GRO_WIRE_BYTES]		= "gro_wire_bytes",
	[DLO_RX_XDP_PASS]		= "xdp_pass",
	[DLO_RX_XDP_DROP]		= "xdp_drop",
	[DLO_RX_XDP_TX]			= "xdp_tx",
	[DLO_RX_XDP_REDIRECT]		= "xdp_redirect",
	[DLO_RX_XDP_ABORTED]		= "xdp_aborted",
	[DLO_RX_XDP_ERRORS]		= "xdp_errors",
};

static const char * const dlo_wire_names[] = {
	[DLO_WIRE_OVERRUN]		= "overrun",
	[DLO_WIRE_DISCARDED]		= "discarded",
};

static const char * const dlo_tx_names[] = {
	[DLO_TX_PACKETS]		= "packets",
	[DLO_TX_BYTES]			= "bytes",
	[DLO_TX_TSO_PACKETS]		= "tso_packets",
	[DLO_TX_TSO_BYTES]		= "tso_bytes",
	[DLO_TX_TSO_WIRE_PACKETS]	= "tso_wire_packets",
	[DLO_TX_TSO_WIRE_BYTES]		= "tso_wire_bytes",
	[DLO_TX_CSUM]			= "csum",
	[DLO_TX_CSUM_NONE]		= "csum_none",
	[DLO_TX_STOPS]			= "stops",
	[DLO_TX_XDP]			= "xdp",
	[DLO_TX_XDP_FULL]		= "xdp_full",
};

static const char * const dlo_tx_done_names[] = {
	[DLO_TX_WAKES]			= "wakes",
	[DLO_TX_DROPS]			= "drops",
	[DLO_TX_UNREACHABLE]		= "unreachable",
};

#define DLO_RX_NAMES	(DLO_RX_STATS + DLO_WIRE_STATS)
#define DLO_TX_NAMES	(DLO_TX_STATS + DLO_TX_DONE_STATS)

static void dlo_read(const struct u64_stats_sync *syncp, const u64_stats_t *v, unsigned int n,
		     u64 *to)
{
	unsigned int start, i;

	do {
		start = u64_stats_fetch_begin(syncp);
		for (i = 0; i < n; i++)
			to[i] = u64_stats_read(&v[i]);
	} while (u64_stats_fetch_retry(syncp, start));
}

#define dlo_counters_read(counters, to)						\
	do {									\
		const typeof(counters) __c = (counters);			\
										\
		dlo_read(&__c->syncp, __c->v, ARRAY_SIZE(__c->v), to);		\
	} while (0)

/* All of an RX queue's: its own, with the wire's losses among the drops, then the wire's. */
static void dlo_rx_read(const struct dlo_rxq *rxq, u64 *to)
{
	unsigned int i;

	dlo_counters_read(&rxq->stats, to);
	dlo_counters_read(&rxq->wire.stats, to + DLO_RX_STATS);
	for (i = 0; i < DLO_WIRE_STATS; i++)
		to[DLO_RX_DROPS] += to[DLO_RX_STATS + i];
}

static void dlo_tx_read(const struct dlo_txq *txq, u64 *to)
{
	dlo_counters_read(&txq->stats, to);
	dlo_counters_read(&txq->done_stats, to + DLO_TX_STATS);
}

void dlo_stats_init(struct dlo_priv *priv)
{
	unsigned int i;

	for (i = 0; i < priv->dev->num_rx_queues; i++) {
		u64_stats_init(&priv->rxqs[i].stats.syncp);
		u64_stats_init(&priv->rxqs[i].wire.stats.syncp);
	}
	for (i = 0; i < priv->dev->num_tx_queues; i++) {
		u64_stats_init(&priv->txqs[i].stats.syncp);
		u64_stats_init(&priv->txqs[i].done_stats.syncp);
	}
}

/* --- ethtool -S --------------------------------------------------------- */

int dlo_stats_n(struct net_device *dev)
{
	return dev->num_rx_queues * DLO_RX_NAMES + dev->num_tx_queues * DLO_TX_NAMES +
	       dlo_fault_stats_n();
}

static void dlo_names(u8 **data, const char *dir, unsigned int queue, const char * const *names,
		      unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ethtool_sprintf(data, "%s_queue_%u_%s", dir, queue, names[i]);
}

void dlo_stats_strings(struct net_device *dev, u8 *data)
{
	unsigned int i;

	for (i = 0; i < dev->num_rx_queues; i++) {
		dlo_names(&data, "rx", i, dlo_rx_names, DLO_RX_STATS);
		dlo_names(&data, "rx", i, dlo_wire_names, DLO_WIRE_STATS);
	}
	for (i = 0; i < dev->num_tx_queues; i++) {
		dlo_names(&data, "tx", i, dlo_tx_names, DLO_TX_STATS);
		dlo_names(&data, "tx", i, dlo_tx_done_names, DLO_TX_DONE_STATS);
	}
	dlo_fault_stats_strings(&data);
}

void dlo_stats_get(struct net_device *dev, u64 *data)
{
	struct dlo_priv *priv = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < dev->num_rx_queues; i++, data += DLO_RX_NAMES)
		dlo_rx_read(&priv->rxqs[i], data);
	for (i = 0; i < dev->num_tx_queues; i++, data += DLO_TX_NAMES)
		dlo_tx_read(&priv->txqs[i], data);
	dlo_fault_stats_get(priv, data);
}

/* --- ip -s link --------------------------------------------------------- */

void dlo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct dlo_priv *priv = netdev_priv(dev);
	u64 rx[DLO_RX_NAMES], tx[DLO_TX_NAMES];
	unsigned int i;

	for (i = 0; i < dev->num_rx_queues; i++) {
		dlo_rx_read(&priv->rxqs[i], rx);
		s->rx_packets += rx[DLO_RX_PACKETS];
		s->rx_bytes += rx[DLO_RX_BYTES];
		s->rx_dropped += rx[DLO_RX_DROPS];
		s->rx_length_errors += rx[DLO_RX_OVERSIZE];
		s->rx_fifo_errors += rx[DLO_RX_STATS + DLO_WIRE_OVERRUN];
	}
	for (i = 0; i < dev->num_tx_queues; i++) {
		dlo_tx_read(&priv->txqs[i], tx);
		s->tx_packets += tx[DLO_TX_PACKETS];
		s->tx_bytes += tx[DLO_TX_BYTES];
		s->tx_dropped += tx[DLO_TX_STATS + DLO_TX_DROPS];
	}
}

/* --- netlink queue statistics ------------------------------------------- */

static void dlo_qstats_rx_add(const struct dlo_rxq *rxq, struct netdev_queue_stats_rx *s)
{
	u64 v[DLO_RX_NAMES];

	dlo_rx_read(rxq, v);
	s->packets += v[DLO_RX_PACKETS];
	s->bytes += v[DLO_RX_BYTES];
	s->alloc_fail += v[DLO_RX_ALLOC_FAIL];
	s->hw_drops += v[DLO_RX_DROPS];
	s->hw_drop_overruns += v[DLO_RX_STATS + DLO_WIRE_OVERRUN];
	s->csum_unnecessary += v[DLO_RX_CSUM_UNNECESSARY];
	s->csum_none += v[DLO_RX_CSUM_NONE];
	s->csum_bad += v[DLO_RX_CSUM_BAD];
	s->hw_gro_packets += v[DLO_RX_GRO_PACKETS];
	s->hw_gro_bytes += v[DLO_RX_GRO_BYTES];
	s->hw_gro_wire_packets += v[DLO_RX_GRO_WIRE_PACKETS];
	s->hw_gro_wire_bytes += v[DLO_RX_GRO_WIRE_BYTES];
}

static void dlo_qstats_tx_add(const struct dlo_txq *txq, struct netdev_queue_stats_tx *s)
{
	u64 v[DLO_TX_NAMES];

	dlo_tx_read(txq, v);
	s->packets += v[DLO_TX_PACKETS];
	s->bytes += v[DLO_TX_BYTES];
	s->hw_drops += v[DLO_TX_STATS + DLO_TX_DROPS];
	s->needs_csum += v[DLO_TX_CSUM];
	s->csum_none += v[DLO_TX_CSUM_NONE];
	s->hw_gso_packets += v[DLO_TX_TSO_PACKETS];
	s->hw_gso_bytes += v[DLO_TX_TSO_BYTES];
	s->hw_gso_wire_packets += v[DLO_TX_TSO_WIRE_PACKETS];
	s->hw_gso_wire_bytes += v[DLO_TX_TSO_WIRE_BYTES];
	s->stop += v[DLO_TX_STOPS];
	s->wake += v[DLO_TX_STATS + DLO_TX_WAKES];
}

/* What is not kept stays as the core has set it: not reported. */
static void dlo_qstats_rx_zero(struct netdev_queue_stats_rx *s)
{
	s->packets = 0;
	s->bytes = 0;
	s->alloc_fail = 0;
	s->hw_drops = 0;
	s->hw_drop_overruns = 0;
	s->csum_unnecessary = 0;
	s->csum_none = 0;
	s->csum_bad = 0;
	s->hw_gro_packets = 0;
	s->hw_gro_bytes = 0;
	s->hw_gro_wire_packets = 0;
	s->hw_gro_wire_bytes = 0;
}

static void dlo_qstats_tx_zero(struct netdev_queue_stats_tx *s)
{
	s->packets = 0;
	s->bytes = 0;
	s->hw_drops = 0;
	s->needs_csum = 0;
	s->csum_none = 0;
	s->hw_gso_packets = 0;
	s->hw_gso_bytes = 0;
	s->hw_gso_wire_packets = 0;
	s->hw_gso_wire_bytes = 0;
	s->stop = 0;
	s->wake = 0;
}

static void dlo_get_queue_stats_rx(struct net_device *dev, int idx, struct netdev_queue_stats_rx *s)
{
	struct dlo_priv *priv = netdev_priv(dev);

	dlo_qstats_rx_zero(s);
	dlo_qstats_rx_add(&priv->rxqs[idx], s);
}

static void dlo_get_queue_stats_tx(struct net_device *dev, int idx, struct netdev_queue_stats_tx *s)
{
	struct dlo_priv *priv = netdev_priv(dev);

	dlo_qstats_tx_zero(s);
	dlo_qstats_tx_add(&priv->txqs[idx], s);
}

/* The queues that are there but not in use: they may have been. */
static void dlo_get_base_stats(struct net_device *dev, struct netdev_queue_stats_rx *rx,
			       struct netdev_queue_stats_tx *tx)
{
	struct dlo_priv *priv = netdev_priv(dev);
	unsigned int i;

	dlo_qstats_rx_zero(rx);
	for (i = dev->real_num_rx_queues; i < dev->num_rx_queues; i++)
		dlo_qstats_rx_add(&priv->rxqs[i], rx);
	dlo_qstats_tx_zero(tx);
	for (i = dev->real_num_tx_queues; i < dev->num_tx_queues; i++)
		dlo_qstats_tx_add(&priv->txqs[i], tx);
}

const struct netdev_stat_ops dlo_stat_ops = {
	.get_queue_stats_rx	= dlo_get_queue_stats_rx,
	.get_queue_stats_tx	= dlo_get_queue_stats_tx,
	.get_base_stats		= dlo_get_base_stats,
};
