/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of a snapshot, and how far a walk goes before it counts as lost.
 *
 * Each map is keyed by kernel addresses and lives from dm_begin to the next
 * one, but for leaves, which remember tokens from snapshot to snapshot.
 */
#ifndef DEVMEM_BPF_SNAPSHOT_H
#define DEVMEM_BPF_SNAPSHOT_H

#include "stock.bpf.h"

#define DM_MAX_STEPS	(1 << 22)	/* slots of an xarray, buckets of a table */
#define DM_MAX_CHAIN	(1 << 16)	/* sockets of a hash bucket */
#define DM_MAX_NETNS	(1 << 16)
#define DM_MAX_OWNED	(1 << 12)	/* bindings of a netlink socket */
#define DM_MAX_SKBS	(1 << 18)	/* of a queue of a socket */
#define DM_MAX_FRAGS	64		/* of an skb; the kernel allows 45 at most */

/* 64 niovs whose numbers differ in the low six bits only. */
struct dm_niovs {
	u64 held;	/* behind a token of any socket */
	u64 seen;	/* that, or in a queue of any socket */
	u64 sk_held;	/* the same for one socket, ... */
	u64 sk_seen;
	u64 sk;		/* ... this one */
};

struct dm_leaf_key {
	u64 sk;
	u64 leaf;	/* token number over the slots of a leaf */
};

/*
 * The tokens of one xarray leaf.  The kernel does not date them: a token is as
 * old as we have seen the same niov behind the same number without a gap.
 */
struct dm_leaf {
	u32 seen_ms;			/* when we last looked */
	u32 oldest_ms;			/* least of first_ms then, 0: no token */
	u32 niov[DM_LEAF_TOKENS];	/* low bits of its number, 0: no token */
	u32 first_ms[DM_LEAF_TOKENS];
};

#define DM_HASH(name_, key_, value_, max_)		\
	struct {					\
		__uint(type, BPF_MAP_TYPE_HASH);	\
		__uint(map_flags, BPF_F_NO_PREALLOC);	\
		__uint(max_entries, max_);		\
		__type(key, key_);			\
		__type(value, value_);			\
	} name_ SEC(".maps")

DM_HASH(bindings, u64, struct dm_binding_rec, 1 << 12);
DM_HASH(pools, u64, struct dm_pool_rec, 1 << 14);
DM_HASH(socks, u64, struct dm_sock_rec, 1 << 16);
DM_HASH(uses, struct dm_use_key, struct dm_use_rec, 1 << 16);
DM_HASH(holders, struct dm_holder_key, struct dm_holder_rec, 1 << 16);
DM_HASH(niovs, u64, struct dm_niovs, 1 << 16);
DM_HASH(leaves, struct dm_leaf_key, struct dm_leaf, 1 << 16);

/* New map values start as these: too large for a BPF stack. */
static const struct dm_binding_rec empty_binding;
static const struct dm_pool_rec empty_pool;
static const struct dm_sock_rec empty_sock;
static const struct dm_leaf empty_leaf;

#endif /* DEVMEM_BPF_SNAPSHOT_H */
