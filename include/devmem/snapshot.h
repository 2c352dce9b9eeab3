/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a snapshot of devmem TCP is made of: the records that bpf/snapshot.bpf.c
 * leaves in its maps and tools/lib/snapshot.c takes out of them.
 *
 * Objects are named by their kernel address.  An address is good for joining
 * records of one snapshot; across snapshots only together with an id or a
 * cookie, because the kernel reuses memory.
 */
#ifndef DEVMEM_SNAPSHOT_H
#define DEVMEM_SNAPSHOT_H

#define DM_MAX_QUEUES	256	/* queues a record can name */
#define DM_LEAF_TOKENS	64	/* slots of one xarray leaf */

enum dm_direction {
	DM_DIR_UNKNOWN	= 0,
	DM_DIR_TX	= 1,	/* DMA_TO_DEVICE */
	DM_DIR_RX	= 2,	/* DMA_FROM_DEVICE */
};

enum dm_binding_flags {
	DM_BINDING_BOUND	= 1 << 0,	/* its id still resolves */
	DM_BINDING_NO_DEV	= 1 << 1,	/* the net device is gone, or was let go */
	DM_BINDING_TRUNCATED	= 1 << 2,	/* more chunks or queues than we walk */
	DM_BINDING_NO_POOL	= 1 << 3,	/* total and avail are not known */
};

struct dm_binding_rec {
	unsigned long long size;	/* of the dma-buf, bytes */
	unsigned long long total;	/* in the niov pool, bytes */
	unsigned long long avail;	/* free in it, bytes */
	unsigned long long inode;	/* of the dma-buf */
	unsigned long long queues[DM_MAX_QUEUES / 64];
	unsigned int id;
	unsigned int niov_shift;
	unsigned int ifindex;
	unsigned int netns;		/* inode of the device's namespace */
	unsigned int direction;		/* enum dm_direction */
	unsigned int flags;		/* enum dm_binding_flags */
	unsigned int nr_queues;
	unsigned int niovs_held;	/* distinct, behind at least one token */
	unsigned int niovs_seen;	/* distinct, behind a token or in a queue */
	unsigned int pad;
	char ifname[16];
	char exporter[32];
	char name[32];
};

enum dm_pool_flags {
	DM_POOL_ORPHAN	= 1 << 0,	/* no visible net device */
	DM_POOL_ZOMBIE	= 1 << 1,	/* detached, waits for its niovs */
};

struct dm_pool_rec {
	unsigned long long binding;	/* address: key of a dm_binding_rec */
	unsigned long long detach_ns;	/* CLOCK_BOOTTIME; 0 while attached */
	int inflight;			/* niovs taken from the binding */
	unsigned int cached;		/* of those, at rest in the pool */
	unsigned int id;
	unsigned int ifindex;
	unsigned int netns;
	unsigned int queue;
	unsigned int flags;		/* enum dm_pool_flags */
	unsigned int pad;
	char ifname[16];
};

enum dm_sock_flags {
	DM_SOCK_TOKENS_TRUNCATED	= 1 << 0,
	DM_SOCK_QUEUE_TRUNCATED		= 1 << 1,
	DM_SOCK_ORPHAN			= 1 << 2,	/* no file refers to it */
	DM_SOCK_MOVED			= 1 << 3,	/* a queue changed under the walk */
};

struct dm_sock_rec {
	unsigned long long cookie;	/* 0: the kernel has given it none yet */
	unsigned long long cgroup;	/* id of the cgroup it was made in */
	unsigned long long received;	/* bytes, since it was made */
	unsigned int read_seq;		/* how far it was read: sequence number */
	unsigned int next_seq;		/* how far it can be: what is missing first */
	unsigned int netns;
	unsigned int uid;
	unsigned int flags;		/* enum dm_sock_flags */
	unsigned int oldest_ms;		/* age of the oldest token, at least */
	unsigned int aged;		/* tokens at least leak_after_ms old */
	unsigned int returned_ms;	/* age of the oldest one given back */
	unsigned short family;
	unsigned short sport;		/* host order */
	unsigned short dport;		/* host order */
	unsigned short state;		/* TCP_* of the kernel */
	unsigned char saddr[16];
	unsigned char daddr[16];
};

struct dm_use_key {
	unsigned long long sk;
	unsigned long long binding;
};

/* What one socket keeps from one binding. */
struct dm_use_rec {
	unsigned long long tokens;
	unsigned long long unread_frags;
	unsigned long long unread_bytes;
	unsigned int niovs_held;	/* distinct, behind its tokens */
	unsigned int niovs_pinned;	/* those and the unread ones */
};

struct dm_holder_key {
	unsigned long long object;	/* address of a socket or binding */
	unsigned int tgid;
	unsigned int pad;
};

struct dm_holder_rec {
	unsigned int fds;		/* how many of its fds lead there */
	char comm[16];
	unsigned int pad;
};

/* Whatever did not fit or could not be followed.  All 0: all was seen. */
struct dm_lost {
	unsigned long long bindings;
	unsigned long long pools;
	unsigned long long sockets;
	unsigned long long uses;
	unsigned long long holders;
	unsigned long long niovs;	/* seen, but not told apart */
	unsigned long long tokens;	/* seen, but their age not kept */
	unsigned long long buckets;	/* TCP hash chains not followed to the end */
	unsigned long long foreign;	/* niovs of a binding met only in a socket */
};

#endif /* DEVMEM_SNAPSHOT_H */
