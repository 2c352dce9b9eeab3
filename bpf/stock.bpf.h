/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a fact about devmem is obtained on a stock kernel: by walking its data.
 *
 * The programs ask these functions and know no layouts.  Differences between
 * the kernels from 6.12 to 7.3 are handled here and nowhere else.
 */
#ifndef DEVMEM_BPF_STOCK_H
#define DEVMEM_BPF_STOCK_H

#include "walk.bpf.h"
#include <devmem/snapshot.h>

#define DM_MAX_CHUNKS	(1 << 20)	/* of one binding's pool */

/* Data symbols have no BTF: only their addresses are known.  Absent ones are 0. */
extern const void net_devmem_dmabuf_bindings __ksym __weak;
extern const void page_pools __ksym __weak;
extern const void dmabuf_devmem_ops __ksym __weak;
extern const void netdev_nl_family __ksym __weak;
extern const void net_namespace_list __ksym __weak;
extern const void tcp_hashinfo __ksym __weak;

static __always_inline struct xarray *dm_bindings(void)
{
	return (struct xarray *)&net_devmem_dmabuf_bindings;
}

static __always_inline struct xarray *dm_page_pools(void)
{
	return (struct xarray *)&page_pools;
}

/* Net devices */

static __always_inline bool dm_netdev_alive(struct net_device *dev)
{
	return dev && BPF_CORE_READ(dev, reg_state) == NETREG_REGISTERED;
}

static __always_inline u32 dm_netns_inum(struct net *net)
{
	return net ? BPF_CORE_READ(net, ns.inum) : 0;
}

/* Niovs */

static __always_inline bool dm_netmem_is_niov(unsigned long netmem)
{
	return netmem & 1;
}

static __always_inline struct net_iov *dm_netmem_niov(unsigned long netmem)
{
	return (struct net_iov *)(netmem & ~1UL);
}

/*
 * A number for each niov of the machine.  As niovs do not overlap in memory,
 * the address over the size is unique, and dense within a binding's chunk.
 */
static __always_inline u64 dm_niov_number(struct net_iov *niov)
{
	return (u64)niov / bpf_core_type_size(struct net_iov);
}

static __always_inline bool dm_niov_is_devmem(struct net_iov *niov)
{
	if (!bpf_core_field_exists(niov->type))
		return true;
	return BPF_CORE_READ_BITFIELD_PROBED(niov, type) == NET_IOV_DMABUF;
}

static __always_inline void *dm_niov_owner(struct net_iov *niov)
{
	return BPF_CORE_READ(niov, owner);
}

static __always_inline struct net_devmem_dmabuf_binding *dm_owner_binding(void *owner)
{
	struct dmabuf_genpool_chunk_owner *chunk = owner;

	if (bpf_core_field_exists(chunk->area))
		chunk = dm_container_of(owner, struct dmabuf_genpool_chunk_owner, area);
	return BPF_CORE_READ(chunk, binding);
}

/* Bindings */

struct dm_chunks {
	struct list_head *head;
	struct list_head *next;
	u64 total;
	u64 avail;
};

static long dm_chunk(u32 i, struct dm_chunks *chunks)
{
	struct gen_pool_chunk *chunk;

	if (!chunks->next || chunks->next == chunks->head)
		return 1;

	chunk = dm_container_of(chunks->next, struct gen_pool_chunk, next_chunk);
	chunks->total += BPF_CORE_READ(chunk, end_addr) - BPF_CORE_READ(chunk, start_addr) + 1;
	chunks->avail += BPF_CORE_READ(chunk, avail.counter);
	chunks->next = dm_list_next(chunks->next);
	return 0;
}

/* The binding's niovs live in a gen_pool: a chunk for each scatterlist entry. */
static __always_inline void dm_binding_pool(struct net_devmem_dmabuf_binding *binding,
					    struct dm_binding_rec *rec)
{
	struct gen_pool *pool = BPF_CORE_READ(binding, chunk_pool);
	struct dm_chunks chunks = {};

	if (!pool) {
		rec->flags |= DM_BINDING_NO_POOL;
		return;
	}

