/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tokens of a connection: which the kernel issued, and when, if ever, they
 * are given back.
 */
#ifndef DEVMEMCAT_TOKEN_H
#define DEVMEMCAT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "tokenlog.h"

/**
 * struct token_policy - how tokens are treated, for all connections
 * @hold: nanoseconds from issue to return
 * @batch: return only when that many are due
 * @keep_all: return none
 * @keep_share: of tokens to keep for ever, 0 to 1
 * @keep_left: that many more to keep for ever, first
 * @misuse: return bad tokens as well
 */
struct token_policy {
	uint64_t	hold;
	unsigned int	batch;
	bool		keep_all;
	double		keep_share;
	uint64_t	keep_left;
	bool		misuse;
};

struct token {
	uint32_t	number;
	uint32_t	size;
	uint64_t	due;		/* CLOCK_MONOTONIC */
};

/**
 * struct token_ledger - the tokens of one connection
 * @fd: its socket
 * @conn: its number, for the log
 * @ring: tokens to be returned, oldest first; grows
 * @capacity: of @ring, a power of two
 * @head: index of the oldest
 * @pending: how many are in @ring
 * @issued: tokens the kernel gave us
 * @returned: tokens the kernel took back
 * @kept: tokens that are to be kept for ever
 * @refused: tokens we returned and the kernel did not know
 * @bad_refused: bad tokens that the kernel did not take
 * @bad_taken: bad tokens that the kernel took all the same
 * @held_bytes: payload behind the tokens we hold
 * @kept_share: tokens kept so far by a share of all
 */
struct token_ledger {
	int		fd;
	unsigned int	conn;
	struct token	*ring;
	size_t		capacity;
	size_t		head;
	size_t		pending;
	uint64_t	issued;
	uint64_t	returned;
	uint64_t	kept;
	uint64_t	refused;
	uint64_t	bad_refused;
	uint64_t	bad_taken;
	uint64_t	held_bytes;
	uint64_t	kept_share;
};

void token_policy_init(struct token_policy *policy, const struct options *opt);
void token_ledger_init(struct token_ledger *ledger, int fd, unsigned int conn);
void token_ledger_free(struct token_ledger *ledger);

/* The kernel issued @number for @size bytes.  0 or -ENOMEM. */
int token_issued(struct token_ledger *ledger, struct token_policy *policy,
		 uint32_t number, uint32_t size, uint64_t now);

/*
 * Returns the tokens that are due at @now; with @flush even if they make no
 * full batch.  0 or a negative errno.
 */
int token_return_due(struct token_ledger *ledger,
		     const struct token_policy *policy, struct tokenlog *log,
		     uint64_t now, bool flush);

/* When token_return_due() will have something to return; UINT64_MAX: never. */
uint64_t token_next_return(const struct token_ledger *ledger,
			   const struct token_policy *policy, bool flush);

static inline uint64_t token_held(const struct token_ledger *ledger)
{
	return ledger->issued - ledger->returned;
}

#endif /* DEVMEMCAT_TOKEN_H */
