// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reception: frames off the wire, into the queue's buffers, up the stack.
 */
#include <linux/if_vlan.h>

#include "devmem_lo.h"

#define DLO_RX_BATCH	8	/* packets taken off the wire, and handed back, at once */
#define DLO_COPYBREAK	256	/* a frame up to this long needs no buffer of the pool */

/*
 * How many bytes of the frame go into host memory. With split on, exactly the
 * headers if it is TCP with enough payload, else everything: what is not TCP
 * never ends up in device memory. With split off, buffers are readable, and
 * only the headers of long frames are worth a copy.
 */
static u32 dlo_rx_host_len(const struct dlo_rx *rx, bool *split)
{
	const struct dlo_segmenter *seg = &rx->seg;
	u32 len = seg->hlen + seg->payload;

	*split = dlo_hds_on(rx->priv) && seg->payload &&
		 seg->payload > READ_ONCE(rx->priv->hds_thresh) &&
		 dlo_head_is_tcp(&seg->head) && dlo_segment_is_exact(seg);
	if (*split)
		return seg->hlen;
	if (dlo_hds_on(rx->priv) || rx->rxq->mem.unreadable || len <= DLO_COPYBREAK)
		return len;
	return seg->hlen;
}

/* What the NIC knows of the current frame beside its bytes. */
void dlo_rx_set_offloads(const struct dlo_rx *rx, struct sk_buff *skb)
{
	if (rx->priv->dev->features & NETIF_F_RXHASH)
		skb_set_hash(skb, rx->verdict->hash, rx->verdict->hash_type);
	if (rx->seg.vlan_tagged)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), rx->seg.vlan_tci);
	if (unlikely(rx->taken) && READ_ONCE(rx->priv->stamp_rx))
		skb_hwtstamps(skb)->hwtstamp =
			ns_to_ktime(dlo_clock_at(&rx->priv->clock, rx->taken));
}

static struct sk_buff *dlo_rx_alloc_skb(struct dlo_rx *rx, u32 len)
{
	struct sk_buff *skb = dlo_fault(rx->rxq, DLO_FAULT_SKB) ? NULL :
			      napi_alloc_skb(rx->napi, len);

	if (!skb) {
		dlo_count(&rx->rxq->stats, DLO_RX_ALLOC_FAIL);
		return NULL;
	}
	skb_mark_for_recycle(skb);
	skb_put(skb, len);
	skb_record_rx_queue(skb, rx->rxq - rx->priv->rxqs);
	dlo_rx_set_offloads(rx, skb);
	return skb;
}

/*
 * Verify the frame as it has arrived; returns skb->ip_summed. Hardware passes on
 * what is wrong for the stack to look at again; the stack cannot look into
 * device memory, so such a frame ends here.
 */
int dlo_rx_checksum(struct dlo_rx *rx)
{
	bool readable = !rx->n_pieces || !rx->rxq->mem.unreadable;
	struct dlo_rx_counters *stats = &rx->rxq->stats;
	bool bad;

	if (readable && !(rx->priv->dev->features & NETIF_F_RXCSUM)) {
		dlo_count(stats, DLO_RX_CSUM_NONE);
		return CHECKSUM_NONE;
	}
	if (dlo_frame_verify(&rx->seg, rx->sum.sum, &bad)) {
		dlo_count(stats, DLO_RX_CSUM_UNNECESSARY);
		return CHECKSUM_UNNECESSARY;
	}

	dlo_count(stats, bad ? DLO_RX_CSUM_BAD : DLO_RX_CSUM_NONE);
	if (readable)
		return CHECKSUM_NONE;
	dlo_count(stats, DLO_RX_CSUM_DROPS);
	return -EBADMSG;
}

/* Up to the stack, now or when a fault says so. */
void dlo_rx_pass(struct dlo_rx *rx, struct sk_buff *skb)
{
	if (!dlo_fault_hold(rx->rxq, rx->napi, skb))
		napi_gro_receive(rx->napi, skb);
}

/* A packet that came in @frames frames, of @bytes altogether, is about to be passed on. */
void dlo_rx_account(struct dlo_priv *priv, struct dlo_rxq *rxq, struct sk_buff *skb, u32 frames,
		    u32 bytes)
{
	dlo_count_add(&rxq->stats, DLO_RX_PACKETS, frames);
	dlo_count_add(&rxq->stats, DLO_RX_BYTES, bytes);
	skb->protocol = eth_type_trans(skb, priv->dev);
}

