/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What this process and this kernel lack for looking at devmem, by name.
 */
#ifndef DEVMEM_LIB_SUPPORT_H
#define DEVMEM_LIB_SUPPORT_H

#include "error.h"

/* Checks what can be known without loading anything.  0, or -1 and why. */
int dm_support_check(struct dm_error *error);

/* After a load that failed with err, or showed no devmem (0): why.  -1 always. */
int dm_support_explain(struct dm_error *error, int err);

#endif /* DEVMEM_LIB_SUPPORT_H */
