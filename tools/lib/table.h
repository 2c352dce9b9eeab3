/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables that fit: columns are as wide as what is in them, and where the pen
 * has too little room for all, the least important ones are left out.
 */
#ifndef DEVMEM_LIB_TABLE_H
#define DEVMEM_LIB_TABLE_H

#include "pen.h"

enum dm_align {
	DM_LEFT,
	DM_RIGHT,
};

struct dm_column {
	const char *head;
	enum dm_align align;
	int weight;		/* the least goes first; 0: never goes */
};

struct dm_table;

/* NULL if out of memory; the calls below then do nothing. */
struct dm_table *dm_table_new(const struct dm_column *columns, int nr);
void dm_table_free(struct dm_table *table);

/* Fills in the next cell; after a row's last one comes the next row's first. */
__attribute__((format(printf, 3, 4)))
void dm_table_cell(struct dm_table *table, enum dm_style style, const char *format, ...);

/* Rows from first on, at most rows of them (0: all).  Returns those printed. */
int dm_table_print(const struct dm_table *table, struct dm_pen *pen, int first, int rows);

#endif /* DEVMEM_LIB_TABLE_H */
