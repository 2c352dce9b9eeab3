// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <devmem/uapi.h>

#include "token.h"

/* Tokens that no kernel has issued to a socket that lives as short as ours. */
#define NEVER_ISSUED	0x7ffffff0U

void token_policy_init(struct token_policy *policy, const struct options *opt)
{
	*policy = (struct token_policy){
		.hold		= opt->hold,
		.batch		= opt->return_batch,
		.keep_all	= opt->no_return || opt->hold == OPTIONS_FOREVER,
		.keep_share	= opt->leak_percent / 100,
		.keep_left	= opt->leak_count,
		.misuse		= opt->bad_tokens,
	};
}

void token_ledger_init(struct token_ledger *ledger, int fd, unsigned int conn)
{
	*ledger = (struct token_ledger){ .fd = fd, .conn = conn };
}

void token_ledger_free(struct token_ledger *ledger)
{
	free(ledger->ring);
	ledger->ring = NULL;
}

static struct token *token_at(const struct token_ledger *ledger, size_t i)
{
	return &ledger->ring[(ledger->head + i) & (ledger->capacity - 1)];
}

static int grow(struct token_ledger *ledger)
{
	size_t capacity = ledger->capacity ? 2 * ledger->capacity : 256;
	struct token *ring;
	size_t i;

	ring = calloc(capacity, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (i = 0; i < ledger->pending; i++)
		ring[i] = *token_at(ledger, i);
	free(ledger->ring);
	ledger->ring = ring;
	ledger->capacity = capacity;
	ledger->head = 0;
	return 0;
}

/* Evenly, so that a share of 2 % keeps exactly 2 of any 100 in a row. */
static bool should_keep(struct token_ledger *ledger,
			struct token_policy *policy)
{
	if (policy->keep_all)
		return true;
	if (policy->keep_left) {
		policy->keep_left--;
		return true;
	}
	/* Not a sum of fractions, whose error grows: ten tenths make one. */
	if (ledger->kept_share >= (uint64_t)(ledger->issued * policy->keep_share + 0.000001))
		return false;
	ledger->kept_share++;
	return true;
}

int token_issued(struct token_ledger *ledger, struct token_policy *policy,
		 uint32_t number, uint32_t size, uint64_t now)
{
	ledger->issued++;
	ledger->held_bytes += size;
	if (should_keep(ledger, policy)) {
		ledger->kept++;
		return 0;
	}

	if (ledger->pending == ledger->capacity && grow(ledger))
		return -ENOMEM;
	ledger->pending++;
	*token_at(ledger, ledger->pending - 1) = (struct token){
		.number	= number,
		.size	= size,
		.due	= now + policy->hold,
	};
	return 0;
}

/* One SO_DEVMEM_DONTNEED call: what it names and what that stands for. */
struct batch {
	struct dmabuf_token	range[DEVMEM_DONTNEED_MAX_TOKENS];
	unsigned int		nranges;
	unsigned int		tokens;
	uint64_t		bytes;
};

/* Takes due tokens off @ledger's head, as many as one call can name. */
static void collect(struct token_ledger *ledger, struct batch *batch,
		    uint64_t now)
{
	struct dmabuf_token *last = NULL;

	batch->nranges = 0;
	batch->tokens = 0;
	batch->bytes = 0;
	while (ledger->pending && batch->tokens < DEVMEM_DONTNEED_MAX_FRAGS) {
		const struct token *token = token_at(ledger, 0);

		if (token->due > now)
			return;
		if (last && last->token_start + last->token_count ==
			    token->number) {
			last->token_count++;
		} else if (batch->nranges < DEVMEM_DONTNEED_MAX_TOKENS) {
			last = &batch->range[batch->nranges++];
			last->token_start = token->number;
			last->token_count = 1;
		} else {
			return;
		}
		batch->tokens++;
		batch->bytes += token->size;
		ledger->head = (ledger->head + 1) & (ledger->capacity - 1);
		ledger->pending--;
	}
}

/* Returns how many tokens the kernel freed, or a negative errno. */
static int dontneed(const struct token_ledger *ledger,
		    const struct dmabuf_token *range, unsigned int nranges)
{
	int freed;

	freed = setsockopt(ledger->fd, SOL_SOCKET, SO_DEVMEM_DONTNEED, range,
			   nranges * sizeof(*range));
	return freed < 0 ? -errno : freed;
}

/*
 * Returns @batch again, and tokens that were never issued.  Each number is free
 * at this moment, so the kernel must not take any.
 */
static void misuse(struct token_ledger *ledger, const struct batch *batch)
{
	unsigned int taken = 0;
	struct dmabuf_token never = {
		.token_start = NEVER_ISSUED,
		.token_count = 4,
	};
	int freed;

	freed = dontneed(ledger, batch->range, batch->nranges);
	if (freed > 0)
		taken += freed;
	freed = dontneed(ledger, &never, 1);
	if (freed > 0)
		taken += freed;
	ledger->bad_taken += taken;
	ledger->bad_refused += batch->tokens + never.token_count - taken;
}

static int return_batch(struct token_ledger *ledger, const struct batch *batch,
			struct tokenlog *log)
{
	unsigned int total = 0, try;
	int freed;

	/*
	 * The kernel may stop early and says only how many it freed.  Those are
	 * skipped the second time, so naming all again is safe.
	 */
	for (try = 0; total < batch->tokens && try < 2; try++) {
		freed = dontneed(ledger, batch->range, batch->nranges);
		if (freed < 0)
			return freed;
		tokenlog_returned(log, ledger->conn, batch->range,
				  batch->nranges, freed);
		total += freed;
	}

	ledger->returned += total;
	ledger->held_bytes -= batch->bytes;
	ledger->refused += batch->tokens - total;
	return 0;
}

static size_t count_due(const struct token_ledger *ledger, size_t enough,
			uint64_t now)
{
	size_t n;

	for (n = 0; n < ledger->pending && n < enough; n++)
		if (token_at(ledger, n)->due > now)
			break;
	return n;
}

int token_return_due(struct token_ledger *ledger,
		     const struct token_policy *policy, struct tokenlog *log,
		     uint64_t now, bool flush)
{
	struct batch batch;
	int err;

	if (!flush && count_due(ledger, policy->batch, now) < policy->batch)
		return 0;
	for (;;) {
		collect(ledger, &batch, now);
		if (!batch.tokens)
			return 0;
		err = return_batch(ledger, &batch, log);
		if (err)
			return err;
		if (policy->misuse)
			misuse(ledger, &batch);
	}
}

uint64_t token_next_return(const struct token_ledger *ledger,
			   const struct token_policy *policy, bool flush)
{
	size_t last = flush ? 0 : policy->batch - 1;

	return ledger->pending > last ? token_at(ledger, last)->due :
					UINT64_MAX;
}
