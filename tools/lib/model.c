// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "proc.h"

struct dm_model *dm_model_new(void)
{
	return calloc(1, sizeof(struct dm_model));
}

static void dm_processes_free(struct dm_processes *processes)
{
	size_t i;

	for (i = 0; i < processes->nr; i++)
		free(processes->list[i].cgroup);
	free(processes->list);
}

/* Forgets the frame, not the history. */
static void dm_model_clear(struct dm_model *model)
{
	size_t i;

	for (i = 0; i < model->nr_bindings; i++)
		dm_processes_free(&model->bindings[i].binders);
	for (i = 0; i < model->nr_sockets; i++)
		dm_processes_free(&model->sockets[i].holders);
	free(model->bindings);
	free(model->pools);
	free(model->sockets);
	free(model->uses);
	model->bindings = NULL;
	model->pools = NULL;
	model->sockets = NULL;
	model->uses = NULL;
	model->nr_bindings = 0;
	model->nr_pools = 0;
	model->nr_sockets = 0;
	model->nr_uses = 0;
	model->nr_suspects = 0;
	model->nr_unread = 0;
	model->nr_zombies = 0;
	model->nr_moved = 0;
	model->truncated = false;
}

void dm_model_free(struct dm_model *model)
{
	if (!model)
		return;
	dm_model_clear(model);
	free(model->history);
	free(model->before);
	free(model);
}

/* Orders: bindings as people list them, the rest so that joins are one pass. */

static int dm_cmp(unsigned long long a, unsigned long long b)
{
	return a < b ? -1 : a > b;
}

static int dm_cmp_bindings(const void *a, const void *b)
{
	const struct dm_raw_binding *x = a, *y = b;
	int order = dm_cmp(x->rec.id, y->rec.id);

	return order ? order : dm_cmp(x->addr, y->addr);
}

static int dm_cmp_pools(const void *a, const void *b)
{
	const struct dm_raw_pool *x = a, *y = b;

	return dm_cmp(x->rec.id, y->rec.id);
}

static int dm_cmp_socks(const void *a, const void *b)
{
	const struct dm_raw_sock *x = a, *y = b;

	return dm_cmp(x->addr, y->addr);
}

static int dm_cmp_uses(const void *a, const void *b)
{
	const struct dm_raw_use *x = a, *y = b;
	int order = dm_cmp(x->key.sk, y->key.sk);

	return order ? order : dm_cmp(x->key.binding, y->key.binding);
}

static int dm_cmp_holders(const void *a, const void *b)
{
	const struct dm_raw_holder *x = a, *y = b;
	int order = dm_cmp(x->key.object, y->key.object);

	return order ? order : dm_cmp(x->key.tgid, y->key.tgid);
}

static void dm_sort_array(void *array, size_t nr, size_t size,
			  int (*cmp)(const void *a, const void *b))
{
	if (nr)
		qsort(array, nr, size, cmp);
}

static void dm_raw_sort(const struct dm_raw *raw)
{
	dm_sort_array(raw->bindings, raw->nr_bindings, sizeof(*raw->bindings), dm_cmp_bindings);
	dm_sort_array(raw->pools, raw->nr_pools, sizeof(*raw->pools), dm_cmp_pools);
	dm_sort_array(raw->socks, raw->nr_socks, sizeof(*raw->socks), dm_cmp_socks);
	dm_sort_array(raw->uses, raw->nr_uses, sizeof(*raw->uses), dm_cmp_uses);
	dm_sort_array(raw->holders, raw->nr_holders, sizeof(*raw->holders), dm_cmp_holders);
}

