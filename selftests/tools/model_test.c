// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model, fed with snapshots made by hand: joins, sums, and who is suspect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "model.h"

#define BINDING	0xb000ULL
#define SOCK	0x5000ULL
#define LEAK_MS	10000

/* One binding of 1,000 niovs of 4 KiB, one page pool, one socket. */
struct world {
	struct dm_raw raw;
	struct dm_raw_binding binding;
	struct dm_raw_pool pool;
	struct dm_raw_sock sock;
	struct dm_raw_use use;
	struct dm_raw_holder holders[2];
	struct dm_raw_failures failures;
	struct dm_model *model;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->binding.addr = BINDING;
	world->binding.rec.id = 7;
	world->binding.rec.flags = DM_BINDING_BOUND;
	world->binding.rec.direction = DM_DIR_RX;
	world->binding.rec.niov_shift = 12;
	world->binding.rec.size = 1000 << 12;
	world->binding.rec.total = 1000 << 12;
	world->binding.rec.avail = 600 << 12;
	world->pool.rec.binding = BINDING;
	world->pool.rec.inflight = 400;
	world->pool.rec.cached = 50;
	world->sock.addr = SOCK;
	world->sock.rec.cookie = 99;
	world->use.key.sk = SOCK;
	world->use.key.binding = BINDING;
	world->holders[0].key.object = SOCK;
	world->holders[0].key.tgid = 1000000000;
	memcpy(world->holders[0].rec.comm, "holder", 7);
	world->holders[1].key.object = BINDING;
	world->holders[1].key.tgid = 1000000001;
	memcpy(world->holders[1].rec.comm, "binder", 7);
	world->failures.binding = world->binding.rec.id;

	world->raw.bindings = &world->binding;
	world->raw.nr_bindings = 1;
	world->raw.pools = &world->pool;
	world->raw.nr_pools = 1;
	world->raw.socks = &world->sock;
	world->raw.nr_socks = 1;
	world->raw.uses = &world->use;
	world->raw.nr_uses = 1;
	world->raw.holders = world->holders;
	world->raw.nr_holders = 2;
	world->raw.failures = &world->failures;
	world->raw.nr_failures = 1;
	world->raw.has_failures = true;
	world->model = dm_model_new();
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	dm_model_free(world->model);
	free(world);
	return 0;
}

/* A second later: so many tokens, so many of them old, the oldest of that age. */
static const struct dm_socket *frame(struct world *world, unsigned int tokens, unsigned int aged,
				     unsigned int oldest_ms)
{
	world->raw.ms += 1000;
	world->use.rec.tokens = tokens;
	world->use.rec.niovs_held = tokens;
	world->use.rec.niovs_pinned = tokens;
	world->binding.rec.niovs_held = tokens;
	world->binding.rec.niovs_seen = tokens;
	world->sock.rec.aged = aged;
	world->sock.rec.oldest_ms = oldest_ms;
	assert_int_equal(dm_model_update(world->model, &world->raw), 0);
	assert_int_equal(world->model->nr_sockets, 1);
	return world->model->sockets;
}

/* Joins and sums */

static void test_join(void **state)
{
	struct world *world = *state;
	const struct dm_socket *socket = frame(world, 30, 0, 0);
	const struct dm_binding *binding = world->model->bindings;

	assert_ptr_equal(socket->uses[0].binding, binding);
	assert_ptr_equal(world->model->pools[0].binding, binding);
	assert_int_equal(socket->holders.nr, 1);
	assert_string_equal(socket->holders.list[0].comm, "holder");
	assert_null(socket->holders.list[0].cgroup);
	assert_int_equal(binding->binders.nr, 1);
	assert_string_equal(binding->binders.list[0].comm, "binder");
	assert_int_equal(socket->pinned_bytes, 30 * 4096);
	assert_true(fabs(socket->share - 0.03) < 1e-9);
	assert_int_equal(socket->token_bytes, DM_UNKNOWN);
	assert_true(world->model->complete);
}

static void test_states_add_up(void **state)
{
	struct world *world = *state;
	const struct dm_binding *binding;

	world->binding.rec.niovs_seen = 0;
	frame(world, 30, 0, 0);
	binding = world->model->bindings;
	assert_int_equal(binding->total, 1000);
	assert_int_equal(binding->free, 600);
	assert_int_equal(binding->cached, 50);
	assert_int_equal(binding->held, 30);
	assert_int_equal(binding->other, 320);
	assert_int_equal(binding->inflight, 400);
	assert_true(fabs(binding->pressure - 0.35) < 1e-9);
}

