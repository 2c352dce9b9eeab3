// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "support.h"
#include "failures.skel.h"
#include "snapshot.skel.h"

/* What a map held, as an array that grows. */
struct dm_copy {
	void *data;
	size_t nr;
	size_t room;
};

enum { DM_BINDINGS, DM_POOLS, DM_SOCKS, DM_USES, DM_HOLDERS, DM_FAILURES, DM_NR_COPIES };

struct dm_snapshot {
	struct snapshot_bpf *skel;
	struct failures_bpf *failures;	/* NULL: not counted */
	struct bpf_link *files;		/* the iterator over processes' files */
	struct dm_copy copies[DM_NR_COPIES];
	unsigned long long start_ns;
	unsigned int last_ms;
};

static unsigned long long dm_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int dm_print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/*
 * Not having the count is no reason to show nothing: views say "unknown".
 */
static struct failures_bpf *dm_failures_open(void)
{
	struct failures_bpf *skel = failures_bpf__open_and_load();

	if (skel && failures_bpf__attach(skel)) {
		failures_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

static int dm_snapshot_load(struct dm_snapshot *snapshot, const struct dm_snapshot_opts *opts,
			    struct dm_error *error)
{
	int err;

	snapshot->skel = snapshot_bpf__open();
	if (!snapshot->skel)
		return dm_support_explain(error, -errno);

	err = snapshot_bpf__load(snapshot->skel);
	if (err)
		return dm_support_explain(error, err);

	snapshot->skel->bss->leak_after_ms = opts->leak_after_ms;
	snapshot->files = bpf_program__attach_iter(snapshot->skel->progs.dm_walk_files, NULL);
	if (!snapshot->files)
		return dm_support_explain(error, -errno);

	if (opts->failures)
		snapshot->failures = dm_failures_open();
	return 0;
}

struct dm_snapshot *dm_snapshot_open(const struct dm_snapshot_opts *opts, struct dm_error *error)
{
	struct dm_snapshot *snapshot;

	if (dm_support_check(error))
		return NULL;
	if (!opts->verbose)
		libbpf_set_print(dm_print_nothing);

	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot) {
		dm_error_set(error, DM_EXIT_NOMEM, "out of memory");
		return NULL;
	}
	snapshot->start_ns = dm_clock_ns(CLOCK_MONOTONIC);
	if (dm_snapshot_load(snapshot, opts, error)) {
		dm_snapshot_close(snapshot);
		return NULL;
	}
	return snapshot;
}

void dm_snapshot_close(struct dm_snapshot *snapshot)
{
	int i;

	if (!snapshot)
		return;
	for (i = 0; i < DM_NR_COPIES; i++)
		free(snapshot->copies[i].data);
	failures_bpf__destroy(snapshot->failures);
	bpf_link__destroy(snapshot->files);
	snapshot_bpf__destroy(snapshot->skel);
	free(snapshot);
}

static int dm_run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

static int dm_run_files(struct dm_snapshot *snapshot)
{
	char nothing[64];
	ssize_t len;
	int fd, err;

	fd = bpf_iter_create(bpf_link__fd(snapshot->files));
	if (fd < 0)
		return fd;
	/* EAGAIN: it went past a million files, and wants to be asked to go on. */
	do {
		len = read(fd, nothing, sizeof(nothing));
		err = len < 0 ? -errno : 0;
	} while (len > 0 || err == -EINTR || err == -EAGAIN);
	close(fd);
	return err;
}

/* The order is explained in bpf/snapshot.bpf.c. */
static int dm_run_all(struct dm_snapshot *snapshot)
{
	struct snapshot_bpf *skel = snapshot->skel;
	int err;

	err = dm_run(skel->progs.dm_begin);
	if (!err)
		err = dm_run(skel->progs.dm_walk_bindings);
	if (!err)
		err = dm_run(skel->progs.dm_walk_pools);
	if (!err)
		err = dm_run(skel->progs.dm_walk_tcp);
	if (!err)
		err = dm_run_files(snapshot);
	if (!err)
		err = dm_run(skel->progs.dm_scan);
	if (!err)
		err = dm_run(skel->progs.dm_end);
	return err;
}

static int dm_copy_grow(struct dm_copy *copy, size_t size)
{
	size_t room = copy->room ? 2 * copy->room : 64;
	void *data = realloc(copy->data, room * size);

	if (!data)
		return -ENOMEM;
	copy->data = data;
	copy->room = room;
	return 0;
}

/* Copies a map to an array of key and value, one after the other. */
static int dm_copy_map(struct dm_copy *copy, struct bpf_map *map)
{
	size_t key_size = bpf_map__key_size(map);
	size_t size = key_size + bpf_map__value_size(map);
	char *element, *last = NULL;
	int fd = bpf_map__fd(map);

	for (copy->nr = 0;; copy->nr++) {
		if (copy->nr == copy->room && dm_copy_grow(copy, size))
			return -ENOMEM;
		element = (char *)copy->data + copy->nr * size;
		last = copy->nr ? element - size : NULL;
		if (bpf_map_get_next_key(fd, last, element))
			return errno == ENOENT ? 0 : -errno;
		if (bpf_map_lookup_elem(fd, element, element + key_size))
			return -errno;
	}
}

#define DM_ASSERT_NO_HOLE(type, key) \
	_Static_assert(offsetof(type, rec) == sizeof(key), "map elements are copied as they are")

DM_ASSERT_NO_HOLE(struct dm_raw_binding, unsigned long long);
DM_ASSERT_NO_HOLE(struct dm_raw_pool, unsigned long long);
DM_ASSERT_NO_HOLE(struct dm_raw_sock, unsigned long long);
DM_ASSERT_NO_HOLE(struct dm_raw_use, struct dm_use_key);
DM_ASSERT_NO_HOLE(struct dm_raw_holder, struct dm_holder_key);

static int dm_copy_all(struct dm_snapshot *snapshot, struct dm_raw *raw)
{
	struct dm_copy *copies = snapshot->copies;
	struct bpf_map *maps[DM_NR_COPIES] = {
		[DM_BINDINGS]	= snapshot->skel->maps.bindings,
		[DM_POOLS]	= snapshot->skel->maps.pools,
		[DM_SOCKS]	= snapshot->skel->maps.socks,
		[DM_USES]	= snapshot->skel->maps.uses,
		[DM_HOLDERS]	= snapshot->skel->maps.holders,
		[DM_FAILURES]	= snapshot->failures ? snapshot->failures->maps.failures : NULL,
	};
	int i, err;

	for (i = 0; i < DM_NR_COPIES; i++) {
		err = maps[i] ? dm_copy_map(&copies[i], maps[i]) : 0;
		if (err)
			return err;
	}

	raw->bindings = copies[DM_BINDINGS].data;
	raw->nr_bindings = copies[DM_BINDINGS].nr;
	raw->pools = copies[DM_POOLS].data;
	raw->nr_pools = copies[DM_POOLS].nr;
	raw->socks = copies[DM_SOCKS].data;
	raw->nr_socks = copies[DM_SOCKS].nr;
	raw->uses = copies[DM_USES].data;
	raw->nr_uses = copies[DM_USES].nr;
	raw->holders = copies[DM_HOLDERS].data;
	raw->nr_holders = copies[DM_HOLDERS].nr;
	raw->failures = copies[DM_FAILURES].data;
	raw->nr_failures = copies[DM_FAILURES].nr;
	return 0;
}

int dm_snapshot_take(struct dm_snapshot *snapshot, struct dm_raw *raw, struct dm_error *error)
{
	struct snapshot_bpf *skel = snapshot->skel;
	unsigned int ms;
	int err;

	memset(raw, 0, sizeof(*raw));
	ms = (dm_clock_ns(CLOCK_MONOTONIC) - snapshot->start_ns) / 1000000 + 1;
	if (ms <= snapshot->last_ms)
		ms = snapshot->last_ms + 1;
	snapshot->last_ms = ms;
	skel->bss->now_ms = ms;
	raw->ms = ms;
	raw->boot_ns = dm_clock_ns(CLOCK_BOOTTIME);

	err = dm_run_all(snapshot);
	if (err)
		return dm_error_set(error, DM_EXIT_FAILURE, "cannot run a BPF program: %s",
				    strerror(-err));
	if (!skel->bss->have_devmem)
		return dm_support_explain(error, 0);

	err = dm_copy_all(snapshot, raw);
	if (err == -ENOMEM)
		return dm_error_set(error, DM_EXIT_NOMEM, "out of memory");
	if (err)
		return dm_error_set(error, DM_EXIT_FAILURE, "cannot read a BPF map: %s",
				    strerror(-err));
	raw->has_failures = snapshot->failures;
	raw->failures_missed = snapshot->failures && snapshot->failures->bss->missed;
	raw->lost = skel->bss->lost;
	return 0;
}
