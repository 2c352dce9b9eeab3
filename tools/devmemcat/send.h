/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_SEND_H
#define DEVMEMCAT_SEND_H

#include "options.h"
#include "report.h"

enum dm_exit send_all(const struct options *opt);

#endif /* DEVMEMCAT_SEND_H */
