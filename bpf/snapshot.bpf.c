// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is bound where, how full is each pool, which socket keeps what.
 *
 * User space runs the programs in this order, one at a time and from one
 * thread, which is why they may share global state:
 *
 *	dm_begin		empties the maps of the snapshot before
 *	dm_walk_bindings	every binding whose id resolves
 *	dm_walk_pools		every devmem page pool, and through them the
 *				bindings that were unbound and cannot be freed
 *	dm_walk_tcp		candidate sockets, from the TCP hash tables of
 *				every network namespace
 *	dm_walk_files		(an iterator) processes: which hold those sockets,
 *				which hold the netlink sockets that own bindings,
 *				and candidates that are closed and so in no table
 *	dm_scan			what each candidate keeps; others are forgotten
 *	dm_end			forgets tokens that were given back
 *
 * Limits: no lock is taken, so under traffic a snapshot is as blurred as the
 * time it takes.  A socket that is both closed and in no process's fd table
 * (in flight over a Unix socket, registered with io_uring) is not found.
 * Processes are those of the caller's pid namespace.
 */
#include "scan.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by user space: the time, which never stands still between snapshots. */
__u64 now_ms;
__u32 leak_after_ms;

/* For user space: did the kernel show its devmem data; what was missed. */
bool have_devmem;
struct dm_lost lost;

/*
 * Emptying a map visits each of its buckets, full or not: on a machine where
 * nothing is found, that would be most of the work.
 */
static bool found_sockets;
static bool found_holders;

/* Emptying */

static long dm_delete(void *map, const void *key, void *value, void *ctx)
{
	bpf_map_delete_elem(map, key);
	return 0;
}

SEC("syscall")
int dm_begin(void *ctx)
{
	__builtin_memset(&lost, 0, sizeof(lost));
	have_devmem = &net_devmem_dmabuf_bindings && &page_pools && &dmabuf_devmem_ops;
	bpf_for_each_map_elem(&bindings, dm_delete, NULL, 0);
	bpf_for_each_map_elem(&pools, dm_delete, NULL, 0);
	if (found_sockets) {
		bpf_for_each_map_elem(&socks, dm_delete, NULL, 0);
		bpf_for_each_map_elem(&uses, dm_delete, NULL, 0);
		bpf_for_each_map_elem(&niovs, dm_delete, NULL, 0);
	}
	if (found_holders)
		bpf_for_each_map_elem(&holders, dm_delete, NULL, 0);
	found_sockets = false;
	found_holders = false;
	return 0;
}

/* Bindings */

struct dm_queues {
	struct dm_xa xa;
	struct dm_binding_rec *rec;
};

static __always_inline void dm_add_queue(struct dm_binding_rec *rec, unsigned long entry)
{
	u32 queue = dm_rxq_index((struct netdev_rx_queue *)entry);

	if (queue >= DM_MAX_QUEUES) {
		rec->flags |= DM_BINDING_TRUNCATED;
		return;
	}
	/* Else the compiler drops the mask, which the verifier needs. */
	barrier_var(queue);
	rec->queues[queue / 64 & 3] |= 1ULL << (queue % 64);
	rec->nr_queues++;
}

static long dm_queue(u32 i, struct dm_queues *queues)
{
	unsigned long entry;

	if (queues->xa.done)
		return 1;
	entry = dm_xa_step(&queues->xa);
	if (entry)
		dm_add_queue(queues->rec, entry);
	return 0;
}

static __always_inline void dm_binding_queues(struct net_devmem_dmabuf_binding *binding,
					      struct dm_binding_rec *rec)
{
	struct dm_queues queues = { .rec = rec };
	unsigned long entry;

	entry = dm_xa_start(&queues.xa, (void *)binding +
			    bpf_core_field_offset(binding->bound_rxqs));
	if (entry)
		dm_add_queue(rec, entry);
	bpf_loop(DM_MAX_STEPS, dm_queue, &queues, 0);
}

/*
 * Whoever is unbound, or lost its last queue, is told no more when its device
 * goes: what it points to may be freed.  TX bindings are never told.
 */
static __always_inline bool dm_binding_has_device(const struct dm_binding_rec *rec)
{
	return rec->flags & DM_BINDING_BOUND &&
	       (rec->direction == DM_DIR_TX || rec->nr_queues ||
		rec->flags & DM_BINDING_TRUNCATED);
}

