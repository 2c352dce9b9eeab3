/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devmem_lo: a software NIC whose receive queues accept device memory.
 *
 *	  dm0                                             dm1
 *	dlo_xmit() --- steer --> wire of RX queue n --- NAPI n: dlo_rx_poll()
 *	   ^                                               |  engine copies and
 *	   |                                               v  cuts into frames
 *	NAPI: dlo_tx_clean() <------ done list ------- dlo_tx_done()
 *
 * What a hardware NIC does in silicon happens in the receiver's NAPI: it reads
 * the sender's memory, cuts TSO packets, computes and verifies checksums, and
 * writes into buffers of the receiving queue's page pool. The driver proper
 * around it is what a driver for hardware would be.
 *
 * Who guards what:
 *  - configuration (hds, rings, RSS, rules, channels, the XDP program): the
 *    device's instance lock, on kernels before 6.15 rtnl. See
 *    dlo_config_is_locked().
 *  - open and stop, and the peer pointer's writers: rtnl.
 *  - a queue's memory (dlo_rxq.mem): the queue's NAPI while it is enabled, else
 *    whoever disabled it.
 */
#ifndef _DEVMEM_LO_H
#define _DEVMEM_LO_H

#include <linux/etherdevice.h>
#include <linux/ethtool_netlink.h>
#include <linux/hrtimer.h>
#include <linux/if_vlan.h>
#include <linux/jump_label.h>
#include <linux/netdevice.h>
#include <linux/prandom.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/seqlock.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/timer.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include <net/netmem.h>
#include <net/page_pool/helpers.h>
#include <net/xdp.h>

#include "compat.h"

#define DLO_NAME		"devmem_lo"
#define DLO_QUEUES		4		/* unless the link says otherwise */
#define DLO_QUEUES_MAX		64
#define DLO_MTU_MAX		9216
#define DLO_RX_RING		64
#define DLO_RX_RING_MIN		8
#define DLO_RX_RING_MAX		4096
#define DLO_TX_RING		512
#define DLO_TX_RING_MIN		max(64U, 2 * (MAX_SKB_FRAGS + 1U))
#define DLO_TX_RING_MAX		4096
#define DLO_WIRE_LEN		1024		/* packets under way to one RX queue */
#define DLO_HDS_THRESH_MAX	1024
#define DLO_PAGE_SIZE_MAX	SZ_1M
#define DLO_RULES_MAX		256
#define DLO_KEY_LEN		52
#define DLO_INDIR_LEN		256
#define DLO_COALESCE_USECS_MAX	1000000U
#define DLO_CONTEXTS		64		/* of RSS, the main one among them */
#define DLO_HEAD_MAX		256		/* bytes of a frame the engine parses */

/* --- stats.c ------------------------------------------------------------ */

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

struct dlo_rx;
struct dlo_rxq;
struct dlo_txq;
struct dlo_priv;

void dlo_stats_init(struct dlo_priv *priv);
int dlo_stats_n(struct net_device *dev);
void dlo_stats_strings(struct net_device *dev, u8 *data);
void dlo_stats_get(struct net_device *dev, u64 *data);
void dlo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *s);
extern const struct netdev_stat_ops dlo_stat_ops;

/* --- frame.c ------------------------------------------------------------ */

/*
 * struct dlo_head - where the headers of a frame are
 * @l3:		offset of the IP header, 0 if the frame is not IP
 * @l4:		offset of the TCP or UDP header, 0 if there is none: other
 *		protocols, fragments, or headers cut off
 * @l4_raw:	offset of whatever transport header there is; 0 as above
 * @len:	end of the last header that was understood
 * @v6:		IPv6, else IPv4; valid with @l3
 * @proto:	what the last IP header says follows; valid with @l3
 */
struct dlo_head {
	u16 l3;
	u16 l4;
	u16 l4_raw;
	u16 len;
	bool v6;
	u8 proto;
};

/*
 * struct dlo_layer - of a packet to be cut, an IP header and what follows it:
 * their lengths, identification and checksum differ from frame to frame
 * @l3:		offset of the IP header
 * @l4:		offset of the TCP, UDP or GRE header, or of the next IP header
 * @check:	offset of the checksum behind @l4; 0: there is none
 * @v6, @proto:	as in struct dlo_head
 * @id:		over IPv4, the identification of the first frame
 * @seed:	the sum of the pseudo header without the length. The addresses it
 *		goes by need not be those in the IP header (source routing): it is
 *		taken from where the stack has left it
 */
