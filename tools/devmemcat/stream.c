// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/sockios.h>

#include <devmem/uapi.h>

#include "stream.h"
#include "units.h"

#define MAX_CHUNKS	256

int stream_init(struct stream *stream, struct stream_env *env, int fd,
		unsigned int number, size_t offset, size_t size)
{
	unsigned int i;

	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->number = number;
	stream->nchunks = size / env->opt->chunk;
	if (stream->nchunks > MAX_CHUNKS)
		stream->nchunks = MAX_CHUNKS;
	stream->chunk = calloc(stream->nchunks, sizeof(*stream->chunk));
	if (!stream->chunk)
		return -ENOMEM;
	for (i = 0; i < stream->nchunks; i++)
		stream->chunk[i].offset = offset + i * env->opt->chunk;
	env->stats->conns++;
	env->stats->open++;
	return 0;
}

static void close_socket(struct stream *stream, struct stream_env *env)
{
	if (stream->state == STREAM_DONE)
		return;
	close(stream->fd);
	stream->fd = -1;
	stream->state = STREAM_DONE;
	env->stats->open--;
}

void stream_free(struct stream *stream, struct stream_env *env)
{
	if (!stream->chunk)
		return;
	close_socket(stream, env);
	free(stream->chunk);
	stream->chunk = NULL;
}

__attribute__((format(printf, 3, 4)))
static enum dm_exit stream_fail(struct stream *stream, struct stream_env *env,
				const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	env->stats->failed++;
	close_socket(stream, env);
	return fail(DM_EXIT_FAILURE, "connection %u: %s after %llu bytes",
		    stream->number, text,
		    (unsigned long long)stream->accepted);
}

static enum dm_exit send_failed(struct stream *stream, struct stream_env *env,
				int err)
{
	if (env->buf && err == ENODEV)
		return stream_fail(stream, env,
				   "the route leaves by another device than the dma-buf is bound to: give the right --interface");
	if (env->buf && err == EINVAL)
		return stream_fail(stream, env,
				   "the kernel does not know binding %u any more",
				   env->buf->id);
	return stream_fail(stream, env, "%s", strerror(err));
}

static struct chunk *find_free_chunk(struct stream *stream)
{
	unsigned int i;

	for (i = 0; i < stream->nchunks; i++)
		if (!stream->chunk[i].pending)
			return &stream->chunk[i];
	return NULL;
}

/* Returns 1 when stream->current has bytes to send, 0 when not yet, -errno. */
static int fill_chunk(struct stream *stream, struct stream_env *env)
{
	struct chunk *chunk;
	ssize_t n;

	if (stream->current)
		return 1;
	chunk = find_free_chunk(stream);
	if (!chunk) {
		stream->waiting = true;
		return 0;
	}

	if (env->buf)
		dm_udmabuf_begin_write(&env->buf->mem);
	n = source_read(env->source, stream->pos,
			env->memory + chunk->offset, env->opt->chunk);
	if (env->buf)
		dm_udmabuf_end_write(&env->buf->mem);
	if (n == -EAGAIN) {
		stream->starved = true;
		return 0;
	}
	if (n < 0)
		return n;
	if (!n) {
		stream->state = STREAM_DRAINING;
		return 0;
	}
	chunk->len = n;
	chunk->sent = 0;
	stream->pos += n;
	stream->current = chunk;
	return 1;
}

