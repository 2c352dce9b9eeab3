/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_RECEIVE_H
#define DEVMEMCAT_RECEIVE_H

#include "options.h"
#include "report.h"

enum dm_exit receive(const struct options *opt);

#endif /* DEVMEMCAT_RECEIVE_H */
