// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <devmem/uapi.h>

#include "address.h"
#include "conn.h"
#include "dmabuf.h"
#include "nic.h"
#include "receive.h"
#include "signals.h"
#include "stats.h"
#include "units.h"

#define MAX_EVENTS	64
/* Between looks at whether the device is still there. */
#define DEVICE_CHECK_NS	NSEC_PER_SEC

/**
 * struct receiver - a listening devmemcat
 * @opt: what is asked for
 * @env: what connections share
 * @nic: the device; its guardian with --no-setup is not there (fd -1)
 * @buf: the dma-buf and its binding
 * @netdev: a netlink socket for statistics, apart from the binding's
 * @listen_fd: -1 when no more connections are taken
 * @epoll_fd: waits for all of this
 * @conns: open connections
 * @accepted: connections so far
 * @next_progress: when the next progress line is due
 * @next_check: when to see whether the device is still there
 * @gone: it is not
 * @status: of the first failure
 */
struct receiver {
	const struct options	*opt;
	struct conn_env		env;
	struct nic		nic;
	struct dmabuf		buf;
	struct dm_nl		netdev;
	int			listen_fd;
	int			epoll_fd;
	struct conn		*conns;
	unsigned int		accepted;
	uint64_t		next_progress;
	uint64_t		next_check;
	bool			gone;
	enum dm_exit		status;
};

static void note(struct receiver *r, enum dm_exit status)
{
	if (!r->status)
		r->status = status;
}

static int watch(struct receiver *r, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void stop_listening(struct receiver *r)
{
	if (r->listen_fd >= 0)
		close(r->listen_fd);
	r->listen_fd = -1;
}

/* What else accept4() says is about one connection, and takes it away. */
static bool lacks_resources(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

static void accept_conn(struct receiver *r)
{
	struct conn *conn;
	int fd;

	fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (!lacks_resources(errno))
			return;
		/* It would stay pending, and epoll tell of it for ever. */
		note(r, fail_errno(errno, "cannot accept more connections"));
		stop_listening(r);
		return;
	}
	conn = conn_new(&r->env, fd, ++r->accepted);
	if (!r->opt->keep && r->accepted == r->opt->connections)
		stop_listening(r);
	if (!conn) {
		note(r, DM_EXIT_FAILURE);
		return;
	}
	conn->next = r->conns;
	r->conns = conn;
	if (!r->opt->no_read && watch(r, fd, conn))
		note(r, fail_errno(errno, "cannot watch a connection"));
}

/* A connection that keeps tokens for ever stays open, silent, as a leak does. */
static void retire(struct receiver *r, struct conn *conn)
{
	epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	tell("connection %u: ended after %llu bytes, %llu tokens held",
	     conn->number, (unsigned long long)conn->pos,
	     (unsigned long long)token_held(&conn->tokens));
}

static void handle_conn(struct receiver *r, struct conn *conn)
{
	if (!conn->ended)
		note(r, conn_receive(conn, &r->env));
	if (conn->ended)
		retire(r, conn);
}

/* Returns what is due everywhere and closes what is finished. */
static void tend_conns(struct receiver *r, uint64_t now)
{
	struct conn **link = &r->conns;

	while (*link) {
		struct conn *conn = *link;

		if (!conn->reset)
			note(r, conn_return_tokens(conn, &r->env, now));
		if (conn_is_done(conn) && (conn->reset || !conn->tokens.kept)) {
			*link = conn->next;
			note(r, conn_close(conn, &r->env));
		} else {
			link = &conn->next;
		}
	}
}

static bool is_finished(const struct receiver *r)
{
	const struct conn *conn;

	if (signals_stop() || r->gone || r->env.output.failed)
		return true;
	if (r->listen_fd >= 0)
		return false;
	for (conn = r->conns; conn; conn = conn->next)
		if (!conn_is_done(conn))
			return false;
	return true;
}

/* Adds what open connections have to what closed ones left. */
static struct stats sum_up(struct receiver *r)
{
	struct stats stats = r->env.stats;
	struct conn *conn;

	for (conn = r->conns; conn; conn = conn->next)
		stats_add_ledger(&stats, &conn->tokens);
	return stats;
}

static void log_tokens(struct receiver *r)
{
	struct stats stats = sum_up(r);
	struct conn *conn;

	for (conn = r->conns; conn; conn = conn->next)
		tokenlog_state(&r->env.log, "summary", conn->cookie,
			       &conn->tokens);
	tokenlog_total(&r->env.log, stats.conns, stats.issued, stats.returned,
		       stats.held_bytes);
}

static void print_progress(struct receiver *r, uint64_t now)
{
	struct stats stats;

	stats_read_drops(&r->env.stats, &r->netdev, &r->nic);
	stats = sum_up(r);
	stats_progress(&stats, r->opt, now);
	r->env.stats.last = stats.last;
	r->env.stats.last_bytes = stats.last_bytes;
}

/* How long epoll may sleep: to the next token due, or the next line. */
static int sleep_ms(const struct receiver *r, uint64_t now)
{
	uint64_t wake = r->next_check;
	const struct conn *conn;

	if (r->next_progress < wake)
		wake = r->next_progress;

	for (conn = r->conns; conn; conn = conn->next) {
		uint64_t due = token_next_return(&conn->tokens, &r->env.policy,
						 conn->ended);

		if (due < wake)
			wake = due;
	}
	return wake <= now ? 0 :
			     (wake - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
}

/* Nothing more can come when it is gone, and connections would not notice. */
static void check_device(struct receiver *r, uint64_t now)
{
	char name[IF_NAMESIZE];

	r->next_check = now + DEVICE_CHECK_NS;
	if (if_indextoname(r->nic.ifindex, name))
		return;
	r->gone = true;
	note(r, fail(DM_EXIT_FAILURE, "%s: the interface is gone",
		     r->nic.name));
}

static void serve(struct receiver *r)
{
	struct epoll_event events[MAX_EVENTS];
	uint64_t now;
	int i, n;

	while (!is_finished(r)) {
		n = epoll_wait(r->epoll_fd, events, MAX_EVENTS,
			       sleep_ms(r, units_now()));
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr == r)
				signals_read();
			else if (events[i].data.ptr == &r->listen_fd)
				accept_conn(r);
			else
				handle_conn(r, events[i].data.ptr);
		}
		now = units_now();
		tend_conns(r, now);
		if (signals_take_summary()) {
			log_tokens(r);
			print_progress(r, now);
		}
		if (now >= r->next_progress) {
			print_progress(r, now);
			r->next_progress = now + r->opt->interval;
		}
		if (now >= r->next_check)
			check_device(r, now);
	}
}

