// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmission: the ring of descriptors, the wire to the peer, completions.
 *
 * A packet belongs to its sender's ring from dlo_xmit() to dlo_tx_clean(). In
 * between it is on exactly one list: a wire of the peer, then, when the peer's
 * engine is through with its memory, the done list of the queue it came from.
 */
#include <linux/netdevice.h>
#include <net/netdev_queues.h>

#include "devmem_lo.h"

#define DLO_TX_DESCS_MAX	(MAX_SKB_FRAGS + 1)

static u32 dlo_tx_free(const struct dlo_priv *priv, const struct dlo_txq *txq)
{
	/* Pairs with dlo_tx_clean(): what is free here is no longer used there. */
	u32 used = READ_ONCE(txq->prod) - smp_load_acquire(&txq->cons);
	u32 size = READ_ONCE(priv->tx_ring);

	return size > used ? size - used : 0;
}

/* Put a packet on the wire to queue @idx of @peer; false: it does not fit, or nobody listens. */
static bool dlo_wire_put(struct dlo_priv *peer, unsigned int idx, struct sk_buff *skb)
{
	struct dlo_vector *vector = &peer->vectors[idx];
	struct dlo_wire *wire = &peer->rxqs[idx].wire;
	struct dlo_tx_cb *cb = dlo_tx_cb(skb);
	bool ok = false, due = false;

	spin_lock_bh(&wire->list.lock);
	if (wire->up && skb_queue_len(&wire->list) < DLO_WIRE_LEN) {
		cb->taken = cb->stamp || READ_ONCE(peer->stamp_rx) ? ktime_get_raw_ns() : 0;
		__skb_queue_tail(&wire->list, skb);
		due = dlo_coalesce_due(&vector->rx, skb_queue_len(&wire->list));
		ok = true;
	} else if (wire->up) {
		dlo_count(&wire->stats, DLO_WIRE_OVERRUN);
	}
	spin_unlock_bh(&wire->list.lock);

	if (due)
		dlo_irq_raise(vector);
	return ok;
}

/* No queue has a packet that a rule drops: the first one counts it. */
static void dlo_wire_discard(struct dlo_priv *peer)
{
	struct dlo_wire *wire = &peer->rxqs[0].wire;

	spin_lock_bh(&wire->list.lock);
	dlo_count(&wire->stats, DLO_WIRE_DISCARDED);
	spin_unlock_bh(&wire->list.lock);
}

static void dlo_tx_count(struct dlo_txq *txq, const struct sk_buff *skb)
{
	u16 segs = skb_shinfo(skb)->gso_segs ?: 1;
	u32 bytes = skb->len;

	if (skb_is_gso(skb)) {
		bytes += (segs - 1) * dlo_gso_hlen(skb);
		dlo_count(&txq->stats, DLO_TX_TSO_PACKETS);
		dlo_count_add(&txq->stats, DLO_TX_TSO_BYTES, skb->len);
		dlo_count_add(&txq->stats, DLO_TX_TSO_WIRE_PACKETS, segs);
		dlo_count_add(&txq->stats, DLO_TX_TSO_WIRE_BYTES, bytes);
	}
	dlo_count_add(&txq->stats, DLO_TX_PACKETS, segs);
	dlo_count_add(&txq->stats, DLO_TX_BYTES, bytes);
	dlo_count(&txq->stats, skb->ip_summed == CHECKSUM_PARTIAL ? DLO_TX_CSUM : DLO_TX_CSUM_NONE);
}

/* Choose the peer's queue and send; called under RCU. */
static bool dlo_tx_send(struct dlo_priv *priv, struct sk_buff *skb)
{
	struct net_device *peer = rcu_dereference(priv->peer);
	struct dlo_verdict *verdict = &dlo_tx_cb(skb)->verdict;
	struct dlo_head *head = &dlo_tx_cb(skb)->head;
	struct dlo_priv *peer_priv;
	u8 copy[DLO_HEAD_MAX];
	struct dlo_flow flow;
	const u8 *data;

	if (!peer)
		return false;

	peer_priv = netdev_priv(peer);
	dlo_parse_skb(skb, head, copy, &data);
	dlo_flow_init(&flow, skb, data, head);
	dlo_steer(peer_priv, &flow, verdict);
	if (verdict->queue == DLO_DISCARD) {
		dlo_wire_discard(peer_priv);
		return false;
	}
	return dlo_wire_put(peer_priv, verdict->queue, skb);
}

/* Will this packet be stamped? Then the stack leaves that to the NIC, from here on. */
static bool dlo_tx_stamp(const struct dlo_priv *priv, struct sk_buff *skb)
{
	if (likely(!(skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP)) || !READ_ONCE(priv->stamp_tx))
		return false;

	skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	return true;
}

/*
 * Send what there are descriptors for, or if it is not @sound, only account for
 * it; under the transmit lock.
 */
