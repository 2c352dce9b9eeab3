// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * devmemctl: devmem TCP for scripts and people.
 */
#include <locale.h>
#include <string.h>

#include "args.h"
#include "command.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))

static const struct command commands[] = {
	{ "bindings",	do_bindings },
	{ "fault",	do_fault },
	{ "pools",	do_pools },
	{ "sockets",	do_sockets },
};

static const char doc[] =
	"Show what devmem TCP does on this machine: one snapshot of the kernel; and have "
	"devmem_lo devices misbehave.\v"
	"Commands:\n"
	"  bindings   dma-bufs bound to NIC queues: size, pressure, who bound them\n"
	"  pools      page pools that allocate from them\n"
	"  sockets    who holds their memory: tokens, unread data, pinned bytes\n"
	"  fault DEV [NAME[=VALUE]...]\n"
	"             faults of a devmem_lo device: list them, ask for some, or `clear'\n"
	"\n"
	"Exit status: 0 ok, 1 failure, 2 usage, 4 kernel or capability missing,\n"
	"5 out of memory. See devmemctl(8).";

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "verbose", 'v', NULL, 0, "Show what libbpf says", 0 },
	{ NULL }
};

struct arguments {
	struct options opts;
	char **words;		/* the command and its arguments, within argv */
	int nr;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case 'j':
		args->opts.json = true;
		return 0;
	case 'v':
		args->opts.verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		args->words[args->nr++] = arg;
		return 0;
	case ARGP_KEY_ERROR:
		dm_args_bad(state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = doc,
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	char *words[argc + 1];
	struct arguments args = { .words = words };
	const struct command *command;

	/* Not LC_ALL: numbers have a point, in JSON and in options. */
	setlocale(LC_CTYPE, "");
	dm_args_parse(&parser, argc, argv, &args);
	if (!args.nr)
		dm_args_die("no command: try 'devmemctl bindings', 'pools', 'sockets' or 'fault'");
	command = find_command(args.words[0]);
	if (!command)
		dm_args_die("unknown command '%s': there are bindings, pools, sockets and fault",
			    args.words[0]);
	return command->run(&args.opts, args.nr - 1, args.words + 1);
}
