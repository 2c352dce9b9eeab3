/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is counted: by whom, and where it is read.
 */
#ifndef _DEVMEM_LO_STATS_H
#define _DEVMEM_LO_STATS_H

#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>

struct dlo_priv;

enum dlo_rx_stat {
	DLO_RX_PACKETS,
	DLO_RX_BYTES,
	DLO_RX_DROPS,			/* all of them, by whatever cause */
	DLO_RX_ALLOC_FAIL,		/* ... no buffer: the pool was dry */
	DLO_RX_UNREACHABLE,		/* ... the buffer was not RAM */
	DLO_RX_OVERSIZE,		/* ... longer than the MTU allows */
	DLO_RX_CSUM_DROPS,		/* ... bad, and nobody could look again */
	DLO_RX_CSUM_BAD,
	DLO_RX_CSUM_NONE,
	DLO_RX_CSUM_UNNECESSARY,
	DLO_RX_SPLIT,			/* header and payload kept apart */
	DLO_RX_GRO_PACKETS,		/* made of several frames */
	DLO_RX_GRO_BYTES,
	DLO_RX_GRO_WIRE_PACKETS,	/* ... these */
	DLO_RX_GRO_WIRE_BYTES,
	DLO_RX_XDP_PASS,		/* what programs decided, and was done */
	DLO_RX_XDP_DROP,
	DLO_RX_XDP_TX,
	DLO_RX_XDP_REDIRECT,
	DLO_RX_XDP_ABORTED,		/* ... or was nothing to be done */
	DLO_RX_XDP_ERRORS,		/* ... or could not be done */
	DLO_RX_STATS,
};

enum dlo_tx_stat {
	DLO_TX_PACKETS,			/* on the wire: segments, not TSO packets */
	DLO_TX_BYTES,
	DLO_TX_TSO_PACKETS,
	DLO_TX_TSO_BYTES,
	DLO_TX_TSO_WIRE_PACKETS,	/* ... became these segments */
	DLO_TX_TSO_WIRE_BYTES,
	DLO_TX_CSUM,
	DLO_TX_CSUM_NONE,
	DLO_TX_STOPS,
	DLO_TX_XDP,			/* frames of XDP among the packets */
	DLO_TX_XDP_FULL,		/* those the ring, or memory, had no room for */
	DLO_TX_STATS,
};

/* What becomes of a packet after dlo_xmit(), counted by dlo_tx_clean(). */
enum dlo_tx_done_stat {
	DLO_TX_WAKES,
	DLO_TX_DROPS,
	DLO_TX_UNREACHABLE,		/* ... a source buffer was not RAM */
	DLO_TX_DONE_STATS,
};

/* What becomes of a packet before a NAPI sees it. */
enum dlo_wire_stat {
	DLO_WIRE_OVERRUN,		/* the wire's bound was reached */
	DLO_WIRE_DISCARDED,		/* an ntuple rule said so */
	DLO_WIRE_STATS,
};

/*
 * Counters have one writer at a time: the NAPI, the transmit lock's holder, or
 * the wire lock's. They live as long as the device.
 */
#define DLO_COUNTERS(name, n)			\
	struct name {				\
		struct u64_stats_sync syncp;	\
		u64_stats_t v[n];		\
	}

DLO_COUNTERS(dlo_rx_counters, DLO_RX_STATS);
DLO_COUNTERS(dlo_tx_counters, DLO_TX_STATS);
DLO_COUNTERS(dlo_tx_done_counters, DLO_TX_DONE_STATS);
DLO_COUNTERS(dlo_wire_counters, DLO_WIRE_STATS);

#define dlo_count_add(counters, stat, n)			\
	do {							\
		typeof(counters) __c = (counters);		\
								\
		u64_stats_update_begin(&__c->syncp);		\
		u64_stats_add(&__c->v[stat], n);		\
		u64_stats_update_end(&__c->syncp);		\
	} while (0)

#define dlo_count(counters, stat)	dlo_count_add(counters, stat, 1)

void dlo_stats_init(struct dlo_priv *priv);
int dlo_stats_n(struct net_device *dev);
void dlo_stats_strings(struct net_device *dev, u8 *data);
void dlo_stats_get(struct net_device *dev, u64 *data);
void dlo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *s);
extern const struct netdev_stat_ops dlo_stat_ops;

#endif /* _DEVMEM_LO_STATS_H */
