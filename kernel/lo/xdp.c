// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP: frames into pages with headroom, a program's verdict, frames of other
 * devices onto the wire.
 *
 * A program is attached in two steps: every queue gets memory that programs can
 * work on, which may fail; then the program is published, which cannot. It goes
 * the other way round. So there is never a program without its memory, while
 * such memory without a program is merely roomy.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <net/xdp.h>

#include "devmem_lo.h"

/* What a buffer needs for a program to look at it, and for an skb to be built around it. */
#define DLO_XDP_TAILROOM	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))
#define DLO_XDP_OVERHEAD	(XDP_PACKET_HEADROOM + DLO_XDP_TAILROOM)

/* The longest frame in one buffer, less its Ethernet and VLAN headers. */
#define DLO_XDP_MTU_MAX		\
	min_t(unsigned int, PAGE_SIZE - DLO_XDP_OVERHEAD - ETH_HLEN - 2 * VLAN_HLEN, DLO_MTU_MAX)

/* struct dlo_xdp_buff - a frame as programs see it, and with @rx, as their kfuncs do */
struct dlo_xdp_buff {
	struct xdp_buff xdp;		/* first: the programs' context is this */
	struct dlo_rx *rx;
	int ip_summed;			/* of what arrived: what a program does is its affair */
};

/* --- Reception ---------------------------------------------------------- */

/* Whole buffers: programs may grow the last one. On error the caller returns the buffers. */
static int dlo_xdp_fill_frags(struct dlo_rx *rx, struct xdp_buff *xdp, u32 len)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	netmem_ref buf;
	u32 chunk;
	int err;

	rx->n_pieces = 0;
	for (; len; len -= chunk) {
		chunk = min(len, mem->buf_size);
		buf = dlo_rxq_get_buf(mem);
		if (!buf) {
			dlo_count(&rx->rxq->stats, DLO_RX_ALLOC_FAIL);
			return -ENOMEM;
		}
		err = dlo_source_copy(&rx->src, netmem_address(buf), chunk, &rx->sum);
		if (!err && !xdp_buff_add_frag(xdp, buf, 0, chunk, mem->buf_size))
			err = -EMSGSIZE;
		if (err) {
			page_pool_put_full_netmem(mem->pool, buf, true);
			return err;
		}
		rx->pieces[rx->n_pieces++] = (struct dlo_piece) { .buf = buf, .len = chunk };
	}
	return 0;
}

/* The first @linear bytes, or as many as fit, into the first buffer; the rest into frags. */
static int dlo_xdp_fill(struct dlo_rx *rx, struct xdp_buff *xdp, u32 linear)
{
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	struct dlo_segmenter *seg = &rx->seg;
	u32 len = seg->hlen + seg->payload;
	netmem_ref buf;
	int err;

	linear = min(linear, mem->buf_size - mem->headroom - (u32)DLO_XDP_TAILROOM);
	if (linear < len && !rx->prog->aux->xdp_has_frags) {
		dlo_count(&rx->rxq->stats, DLO_RX_OVERSIZE);
		return -EMSGSIZE;
	}

	buf = dlo_rxq_get_buf(mem);
	if (!buf) {
		dlo_count(&rx->rxq->stats, DLO_RX_ALLOC_FAIL);
		return -ENOMEM;
	}
	xdp_init_buff(xdp, mem->buf_size, &mem->xdp);
	xdp_prepare_buff(xdp, netmem_address(buf), mem->headroom, linear, true);

	err = dlo_source_copy(&rx->src, xdp->data + seg->hlen, linear - seg->hlen, &rx->sum);
	if (err)
		goto err_return_buff;
	err = dlo_xdp_fill_frags(rx, xdp, len - linear);
	if (err)
		goto err_return_buff;

	dlo_segment_checksum(seg, rx->sum.sum);
	dlo_fault_damage(rx, xdp->data + seg->hlen, linear - seg->hlen);
	memcpy(xdp->data, seg->frame, seg->hlen);
	return 0;

err_return_buff:
	xdp_return_buff(xdp);
	return err;
}

static int dlo_xdp_pass(struct dlo_xdp_buff *buff)
{
	struct dlo_rx *rx = buff->rx;
	struct sk_buff *skb;

	skb = xdp_build_skb_from_buff(&buff->xdp);
	if (!skb)
		return -ENOMEM;

	skb->ip_summed = buff->ip_summed;
	dlo_rx_set_offloads(rx, skb);
	dlo_rx_pass(rx, skb);
	return 0;
}

/* Back onto the wire it came from. A frame that does not get there is still the caller's. */
static int dlo_xdp_tx(struct dlo_xdp_buff *buff)
{
	struct xdp_frame *frame = xdp_convert_buff_to_frame(&buff->xdp);
	struct net_device *dev = buff->rx->priv->dev;
	unsigned int idx = buff->xdp.rxq->queue_index;
	int sent;

	if (!frame)
		return -ENOSPC;
	sent = dlo_tx_frames(dev, idx % READ_ONCE(dev->real_num_tx_queues), 1, &frame);
	return sent == 1 ? 0 : -EBUSY;
}

