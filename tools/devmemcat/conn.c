// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <devmem/uapi.h>

#include "address.h"
#include "conn.h"
#include "pattern.h"
#include "units.h"

#define DATA_LEN	(256 << 10)
/*
 * Room for a control message per fragment; when it is too small for even one,
 * it is made larger.
 */
#define CONTROL_LEN	(64 << 10)
#define MAX_CONTROL_LEN	(4 << 20)

#define OUTPUT_VECS	64

#ifndef SO_COOKIE
#define SO_COOKIE	57
#endif

/* What recvmsg() says when the control buffer is too small; the kernel's own. */
#define ETOOSMALL_KERNEL	525

int conn_env_init(struct conn_env *env, const struct options *opt,
		  struct dmabuf *buf)
{
	env->opt = opt;
	env->buf = buf;
	env->data_len = DATA_LEN;
	env->data = malloc(env->data_len);
	env->control_len = CONTROL_LEN;
	env->control = malloc(env->control_len);
	if (!env->data || !env->control) {
		conn_env_free(env);
		return -ENOMEM;
	}
	return 0;
}

void conn_env_free(struct conn_env *env)
{
	free(env->data);
	free(env->control);
	env->data = NULL;
	env->control = NULL;
}

static void identify(struct conn *conn, struct conn_env *env)
{
	struct sockaddr_storage addr;
	char local[64] = "?";
	socklen_t len;

	len = sizeof(conn->cookie);
	if (getsockopt(conn->fd, SOL_SOCKET, SO_COOKIE, &conn->cookie, &len))
		conn->cookie = 0;

	snprintf(conn->peer, sizeof(conn->peer), "?");
	len = sizeof(addr);
	if (!getpeername(conn->fd, (struct sockaddr *)&addr, &len))
		address_format((struct sockaddr *)&addr, conn->peer,
			       sizeof(conn->peer));
	len = sizeof(addr);
	if (!getsockname(conn->fd, (struct sockaddr *)&addr, &len))
		address_format((struct sockaddr *)&addr, local, sizeof(local));
	tokenlog_opened(&env->log, conn->number, conn->cookie, local,
			conn->peer);
	tell("connection %u from %s", conn->number, conn->peer);
}

struct conn *conn_new(struct conn_env *env, int fd, unsigned int number)
{
	struct conn *conn;

	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		fail(DM_EXIT_NOMEM, "out of memory");
		goto err_close;
	}
	conn->fd = fd;
	conn->number = number;
	conn->output.fd = -1;
	if (output_is_per_connection(env->opt->output) &&
	    output_open(&conn->output, env->opt->output, number))
		goto err_free_conn;

	token_ledger_init(&conn->tokens, fd, number);
	identify(conn, env);
	if (!env->stats.conns++)
		env->stats.first = units_now();
	env->stats.open++;
	return conn;

err_free_conn:
	free(conn);
err_close:
	close(fd);
	return NULL;
}

/* Ends @conn for a reason that is its own and not the whole program's. */
__attribute__((format(printf, 3, 4)))
static enum dm_exit conn_fail(struct conn *conn, struct conn_env *env,
			      const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn->ended = true;
	env->stats.failed++;
	return fail(DM_EXIT_FAILURE, "connection %u from %s: %s", conn->number,
		    conn->peer, text);
}

static enum dm_exit receive_failed(struct conn *conn, struct conn_env *env,
				   int err)
{
	if (err == EFAULT && env->opt->plain_recv)
		return conn_fail(conn, env,
				 "the data is in device memory, which recvmsg gives out with MSG_SOCK_DEVMEM only");
	if (err == ENODEV)
		return conn_fail(conn, env,
				 "the data is in some device's memory, but not in a dma-buf");
	return conn_fail(conn, env, "%s", strerror(err));
}

static ssize_t grow_control(struct conn_env *env)
{
	size_t len = 2 * env->control_len;
	char *control;

	if (len > MAX_CONTROL_LEN)
		return -ETOOSMALL_KERNEL;
	control = realloc(env->control, len);
	if (!control)
		return -ENOMEM;
	env->control = control;
	env->control_len = len;
	return 0;
}

static ssize_t receive_message(struct conn *conn, struct conn_env *env,
			       struct msghdr *msg, struct iovec *iov)
{
	int flags = MSG_DONTWAIT;
	ssize_t len;

