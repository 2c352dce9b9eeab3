// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include <devmem/uapi.h>

#include "netdev.h"
#include "stats.h"
#include "token.h"
#include "units.h"

void stats_init(struct stats *stats)
{
	*stats = (struct stats){ .start = units_now(), .drops_base = -1 };
	stats->last = stats->start;
}

uint64_t stats_bytes(const struct stats *stats)
{
	return stats->dmabuf_bytes + stats->linear_bytes + stats->host_bytes;
}

void stats_add_ledger(struct stats *stats, const struct token_ledger *ledger)
{
	stats->issued += ledger->issued;
	stats->returned += ledger->returned;
	stats->kept += ledger->kept;
	stats->refused += ledger->refused;
	stats->bad_refused += ledger->bad_refused;
	stats->bad_taken += ledger->bad_taken;
	stats->held_bytes += ledger->held_bytes;
}

struct drop_sum {
	const struct nic	*nic;
	int64_t			drops;	/* -1: no counter seen */
};

static int add_drops(const struct dm_netdev_qstats *q, void *data)
{
	struct drop_sum *sum = data;
	unsigned int i;

	if (q->type != DEVMEM_NL_QUEUE_TYPE_RX)
		return 0;
	for (i = 0; i < sum->nic->nqueues; i++) {
		if (sum->nic->queue[i] != q->id || q->rx_alloc_fail < 0)
			continue;
		if (sum->drops < 0)
			sum->drops = 0;
		sum->drops += q->rx_alloc_fail;
	}
	return 0;
}

void stats_read_drops(struct stats *stats, struct dm_nl *netdev,
		      const struct nic *nic)
{
	struct drop_sum sum = { .nic = nic, .drops = -1 };

	if (!netdev->sock ||
	    dm_netdev_qstats(netdev, nic->ifindex, add_drops, &sum) ||
	    sum.drops < 0)
		return;
	if (stats->drops_base < 0)
		stats->drops_base = sum.drops;
	stats->drops = sum.drops - stats->drops_base;
}

static double seconds(uint64_t ns)
{
	return ns / 1e9;
}

/* From the first connection to the last byte. */
static double transfer_seconds(const struct stats *stats)
{
	return stats->end > stats->first ? seconds(stats->end - stats->first) : 0;
}

static char *format_drops(const struct stats *stats, char *buf, size_t len)
{
	if (stats->drops_base < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%" PRId64, stats->drops);
	return buf;
}

void stats_progress(struct stats *stats, const struct options *opt,
		    uint64_t now)
{
	char rate[32], total[32], held[32], drops[32];
	uint64_t bytes = stats_bytes(stats);
	double dt = seconds(now - stats->last);

	units_format_size(dt > 0 ? (bytes - stats->last_bytes) / dt : 0, rate,
			  sizeof(rate));
	units_format_size(bytes, total, sizeof(total));
	if (opt->listen)
		fprintf(stderr,
			"%7.1fs %12s/s %12s total, %u open, %" PRIu64
			" tokens held (%s), %s drops\n",
			seconds(now - stats->start), rate, total, stats->open,
			stats->issued - stats->returned,
			units_format_size(stats->held_bytes, held, sizeof(held)),
			format_drops(stats, drops, sizeof(drops)));
	else
		fprintf(stderr, "%7.1fs %12s/s %12s total, %u open\n",
			seconds(now - stats->start), rate, total, stats->open);
	fflush(stderr);
	stats->last = now;
	stats->last_bytes = bytes;
}

static void say_received(const struct stats *stats, const struct options *opt,
			 const char *over)
{
	char bad[64] = "", drops[32];

	if (opt->bad_tokens)
		snprintf(bad, sizeof(bad), ", bad ones: %" PRIu64 " refused, %"
			 PRIu64 " taken", stats->bad_refused, stats->bad_taken);
	fprintf(stderr,
		"devmemcat: received %" PRIu64 " bytes (%" PRIu64 " DMABUF, %"
		PRIu64 " LINEAR, %" PRIu64 " host) %s; tokens: %" PRIu64
		" issued, %" PRIu64 " returned, %" PRIu64 " held%s; %s drops\n",
		stats_bytes(stats), stats->dmabuf_bytes, stats->linear_bytes,
		stats->host_bytes, over, stats->issued, stats->returned,
		stats->issued - stats->returned, bad,
		format_drops(stats, drops, sizeof(drops)));
}

void stats_summary(const struct stats *stats, const struct options *opt)
{
	double dt = transfer_seconds(stats);
	uint64_t bytes = stats_bytes(stats);
	char rate[32], over[96];

	if (report_is_quiet())
		return;
	units_format_size(dt > 0 ? bytes / dt : 0, rate, sizeof(rate));
	snprintf(over, sizeof(over), "over %u connection%s in %.2f s, %s/s",
		 stats->conns, stats->conns == 1 ? "" : "s", dt, rate);
	if (opt->listen)
		say_received(stats, opt, over);
	else
		fprintf(stderr,
			"devmemcat: sent %" PRIu64 " bytes (%" PRIu64
			" from a dma-buf, %" PRIu64 " completions) %s\n",
			bytes, stats->dmabuf_bytes, stats->completions, over);
	fflush(stderr);
}

static void add_u64(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_int64(value));
}

