// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit.h"

void dm_args_die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(DM_EXIT_USAGE);
}

enum { KEY_USAGE = 0x1000 };

static const struct argp_option help_options[] = {
	{ "help", '?', NULL, 0, "Give this help list", -1 },
	{ "usage", KEY_USAGE, NULL, 0, "Give a short usage message", 0 },
	{ "version", 'V', NULL, 0, "Print program version", 0 },
	{ NULL }
};

static error_t parse_help(int key, char *arg __attribute__((unused)), struct argp_state *state)
{
	unsigned int what;

	switch (key) {
	case '?':
		what = ARGP_HELP_STD_HELP;
		break;
	case KEY_USAGE:
		what = ARGP_HELP_USAGE;
		break;
	case 'V':
		printf("%s " DM_VERSION "\n", program_invocation_short_name);
		exit(DM_EXIT_OK);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	argp_help(state->root_argp, stdout, what & ~ARGP_HELP_EXIT_OK,
		  program_invocation_short_name);
	exit(DM_EXIT_OK);
}

/*
 * By itself argp says two lines, of which one points to --help.  So it is kept
 * silent, which would silence its help as well, and the parser told to call
 * dm_args_bad().
 */
void dm_args_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	static const struct argp help = { .options = help_options, .parser = parse_help };
	const struct argp_child children[] = { { &help, 0, NULL, -1 }, { NULL } };
	struct argp whole = *argp;

	whole.children = children;
	if (argp_parse(&whole, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input)) {
		fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
		exit(DM_EXIT_NOMEM);
	}
}

void dm_args_bad(const struct argp_state *state)
{
	int at = state->next > 1 ? state->next - 1 : 1;

	dm_args_die("bad option, or an argument is missing, at '%s': try --help",
		    at < state->argc ? state->argv[at] : "");
}

long dm_args_number(const char *what, const char *text, long min, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max)
		dm_args_die("%s takes a number from %ld to %ld, not '%s'", what, min, max, text);
	return value;
}

unsigned int dm_args_ms(const char *what, const char *text, unsigned int min, unsigned int max)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds * 1000 >= min && seconds * 1000 <= max))
		dm_args_die("%s takes seconds from %g to %g, not '%s'", what, min / 1000.0,
			    max / 1000.0, text);
	return seconds * 1000 + 0.5;
}