struct dlo_layer {
	u16 l3;
	u16 l4;
	u16 check;
	bool v6;
	u8 proto;
	u16 id;
	__wsum seed;
};

#define DLO_LAYERS_MAX	2

/*
 * struct dlo_segmenter - a sender's packet on its way into frames
 * @head:	the headers of the packet, of a tunnel the outer ones
 * @frame:	the headers of the current frame, as they are on the wire
 * @hlen:	bytes in @frame; the payload follows
 * @shift:	how many more than in the packet: a VLAN tag may be put in or out
 * @vlan_tagged: the frames come with @vlan_tci beside them
 * @frames:	1, or how many frames are taken at once: see dlo_segment_extend()
 * @payload:	bytes of payload in the current frame, or in all of them
 * @left:	bytes of payload in later frames
 * @sent:	bytes of payload in earlier frames
 * @tcp:	of a TSO packet, its TCP header as the stack wrote it
 * @layers:	of a packet to be cut, what differs from frame to frame: the
 *		segments' own headers, then those of the tunnel they are in
 */
struct dlo_segmenter {
	const struct sk_buff *skb;
	struct dlo_head head;
	u8 frame[DLO_HEAD_MAX + VLAN_HLEN];
	u16 hlen;
	s16 shift;
	bool vlan_tagged;
	u16 vlan_tci;
	u32 frames;
	u32 payload;
	u32 left;
	u32 sent;
	struct tcphdr tcp;
	struct dlo_layer layers[DLO_LAYERS_MAX];
	unsigned int n_layers;
};

static inline bool dlo_head_is_tcp(const struct dlo_head *h)
{
	return h->l4 && h->proto == IPPROTO_TCP;
}

bool dlo_parse(const u8 *data, u32 len, struct dlo_head *h);
void dlo_parse_skb(const struct sk_buff *skb, struct dlo_head *h, u8 *copy, const u8 **data);
u32 dlo_gso_hlen(const struct sk_buff *skb);
int dlo_segment_first(struct dlo_segmenter *s, const struct sk_buff *skb,
		      const struct dlo_head *head, bool strip);
bool dlo_segment_next(struct dlo_segmenter *s);
void dlo_segment_extend(struct dlo_segmenter *s, u32 frames);
void dlo_segment_headers(struct dlo_segmenter *s);
__be32 dlo_segment_tcp_flags(const struct dlo_segmenter *s);
bool dlo_segment_is_exact(const struct dlo_segmenter *s);
void dlo_segment_checksum(struct dlo_segmenter *s, __wsum payload);
bool dlo_frame_verify(const struct dlo_segmenter *s, __wsum payload, bool *bad);

/* --- dma.c -------------------------------------------------------------- */

extern struct device *dlo_parent;

/*
 * struct dlo_source - a read position in a sender's packet
 * @frag:	-1: the linear part
 * @off:	within it
 */
struct dlo_source {
	const struct sk_buff *skb;
	int frag;
	u32 off;
};

/* struct dlo_sum - one's complement sum of the @len bytes copied so far */
struct dlo_sum {
	__wsum sum;
	u32 len;
};

bool dlo_dma_is_direct(void);
void *dlo_dma_reach(netmem_ref buf, size_t off, size_t len);
void dlo_source_init(struct dlo_source *src, const struct sk_buff *skb);
int dlo_source_seek(struct dlo_source *src, const struct sk_buff *skb, u32 off);
int dlo_source_copy(struct dlo_source *src, void *dst, u32 len, struct dlo_sum *sum);

/* --- steer.c, rss.c and rules.c ----------------------------------------- */

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

/* --- queue.c ------------------------------------------------------------ */

/*
 * struct dlo_rxq_mem - what an RX queue receives into; what a restart swaps
 * @pool:	NULL: the queue has no memory and does not run
 * @ring:	buffers posted to the engine, free running @head and @tail; the
 *		ring owns one reference of each
 * @part:	the open buffer: it has room left after @part_off, for what
 *		comes next; 0 if none. Owned like the ring's, see landing.c
 * @buf_size:	of every buffer
 * @packed:	several packets share a buffer; set by each poll
 * @unreadable:	the buffers are a dma-buf's
 * @headroom:	of a frame's first buffer, for XDP; 0: not fit for programs
 * @xdp:	valid with @headroom
 */
