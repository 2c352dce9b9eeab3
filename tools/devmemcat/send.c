// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "address.h"
#include "dmabuf.h"
#include "send.h"
#include "signals.h"
#include "source.h"
#include "stats.h"
#include "stream.h"
#include "units.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY	60
#endif

/* Between looks at whether the peer has acknowledged everything. */
#define ACK_POLL_MS	5
/* For the peer to take what was sent before a signal came. */
#define STOP_WAIT_MS	2000

/**
 * struct sender - a sending devmemcat
 * @opt: what is asked for
 * @source: the bytes
 * @buf: the dma-buf, if @opt asks for one
 * @env: what streams share
 * @stats: totals
 * @stream: opt->connections of them
 * @pollfd: for signals, the source and each stream
 * @begin: when the first byte went
 * @next_progress: when the next progress line is due
 * @stopping: a signal has ended the input
 * @give_up: when a peer that does not take the rest is left alone
 * @status: of the first failure
 */
struct sender {
	const struct options	*opt;
	struct source		source;
	struct dmabuf		buf;
	struct stream_env	env;
	struct stats		stats;
	struct stream		*stream;
	struct pollfd		*pollfd;
	uint64_t		begin;
	uint64_t		next_progress;
	bool			stopping;
	uint64_t		give_up;
	enum dm_exit		status;
};

static void note(struct sender *s, enum dm_exit status)
{
	if (!s->status)
		s->status = status;
}

/* Waits for a non-blocking connect(); a signal ends the wait. */
static int wait_connected(int fd)
{
	struct pollfd pfd[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = signals_fd(), .events = POLLIN },
	};
	socklen_t len = sizeof(int);
	int err = 0;

	while (!signals_stop()) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (pfd[1].revents)
			signals_read();
		if (!pfd[0].revents)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			return -errno;
		return -err;
	}
	return -EINTR;
}

static int open_connection(const struct options *opt, const struct addrinfo *ai)
{
	int fd, err, on = 1;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -errno;
	if (opt->ifname && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
				      opt->ifname, strlen(opt->ifname)) < 0)
		goto err_close;
	if (opt->dmabuf &&
	    setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0)
		goto err_close;
	if (!connect(fd, ai->ai_addr, ai->ai_addrlen))
		return fd;
	if (errno != EINPROGRESS)
		goto err_close;
	err = wait_connected(fd);
	if (!err)
		return fd;
	errno = -err;

err_close:
	err = -errno;
	close(fd);
	return err;
}

/* Tries the addresses of @list in turn. */
static int connect_any(const struct options *opt, const struct addrinfo *list)
{
	const struct addrinfo *ai;
	int fd = -EADDRNOTAVAIL;

	for (ai = list; ai; ai = ai->ai_next) {
		fd = open_connection(opt, ai);
		if (fd >= 0 || fd == -EINTR)
			break;
	}
	return fd;
}

static enum dm_exit connect_all(struct sender *s, int *fd)
{
	const struct options *opt = s->opt;
	struct addrinfo *list;
	unsigned int i;
	enum dm_exit ret;

	ret = address_resolve(opt->host, opt->port, opt->family, &list);
	if (ret)
		return ret;
	for (i = 0; i < opt->connections && !ret; i++) {
		fd[i] = connect_any(opt, list);
		if (fd[i] >= 0)
			continue;
		ret = DM_EXIT_FAILURE;
		if (fd[i] == -EINTR)
			fail(ret, "interrupted while connecting to %s port %u",
			     opt->host, opt->port);
		else
			fail_errno(fd[i], "cannot connect to %s port %u",
				   opt->host, opt->port);
	}
	freeaddrinfo(list);
	return ret;
}

/* The dma-buf must be bound to the device that the route leaves by. */
static enum dm_exit bind_source(struct sender *s, int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char name[IF_NAMESIZE] = "?";
	uint32_t ifindex;
	enum dm_exit ret;

	if (s->opt->ifname) {
		ret = address_find_interface(s->opt->ifname, &ifindex);
	} else {
		if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
			return fail_errno(errno, "getsockname");
		ret = address_interface_of((struct sockaddr *)&addr, &ifindex);
	}
	if (ret)
		return ret;
	if_indextoname(ifindex, name);
	ret = dmabuf_bind_tx(&s->buf, ifindex, name);
	if (!ret)
		tell("%s: binding %u of %zu bytes", name, s->buf.id,
		     s->buf.mem.size);
	return ret;
}