static struct json_object *json_tokens(const struct stats *stats)
{
	struct json_object *tokens = json_object_new_object();

	add_u64(tokens, "issued", stats->issued);
	add_u64(tokens, "returned", stats->returned);
	add_u64(tokens, "held", stats->issued - stats->returned);
	add_u64(tokens, "held_bytes", stats->held_bytes);
	add_u64(tokens, "leaked", stats->kept);
	add_u64(tokens, "refused", stats->refused);
	add_u64(tokens, "bad_refused", stats->bad_refused);
	add_u64(tokens, "bad_accepted", stats->bad_taken);
	return tokens;
}

static void add_nic(struct json_object *to, const struct stats_context *context)
{
	struct json_object *queues = json_object_new_array();
	unsigned int i;

	json_object_object_add(to, "interface",
			       json_object_new_string(context->nic->name));
	for (i = 0; i < context->nic->nqueues; i++)
		json_object_array_add(queues,
				      json_object_new_int64(context->nic->queue[i]));
	json_object_object_add(to, "queues", queues);
}

/* To the microsecond, and not to the last digit that a double has. */
static struct json_object *json_seconds(double dt)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", dt);
	return json_object_new_double_s(dt, text);
}

enum dm_exit stats_json(const struct stats *stats, const struct options *opt,
			const struct stats_context *context)
{
	const char *name = opt->json_file ? opt->json_file : "stdout";
	double dt = transfer_seconds(stats);
	struct json_object *root;
	FILE *file = stdout;
	int err = 0;

	root = json_object_new_object();
	json_object_object_add(root, "mode",
			       json_object_new_string(opt->listen ? "receive" :
								    "send"));
	add_u64(root, "port", opt->port);
	json_object_object_add(root, "seconds", json_seconds(dt));
	add_u64(root, "connections", stats->conns);
	add_u64(root, "failed_connections", stats->failed);
	add_u64(root, "bytes", stats_bytes(stats));
	add_u64(root, "dmabuf_bytes", stats->dmabuf_bytes);
	add_u64(root, "linear_bytes", stats->linear_bytes);
	add_u64(root, "host_bytes", stats->host_bytes);
	add_u64(root, "bytes_per_second", dt > 0 ? stats_bytes(stats) / dt : 0);
	if (opt->listen) {
		json_object_object_add(root, "tokens", json_tokens(stats));
		json_object_object_add(root, "drops", stats->drops_base < 0 ?
				       NULL : json_object_new_int64(stats->drops));
	} else {
		add_u64(root, "completions", stats->completions);
		add_u64(root, "copied_completions", stats->copied);
	}
	if (context->binding)
		add_u64(root, "binding", context->binding);
	if (context->nic)
		add_nic(root, context);
	add_u64(root, "status", context->status);

	if (opt->json_file)
		file = fopen(opt->json_file, "we");
	if (!file || fprintf(file, "%s\n", json_object_to_json_string(root)) < 0)
		err = errno;
	if (file && (opt->json_file ? fclose(file) : fflush(file)) && !err)
		err = errno;
	json_object_put(root);
	if (!err)
		return DM_EXIT_OK;
	fail_errno(err, "cannot write the summary to %s", name);
	return DM_EXIT_FAILURE;
}
