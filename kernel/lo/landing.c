// SPDX-License-Identifier: GPL-2.0-only
/*
 * Landing: a frame's payload goes into buffers of its queue first, and becomes
 * fragments of a packet once its checksum was seen. Until then nothing of the
 * queue has changed, and a frame that is dropped leaves no trace.
 *
 * The queue's open buffer (dlo_rxq_mem.part) is where the next payload lands.
 * There is one while a packet grows by frames (gro.c), and if buffers are
 * packed (ethtool's private flag rx-packed, or larger than a page) from packet
 * to packet. The queue owns a reference of it; so does each fragment in it.
 */
#include "devmem_lo.h"

/*
 * May several packets share a buffer? Looked at anew in each poll: nothing has
 * to be reloaded when it changes, and one packet never sees both.
 */
void dlo_part_set_packed(struct dlo_rxq_mem *mem, bool packed)
{
	mem->packed = packed || mem->buf_size > PAGE_SIZE;
}

void dlo_part_close(struct dlo_rxq_mem *mem)
{
	if (mem->part)
		page_pool_put_full_netmem(mem->pool, mem->part, true);
	mem->part = 0;
}

/* A packet's fragments start on cache lines, and are not cut but where they must be. */
void dlo_part_prepare(struct dlo_rxq_mem *mem, u32 len)
{
	if (!mem->part)
		return;

	mem->part_off = ALIGN(mem->part_off, SMP_CACHE_BYTES);
	if (!mem->packed || mem->part_off >= mem->buf_size ||
	    (len <= mem->buf_size && len > mem->buf_size - mem->part_off))
		dlo_part_close(mem);
}

/* The packet that was growing in the open buffer is complete. */
void dlo_part_release(struct dlo_rxq_mem *mem)
{
	if (!mem->packed)
		dlo_part_close(mem);
}

/* How much the open buffer and @buffers more can take. */
u32 dlo_part_room(const struct dlo_rxq_mem *mem, u32 buffers)
{
	return (mem->part ? mem->buf_size - mem->part_off : 0) + buffers * mem->buf_size;
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
	if (mem->part && len) {
		piece->buf = mem->part;
		piece->off = mem->part_off;
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
		if (piece->buf != mem->part)
			page_pool_put_full_netmem(mem->pool, piece->buf, true);
	rx->n_pieces = 0;
}

/* A piece in the open buffer: it may continue the packet's last fragment. */
static void dlo_land_commit_part(struct dlo_rxq_mem *mem, struct sk_buff *skb,
				 const struct dlo_piece *piece)
{
	u32 truesize = mem->packed ? ALIGN(piece->len, SMP_CACHE_BYTES) : 0;
	int n = skb_shinfo(skb)->nr_frags;
	skb_frag_t *last = n ? &skb_shinfo(skb)->frags[n - 1] : NULL;

	if (last && skb_frag_netmem(last) == piece->buf &&
	    skb_frag_off(last) + skb_frag_size(last) == piece->off) {
		skb_frag_size_add(last, piece->len);
		skb->len += piece->len;
		skb->data_len += piece->len;
		skb->truesize += truesize;
	} else {
		page_pool_ref_netmem(piece->buf);
		skb_add_rx_frag_netmem(skb, n, piece->buf, piece->off, piece->len, truesize);
	}

	mem->part_off = piece->off + piece->len;
	if (mem->part_off == mem->buf_size)
		dlo_part_close(mem);
}

/*
 * What has landed becomes the end of @skb, which owns its references then. With
 * @open the last buffer, if it has room left, is to be the queue's open one.
 */
void dlo_land_commit(struct dlo_rx *rx, struct sk_buff *skb, bool open)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	const struct dlo_piece *piece;
	bool room = false;
	u32 truesize;

	for (piece = rx->pieces; piece < rx->pieces + rx->n_pieces; piece++) {
		if (piece->buf == mem->part) {
			dlo_land_commit_part(mem, skb, piece);
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
		mem->part = piece->buf;
		mem->part_off = piece->len;
	}
	rx->n_pieces = 0;
}