/* What sending takes out of a binding cannot be seen: it is not 0. */
static void test_tx_is_unknown(void **state)
{
	struct world *world = *state;
	const struct dm_binding *binding;

	world->binding.rec.direction = DM_DIR_TX;
	frame(world, 0, 0, 0);
	binding = world->model->bindings;
	assert_int_equal(binding->total, 1000);
	assert_int_equal(binding->free, DM_UNKNOWN);
	assert_int_equal(binding->held, DM_UNKNOWN);
	assert_true(isnan(binding->pressure));
	assert_null(dm_model_worst(world->model));
}

static void test_zombie(void **state)
{
	struct world *world = *state;

	world->binding.rec.flags = 0;
	world->pool.rec.detach_ns = 5000000000ULL;
	world->raw.boot_ns = 12000000000ULL;
	frame(world, 30, 0, 0);
	assert_int_equal(world->model->nr_zombies, 1);
	assert_true(world->model->bindings->zombie);
	assert_true(fabs(world->model->bindings->detached_s - 7) < 1e-9);
}

/* Its own pointers dangle: only a pool that still has a device tells which it was. */
static void test_zombie_device(void **state)
{
	struct world *world = *state;
	const struct dm_binding_rec *rec;

	world->binding.rec.flags = DM_BINDING_NO_DEV;
	world->pool.rec.queue = 3;
	world->pool.rec.ifindex = 5;
	memcpy(world->pool.rec.ifname, "dm0", 4);
	frame(world, 30, 0, 0);
	rec = &world->model->bindings->rec;
	assert_false(rec->flags & DM_BINDING_NO_DEV);
	assert_string_equal(rec->ifname, "dm0");
	assert_int_equal(rec->queues[0], 1 << 3);
	assert_int_equal(rec->nr_queues, 1);

	world->pool.rec.flags = DM_POOL_ORPHAN;
	frame(world, 30, 0, 0);
	rec = &world->model->bindings->rec;
	assert_true(rec->flags & DM_BINDING_NO_DEV);
	assert_int_equal(rec->nr_queues, 0);
}

/* A socket may outlive our knowledge of its binding. */
static void test_unknown_binding(void **state)
{
	struct world *world = *state;
	const struct dm_socket *socket;

	world->raw.nr_bindings = 0;
	world->raw.nr_pools = 0;
	socket = frame(world, 30, 0, 0);
	assert_null(socket->uses[0].binding);
	assert_int_equal(socket->tokens, 30);
	assert_true(isnan(socket->share));
}

static void test_losses_show(void **state)
{
	struct world *world = *state;

	world->raw.lost.niovs = 1;
	frame(world, 0, 0, 0);
	assert_false(world->model->complete);
	world->raw.lost.niovs = 0;
	frame(world, 0, 0, 0);
	assert_true(world->model->complete);
	world->sock.rec.flags = DM_SOCK_QUEUE_TRUNCATED;
	frame(world, 0, 0, 0);
	assert_false(world->model->complete);
	assert_true(world->model->truncated);
	world->sock.rec.flags = DM_SOCK_MOVED;
	frame(world, 0, 0, 0);
	assert_false(world->model->complete);
	assert_false(world->model->truncated);
	assert_int_equal(world->model->nr_moved, 1);
	world->sock.rec.flags = 0;
	frame(world, 0, 0, 0);
	assert_true(world->model->complete);
}

/* Whoever names things may put bytes into them that terminals act on. */
static void test_names_are_tame(void **state)
{
	struct world *world = *state;

	memcpy(world->holders[0].rec.comm, "a\033[2J\xff b", 9);
	memcpy(world->binding.rec.name, "x\ny", 4);
	memcpy(world->pool.rec.ifname, "e\177", 3);
	frame(world, 1, 0, 0);
	assert_string_equal(world->model->sockets->holders.list[0].comm, "a?[2J? b");
	assert_string_equal(world->model->bindings->rec.name, "x?y");
	assert_string_equal(world->model->pools->rec.ifname, "e?");
}

/* Rates */

