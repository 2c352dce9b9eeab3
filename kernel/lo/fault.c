// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaviour on request: what each fault does. debugfs.c is where it is asked
 * for.
 *
 * Every fault of a device acts on what that device receives, or on its queues.
 * Whether it strikes is drawn from a stream of random numbers of its own for
 * each queue, so that the same frames meet the same faults again after the same
 * seed, whatever the other queues and the other faults do.
 */
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>

#include "devmem_lo.h"

/*
 * On from the first fault asked of any device until the last such device is
 * gone. It is not switched off with a fault: patching code costs more than what
 * looks at it, and a device that misbehaved once is there for tests.
 */
DEFINE_STATIC_KEY_FALSE(dlo_faults_key);

#define DLO_HELD_MAX		1024	/* frames a queue keeps back; beyond them, none is */
#define DLO_OVERTAKEN_MS	10	/* a frame whose successors do not come is late, not lost */

/* struct dlo_held - skb->cb of a frame that is kept back between eth_type_trans() and GRO */
struct dlo_held {
	unsigned long due;		/* jiffies */
	u32 after;			/* of q->passed; for frames to be overtaken */
};

static struct dlo_held *dlo_held(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct dlo_held) > sizeof(skb->cb));
	return (struct dlo_held *)skb->cb;
}

/* --- Whether ------------------------------------------------------------ */

bool __dlo_faults_in(const struct dlo_rxq *rxq)
{
	return READ_ONCE(rxq->faults->faults->on);
}

/* Does this fault strike now? In its one context: see enum dlo_fault. */
bool __dlo_fault(struct dlo_rxq *rxq, enum dlo_fault fault)
{
	struct dlo_fault_queue *q = rxq->faults;
	struct dlo_fault_setting *s = &q->faults->settings[fault];
	struct dlo_fault_stream *stream = &q->streams[fault];
	u32 rate = smp_load_acquire(&s->rate);		/* pairs with dlo_fault_set() */

	if (!rate || (s->queue >= 0 && s->queue != q->idx))
		return false;
	if (rate < DLO_FAULT_ALWAYS &&
	    reciprocal_scale(prandom_u32_state(&stream->rnd), DLO_FAULT_ALWAYS) >= rate)
		return false;
	if (s->limited && atomic_dec_if_positive(&s->left) < 0)
		return false;

	WRITE_ONCE(stream->hits, stream->hits + 1);
	return true;
}

static u32 dlo_fault_arg(const struct dlo_rxq *rxq, enum dlo_fault fault)
{
	return rxq->faults->faults->settings[fault].arg;
}

/* Mixed, because near seeds make near streams: the generator ignores low bits. */
static void dlo_fault_restart(struct dlo_faults *f, enum dlo_fault fault)
{
	unsigned int i;

	for (i = 0; i < f->priv->dev->num_rx_queues; i++)
		prandom_seed_state(&f->queues[i].streams[fault].rnd,
				   jhash_3words(f->seed, i, fault, 0));
}

/*
 * Ask for a fault, from the beginning of its streams. Under rtnl and the
 * configuration's lock: they keep out the faults in configuration; those in the
 * NAPI are waited for.
 */
void dlo_fault_set(struct dlo_faults *f, enum dlo_fault fault, const struct dlo_fault_setting *to)
{
	struct dlo_fault_setting *s = &f->settings[fault];

	if (to->rate && !f->on) {	/* before it strikes: see dlo_gro_suits() */
		WRITE_ONCE(f->on, true);
		static_branch_inc(&dlo_faults_key);
	}
	WRITE_ONCE(s->rate, 0);
	synchronize_net();

	s->queue = to->queue;
	s->limited = to->limited;
	atomic_set(&s->left, atomic_read(&to->left));
	s->arg = to->arg;
	dlo_fault_restart(f, fault);
	smp_store_release(&s->rate, to->rate);		/* pairs with __dlo_fault() */
}

/* Start all streams anew from @seed; locks as for dlo_fault_set(). */
void dlo_faults_reseed(struct dlo_faults *f, u32 seed)
{
	u32 rates[DLO_FAULTS];
	unsigned int i;

	for (i = 0; i < DLO_FAULTS; i++) {
		rates[i] = f->settings[i].rate;
		WRITE_ONCE(f->settings[i].rate, 0);
	}
	synchronize_net();

	f->seed = seed;
	for (i = 0; i < DLO_FAULTS; i++) {
		dlo_fault_restart(f, i);
		smp_store_release(&f->settings[i].rate, rates[i]);	/* as above */
	}
}

u64 dlo_fault_hits(const struct dlo_faults *f, enum dlo_fault fault)
{
	u64 hits = 0;
	unsigned int i;

	for (i = 0; i < f->priv->dev->num_rx_queues; i++)
		hits += READ_ONCE(f->queues[i].streams[fault].hits);
	return hits;
}

/* The engine does not look at the wire in this poll; that there is another, the timer sees to. */
bool __dlo_fault_stall(struct dlo_rxq *rxq)
{
	if (!__dlo_fault(rxq, DLO_FAULT_STALL))
		return false;
	timer_reduce(&rxq->faults->timer, jiffies + 1);
	return true;
}

