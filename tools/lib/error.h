/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why something failed: what the tool exits with, and the one line it prints.
 */
#ifndef DEVMEM_LIB_ERROR_H
#define DEVMEM_LIB_ERROR_H

#include "exit.h"

struct dm_error {
	enum dm_exit code;
	char text[512];
};

/* Returns -1, so that a function can fail and say why in one statement. */
__attribute__((format(printf, 3, 4)))
int dm_error_set(struct dm_error *error, enum dm_exit code, const char *format, ...);

#endif /* DEVMEM_LIB_ERROR_H */
