// SPDX-License-Identifier: GPL-2.0-only
/*
 * RX queues: their memory, and how it is exchanged while the device runs.
 *
 * Whatever can fail happens in dlo_rxq_mem_alloc(), on memory that no engine
 * uses yet. Taking it into use cannot fail, so there is never a moment from
 * which the old queue could not be kept.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <net/page_pool/helpers.h>

#include "devmem_lo.h"

/* --- A queue's memory --------------------------------------------------- */

#define DLO_POOL_SIZE	1024U

/*
 * A pool has no NAPI until dlo_rxq_attach(): many are only tried, and never used.
 * What readers free at once ought to fit in the pool's ring, or it is allocated
 * anew; but the niovs one queue keeps for later are missed by others of the
 * binding.
 */
static struct page_pool *dlo_pool_create(struct dlo_priv *priv, int idx, u32 page_size,
					 bool unreadable)
{
	struct page_pool_params params = {
		.order		= get_order(page_size),
		.pool_size	= unreadable ? priv->rx_ring : max(priv->rx_ring, DLO_POOL_SIZE),
		.nid		= NUMA_NO_NODE,
		.dev		= dlo_parent,
		.netdev		= priv->dev,
		.queue_idx	= idx,
		.dma_dir	= priv->xdp_headroom ? DMA_BIDIRECTIONAL : DMA_FROM_DEVICE,
		.max_len	= page_size,
		.flags		= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
	};

	/* Without split, headers would end up where nobody can read them. */
	if (dlo_hds_on(priv) && !priv->hds_thresh)
		params.flags |= PP_FLAG_ALLOW_UNREADABLE_NETMEM;

	return page_pool_create(&params);
}

/*
 * Can the engine reach this pool's memory? One buffer is tried now, so that
 * what it never can is refused when it is bound; each is checked when it is
 * used. A pool that is dry, shared with other queues as it may be, proves
 * nothing.
 */
static int dlo_pool_probe(struct page_pool *pool, u32 page_size)
{
	netmem_ref buf = page_pool_alloc_netmems(pool, GFP_KERNEL | __GFP_NOWARN);
	bool reach;

	if (!buf)
		return 0;
	reach = dlo_dma_reach(buf, 0, page_size);
	page_pool_put_full_netmem(pool, buf, false);

	return reach ? 0 : -EIO;
}

int dlo_rxq_mem_alloc(struct dlo_priv *priv, struct dlo_rxq_mem *mem, int idx, u32 page_size)
{
	int err;

	memset(mem, 0, sizeof(*mem));
	mem->unreadable = netif_rxq_has_unreadable_mp(priv->dev, idx);
	if (mem->unreadable && (!dlo_hds_on(priv) || priv->hds_thresh))
		return -EINVAL;		/* the core refuses it only since 6.14 */
	if (mem->unreadable && priv->xdp_headroom)
		return -EBUSY;		/* as the core does: programs read what they are given */

	mem->buf_size = page_size;
	mem->mask = priv->rx_ring - 1;
	mem->ring = dlo_fault(&priv->rxqs[idx], DLO_FAULT_RING) ? NULL :
		    kvzalloc_objs(*mem->ring, priv->rx_ring);
	if (!mem->ring)
		return -ENOMEM;

	mem->pool = dlo_fault(&priv->rxqs[idx], DLO_FAULT_POOL) ? ERR_PTR(-ENOMEM) :
		    dlo_pool_create(priv, idx, page_size, mem->unreadable);
	if (IS_ERR(mem->pool)) {
		err = PTR_ERR(mem->pool);
		goto err_free_ring;
	}

	err = dlo_fault(&priv->rxqs[idx], DLO_FAULT_PROBE) ? -EIO :
	      dlo_pool_probe(mem->pool, page_size);
	if (err)
		goto err_destroy_pool;
	if (priv->xdp_headroom) {
		err = dlo_xdp_mem_init(priv, mem, idx);
		if (err)
			goto err_destroy_pool;
	}
	return 0;

err_destroy_pool:
	page_pool_destroy(mem->pool);
err_free_ring:
	kvfree(mem->ring);
	memset(mem, 0, sizeof(*mem));
	return err;
}

