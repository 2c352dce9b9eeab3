/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The model as JSON, for programs.  The fields are described in devmemctl(8);
 * they are added to and never change their meaning.  Unknown is null.
 */
#ifndef DEVMEM_LIB_JSON_H
#define DEVMEM_LIB_JSON_H

#include <stdio.h>

#include "model.h"

enum dm_json_parts {
	DM_JSON_BINDINGS	= 1 << 0,
	DM_JSON_POOLS		= 1 << 1,
	DM_JSON_SOCKETS		= 1 << 2,
	DM_JSON_ALL		= DM_JSON_BINDINGS | DM_JSON_POOLS | DM_JSON_SOCKETS,
};

/* Writes one object and a newline; pretty, it spans lines.  0 or -ENOMEM. */
int dm_json_write(const struct dm_model *model, unsigned int parts, bool pretty, FILE *file);

#endif /* DEVMEM_LIB_JSON_H */
