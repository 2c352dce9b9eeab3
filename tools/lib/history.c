// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define DM_RISES	2	/* frames with more old tokens, before we speak */
#define DM_STILL_MS	3000	/* that long unread and no byte read: it does not read */
#define DM_PRESSED	0.9	/* pressure at which old tokens are the problem */

static int dm_history_cmp(const void *a, const void *b)
{
	const struct dm_history *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static const struct dm_history *dm_history_find(const struct dm_model *model,
						unsigned long long addr, unsigned long long id)
{
	const struct dm_history key = { .addr = addr, .id = id };

	if (!model->nr_before)
		return NULL;
	return bsearch(&key, model->before, model->nr_before, sizeof(key), dm_history_cmp);
}

/* Bindings */

static long long dm_failures_of(const struct dm_raw *raw, unsigned int id)
{
	size_t i;

	if (!raw->has_failures)
		return DM_UNKNOWN;
	for (i = 0; i < raw->nr_failures; i++)
		if (raw->failures[i].binding == id)
			return raw->failures[i].count;
	return raw->failures_missed ? DM_UNKNOWN : 0;
}

static void dm_history_binding(struct dm_model *model, const struct dm_raw *raw,
			       struct dm_binding *binding, struct dm_history *now)
{
	const struct dm_history *old = dm_history_find(model, binding->addr, binding->rec.id);
	long long since;

	now->addr = binding->addr;
	now->id = binding->rec.id;
	now->failures = dm_failures_of(raw, binding->rec.id);

	binding->failures = now->failures;
	binding->failure_rate = NAN;
	if (now->failures == DM_UNKNOWN || isnan(model->interval_s))
		return;
	since = now->failures - (old ? old->failures : 0);
	binding->exhausted = since > 0;
	binding->failure_rate = since / model->interval_s;
}

/* Sockets */

static bool dm_under_pressure(const struct dm_socket *socket)
{
	size_t i;

	for (i = 0; i < socket->nr_uses; i++)
		if (socket->uses[i].binding && socket->uses[i].binding->pressure >= DM_PRESSED)
			return true;
	return false;
}

/*
 * A token is old ("aged") once it was held for leak_after.  An honest receiver
 * may hold old ones: a slow one gives them back, one that keeps some for good
 * stays at their number.  One that leaks has more and more, and never fewer.
 *
 * It can only do so until the pool is dry.  Then nothing grows any more, and
 * whoever has old tokens is what the others wait for.
 *
 * A socket that once gave back a token of some age is believed to give back
 * others that are not twice as old.
 */
static bool dm_is_suspect(const struct dm_socket *socket, const struct dm_history *now,
			  const struct dm_history *old)
{
	if (!now->aged || socket->rec.oldest_ms / 2 <= now->returned_ms)
		return false;
	if (old && old->suspect && now->aged >= old->aged)
		return true;
	return now->rises >= DM_RISES || dm_under_pressure(socket);
}

/*
 * Bytes out of order cannot be read, and a FIN, which takes a number like a
 * byte, need not be: neither is the reader's fault.
 */
static bool dm_could_read(const struct dm_socket *socket)
{
	return socket->unread_bytes && (int)(socket->rec.next_seq - socket->rec.read_seq) > 1;
}

static void dm_history_progress(const struct dm_socket *socket, struct dm_history *now,
				const struct dm_history *old, double interval_s)
{
	now->aged = socket->rec.aged;
	now->returned_ms = socket->rec.returned_ms;
	if (!old)
		return;

	if (now->aged >= old->aged)
		now->rises = old->rises + (now->aged > old->aged);
	if (old->returned_ms > now->returned_ms)
		now->returned_ms = old->returned_ms;
	if (dm_could_read(socket) && now->read_seq == old->read_seq)
		now->still_ms = old->still_ms + interval_s * 1000;
}

static void dm_history_socket(struct dm_model *model, struct dm_socket *socket,
			      struct dm_history *now)
{
	const struct dm_history *old = dm_history_find(model, socket->addr, socket->rec.cookie);

	now->addr = socket->addr;
	now->id = socket->rec.cookie;
	now->tokens = socket->tokens;
	now->received = socket->rec.received;
	now->read_seq = socket->rec.read_seq;
	dm_history_progress(socket, now, old, model->interval_s);
	now->suspect = dm_is_suspect(socket, now, old);

	if (now->suspect)
		socket->verdict = DM_SUSPECT;
	else if (now->still_ms >= DM_STILL_MS)
		socket->verdict = DM_UNREAD;
	else
		socket->verdict = old ? DM_FINE : DM_UNJUDGED;

	socket->old_tokens = model->frames > 1 ? socket->rec.aged : DM_UNKNOWN;
	socket->token_rate = NAN;
	socket->receive_rate = NAN;
	if (!old)
		return;
	socket->token_rate = ((double)now->tokens - old->tokens) / model->interval_s;
	socket->receive_rate = (now->received - old->received) / model->interval_s;
}

int dm_history_apply(struct dm_model *model, const struct dm_raw *raw)
{
	struct dm_history *now;
	size_t i, nr = 0;

	free(model->before);
	model->before = model->history;
	model->nr_before = model->nr_history;
	model->nr_history = 0;
	model->history = calloc(model->nr_bindings + model->nr_sockets + 1, sizeof(*now));
	if (!model->history)
		return -ENOMEM;

	now = model->history;
	for (i = 0; i < model->nr_bindings; i++)
		dm_history_binding(model, raw, &model->bindings[i], &now[nr++]);
	for (i = 0; i < model->nr_sockets; i++)
		dm_history_socket(model, &model->sockets[i], &now[nr++]);
	model->nr_history = nr;
	qsort(now, nr, sizeof(*now), dm_history_cmp);
	return 0;
}
