// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"

/*
 * An object that could not be had is NULL, which json-c prints as null: so a
 * failed allocation would look like "unknown".  It is noted here instead.
 */
static bool dm_json_failed;

static struct json_object *dm_made(struct json_object *value)
{
	if (!value)
		dm_json_failed = true;
	return value;
}

static void dm_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, value)) {
		json_object_put(value);
		dm_json_failed = true;
	}
}

static void dm_add_int(struct json_object *object, const char *name, long long value)
{
	dm_add(object, name, value == DM_UNKNOWN ? NULL : dm_made(json_object_new_int64(value)));
}

static void dm_add_u64(struct json_object *object, const char *name, unsigned long long value)
{
	dm_add(object, name, dm_made(json_object_new_uint64(value)));
}

/* Milliseconds and a ten thousandth are all the digits that mean anything. */
static void dm_add_real(struct json_object *object, const char *name, double value)
{
	char text[64];

	if (isnan(value)) {
		dm_add(object, name, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%.4f", value);
	dm_add(object, name, dm_made(json_object_new_double_s(value, text)));
}

static void dm_add_bool(struct json_object *object, const char *name, bool value)
{
	dm_add(object, name, dm_made(json_object_new_boolean(value)));
}

/* An empty or missing string is unknown. */
static void dm_add_string(struct json_object *object, const char *name, const char *text)
{
	dm_add(object, name, text && *text ? dm_made(json_object_new_string(text)) : NULL);
}

static void dm_add_chars(struct json_object *object, const char *name, const char *text,
			 size_t size)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)size, text);
	dm_add_string(object, name, copy);
}

static void dm_push(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value)) {
		json_object_put(value);
		dm_json_failed = true;
	}
}

static void dm_add_processes(struct json_object *object, const char *name,
			     const struct dm_processes *processes)
{
	struct json_object *array = dm_made(json_object_new_array());
	size_t i;

	for (i = 0; array && i < processes->nr; i++) {
		struct json_object *entry = dm_made(json_object_new_object());

		if (!entry)
			break;
		dm_add_u64(entry, "pid", processes->list[i].pid);
		dm_add_chars(entry, "comm", processes->list[i].comm,
			     sizeof(processes->list[i].comm));
		dm_add_string(entry, "cgroup", processes->list[i].cgroup);
		dm_add_u64(entry, "fds", processes->list[i].fds);
		dm_push(array, entry);
	}
	dm_add(object, name, array);
}

/* Bindings */

static void dm_add_queues(struct json_object *object, const struct dm_binding_rec *rec)
{
	struct json_object *array = dm_made(json_object_new_array());
	int i;

	for (i = 0; array && i < DM_MAX_QUEUES; i++)
		if (rec->queues[i / 64] >> (i % 64) & 1)
			dm_push(array, dm_made(json_object_new_int(i)));
	dm_add(object, "queues", array);
}

static void dm_add_device(struct json_object *object, bool known, const char *ifname,
			  unsigned int ifindex, unsigned int netns)
{
	dm_add_chars(object, "device", known ? ifname : "", 16);
	dm_add_int(object, "ifindex", known ? ifindex : DM_UNKNOWN);
	dm_add_int(object, "netns", known ? netns : DM_UNKNOWN);
}

static void dm_add_niovs(struct json_object *object, const struct dm_binding *binding)
{
	struct json_object *niovs = dm_made(json_object_new_object());

	if (!niovs)
		return;
	dm_add_int(niovs, "total", binding->total);
	dm_add_int(niovs, "free", binding->free);
	dm_add_int(niovs, "cached", binding->cached);
	dm_add_int(niovs, "held", binding->held);
	dm_add_int(niovs, "queued", binding->queued);
	dm_add_int(niovs, "other", binding->other);
	dm_add_int(niovs, "inflight", binding->inflight);
	dm_add(object, "niovs", niovs);
}

static struct json_object *dm_json_binding(const struct dm_binding *binding)
{
	struct json_object *object = dm_made(json_object_new_object());
	const struct dm_binding_rec *rec = &binding->rec;

