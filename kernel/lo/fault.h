/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Misbehaviour on request: what can be asked for, and where the data path may strike.
 */
#ifndef _DEVMEM_LO_FAULT_H
#define _DEVMEM_LO_FAULT_H

#include <linux/jump_label.h>
#include <linux/netdevice.h>
#include <linux/prandom.h>
#include <linux/skbuff.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

struct dlo_faults;
struct dlo_priv;
struct dlo_rx;
struct dlo_rxq;

/*
 * What can go wrong on request. A fault strikes in one context only, so that
 * its streams have one user: up to DLO_FAULT_STALL the queue's NAPI, then
 * whoever holds the configuration's lock. The last two happen at once, when
 * they are asked for.
 */
enum dlo_fault {
	DLO_FAULT_DROP,
	DLO_FAULT_DELAY,
	DLO_FAULT_REORDER,
	DLO_FAULT_DUPLICATE,
	DLO_FAULT_CORRUPT,		/* a bit of the payload flips */
	DLO_FAULT_SILENT,		/* ... and the checksum does not tell */
	DLO_FAULT_CHECKSUM,		/* a bit of the checksum flips */
	DLO_FAULT_SPLIT_LATE,		/* payload among the headers */
	DLO_FAULT_SPLIT_EARLY,		/* headers among the payload */
	DLO_FAULT_SKB,			/* no memory for a packet */
	DLO_FAULT_NIOV,			/* no buffer for its payload */
	DLO_FAULT_UNREACHABLE,		/* one that the engine cannot write to */
	DLO_FAULT_SOURCE,		/* the sender's cannot be read */
	DLO_FAULT_STALL,		/* the engine does not look at the wire */
	DLO_FAULT_RING,			/* a queue's memory: no ring */
	DLO_FAULT_POOL,			/* ... no page pool */
	DLO_FAULT_PROBE,		/* ... whose buffers are out of reach */
	DLO_FAULT_CHANNELS,		/* the stack refuses a number of queues */
	DLO_FAULT_FLAP,			/* the link goes and comes back */
	DLO_FAULT_VANISH,		/* the device is pulled out */
	DLO_FAULTS,
};

#define DLO_FAULT_ALWAYS	1000000	/* rates are parts of a million */

/*
 * struct dlo_fault_setting - what is asked of a fault; changed while it is off
 * @rate:	how often, 0: off. Says that the others are valid
 * @queue:	the one it is limited to, or -1
 * @limited:	@left counts, over all queues, how often it may still strike
 * @arg:	milliseconds, bytes or frames, as the fault has it
 */
struct dlo_fault_setting {
	struct dlo_faults *faults;
	u32 rate;
	int queue;
	bool limited;
	atomic_t left;
	u32 arg;
};

struct dlo_fault_stream {
	struct rnd_state rnd;
	u64 hits;
};

/*
 * struct dlo_fault_queue - what the faults of an RX queue remember
 * @delayed:	frames to be passed on at their time; with @overtaken and @passed
 *		the NAPI's
 * @overtaken:	frames to be passed on after others, or at their time
 * @passed:	frames that were not kept back
 * @timer:	schedules the NAPI when a frame's time has come
 * @again:	the current frame is received for the second time
 */
struct dlo_fault_queue {
	struct dlo_faults *faults;
	int idx;
	struct dlo_fault_stream streams[DLO_FAULTS];
	struct sk_buff_head delayed;
	struct sk_buff_head overtaken;
	struct timer_list timer;
	u32 passed;
	bool again;
};

/*
 * struct dlo_faults - of a device; changed under rtnl and the configuration's lock
 * @on:		it holds dlo_faults_key
 * @id:		its directory's name
 * @flap:	brings the link back
 * @vanish:	takes the device away; holds a reference to it while it is queued
 */
struct dlo_faults {
	struct dlo_priv *priv;
	struct dlo_fault_setting settings[DLO_FAULTS];
	struct dlo_fault_queue *queues;
	u32 seed;
	bool on;
	int id;
	struct dentry *dir;
	struct delayed_work flap;
	struct work_struct vanish;
	bool vanishing;
	netdevice_tracker vanish_tracker;
};