static void dlo_tx_post(struct dlo_priv *priv, struct sk_buff *skb, u16 descs, bool sound)
{
	u16 idx = skb_get_queue_mapping(skb);
	struct netdev_queue *nq = netdev_get_tx_queue(priv->dev, idx);
	struct dlo_txq *txq = &priv->txqs[idx];

	dlo_tx_cb(skb)->descs = descs;
	dlo_tx_cb(skb)->stamp = dlo_tx_stamp(priv, skb);
	skb_tx_timestamp(skb);
	dlo_tx_count(txq, skb);

	/* All accounts are made before the packet is out of hand: it may be back at once. */
	WRITE_ONCE(txq->prod, txq->prod + descs);
	netdev_tx_sent_queue(nq, skb->len);
	if (netif_txq_maybe_stop(nq, dlo_tx_free(priv, txq), DLO_TX_DESCS_MAX,
				 2 * DLO_TX_DESCS_MAX) == 0)
		dlo_count(&txq->stats, DLO_TX_STOPS);

	rcu_read_lock();
	if (!sound || !dlo_tx_send(priv, skb))
		dlo_tx_done(skb, DLO_TX_DROPPED);
	rcu_read_unlock();
}

/*
 * Can the engine fill in the checksum? It begins behind the Ethernet header,
 * which may lose a tag on the way, and is where the engine looks: AF_XDP lets its
 * users put it anywhere.
 */
static bool dlo_tx_sums(const struct sk_buff *skb)
{
	int start = skb_checksum_start_offset(skb);

	return start >= VLAN_ETH_HLEN &&
	       start + skb->csum_offset + sizeof(__sum16) <= DLO_HEAD_MAX;
}

netdev_tx_t dlo_xmit(struct sk_buff *skb, struct net_device *dev)
{
	u16 idx = skb_get_queue_mapping(skb);
	struct netdev_queue *nq = netdev_get_tx_queue(dev, idx);
	struct dlo_priv *priv = netdev_priv(dev);
	struct dlo_txq *txq = &priv->txqs[idx];
	u16 descs = skb_shinfo(skb)->nr_frags + 1;
	bool sound;

	/* Woken too early. Stopping looks once more: a completion may be the last. */
	if (unlikely(dlo_tx_free(priv, txq) < descs) &&
	    !netif_txq_try_stop(nq, dlo_tx_free(priv, txq), descs)) {
		dlo_count(&txq->stats, DLO_TX_STOPS);
		return NETDEV_TX_BUSY;
	}

	sound = skb->ip_summed != CHECKSUM_PARTIAL || skb_is_gso(skb) || dlo_tx_sums(skb) ||
		!skb_checksum_help(skb);
	dlo_tx_post(priv, skb, descs, sound);
	return NETDEV_TX_OK;
}

/*
 * A frame of XDP: as an skb, so that the wire knows but one kind of packet. The
 * memory stays where it is, and belongs to the skb.
 */
static int dlo_tx_frame(struct dlo_priv *priv, u16 idx, struct xdp_frame *frame)
{
	struct dlo_txq *txq = &priv->txqs[idx];
	struct sk_buff *skb;
	u16 descs = 1;

	if (xdp_frame_has_frags(frame))
		descs += xdp_get_shared_info_from_frame(frame)->nr_frags;
	if (dlo_tx_free(priv, txq) < descs)
		return -EBUSY;
	skb = xdp_build_skb_from_frame(frame, priv->dev);
	if (!skb)
		return -ENOMEM;

	skb_push(skb, ETH_HLEN);
	skb_set_queue_mapping(skb, idx);
	dlo_tx_post(priv, skb, descs, true);
	return 0;
}

/*
 * Send up to @n frames through queue @idx, which the stack uses as well; returns
 * how many. There is a carrier only while there are NAPIs to complete them, and
 * dlo_stop() waits for the lock after it has switched it off.
 */
int dlo_tx_frames(struct net_device *dev, u16 idx, int n, struct xdp_frame **frames)
{
	struct netdev_queue *nq = netdev_get_tx_queue(dev, idx);
	struct dlo_priv *priv = netdev_priv(dev);
	struct dlo_txq *txq = &priv->txqs[idx];
	int sent = 0;

	__netif_tx_lock(nq, smp_processor_id());
	if (netif_carrier_ok(dev)) {
		while (sent < n && !dlo_tx_frame(priv, idx, frames[sent]))
			sent++;
		dlo_count_add(&txq->stats, DLO_TX_XDP, sent);
		dlo_count_add(&txq->stats, DLO_TX_XDP_FULL, n - sent);
	} else {
		sent = -ENETDOWN;
	}
	__netif_tx_unlock(nq);
	return sent;
}