static int dlo_xdp_redirect(struct dlo_xdp_buff *buff)
{
	struct dlo_rx *rx = buff->rx;
	int err;

	err = xdp_do_redirect(rx->priv->dev, &buff->xdp, rx->prog);
	if (!err)
		rx->redirected = true;
	return err;
}

/* Do what the program says; the frame's buffers are out of hand afterwards. */
static void dlo_xdp_act(struct dlo_xdp_buff *buff, u32 act)
{
	const struct dlo_rx *rx = buff->rx;
	enum dlo_rx_stat stat;
	int err;

	switch (act) {
	case XDP_PASS:
		stat = DLO_RX_XDP_PASS;
		err = dlo_xdp_pass(buff);
		break;
	case XDP_TX:
		stat = DLO_RX_XDP_TX;
		err = dlo_xdp_tx(buff);
		break;
	case XDP_REDIRECT:
		stat = DLO_RX_XDP_REDIRECT;
		err = dlo_xdp_redirect(buff);
		break;
	case XDP_DROP:
		dlo_count(&rx->rxq->stats, DLO_RX_XDP_DROP);
		xdp_return_buff(&buff->xdp);
		return;
	default:
		bpf_warn_invalid_xdp_action(rx->priv->dev, rx->prog, act);
		fallthrough;
	case XDP_ABORTED:
		stat = DLO_RX_XDP_ABORTED;
		err = -EINVAL;
		break;
	}

	if (!err) {
		dlo_count(&rx->rxq->stats, stat);
		return;
	}
	dlo_count(&rx->rxq->stats, stat == DLO_RX_XDP_ABORTED ? stat : DLO_RX_XDP_ERRORS);
	trace_xdp_exception(rx->priv->dev, rx->prog, act);
	xdp_return_buff(&buff->xdp);
}

/*
 * Receive the current frame of the segmenter and let the program judge it. With
 * @split the first buffer ends with the headers. Errors are those of reception:
 * what the program does with a frame is none.
 */
int dlo_xdp_frame(struct dlo_rx *rx, bool split)
{
	struct dlo_segmenter *seg = &rx->seg;
	u32 len = seg->hlen + seg->payload;
	struct dlo_xdp_buff buff;
	int err;

	err = dlo_xdp_fill(rx, &buff.xdp, split ? seg->hlen : len);
	if (err)
		return err;

	buff.rx = rx;
	buff.ip_summed = dlo_rx_checksum(rx);
	dlo_count(&rx->rxq->stats, DLO_RX_PACKETS);
	dlo_count_add(&rx->rxq->stats, DLO_RX_BYTES, len);
	if (split)
		dlo_count(&rx->rxq->stats, DLO_RX_SPLIT);

	dlo_xdp_act(&buff, bpf_prog_run_xdp(rx->prog, &buff.xdp));
	return 0;
}

/* At the end of a poll: what was redirected goes on its way. */
void dlo_xdp_flush(const struct dlo_rx *rx)
{
	if (rx->redirected)
		xdp_do_flush();
}

/* --- What kfuncs tell programs ------------------------------------------ */

/* When the frame's packet was put on the wire, or if that was not noted, now. */
static int dlo_xmo_rx_timestamp(const struct xdp_md *ctx, u64 *timestamp)
{
	const struct dlo_rx *rx = ((const struct dlo_xdp_buff *)ctx)->rx;

	*timestamp = dlo_clock_at(&rx->priv->clock, rx->taken ?: ktime_get_raw_ns());
	return 0;
}

static int dlo_xmo_rx_hash(const struct xdp_md *ctx, u32 *hash, enum xdp_rss_hash_type *type)
{
	const struct dlo_rx *rx = ((const struct dlo_xdp_buff *)ctx)->rx;
	const struct dlo_head *head = &rx->seg.head;

	if (!(rx->priv->dev->features & NETIF_F_RXHASH) ||
	    rx->verdict->hash_type == PKT_HASH_TYPE_NONE)
		return -ENODATA;

	*hash = rx->verdict->hash;
	*type = XDP_RSS_TYPE_NONE;
	if (head->l3)
		*type |= head->v6 ? XDP_RSS_L3_IPV6 : XDP_RSS_L3_IPV4;
	if (rx->verdict->hash_type == PKT_HASH_TYPE_L4)
		*type |= XDP_RSS_L4;
	if ((*type & XDP_RSS_L4) && head->l4)
		*type |= dlo_head_is_tcp(head) ? XDP_RSS_L4_TCP : XDP_RSS_L4_UDP;
	return 0;
}

