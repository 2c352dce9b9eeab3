// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "text.h"

#include <math.h>
#include <string.h>

#include "format.h"
#include "table.h"

#define DM_NAMED	4	/* suspects told by name; the rest are counted */
#define DM_BAR		20	/* columns of a pressure bar */
#define DM_ARRAY_SIZE(a) ((int)(sizeof(a) / sizeof(*(a))))

static const char *dm_plural(unsigned long long nr)
{
	return nr == 1 ? "" : "s";
}

static enum dm_style dm_pressure_style(double pressure)
{
	if (isnan(pressure))
		return DM_DIM;
	return pressure >= 0.9 ? DM_BAD : pressure >= 0.7 ? DM_WARN : DM_GOOD;
}

/* Sentences */

static void dm_say_worst(const struct dm_model *model, struct dm_pen *pen)
{
	const struct dm_binding *worst = dm_model_worst(model);
	char queues[DM_FORMAT_LEN], percent[DM_FORMAT_LEN];

	if (!worst)
		return;
	dm_put(pen, DM_PLAIN, model->nr_bindings > 1 ? "Worst pressure: " : "Pressure: ");
	dm_put(pen, dm_pressure_style(worst->pressure), "%s",
	       dm_format_percent(percent, worst->pressure));
	dm_put(pen, DM_PLAIN, " on binding %u", worst->rec.id);
	if (worst->rec.nr_queues)
		dm_put(pen, DM_PLAIN, " (%.15s queue%s %s)", worst->rec.ifname,
		       dm_plural(worst->rec.nr_queues), dm_format_queues(queues, &worst->rec));
	dm_put(pen, DM_PLAIN, ".");
	dm_newline(pen);
}

static void dm_say_overview(const struct dm_model *model, struct dm_pen *pen)
{
	unsigned long long pinned = 0;
	char bytes[DM_FORMAT_LEN];
	size_t i;

	if (!model->nr_bindings && !model->nr_sockets) {
		dm_put(pen, DM_PLAIN, "No devmem bindings.");
		dm_newline(pen);
		return;
	}
	for (i = 0; i < model->nr_sockets; i++)
		pinned += model->sockets[i].pinned_bytes;

	dm_put(pen, DM_PLAIN, "%zu binding%s, ", model->nr_bindings,
	       dm_plural(model->nr_bindings));
	if (model->nr_sockets)
		dm_put(pen, DM_PLAIN, "%zu socket%s pinning %s", model->nr_sockets,
		       dm_plural(model->nr_sockets), dm_format_bytes(bytes, pinned));
	else
		dm_put(pen, DM_PLAIN, "no socket keeps any of their memory");
	if (model->nr_suspects)
		dm_put(pen, DM_BAD, "; %zu leak suspect%s", model->nr_suspects,
		       dm_plural(model->nr_suspects));
	else if (model->frames > 1)
		dm_put(pen, DM_GOOD, "; no leak suspect");
	dm_put(pen, DM_PLAIN, ".");
	dm_newline(pen);
	dm_say_worst(model, pen);
}

static void dm_say_suspect(const struct dm_socket *socket, struct dm_pen *pen,
			   unsigned int leak_after_ms)
{
	char process[DM_FORMAT_LEN], bytes[DM_FORMAT_LEN], after[DM_FORMAT_LEN];

	dm_put(pen, DM_BAD, "SUSPECT  %s", dm_format_process(process, &socket->holders));
	dm_put(pen, DM_PLAIN, " keeps %llu token%s, %u for over %s, and pins %s.",
	       socket->tokens, dm_plural(socket->tokens), socket->rec.aged,
	       dm_format_duration(after, leak_after_ms / 1000.0),
	       dm_format_bytes(bytes, socket->pinned_bytes));
	dm_newline(pen);
}

static void dm_say_unread(const struct dm_socket *socket, struct dm_pen *pen)
{
	char process[DM_FORMAT_LEN], bytes[DM_FORMAT_LEN], pinned[DM_FORMAT_LEN];

	dm_put(pen, DM_WARN, "UNREAD   %s", dm_format_process(process, &socket->holders));
	dm_put(pen, DM_PLAIN, " does not read %s that arrived, and pins %s.",
	       dm_format_bytes(bytes, socket->unread_bytes),
	       dm_format_bytes(pinned, socket->pinned_bytes));
	dm_newline(pen);
}