DECLARE_STATIC_KEY_FALSE(dlo_faults_key);

int dlo_faults_init(struct dlo_priv *priv);
void dlo_faults_destroy(struct dlo_priv *priv);
void dlo_fault_set(struct dlo_faults *f, enum dlo_fault fault, const struct dlo_fault_setting *to);
void dlo_faults_reseed(struct dlo_faults *f, u32 seed);
u64 dlo_fault_hits(const struct dlo_faults *f, enum dlo_fault fault);
void dlo_fault_flush(struct dlo_rxq *rxq);

bool __dlo_faults_in(const struct dlo_rxq *rxq);
bool __dlo_fault(struct dlo_rxq *rxq, enum dlo_fault fault);
bool __dlo_fault_stall(struct dlo_rxq *rxq);
int __dlo_fault_frame(struct dlo_rxq *rxq);
bool __dlo_fault_again(struct dlo_rx *rx, struct sk_buff *tx, int *err);
u32 __dlo_fault_split_late(struct dlo_rxq *rxq, u32 payload);
void __dlo_fault_split_early(struct dlo_rxq *rxq, struct sk_buff *skb);
void __dlo_fault_damage(struct dlo_rx *rx, u8 *payload, u32 len);
bool __dlo_fault_hold(struct dlo_rxq *rxq, struct napi_struct *napi, struct sk_buff *skb);
void __dlo_fault_release(struct dlo_rxq *rxq, struct napi_struct *napi);

/* What the data path calls. Where no device was ever told to misbehave, each is a nop. */
#define dlo_faults_on()		static_branch_unlikely(&dlo_faults_key)

/* Was this device ever told to misbehave? */
static inline bool dlo_faults_in(const struct dlo_rxq *rxq)
{
	return dlo_faults_on() && __dlo_faults_in(rxq);
}

static inline bool dlo_fault(struct dlo_rxq *rxq, enum dlo_fault fault)
{
	return dlo_faults_on() && __dlo_fault(rxq, fault);
}

static inline bool dlo_fault_stall(struct dlo_rxq *rxq)
{
	return dlo_faults_on() && __dlo_fault_stall(rxq);
}

static inline int dlo_fault_frame(struct dlo_rxq *rxq)
{
	return dlo_faults_on() ? __dlo_fault_frame(rxq) : 0;
}

static inline bool dlo_fault_again(struct dlo_rx *rx, struct sk_buff *tx, int *err)
{
	return dlo_faults_on() && __dlo_fault_again(rx, tx, err);
}

static inline u32 dlo_fault_split_late(struct dlo_rxq *rxq, bool split, u32 payload)
{
	return dlo_faults_on() && split ? __dlo_fault_split_late(rxq, payload) : 0;
}

static inline void dlo_fault_split_early(struct dlo_rxq *rxq, bool split, struct sk_buff *skb)
{
	if (dlo_faults_on() && split)
		__dlo_fault_split_early(rxq, skb);
}

static inline void dlo_fault_damage(struct dlo_rx *rx, u8 *payload, u32 len)
{
	if (dlo_faults_on())
		__dlo_fault_damage(rx, payload, len);
}

static inline bool dlo_fault_hold(struct dlo_rxq *rxq, struct napi_struct *napi,
				  struct sk_buff *skb)
{
	return dlo_faults_on() && __dlo_fault_hold(rxq, napi, skb);
}

static inline void dlo_fault_release(struct dlo_rxq *rxq, struct napi_struct *napi)
{
	if (dlo_faults_on())
		__dlo_fault_release(rxq, napi);
}

int dlo_debugfs_init(void);
void dlo_debugfs_exit(void);
int dlo_debugfs_add(struct dlo_priv *priv);
void dlo_debugfs_remove(struct dlo_priv *priv);
int dlo_fault_stats_n(void);
void dlo_fault_stats_strings(u8 **data);
void dlo_fault_stats_get(struct dlo_priv *priv, u64 *data);

#endif /* _DEVMEM_LO_FAULT_H */