/* Posted buffers go back; those the stack has keep the pool alive until it returns them. */
void dlo_rxq_mem_free(struct dlo_rxq_mem *mem)
{
	if (!mem->pool)
		return;

	if (mem->part.buf)
		page_pool_put_full_netmem(mem->pool, mem->part.buf, false);
	while (mem->tail != mem->head)
		page_pool_put_full_netmem(mem->pool, mem->ring[mem->tail++ & mem->mask], false);
	dlo_xdp_mem_free(mem);
	page_pool_destroy(mem->pool);
	kvfree(mem->ring);
	memset(mem, 0, sizeof(*mem));
}

/* Post as many buffers as the ring takes and the pool gives. From the queue's NAPI. */
void dlo_rxq_refill(struct dlo_rxq_mem *mem)
{
	netmem_ref buf;

	while (mem->head - mem->tail <= mem->mask) {
		buf = page_pool_alloc_netmems(mem->pool, GFP_ATOMIC | __GFP_NOWARN);
		if (!buf)
			break;
		mem->ring[mem->head++ & mem->mask] = buf;
	}
}

/* How many buffers are posted, of @wanted; or more. */
u32 dlo_rxq_posted(struct dlo_rxq_mem *mem, u32 wanted)
{
	if (mem->head - mem->tail < wanted)
		dlo_rxq_refill(mem);
	return mem->head - mem->tail;
}

/*
 * The next posted buffer, or 0: the pool is dry. Every packet asks anew, so a
 * queue recovers with the first packet after buffers have come back; nothing
 * waits for a buffer, and no timer is needed.
 */
netmem_ref dlo_rxq_get_buf(struct dlo_rxq_mem *mem)
{
	if (mem->head == mem->tail)
		dlo_rxq_refill(mem);
	if (mem->head == mem->tail ||
	    dlo_fault(container_of(mem, struct dlo_rxq, mem), DLO_FAULT_NIOV))
		return 0;
	return mem->ring[mem->tail++ & mem->mask];
}

/* --- A running queue ---------------------------------------------------- */

/* Take @mem away from the engine. The NAPI stays disabled: dlo_rxq_attach() follows. */
static void dlo_rxq_detach(struct dlo_priv *priv, int idx, struct dlo_rxq_mem *mem)
{
	struct dlo_rxq *rxq = &priv->rxqs[idx];

	napi_disable_locked(&priv->vectors[idx].napi);
	dlo_gro_detach(priv, rxq);
	dlo_fault_flush(rxq);
	*mem = rxq->mem;
	memset(&rxq->mem, 0, sizeof(rxq->mem));

	/* Buffers that come home from now on must not touch the lockless cache. */
	if (mem->pool)
		page_pool_disable_direct_recycling(mem->pool);
}

/* Give @mem, which may be empty, to the engine, and have it look for what came in meanwhile. */
static void dlo_rxq_attach(struct dlo_priv *priv, int idx, const struct dlo_rxq_mem *mem)
{
	struct dlo_vector *vector = &priv->vectors[idx];

	priv->rxqs[idx].mem = *mem;
	if (mem->pool)
		page_pool_enable_direct_recycling(mem->pool, &vector->napi);
	napi_enable_locked(&vector->napi);
	dlo_irq_enable(vector);
}

static void dlo_rxq_exchange(struct dlo_priv *priv, int idx, const struct dlo_rxq_mem *mem)
{
	struct dlo_rxq_mem old;

	dlo_rxq_detach(priv, idx, &old);
	dlo_rxq_attach(priv, idx, mem);
	dlo_rxq_mem_free(&old);
}

static void dlo_wire_up(struct dlo_wire *wire)
{
	spin_lock_bh(&wire->list.lock);
	wire->up = true;
	spin_unlock_bh(&wire->list.lock);
}