static enum dm_exit init_streams(struct sender *s, const int *fd)
{
	size_t share = s->opt->chunk;
	unsigned int i;

	if (s->opt->dmabuf)
		share = s->buf.mem.size / s->opt->connections;
	for (i = 0; i < s->opt->connections; i++)
		if (stream_init(&s->stream[i], &s->env, fd[i], i + 1,
				i * share, share))
			return fail(DM_EXIT_NOMEM, "out of memory");
	return DM_EXIT_OK;
}

/* When more may be sent, given the rate asked for. */
static uint64_t rate_allows_at(const struct sender *s)
{
	if (!s->opt->rate)
		return 0;
	return s->begin + (uint64_t)((double)stats_bytes(&s->stats) *
				     NSEC_PER_SEC / s->opt->rate);
}

static bool wants_to_send(const struct stream *stream)
{
	return stream->state == STREAM_SENDING && !stream->starved &&
	       !stream->waiting;
}

static void min_timeout(int *timeout, int ms)
{
	if (*timeout < 0 || ms < *timeout)
		*timeout = ms;
}

static int ms_until(uint64_t when, uint64_t now)
{
	if (when <= now)
		return 0;
	when = (when - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return when < 60000 ? when : 60000;
}

/* Fills s->pollfd; returns the timeout. */
static int prepare_poll(struct sender *s, uint64_t now)
{
	uint64_t allowed = rate_allows_at(s);
	bool starved = false;
	int timeout = -1;
	unsigned int i;

	for (i = 0; i < s->opt->connections; i++) {
		const struct stream *stream = &s->stream[i];
		struct pollfd *pfd = &s->pollfd[i + 2];

		*pfd = (struct pollfd){ .fd = stream->fd };
		starved |= stream->state == STREAM_SENDING && stream->starved;
		if (wants_to_send(stream) && allowed > now)
			min_timeout(&timeout, ms_until(allowed, now));
		else if (wants_to_send(stream))
			pfd->events = POLLOUT;
		if (stream->state == STREAM_LINGERING)
			min_timeout(&timeout,
				    ms_until(stream->linger_until, now));
		if (stream->state == STREAM_CLOSING)
			min_timeout(&timeout, ACK_POLL_MS);
	}
	s->pollfd[0] = (struct pollfd){ .fd = signals_fd(), .events = POLLIN };
	s->pollfd[1] = (struct pollfd){
		.fd = starved ? source_fd(&s->source) : -1, .events = POLLIN,
	};
	if (s->next_progress != UINT64_MAX)
		min_timeout(&timeout, ms_until(s->next_progress, now));
	if (s->stopping)
		min_timeout(&timeout, ms_until(s->give_up, now));
	return timeout;
}

static void move_stream(struct sender *s, struct stream *stream, short revents,
			uint64_t now)
{
	if (stream->state == STREAM_DONE)
		return;
	if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
		enum dm_exit ret = stream_complete(stream, &s->env);

		note(s, ret);
		if (ret)
			return;
	}
	if (s->stopping && stream->state == STREAM_SENDING && !stream->current)
		stream->state = STREAM_DRAINING;
	if (stream->state == STREAM_SENDING && revents & POLLOUT)
		note(s, stream_send(stream, &s->env));
	note(s, stream_finish(stream, &s->env, now, s->stopping));
}

static bool all_done(const struct sender *s)
{
	unsigned int i;

	for (i = 0; i < s->opt->connections; i++)
		if (s->stream[i].state != STREAM_DONE)
			return false;
	return true;
}

/* A signal ends the input; what was read is still sent. */
static void handle_signals(struct sender *s)
{
	signals_read();
	if (signals_take_summary())
		stats_progress(&s->stats, s->opt, units_now());
	if (!signals_stop() || s->stopping)
		return;
	s->stopping = true;
	s->give_up = units_now() + STOP_WAIT_MS * NSEC_PER_MSEC;
	if (s->opt->pattern && s->opt->length != OPTIONS_FOREVER &&
	    stats_bytes(&s->stats) < s->opt->length * s->opt->connections)
		note(s, fail(DM_EXIT_FAILURE, "interrupted after %llu bytes",
			     (unsigned long long)stats_bytes(&s->stats)));
}