	if (!env->opt->plain_recv)
		flags |= MSG_SOCK_DEVMEM;
	for (;;) {
		*iov = (struct iovec){ .iov_base = env->data,
				       .iov_len = env->data_len };
		*msg = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 1,
					.msg_control = env->control,
					.msg_controllen = env->control_len };
		len = recvmsg(conn->fd, msg, flags);
		if (len >= 0)
			return len;
		if (errno == EINTR)
			continue;
		if (errno != ETOOSMALL_KERNEL)
			return -errno;
		len = grow_control(env);
		if (len)
			return len;
	}
}

/**
 * struct payload - the pieces of one recvmsg(), in the order of the stream
 * @vec: where they are, in the dma-buf's mapping or in env->data
 * @nvecs: how many
 * @linear: bytes of env->data that pieces have used
 * @total: bytes in all pieces
 */
struct payload {
	struct iovec	vec[OUTPUT_VECS];
	int		nvecs;
	size_t		linear;
	size_t		total;
};

static enum dm_exit verify(struct conn *conn, struct conn_env *env,
			   const char *data, size_t len, uint64_t pos)
{
	size_t good = pattern_check(env->opt->seed, pos, data, len);

	if (good == len)
		return DM_EXIT_OK;
	return conn_fail(conn, env,
			 "byte %llu is 0x%02x instead of 0x%02x: the data is not the pattern with --seed %llu",
			 (unsigned long long)(pos + good), (uint8_t)data[good],
			 pattern_byte(env->opt->seed, pos + good),
			 (unsigned long long)env->opt->seed);
}

static enum dm_exit flush_payload(struct conn *conn, struct conn_env *env,
				  struct payload *payload)
{
	struct output *out = &env->output;
	enum dm_exit ret;

	if (conn->output.fd >= 0)
		out = &conn->output;
	ret = output_write(out, payload->vec, payload->nvecs);
	payload->nvecs = 0;
	if (ret)
		conn->ended = true;
	return ret;
}

static enum dm_exit add_piece(struct conn *conn, struct conn_env *env,
			      struct payload *payload, char *data, size_t len)
{
	enum dm_exit ret;

	if (env->opt->verify) {
		ret = verify(conn, env, data, len, conn->pos + payload->total);
		if (ret)
			return ret;
	}
	payload->total += len;
	payload->vec[payload->nvecs++] = (struct iovec){ data, len };
	if (payload->nvecs == OUTPUT_VECS)
		return flush_payload(conn, env, payload);
	return DM_EXIT_OK;
}

static enum dm_exit add_linear(struct conn *conn, struct conn_env *env,
			       struct payload *payload, size_t len)
{
	char *data = env->data + payload->linear;

	if (len > env->data_len - payload->linear)
		return conn_fail(conn, env,
				 "the kernel tells of more linear data than it gave");
	payload->linear += len;
	env->stats.linear_bytes += len;
	return add_piece(conn, env, payload, data, len);
}

static enum dm_exit add_frag(struct conn *conn, struct conn_env *env,
			     struct payload *payload,
			     const struct dmabuf_cmsg *frag)
{
	struct dm_udmabuf *mem = &env->buf->mem;

	if (frag->dmabuf_id != env->buf->id)
		return conn_fail(conn, env,
				 "data came to binding %u and not to ours, %u: the flow is steered to another queue",
				 frag->dmabuf_id, env->buf->id);
	if (frag->frag_offset > mem->size ||
	    frag->frag_size > mem->size - frag->frag_offset)
		return conn_fail(conn, env,
				 "a fragment at %llu of %u bytes is outside the dma-buf",
				 (unsigned long long)frag->frag_offset,
				 frag->frag_size);
	env->stats.dmabuf_bytes += frag->frag_size;
	return add_piece(conn, env, payload, mem->mem + frag->frag_offset,
			 frag->frag_size);
}

/*
 * All tokens are entered before any data is looked at: whatever happens then,
 * we know what we hold.
 */
static enum dm_exit enter_tokens(struct conn *conn, struct conn_env *env,
				 struct msghdr *msg, uint64_t now)
{
	struct dmabuf_cmsg frag;
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_DEVMEM_DMABUF)
			continue;
		memcpy(&frag, CMSG_DATA(cm), sizeof(frag));
		tokenlog_issued(&env->log, conn->number, &frag);
		if (token_issued(&conn->tokens, &env->policy, frag.frag_token,
				 frag.frag_size, now)) {
			conn->ended = true;
			return fail(DM_EXIT_NOMEM, "out of memory");
		}
	}
	return DM_EXIT_OK;
}