/* --- All of them -------------------------------------------------------- */

static void dlo_mems_free(struct dlo_rxq_mem *mems, unsigned int n)
{
	while (n--)
		dlo_rxq_mem_free(&mems[n]);
	kvfree(mems);
}

/* Memory for the queues from @from up to, but not including, @to; all of it or none. */
static struct dlo_rxq_mem *dlo_mems_alloc(struct dlo_priv *priv, unsigned int from, unsigned int to)
{
	struct dlo_rxq_mem *mems;
	unsigned int i;
	int err;

	mems = kvzalloc_objs(*mems, to - from);
	if (!mems)
		return ERR_PTR(-ENOMEM);

	for (i = from; i < to; i++) {
		err = dlo_rxq_mem_alloc(priv, &mems[i - from], i,
					dlo_queue_page_size(priv->dev, i));
		if (err) {
			dlo_mems_free(mems, i - from);
			return ERR_PTR(err);
		}
	}
	return mems;
}

static void dlo_queues_set_napi(struct dlo_priv *priv, bool on)
{
	struct net_device *dev = priv->dev;
	unsigned int i;

	for (i = 0; i < dev->real_num_rx_queues; i++)
		netif_queue_set_napi(dev, i, NETDEV_QUEUE_TYPE_RX,
				     on ? &priv->vectors[i].napi : NULL);
	for (i = 0; i < dev->real_num_tx_queues; i++)
		netif_queue_set_napi(dev, i, NETDEV_QUEUE_TYPE_TX,
				     on ? &priv->vectors[i].napi : NULL);
}

static void dlo_napis_add(struct dlo_priv *priv, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		netif_napi_add_config_locked(priv->dev, &priv->vectors[from].napi, dlo_poll, from);
}

/* They are disabled; what GRO holds in them is freed. */
static void dlo_napis_del(struct dlo_priv *priv, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		__netif_napi_del_locked(&priv->vectors[from].napi);
	synchronize_net();
}

/*
 * Every vector has its NAPI while the device is up, whether its queues are in
 * use or not: what a queue sent before it vanished still has to be completed.
 */
int dlo_queues_open(struct dlo_priv *priv)
{
	struct net_device *dev = priv->dev;
	struct dlo_rxq_mem *mems;
	unsigned int i;

	dlo_napis_add(priv, 0, dlo_n_vectors(dev));
	mems = dlo_mems_alloc(priv, 0, dev->real_num_rx_queues);
	if (IS_ERR(mems)) {
		dlo_napis_del(priv, 0, dlo_n_vectors(dev));
		return PTR_ERR(mems);
	}

	for (i = 0; i < dlo_n_vectors(dev); i++) {
		if (i < dev->real_num_rx_queues) {
			dlo_rxq_attach(priv, i, &mems[i]);
		} else {
			napi_enable_locked(&priv->vectors[i].napi);
			dlo_irq_enable(&priv->vectors[i]);
		}
	}
	kvfree(mems);

	dlo_queues_set_napi(priv, true);
	for (i = 0; i < dev->real_num_rx_queues; i++)
		dlo_wire_up(&priv->rxqs[i].wire);
	netif_tx_start_all_queues(dev);
	return 0;
}

void dlo_queues_close(struct dlo_priv *priv)
{
	struct net_device *dev = priv->dev;
	struct dlo_rxq_mem mem;
	unsigned int i;

	for (i = 0; i < dev->real_num_rx_queues; i++)
		dlo_wire_down(&priv->rxqs[i].wire);
	dlo_queues_set_napi(priv, false);

	for (i = 0; i < dlo_n_vectors(dev); i++) {
		if (i < dev->num_rx_queues) {
			dlo_rxq_detach(priv, i, &mem);
			dlo_rxq_mem_free(&mem);
		} else {
			napi_disable_locked(&priv->vectors[i].napi);
		}
		dlo_vector_cancel_coalesce(&priv->vectors[i]);
	}
	dlo_napis_del(priv, 0, dlo_n_vectors(dev));
}

