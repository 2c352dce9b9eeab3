/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one socket keeps: the niovs behind its tokens and those in its queues.
 *
 * Works on one socket at a time.  Counts for the binding of the last niov are
 * gathered in scan and go to the maps when another binding's niov comes, as a
 * socket's niovs almost always come from one binding.
 */
#ifndef DEVMEM_BPF_SCAN_H
#define DEVMEM_BPF_SCAN_H

#include "snapshot.bpf.h"

extern __u64 now_ms;
extern __u32 leak_after_ms;
extern struct dm_lost lost;

static struct {
	u64 sk;
	u64 binding;		/* whose niovs are being counted, 0: none */
	void *owner;		/* the last niov's */
	struct dm_use_rec use;	/* of binding by sk, not yet in uses */
	u32 new_held;		/* of those, first met in this socket */
	u32 new_seen;
	u32 consumed;		/* bytes of the skb read already, still to skip */
	u8 known;		/* binding is in bindings */
	u8 found;		/* sk keeps something */
	unsigned long slots[DM_LEAF_TOKENS];
} scan;

static bool have_leaves;	/* or had, since we were loaded */

static __always_inline void dm_scan_start(u64 sk)
{
	__builtin_memset(&scan, 0, offsetof(typeof(scan), slots));
	scan.sk = sk;
}

__noinline int dm_scan_flush(void)
{
	struct dm_use_key key = { .sk = scan.sk, .binding = scan.binding };
	struct dm_binding_rec *binding;
	struct dm_use_rec *use, delta;

	if (!scan.known)
		return 0;

	delta = scan.use;
	use = bpf_map_lookup_elem(&uses, &key);
	if (use) {
		use->tokens += delta.tokens;
		use->unread_frags += delta.unread_frags;
		use->unread_bytes += delta.unread_bytes;
		use->niovs_held += delta.niovs_held;
		use->niovs_pinned += delta.niovs_pinned;
	} else if (bpf_map_update_elem(&uses, &key, &delta, BPF_NOEXIST)) {
		lost.uses++;
	}

	binding = bpf_map_lookup_elem(&bindings, &key.binding);
	if (binding) {
		binding->niovs_held += scan.new_held;
		binding->niovs_seen += scan.new_seen;
	}

	__builtin_memset(&scan.use, 0, sizeof(scan.use));
	scan.new_held = 0;
	scan.new_seen = 0;
	return 0;
}

/* Turns to the binding of this niov.  False: we do not know that binding. */
static __always_inline bool dm_scan_binding(struct net_iov *niov)
{
	void *owner = dm_niov_owner(niov);
	u64 binding;

	if (owner == scan.owner)
		return scan.known;

	scan.owner = owner;
	binding = (u64)dm_owner_binding(owner);
	if (binding == scan.binding)
		return scan.known;

	dm_scan_flush();
	scan.binding = binding;
	scan.known = !!bpf_map_lookup_elem(&bindings, &binding);
	return scan.known;
}