static void test_rates(void **state)
{
	struct world *world = *state;
	const struct dm_socket *socket;

	world->failures.count = 5;
	socket = frame(world, 10, 0, 0);
	assert_true(isnan(socket->token_rate));
	assert_int_equal(socket->old_tokens, DM_UNKNOWN);
	assert_true(isnan(world->model->bindings->failure_rate));
	assert_false(world->model->bindings->exhausted);

	world->sock.rec.received = 1 << 20;
	world->failures.count = 25;
	socket = frame(world, 25, 0, 0);
	assert_true(fabs(socket->token_rate - 15) < 1e-9);
	assert_true(fabs(socket->receive_rate - (1 << 20)) < 1e-9);
	assert_true(fabs(world->model->bindings->failure_rate - 20) < 1e-9);
	assert_true(world->model->bindings->exhausted);

	socket = frame(world, 20, 0, 0);
	assert_true(fabs(socket->token_rate + 5) < 1e-9);
	assert_false(world->model->bindings->exhausted);
}

static void test_failures_unknown(void **state)
{
	struct world *world = *state;

	world->raw.has_failures = false;
	frame(world, 0, 0, 0);
	frame(world, 0, 0, 0);
	assert_int_equal(world->model->bindings->failures, DM_UNKNOWN);
	assert_true(isnan(world->model->bindings->failure_rate));
}

/* A new binding where a dead one was, which had run dry. */
static void test_failures_of_the_dead(void **state)
{
	struct world *world = *state;

	world->failures.count = 50;
	frame(world, 0, 0, 0);
	world->binding.rec.id = 8;
	frame(world, 0, 0, 0);
	assert_int_equal(world->model->bindings->failures, 0);
	assert_false(world->model->bindings->exhausted);

	world->raw.failures_missed = true;
	frame(world, 0, 0, 0);
	assert_int_equal(world->model->bindings->failures, DM_UNKNOWN);
}

/* The address alone is no identity: the kernel reuses it. */
static void test_reused_address(void **state)
{
	struct world *world = *state;

	frame(world, 1000, 0, 0);
	world->sock.rec.cookie = 100;
	assert_true(isnan(frame(world, 10, 0, 0)->token_rate));
}

/* Verdicts */

static const enum dm_verdict at_first[2] = { DM_UNJUDGED, DM_FINE };

static void test_leaker(void **state)
{
	struct world *world = *state;
	int i;

	for (i = 0; i < 10; i++)
		assert_int_equal(frame(world, 10 * i, 0, 1000 * i)->verdict, at_first[i > 0]);
	assert_int_equal(frame(world, 100, 10, LEAK_MS)->verdict, DM_FINE);
	assert_int_equal(frame(world, 110, 20, LEAK_MS + 1000)->verdict, DM_SUSPECT);
	assert_int_equal(world->model->nr_suspects, 1);
	assert_int_equal(world->model->bindings->nr_suspects, 1);
	/* It stays one while nothing comes back, growing or not. */
	assert_int_equal(frame(world, 110, 20, LEAK_MS + 2000)->verdict, DM_SUSPECT);
	assert_int_equal(frame(world, 111, 30, LEAK_MS + 3000)->verdict, DM_SUSPECT);
}

/* Its tokens go up and down with the traffic, and none gets old. */
static void test_slow_reader(void **state)
{
	static const unsigned int tokens[] = { 0, 300, 900, 1200, 700, 1100, 1200, 400, 1200, 900 };
	struct world *world = *state;
	size_t i;

	for (i = 0; i < sizeof(tokens) / sizeof(*tokens); i++)
		assert_int_equal(frame(world, tokens[i], 0, 4000)->verdict, at_first[i > 0]);
}

/* It keeps some for good, as an application that works in place may. */
static void test_plateau(void **state)
{
	struct world *world = *state;
	int i;

	frame(world, 500, 0, 1000);
	for (i = 0; i < 30; i++)
		assert_int_equal(frame(world, 500, 500, LEAK_MS + 1000 * i)->verdict, DM_FINE);
}

/* Slower than --leak-after: it gives back tokens of 12 s, so 14 s are no proof. */
static void test_very_slow_reader(void **state)
{
	struct world *world = *state;
	int i;

	frame(world, 100, 0, 9000);
	world->sock.rec.returned_ms = 12000;
	frame(world, 120, 10, 11000);
	world->sock.rec.returned_ms = 0;
	for (i = 1; i < 20; i++)
		assert_int_equal(frame(world, 120 + i, 10 + i, 14000)->verdict, DM_FINE);
}