	if (!object)
		return NULL;
	dm_add_u64(object, "id", rec->id);
	dm_add_string(object, "state", binding->zombie ? "zombie" : "bound");
	dm_add_device(object, !(rec->flags & DM_BINDING_NO_DEV), rec->ifname, rec->ifindex,
		      rec->netns);
	dm_add_queues(object, rec);
	dm_add_string(object, "direction", dm_direction(rec->direction));
	dm_add_u64(object, "size", rec->size);
	dm_add_int(object, "niov_size", binding->niov_size ? (long long)binding->niov_size :
		   DM_UNKNOWN);
	dm_add_niovs(object, binding);
	dm_add_real(object, "pressure", binding->pressure);
	dm_add_int(object, "alloc_failures", binding->failures);
	dm_add_real(object, "alloc_failures_per_s", binding->failure_rate);
	dm_add_chars(object, "dmabuf_exporter", rec->exporter, sizeof(rec->exporter));
	dm_add_chars(object, "dmabuf_name", rec->name, sizeof(rec->name));
	dm_add_u64(object, "dmabuf_inode", rec->inode);
	dm_add_u64(object, "sockets", binding->nr_sockets);
	dm_add_u64(object, "suspects", binding->nr_suspects);
	dm_add_u64(object, "pools", binding->nr_pools);
	dm_add_real(object, "detached_s", binding->detached_s);
	dm_add_processes(object, "binders", &binding->binders);
	return object;
}

/* Pools */

static struct json_object *dm_json_pool(const struct dm_pool *pool)
{
	struct json_object *object = dm_made(json_object_new_object());
	const struct dm_binding *binding = pool->binding;

	if (!object)
		return NULL;
	dm_add_u64(object, "id", pool->rec.id);
	dm_add_int(object, "binding", binding ? binding->rec.id : DM_UNKNOWN);
	dm_add_device(object, !(pool->rec.flags & DM_POOL_ORPHAN), pool->rec.ifname,
		      pool->rec.ifindex, pool->rec.netns);
	dm_add_u64(object, "queue", pool->rec.queue);
	dm_add(object, "inflight", dm_made(json_object_new_int(pool->rec.inflight)));
	dm_add_u64(object, "cached", pool->rec.cached);
	dm_add_int(object, "binding_total", binding ? binding->total : DM_UNKNOWN);
	dm_add_int(object, "binding_free", binding ? binding->free : DM_UNKNOWN);
	dm_add_real(object, "pressure", binding ? binding->pressure : NAN);
	dm_add_string(object, "state", isnan(pool->detached_s) ? "attached" : "zombie");
	dm_add_real(object, "detached_s", pool->detached_s);
	return object;
}

/* Sockets */

static void dm_add_addresses(struct json_object *object, const struct dm_sock_rec *rec)
{
	char text[INET6_ADDRSTRLEN] = "";

	dm_add_string(object, "family", rec->family == AF_INET6 ? "ipv6" : "ipv4");
	inet_ntop(rec->family, rec->saddr, text, sizeof(text));
	dm_add_string(object, "local_address", text);
	dm_add_u64(object, "local_port", rec->sport);
	inet_ntop(rec->family, rec->daddr, text, sizeof(text));
	dm_add_string(object, "remote_address", text);
	dm_add_u64(object, "remote_port", rec->dport);
}

static struct json_object *dm_json_use(const struct dm_use *use)
{
	struct json_object *object = dm_made(json_object_new_object());

	if (!object)
		return NULL;
	dm_add_int(object, "binding", use->binding ? use->binding->rec.id : DM_UNKNOWN);
	dm_add_u64(object, "tokens", use->rec.tokens);
	dm_add_u64(object, "niovs_held", use->rec.niovs_held);
	dm_add_u64(object, "niovs_pinned", use->rec.niovs_pinned);
	dm_add_int(object, "pinned_bytes", use->binding ? (long long)use->pinned_bytes :
		   DM_UNKNOWN);
	dm_add_u64(object, "unread_frags", use->rec.unread_frags);
	dm_add_u64(object, "unread_bytes", use->rec.unread_bytes);
	dm_add_real(object, "share", use->share);
	return object;
}

static void dm_add_uses(struct json_object *object, const struct dm_socket *socket)
{
	struct json_object *array = dm_made(json_object_new_array());
	size_t i;

	for (i = 0; array && i < socket->nr_uses; i++)
		dm_push(array, dm_json_use(&socket->uses[i]));
	dm_add(object, "bindings", array);
}

static void dm_add_identity(struct json_object *object, const struct dm_socket *socket)
{
	const struct dm_sock_rec *rec = &socket->rec;

	dm_add_addresses(object, rec);
	dm_add_string(object, "state", dm_tcp_state(rec->state));
	dm_add_u64(object, "netns", rec->netns);
	dm_add_int(object, "cookie", rec->cookie ? (long long)rec->cookie : DM_UNKNOWN);
	dm_add_u64(object, "uid", rec->uid);
	dm_add_int(object, "cgroup_id", rec->cgroup ? (long long)rec->cgroup : DM_UNKNOWN);
	dm_add_bool(object, "orphan", rec->flags & DM_SOCK_ORPHAN);
	dm_add_processes(object, "holders", &socket->holders);
}