	chunks.head = (struct list_head *)((void *)pool +
					   bpf_core_field_offset(pool->chunks));
	chunks.next = dm_list_next(chunks.head);
	bpf_loop(DM_MAX_CHUNKS, dm_chunk, &chunks, 0);
	if (chunks.next != chunks.head)
		rec->flags |= DM_BINDING_TRUNCATED;

	rec->niov_shift = BPF_CORE_READ(pool, min_alloc_order);
	rec->total = chunks.total;
	rec->avail = chunks.avail;
}

static __always_inline u32 dm_binding_direction(struct net_devmem_dmabuf_binding *binding)
{
	/* There was only RX before there was a direction. */
	if (!bpf_core_field_exists(binding->direction))
		return DM_DIR_RX;

	return BPF_CORE_READ(binding, direction) == DMA_TO_DEVICE ? DM_DIR_TX : DM_DIR_RX;
}

static __always_inline u32 dm_rxq_index(struct netdev_rx_queue *rxq)
{
	u64 first = (u64)BPF_CORE_READ(rxq, dev, _rx);

	return ((u64)rxq - first) / bpf_core_type_size(struct netdev_rx_queue);
}

/* Page pools */

/* The netmems at rest in a page pool: its cache and its ring. */
static __always_inline u32 dm_pool_cached(struct page_pool *pool)
{
	int producer = BPF_CORE_READ(pool, ring.producer);
	int consumer = BPF_CORE_READ(pool, ring.consumer_head);
	int size = BPF_CORE_READ(pool, ring.size);
	int ring = producer - consumer;
	void **queue, *slot = NULL;

	if (ring < 0)
		ring += size;
	if (!ring && size) {
		/* Empty and full look alike, but for the slot to be consumed. */
		queue = BPF_CORE_READ(pool, ring.queue);
		bpf_probe_read_kernel(&slot, sizeof(slot), queue + consumer);
		ring = slot ? size : 0;
	}
	return BPF_CORE_READ(pool, alloc.count) + ring;
}

static __always_inline bool dm_pool_is_devmem(struct page_pool *pool)
{
	return BPF_CORE_READ(pool, mp_ops) == &dmabuf_devmem_ops;
}

/*
 * A pool that outlives its net device goes to the namespace's loopback device;
 * one that outlives the namespace too points to a device that may be gone.
 */
static __always_inline bool dm_pool_is_orphan(struct page_pool *pool)
{
	return !BPF_CORE_READ(pool, user.list.pprev) ||
	       BPF_CORE_READ(pool, slow.netdev, ifindex) == LOOPBACK_IFINDEX;
}

/* Netlink sockets, which own bindings */

/* The head of the list of bindings that a netlink socket owns, or NULL. */
static __always_inline struct list_head *dm_netlink_bindings(struct sock *sk)
{
	struct genl_family *family = (struct genl_family *)&netdev_nl_family;
	struct netdev_nl_sock *priv;
	struct xarray *privs;

	if (!family)
		return NULL;
	privs = BPF_CORE_READ(family, sock_privs);
	if (!privs)
		return NULL;
	priv = (struct netdev_nl_sock *)dm_xa_load(privs, (unsigned long)sk);
	if (!priv)
		return NULL;

	if (!bpf_core_type_exists(struct netdev_nl_sock))
		return (struct list_head *)priv;
	return (struct list_head *)((void *)priv + bpf_core_field_offset(priv->bindings));
}

/* Sockets */

static __always_inline bool dm_sock_is_tcp(struct sock *sk)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline struct xarray *dm_sock_tokens(struct sock *sk)
{
	return (struct xarray *)((void *)sk + bpf_core_field_offset(sk->sk_user_frags));
}

/* Cheap, and true of each socket that could pin a niov. */
static __always_inline bool dm_sock_is_candidate(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	return BPF_CORE_READ(sk, sk_user_frags.xa_head) ||
	       BPF_CORE_READ(sk, sk_receive_queue.qlen) ||
	       BPF_CORE_READ(tp, out_of_order_queue.rb_node);
}

#endif /* DEVMEM_BPF_STOCK_H */