/* Whoever gives old tokens back is cleared, and must grow anew to be named again. */
static void test_repents(void **state)
{
	struct world *world = *state;

	frame(world, 10, 0, 1000);
	frame(world, 10, 5, LEAK_MS);
	assert_int_equal(frame(world, 10, 10, LEAK_MS)->verdict, DM_SUSPECT);
	assert_int_equal(frame(world, 5, 5, LEAK_MS)->verdict, DM_FINE);
	assert_int_equal(frame(world, 5, 5, LEAK_MS)->verdict, DM_FINE);
	assert_int_equal(frame(world, 6, 6, LEAK_MS)->verdict, DM_FINE);
	assert_int_equal(frame(world, 7, 7, LEAK_MS)->verdict, DM_SUSPECT);
}

/* Found when it is too late to grow: the pool is dry, and it sits on old tokens. */
static void test_dry_pool(void **state)
{
	struct world *world = *state;

	world->binding.rec.avail = 0;
	world->pool.rec.cached = 10;
	assert_int_equal(frame(world, 900, 0, 9000)->verdict, DM_UNJUDGED);
	assert_int_equal(frame(world, 900, 900, LEAK_MS)->verdict, DM_SUSPECT);
}

static void test_unread(void **state)
{
	struct world *world = *state;

	world->use.rec.unread_bytes = 5000;
	world->sock.rec.read_seq = 1;
	world->sock.rec.next_seq = 5001;
	assert_int_equal(frame(world, 0, 0, 0)->verdict, DM_UNJUDGED);
	assert_int_equal(frame(world, 0, 0, 0)->verdict, DM_FINE);
	assert_int_equal(frame(world, 0, 0, 0)->verdict, DM_FINE);
	assert_int_equal(frame(world, 0, 0, 0)->verdict, DM_UNREAD);
	assert_int_equal(world->model->nr_unread, 1);
	world->sock.rec.read_seq = 1000;
	assert_int_equal(frame(world, 0, 0, 0)->verdict, DM_FINE);
}

/* What waits for a lost packet, or only for the FIN to be noticed, cannot be read. */
static void test_unreadable(void **state)
{
	struct world *world = *state;
	int i;

	world->use.rec.unread_bytes = 5000;
	world->sock.rec.read_seq = 0xffffffff;
	world->sock.rec.next_seq = 0;
	for (i = 0; i < 10; i++)
		assert_int_equal(frame(world, 0, 0, 0)->verdict, at_first[i > 0]);
	/* The numbers wrap. */
	world->sock.rec.next_seq = 1;
	for (i = 0; i < 4; i++)
		frame(world, 0, 0, 0);
	assert_int_equal(world->model->sockets->verdict, DM_UNREAD);
}

/* How numbers read */

static void test_format(void **state)
{
	struct dm_binding_rec rec = { .queues = { 0x8f, 0, 0, 1ULL << 63 } };
	char buf[DM_FORMAT_LEN];

	(void)state;
	assert_string_equal(dm_format_bytes(buf, 0), "0");
	assert_string_equal(dm_format_bytes(buf, 1536), "1.5K");
	assert_string_equal(dm_format_bytes(buf, 64 << 20), "64M");
	assert_string_equal(dm_format_bytes(buf, NAN), "-");
	assert_string_equal(dm_format_count(buf, DM_UNKNOWN), "-");
	assert_string_equal(dm_format_rate(buf, -1500), "-1.5k");
	assert_string_equal(dm_format_rate(buf, NAN), "-");
	assert_string_equal(dm_format_percent(buf, 0.999), "99%");
	assert_string_equal(dm_format_percent(buf, 1), "100%");
	assert_string_equal(dm_format_percent(buf, 0.001), "<1%");
	assert_string_equal(dm_format_percent(buf, 0), "0%");
	assert_string_equal(dm_format_duration(buf, 99), "99s");
	assert_string_equal(dm_format_duration(buf, 125), "2m05s");
	assert_string_equal(dm_format_queues(buf, &rec), "0-3,7,255");
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_join), TEST(test_states_add_up), TEST(test_tx_is_unknown),
		TEST(test_zombie), TEST(test_unknown_binding), TEST(test_losses_show),
		TEST(test_rates), TEST(test_failures_unknown), TEST(test_reused_address),
		TEST(test_leaker), TEST(test_slow_reader), TEST(test_plateau),
		TEST(test_very_slow_reader), TEST(test_repents), TEST(test_dry_pool),
		TEST(test_unread), TEST(test_unreadable), TEST(test_zombie_device),
		TEST(test_failures_of_the_dead), TEST(test_names_are_tame), TEST(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
