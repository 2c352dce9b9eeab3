// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DM_GAP	2	/* columns between columns */

struct dm_cell {
	char *text;
	int width;
	enum dm_style style;
};

struct dm_table {
	const struct dm_column *columns;
	int nr_columns;
	int *widths;
	struct dm_cell *cells;
	size_t nr_cells;
	size_t room;
};

struct dm_table *dm_table_new(const struct dm_column *columns, int nr)
{
	struct dm_table *table = calloc(1, sizeof(*table));
	int i;

	if (!table)
		return NULL;
	table->widths = calloc(nr, sizeof(*table->widths));
	if (!table->widths) {
		free(table);
		return NULL;
	}
	table->columns = columns;
	table->nr_columns = nr;
	for (i = 0; i < nr; i++)
		table->widths[i] = dm_text_width(columns[i].head);
	return table;
}

void dm_table_free(struct dm_table *table)
{
	size_t i;

	if (!table)
		return;
	for (i = 0; i < table->nr_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->widths);
	free(table);
}

static struct dm_cell *dm_table_next(struct dm_table *table)
{
	if (table->nr_cells == table->room) {
		size_t room = table->room ? 2 * table->room : 128;
		void *cells = realloc(table->cells, room * sizeof(*table->cells));

		if (!cells)
			return NULL;
		table->cells = cells;
		table->room = room;
	}
	return &table->cells[table->nr_cells];
}

void dm_table_cell(struct dm_table *table, enum dm_style style, const char *format, ...)
{
	struct dm_cell *cell;
	va_list args;
	int *width;

	cell = table ? dm_table_next(table) : NULL;
	if (!cell)
		return;
	va_start(args, format);
	if (vasprintf(&cell->text, format, args) < 0)
		cell->text = NULL;
	va_end(args);
	if (!cell->text)
		return;

	cell->style = style;
	cell->width = dm_text_width(cell->text);
	width = &table->widths[table->nr_cells++ % table->nr_columns];
	if (cell->width > *width)
		*width = cell->width;
}

static int dm_table_width(const struct dm_table *table, const bool *hidden)
{
	int width = 0, i;

	for (i = 0; i < table->nr_columns; i++)
		if (!hidden[i])
			width += table->widths[i] + (width ? DM_GAP : 0);
	return width;
}

/* The column to do without next, or -1 if the rest all must stay. */
static int dm_table_lightest(const struct dm_table *table, const bool *hidden)
{
	int lightest = -1, i;

	for (i = 0; i < table->nr_columns; i++) {
		if (hidden[i] || !table->columns[i].weight)
			continue;
		if (lightest < 0 || table->columns[i].weight < table->columns[lightest].weight)
			lightest = i;
	}
	return lightest;
}

static void dm_table_put(struct dm_pen *pen, enum dm_style style, const char *text,
			 int pad, enum dm_align align, bool last)
{
	if (align == DM_RIGHT)
		dm_put(pen, DM_PLAIN, "%*s", pad, "");
	dm_put(pen, style, "%s", text);
	if (align == DM_LEFT && !last)
		dm_put(pen, DM_PLAIN, "%*s", pad, "");
}

static void dm_table_row(const struct dm_table *table, struct dm_pen *pen, const bool *hidden,
			 const struct dm_cell *row)
{
	int last = table->nr_columns - 1, i;
	bool first = true;

	while (last > 0 && hidden[last])
		last--;
	for (i = 0; i <= last; i++) {
		const struct dm_column *column = &table->columns[i];
		const char *text = row ? row[i].text : column->head;
		int width = row ? row[i].width : dm_text_width(column->head);

		if (hidden[i])
			continue;
		if (!first)
			dm_put(pen, DM_PLAIN, "%*s", DM_GAP, "");
		first = false;
		dm_table_put(pen, row ? row[i].style : DM_HEAD, text,
			     table->widths[i] - width, column->align, i == last);
	}
	dm_newline(pen);
}

int dm_table_print(const struct dm_table *table, struct dm_pen *pen, int first, int rows)
{
	int nr, i, column, end;
	bool *hidden;

	hidden = table ? calloc(table->nr_columns, sizeof(*hidden)) : NULL;
	if (!hidden)
		return 0;
	while (pen->width && dm_table_width(table, hidden) > pen->width) {
		column = dm_table_lightest(table, hidden);
		if (column < 0)
			break;
		hidden[column] = true;
	}

	nr = table->nr_cells / table->nr_columns;
	end = rows && first + rows < nr ? first + rows : nr;
	dm_table_row(table, pen, hidden, NULL);
	for (i = first; i < end; i++)
		dm_table_row(table, pen, hidden, &table->cells[i * table->nr_columns]);
	free(hidden);
	return end > first ? end - first : 0;
}
