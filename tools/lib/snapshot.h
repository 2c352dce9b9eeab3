/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes snapshots of the kernel's devmem state with bpf/snapshot.bpf.c.
 */
#ifndef DEVMEM_LIB_SNAPSHOT_H
#define DEVMEM_LIB_SNAPSHOT_H

#include "error.h"
#include "raw.h"

struct dm_snapshot;

struct dm_snapshot_opts {
	unsigned int leak_after_ms;	/* from then on a token counts as aged */
	bool failures;			/* count failed niov allocations */
	bool verbose;			/* show what libbpf says */
};

/* NULL, and why, if the kernel or our capabilities do not allow it. */
struct dm_snapshot *dm_snapshot_open(const struct dm_snapshot_opts *opts,
				     struct dm_error *error);
void dm_snapshot_close(struct dm_snapshot *snapshot);

/* What *raw points to is valid until the next call.  0, or -1 and why. */
int dm_snapshot_take(struct dm_snapshot *snapshot, struct dm_raw *raw, struct dm_error *error);

#endif /* DEVMEM_LIB_SNAPSHOT_H */
