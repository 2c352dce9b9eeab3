// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "pen.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

static const char * const dm_ansi[DM_NR_STYLES] = {
	[DM_DIM]	= "\033[2m",
	[DM_STRONG]	= "\033[1m",
	[DM_HEAD]	= "\033[1m",
	[DM_GOOD]	= "\033[32m",
	[DM_WARN]	= "\033[33m",
	[DM_BAD]	= "\033[1;31m",
};

static void dm_stream_put(struct dm_pen *pen, enum dm_style style, const char *text)
{
	struct dm_stream_pen *stream = (struct dm_stream_pen *)pen;
	const char *ansi = stream->colors ? dm_ansi[style] : NULL;

	if (ansi)
		fprintf(stream->file, "%s%s\033[0m", ansi, text);
	else
		fputs(text, stream->file);
}

static void dm_stream_newline(struct dm_pen *pen)
{
	fputc('\n', ((struct dm_stream_pen *)pen)->file);
}

void dm_stream_pen_init(struct dm_stream_pen *pen, FILE *file, int width)
{
	bool terminal = isatty(fileno(file));

	pen->pen.put = dm_stream_put;
	pen->pen.newline = dm_stream_newline;
	pen->pen.width = width;
	pen->pen.utf8 = terminal && !strcmp(nl_langinfo(CODESET), "UTF-8");
	pen->file = file;
	pen->colors = terminal && !getenv("NO_COLOR");
}

void dm_put(struct dm_pen *pen, enum dm_style style, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pen->put(pen, style, text);
}

void dm_newline(struct dm_pen *pen)
{
	pen->newline(pen);
}

int dm_text_width(const char *text)
{
	size_t len = mbstowcs(NULL, text, 0);
	wchar_t wide[256];
	int width;

	if (len == (size_t)-1 || len >= sizeof(wide) / sizeof(*wide))
		return strlen(text);
	mbstowcs(wide, text, len + 1);
	width = wcswidth(wide, len);
	return width < 0 ? (int)strlen(text) : width;
}