static void dm_say_sockets(const struct dm_model *model, struct dm_pen *pen,
			   unsigned int leak_after_ms, enum dm_verdict verdict)
{
	size_t i, named = 0, more = 0;

	for (i = 0; i < model->nr_sockets; i++) {
		if (model->sockets[i].verdict != verdict)
			continue;
		if (named++ >= DM_NAMED)
			more++;
		else if (verdict == DM_SUSPECT)
			dm_say_suspect(&model->sockets[i], pen, leak_after_ms);
		else
			dm_say_unread(&model->sockets[i], pen);
	}
	if (!more)
		return;
	dm_put(pen, DM_DIM, "         and %zu more like that below", more);
	dm_newline(pen);
}

static void dm_say_bindings(const struct dm_model *model, struct dm_pen *pen)
{
	char duration[DM_FORMAT_LEN], rate[DM_FORMAT_LEN];
	size_t i;

	for (i = 0; i < model->nr_bindings; i++) {
		const struct dm_binding *binding = &model->bindings[i];

		if (binding->exhausted) {
			dm_put(pen, DM_BAD, "DRY      binding %u", binding->rec.id);
			dm_put(pen, DM_PLAIN, " ran out of niovs: %s allocations a second failed",
			       dm_format_rate(rate, binding->failure_rate) + (*rate == '+'));
			if (binding->free > 0)
				dm_put(pen, DM_PLAIN, "; %lld niovs are free again", binding->free);
			dm_put(pen, DM_PLAIN, ".");
			dm_newline(pen);
		}
		if (binding->zombie) {
			dm_put(pen, DM_WARN, "ZOMBIE   binding %u", binding->rec.id);
			dm_put(pen, DM_PLAIN, " was unbound %s ago; %lld niovs keep it.",
			       dm_format_duration(duration, binding->detached_s),
			       binding->inflight);
			dm_newline(pen);
		}
	}
}

void dm_text_situation(const struct dm_model *model, struct dm_pen *pen,
		       unsigned int leak_after_ms)
{
	dm_say_overview(model, pen);
	dm_say_sockets(model, pen, leak_after_ms, DM_SUSPECT);
	dm_say_bindings(model, pen);
	dm_say_sockets(model, pen, leak_after_ms, DM_UNREAD);
}

/* Bindings */

static const struct dm_column dm_binding_columns[] = {
	{ "BINDING",	DM_RIGHT, 0 },
	{ "STATE",	DM_LEFT,  4 },
	{ "DEVICE",	DM_LEFT,  18 },
	{ "QUEUES",	DM_LEFT,  17 },
	{ "DIR",	DM_LEFT,  6 },
	{ "SIZE",	DM_RIGHT, 15 },
	{ "NIOV",	DM_RIGHT, 8 },
	{ "TOTAL",	DM_RIGHT, 13 },
	{ "FREE",	DM_RIGHT, 16 },
	{ "CACHED",	DM_RIGHT, 9 },
	{ "HELD",	DM_RIGHT, 14 },
	{ "UNREAD",	DM_RIGHT, 12 },
	{ "OTHER",	DM_RIGHT, 7 },
	{ "PRESSURE",	DM_LEFT,  0 },
	{ "FAILS/S",	DM_RIGHT, 11 },
	{ "BINDER",	DM_LEFT,  10 },
	{ "DMA-BUF",	DM_LEFT,  3 },
	{ "NETNS",	DM_RIGHT, 2 },
};