static enum dm_exit deliver(struct conn *conn, struct conn_env *env,
			    struct msghdr *msg, size_t len)
{
	struct payload payload = { 0 };
	enum dm_exit ret = DM_EXIT_OK;
	struct dmabuf_cmsg frag;
	struct cmsghdr *cm;
	bool seen = false;

	for (cm = CMSG_FIRSTHDR(msg); cm && !ret; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET)
			continue;
		memcpy(&frag, CMSG_DATA(cm), sizeof(frag));
		if (cm->cmsg_type == SCM_DEVMEM_LINEAR)
			ret = add_linear(conn, env, &payload, frag.frag_size);
		else if (cm->cmsg_type == SCM_DEVMEM_DMABUF)
			ret = add_frag(conn, env, &payload, &frag);
		else
			continue;
		seen = true;
	}
	/* It came before the rule, or through another queue or device. */
	if (!ret && !seen) {
		env->stats.host_bytes += len;
		ret = add_piece(conn, env, &payload, env->data, len);
	}
	if (!ret)
		ret = flush_payload(conn, env, &payload);
	if (!ret && payload.total != len)
		ret = conn_fail(conn, env,
				"recvmsg returned %zu bytes, its control messages tell of %zu",
				len, payload.total);
	conn->pos += payload.total;
	return ret;
}

static enum dm_exit end_of_stream(struct conn *conn, struct conn_env *env)
{
	int64_t expect = env->opt->expect;

	conn->ended = true;
	if (expect >= 0 && conn->pos != (uint64_t)expect)
		return conn_fail(conn, env,
				 "it brought %llu bytes, %lld were expected",
				 (unsigned long long)conn->pos,
				 (long long)expect);
	return DM_EXIT_OK;
}

static void reset(struct conn *conn)
{
	struct linger linger = { .l_onoff = 1 };

	/* Closing now sends a RST instead of a FIN. */
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	conn->ended = true;
	conn->reset = true;
	tell("connection %u: reset after %llu bytes", conn->number,
	     (unsigned long long)conn->pos);
}

enum dm_exit conn_receive(struct conn *conn, struct conn_env *env)
{
	struct dm_udmabuf *mem = &env->buf->mem;
	uint64_t now = units_now();
	struct msghdr msg;
	enum dm_exit ret;
	struct iovec iov;
	ssize_t len;

	len = receive_message(conn, env, &msg, &iov);
	if (len == -EAGAIN)
		return DM_EXIT_OK;
	if (len < 0)
		return receive_failed(conn, env, -len);
	if (!len)
		return end_of_stream(conn, env);
	if (msg.msg_flags & MSG_CTRUNC)
		return conn_fail(conn, env,
				 "control messages were lost, and with them data and tokens");

	ret = enter_tokens(conn, env, &msg, now);
	if (ret)
		return ret;
	dm_udmabuf_begin_read(mem);
	ret = deliver(conn, env, &msg, len);
	dm_udmabuf_end_read(mem);
	env->stats.end = units_now();
	if (ret)
		return ret;

	if (env->opt->rst_after >= 0 &&
	    conn->pos >= (uint64_t)env->opt->rst_after) {
		reset(conn);
		return DM_EXIT_OK;
	}
	return conn_return_tokens(conn, env, now);
}

enum dm_exit conn_return_tokens(struct conn *conn, struct conn_env *env,
				uint64_t now)
{
	uint64_t refused = conn->tokens.refused;
	uint64_t taken = conn->tokens.bad_taken;
	int err;

	err = token_return_due(&conn->tokens, &env->policy, &env->log, now,
			       conn->ended);
	if (err)
		return conn_fail(conn, env, "cannot return tokens: %s",
				 strerror(-err));
	if (conn->tokens.refused != refused)
		return conn_fail(conn, env,
				 "the kernel did not know %llu of the tokens returned",
				 (unsigned long long)(conn->tokens.refused - refused));
	if (conn->tokens.bad_taken != taken)
		return conn_fail(conn, env, "the kernel took %llu bad tokens",
				 (unsigned long long)(conn->tokens.bad_taken - taken));
	return DM_EXIT_OK;
}

bool conn_is_done(const struct conn *conn)
{
	return conn->ended && (conn->reset || !conn->tokens.pending);
}

enum dm_exit conn_close(struct conn *conn, struct conn_env *env)
{
	enum dm_exit ret;

	tokenlog_state(&env->log, "close", conn->cookie, &conn->tokens);
	stats_add_ledger(&env->stats, &conn->tokens);
	close(conn->fd);
	ret = output_close(&conn->output);
	token_ledger_free(&conn->tokens);
	free(conn);
	env->stats.open--;
	return ret;
}
