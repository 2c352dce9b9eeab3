/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is going on: bindings, pools, sockets and processes, joined, and what
 * changed between frames.  Views know nothing else.
 *
 * Unknown is DM_UNKNOWN in counts and NAN in real numbers.  Numbers of niovs
 * are of distinct ones.
 */
#ifndef DEVMEM_LIB_MODEL_H
#define DEVMEM_LIB_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "raw.h"

#define DM_UNKNOWN	(-1LL)

struct dm_process {
	unsigned int pid;
	unsigned int fds;
	char comm[16];
	char *cgroup;			/* path, or NULL */
};

struct dm_processes {
	struct dm_process *list;
	size_t nr;
};

struct dm_binding {
	unsigned long long addr;
	struct dm_binding_rec rec;
	bool zombie;			/* unbound, and kept by what holds its niovs */
	unsigned long long niov_size;	/* 0: unknown */

	/* niovs: free + cached + held + queued + other == total */
	long long total;
	long long free;
	long long cached;		/* sampled: pools change without locks */
	long long held;			/* behind tokens */
	long long queued;		/* unread in sockets, behind no token */
	long long other;		/* posted to the NIC, or unaccounted for */
	long long inflight;		/* as the page pools count: all but free */
	double pressure;		/* 0 to 1 */

	long long failures;		/* allocations, since we look */
	double failure_rate;		/* a second, since the last frame */
	bool exhausted;			/* one failed since the last frame */
	size_t nr_pools;
	size_t nr_sockets;
	size_t nr_suspects;
	double detached_s;		/* longest of its detached pools; NAN: none */
	struct dm_processes binders;
};

struct dm_pool {
	struct dm_pool_rec rec;
	struct dm_binding *binding;	/* NULL: not seen */
	double detached_s;			/* NAN while attached */
};

struct dm_use {
	struct dm_binding *binding;	/* NULL: not seen */
	struct dm_use_rec rec;
	unsigned long long pinned_bytes;
	double share;				/* of the binding's niovs */
};

enum dm_verdict {
	DM_UNJUDGED,	/* not before the second look */
	DM_FINE,
	DM_UNREAD,	/* has devmem data that it does not read */
	DM_SUSPECT,	/* its old tokens become more and never fewer */
};

struct dm_socket {
	unsigned long long addr;
	struct dm_sock_rec rec;
	struct dm_use *uses;		/* within the model's array */
	size_t nr_uses;
	unsigned long long tokens;
	unsigned long long unread_frags;
	unsigned long long unread_bytes;
	unsigned long long niovs_held;
	unsigned long long niovs_pinned;
	unsigned long long pinned_bytes;
	long long token_bytes;		/* DM_UNKNOWN where tokens carry no size */
	long long old_tokens;		/* DM_UNKNOWN in the first frame */
	double share;			/* the largest of its uses */
	double token_rate;		/* change a second */
	double receive_rate;		/* bytes a second */
	enum dm_verdict verdict;
	struct dm_processes holders;
};

enum dm_sort {
	DM_SORT_PINNED,
	DM_SORT_TOKENS,
	DM_SORT_UNREAD,
	DM_SORT_AGE,
	DM_SORT_RATE,
	DM_SORT_PID,
	DM_NR_SORTS,
};

struct dm_history;

struct dm_model {
	struct dm_binding *bindings;
	struct dm_pool *pools;
	struct dm_socket *sockets;
	struct dm_use *uses;
	size_t nr_bindings;
	size_t nr_pools;
	size_t nr_sockets;
	size_t nr_uses;
	size_t nr_suspects;
	size_t nr_unread;
	size_t nr_zombies;
	unsigned int frames;		/* how many it has seen */
	double interval_s;		/* since the last one; NAN: this is the first */
	double watched_s;		/* since the first one */
	struct dm_lost lost;
	size_t nr_moved;		/* sockets whose queues changed as we looked */
	bool truncated;			/* a list was longer than we follow */
	bool complete;			/* nothing lost, moved or truncated */
	struct dm_history *history;	/* private: of bindings and sockets */
	struct dm_history *before;	/* private: as it was a frame ago */
	size_t nr_history;
	size_t nr_before;
	unsigned int last_ms;
	unsigned int first_ms;
};

struct dm_model *dm_model_new(void);
void dm_model_free(struct dm_model *model);

/* Takes in one snapshot.  0, or -ENOMEM: then the model is empty. */
int dm_model_update(struct dm_model *model, const struct dm_raw *raw);

void dm_model_sort(struct dm_model *model, enum dm_sort key);
const char *dm_sort_name(enum dm_sort key);

/* The live binding under most pressure, or NULL. */
const struct dm_binding *dm_model_worst(const struct dm_model *model);

#endif /* DEVMEM_LIB_MODEL_H */