/* "[####------]  42%"; eighths of a column where the terminal can draw them. */
static void dm_bar_cell(struct dm_table *table, double pressure, bool utf8)
{
	static const char * const eighths[] = {
		"", "▏", "▎", "▍", "▌", "▋", "▊", "▉",
	};
	char bar[DM_FORMAT_LEN] = "", percent[DM_FORMAT_LEN];
	int filled, part, i;

	if (isnan(pressure)) {
		dm_table_cell(table, DM_DIM, "-");
		return;
	}
	filled = pressure * DM_BAR * 8;
	part = utf8 ? filled % 8 : 0;
	filled /= 8;
	for (i = 0; i < DM_BAR; i++) {
		if (i < filled)
			strcat(bar, utf8 ? "█" : "#");
		else if (i == filled && part)
			strcat(bar, eighths[part]);
		else
			strcat(bar, utf8 ? "·" : "-");
	}
	dm_table_cell(table, dm_pressure_style(pressure), "[%s] %4s", bar,
		      dm_format_percent(percent, pressure));
}

static void dm_count_cell(struct dm_table *table, enum dm_style style, long long count)
{
	char buf[DM_FORMAT_LEN];

	dm_table_cell(table, count > 0 ? style : DM_DIM, "%s", dm_format_count(buf, count));
}

static void dm_binding_names(struct dm_table *table, const struct dm_binding *binding)
{
	const struct dm_binding_rec *rec = &binding->rec;
	char buf[DM_FORMAT_LEN];

	dm_table_cell(table, DM_PLAIN, "%s", dm_format_processes(buf, &binding->binders));
	dm_table_cell(table, DM_PLAIN, "%.31s#%llu%s%.31s", rec->exporter, rec->inode,
		      *rec->name ? ":" : "", rec->name);
	if (rec->netns)
		dm_table_cell(table, DM_DIM, "%u", rec->netns);
	else
		dm_table_cell(table, DM_DIM, "-");
}

static void dm_binding_row(struct dm_table *table, const struct dm_binding *binding, bool utf8)
{
	const struct dm_binding_rec *rec = &binding->rec;
	char buf[DM_FORMAT_LEN];

	dm_table_cell(table, DM_STRONG, "%u", rec->id);
	dm_table_cell(table, binding->zombie ? DM_WARN : DM_PLAIN, "%s",
		      binding->zombie ? "zombie" : "bound");
	dm_table_cell(table, DM_PLAIN, "%.15s", *rec->ifname ? rec->ifname : "-");
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_queues(buf, rec));
	dm_table_cell(table, DM_PLAIN, "%s", dm_direction(rec->direction));
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_bytes(buf, rec->size));
	dm_table_cell(table, DM_PLAIN, "%s",
		      dm_format_bytes(buf, binding->niov_size ? (double)binding->niov_size : NAN));
	dm_count_cell(table, DM_PLAIN, binding->total);
	dm_count_cell(table, DM_PLAIN, binding->free);
	if (binding->cached == DM_UNKNOWN)
		dm_table_cell(table, DM_DIM, "-");
	else
		dm_table_cell(table, DM_PLAIN, "~%lld", binding->cached);
	dm_count_cell(table, DM_PLAIN, binding->held);
	dm_count_cell(table, DM_PLAIN, binding->queued);
	dm_count_cell(table, DM_PLAIN, binding->other);
	dm_bar_cell(table, binding->pressure, utf8);
	dm_format_rate(buf, binding->failure_rate);
	dm_table_cell(table, binding->exhausted ? DM_BAD : DM_DIM, "%s", buf + (*buf == '+'));
	dm_binding_names(table, binding);
}

void dm_text_bindings(const struct dm_model *model, struct dm_pen *pen)
{
	struct dm_table *table;
	size_t i;

	table = dm_table_new(dm_binding_columns, DM_ARRAY_SIZE(dm_binding_columns));
	for (i = 0; i < model->nr_bindings; i++)
		dm_binding_row(table, &model->bindings[i], pen->utf8);
	dm_table_print(table, pen, 0, 0);
	dm_table_free(table);
}

/* Pools */

static const struct dm_column dm_pool_columns[] = {
	{ "POOL",	DM_RIGHT, 0 },
	{ "BINDING",	DM_RIGHT, 0 },
	{ "DEVICE",	DM_LEFT,  5 },
	{ "QUEUE",	DM_RIGHT, 4 },
	{ "INFLIGHT",	DM_RIGHT, 0 },
	{ "CACHED",	DM_RIGHT, 3 },
	{ "BYTES",	DM_RIGHT, 2 },
	{ "STATE",	DM_LEFT,  0 },
};