static int open_listener(const struct addrinfo *ai, int family)
{
	int fd, on = 1, off = 0, err;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			   family == AF_UNSPEC ? &off : &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, 1024) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Without an address: one IPv6 socket serves IPv4 as well, where there is IPv6. */
static enum dm_exit start_listening(struct receiver *r)
{
	const struct options *opt = r->opt;
	struct addrinfo *list = NULL;
	int family = opt->family;
	enum dm_exit ret;
	int fd;

	if (!opt->address && family == AF_UNSPEC)
		family = AF_INET6;
	ret = address_resolve(opt->address, opt->port, family, &list);
	if (ret)
		return ret;
	fd = open_listener(list, opt->address ? list->ai_family : opt->family);
	freeaddrinfo(list);
	if (fd == -EAFNOSUPPORT && family == AF_INET6 && !opt->family) {
		ret = address_resolve(NULL, opt->port, AF_INET, &list);
		if (ret)
			return ret;
		fd = open_listener(list, AF_INET);
		freeaddrinfo(list);
	}
	if (fd < 0) {
		fail_errno(fd, "cannot listen on %s%sport %u",
			   opt->address ? opt->address : "",
			   opt->address ? " " : "", opt->port);
		return DM_EXIT_FAILURE;
	}
	r->listen_fd = fd;
	if (watch(r, fd, &r->listen_fd))
		return fail_errno(errno, "cannot watch the port");
	return DM_EXIT_OK;
}

static enum dm_exit find_device(const struct options *opt, uint32_t *ifindex)
{
	struct addrinfo *list;
	enum dm_exit ret;

	if (opt->ifname)
		return address_find_interface(opt->ifname, ifindex);
	ret = address_resolve(opt->address, opt->port, opt->family, &list);
	if (ret)
		return ret;
	ret = address_interface_of(list->ai_addr, ifindex);
	freeaddrinfo(list);
	return ret;
}

static enum dm_exit steer(struct receiver *r)
{
	struct sockaddr_storage addr;
	struct addrinfo *list;
	enum dm_exit ret;

	if (!r->opt->setup)
		return DM_EXIT_OK;
	if (!r->opt->address)
		return nic_steer(&r->nic, r->opt->port, r->opt->family, NULL);
	ret = address_resolve(r->opt->address, r->opt->port, r->opt->family,
			      &list);
	if (ret)
		return ret;
	memset(&addr, 0, sizeof(addr));
	memcpy(&addr, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	return nic_steer(&r->nic, r->opt->port, addr.ss_family, &addr);
}

/* The queues are claimed before they are bound, and bound before flows come. */
static enum dm_exit take_device(struct receiver *r)
{
	const struct options *opt = r->opt;
	enum dm_exit ret;