/*
 * What is current continues @gro, which is growing. Of frames that follow
 * another of the same packet no headers are ever needed, and no checksums either:
 * what the sender would sum up, the receiver would, in the same pass.
 */
static int dlo_rx_join(struct dlo_rx *rx, struct dlo_gro *gro, bool follows)
{
	bool bad;
	int err;

	rx->part = dlo_gro_part(rx, gro);
	err = dlo_land(rx, rx->seg.payload, follows ? NULL : &rx->sum);
	if (err)
		return err;
	if (!follows) {
		dlo_segment_checksum(&rx->seg, rx->sum.sum);
		if (!dlo_frame_verify(&rx->seg, rx->sum.sum, &bad)) {
			dlo_land_undo(rx);
			return -EBADMSG;
		}
	}
	dlo_land_commit(rx, gro->skb, true);
	dlo_gro_advance(rx, gro, follows);
	return 0;
}

/* The current frame is in @skb, but for the pieces: pass it on, unless it may grow. */
static void dlo_rx_complete(struct dlo_rx *rx, struct sk_buff *skb, bool split)
{
	bool grows = skb->ip_summed == CHECKSUM_UNNECESSARY && dlo_gro_may_begin(rx, split);

	if (grows)
		rx->part = dlo_gro_part(rx, dlo_gro_begin(rx, skb, split));
	dlo_land_commit(rx, skb, grows);
	dlo_fault_split_early(rx->rxq, split, skb);
	if (split)
		dlo_count(&rx->rxq->stats, DLO_RX_SPLIT);
	if (grows)
		return;

	dlo_rx_account(rx->priv, rx->rxq, skb, 1, rx->seg.hlen + rx->seg.payload);
	dlo_rx_pass(rx, skb);
}

/* The current frame becomes a packet, which may grow. */
static int dlo_rx_new(struct dlo_rx *rx)
{
	struct dlo_segmenter *seg = &rx->seg;
	u32 len = seg->hlen + seg->payload;
	struct sk_buff *skb;
	u32 host_len;
	bool split;
	int err;

	host_len = dlo_rx_host_len(rx, &split);
	if (rx->prog)
		return dlo_xdp_frame(rx, split);
	host_len += dlo_fault_split_late(rx->rxq, split, len - host_len);
	skb = dlo_rx_alloc_skb(rx, host_len);
	if (!skb)
		return -ENOMEM;

	err = dlo_source_copy(&rx->src, skb->data + seg->hlen, host_len - seg->hlen, &rx->sum);
	if (err)
		goto err_free_skb;
	rx->part = &rx->rxq->mem.part;
	dlo_part_prepare(&rx->rxq->mem, len - host_len);
	err = dlo_land(rx, len - host_len, &rx->sum);
	if (err)
		goto err_free_skb;

	dlo_segment_checksum(seg, rx->sum.sum);
	dlo_fault_damage(rx, skb->data + seg->hlen, host_len - seg->hlen);
	err = dlo_rx_checksum(rx);
	if (err < 0)
		goto err_undo_land;
	skb->ip_summed = err;
	memcpy(skb->data, seg->frame, seg->hlen);
	dlo_rx_complete(rx, skb, split);
	return 0;

err_undo_land:
	dlo_land_undo(rx);
err_free_skb:
	dev_kfree_skb_any(skb);
	return err;
}

/* The current frame of the segmenter, and as many after it as can go with it. */
static int dlo_rx_frame_any(struct dlo_rx *rx)
{
	struct dlo_segmenter *seg = &rx->seg;
	u32 following = dlo_gro_following(rx);
	struct dlo_gro *gro;
	int err;

	if (following) {
		dlo_segment_extend(seg, following);
		return dlo_rx_join(rx, rx->gro, true);
	}

	rx->sum = (struct dlo_sum) {};
	dlo_segment_headers(seg);
	gro = dlo_gro_find(rx);
	if (gro && dlo_gro_continues(rx, gro)) {
		err = dlo_rx_join(rx, gro, false);
		if (err != -EBADMSG)
			return err;
		rx->sum = (struct dlo_sum) {};
		err = dlo_source_seek(&rx->src, seg->skb, seg->hlen - seg->shift + seg->sent);
		if (err)
			return err;
	}
	if (gro)
		dlo_gro_flush(rx, gro);
	return dlo_rx_new(rx);
}

