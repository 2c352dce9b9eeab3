// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "pattern.h"
#include "source.h"

enum dm_exit source_open(struct source *src, const struct options *opt)
{
	*src = (struct source){ .opt = opt, .fd = -1, .name = "the pattern" };
	if (opt->pattern)
		return DM_EXIT_OK;
	if (!opt->input) {
		src->name = "stdin";
		src->fd = STDIN_FILENO;
		return DM_EXIT_OK;
	}

	src->name = opt->input;
	src->fd = open(opt->input, O_RDONLY | O_CLOEXEC);
	if (src->fd < 0) {
		fail_errno(errno, "cannot read %s", opt->input);
		return DM_EXIT_FAILURE;
	}
	src->seekable = lseek(src->fd, 0, SEEK_CUR) >= 0;
	if (src->seekable || opt->connections == 1)
		return DM_EXIT_OK;
	close(src->fd);
	return fail(DM_EXIT_FAILURE,
		    "%s can be read only once: several connections cannot share it",
		    opt->input);
}

void source_close(struct source *src)
{
	if (src->fd > STDIN_FILENO)
		close(src->fd);
}

static ssize_t read_pattern(struct source *src, uint64_t pos, void *buf,
			    size_t len)
{
	uint64_t left = src->opt->length - pos;

	if (src->opt->length != OPTIONS_FOREVER && len > left)
		len = left;
	pattern_fill(src->opt->seed, pos, buf, len);
	return len;
}

ssize_t source_read(struct source *src, uint64_t pos, void *buf, size_t len)
{
	struct pollfd pfd = { .fd = src->fd, .events = POLLIN };
	ssize_t n;

	if (src->fd < 0)
		return read_pattern(src, pos, buf, len);
	if (!src->seekable && !poll(&pfd, 1, 0))
		return -EAGAIN;
	do {
		n = src->seekable ? pread(src->fd, buf, len, pos) :
				    read(src->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
