// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * devmemtop: who holds devmem TCP's memory.  Thin over libdevmem.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "json.h"
#include "options.h"
#include "screen.h"
#include "snapshot.h"
#include "text.h"

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* No SA_RESTART: one signal ends the wait for the next frame, or for a reader that sleeps. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int take(struct dm_snapshot *snapshot, struct dm_model *model, struct dm_error *error)
{
	struct dm_raw raw;

	if (dm_snapshot_take(snapshot, &raw, error))
		return -1;
	if (dm_model_update(model, &raw))
		return dm_error_set(error, DM_EXIT_NOMEM, "out of memory");
	return 0;
}

/* Frames one below the other */

static void print_frame(struct dm_model *model, const struct options *opts)
{
	struct dm_stream_pen pen;

	dm_stream_pen_init(&pen, stdout, opts->width);
	dm_model_sort(model, opts->sort);
	dm_put(&pen.pen, DM_HEAD, "devmemtop frame %u, after %.1f s", model->frames,
	       model->watched_s);
	dm_newline(&pen.pen);
	dm_text_situation(model, &pen.pen, opts->leak_after_ms);
	dm_text_lost(model, &pen.pen);
	if (model->nr_bindings) {
		dm_newline(&pen.pen);
		dm_text_bindings(model, &pen.pen);
	}
	if (model->nr_sockets) {
		dm_newline(&pen.pen);
		dm_text_sockets(model, &pen.pen, 0, 0);
	}
	dm_newline(&pen.pen);
}

static int print_model(struct dm_model *model, const struct options *opts,
		       struct dm_error *error)
{
	if (!opts->json)
		print_frame(model, opts);
	else if (dm_json_write(model, DM_JSON_ALL, false, stdout))
		return dm_error_set(error, DM_EXIT_NOMEM, "out of memory");

	/* Told to stop while the reader of the pipe sleeps: the frame is lost, unmissed. */
	if ((fflush(stdout) || ferror(stdout)) && !stopped)
		return dm_error_set(error, DM_EXIT_FAILURE, "cannot write: %s", strerror(errno));
	return 0;
}

static int run_batch(struct dm_snapshot *snapshot, struct dm_model *model,
		     const struct options *opts, struct dm_error *error)
{
	long left = opts->frames;

	while (!stopped) {
		if (take(snapshot, model, error) || print_model(model, opts, error))
			return -1;
		if (left && !--left)
			break;
		poll(NULL, 0, opts->delay_ms);
	}
	return 0;
}

/* The terminal */

static int run_screen(struct dm_snapshot *snapshot, struct dm_model *model,
		      struct options *opts, struct dm_error *error)
{
	long left = opts->frames;
	int err = 0;

	if (screen_open())
		return dm_error_set(error, DM_EXIT_FAILURE,
				    "this terminal cannot show it: set TERM, or use --batch");
	while (!stopped) {
		err = take(snapshot, model, error);
		if (err)
			break;
		screen_draw(model, opts);
		if (left && !--left)
			break;
		if (screen_wait(model, opts, &stopped) == SCREEN_QUIT)
			break;
	}
	screen_close();
	return err;
}

int main(int argc, char **argv)
{
	struct dm_snapshot_opts snapshot_opts = { .failures = true };
	struct dm_snapshot *snapshot;
	struct dm_error error = { .code = DM_EXIT_NOMEM, .text = "out of memory" };
	struct dm_model *model = NULL;
	struct options opts;
	int err = -1;

	/* Not LC_ALL: numbers have a point, in JSON and in options. */
	setlocale(LC_CTYPE, "");
	parse_options(&opts, argc, argv);
	catch_signals();

	snapshot_opts.leak_after_ms = opts.leak_after_ms;
	snapshot_opts.verbose = opts.verbose;
	snapshot = dm_snapshot_open(&snapshot_opts, &error);
	if (snapshot)
		model = dm_model_new();
	if (model)
		err = opts.batch ? run_batch(snapshot, model, &opts, &error) :
				   run_screen(snapshot, model, &opts, &error);
	dm_model_free(model);
	dm_snapshot_close(snapshot);
	if (!err)
		return DM_EXIT_OK;
	fprintf(stderr, "devmemtop: %s\n", error.text);
	return error.code;
}