/* Names are up to users: no byte of theirs may steer a terminal or spoil JSON. */
static void dm_tame(char *name, size_t size)
{
	size_t i;

	for (i = 0; i < size && name[i]; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			name[i] = '?';
}

/* Processes */

static size_t dm_holders_from(const struct dm_raw *raw, unsigned long long object)
{
	size_t low = 0, high = raw->nr_holders;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (raw->holders[middle].key.object < object)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Everybody who holds the object, in the order of their pids. */
static int dm_processes_join(struct dm_processes *processes, const struct dm_raw *raw,
			     unsigned long long object)
{
	size_t first = dm_holders_from(raw, object), nr = 0, i;

	while (first + nr < raw->nr_holders && raw->holders[first + nr].key.object == object)
		nr++;
	if (!nr)
		return 0;
	processes->list = calloc(nr, sizeof(*processes->list));
	if (!processes->list)
		return -ENOMEM;

	processes->nr = nr;
	for (i = 0; i < nr; i++) {
		const struct dm_raw_holder *holder = &raw->holders[first + i];
		struct dm_process *process = &processes->list[i];

		process->pid = holder->key.tgid;
		process->fds = holder->rec.fds;
		memcpy(process->comm, holder->rec.comm, sizeof(process->comm));
		process->cgroup = dm_proc_cgroup(process->pid);
		dm_tame(process->comm, sizeof(process->comm));
		if (process->cgroup)
			dm_tame(process->cgroup, strlen(process->cgroup));
	}
	return 0;
}

/* Bindings and pools */

static struct dm_binding *dm_binding_at(const struct dm_model *model, unsigned long long addr)
{
	size_t i;

	for (i = 0; i < model->nr_bindings; i++)
		if (model->bindings[i].addr == addr)
			return &model->bindings[i];
	return NULL;
}

static void dm_binding_sizes(struct dm_binding *binding)
{
	const struct dm_binding_rec *rec = &binding->rec;

	binding->total = DM_UNKNOWN;
	binding->free = DM_UNKNOWN;
	binding->cached = DM_UNKNOWN;
	binding->held = DM_UNKNOWN;
	binding->queued = DM_UNKNOWN;
	binding->other = DM_UNKNOWN;
	binding->inflight = DM_UNKNOWN;
	binding->pressure = NAN;
	binding->detached_s = NAN;
	if (rec->flags & DM_BINDING_NO_POOL)
		return;

	binding->niov_size = 1ULL << rec->niov_shift;
	binding->total = rec->total >> rec->niov_shift;
	/* Sending takes nothing out of the pool: what is in flight is unknown. */
	if (rec->direction != DM_DIR_RX)
		return;
	binding->free = rec->avail >> rec->niov_shift;
	binding->cached = 0;
	binding->inflight = 0;
	binding->held = rec->niovs_held;
	binding->queued = rec->niovs_seen - rec->niovs_held;
}

static int dm_model_bindings(struct dm_model *model, const struct dm_raw *raw)
{
	size_t i;

	model->bindings = calloc(raw->nr_bindings + 1, sizeof(*model->bindings));
	if (!model->bindings)
		return -ENOMEM;

	for (i = 0; i < raw->nr_bindings; i++) {
		struct dm_binding *binding = &model->bindings[i];

		model->nr_bindings++;
		binding->addr = raw->bindings[i].addr;
		binding->rec = raw->bindings[i].rec;
		binding->zombie = !(binding->rec.flags & DM_BINDING_BOUND);
		model->nr_zombies += binding->zombie;
		model->truncated |= binding->rec.flags & DM_BINDING_TRUNCATED;
		dm_tame(binding->rec.ifname, sizeof(binding->rec.ifname));
		dm_tame(binding->rec.exporter, sizeof(binding->rec.exporter));
		dm_tame(binding->rec.name, sizeof(binding->rec.name));
		dm_binding_sizes(binding);
		if (dm_processes_join(&binding->binders, raw, binding->addr))
			return -ENOMEM;
	}
	return 0;
}

/* What was unbound knows its device and queues no more; its page pools do. */
static void dm_zombie_device(struct dm_binding *binding, const struct dm_pool_rec *pool)
{
	struct dm_binding_rec *rec = &binding->rec;
	unsigned long long bit = 1ULL << (pool->queue % 64);

	if (pool->flags & DM_POOL_ORPHAN)
		return;
	rec->flags &= ~DM_BINDING_NO_DEV;
	rec->ifindex = pool->ifindex;
	rec->netns = pool->netns;
	memcpy(rec->ifname, pool->ifname, sizeof(rec->ifname));
	if (pool->queue >= DM_MAX_QUEUES || rec->queues[pool->queue / 64] & bit)
		return;
	rec->queues[pool->queue / 64] |= bit;
	rec->nr_queues++;
}

static void dm_pool_join(struct dm_pool *pool, struct dm_binding *binding)
{
	pool->binding = binding;
	if (!binding)
		return;
	if (binding->zombie)
		dm_zombie_device(binding, &pool->rec);
	binding->nr_pools++;
	if (binding->inflight != DM_UNKNOWN) {
		binding->inflight += pool->rec.inflight;
		binding->cached += pool->rec.cached;
	}
	if (isnan(binding->detached_s) || pool->detached_s > binding->detached_s)
		binding->detached_s = pool->detached_s;
}

static int dm_model_pools(struct dm_model *model, const struct dm_raw *raw)
{
	size_t i;

	model->pools = calloc(raw->nr_pools + 1, sizeof(*model->pools));
	if (!model->pools)
		return -ENOMEM;

	for (i = 0; i < raw->nr_pools; i++) {
		struct dm_pool *pool = &model->pools[i];

		model->nr_pools++;
		pool->rec = raw->pools[i].rec;
		dm_tame(pool->rec.ifname, sizeof(pool->rec.ifname));
		pool->detached_s = NAN;
		if (pool->rec.detach_ns)
			pool->detached_s = (raw->boot_ns - (double)pool->rec.detach_ns) / 1e9;
		dm_pool_join(pool, dm_binding_at(model, pool->rec.binding));
	}
	return 0;
}

/* When all parts are known: what remains, and how bad it is. */
static void dm_model_pressure(struct dm_model *model)
{
	struct dm_binding *binding;

	for (binding = model->bindings; binding < model->bindings + model->nr_bindings; binding++) {
		if (binding->free == DM_UNKNOWN || !binding->total)
			continue;
		binding->other = binding->total - binding->free - binding->cached -
				 binding->held - binding->queued;
		/* The parts were read one after the other, and it went on meanwhile. */
		if (binding->other < 0)
			binding->other = 0;
		binding->pressure = 1 - (double)(binding->free + binding->cached) / binding->total;
		if (binding->pressure < 0)
			binding->pressure = 0;
	}
}

/* Sockets */

static void dm_use_join(struct dm_socket *socket, struct dm_use *use,
			const struct dm_raw_use *raw, struct dm_binding *binding)
{
	use->rec = raw->rec;
	use->binding = binding;
	use->share = NAN;
	if (binding) {
		binding->nr_sockets++;
		use->pinned_bytes = use->rec.niovs_pinned * binding->niov_size;
		if (binding->total > 0)
			use->share = (double)use->rec.niovs_pinned / binding->total;
	}

	socket->nr_uses++;
	socket->tokens += use->rec.tokens;
	socket->unread_frags += use->rec.unread_frags;
	socket->unread_bytes += use->rec.unread_bytes;
	socket->niovs_held += use->rec.niovs_held;
	socket->niovs_pinned += use->rec.niovs_pinned;
	socket->pinned_bytes += use->pinned_bytes;
	if (isnan(socket->share) || use->share > socket->share)
		socket->share = use->share;
}

static int dm_model_sockets(struct dm_model *model, const struct dm_raw *raw)
{
	size_t i, next = 0;

	model->sockets = calloc(raw->nr_socks + 1, sizeof(*model->sockets));
	model->uses = calloc(raw->nr_uses + 1, sizeof(*model->uses));
	if (!model->sockets || !model->uses)
		return -ENOMEM;

	for (i = 0; i < raw->nr_socks; i++) {
		struct dm_socket *socket = &model->sockets[i];

		model->nr_sockets++;
		socket->addr = raw->socks[i].addr;
		socket->rec = raw->socks[i].rec;
		socket->share = NAN;
		socket->token_bytes = DM_UNKNOWN;
		socket->uses = &model->uses[model->nr_uses];
		model->nr_moved += !!(socket->rec.flags & DM_SOCK_MOVED);
		model->truncated |= socket->rec.flags & (DM_SOCK_TOKENS_TRUNCATED |
							 DM_SOCK_QUEUE_TRUNCATED);
		while (next < raw->nr_uses && raw->uses[next].key.sk < socket->addr)
			next++;
		for (; next < raw->nr_uses && raw->uses[next].key.sk == socket->addr; next++)
			dm_use_join(socket, &model->uses[model->nr_uses++], &raw->uses[next],
				    dm_binding_at(model, raw->uses[next].key.binding));
		if (dm_processes_join(&socket->holders, raw, socket->addr))
			return -ENOMEM;
	}
	return 0;
}

static void dm_model_verdicts(struct dm_model *model)
{
	size_t i, j;

	for (i = 0; i < model->nr_sockets; i++) {
		struct dm_socket *socket = &model->sockets[i];

		model->nr_unread += socket->verdict == DM_UNREAD;
		if (socket->verdict != DM_SUSPECT)
			continue;
		model->nr_suspects++;
		for (j = 0; j < socket->nr_uses; j++) {
			struct dm_binding *binding = socket->uses[j].binding;

			if (binding && socket->uses[j].rec.tokens)
				binding->nr_suspects++;
		}
	}
}

static void dm_model_time(struct dm_model *model, const struct dm_raw *raw)
{
	if (!model->frames++)
		model->first_ms = raw->ms;
	model->interval_s = model->frames > 1 ? (raw->ms - model->last_ms) / 1000.0 : NAN;
	model->watched_s = (raw->ms - model->first_ms) / 1000.0;
	model->last_ms = raw->ms;
}

static bool dm_lost_nothing(const struct dm_lost *lost)
{
	static const struct dm_lost nothing;

	return !memcmp(lost, &nothing, sizeof(nothing));
}

int dm_model_update(struct dm_model *model, const struct dm_raw *raw)
{
	int err;

	dm_model_clear(model);
	dm_model_time(model, raw);
	dm_raw_sort(raw);
	model->lost = raw->lost;

	err = dm_model_bindings(model, raw);
	if (!err)
		err = dm_model_pools(model, raw);
	if (!err)
		err = dm_model_sockets(model, raw);
	if (err)
		goto clear;
	model->complete = dm_lost_nothing(&raw->lost) && !model->nr_moved && !model->truncated;
	dm_model_pressure(model);
	err = dm_history_apply(model, raw);
	if (err)
		goto clear;
	dm_model_verdicts(model);
	dm_model_sort(model, DM_SORT_PINNED);
	return 0;

clear:
	dm_model_clear(model);
	return err;
}

/* Sorting: the worst first, except for pids */

static const char * const dm_sort_names[DM_NR_SORTS] = {
	[DM_SORT_PINNED]	= "pinned",
	[DM_SORT_TOKENS]	= "tokens",
	[DM_SORT_UNREAD]	= "unread",
	[DM_SORT_AGE]		= "age",
	[DM_SORT_RATE]		= "rate",
	[DM_SORT_PID]		= "pid",
};

const char *dm_sort_name(enum dm_sort key)
{
	return dm_sort_names[key];
}

static double dm_sort_value(const struct dm_socket *socket, enum dm_sort key)
{
	switch (key) {
	case DM_SORT_TOKENS:
		return socket->tokens;
	case DM_SORT_UNREAD:
		return socket->unread_bytes;
	case DM_SORT_AGE:
		return socket->rec.oldest_ms;
	case DM_SORT_RATE:
		return isnan(socket->token_rate) ? -HUGE_VAL : socket->token_rate;
	case DM_SORT_PID:
		return socket->holders.nr ? -(double)socket->holders.list[0].pid : -HUGE_VAL;
	default:
		return socket->pinned_bytes;
	}
}

static int dm_cmp_sockets(const void *a, const void *b, void *key)
{
	double x = dm_sort_value(a, *(enum dm_sort *)key);
	double y = dm_sort_value(b, *(enum dm_sort *)key);

	if (x != y)
		return x < y ? 1 : -1;
	return dm_cmp(((const struct dm_socket *)a)->addr, ((const struct dm_socket *)b)->addr);
}

void dm_model_sort(struct dm_model *model, enum dm_sort key)
{
	if (model->nr_sockets)
		qsort_r(model->sockets, model->nr_sockets, sizeof(*model->sockets),
			dm_cmp_sockets, &key);
}

const struct dm_binding *dm_model_worst(const struct dm_model *model)
{
	const struct dm_binding *worst = NULL;
	size_t i;

	for (i = 0; i < model->nr_bindings; i++) {
		const struct dm_binding *binding = &model->bindings[i];

		if (binding->zombie || isnan(binding->pressure))
			continue;
		if (!worst || binding->pressure > worst->pressure)
			worst = binding;
	}
	return worst;
}