static __always_inline struct dm_niovs *dm_niovs_of(u64 key)
{
	struct dm_niovs *set, empty = {};

	set = bpf_map_lookup_elem(&niovs, &key);
	if (set)
		return set;
	if (bpf_map_update_elem(&niovs, &key, &empty, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&niovs, &key);
}

/* Counts a niov of scan.binding once, however many tokens or frags lead to it. */
static __always_inline void dm_scan_niov(struct net_iov *niov, bool held)
{
	u64 number = dm_niov_number(niov);
	u64 bit = 1ULL << (number & 63);
	struct dm_niovs *set;

	scan.found = 1;
	set = dm_niovs_of(number >> 6);
	if (!set) {
		lost.niovs++;
		return;
	}
	if (set->sk != scan.sk) {
		set->sk = scan.sk;
		set->sk_held = 0;
		set->sk_seen = 0;
	}
	if (held) {
		scan.use.niovs_held += !(set->sk_held & bit);
		scan.new_held += !(set->held & bit);
		set->sk_held |= bit;
		set->held |= bit;
	}
	scan.use.niovs_pinned += !(set->sk_seen & bit);
	scan.new_seen += !(set->seen & bit);
	set->sk_seen |= bit;
	set->seen |= bit;
}

/* Tokens */

struct dm_tokens {
	struct dm_xa xa;
	struct dm_leaf *leaf;
	struct dm_sock_rec *rec;
};

static __always_inline void dm_token_returned(struct dm_tokens *tokens, u32 slot)
{
	u32 age = tokens->leaf->seen_ms - tokens->leaf->first_ms[slot];

	if (age > tokens->rec->returned_ms)
		tokens->rec->returned_ms = age;
}

static __always_inline void dm_token_held(struct dm_tokens *tokens, u32 slot, u32 niov)
{
	struct dm_leaf *leaf = tokens->leaf;
	u32 age;

	if (leaf->niov[slot] != niov) {
		if (leaf->niov[slot])
			dm_token_returned(tokens, slot);
		leaf->niov[slot] = niov;
		leaf->first_ms[slot] = now_ms;
	}
	if (!leaf->oldest_ms || leaf->first_ms[slot] < leaf->oldest_ms)
		leaf->oldest_ms = leaf->first_ms[slot];

	age = now_ms - leaf->first_ms[slot];
	if (age > tokens->rec->oldest_ms)
		tokens->rec->oldest_ms = age;
	if (age >= leak_after_ms)
		tokens->rec->aged++;
}

static long dm_token_slot(u32 slot, struct dm_tokens *tokens)
{
	struct net_iov *niov;
	unsigned long entry;

	if (slot >= DM_LEAF_TOKENS)
		return 1;

	entry = scan.slots[slot];
	if (dm_xa_internal(entry) || !dm_netmem_is_niov(entry)) {
		if (tokens->leaf && tokens->leaf->niov[slot]) {
			dm_token_returned(tokens, slot);
			tokens->leaf->niov[slot] = 0;
		}
		return 0;
	}

	niov = dm_netmem_niov(entry);
	if (!dm_scan_binding(niov)) {
		lost.foreign++;
		return 0;
	}
	scan.use.tokens++;
	dm_scan_niov(niov, true);
	if (tokens->leaf)
		dm_token_held(tokens, slot, dm_niov_number(niov));
	else
		lost.tokens++;
	return 0;
}

static __always_inline void dm_token_leaf(struct dm_tokens *tokens)
{
	struct dm_leaf_key key = { .sk = scan.sk, .leaf = tokens->xa.base };

	have_leaves = true;
	tokens->leaf = bpf_map_lookup_elem(&leaves, &key);
	if (!tokens->leaf && !bpf_map_update_elem(&leaves, &key, &empty_leaf, BPF_NOEXIST))
		tokens->leaf = bpf_map_lookup_elem(&leaves, &key);

	if (tokens->leaf)
		tokens->leaf->oldest_ms = 0;
	bpf_probe_read_kernel(scan.slots, sizeof(scan.slots), dm_xa_slot(tokens->xa.node, 0));
	bpf_loop(dm_xa_slots(), dm_token_slot, tokens, 0);
	if (tokens->leaf)
		tokens->leaf->seen_ms = now_ms;
}

static long dm_token_node(u32 i, struct dm_tokens *tokens)
{
	if (tokens->xa.done)
		return 1;
	if (dm_xa_shift(tokens->xa.node)) {
		dm_xa_step(&tokens->xa);
		return 0;
	}
	dm_token_leaf(tokens);
	dm_xa_up(&tokens->xa);
	return 0;
}

static __always_inline void dm_scan_tokens(struct sock *sk, struct dm_sock_rec *rec)
{
	struct dm_tokens tokens = { .rec = rec };

	dm_xa_start(&tokens.xa, dm_sock_tokens(sk));
	bpf_loop(DM_MAX_STEPS, dm_token_node, &tokens, 0);
	if (!tokens.xa.done)
		rec->flags |= DM_SOCK_TOKENS_TRUNCATED;
}

/* Queues */

/* Of len bytes, those that were not read yet. */
static __always_inline u32 dm_scan_unread(u32 len)
{
	u32 consumed = scan.consumed < len ? scan.consumed : len;

	scan.consumed -= consumed;
	return len - consumed;
}

static __always_inline struct skb_frag *dm_skb_frag(struct skb_shared_info *shinfo, u32 i)
{
	return (void *)shinfo + bpf_core_field_offset(shinfo->frags) +
	       i * bpf_core_type_size(struct skb_frag);
}

static __always_inline struct tcp_skb_cb *dm_skb_cb(struct sk_buff *skb)
{
	return (void *)skb + bpf_core_field_offset(skb->cb);
}

static long dm_scan_frag(u32 i, struct skb_shared_info **shinfo)
{
	struct skb_frag *frag = dm_skb_frag(*shinfo, i);
	unsigned long netmem;
	u32 unread;

	netmem = BPF_CORE_READ(frag, netmem);
	unread = dm_scan_unread(BPF_CORE_READ(frag, len));
	if (!dm_netmem_is_niov(netmem) || !dm_niov_is_devmem(dm_netmem_niov(netmem)))
		return 0;

	if (!dm_scan_binding(dm_netmem_niov(netmem))) {
		lost.foreign++;
		return 0;
	}
	dm_scan_niov(dm_netmem_niov(netmem), false);
	scan.use.unread_frags += unread > 0;
	scan.use.unread_bytes += unread;
	return 0;
}

/* Returns the skb's list of further skbs, which GRO makes. */
static __always_inline struct sk_buff *dm_scan_one_skb(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = (void *)BPF_CORE_READ(skb, head) +
					 BPF_CORE_READ(skb, end);
	u32 frags = BPF_CORE_READ(shinfo, nr_frags);

	dm_scan_unread(BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len));
	bpf_loop(frags < DM_MAX_FRAGS ? frags : DM_MAX_FRAGS, dm_scan_frag, &shinfo, 0);
	return BPF_CORE_READ(shinfo, frag_list);
}