/* Receive the current frame of the segmenter. -EFAULT: its source cannot be read. */
static int dlo_rx_frame(struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	u32 len = seg->hlen + seg->payload;
	int err;

	if (len > READ_ONCE(rx->priv->dev->mtu) + ETH_HLEN + 2 * VLAN_HLEN) {
		dlo_count(&rx->rxq->stats, DLO_RX_OVERSIZE);
		err = -EMSGSIZE;
	} else {
		err = dlo_rx_frame_any(rx);
	}
	if (err)
		rx->gro = NULL;
	if (err && err != -EFAULT)	/* of that, the whole packet dies */
		dlo_count_add(&rx->rxq->stats, DLO_RX_DROPS, seg->frames);
	if (err == -ENOMEM)
		dlo_gro_flush_all(rx);	/* who reads what has grown gives buffers back */
	return err;
}

/* Begin with the first frame of @tx, without the VLAN tag that goes beside it. */
int dlo_rx_first(struct dlo_rx *rx, struct sk_buff *tx)
{
	return dlo_segment_first(&rx->seg, tx, &dlo_tx_cb(tx)->head,
				 rx->priv->dev->features & NETIF_F_HW_VLAN_CTAG_RX);
}

/*
 * Receive one packet of the peer, frame by frame; returns their number. A
 * dropped frame leaves the read position anywhere: the next one starts anew
 * from the packet's beginning.
 */
static int dlo_rx_packet(struct dlo_rx *rx, struct sk_buff *tx)
{
	struct dlo_segmenter *seg = &rx->seg;
	struct dlo_tx_cb *cb = dlo_tx_cb(tx);
	int frames = 0;
	int err;

	rx->verdict = &cb->verdict;
	rx->taken = cb->taken;
	rx->gro = NULL;
	cb->fate = DLO_TX_SENT;
	err = dlo_rx_first(rx, tx);
	if (err) {
		cb->fate = err == -EFAULT ? DLO_TX_NOT_REACHED : DLO_TX_DROPPED;
		dlo_count(&rx->rxq->stats, DLO_RX_DROPS);
		return 1;
	}

	err = -ESTALE;
	do {
		if (err)
			err = dlo_source_seek(&rx->src, tx, seg->hlen - seg->shift + seg->sent);
		if (!err)
			err = dlo_fault_frame(rx->rxq) ?: dlo_rx_frame(rx);
		frames += seg->frames;
		if (err == -EFAULT) {
			cb->fate = DLO_TX_NOT_REACHED;
			dlo_count_add(&rx->rxq->stats, DLO_RX_DROPS, dlo_segment_rest(seg));
		}
	} while (dlo_fault_again(rx, tx, &err) || (err != -EFAULT && dlo_segment_next(seg)));
	return frames;
}

/*
 * Receive a batch of packets, whose senders get them back together. A TSO
 * packet is not interrupted when the budget is used up: the frames beyond it
 * are not accounted, which polling does not mind.
 */
int dlo_rx_poll(struct dlo_priv *priv, unsigned int idx, int budget)
{
	struct dlo_rx rx = {
		.priv	= priv,
		.rxq	= &priv->rxqs[idx],
		.napi	= &priv->vectors[idx].napi,
		.prog	= rcu_dereference(priv->xdp_prog),
	};
	struct sk_buff_head batch;
	struct sk_buff *tx;
	int work = 0;

	if (!rx.rxq->mem.pool)
		return 0;
	if (dlo_fault_stall(rx.rxq)) {
		dlo_gro_flush_all(&rx);
		return 0;
	}

	dlo_part_set_packed(&rx.rxq->mem, READ_ONCE(priv->priv_flags) & BIT(DLO_FLAG_RX_PACKED));
	if (unlikely(rx.prog))		/* it came while packets were growing */
		dlo_gro_flush_all(&rx);
	__skb_queue_head_init(&batch);
	while (work < budget &&
	       dlo_wire_take(&rx.rxq->wire, &batch, min(budget - work, DLO_RX_BATCH))) {
		skb_queue_walk(&batch, tx)
			work += dlo_rx_packet(&rx, tx);
		dlo_tx_done_list(&batch);
	}
	dlo_gro_polled(&rx, work >= budget && !skb_queue_empty_lockless(&rx.rxq->wire.list));
	dlo_fault_release(rx.rxq, rx.napi);
	dlo_xdp_flush(&rx);
	dlo_rxq_refill(&rx.rxq->mem);
	return min(work, budget);
}
