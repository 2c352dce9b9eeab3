// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "args.h"

#define DAY_MS	(24 * 3600 * 1000)

static const char doc[] =
	"Watch devmem TCP: how full each binding is, which socket of which process\n"
	"holds its memory, and whether one of them leaks.\v"
	"Not on a terminal, it prints frames as with --batch.\n"
	"\n"
	"Exit status: 0 ok, 1 failure, 2 usage, 4 kernel or capability missing,\n"
	"5 out of memory. See devmemtop(8).";

static const struct argp_option argp_options[] = {
	{ "delay", 'd', "SECONDS", 0, "Between frames (default 1)", 0 },
	{ "frames", 'n', "N", 0, "Stop after N frames", 0 },
	{ "batch", 'b', NULL, 0, "Print frames one below the other", 0 },
	{ "json", 'j', NULL, 0, "Print each frame as one line of JSON", 0 },
	{ "leak-after", 'l', "SECONDS", 0, "A token held for so long is old (default 10)", 0 },
	{ "sort", 's', "KEY", 0,
	  "Sort sockets by pinned (default), tokens, unread, age, rate or pid", 0 },
	{ "width", 'w', "COLUMNS", 0, "Of printed frames (default 132; 0: all it takes)", 0 },
	{ "verbose", 'v', NULL, 0, "Show what libbpf says", 0 },
	{ NULL }
};

static enum dm_sort parse_sort(const char *name)
{
	int key;

	for (key = 0; key < DM_NR_SORTS; key++)
		if (!strcmp(dm_sort_name(key), name))
			return key;
	dm_args_die("--sort knows pinned, tokens, unread, age, rate and pid, not '%s'", name);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;

	switch (key) {
	case 'd':
		opts->delay_ms = dm_args_ms("--delay", arg, 10, DAY_MS);
		return 0;
	case 'n':
		opts->frames = dm_args_number("--frames", arg, 1, 1000000000);
		return 0;
	case 'b':
		opts->batch = true;
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	case 'l':
		opts->leak_after_ms = dm_args_ms("--leak-after", arg, 10, DAY_MS);
		return 0;
	case 's':
		opts->sort = parse_sort(arg);
		return 0;
	case 'w':
		opts->width = dm_args_number("--width", arg, 0, 10000);
		return 0;
	case 'v':
		opts->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		dm_args_die("takes no argument '%s'", arg);
	case ARGP_KEY_ERROR:
		dm_args_bad(state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void parse_options(struct options *opts, int argc, char **argv)
{
	static const struct argp parser = {
		.options = argp_options,
		.parser = parse_option,
		.doc = doc,
	};

	*opts = (struct options) {
		.delay_ms = 1000,
		.leak_after_ms = 10000,
		.width = 132,
	};
	dm_args_parse(&parser, argc, argv, opts);
	if (opts->json || !isatty(STDOUT_FILENO))
		opts->batch = true;
}
