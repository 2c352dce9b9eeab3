// SPDX-License-Identifier: GPL-2.0-only
/*
 * Landing: a frame's payload goes into buffers of its queue first, and becomes
 * fragments of a packet once its checksum was seen. Until then nothing of the
 * queue has changed, and a frame that is dropped leaves no trace.
 *
 * An open buffer (struct dlo_part) is where payload goes on. Each packet that
 * grows by frames (gro.c) has its own; but if buffers are packed (ethtool's
 * private flag rx-packed, or larger than a page) the queue has one, for all
 * packets, one after the other. The queue owns a reference of it, and so does
 * each fragment in it.
 */
#include "devmem_lo.h"

void dlo_part_close(struct dlo_rxq_mem *mem, struct dlo_part *part)
{
	if (part->buf)
		page_pool_put_full_netmem(mem->pool, part->buf, true);
	part->buf = 0;
}

/*
 * May several packets share a buffer? Looked at anew in each poll: nothing has
 * to be reloaded when it changes, as a packet may go on in either way.
 */
void dlo_part_set_packed(struct dlo_rxq_mem *mem, bool packed)
{
	mem->packed = packed || mem->buf_size > PAGE_SIZE;
	if (!mem->packed)
		dlo_part_close(mem, &mem->part);
}

/* A packet's fragments start on cache lines, and are not cut but where they must be. */
void dlo_part_prepare(struct dlo_rxq_mem *mem, u32 len)
{
	struct dlo_part *part = &mem->part;

	if (!part->buf)
		return;

	part->off = ALIGN(part->off, SMP_CACHE_BYTES);
	if (part->off >= mem->buf_size ||
	    (len <= mem->buf_size && len > mem->buf_size - part->off))
		dlo_part_close(mem, part);
}

/* Is what is next in the open buffer next to the last of @skb? */
bool dlo_part_continues(const struct dlo_part *part, const struct sk_buff *skb)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	const skb_frag_t *last;

	if (!info->nr_frags)
		return false;
	last = &info->frags[info->nr_frags - 1];
	return skb_frag_netmem(last) == part->buf &&
	       skb_frag_off(last) + skb_frag_size(last) == part->off;
}

/* How much the open buffer and @buffers more can take. */
u32 dlo_part_room(const struct dlo_rxq_mem *mem, const struct dlo_part *part, u32 buffers)
{
	return (part->buf ? mem->buf_size - part->off : 0) +
	       min_t(u32, buffers, MAX_SKB_FRAGS) * mem->buf_size;
}

/* Copy as much as fits into @piece, whose buffer and offset are set. */
static int dlo_land_piece(struct dlo_rx *rx, struct dlo_piece *piece, u32 len, struct dlo_sum *sum)
{
	void *dst;

	piece->len = min(len, rx->rxq->mem.buf_size - piece->off);
	dst = dlo_fault(rx->rxq, DLO_FAULT_UNREACHABLE) ? NULL :
	      dlo_dma_reach(piece->buf, piece->off, piece->len);
	if (!dst) {
		dlo_count_add(&rx->rxq->stats, DLO_RX_UNREACHABLE, rx->seg.frames);
		return -EIO;
	}
	return dlo_source_copy(&rx->src, dst, piece->len, sum);
}

/*
 * Land the next @len bytes of the source, and add them to @sum unless it is
 * NULL. On success dlo_land_commit() or dlo_land_undo() has to follow.
 */
int dlo_land(struct dlo_rx *rx, u32 len, struct dlo_sum *sum)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	struct dlo_piece *piece = rx->pieces;
	int err;

	rx->n_pieces = 0;
	if (rx->part->buf && len) {
		piece->buf = rx->part->buf;
		piece->off = rx->part->off;
		err = dlo_land_piece(rx, piece, len, sum);
		if (err)
			return err;
		rx->n_pieces++;
		len -= piece++->len;
	}

	for (; len; len -= piece++->len) {
		piece->buf = dlo_rxq_get_buf(mem);
		piece->off = 0;
		if (!piece->buf) {
			dlo_count(&rx->rxq->stats, DLO_RX_ALLOC_FAIL);
			err = -ENOMEM;
			goto err_undo;
		}
		rx->n_pieces++;
		err = dlo_land_piece(rx, piece, len, sum);
		if (err)
			goto err_undo;
	}
	return 0;

err_undo:
	dlo_land_undo(rx);
	return err;
}

void dlo_land_undo(struct dlo_rx *rx)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	struct dlo_piece *piece;

	for (piece = rx->pieces; piece < rx->pieces + rx->n_pieces; piece++)
		if (piece->buf != rx->part->buf)
			page_pool_put_full_netmem(mem->pool, piece->buf, true);
	rx->n_pieces = 0;
}

/* A piece in the open buffer: it may continue the packet's last fragment. */
static void dlo_land_commit_part(struct dlo_rx *rx, struct sk_buff *skb,
				 const struct dlo_piece *piece)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	u32 truesize = mem->packed ? ALIGN(piece->len, SMP_CACHE_BYTES) : 0;
	int n = skb_shinfo(skb)->nr_frags;

	if (dlo_part_continues(rx->part, skb)) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[n - 1], piece->len);
		skb->len += piece->len;
		skb->data_len += piece->len;
		skb->truesize += truesize;
	} else {
		page_pool_ref_netmem(piece->buf);
		skb_add_rx_frag_netmem(skb, n, piece->buf, piece->off, piece->len, truesize);
	}

	rx->part->off = piece->off + piece->len;
	if (rx->part->off == mem->buf_size)
		dlo_part_close(mem, rx->part);
}

/*
 * What has landed becomes the end of @skb, which owns its references then. With
 * @open the last buffer, if it has room left, is to be the open one.
 */
void dlo_land_commit(struct dlo_rx *rx, struct sk_buff *skb, bool open)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	const struct dlo_piece *piece;
	bool room = false;
	u32 truesize;

	for (piece = rx->pieces; piece < rx->pieces + rx->n_pieces; piece++) {
		if (piece->buf == rx->part->buf) {
			dlo_land_commit_part(rx, skb, piece);
			continue;
		}
		truesize = mem->packed ? ALIGN(piece->len, SMP_CACHE_BYTES) : mem->buf_size;
		skb_add_rx_frag_netmem(skb, skb_shinfo(skb)->nr_frags, piece->buf, 0, piece->len,
				       truesize);
		room = piece->len < mem->buf_size;
	}

	if (room && (open || mem->packed)) {
		piece--;
		page_pool_ref_netmem(piece->buf);
		rx->part->buf = piece->buf;
		rx->part->off = piece->len;
	}
	rx->n_pieces = 0;
}