/* --- Frames on their way in --------------------------------------------- */

int __dlo_fault_frame(struct dlo_rxq *rxq)
{
	if (__dlo_fault(rxq, DLO_FAULT_SOURCE))
		return -EFAULT;
	if (__dlo_fault(rxq, DLO_FAULT_DROP)) {
		dlo_count(&rxq->stats, DLO_RX_DROPS);
		return -ECANCELED;
	}
	return 0;
}

/* What was received without @err comes once more: the read position has to start anew. */
bool __dlo_fault_again(struct dlo_rx *rx, struct sk_buff *tx, int *err)
{
	struct dlo_fault_queue *q = rx->rxq->faults;

	q->again = !q->again && !*err && __dlo_fault(rx->rxq, DLO_FAULT_DUPLICATE);
	if (!q->again)
		return false;

	/* A checksum was written over what it is computed from; for TSO that is kept apart. */
	if (!skb_is_gso(tx) && dlo_rx_first(rx, tx)) {
		q->again = false;
		return false;
	}
	*err = -ESTALE;
	return true;
}

/* How many bytes of @payload land in host memory with the headers. */
u32 __dlo_fault_split_late(struct dlo_rxq *rxq, u32 payload)
{
	if (!__dlo_fault(rxq, DLO_FAULT_SPLIT_LATE))
		return 0;
	return min(payload, dlo_fault_arg(rxq, DLO_FAULT_SPLIT_LATE));
}

/* Move the end of the headers, at most all behind IP's, to where payload belongs. */
void __dlo_fault_split_early(struct dlo_rxq *rxq, struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	u32 keep = ETH_HLEN + sizeof(struct iphdr);
	unsigned int n = info->nr_frags;
	netmem_ref buf;
	void *dst;
	u32 len;

	if (!n || n == MAX_SKB_FRAGS || skb_headlen(skb) <= keep ||
	    !__dlo_fault(rxq, DLO_FAULT_SPLIT_EARLY))
		return;

	buf = dlo_rxq_get_buf(&rxq->mem);
	if (!buf)
		return;
	len = min(dlo_fault_arg(rxq, DLO_FAULT_SPLIT_EARLY), skb_headlen(skb) - keep);
	dst = dlo_dma_reach(buf, 0, len);
	if (!dst) {
		page_pool_put_full_netmem(rxq->mem.pool, buf, true);
		return;
	}

	skb->tail -= len;
	skb->len -= len;
	memcpy(dst, skb_tail_pointer(skb), len);
	memmove(&info->frags[1], &info->frags[0], n * sizeof(info->frags[0]));
	skb_add_rx_frag_netmem(skb, 0, buf, 0, len, rxq->mem.buf_size);
	info->nr_frags = n + 1;
}

/*
 * Where the byte at @off of the payload is, whose first @len bytes are at
 * @payload and the others in pieces; NULL: out of reach.
 */
static u8 *dlo_payload_at(struct dlo_rx *rx, u8 *payload, u32 len, u32 off)
{
	const struct dlo_piece *piece;

	if (off < len)
		return payload + off;

	off -= len;
	for (piece = rx->pieces; piece < rx->pieces + rx->n_pieces; piece++) {
		if (off < piece->len)
			return dlo_dma_reach(piece->buf, piece->off + off, 1);
		off -= piece->len;
	}
	return NULL;
}

/* Flip a bit of the payload; with @sum, so that the payload's sum tells. */
static void dlo_fault_flip(struct dlo_rx *rx, enum dlo_fault fault, u8 *payload, u32 len,
			   __wsum *sum)
{
	u32 draw = prandom_u32_state(&rx->rxq->faults->streams[fault].rnd);
	u32 off = reciprocal_scale(draw, rx->seg.payload);
	u8 *byte = dlo_payload_at(rx, payload, len, off);
	u8 old;

	if (!byte)
		return;
	old = *byte;
	*byte ^= BIT(draw % BITS_PER_BYTE);
	if (sum) {
		*sum = csum_block_sub(*sum, csum_partial(&old, 1, 0), off);
		*sum = csum_block_add(*sum, csum_partial(byte, 1, 0), off);
	}
}

/*
 * The current frame has landed: the first @len bytes of its payload at @payload,
 * the others in pieces. Its headers are complete, and nothing has been verified.
 */
void __dlo_fault_damage(struct dlo_rx *rx, u8 *payload, u32 len)
{
	struct dlo_segmenter *seg = &rx->seg;
	struct dlo_rxq *rxq = rx->rxq;
	u32 check;

	if (seg->payload && __dlo_fault(rxq, DLO_FAULT_CORRUPT))
		dlo_fault_flip(rx, DLO_FAULT_CORRUPT, payload, len, &rx->sum.sum);
	if (seg->payload && __dlo_fault(rxq, DLO_FAULT_SILENT))
		dlo_fault_flip(rx, DLO_FAULT_SILENT, payload, len, NULL);
	if (seg->head.l4 && __dlo_fault(rxq, DLO_FAULT_CHECKSUM)) {
		check = dlo_head_is_tcp(&seg->head) ? offsetof(struct tcphdr, check) :
						      offsetof(struct udphdr, check);
		seg->frame[seg->head.l4 + check] ^= 1;
	}
}