struct dlo_rxq_mem {
	struct page_pool *pool;
	netmem_ref *ring;
	u32 mask;
	u32 head;
	u32 tail;
	u32 buf_size;
	netmem_ref part;
	u32 part_off;
	bool packed;
	bool unreadable;
	u32 headroom;
	struct xdp_rxq_info xdp;
};

/*
 * struct dlo_wire - packets of the peer on their way to an RX queue
 * @up:		guarded by @list's lock like the list itself: a wire that is
 *		down takes nothing
 */
struct dlo_wire {
	struct sk_buff_head list;
	bool up;
	struct dlo_wire_counters stats;
};

struct dlo_fault_queue;

struct dlo_rxq {
	struct dlo_rxq_mem mem;
	struct dlo_wire wire;
	struct dlo_rx_counters stats;
	struct dlo_fault_queue *faults;
};

extern const struct netdev_queue_mgmt_ops dlo_queue_mgmt_ops;

int dlo_rxq_mem_alloc(struct dlo_priv *priv, struct dlo_rxq_mem *mem, int idx, u32 page_size);
void dlo_rxq_mem_free(struct dlo_rxq_mem *mem);
netmem_ref dlo_rxq_get_buf(struct dlo_rxq_mem *mem);
void dlo_rxq_refill(struct dlo_rxq_mem *mem);
u32 dlo_rxq_posted(struct dlo_rxq_mem *mem, u32 wanted);
int dlo_queues_open(struct dlo_priv *priv);
void dlo_queues_close(struct dlo_priv *priv);
bool dlo_queues_bound(struct dlo_priv *priv, unsigned int from);
int dlo_queues_resize(struct dlo_priv *priv, unsigned int rx, unsigned int tx);
int dlo_queues_reload(struct dlo_priv *priv);

/* --- fault.c and debugfs.c ---------------------------------------------- */

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
	return dlo_faults_on() && READ_ONCE(rxq->faults->faults->on);
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

/* --- tx.c --------------------------------------------------------------- */

enum dlo_tx_fate { DLO_TX_SENT, DLO_TX_DROPPED, DLO_TX_NOT_REACHED };

/*
 * struct dlo_tx_cb - skb->cb of a packet between dlo_xmit() and dlo_tx_clean()
 * @head:	where its headers are, for the engine
 * @stamp:	its sender wants to know when the wire took it
 * @taken:	when that was, by ktime_get_raw_ns(); 0: nobody wanted to know
 */
struct dlo_tx_cb {
	struct dlo_verdict verdict;
	struct dlo_head head;
	u16 descs;
	u8 fate;
	bool stamp;
	u64 taken;
};

static inline struct dlo_tx_cb *dlo_tx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct dlo_tx_cb) > sizeof(skb->cb));
	return (struct dlo_tx_cb *)skb->cb;
}

/*
 * struct dlo_txq - a transmit ring, by its free running positions
 * @prod:	descriptors used; written under the transmit lock
 * @cons:	descriptors completed; written by the NAPI
 * @done:	packets whose memory the engine no longer needs, in the order
 *		in which receivers finished them
 */
struct dlo_txq {
	u32 prod;
	u32 cons;
	struct sk_buff_head done;
	struct dlo_tx_counters stats;
	struct dlo_tx_done_counters done_stats;
};

netdev_tx_t dlo_xmit(struct sk_buff *skb, struct net_device *dev);
int dlo_tx_frames(struct net_device *dev, u16 idx, int n, struct xdp_frame **frames);
void dlo_tx_done(struct sk_buff *skb, enum dlo_tx_fate fate);
void dlo_tx_done_list(struct sk_buff_head *list);
void dlo_tx_clean(struct dlo_priv *priv, unsigned int idx, int budget);
void dlo_tx_reset(struct dlo_priv *priv);
bool dlo_wire_take(struct dlo_wire *wire, struct sk_buff_head *batch, unsigned int max);
void dlo_wire_down(struct dlo_wire *wire);
void dlo_wire_withdraw(struct dlo_wire *wire);

/* --- rx.c, landing.c and gro.c ------------------------------------------ */

/* struct dlo_piece - a part of a frame's or a run's payload, in a buffer of the queue */
struct dlo_piece {
	netmem_ref buf;
	u32 off;
	u32 len;
};