static void transfer(struct sender *s)
{
	uint64_t now = units_now();
	unsigned int i;

	s->begin = now;
	s->stats.start = now;
	s->stats.first = now;
	s->stats.last = now;
	s->next_progress = s->opt->interval ? now + s->opt->interval :
					      UINT64_MAX;
	while (!all_done(s) && !(s->stopping && now >= s->give_up)) {
		poll(s->pollfd, s->opt->connections + 2, prepare_poll(s, now));
		if (s->pollfd[0].revents)
			handle_signals(s);
		now = units_now();
		for (i = 0; i < s->opt->connections; i++) {
			if (s->pollfd[1].revents)
				s->stream[i].starved = false;
			move_stream(s, &s->stream[i], s->pollfd[i + 2].revents,
				    now);
		}
		if (now >= s->next_progress) {
			stats_progress(&s->stats, s->opt, now);
			s->next_progress = now + s->opt->interval;
		}
	}
	for (i = 0; i < s->opt->connections; i++)
		note(s, stream_abandon(&s->stream[i], &s->env));
	s->stats.end = units_now();
}

static void close_all(int *fd, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

/* From connected sockets to the last byte; takes over @fd. */
static enum dm_exit send_over(struct sender *s, int *fd)
{
	enum dm_exit ret;
	unsigned int i;

	if (s->opt->dmabuf) {
		ret = bind_source(s, fd[0]);
		if (ret) {
			close_all(fd, s->opt->connections);
			return ret;
		}
	}
	ret = init_streams(s, fd);
	if (!ret)
		transfer(s);
	for (i = 0; i < s->opt->connections; i++)
		stream_free(&s->stream[i], &s->env);
	return ret;
}

static enum dm_exit run(struct sender *s, int *fd)
{
	struct stats_context context = { 0 };
	enum dm_exit ret;
	unsigned int i;

	for (i = 0; i < s->opt->connections; i++)
		fd[i] = -1;
	ret = connect_all(s, fd);
	if (ret) {
		close_all(fd, s->opt->connections);
		return ret;
	}
	ret = send_over(s, fd);
	if (ret)
		return ret;

	context.status = s->status;
	context.binding = s->opt->dmabuf ? s->buf.id : 0;
	stats_summary(&s->stats, s->opt);
	if (s->opt->json)
		note(s, stats_json(&s->stats, s->opt, &context));
	return s->status;
}

static enum dm_exit alloc_memory(struct sender *s)
{
	enum dm_exit ret;

	if (s->opt->dmabuf) {
		ret = dmabuf_alloc(&s->buf, s->opt);
		if (ret)
			return ret;
		s->env.buf = &s->buf;
		s->env.memory = s->buf.mem.mem;
		return DM_EXIT_OK;
	}
	s->env.memory = malloc(s->opt->chunk * s->opt->connections);
	return s->env.memory ? DM_EXIT_OK :
			       fail(DM_EXIT_NOMEM, "out of memory");
}

static void free_memory(struct sender *s)
{
	if (!s->opt->dmabuf) {
		free(s->env.memory);
		return;
	}
	dmabuf_unbind(&s->buf);
	dmabuf_free(&s->buf);
}

enum dm_exit send_all(const struct options *opt)
{
	struct sender s = { .opt = opt };
	enum dm_exit ret;
	int *fd;

	s.env = (struct stream_env){ .opt = opt, .source = &s.source,
				     .stats = &s.stats };
	stats_init(&s.stats);
	ret = source_open(&s.source, opt);
	if (ret)
		return ret;
	if (signals_open())
		return fail_errno(errno, "cannot take signals");
	ret = alloc_memory(&s);
	if (ret)
		goto out_close_source;

	s.stream = calloc(opt->connections, sizeof(*s.stream));
	s.pollfd = calloc(opt->connections + 2, sizeof(*s.pollfd));
	fd = calloc(opt->connections, sizeof(*fd));
	if (s.stream && s.pollfd && fd)
		ret = run(&s, fd);
	else
		ret = fail(DM_EXIT_NOMEM, "out of memory");
	free(fd);
	free(s.pollfd);
	free(s.stream);
	free_memory(&s);
out_close_source:
	source_close(&s.source);
	return ret;
}
