/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is counted, and how it is told: a line now and then, and at the end.
 */
#ifndef DEVMEMCAT_STATS_H
#define DEVMEMCAT_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "dmabuf.h"
#include "nic.h"
#include "options.h"

struct token_ledger;

/**
 * struct stats - totals of this run
 * @start: CLOCK_MONOTONIC, when we began to listen or to send
 * @first: when the first connection came, 0: none yet
 * @end: when the last byte came or went
 * @conns: connections so far
 * @open: of these, still open
 * @failed: of these, ended by an error
 * @dmabuf_bytes: came as SCM_DEVMEM_DMABUF, or were sent from the dma-buf
 * @linear_bytes: came as SCM_DEVMEM_LINEAR
 * @host_bytes: came through host memory with no control message at all, as
 *	packets do that reach a queue without a binding; or were sent from there
 * @issued: tokens, as are the next six
 * @drops_base: drops on our queues before we began; -1: the driver cannot tell
 * @drops: since then
 * @completions: MSG_ZEROCOPY sends that have completed
 * @copied: of these, copied by the kernel after all
 * @last: when the last progress line was printed
 * @last_bytes: total at that time
 */
struct stats {
	uint64_t	start;
	uint64_t	first;
	uint64_t	end;
	unsigned int	conns;
	unsigned int	open;
	unsigned int	failed;
	uint64_t	dmabuf_bytes;
	uint64_t	linear_bytes;
	uint64_t	host_bytes;
	uint64_t	issued;
	uint64_t	returned;
	uint64_t	kept;
	uint64_t	refused;
	uint64_t	bad_refused;
	uint64_t	bad_taken;
	uint64_t	held_bytes;
	int64_t		drops_base;
	int64_t		drops;
	uint64_t	completions;
	uint64_t	copied;
	uint64_t	last;
	uint64_t	last_bytes;
};

void stats_init(struct stats *stats);
uint64_t stats_bytes(const struct stats *stats);
void stats_add_ledger(struct stats *stats, const struct token_ledger *ledger);

/* Reads the drop counters of @nic's queues; the first call sets the base. */
void stats_read_drops(struct stats *stats, struct dm_nl *netdev,
		      const struct nic *nic);

/* To stderr, about the time since the last one. */
void stats_progress(struct stats *stats, const struct options *opt,
		    uint64_t now);
/* To stderr, unless quiet. */
void stats_summary(const struct stats *stats, const struct options *opt);

/**
 * struct stats_context - what the JSON summary says beside the totals
 * @status: exit status
 * @nic: NULL where none was set up
 * @binding: id, or 0
 */
struct stats_context {
	enum dm_exit		status;
	const struct nic	*nic;
	uint32_t		binding;
};

enum dm_exit stats_json(const struct stats *stats, const struct options *opt,
			const struct stats_context *context);

#endif /* DEVMEMCAT_STATS_H */