/*
 * struct dlo_gro - a packet that grows by frames
 * @skb:	NULL: there is none
 * @tx:		the sender's packet that the last frame is of
 * @head:	where the headers are, in @skb and in every frame
 * @split:	header and payload are kept apart
 * @segs:	frames in it
 * @mss:	payload of each, but for the last
 * @seq:	sequence number of the next frame
 * @ip_id:	of the next frame over IPv4, its identification
 */
struct dlo_gro {
	struct sk_buff *skb;
	const struct sk_buff *tx;
	struct dlo_head head;
	bool split;
	u16 segs;
	u16 ip_id;
	u32 mss;
	u32 seq;
};

/* A run may fill the open buffer, and as many as a packet has fragments. */
#define DLO_PIECES_MAX	(MAX_SKB_FRAGS + 1)

/*
 * struct dlo_rx - a poll of a queue
 * @seg:	the packet, and the frame of it, that is on its way in
 * @src:	at the frame's payload
 * @verdict:	of the packet
 * @taken:	when the wire took the packet, as in struct dlo_tx_cb
 * @prog:	the XDP program to ask; NULL: none. With one, no packet grows
 * @redirected:	frames for dlo_xdp_flush() to send on their way
 * @sum:	of the frame's payload, so far
 * @pieces:	where of it has landed what is to land in buffers
 * @gro:	what earlier frames have become, if more can be added
 */
struct dlo_rx {
	struct dlo_priv *priv;
	struct dlo_rxq *rxq;
	struct napi_struct *napi;
	const struct dlo_verdict *verdict;
	u64 taken;
	struct bpf_prog *prog;
	bool redirected;
	struct dlo_segmenter seg;
	struct dlo_source src;
	struct dlo_sum sum;
	struct dlo_piece pieces[DLO_PIECES_MAX];
	unsigned int n_pieces;
	struct dlo_gro gro;
};

int dlo_rx_poll(struct dlo_priv *priv, unsigned int idx, int budget);
int dlo_rx_first(struct dlo_rx *rx, struct sk_buff *tx);
int dlo_rx_checksum(struct dlo_rx *rx);
void dlo_rx_deliver(struct dlo_rx *rx, struct sk_buff *skb, u32 frames, u32 bytes);
void dlo_rx_pass(struct dlo_rx *rx, struct sk_buff *skb);
void dlo_rx_set_offloads(const struct dlo_rx *rx, struct sk_buff *skb);

int dlo_land(struct dlo_rx *rx, u32 len, struct dlo_sum *sum);
void dlo_land_undo(struct dlo_rx *rx);
void dlo_land_commit(struct dlo_rx *rx, struct sk_buff *skb, bool open);
void dlo_part_set_packed(struct dlo_rxq_mem *mem, bool packed);
void dlo_part_prepare(struct dlo_rxq_mem *mem, u32 len);
void dlo_part_release(struct dlo_rxq_mem *mem);
void dlo_part_close(struct dlo_rxq_mem *mem);
u32 dlo_part_room(const struct dlo_rxq_mem *mem, u32 buffers);

u32 dlo_gro_following(struct dlo_rx *rx);
bool dlo_gro_continues(const struct dlo_rx *rx);
bool dlo_gro_may_begin(const struct dlo_rx *rx);
void dlo_gro_begin(struct dlo_rx *rx, struct sk_buff *skb, bool split);
void dlo_gro_advance(struct dlo_rx *rx);
void dlo_gro_flush(struct dlo_rx *rx);

/* --- coalesce.c --------------------------------------------------------- */

/*
 * struct dlo_coalesce - when NAPI learns of a direction's packets
 * @usecs:	after the first one; 0: at once
 * @frames:	when so many wait; 0: that does not matter
 * @timer:	started under the lock of the list where packets wait
 */
struct dlo_coalesce {
	u32 usecs;
	u32 frames;
	struct hrtimer timer;
	struct dlo_vector *vector;
};

void dlo_irq_raise(struct dlo_vector *vector);
void dlo_irq_ack(struct dlo_vector *vector);
void dlo_irq_unmask(struct dlo_vector *vector);
void dlo_irq_enable(struct dlo_vector *vector);

