/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of a NIC, and the packets that are stamped by it.
 */
#ifndef _DEVMEM_LO_STAMP_H
#define _DEVMEM_LO_STAMP_H

#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/seqlock.h>
#include "compat.h"

struct dlo_priv;

/*
 * struct dlo_clock - a NIC's clock: a line through (@raw, @ns)
 * @ptp:	NULL: this kernel has no such clocks
 * @index:	of @ptp, -1 without; read under no lock, when @ptp may be gone
 * @lock:	guards what follows; readers are in process and softirq context
 * @raw:	ktime_get_raw_ns() when
 * @ns:		the clock showed this
 * @rate:	how much more it shows for each nanosecond since, see stamp.c
 */
struct dlo_clock {
	struct ptp_clock_info info;
	struct ptp_clock *ptp;
	int index;
	seqlock_t lock;
	u64 raw;
	u64 ns;
	u64 rate;
};

int dlo_clock_init(struct dlo_clock *clock);
void dlo_clock_destroy(struct dlo_clock *clock);
u64 dlo_clock_at(const struct dlo_clock *clock, u64 raw);
int dlo_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info);
int dlo_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config);
int dlo_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
		     struct netlink_ext_ack *extack);
void dlo_stamp_done(struct dlo_priv *priv, struct sk_buff *skb);

#endif /* _DEVMEM_LO_STAMP_H */