	if (opt->setup) {
		ret = nic_claim(&r->nic, opt);
		if (ret)
			return ret;
	} else {
		r->nic.nqueues = opt->nqueues;
		memcpy(r->nic.queue, opt->queue, sizeof(r->nic.queue));
	}
	ret = dmabuf_bind_rx(&r->buf, r->nic.ifindex, r->nic.name,
			     r->nic.queue, r->nic.nqueues, opt->rx_page_size);
	if (ret)
		return ret;
	/* Statistics are a convenience: without them, drops are unknown. */
	if (dm_nl_open(&r->netdev, DEVMEM_NL_FAMILY))
		r->netdev.sock = NULL;
	stats_read_drops(&r->env.stats, &r->netdev, &r->nic);
	ret = steer(r);
	return ret ? ret : start_listening(r);
}

static void announce(const struct receiver *r)
{
	char queues[OPTIONS_MAX_QUEUES * 6] = "", size[32];
	size_t len = 0;
	unsigned int i;

	if (report_is_quiet())
		return;
	dmabuf_note_rings(&r->buf, r->nic.ifindex, r->nic.name,
			  r->nic.nqueues, r->opt->rx_page_size);
	for (i = 0; i < r->nic.nqueues; i++)
		len += snprintf(queues + len, sizeof(queues) - len, "%s%u",
				i ? "," : "", r->nic.queue[i]);
	warn("listening on port %u, %s queue %s, binding %u of %s",
	     r->opt->port, r->nic.name, queues, r->buf.id,
	     units_format_size(r->buf.mem.size, size, sizeof(size)));
}

static void close_conns(struct receiver *r)
{
	while (r->conns) {
		struct conn *conn = r->conns;

		r->conns = conn->next;
		note(r, conn_close(conn, &r->env));
	}
}

static void finish(struct receiver *r, uint32_t binding)
{
	struct stats_context context = {
		.nic		= &r->nic,
		.binding	= binding,
	};

	context.status = r->status;
	stats_summary(&r->env.stats, r->opt);
	if (r->opt->json)
		note(r, stats_json(&r->env.stats, r->opt, &context));
}

static enum dm_exit open_outputs(struct receiver *r)
{
	const struct options *opt = r->opt;
	int err;

	err = tokenlog_open(&r->env.log, opt->token_log);
	if (err) {
		fail_errno(err, "cannot write to %s", opt->token_log);
		return DM_EXIT_FAILURE;
	}
	if (output_is_per_connection(opt->output))
		return DM_EXIT_OK;
	return output_open(&r->env.output, opt->output, 0);
}

static enum dm_exit close_outputs(struct receiver *r)
{
	enum dm_exit ret;
	int err;

	ret = output_close(&r->env.output);
	err = tokenlog_close(&r->env.log);
	if (!err)
		return ret;
	fail_errno(err, "cannot write to %s", r->opt->token_log);
	return DM_EXIT_FAILURE;
}

static enum dm_exit open_device(struct receiver *r)
{
	uint32_t ifindex;
	enum dm_exit ret;

	r->nic.fd = -1;
	ret = find_device(r->opt, &ifindex);
	if (ret)
		return ret;
	if (r->opt->setup)
		return nic_open(&r->nic, ifindex);
	r->nic.ifindex = ifindex;
	if (!if_indextoname(ifindex, r->nic.name))
		return fail_errno(errno, "interface %u", ifindex);
	return DM_EXIT_OK;
}

static int open_events(struct receiver *r)
{
	int err;

	err = signals_open();
	if (err)
		return err;
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll_fd < 0 || watch(r, signals_fd(), r))
		return -errno;
	return 0;
}

static enum dm_exit run(struct receiver *r)
{
	uint32_t binding;
	enum dm_exit ret;

	ret = take_device(r);
	if (ret)
		goto out_close;

	announce(r);
	r->next_progress = r->opt->interval ? units_now() + r->opt->interval :
					      UINT64_MAX;
	r->env.stats.start = units_now();
	r->env.stats.last = r->env.stats.start;
	serve(r);
	stats_read_drops(&r->env.stats, &r->netdev, &r->nic);
	log_tokens(r);
out_close:
	stop_listening(r);
	close_conns(r);
	note(r, ret);
	binding = r->buf.id;
	dm_nl_close(&r->netdev);
	dmabuf_unbind(&r->buf);
	note(r, nic_release(&r->nic));
	note(r, close_outputs(r));
	if (!ret)
		finish(r, binding);
	return r->status;
}

enum dm_exit receive(const struct options *opt)
{
	struct receiver r = { .opt = opt, .listen_fd = -1 };
	enum dm_exit ret;

	r.env.output.fd = -1;
	stats_init(&r.env.stats);
	token_policy_init(&r.env.policy, opt);
	ret = open_outputs(&r);
	if (ret)
		return ret;
	/* Forks: the guardian must not inherit the dma-buf's mapping. */
	ret = open_device(&r);
	if (ret)
		return ret;
	if (open_events(&r) || conn_env_init(&r.env, opt, &r.buf))
		return fail_errno(errno, "cannot start");
	ret = dmabuf_alloc(&r.buf, opt);
	if (!ret) {
		ret = run(&r);
		dmabuf_free(&r.buf);
	}
	conn_env_free(&r.env);
	return ret;
}
