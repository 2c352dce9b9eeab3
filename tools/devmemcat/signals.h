/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SIGINT, SIGTERM and SIGHUP end devmemcat in order; SIGUSR1 asks for a
 * summary.  They are blocked and come through a file descriptor, so nothing is
 * interrupted half-way; whoever waits watches signals_fd() too.
 */
#ifndef DEVMEMCAT_SIGNALS_H
#define DEVMEMCAT_SIGNALS_H

#include <stdbool.h>

/* 0 or a negative errno.  SIGPIPE becomes an error of write(). */
int signals_open(void);
int signals_fd(void);

/* To be called when signals_fd() is readable. */
void signals_read(void);

/* Has one of the first three come? */
bool signals_stop(void);
/* Has SIGUSR1 come since the last call? */
bool signals_take_summary(void);

#endif /* DEVMEMCAT_SIGNALS_H */
