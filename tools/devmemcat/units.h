/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_UNITS_H
#define DEVMEMCAT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC	1000000000ULL
#define NSEC_PER_MSEC	1000000ULL

/* "64M" to bytes, "500ms" to nanoseconds; 0 or -EINVAL. */
int units_parse_size(const char *text, uint64_t *bytes);
int units_parse_time(const char *text, uint64_t *ns);

/* "64.0 MiB"; returns @buf. */
char *units_format_size(uint64_t bytes, char *buf, size_t len);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t units_now(void);

#endif /* DEVMEMCAT_UNITS_H */
