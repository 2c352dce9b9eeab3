// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static enum verbosity verbosity = VERBOSITY_NORMAL;

void report_set_verbosity(enum verbosity v)
{
	verbosity = v;
}

bool report_is_quiet(void)
{
	return verbosity == VERBOSITY_QUIET;
}

/* In one write, so that lines of several processes do not mix. */
static void say(const char *tail, const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "devmemcat: %s%s%s\n", line, tail ? ": " : "",
		tail ? tail : "");
	fflush(stderr);
}

enum dm_exit exit_code_of(int err)
{
	switch (err < 0 ? -err : err) {
	case EPERM:
	case EACCES:
	case EOPNOTSUPP:
		return DM_EXIT_SUPPORT;
	case ENOMEM:
		return DM_EXIT_NOMEM;
	default:
		return DM_EXIT_FAILURE;
	}
}

enum dm_exit fail(enum dm_exit code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	return code;
}

enum dm_exit fail_errno(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(strerror(err < 0 ? -err : err), fmt, ap);
	va_end(ap);
	return exit_code_of(err);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < VERBOSITY_VERBOSE)
		return;
	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
}