void dlo_vector_init_coalesce(struct dlo_vector *vector);
void dlo_vector_cancel_coalesce(struct dlo_vector *vector);
bool __dlo_coalesce_due(struct dlo_coalesce *co, u32 usecs, unsigned int pending);
void dlo_coalesce_get(struct dlo_priv *priv, struct ethtool_coalesce *ec);
int dlo_coalesce_set(struct dlo_priv *priv, const struct ethtool_coalesce *ec,
		     struct netlink_ext_ack *extack);
int dlo_coalesce_get_queue(struct dlo_priv *priv, u32 idx, struct ethtool_coalesce *ec);
int dlo_coalesce_set_queue(struct dlo_priv *priv, u32 idx, const struct ethtool_coalesce *ec);

static inline bool dlo_coalesce_due(struct dlo_coalesce *co, unsigned int pending)
{
	u32 usecs = READ_ONCE(co->usecs);

	return likely(!usecs) || __dlo_coalesce_due(co, usecs, pending);
}

/* --- xdp.c -------------------------------------------------------------- */

extern const struct xdp_metadata_ops dlo_xdp_metadata_ops;

int dlo_xdp_frame(struct dlo_rx *rx, bool split);
void dlo_xdp_flush(const struct dlo_rx *rx);
int dlo_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames, u32 flags);
int dlo_xdp_mem_init(struct dlo_priv *priv, struct dlo_rxq_mem *mem, int idx);
void dlo_xdp_mem_free(struct dlo_rxq_mem *mem);
bool dlo_xdp_is_linear(struct dlo_priv *priv);
int dlo_bpf(struct net_device *dev, struct netdev_bpf *bpf);

/* --- stamp.c ------------------------------------------------------------ */

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

/* --- netdev.c and ethtool.c --------------------------------------------- */

/* ethtool's private flags. */
enum dlo_flag {
	DLO_FLAG_RX_PACKED,		/* several packets share a buffer of a page, too */
	DLO_FLAGS,
};

enum dlo_irq_bit {
	DLO_IRQ_RAISED,
	DLO_IRQ_MASKED,
};

/*
 * struct dlo_vector - an interrupt: NAPI n serves RX queue n and TX queue n, where they exist
 * @irq:	DLO_IRQ_*
 */
struct dlo_vector {
	struct napi_struct napi;
	unsigned long irq;
	struct dlo_coalesce rx;
	struct dlo_coalesce tx;
	struct dlo_priv *priv;
	unsigned int idx;
};

/*
 * struct dlo_priv - one end of a pair
 * @peer:	the other; NULL before newlink has tied the two together and
 *		after either was uninitialised. Readers are under RCU or rtnl
 * @vectors:	max(number of RX queues, number of TX queues)
 * @hds:	ETHTOOL_TCP_DATA_SPLIT_*; unknown means the driver's choice: off
 * @priv_flags:	BIT(DLO_FLAG_*)
 * @xdp_prog:	read under RCU, by a queue whose memory has headroom
 * @xdp_headroom: of memory that queues get from now on
 * @stamp_tx:	packets whose senders ask for it are stamped
 * @stamp_rx:	packets received are
 */
struct dlo_priv {
	struct net_device *dev;
	struct net_device __rcu *peer;
	struct dlo_vector *vectors;
	struct dlo_rxq *rxqs;
	struct dlo_txq *txqs;
	struct dlo_rss __rcu *rss[DLO_CONTEXTS];
	struct list_head rules;		/* by location; RCU */
	unsigned int n_rules;
	u8 hds;
	u32 hds_thresh;
	u32 priv_flags;
	u32 rx_ring;
	u32 tx_ring;
	struct dlo_faults faults;
	struct bpf_prog __rcu *xdp_prog;
	u32 xdp_headroom;
	bool stamp_tx;
	bool stamp_rx;
	struct dlo_clock clock;
};

static inline unsigned int dlo_n_vectors(const struct net_device *dev)
{
	return max(dev->num_rx_queues, dev->num_tx_queues);
}

static inline bool dlo_hds_on(const struct dlo_priv *priv)
{
	return READ_ONCE(priv->hds) == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
}

extern const struct ethtool_ops dlo_ethtool_ops;
extern struct rtnl_link_ops dlo_link_ops;

void dlo_setup(struct net_device *dev);
int dlo_poll(struct napi_struct *napi, int budget);
void dlo_carrier(struct net_device *dev, struct net_device *peer, bool on);

#endif /* _DEVMEM_LO_H */