/* The tag that was taken out of the frame before the program saw it. */
static int dlo_xmo_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto, u16 *tci)
{
	const struct dlo_segmenter *seg = &((const struct dlo_xdp_buff *)ctx)->rx->seg;

	if (!seg->vlan_tagged)
		return -ENODATA;
	*proto = htons(ETH_P_8021Q);
	*tci = seg->vlan_tci;
	return 0;
}

const struct xdp_metadata_ops dlo_xdp_metadata_ops = {
	.xmo_rx_timestamp	= dlo_xmo_rx_timestamp,
	.xmo_rx_hash		= dlo_xmo_rx_hash,
	.xmo_rx_vlan_tag	= dlo_xmo_rx_vlan_tag,
};

/* --- Transmission of other devices' frames ------------------------------ */

/* Frames beyond the number returned are still the caller's. */
int dlo_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames, u32 flags)
{
	unsigned int idx = smp_processor_id() % READ_ONCE(dev->real_num_tx_queues);

	if (unlikely(flags & ~XDP_XMIT_FLAGS_MASK))
		return -EINVAL;
	return dlo_tx_frames(dev, idx, n, frames);
}

/* --- A queue's memory --------------------------------------------------- */

/* Make @mem known to XDP, which may see its pages come home long after the queue is gone. */
int dlo_xdp_mem_init(struct dlo_priv *priv, struct dlo_rxq_mem *mem, int idx)
{
	int err;

	err = __xdp_rxq_info_reg(&mem->xdp, priv->dev, idx, priv->vectors[idx].napi.napi_id,
				 mem->buf_size);
	if (err)
		return err;
	err = xdp_rxq_info_reg_mem_model(&mem->xdp, MEM_TYPE_PAGE_POOL, mem->pool);
	if (err) {
		xdp_rxq_info_unreg(&mem->xdp);
		return err;
	}
	mem->headroom = priv->xdp_headroom;
	return 0;
}

/* Before the pool is destroyed: this lets go of a reference to it. */
void dlo_xdp_mem_free(struct dlo_rxq_mem *mem)
{
	if (mem->headroom)
		xdp_rxq_info_unreg(&mem->xdp);
}

/* --- Programs ----------------------------------------------------------- */

static int dlo_xdp_check(struct dlo_priv *priv, const struct bpf_prog *prog,
			 struct netlink_ext_ack *extack)
{
	if (prog->aux->xdp_has_frags)
		return 0;

	if (dlo_hds_on(priv)) {		/* the core refuses it only since 6.14 */
		NL_SET_ERR_MSG(extack, "tcp-data-split is on: the program must be of xdp.frags");
		return -EBUSY;
	}
	if (priv->dev->mtu > DLO_XDP_MTU_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "MTU %u over %u: the program must be of xdp.frags",
				   priv->dev->mtu, DLO_XDP_MTU_MAX);
		return -ERANGE;
	}
	return 0;
}

/* Memory for a program; on error every queue runs on with what it has. */
static int dlo_xdp_prepare(struct dlo_priv *priv, struct netlink_ext_ack *extack)
{
	int err;

	if (priv->xdp_headroom)
		return 0;

	priv->xdp_headroom = XDP_PACKET_HEADROOM;
	err = dlo_queues_reload(priv);
	if (err) {
		priv->xdp_headroom = 0;
		NL_SET_ERR_MSG(extack, "no memory for queues with headroom: the old ones stay");
	}
	return err;
}

/* Leaving must not fail: where there is no memory without headroom, that with it will do. */
static void dlo_xdp_unprepare(struct dlo_priv *priv)
{
	priv->xdp_headroom = 0;
	if (dlo_queues_reload(priv))
		netdev_dbg(priv->dev, "queues keep their headroom\n");
}

/* The program is ours from success on; under rtnl and the configuration lock. */
static int dlo_xdp_setup(struct net_device *dev, struct bpf_prog *prog,
			 struct netlink_ext_ack *extack)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct bpf_prog *old;
	int err;

	if (prog) {
		err = dlo_xdp_check(priv, prog, extack);
		if (err)
			return err;
		err = dlo_xdp_prepare(priv, extack);
		if (err)
			return err;
	}

	dev->max_mtu = prog && !prog->aux->xdp_has_frags ? DLO_XDP_MTU_MAX : DLO_MTU_MAX;
	old = rcu_replace_pointer(priv->xdp_prog, prog, dlo_config_is_locked(dev));
	if (old && !prog)
		dlo_xdp_unprepare(priv);
	if (old)
		bpf_prog_put(old);
	if (dev->reg_state == NETREG_REGISTERED)
		netdev_update_features(dev);
	return 0;
}

/* Is there a program that cannot take split frames? */
bool dlo_xdp_is_linear(struct dlo_priv *priv)
{
	const struct bpf_prog *prog = rcu_dereference_protected(priv->xdp_prog,
								dlo_config_is_locked(priv->dev));

	return prog && !prog->aux->xdp_has_frags;
}

int dlo_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return dlo_xdp_setup(dev, bpf->prog, bpf->extack);
	default:
		return -EINVAL;
	}
}