/* Is queue @from or one beyond it bound to a dma-buf? */
bool dlo_queues_bound(struct dlo_priv *priv, unsigned int from)
{
	for (; from < priv->dev->real_num_rx_queues; from++)
		if (netif_rxq_has_unreadable_mp(priv->dev, from))
			return true;
	return false;
}

/* Steer around the queues from @from to @to, and wait until none of them has a packet. */
static void dlo_rxqs_drain(struct dlo_priv *priv, unsigned int from, unsigned int to)
{
	unsigned int i;

	dlo_rss_spread(priv, from);
	for (i = from; i < to; i++)
		dlo_wire_down(&priv->rxqs[i].wire);
	synchronize_net();
}

static void dlo_rxqs_undrain(struct dlo_priv *priv, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		dlo_wire_up(&priv->rxqs[i].wire);
	dlo_rss_spread(priv, to);
}

/* More or fewer queues of a device that is down: they get their memory when it is opened. */
static int dlo_queues_resize_closed(struct dlo_priv *priv, unsigned int rx, unsigned int tx)
{
	int err = netif_set_real_num_queues(priv->dev, tx, rx);

	if (!err)
		dlo_rss_spread(priv, rx);
	return err;
}

static int dlo_set_real_num_queues(struct dlo_priv *priv, unsigned int rx, unsigned int tx)
{
	if (dlo_fault(priv->rxqs, DLO_FAULT_CHANNELS))
		return -ENOMEM;
	return netif_set_real_num_queues(priv->dev, tx, rx);
}

/*
 * No packet of a queue that goes may come up after its number is no longer
 * valid: those that GRO holds are freed with the NAPI, which is made anew.
 */
static int dlo_queues_shrink(struct dlo_priv *priv, unsigned int rx, unsigned int tx)
{
	static const struct dlo_rxq_mem none;
	unsigned int old_rx = priv->dev->real_num_rx_queues;
	struct dlo_rxq_mem *mems;
	unsigned int i;
	int err;

	mems = kvzalloc_objs(*mems, old_rx - rx);
	if (!mems)
		return -ENOMEM;

	dlo_rxqs_drain(priv, rx, old_rx);
	for (i = rx; i < old_rx; i++)
		dlo_rxq_detach(priv, i, &mems[i - rx]);
	dlo_napis_del(priv, rx, old_rx);
	dlo_napis_add(priv, rx, old_rx);

	err = dlo_set_real_num_queues(priv, rx, tx);
	for (i = rx; i < old_rx; i++)
		dlo_rxq_attach(priv, i, err ? &mems[i - rx] : &none);
	if (err) {
		dlo_rxqs_undrain(priv, rx, old_rx);
		kvfree(mems);
	} else {
		dlo_mems_free(mems, old_rx - rx);
	}
	return err;
}

static int dlo_queues_grow(struct dlo_priv *priv, unsigned int rx, unsigned int tx)
{
	unsigned int old_rx = priv->dev->real_num_rx_queues;
	struct dlo_rxq_mem *mems;
	unsigned int i;
	int err;

	mems = dlo_mems_alloc(priv, old_rx, rx);
	if (IS_ERR(mems))
		return PTR_ERR(mems);
	err = dlo_set_real_num_queues(priv, rx, tx);
	if (err) {
		dlo_mems_free(mems, rx - old_rx);
		return err;
	}
	for (i = old_rx; i < rx; i++)
		dlo_rxq_exchange(priv, i, &mems[i - old_rx]);
	kvfree(mems);
	dlo_rxqs_undrain(priv, old_rx, rx);
	return 0;
}

