/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The model as text for people: sentences first, then tables.
 */
#ifndef DEVMEM_LIB_TEXT_H
#define DEVMEM_LIB_TEXT_H

#include "model.h"
#include "pen.h"

/* What there is to know, in a few sentences, the alarming ones marked. */
void dm_text_situation(const struct dm_model *model, struct dm_pen *pen,
		       unsigned int leak_after_ms);

void dm_text_bindings(const struct dm_model *model, struct dm_pen *pen);
void dm_text_pools(const struct dm_model *model, struct dm_pen *pen);

/* Sockets from first on, at most rows of them (0: all).  Returns those printed. */
int dm_text_sockets(const struct dm_model *model, struct dm_pen *pen, int first, int rows);

/* A line about what this snapshot missed; nothing if it missed nothing. */
void dm_text_lost(const struct dm_model *model, struct dm_pen *pen);

#endif /* DEVMEM_LIB_TEXT_H */
