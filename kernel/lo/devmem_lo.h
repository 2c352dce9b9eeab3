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
 *  - a queue's memory (dlo_rxq.mem) and what grows in it (dlo_rxq.gro): the
 *    queue's NAPI while it is enabled, else whoever disabled it.
 */
#ifndef _DEVMEM_LO_H
#define _DEVMEM_LO_H

#include <linux/etherdevice.h>
#include <linux/ethtool_netlink.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>
#include <net/xdp.h>

#include "compat.h"
#include "fault.h"
#include "frame.h"
#include "stamp.h"
#include "stats.h"
#include "steer.h"

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
#define DLO_TSO_SEGS_MAX	512		/* frames of a packet; more are cut by the stack */
#define DLO_WIRE_LEN		1024		/* packets under way to one RX queue */
#define DLO_HDS_THRESH_MAX	1024
#define DLO_PAGE_SIZE_MAX	SZ_1M
#define DLO_COALESCE_USECS_MAX	1000000U

struct dlo_priv;

/* --- queue.c ------------------------------------------------------------ */

/* struct dlo_part - an open buffer: it has room left after @off. @buf is 0 if there is none */
struct dlo_part {
	netmem_ref buf;
	u32 off;
};

/*
 * struct dlo_rxq_mem - what an RX queue receives into; what a restart swaps
 * @pool:	NULL: the queue has no memory and does not run
 * @ring:	buffers posted to the engine, free running @head and @tail; the
 *		ring owns one reference of each
 * @part:	with @packed, where what comes next lands. Owned like the ring's
 *		buffers, see landing.c
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
	struct dlo_part part;
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

#define DLO_GRO_CONTEXTS	512
#define DLO_GRO_BITS		9

/* Of the layers that struct dlo_gro knows: the segment's own, and that of the tunnel it is in. */
enum { DLO_GRO_OWN, DLO_GRO_OUTER, DLO_GRO_LAYERS };

/*
 * struct dlo_gro - a packet that grows by frames
 * @list:	among the table's @growing or @unused
 * @bucket:	among those of the same @hash
 * @part:	unless buffers are packed, where the packet continues; none if the
 *		last one is full. Owned like dlo_rxq_mem.part
 * @head, @inner: as in struct dlo_segmenter, of @skb and of every frame
 * @split:	header and payload are kept apart
 * @fixed:	with more than one frame, over IPv4, the layer's identification is
 *		the same in all, else it counts them
 * @ip_id:	that of the last frame
 * @segs:	frames in it
 * @mss:	payload of each, but for the last
 * @seq:	sequence number of the next frame
 * @born:	dlo_gro_table.polls when it began
 */
struct dlo_gro {
	struct list_head list;
	struct hlist_node bucket;
	u32 hash;
	struct sk_buff *skb;
	struct dlo_part part;
	struct dlo_head head;
	struct dlo_head inner;
	bool split;
	bool fixed[DLO_GRO_LAYERS];
	u16 ip_id[DLO_GRO_LAYERS];
	u16 segs;
	u32 mss;
	u32 seq;
	u32 born;
};

/*
 * struct dlo_gro_table - what grows in an RX queue: one packet of a connection
 * at most. Used by the queue's NAPI, or by whoever has disabled it
 * @growing:	the oldest first
 * @polls:	of the queue that have left something growing
 */
struct dlo_gro_table {
	struct list_head growing;
	struct list_head unused;
	u32 polls;
	struct hlist_head buckets[1 << DLO_GRO_BITS];
	struct dlo_gro contexts[DLO_GRO_CONTEXTS];
};

struct dlo_rxq {
	struct dlo_rxq_mem mem;
	struct dlo_wire wire;
	struct dlo_rx_counters stats;
	struct dlo_fault_queue *faults;
	struct dlo_gro_table gro;
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
void dlo_wire_clear(struct dlo_wire *wire);

/* --- rx.c, landing.c and gro.c ------------------------------------------ */

/* struct dlo_piece - a part of a frame's or a run's payload, in a buffer of the queue */
struct dlo_piece {
	netmem_ref buf;
	u32 off;
	u32 len;
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
 * @part:	the open buffer that it goes on in, if there is one
 * @gro:	the growing packet that frames of the current one follow unseen
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
	struct dlo_part *part;
	struct dlo_gro *gro;
};

int dlo_rx_poll(struct dlo_priv *priv, unsigned int idx, int budget);
int dlo_rx_first(struct dlo_rx *rx, struct sk_buff *tx);
int dlo_rx_checksum(struct dlo_rx *rx);
void dlo_rx_account(struct dlo_priv *priv, struct dlo_rxq *rxq, struct sk_buff *skb, u32 frames,
		    u32 bytes);
void dlo_rx_pass(struct dlo_rx *rx, struct sk_buff *skb);
void dlo_rx_set_offloads(const struct dlo_rx *rx, struct sk_buff *skb);

int dlo_land(struct dlo_rx *rx, u32 len, struct dlo_sum *sum);
void dlo_land_undo(struct dlo_rx *rx);
void dlo_land_commit(struct dlo_rx *rx, struct sk_buff *skb, bool open);
void dlo_part_set_packed(struct dlo_rxq_mem *mem, bool packed);
void dlo_part_prepare(struct dlo_rxq_mem *mem, u32 len);
void dlo_part_close(struct dlo_rxq_mem *mem, struct dlo_part *part);
bool dlo_part_continues(const struct dlo_part *part, const struct sk_buff *skb);
u32 dlo_part_room(const struct dlo_rxq_mem *mem, const struct dlo_part *part, u32 buffers);

void dlo_gro_init(struct dlo_rxq *rxq);
u32 dlo_gro_following(struct dlo_rx *rx);
struct dlo_gro *dlo_gro_find(struct dlo_rx *rx);
struct dlo_part *dlo_gro_part(const struct dlo_rx *rx, struct dlo_gro *gro);
bool dlo_gro_continues(const struct dlo_rx *rx, struct dlo_gro *gro);
bool dlo_gro_may_begin(const struct dlo_rx *rx, bool split);
struct dlo_gro *dlo_gro_begin(struct dlo_rx *rx, struct sk_buff *skb, bool split);
void dlo_gro_advance(struct dlo_rx *rx, struct dlo_gro *gro, bool follows);
void dlo_gro_flush(struct dlo_rx *rx, struct dlo_gro *gro);
void dlo_gro_flush_all(struct dlo_rx *rx);
void dlo_gro_polled(struct dlo_rx *rx, bool more);
void dlo_gro_detach(struct dlo_priv *priv, struct dlo_rxq *rxq);

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
