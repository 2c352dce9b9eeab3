/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers and names as people read them.  Each function fills in the buffer it
 * is given and returns it; unknown becomes "-".
 */
#ifndef DEVMEM_LIB_FORMAT_H
#define DEVMEM_LIB_FORMAT_H

#include "model.h"

#define DM_FORMAT_LEN	128

char *dm_format_bytes(char *buf, double bytes);			/* 1.5M */
char *dm_format_count(char *buf, long long count);		/* 12345 */
char *dm_format_rate(char *buf, double rate);			/* +1.2k */
char *dm_format_percent(char *buf, double part);		/* 93% */
char *dm_format_duration(char *buf, double seconds);		/* 2m05s */
char *dm_format_queues(char *buf, const struct dm_binding_rec *rec);	/* 0-3,7 */
char *dm_format_address(char *buf, const struct dm_sock_rec *rec, bool remote);
char *dm_format_process(char *buf, const struct dm_processes *list);	/* recv[81]+1 */
char *dm_format_processes(char *buf, const struct dm_processes *list);	/* all of them */

const char *dm_tcp_state(unsigned int state);
const char *dm_direction(unsigned int direction);
const char *dm_verdict_name(enum dm_verdict verdict);

#endif /* DEVMEM_LIB_FORMAT_H */
