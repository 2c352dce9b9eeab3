/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One snapshot as the kernel gave it, before anything is joined.
 *
 * Made by snapshot.c, and by hand in tests; read by model.c.
 */
#ifndef DEVMEM_LIB_RAW_H
#define DEVMEM_LIB_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <devmem/snapshot.h>

struct dm_raw_binding {
	unsigned long long addr;
	struct dm_binding_rec rec;
};

struct dm_raw_pool {
	unsigned long long addr;
	struct dm_pool_rec rec;
};

struct dm_raw_sock {
	unsigned long long addr;
	struct dm_sock_rec rec;
};

struct dm_raw_use {
	struct dm_use_key key;
	struct dm_use_rec rec;
};

struct dm_raw_holder {
	struct dm_holder_key key;
	struct dm_holder_rec rec;
};

struct dm_raw_failures {
	unsigned long long binding;	/* its id: dead ones stay, addresses return */
	unsigned long long count;	/* since we attached */
};

/* The arrays belong to whoever made the snapshot, until the next one. */
struct dm_raw {
	unsigned int ms;		/* time, rising from snapshot to snapshot */
	unsigned long long boot_ns;	/* CLOCK_BOOTTIME, as pools' detach_ns */
	struct dm_raw_binding *bindings;
	struct dm_raw_pool *pools;
	struct dm_raw_sock *socks;
	struct dm_raw_use *uses;
	struct dm_raw_holder *holders;
	struct dm_raw_failures *failures;
	size_t nr_bindings;
	size_t nr_pools;
	size_t nr_socks;
	size_t nr_uses;
	size_t nr_holders;
	size_t nr_failures;
	bool has_failures;		/* they are counted at all */
	bool failures_missed;		/* there was no room for another binding's */
	struct dm_lost lost;
};

#endif /* DEVMEM_LIB_RAW_H */