static __always_inline void dm_binding_device(struct net_devmem_dmabuf_binding *binding,
					      struct dm_binding_rec *rec)
{
	struct net_device *dev = BPF_CORE_READ(binding, dev);

	if (!dm_binding_has_device(rec) || !dm_netdev_alive(dev)) {
		rec->flags |= DM_BINDING_NO_DEV;
		return;
	}
	rec->ifindex = BPF_CORE_READ(dev, ifindex);
	rec->netns = dm_netns_inum(BPF_CORE_READ(dev, nd_net.net));
	BPF_CORE_READ_INTO(&rec->ifname, dev, name);
}

static __always_inline void dm_binding_dmabuf(struct net_devmem_dmabuf_binding *binding,
					      struct dm_binding_rec *rec)
{
	struct dma_buf *dmabuf = BPF_CORE_READ(binding, dmabuf);
	const char *name = BPF_CORE_READ(dmabuf, name);

	rec->size = BPF_CORE_READ(dmabuf, size);
	rec->inode = BPF_CORE_READ(dmabuf, file, f_inode, i_ino);
	bpf_probe_read_kernel_str(rec->exporter, sizeof(rec->exporter),
				  BPF_CORE_READ(dmabuf, exp_name));
	if (name)
		bpf_probe_read_kernel_str(rec->name, sizeof(rec->name), name);
}

/* A global function: the verifier checks it once, not once a caller. */
__noinline int dm_add_binding(u64 key, u32 flags)
{
	struct net_devmem_dmabuf_binding *binding = (void *)key;
	struct dm_binding_rec *rec;

	if (bpf_map_update_elem(&bindings, &key, &empty_binding, BPF_NOEXIST))
		goto lost;
	rec = bpf_map_lookup_elem(&bindings, &key);
	if (!rec)
		goto lost;

	rec->flags = flags;
	rec->id = BPF_CORE_READ(binding, id);
	rec->direction = dm_binding_direction(binding);
	dm_binding_pool(binding, rec);
	if (flags & DM_BINDING_BOUND)
		dm_binding_queues(binding, rec);
	dm_binding_device(binding, rec);
	dm_binding_dmabuf(binding, rec);
	return 0;

lost:
	lost.bindings++;
	return 0;
}

static long dm_binding(u32 i, struct dm_xa *xa)
{
	unsigned long entry;

	if (xa->done)
		return 1;
	entry = dm_xa_step(xa);
	if (entry)
		dm_add_binding(entry, DM_BINDING_BOUND);
	return 0;
}

SEC("syscall")
int dm_walk_bindings(void *ctx)
{
	struct dm_xa xa = {};

	if (!have_devmem)
		return 0;
	dm_xa_start(&xa, dm_bindings());
	bpf_loop(DM_MAX_STEPS, dm_binding, &xa, 0);
	lost.bindings += !xa.done;
	return 0;
}

/* Page pools */

static __always_inline void dm_pool_device(struct page_pool *pool, struct dm_pool_rec *rec)
{
	struct net_device *dev = BPF_CORE_READ(pool, slow.netdev);

	if (dm_pool_is_orphan(pool) || !dm_netdev_alive(dev)) {
		rec->flags |= DM_POOL_ORPHAN;
		return;
	}
	rec->ifindex = BPF_CORE_READ(dev, ifindex);
	rec->netns = dm_netns_inum(BPF_CORE_READ(dev, nd_net.net));
	BPF_CORE_READ_INTO(&rec->ifname, dev, name);
}

__noinline int dm_add_pool(u64 key)
{
	struct page_pool *pool = (void *)key;
	struct dm_pool_rec *rec;

	if (bpf_map_update_elem(&pools, &key, &empty_pool, BPF_NOEXIST))
		goto lost;
	rec = bpf_map_lookup_elem(&pools, &key);
	if (!rec)
		goto lost;

	rec->binding = (u64)BPF_CORE_READ(pool, mp_priv);
	rec->id = BPF_CORE_READ(pool, user.id);
	rec->queue = BPF_CORE_READ(pool, slow.queue_idx);
	rec->detach_ns = BPF_CORE_READ(pool, user.detach_time);
	rec->flags = rec->detach_ns ? DM_POOL_ZOMBIE : 0;
	rec->inflight = BPF_CORE_READ(pool, pages_state_hold_cnt) -
			BPF_CORE_READ(pool, pages_state_release_cnt.counter);
	rec->cached = dm_pool_cached(pool);
	dm_pool_device(pool, rec);

	if (!bpf_map_lookup_elem(&bindings, &rec->binding))
		dm_add_binding(rec->binding, 0);
	return 0;

lost:
	lost.pools++;
	return 0;
}