/* Hand the packets at the head of @list that come from one queue back to it. */
static void dlo_tx_done_run(struct sk_buff_head *list)
{
	struct sk_buff *skb = skb_peek(list);
	struct net_device *dev = skb->dev;
	struct dlo_priv *priv = netdev_priv(dev);
	u16 idx = skb_get_queue_mapping(skb);
	struct dlo_vector *vector = &priv->vectors[idx];
	struct dlo_txq *txq = &priv->txqs[idx];
	bool due;

	spin_lock_bh(&txq->done.lock);
	do {
		__skb_unlink(skb, list);
		__skb_queue_tail(&txq->done, skb);
		skb = skb_peek(list);
	} while (skb && skb->dev == dev && skb_get_queue_mapping(skb) == idx);
	due = dlo_coalesce_due(&vector->tx, skb_queue_len(&txq->done));
	spin_unlock_bh(&txq->done.lock);
	if (due)
		dlo_irq_raise(vector);
}

/*
 * The engine is through with these packets, whose fate is noted: hand them back
 * to the queues they came from, and leave @list empty. Called under RCU, or by
 * whoever keeps the sender from being freed otherwise.
 */
void dlo_tx_done_list(struct sk_buff_head *list)
{
	while (!skb_queue_empty(list))
		dlo_tx_done_run(list);
}

/* The same for one packet. */
void dlo_tx_done(struct sk_buff *skb, enum dlo_tx_fate fate)
{
	struct sk_buff_head list;

	dlo_tx_cb(skb)->fate = fate;
	__skb_queue_head_init(&list);
	__skb_queue_tail(&list, skb);
	dlo_tx_done_list(&list);
}

/* Complete what is done: free it, report to BQL, and wake the queue if there is room again. */
void dlo_tx_clean(struct dlo_priv *priv, unsigned int idx, int budget)
{
	struct netdev_queue *nq = netdev_get_tx_queue(priv->dev, idx);
	struct dlo_txq *txq = &priv->txqs[idx];
	unsigned int packets = 0, bytes = 0;
	struct sk_buff_head done;
	u32 cons = txq->cons;
	struct sk_buff *skb;

	if (skb_queue_empty_lockless(&txq->done))
		return;

	__skb_queue_head_init(&done);
	spin_lock_bh(&txq->done.lock);
	skb_queue_splice_tail_init(&txq->done, &done);
	spin_unlock_bh(&txq->done.lock);

	while ((skb = __skb_dequeue(&done))) {
		packets++;
		bytes += skb->len;
		cons += dlo_tx_cb(skb)->descs;
		if (dlo_tx_cb(skb)->fate != DLO_TX_SENT)
			dlo_count(&txq->done_stats, DLO_TX_DROPS);
		if (dlo_tx_cb(skb)->fate == DLO_TX_NOT_REACHED)
			dlo_count(&txq->done_stats, DLO_TX_UNREACHABLE);
		if (unlikely(dlo_tx_cb(skb)->stamp))
			dlo_stamp_done(priv, skb);
		napi_consume_skb(skb, budget);
	}

	/* Pairs with dlo_tx_free(). */
	smp_store_release(&txq->cons, cons);
	if (__netif_txq_completed_wake(nq, packets, bytes, dlo_tx_free(priv, txq),
				       2 * DLO_TX_DESCS_MAX, !netif_running(priv->dev)) == 0)
		dlo_count(&txq->done_stats, DLO_TX_WAKES);
}

/* Move up to @max packets, the oldest, to the end of @batch; false: there are none. */
bool dlo_wire_take(struct dlo_wire *wire, struct sk_buff_head *batch, unsigned int max)
{
	struct sk_buff *skb;

	if (skb_queue_empty_lockless(&wire->list))
		return false;

	spin_lock_bh(&wire->list.lock);
	while (max-- && (skb = __skb_dequeue(&wire->list)))
		__skb_queue_tail(batch, skb);
	spin_unlock_bh(&wire->list.lock);
	return !skb_queue_empty(batch);
}

/* What is under way is lost, and its senders are told. */
void dlo_wire_clear(struct dlo_wire *wire)
{
	struct sk_buff_head lost;
	struct sk_buff *skb;

	__skb_queue_head_init(&lost);
	spin_lock_bh(&wire->list.lock);
	skb_queue_splice_tail_init(&wire->list, &lost);
	spin_unlock_bh(&wire->list.lock);

	skb_queue_walk(&lost, skb)
		dlo_tx_cb(skb)->fate = DLO_TX_DROPPED;
	dlo_tx_done_list(&lost);
}

/* Nothing more is taken either. */
void dlo_wire_down(struct dlo_wire *wire)
{
	spin_lock_bh(&wire->list.lock);
	wire->up = false;
	spin_unlock_bh(&wire->list.lock);
	dlo_wire_clear(wire);
}

/*
 * The device is down, its queues send no more, no packet of it is on a wire,
 * no engine works on one, and no NAPI: complete what was not, and begin anew.
 */
void dlo_tx_reset(struct dlo_priv *priv)
{
	unsigned int i;

	for (i = 0; i < priv->dev->num_tx_queues; i++) {
		dlo_tx_clean(priv, i, 0);
		priv->txqs[i].prod = 0;
		priv->txqs[i].cons = 0;
		netdev_tx_reset_queue(netdev_get_tx_queue(priv->dev, i));
	}
}
