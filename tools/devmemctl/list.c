// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bindings, pools, sockets: one snapshot, as a table or as JSON.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "command.h"
#include "json.h"
#include "model.h"
#include "snapshot.h"
#include "text.h"

static int fail(const struct dm_error *error)
{
	fprintf(stderr, "devmemctl: %s\n", error->text);
	return error->code;
}

static int out_of_memory(void)
{
	fputs("devmemctl: out of memory\n", stderr);
	return DM_EXIT_NOMEM;
}

/* As wide as the terminal; into files and pipes, as wide as it gets. */
static int output_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

static void print_text(const struct dm_model *model, unsigned int part)
{
	struct dm_stream_pen pen;

	dm_stream_pen_init(&pen, stdout, output_width());
	if (part == DM_JSON_BINDINGS)
		dm_text_bindings(model, &pen.pen);
	else if (part == DM_JSON_POOLS)
		dm_text_pools(model, &pen.pen);
	else
		dm_text_sockets(model, &pen.pen, 0, 0);
}

/* What was missed goes to stderr: stdout stays a table. */
static void print_lost(const struct dm_model *model)
{
	struct dm_stream_pen pen;

	dm_stream_pen_init(&pen, stderr, 0);
	dm_text_lost(model, &pen.pen);
}

static int print_model(const struct options *opts, const struct dm_model *model,
		       unsigned int part)
{
	if (opts->json) {
		if (dm_json_write(model, part, isatty(STDOUT_FILENO), stdout))
			return out_of_memory();
	} else {
		print_text(model, part);
		print_lost(model);
	}
	if (fflush(stdout) || ferror(stdout)) {
		perror("devmemctl: cannot write");
		return DM_EXIT_FAILURE;
	}
	return DM_EXIT_OK;
}

static int list(const struct options *opts, unsigned int part)
{
	struct dm_snapshot_opts snapshot_opts = {
		.leak_after_ms = UINT_MAX,	/* one look cannot tell ages */
		.verbose = opts->verbose,
	};
	struct dm_snapshot *snapshot;
	struct dm_model *model;
	struct dm_error error;
	struct dm_raw raw;
	int code;

	snapshot = dm_snapshot_open(&snapshot_opts, &error);
	if (!snapshot)
		return fail(&error);

	code = DM_EXIT_NOMEM;
	model = dm_model_new();
	if (!model)
		goto close_snapshot;
	if (dm_snapshot_take(snapshot, &raw, &error))
		code = fail(&error);
	else if (dm_model_update(model, &raw))
		code = out_of_memory();
	else
		code = print_model(opts, model, part);

	dm_model_free(model);
close_snapshot:
	dm_snapshot_close(snapshot);
	return code;
}

static void no_arguments(const char *name, int argc, char **argv)
{
	if (argc)
		dm_args_die("%s takes no argument '%s'", name, argv[0]);
}

int do_bindings(const struct options *opts, int argc, char **argv)
{
	no_arguments("bindings", argc, argv);
	return list(opts, DM_JSON_BINDINGS);
}

int do_pools(const struct options *opts, int argc, char **argv)
{
	no_arguments("pools", argc, argv);
	return list(opts, DM_JSON_POOLS);
}

int do_sockets(const struct options *opts, int argc, char **argv)
{
	no_arguments("sockets", argc, argv);
	return list(opts, DM_JSON_SOCKETS);
}