static long dm_pool(u32 i, struct dm_xa *xa)
{
	unsigned long entry;

	if (xa->done)
		return 1;
	entry = dm_xa_step(xa);
	if (entry && dm_pool_is_devmem((struct page_pool *)entry))
		dm_add_pool(entry);
	return 0;
}

SEC("syscall")
int dm_walk_pools(void *ctx)
{
	struct dm_xa xa = {};

	if (!have_devmem)
		return 0;
	dm_xa_start(&xa, dm_page_pools());
	bpf_loop(DM_MAX_STEPS, dm_pool, &xa, 0);
	lost.pools += !xa.done;
	return 0;
}

/* Sockets in the TCP hash tables */

static __always_inline void dm_add_candidate(u64 sk)
{
	if (bpf_map_lookup_elem(&socks, &sk))
		return;
	found_sockets = true;
	if (bpf_map_update_elem(&socks, &sk, &empty_sock, BPF_NOEXIST))
		lost.sockets++;
}

struct dm_chain {
	struct hlist_nulls_node *node;
};

/* The end of a chain is an odd number. */
static __always_inline bool dm_nulls(struct hlist_nulls_node *node)
{
	return !node || (u64)node & 1;
}

static long dm_chain_step(u32 i, struct dm_chain *chain)
{
	struct sock *sk;
	u8 state;

	if (dm_nulls(chain->node))
		return 1;

	sk = dm_container_of(chain->node, struct sock, __sk_common.skc_nulls_node);
	chain->node = dm_nulls_next(chain->node);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	/* These two are in the table and are no whole sockets. */
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return 0;
	if (dm_sock_is_tcp(sk) && dm_sock_is_candidate(sk))
		dm_add_candidate((u64)sk);
	return 0;
}

struct dm_table {
	struct inet_ehash_bucket *ehash;
	u64 buckets;
	u64 at;
};

static long dm_bucket(u32 i, struct dm_table *table)
{
	struct dm_chain chain = {};

	if (table->at >= table->buckets)
		return 1;

	/* One read a bucket, as most are empty. */
	bpf_probe_read_kernel(&chain.node, sizeof(chain.node), (void *)table->ehash +
			      table->at++ * bpf_core_type_size(struct inet_ehash_bucket));
	if (dm_nulls(chain.node))
		return 0;
	bpf_loop(DM_MAX_CHAIN, dm_chain_step, &chain, 0);
	lost.buckets += !dm_nulls(chain.node);
	return 0;
}

__noinline int dm_walk_table(u64 addr)
{
	struct inet_hashinfo *hashinfo = (void *)addr;
	struct dm_table table = { .at = dm_zero };

	table.ehash = BPF_CORE_READ(hashinfo, ehash);
	table.buckets = (u64)BPF_CORE_READ(hashinfo, ehash_mask) + 1;
	if (!table.ehash)
		return 0;
	bpf_loop(DM_MAX_STEPS, dm_bucket, &table, 0);
	if (table.at < table.buckets)
		lost.buckets += table.buckets - table.at;
	return 0;
}

/* A namespace may have a TCP hash table of its own (tcp_child_ehash_entries). */
static long dm_netns(u32 i, struct list_head **at)
{
	struct list_head *head = (struct list_head *)&net_namespace_list;
	u64 hashinfo;
	struct net *net;

	if (!*at || *at == head)
		return 1;
	net = dm_container_of(*at, struct net, list);
	hashinfo = (u64)BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	if (hashinfo && hashinfo != (u64)&tcp_hashinfo)
		dm_walk_table(hashinfo);
	*at = dm_list_next(*at);
	return 0;
}

SEC("syscall")
int dm_walk_tcp(void *ctx)
{
	struct list_head *at;

	if (!&tcp_hashinfo || !&net_namespace_list) {
		lost.buckets++;
		return 0;
	}
	dm_walk_table((u64)&tcp_hashinfo);
	at = dm_list_next((struct list_head *)&net_namespace_list);
	bpf_loop(DM_MAX_NETNS, dm_netns, &at, 0);
	lost.buckets += at != &net_namespace_list;
	return 0;
}

/* Processes */