static long dm_scan_listed_skb(u32 i, struct sk_buff **skb)
{
	if (!*skb)
		return 1;
	dm_scan_one_skb(*skb);
	*skb = dm_skb_next(*skb);
	return 0;
}

__noinline int dm_scan_skb(u64 addr)
{
	struct sk_buff *skb = (void *)addr, *list;

	list = dm_scan_one_skb(skb);
	if (list)
		bpf_loop(DM_MAX_SKBS, dm_scan_listed_skb, &list, 0);
	return 0;
}

/*
 * The head closes the list, so NULL does not end it: it is what remains of the
 * skb we stood on when the reader took it.
 */
struct dm_receive_queue {
	struct sk_buff *skb;
	struct sk_buff *end;
	u32 copied_seq;
};

static long dm_scan_received(u32 i, struct dm_receive_queue *queue)
{
	struct tcp_skb_cb *cb = dm_skb_cb(queue->skb);
	s32 consumed;

	if (!queue->skb || queue->skb == queue->end)
		return 1;

	consumed = queue->copied_seq - BPF_CORE_READ(cb, seq);
	scan.consumed = consumed > 0 ? consumed : 0;
	dm_scan_skb((u64)queue->skb);
	queue->skb = dm_skb_next(queue->skb);
	return 0;
}

static long dm_scan_out_of_order(u32 i, struct dm_rb *rb)
{
	struct rb_node *node;

	if (!rb->node || rb->astray)
		return 1;
	node = dm_rb_step(rb);
	if (!node)
		return 0;
	scan.consumed = 0;
	dm_scan_skb((u64)dm_container_of(node, struct sk_buff, rbnode));
	return 0;
}

static __always_inline void dm_scan_queues(struct sock *sk, struct dm_sock_rec *rec)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct dm_receive_queue queue = {};
	struct dm_rb rb;

	queue.end = (void *)sk + bpf_core_field_offset(sk->sk_receive_queue);
	queue.skb = BPF_CORE_READ(sk, sk_receive_queue.next);
	queue.copied_seq = BPF_CORE_READ(tp, copied_seq);
	bpf_loop(DM_MAX_SKBS, dm_scan_received, &queue, 0);

	dm_rb_start(&rb, (void *)sk + bpf_core_field_offset(tp->out_of_order_queue));
	bpf_loop(3 * DM_MAX_SKBS, dm_scan_out_of_order, &rb, 0);

	if (!queue.skb || rb.astray)
		rec->flags |= DM_SOCK_MOVED;
	if ((queue.skb && queue.skb != queue.end) || (rb.node && !rb.astray))
		rec->flags |= DM_SOCK_QUEUE_TRUNCATED;
}

/* Identity */

static __always_inline void dm_scan_identity(struct sock *sk, struct dm_sock_rec *rec)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	rec->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	rec->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	rec->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
	rec->dport = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	rec->netns = dm_netns_inum(BPF_CORE_READ(sk, __sk_common.skc_net.net));
	rec->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	rec->cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	rec->uid = BPF_CORE_READ(sk, sk_uid.val);
	rec->received = BPF_CORE_READ(tp, bytes_received);
	rec->read_seq = BPF_CORE_READ(tp, copied_seq);
	rec->next_seq = BPF_CORE_READ(tp, rcv_nxt);
	if (!BPF_CORE_READ(sk, sk_socket))
		rec->flags |= DM_SOCK_ORPHAN;

	if (rec->family == AF_INET6) {
		BPF_CORE_READ_INTO(&rec->saddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&rec->daddr, sk, __sk_common.skc_v6_daddr);
	} else {
		*(u32 *)rec->saddr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(u32 *)rec->daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
}

#endif /* DEVMEM_BPF_SCAN_H */