/* Change the number of queues; under rtnl. On error everything is as before. */
int dlo_queues_resize(struct dlo_priv *priv, unsigned int rx, unsigned int tx)
{
	struct net_device *dev = priv->dev;
	int err;

	if (dlo_queues_bound(priv, rx) || dlo_rss_uses_queue(priv, rx) ||
	    dlo_rules_use_queue(priv, rx))
		return -EBUSY;
	if (!netif_running(dev))
		return dlo_queues_resize_closed(priv, rx, tx);

	dlo_queues_set_napi(priv, false);
	if (rx < dev->real_num_rx_queues)
		err = dlo_queues_shrink(priv, rx, tx);
	else
		err = dlo_queues_grow(priv, rx, tx);
	dlo_queues_set_napi(priv, true);
	netif_tx_wake_all_queues(dev);
	return err;
}

/* New memory for every queue, for what no longer fits the configuration; all of it or none. */
int dlo_queues_reload(struct dlo_priv *priv)
{
	unsigned int n = priv->dev->real_num_rx_queues;
	struct dlo_rxq_mem *mems;
	unsigned int i;

	if (!netif_running(priv->dev))
		return 0;

	mems = dlo_mems_alloc(priv, 0, n);
	if (IS_ERR(mems))
		return PTR_ERR(mems);
	for (i = 0; i < n; i++)
		dlo_rxq_exchange(priv, i, &mems[i]);
	kvfree(mems);
	return 0;
}

/* --- Queue management operations ---------------------------------------- */

static int dlo_queue_mem_alloc(struct net_device *dev, DLO_QCFG_ARG void *mem, int idx)
{
	return dlo_rxq_mem_alloc(netdev_priv(dev), mem, idx, dlo_qcfg_page_size());
}

static void dlo_queue_mem_free(struct net_device *dev, void *mem)
{
	dlo_rxq_mem_free(mem);
}

static int dlo_queue_start(struct net_device *dev, DLO_QCFG_ARG void *mem, int idx)
{
	if (!netif_running(dev)) {	/* 6.12 does not ask; open allocates anew */
		dlo_rxq_mem_free(mem);
		return 0;
	}
	dlo_rxq_attach(netdev_priv(dev), idx, mem);
	return 0;
}

static int dlo_queue_stop(struct net_device *dev, void *mem, int idx)
{
	if (!netif_running(dev)) {
		memset(mem, 0, sizeof(struct dlo_rxq_mem));
		return 0;
	}
	dlo_rxq_detach(netdev_priv(dev), idx, mem);
	return 0;
}

#ifdef DLO_HAVE_QCFG
static void dlo_default_qcfg(struct net_device *dev, struct netdev_queue_config *qcfg)
{
	qcfg->rx_page_size = PAGE_SIZE;
}

static int dlo_validate_qcfg(struct net_device *dev, struct netdev_queue_config *qcfg,
			     struct netlink_ext_ack *extack)
{
	u32 size = qcfg->rx_page_size;

	if (!dlo_dma_is_direct()) {
		NL_SET_ERR_MSG(extack, "DMA is not direct: IOMMU, bounce buffers or encryption");
		return -EOPNOTSUPP;
	}
	if (size < PAGE_SIZE || size > DLO_PAGE_SIZE_MAX || !is_power_of_2(size)) {
		NL_SET_ERR_MSG_FMT(extack, "rx-page-size %u: not a power of two from %lu to %u",
				   size, PAGE_SIZE, DLO_PAGE_SIZE_MAX);
		return -ERANGE;
	}
	return 0;
}
#endif

const struct netdev_queue_mgmt_ops dlo_queue_mgmt_ops = {
	.ndo_queue_mem_size	= sizeof(struct dlo_rxq_mem),
	.ndo_queue_mem_alloc	= dlo_queue_mem_alloc,
	.ndo_queue_mem_free	= dlo_queue_mem_free,
	.ndo_queue_start	= dlo_queue_start,
	.ndo_queue_stop		= dlo_queue_stop,
#ifdef DLO_HAVE_QCFG
	.ndo_default_qcfg	= dlo_default_qcfg,
	.ndo_validate_qcfg	= dlo_validate_qcfg,
	.supported_params	= QCFG_RX_PAGE_SIZE,
#endif
};