/* The process's number in the pid namespace of the caller, who is current. */
static __always_inline u32 dm_tgid(struct task_struct *task)
{
	struct task_struct *caller = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	u32 level = BPF_CORE_READ(caller, thread_pid, level);
	struct upid *upid;

	/* Without a pid it is exiting, and was to be seen a moment ago. */
	if (!level || !pid)
		return task->tgid;
	upid = (void *)pid + bpf_core_field_offset(pid->numbers) +
	       level * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(upid, nr);
}

static __always_inline void dm_add_holder(struct task_struct *task, u64 object)
{
	struct dm_holder_key key = { .object = object, .tgid = dm_tgid(task) };
	struct dm_holder_rec rec = {}, *old;

	old = bpf_map_lookup_elem(&holders, &key);
	if (old) {
		old->fds++;
		return;
	}
	found_holders = true;
	rec.fds = 1;
	BPF_CORE_READ_INTO(&rec.comm, task, comm);
	if (bpf_map_update_elem(&holders, &key, &rec, BPF_NOEXIST))
		lost.holders++;
}

struct dm_owned {
	struct task_struct *task;
	struct list_head *head;
	struct list_head *at;
};

static long dm_owned_binding(u32 i, struct dm_owned *owned)
{
	struct net_devmem_dmabuf_binding *binding;

	if (!owned->at || owned->at == owned->head)
		return 1;
	binding = dm_container_of(owned->at, struct net_devmem_dmabuf_binding, list);
	dm_add_holder(owned->task, (u64)binding);
	owned->at = dm_list_next(owned->at);
	return 0;
}

static __always_inline void dm_netlink_file(struct task_struct *task, struct sock *sk)
{
	struct dm_owned owned = { .task = task };

	owned.head = dm_netlink_bindings(sk);
	if (!owned.head)
		return;
	owned.at = dm_list_next(owned.head);
	bpf_loop(DM_MAX_OWNED, dm_owned_binding, &owned, 0);
	lost.holders += owned.at != owned.head;
}

/* A socket that dm_walk_tcp found may be empty for a moment, and is held all the same. */
static __always_inline bool dm_is_known(u64 sk)
{
	return found_sockets && bpf_map_lookup_elem(&socks, &sk);
}

SEC("iter/task_file")
int dm_walk_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	/* A probe read makes it a number: it is a key, and gets shifted. */
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return 0;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_NETLINK) {
		if (BPF_CORE_READ(sk, sk_protocol) == NETLINK_GENERIC)
			dm_netlink_file(task, sk);
	} else if (dm_sock_is_tcp(sk) && (dm_is_known((u64)sk) || dm_sock_is_candidate(sk))) {
		dm_add_candidate((u64)sk);
		dm_add_holder(task, (u64)sk);
	}
	return 0;
}

/* What a socket keeps */

static long dm_scan_sock(void *map, u64 *key, struct dm_sock_rec *rec, void *ctx)
{
	struct sock *sk = (void *)*key;
	u64 addr = *key;

	dm_scan_start(addr);
	if (dm_sock_is_tcp(sk)) {
		dm_scan_tokens(sk, rec);
		dm_scan_queues(sk, rec);
	}
	dm_scan_flush();

	if (scan.found)
		dm_scan_identity(sk, rec);
	else
		bpf_map_delete_elem(&socks, &addr);
	return 0;
}

SEC("syscall")
int dm_scan(void *ctx)
{
	if (found_sockets)
		bpf_for_each_map_elem(&socks, dm_scan_sock, NULL, 0);
	return 0;
}

/* Tokens whose whole leaf is gone from its socket were given back. */
static long dm_forget_leaf(void *map, struct dm_leaf_key *key, struct dm_leaf *leaf, void *ctx)
{
	struct dm_leaf_key copy = *key;
	struct dm_sock_rec *rec;

	if (leaf->seen_ms == now_ms)
		return 0;

	rec = bpf_map_lookup_elem(&socks, &copy.sk);
	if (rec && leaf->oldest_ms && leaf->seen_ms - leaf->oldest_ms > rec->returned_ms)
		rec->returned_ms = leaf->seen_ms - leaf->oldest_ms;
	bpf_map_delete_elem(&leaves, &copy);
	return 0;
}

SEC("syscall")
int dm_end(void *ctx)
{
	if (have_leaves)
		bpf_for_each_map_elem(&leaves, dm_forget_leaf, NULL, 0);
	return 0;
}