static void dm_pool_row(struct dm_table *table, const struct dm_pool *pool)
{
	const struct dm_binding *binding = pool->binding;
	bool orphan = pool->rec.flags & DM_POOL_ORPHAN;
	char buf[DM_FORMAT_LEN];

	dm_table_cell(table, DM_STRONG, "%u", pool->rec.id);
	if (binding)
		dm_table_cell(table, DM_PLAIN, "%u", binding->rec.id);
	else
		dm_table_cell(table, DM_DIM, "-");
	dm_table_cell(table, DM_PLAIN, "%.15s", orphan ? "-" : pool->rec.ifname);
	dm_table_cell(table, DM_PLAIN, "%u", pool->rec.queue);
	dm_table_cell(table, DM_PLAIN, "%d", pool->rec.inflight);
	dm_table_cell(table, DM_PLAIN, "~%u", pool->rec.cached);
	dm_table_cell(table, DM_PLAIN, "%s",
		      dm_format_bytes(buf, binding && binding->niov_size ?
				      (double)pool->rec.inflight * binding->niov_size : NAN));
	if (isnan(pool->detached_s))
		dm_table_cell(table, DM_GOOD, "attached");
	else
		dm_table_cell(table, DM_WARN, "zombie for %s",
			      dm_format_duration(buf, pool->detached_s));
}

void dm_text_pools(const struct dm_model *model, struct dm_pen *pen)
{
	struct dm_table *table;
	size_t i;

	table = dm_table_new(dm_pool_columns, DM_ARRAY_SIZE(dm_pool_columns));
	for (i = 0; i < model->nr_pools; i++)
		dm_pool_row(table, &model->pools[i]);
	dm_table_print(table, pen, 0, 0);
	dm_table_free(table);
}

/* Sockets */

static const struct dm_column dm_socket_columns[] = {
	{ "MARK",	DM_LEFT,  0 },
	{ "PROCESS",	DM_LEFT,  0 },
	{ "BINDING",	DM_LEFT,  14 },
	{ "TOKENS",	DM_RIGHT, 0 },
	{ "TOKENS/S",	DM_RIGHT, 12 },
	{ "OLDEST",	DM_RIGHT, 15 },
	{ "NIOVS",	DM_RIGHT, 9 },
	{ "PINNED",	DM_RIGHT, 17 },
	{ "SHARE",	DM_RIGHT, 13 },
	{ "UNREAD",	DM_RIGHT, 16 },
	{ "IN/S",	DM_RIGHT, 8 },
	{ "STATE",	DM_LEFT,  6 },
	{ "LOCAL",	DM_LEFT,  10 },
	{ "REMOTE",	DM_LEFT,  11 },
	{ "CGROUP",	DM_LEFT,  5 },
	{ "NETNS",	DM_RIGHT, 4 },
	{ "COOKIE",	DM_RIGHT, 3 },
};

static void dm_mark_cell(struct dm_table *table, enum dm_verdict verdict)
{
	if (verdict == DM_SUSPECT)
		dm_table_cell(table, DM_BAD, "SUSPECT");
	else if (verdict == DM_UNREAD)
		dm_table_cell(table, DM_WARN, "UNREAD");
	else
		dm_table_cell(table, DM_DIM, " ");
}

static void dm_socket_bindings(struct dm_table *table, const struct dm_socket *socket)
{
	char buf[DM_FORMAT_LEN] = "";
	size_t i, len = 0;

	for (i = 0; i < socket->nr_uses && len < sizeof(buf) - 16; i++) {
		const struct dm_binding *binding = socket->uses[i].binding;

		if (binding)
			len += sprintf(buf + len, "%s%u", len ? "," : "", binding->rec.id);
		else
			len += sprintf(buf + len, "%s?", len ? "," : "");
	}
	dm_table_cell(table, DM_PLAIN, "%s", buf);
}

