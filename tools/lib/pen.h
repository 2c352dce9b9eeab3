/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where text goes: a stream, or a screen that devmemtop draws.
 */
#ifndef DEVMEM_LIB_PEN_H
#define DEVMEM_LIB_PEN_H

#include <stdbool.h>
#include <stdio.h>

enum dm_style {
	DM_PLAIN,
	DM_DIM,		/* there, but not what one looks for */
	DM_STRONG,
	DM_HEAD,	/* of a column */
	DM_GOOD,
	DM_WARN,
	DM_BAD,
	DM_NR_STYLES,
};

struct dm_pen {
	void (*put)(struct dm_pen *pen, enum dm_style style, const char *text);
	void (*newline)(struct dm_pen *pen);
	int width;	/* columns; 0: without bound */
	bool utf8;	/* may draw more than ASCII */
};

struct dm_stream_pen {
	struct dm_pen pen;
	FILE *file;
	bool colors;
};

/* A pen for a file; width 0 if lines may be as long as they like. */
void dm_stream_pen_init(struct dm_stream_pen *pen, FILE *file, int width);

__attribute__((format(printf, 3, 4)))
void dm_put(struct dm_pen *pen, enum dm_style style, const char *format, ...);
void dm_newline(struct dm_pen *pen);

/* Columns that text takes on a terminal. */
int dm_text_width(const char *text);

#endif /* DEVMEM_LIB_PEN_H */