static ssize_t send_plain(struct stream *stream, struct stream_env *env,
			  const struct chunk *chunk)
{
	return send(stream->fd, env->memory + chunk->offset + chunk->sent,
		    chunk->len - chunk->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* In place of an address, the iovec holds the offset in the dma-buf. */
static ssize_t send_dmabuf(struct stream *stream, struct stream_env *env,
			   struct chunk *chunk)
{
	char control[CMSG_SPACE(sizeof(uint32_t))] = { 0 };
	struct iovec iov = {
		.iov_base = (void *)(uintptr_t)(chunk->offset + chunk->sent),
		.iov_len = chunk->len - chunk->sent,
	};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_DEVMEM_DMABUF;
	cm->cmsg_len = CMSG_LEN(sizeof(uint32_t));
	memcpy(CMSG_DATA(cm), &env->buf->id, sizeof(uint32_t));

	n = sendmsg(stream->fd, &msg,
		    MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n <= 0)
		return n;
	stream->user[stream->next_send++ % STREAM_MAX_SENDS] = chunk;
	stream->sends++;
	chunk->pending++;
	return n;
}

static enum dm_exit reset(struct stream *stream, struct stream_env *env)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	tell("connection %u: reset after %llu bytes", stream->number,
	     (unsigned long long)stream->accepted);
	close_socket(stream, env);
	return DM_EXIT_OK;
}

static void account(struct stream *stream, struct stream_env *env, size_t n)
{
	struct chunk *chunk = stream->current;

	chunk->sent += n;
	stream->accepted += n;
	if (env->buf)
		env->stats->dmabuf_bytes += n;
	else
		env->stats->host_bytes += n;
	if (chunk->sent == chunk->len)
		stream->current = NULL;
}

enum dm_exit stream_send(struct stream *stream, struct stream_env *env)
{
	ssize_t n;
	int err;

	stream->starved = false;
	if (stream->sends == STREAM_MAX_SENDS) {
		stream->waiting = true;
		return DM_EXIT_OK;
	}
	err = fill_chunk(stream, env);
	if (err < 0)
		return stream_fail(stream, env, "cannot read %s: %s",
				   env->source->name, strerror(-err));
	if (!err)
		return DM_EXIT_OK;

	n = env->buf ? send_dmabuf(stream, env, stream->current) :
		       send_plain(stream, env, stream->current);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return DM_EXIT_OK;
	/* The kernel has no room to note more sends that are to complete. */
	if (n < 0 && errno == ENOBUFS && stream->sends) {
		stream->waiting = true;
		return DM_EXIT_OK;
	}
	if (n < 0)
		return send_failed(stream, env, errno);
	account(stream, env, n);
	if (env->opt->rst_after >= 0 &&
	    stream->accepted >= (uint64_t)env->opt->rst_after)
		return reset(stream, env);
	return DM_EXIT_OK;
}

static bool is_zerocopy(const struct cmsghdr *cm)
{
	const struct sock_extended_err *err;

	if (!(cm->cmsg_level == SOL_IP && cm->cmsg_type == IP_RECVERR) &&
	    !(cm->cmsg_level == SOL_IPV6 && cm->cmsg_type == IPV6_RECVERR))
		return false;
	err = (const struct sock_extended_err *)CMSG_DATA(cm);
	return err->ee_origin == SO_EE_ORIGIN_ZEROCOPY;
}

/* Sends ee_info to ee_data have completed. */
static void complete_range(struct stream *stream, struct stream_env *env,
			   const struct sock_extended_err *err)
{
	uint32_t id = err->ee_info, n = err->ee_data - err->ee_info + 1;

	for (; n && stream->sends; n--, id++) {
		stream->user[id % STREAM_MAX_SENDS]->pending--;
		stream->sends--;
		env->stats->completions++;
		if (err->ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
			env->stats->copied++;
	}
}

enum dm_exit stream_complete(struct stream *stream, struct stream_env *env)
{
	char control[256];
	struct msghdr msg;
	struct cmsghdr *cm;
	socklen_t len;
	int err = 0;

	for (;;) {
		msg = (struct msghdr){ .msg_control = control,
				       .msg_controllen = sizeof(control) };
		if (recvmsg(stream->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		for (cm = CMSG_FIRSTHDR(&msg); cm; cm = CMSG_NXTHDR(&msg, cm))
			if (is_zerocopy(cm))
				complete_range(stream, env,
					       (void *)CMSG_DATA(cm));
		stream->waiting = false;
	}

	len = sizeof(err);
	if (!getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &err, &len) && err)
		return send_failed(stream, env, err);
	return DM_EXIT_OK;
}

static enum dm_exit check_acknowledged(struct stream *stream,
				       struct stream_env *env)
{
	int left = 0;

	if (ioctl(stream->fd, SIOCOUTQ, &left) < 0)
		return stream_fail(stream, env, "%s", strerror(errno));
	if (left)
		return DM_EXIT_OK;
	/* An error may have emptied the queue. */
	if (stream_complete(stream, env))
		return DM_EXIT_FAILURE;
	close_socket(stream, env);
	return DM_EXIT_OK;
}

static uint64_t linger_end(const struct options *opt, uint64_t now)
{
	return opt->linger > UINT64_MAX - now ? UINT64_MAX : now + opt->linger;
}

enum dm_exit stream_finish(struct stream *stream, struct stream_env *env,
			   uint64_t now, bool hurry)
{
	switch (stream->state) {
	case STREAM_SENDING:
	case STREAM_DONE:
		return DM_EXIT_OK;
	case STREAM_DRAINING:
		if (stream->sends)
			return DM_EXIT_OK;
		stream->linger_until = linger_end(env->opt, now);
		stream->state = STREAM_LINGERING;
		/* fall through */
	case STREAM_LINGERING:
		if (now < stream->linger_until && !hurry)
			return DM_EXIT_OK;
		shutdown(stream->fd, SHUT_WR);
		stream->state = STREAM_CLOSING;
		/* fall through */
	case STREAM_CLOSING:
		return check_acknowledged(stream, env);
	}
	return DM_EXIT_OK;
}

enum dm_exit stream_abandon(struct stream *stream, struct stream_env *env)
{
	int left = 0;

	if (stream->state == STREAM_DONE)
		return DM_EXIT_OK;
	ioctl(stream->fd, SIOCOUTQ, &left);
	return stream_fail(stream, env,
			   "interrupted, with %d bytes that the peer did not take,",
			   left);
}