/* Ages are lower bounds: the kernel does not date tokens. */
static void dm_age_cell(struct dm_table *table, const struct dm_socket *socket)
{
	char buf[DM_FORMAT_LEN];

	if (!socket->tokens || !socket->rec.oldest_ms)
		dm_table_cell(table, DM_DIM, "-");
	else
		dm_table_cell(table, socket->rec.aged ? DM_WARN : DM_PLAIN, ">%s",
			      dm_format_duration(buf, socket->rec.oldest_ms / 1000.0));
}

static void dm_socket_where(struct dm_table *table, const struct dm_socket *socket)
{
	const char *cgroup = socket->holders.nr ? socket->holders.list[0].cgroup : NULL;
	char buf[DM_FORMAT_LEN];

	dm_table_cell(table, DM_PLAIN, "%s", dm_tcp_state(socket->rec.state));
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_address(buf, &socket->rec, false));
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_address(buf, &socket->rec, true));
	dm_table_cell(table, DM_DIM, "%s", cgroup ? cgroup : "-");
	dm_table_cell(table, DM_DIM, "%u", socket->rec.netns);
	if (socket->rec.cookie)
		dm_table_cell(table, DM_DIM, "%llu", socket->rec.cookie);
	else
		dm_table_cell(table, DM_DIM, "-");
}

static void dm_socket_row(struct dm_table *table, const struct dm_socket *socket)
{
	char buf[DM_FORMAT_LEN];

	dm_mark_cell(table, socket->verdict);
	dm_table_cell(table, socket->verdict == DM_SUSPECT ? DM_BAD : DM_STRONG, "%s",
		      dm_format_process(buf, &socket->holders));
	dm_socket_bindings(table, socket);
	dm_count_cell(table, DM_PLAIN, socket->tokens);
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_rate(buf, socket->token_rate));
	dm_age_cell(table, socket);
	dm_count_cell(table, DM_PLAIN, socket->niovs_pinned);
	dm_table_cell(table, DM_STRONG, "%s", dm_format_bytes(buf, socket->pinned_bytes));
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_percent(buf, socket->share));
	dm_table_cell(table, socket->unread_bytes ? DM_PLAIN : DM_DIM, "%s",
		      dm_format_bytes(buf, socket->unread_bytes));
	dm_table_cell(table, DM_PLAIN, "%s", dm_format_bytes(buf, socket->receive_rate));
	dm_socket_where(table, socket);
}

int dm_text_sockets(const struct dm_model *model, struct dm_pen *pen, int first, int rows)
{
	struct dm_table *table;
	int printed;
	size_t i;

	table = dm_table_new(dm_socket_columns, DM_ARRAY_SIZE(dm_socket_columns));
	for (i = 0; i < model->nr_sockets; i++)
		dm_socket_row(table, &model->sockets[i]);
	printed = dm_table_print(table, pen, first, rows);
	dm_table_free(table);
	return printed;
}

/* Losses */

void dm_text_lost(const struct dm_model *model, struct dm_pen *pen)
{
	const struct dm_lost *lost = &model->lost;
	const struct {
		const char *what;
		unsigned long long nr;
	} parts[] = {
		{ "bindings", lost->bindings }, { "pools", lost->pools },
		{ "sockets", lost->sockets }, { "uses", lost->uses },
		{ "holders", lost->holders }, { "niovs", lost->niovs },
		{ "token ages", lost->tokens }, { "hash chains", lost->buckets },
		{ "niovs of new bindings", lost->foreign },
		{ "queues that changed while we looked", model->nr_moved },
	};
	bool first = true;
	int i;

	if (model->complete)
		return;
	dm_put(pen, DM_WARN, "INCOMPLETE  missed:");
	for (i = 0; i < DM_ARRAY_SIZE(parts); i++) {
		if (!parts[i].nr)
			continue;
		dm_put(pen, DM_PLAIN, "%s %llu %s", first ? "" : ",", parts[i].nr, parts[i].what);
		first = false;
	}
	if (model->truncated)
		dm_put(pen, DM_PLAIN, "%s the ends of lists that are longer than we follow",
		       first ? "" : ",");
	dm_newline(pen);
}