/* --- Frames that are kept back ------------------------------------------ */

static bool dlo_held_is_due(const struct dlo_fault_queue *q, struct sk_buff *skb, bool overtaken)
{
	const struct dlo_held *held = dlo_held(skb);

	if (time_after_eq(jiffies, held->due))
		return true;
	return overtaken && (s32)(q->passed - held->after) >= 0;
}

static void dlo_held_pass(struct dlo_fault_queue *q, struct sk_buff_head *list,
			  struct napi_struct *napi)
{
	struct sk_buff *skb;

	while ((skb = skb_peek(list)) && dlo_held_is_due(q, skb, list == &q->overtaken)) {
		__skb_unlink(skb, list);
		napi_gro_receive(napi, skb);
	}
	if (skb)
		timer_reduce(&q->timer, dlo_held(skb)->due);
}

/* Pass on what was kept back long enough. From the queue's NAPI. */
void __dlo_fault_release(struct dlo_rxq *rxq, struct napi_struct *napi)
{
	struct dlo_fault_queue *q = rxq->faults;

	dlo_held_pass(q, &q->delayed, napi);
	dlo_held_pass(q, &q->overtaken, napi);
}

/* @list is in the order in which frames are due: the delay may have changed meanwhile. */
static void dlo_held_add(struct sk_buff_head *list, struct sk_buff *skb)
{
	struct sk_buff *before;

	skb_queue_reverse_walk(list, before)
		if (!time_before(dlo_held(skb)->due, dlo_held(before)->due))
			break;
	__skb_queue_after(list, before, skb);
}

/* Keep a received frame back; false: pass it on. From the queue's NAPI, as all that is here. */
bool __dlo_fault_hold(struct dlo_rxq *rxq, struct napi_struct *napi, struct sk_buff *skb)
{
	struct dlo_fault_queue *q = rxq->faults;
	struct dlo_held *held = dlo_held(skb);
	struct sk_buff_head *list;
	u32 ms;

	__dlo_fault_release(rxq, napi);
	if (skb_queue_len(&q->delayed) + skb_queue_len(&q->overtaken) < DLO_HELD_MAX) {
		if (__dlo_fault(rxq, DLO_FAULT_DELAY)) {
			list = &q->delayed;
			ms = dlo_fault_arg(rxq, DLO_FAULT_DELAY);
			goto hold;
		}
		if (__dlo_fault(rxq, DLO_FAULT_REORDER)) {
			list = &q->overtaken;
			ms = DLO_OVERTAKEN_MS;
			goto hold;
		}
	}
	q->passed++;
	return false;

hold:
	held->due = jiffies + msecs_to_jiffies(ms);
	held->after = q->passed + dlo_fault_arg(rxq, DLO_FAULT_REORDER);
	dlo_held_add(list, skb);
	timer_reduce(&q->timer, held->due);
	return true;
}

static void dlo_fault_timer(struct timer_list *timer)
{
	struct dlo_fault_queue *q = container_of(timer, struct dlo_fault_queue, timer);

	dlo_irq_raise(&q->faults->priv->vectors[q->idx]);
}

/* The queue stops, its NAPI is disabled: what it kept back is lost. */
void dlo_fault_flush(struct dlo_rxq *rxq)
{
	struct dlo_fault_queue *q = rxq->faults;

	timer_delete_sync(&q->timer);
	dlo_count_add(&rxq->stats, DLO_RX_DROPS,
		      skb_queue_len(&q->delayed) + skb_queue_len(&q->overtaken));
	__skb_queue_purge(&q->delayed);
	__skb_queue_purge(&q->overtaken);
}

/* --- Birth and end ------------------------------------------------------ */

static void dlo_fault_queue_init(struct dlo_faults *f, unsigned int idx)
{
	struct dlo_fault_queue *q = &f->queues[idx];

	q->faults = f;
	q->idx = idx;
	__skb_queue_head_init(&q->delayed);
	__skb_queue_head_init(&q->overtaken);
	timer_setup(&q->timer, dlo_fault_timer, 0);
	f->priv->rxqs[idx].faults = q;
}

/* Once there are RX queues; undone by dlo_faults_destroy(). */
int dlo_faults_init(struct dlo_priv *priv)
{
	unsigned int n = priv->dev->num_rx_queues;
	struct dlo_faults *f = &priv->faults;
	unsigned int i;

	f->queues = kvzalloc_objs(*f->queues, n);
	if (!f->queues)
		return -ENOMEM;
	f->priv = priv;
	f->seed = get_random_u32();
	for (i = 0; i < n; i++)
		dlo_fault_queue_init(f, i);
	for (i = 0; i < DLO_FAULTS; i++)
		f->settings[i].faults = f;
	return 0;
}

void dlo_faults_destroy(struct dlo_priv *priv)
{
	if (priv->faults.on)
		static_branch_dec(&dlo_faults_key);
	kvfree(priv->faults.queues);
}
