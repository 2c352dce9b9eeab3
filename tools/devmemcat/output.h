/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_OUTPUT_H
#define DEVMEMCAT_OUTPUT_H

#include <stdbool.h>
#include <sys/uio.h>

#include "report.h"

/**
 * struct output - where received bytes go
 * @fd: -1 for nowhere
 * @owned: @fd is ours to close
 * @may_block: @fd is no regular file; a write must not keep signals waiting
 * @failed: a write did; no more are tried
 * @name: for messages; owned, NULL for nowhere
 */
struct output {
	int	fd;
	bool	owned;
	bool	may_block;
	bool	failed;
	char	*name;
};

/* Does @path name a file for each connection? */
bool output_is_per_connection(const char *path);

/*
 * @path: NULL for nowhere, "-" for stdout; "%n" stands for @number.  Says what
 * is wrong and returns the exit status it deserves.
 */
enum dm_exit output_open(struct output *out, const char *path,
			 unsigned int number);
/* Changes @vec. */
enum dm_exit output_write(struct output *out, struct iovec *vec, int count);
enum dm_exit output_close(struct output *out);

#endif /* DEVMEMCAT_OUTPUT_H */
