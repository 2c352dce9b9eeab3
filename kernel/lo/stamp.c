// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timestamps, and the clock they are read from.
 *
 * Each end has a clock of its own, as two NICs have. A packet is stamped when
 * the wire takes it: the sender notes the machine's raw time, if either end
 * wants to know, and each end says what its own clock showed then. So the way is
 * of no length, and not a NAPI's leisure.
 */
#include <linux/math64.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/timekeeping.h>

#include "devmem_lo.h"

/* A clock's rate: nanoseconds, in parts of 2^-40, that pass in one of the machine's. */
#define DLO_CLOCK_SHIFT		40
#define DLO_CLOCK_RATE		BIT_ULL(DLO_CLOCK_SHIFT)
#define DLO_CLOCK_ADJ_MAX	100000000	/* parts of a billion */

/* --- The clock ---------------------------------------------------------- */

static struct dlo_clock *dlo_clock(struct ptp_clock_info *info)
{
	return container_of(info, struct dlo_clock, info);
}

/* The caller holds the lock, or looks whether somebody else did. */
static u64 dlo_clock_read(const struct dlo_clock *clock, u64 raw)
{
	s64 passed = raw - clock->raw;
	u64 ns = mul_u64_u64_shr(abs(passed), clock->rate, DLO_CLOCK_SHIFT);

	return passed < 0 ? clock->ns - ns : clock->ns + ns;
}

/* What the clock shows at @raw, of ktime_get_raw_ns(). In any context but hard interrupts. */
u64 dlo_clock_at(const struct dlo_clock *clock, u64 raw)
{
	unsigned int seq;
	u64 ns;

	do {
		seq = read_seqbegin(&clock->lock);
		ns = dlo_clock_read(clock, raw);
	} while (read_seqretry(&clock->lock, seq));
	return ns;
}

static int dlo_clock_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			      struct ptp_system_timestamp *sts)
{
	u64 raw;

	ptp_read_system_prets(sts);
	raw = ktime_get_raw_ns();
	ptp_read_system_postts(sts);
	*ts = ns_to_timespec64(dlo_clock_at(dlo_clock(info), raw));
	return 0;
}

static int dlo_clock_getcrosststamp(struct ptp_clock_info *info,
				    struct system_device_crosststamp *cross)
{
	dlo_snapshot(cross);
	cross->device = ns_to_ktime(dlo_clock_at(dlo_clock(info),
						 ktime_to_ns(cross->sys_monoraw)));
	return 0;
}

static int dlo_clock_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	struct dlo_clock *clock = dlo_clock(info);

	write_seqlock_bh(&clock->lock);
	clock->raw = ktime_get_raw_ns();
	clock->ns = timespec64_to_ns(ts);
	write_sequnlock_bh(&clock->lock);
	return 0;
}

static int dlo_clock_adjtime(struct ptp_clock_info *info, s64 delta)
{
	struct dlo_clock *clock = dlo_clock(info);

	write_seqlock_bh(&clock->lock);
	clock->ns += delta;
	write_sequnlock_bh(&clock->lock);
	return 0;
}

static int dlo_clock_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct dlo_clock *clock = dlo_clock(info);
	u64 raw;

	write_seqlock_bh(&clock->lock);
	raw = ktime_get_raw_ns();
	clock->ns = dlo_clock_read(clock, raw);
	clock->raw = raw;
	clock->rate = adjust_by_scaled_ppm(DLO_CLOCK_RATE, scaled_ppm);
	write_sequnlock_bh(&clock->lock);
	return 0;
}

/* The clock starts with the system's time, at the rate of its raw clock. */
int dlo_clock_init(struct dlo_clock *clock)
{
	struct ptp_clock *ptp;

	seqlock_init(&clock->lock);
	clock->raw = ktime_get_raw_ns();
	clock->ns = ktime_get_real_ns();
	clock->rate = DLO_CLOCK_RATE;
	clock->index = -1;
	clock->info = (struct ptp_clock_info) {
		.owner		= THIS_MODULE,
		.name		= DLO_NAME,
		.max_adj	= DLO_CLOCK_ADJ_MAX,
		.gettimex64	= dlo_clock_gettimex,
		.getcrosststamp	= dlo_clock_getcrosststamp,
		.settime64	= dlo_clock_settime,
		.adjtime	= dlo_clock_adjtime,
		.adjfine	= dlo_clock_adjfine,
	};

	ptp = ptp_clock_register(&clock->info, dlo_parent);
	if (IS_ERR(ptp))
		return PTR_ERR(ptp);
	clock->ptp = ptp;
	if (ptp)		/* else the kernel has no such clocks: this one runs, unseen */
		WRITE_ONCE(clock->index, ptp_clock_index(ptp));
	return 0;
}

/*
 * The clock goes from user space: whoever has it open gets ENODEV, and no
 * operation of it runs any more. Packets can be stamped until it is freed.
 */
void dlo_clock_destroy(struct dlo_clock *clock)
{
	WRITE_ONCE(clock->index, -1);
	if (clock->ptp)
		ptp_clock_unregister(clock->ptp);
}

/* --- Which packets are stamped ------------------------------------------ */

/* May be called without any lock, by sockets that ask for the clock. */
int dlo_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct dlo_priv *priv = netdev_priv(dev);

	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
				SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
				SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	info->phc_index = READ_ONCE(priv->clock.index);
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL);
	return 0;
}

int dlo_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	struct dlo_priv *priv = netdev_priv(dev);

	config->tx_type = priv->stamp_tx ? HWTSTAMP_TX_ON : HWTSTAMP_TX_OFF;
	config->rx_filter = priv->stamp_rx ? HWTSTAMP_FILTER_ALL : HWTSTAMP_FILTER_NONE;
	return 0;
}

/* Who wants PTP's packets stamped gets all. */
int dlo_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
		     struct netlink_ext_ack *extack)
{
	struct dlo_priv *priv = netdev_priv(dev);

	if (config->tx_type != HWTSTAMP_TX_OFF && config->tx_type != HWTSTAMP_TX_ON) {
		NL_SET_ERR_MSG(extack, "no one-step timestamps: packets stay as they are");
		return -ERANGE;
	}
	if (config->rx_filter == HWTSTAMP_FILTER_SOME) {
		NL_SET_ERR_MSG(extack, "\"some\" is what a driver may answer, not what to ask for");
		return -ERANGE;
	}
	if (config->rx_filter != HWTSTAMP_FILTER_NONE)
		config->rx_filter = HWTSTAMP_FILTER_ALL;

	WRITE_ONCE(priv->stamp_tx, config->tx_type == HWTSTAMP_TX_ON);
	WRITE_ONCE(priv->stamp_rx, config->rx_filter == HWTSTAMP_FILTER_ALL);
	return 0;
}

/* The sender's NAPI completes a packet that was to be stamped: tell its socket. */
void dlo_stamp_done(struct dlo_priv *priv, struct sk_buff *skb)
{
	struct skb_shared_hwtstamps stamps = {};

	if (dlo_tx_cb(skb)->fate != DLO_TX_SENT)
		return;
	stamps.hwtstamp = ns_to_ktime(dlo_clock_at(&priv->clock, dlo_tx_cb(skb)->taken));
	skb_tstamp_tx(skb, &stamps);
}
