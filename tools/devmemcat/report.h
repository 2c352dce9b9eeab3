/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What devmemcat says on stderr.  Data and summaries never come this way.
 */
#ifndef DEVMEMCAT_REPORT_H
#define DEVMEMCAT_REPORT_H

#include <stdbool.h>

#include "exit.h"

enum verbosity {
	VERBOSITY_QUIET,	/* errors only */
	VERBOSITY_NORMAL,	/* progress and the final summary too */
	VERBOSITY_VERBOSE,	/* each step */
};

void report_set_verbosity(enum verbosity verbosity);
bool report_is_quiet(void);

/* One line, "devmemcat: ...", and @code back, so that callers can return it. */
enum dm_exit fail(enum dm_exit code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with ": " and the text of errno @err, which chooses the code. */
enum dm_exit fail_errno(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The exit status that a failure with errno @err deserves. */
enum dm_exit exit_code_of(int err);

/* Not an error, but the user should know. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A step, with --verbose. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* DEVMEMCAT_REPORT_H */
