/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * argp, so that a wrong command line costs one line on stderr and exit code 2.
 */
#ifndef DEVMEM_LIB_ARGS_H
#define DEVMEM_LIB_ARGS_H

#include <argp.h>

#define DM_VERSION	"0.1"

/* Parses all of argv, or complains and exits.  Knows --help, --usage and --version besides. */
void dm_args_parse(const struct argp *argp, int argc, char **argv, void *input);

/* What a parser calls at ARGP_KEY_ERROR, as only argp knows how far it came. */
__attribute__((noreturn))
void dm_args_bad(const struct argp_state *state);

/* "prog: text" on stderr, and the end. */
__attribute__((noreturn, format(printf, 1, 2)))
void dm_args_die(const char *format, ...);

/* A number within bounds, or the end; what names the option. */
long dm_args_number(const char *what, const char *text, long min, long max);

/* Seconds, which may have a fraction, as milliseconds. */
unsigned int dm_args_ms(const char *what, const char *text, unsigned int min,
			unsigned int max);

#endif /* DEVMEM_LIB_ARGS_H */
