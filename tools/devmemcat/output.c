// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "output.h"
#include "signals.h"

/* A pipe that is writable takes that many bytes without blocking. */
#define SURE_BYTES	4096

#define NUMBER_MARK	"%n"

bool output_is_per_connection(const char *path)
{
	return path && strstr(path, NUMBER_MARK);
}

static char *expand(const char *path, unsigned int number)
{
	const char *mark = strstr(path, NUMBER_MARK);
	char *name;

	if (!mark)
		return strdup(path);
	if (asprintf(&name, "%.*s%u%s", (int)(mark - path), path, number,
		     mark + strlen(NUMBER_MARK)) < 0)
		return NULL;
	return name;
}

static bool may_block(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

static bool is_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

enum dm_exit output_open(struct output *out, const char *path,
			 unsigned int number)
{
	enum dm_exit ret;

	*out = (struct output){ .fd = -1 };
	if (!path)
		return DM_EXIT_OK;

	out->name = strcmp(path, "-") ? expand(path, number) : strdup("stdout");
	if (!out->name)
		return fail(DM_EXIT_NOMEM, "out of memory");
	if (!strcmp(path, "-")) {
		if (!is_writable(STDOUT_FILENO)) {
			free(out->name);
			out->name = NULL;
			return fail(DM_EXIT_FAILURE,
				    "cannot write to stdout: it is closed");
		}
		out->fd = STDOUT_FILENO;
		out->may_block = may_block(out->fd);
		return DM_EXIT_OK;
	}

	out->fd = open(out->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		       0666);
	if (out->fd < 0) {
		fail_errno(errno, "cannot write to %s", out->name);
		ret = DM_EXIT_FAILURE;
		free(out->name);
		out->name = NULL;
		return ret;
	}
	out->owned = true;
	out->may_block = may_block(out->fd);
	return DM_EXIT_OK;
}

/* Returns false when a signal tells us to end instead. */
static bool wait_writable(const struct output *out)
{
	struct pollfd pfd[2] = {
		{ .fd = out->fd, .events = POLLOUT },
		{ .fd = signals_fd(), .events = POLLIN },
	};

	while (!signals_stop()) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return true;
		if (pfd[0].revents)
			return true;
		signals_read();
	}
	return false;
}

static ssize_t write_some(const struct output *out, const struct iovec *vec,
			  int count)
{
	size_t len = vec->iov_len;

	if (!out->may_block)
		return writev(out->fd, vec, count);
	return write(out->fd, vec->iov_base,
		     len < SURE_BYTES ? len : SURE_BYTES);
}

static enum dm_exit write_all(struct output *out, struct iovec *vec, int count)
{
	while (out->fd >= 0 && count) {
		ssize_t n;

		if (out->may_block && !wait_writable(out))
			return fail(DM_EXIT_FAILURE,
				    "interrupted while %s does not take the data",
				    out->name);
		n = write_some(out, vec, count);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			fail_errno(errno, "cannot write to %s", out->name);
			return DM_EXIT_FAILURE;
		}
		while (count && (size_t)n >= vec->iov_len) {
			n -= vec->iov_len;
			vec++;
			count--;
		}
		if (count) {
			vec->iov_base = (char *)vec->iov_base + n;
			vec->iov_len -= n;
		}
	}
	return DM_EXIT_OK;
}

/* A failure is told of once, however many connections write to it. */
enum dm_exit output_write(struct output *out, struct iovec *vec, int count)
{
	enum dm_exit ret;

	if (out->failed)
		return DM_EXIT_FAILURE;
	ret = write_all(out, vec, count);
	out->failed = ret;
	return ret;
}

enum dm_exit output_close(struct output *out)
{
	enum dm_exit ret = DM_EXIT_OK;

	if (out->owned && close(out->fd) < 0) {
		fail_errno(errno, "cannot write to %s", out->name);
		ret = DM_EXIT_FAILURE;
	}
	free(out->name);
	*out = (struct output){ .fd = -1 };
	return ret;
}
