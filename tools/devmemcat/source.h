/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_SOURCE_H
#define DEVMEMCAT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"

/**
 * struct source - the bytes to send, the same for every connection
 * @opt: tells which
 * @fd: stdin or a file, -1 for a pattern
 * @seekable: every connection reads at its own position
 * @name: for messages
 */
struct source {
	const struct options	*opt;
	int			fd;
	bool			seekable;
	const char		*name;
};

enum dm_exit source_open(struct source *src, const struct options *opt);
void source_close(struct source *src);

/*
 * Reads up to @len bytes for a connection that is at @pos.  Returns how many, 0
 * at the end, or a negative errno; -EAGAIN when source_fd() is not readable.
 */
ssize_t source_read(struct source *src, uint64_t pos, void *buf, size_t len);

/* To be watched after -EAGAIN. */
static inline int source_fd(const struct source *src)
{
	return src->fd;
}

#endif /* DEVMEMCAT_SOURCE_H */