static struct json_object *dm_json_socket(const struct dm_socket *socket)
{
	struct json_object *object = dm_made(json_object_new_object());

	if (!object)
		return NULL;
	dm_add_identity(object, socket);
	dm_add_u64(object, "tokens", socket->tokens);
	dm_add_int(object, "token_bytes", socket->token_bytes);
	dm_add_u64(object, "niovs_held", socket->niovs_held);
	dm_add_u64(object, "niovs_pinned", socket->niovs_pinned);
	dm_add_u64(object, "pinned_bytes", socket->pinned_bytes);
	dm_add_real(object, "share", socket->share);
	dm_add_u64(object, "unread_frags", socket->unread_frags);
	dm_add_u64(object, "unread_bytes", socket->unread_bytes);
	dm_add_real(object, "oldest_token_s", socket->tokens && socket->rec.oldest_ms ?
		    socket->rec.oldest_ms / 1000.0 : NAN);
	dm_add_int(object, "old_tokens", socket->old_tokens);
	dm_add_real(object, "tokens_per_s", socket->token_rate);
	dm_add_real(object, "received_bytes_per_s", socket->receive_rate);
	dm_add_string(object, "verdict", dm_verdict_name(socket->verdict));
	dm_add_uses(object, socket);
	return object;
}

/* The whole */

static void dm_add_lost(struct json_object *object, const struct dm_model *model)
{
	const struct dm_lost *lost = &model->lost;
	struct json_object *parts = dm_made(json_object_new_object());

	if (!parts)
		return;
	dm_add_u64(parts, "bindings", lost->bindings);
	dm_add_u64(parts, "pools", lost->pools);
	dm_add_u64(parts, "sockets", lost->sockets);
	dm_add_u64(parts, "uses", lost->uses);
	dm_add_u64(parts, "holders", lost->holders);
	dm_add_u64(parts, "niovs", lost->niovs);
	dm_add_u64(parts, "token_ages", lost->tokens);
	dm_add_u64(parts, "hash_chains", lost->buckets);
	dm_add_u64(parts, "foreign_niovs", lost->foreign);
	dm_add_u64(parts, "changed_queues", model->nr_moved);
	dm_add(object, "lost", parts);
}

#define DM_ADD_ARRAY(object, name, elements, nr, make)				\
	do {									\
		struct json_object *array_ = dm_made(json_object_new_array());	\
		size_t i_;							\
										\
		for (i_ = 0; array_ && i_ < (nr); i_++)				\
			dm_push(array_, make(&(elements)[i_]));			\
		dm_add(object, name, array_);					\
	} while (0)

static void dm_json_fill(struct json_object *object, const struct dm_model *model,
			 unsigned int parts)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	dm_add_real(object, "time", now.tv_sec + now.tv_nsec / 1e9);
	dm_add_u64(object, "frame", model->frames);
	dm_add_real(object, "interval_s", model->interval_s);
	dm_add_string(object, "source", "stock");
	if (parts & DM_JSON_BINDINGS)
		DM_ADD_ARRAY(object, "bindings", model->bindings, model->nr_bindings,
			     dm_json_binding);
	if (parts & DM_JSON_POOLS)
		DM_ADD_ARRAY(object, "pools", model->pools, model->nr_pools, dm_json_pool);
	if (parts & DM_JSON_SOCKETS)
		DM_ADD_ARRAY(object, "sockets", model->sockets, model->nr_sockets,
			     dm_json_socket);
	dm_add_bool(object, "complete", model->complete);
	dm_add_lost(object, model);
}

int dm_json_write(const struct dm_model *model, unsigned int parts, bool pretty, FILE *file)
{
	struct json_object *object = json_object_new_object();
	const char *text = NULL;

	dm_json_failed = false;
	if (object) {
		dm_json_fill(object, model, parts);
		text = json_object_to_json_string_ext(object, pretty ?
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED :
				JSON_C_TO_STRING_PLAIN);
	}
	if (text && !dm_json_failed)
		fprintf(file, "%s\n", text);
	json_object_put(object);
	return text && !dm_json_failed ? 0 : -ENOMEM;
}
