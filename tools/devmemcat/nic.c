// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "guardian.h"
#include "nic.h"

/* Attempts to meet a guardian that may be just coming or going, 20 ms apart. */
#define CONNECT_TRIES	250
/* The kernel unbinds queues one by one, each with a restart of the queue. */
#define RELEASE_WAIT_MS	30000

static socklen_t guardian_address(uint32_t ifindex, struct sockaddr_un *addr)
{
	int len;

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	/* The leading zero byte makes the address abstract. */
	len = snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1,
		       "devmemcat/nic/%u", ifindex);
	return offsetof(struct sockaddr_un, sun_path) + 1 + len;
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* -EADDRINUSE when another devmemcat was faster: then there is a guardian. */
static int start_guardian(uint32_t ifindex)
{
	struct sockaddr_un addr;
	socklen_t len;
	int fd, err = 0;

	fd = open_socket();
	if (fd < 0)
		return -errno;
	len = guardian_address(ifindex, &addr);
	if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 16) < 0)
		err = -errno;
	else
		err = guardian_start(ifindex, fd);
	close(fd);
	return err;
}

static int connect_guardian(struct nic *nic)
{
	struct sockaddr_un addr;
	socklen_t len;
	int err;

	nic->fd = open_socket();
	if (nic->fd < 0)
		return -errno;
	len = guardian_address(nic->ifindex, &addr);
	if (!connect(nic->fd, (struct sockaddr *)&addr, len))
		return 0;
	err = -errno;
	close(nic->fd);
	nic->fd = -1;
	return err;
}

/* The address is anybody's to take: believe only our own kind. */
static enum dm_exit check_guardian(struct nic *nic)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(nic->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return fail_errno(errno, "cannot tell who nic-restore is");
	if (cred.uid == geteuid() || cred.uid == 0)
		return DM_EXIT_OK;
	return fail(DM_EXIT_FAILURE,
		    "%s: process %d of user %u, nic-restore, looks after it: wait until it ends, or run as root",
		    nic->name, cred.pid, cred.uid);
}

static void wait_a_little(void)
{
	struct timespec ts = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&ts, NULL);
}

static enum dm_exit meet_guardian(struct nic *nic)
{
	int err = 0, try;

	for (try = 0; try < CONNECT_TRIES; try++) {
		err = connect_guardian(nic);
		if (!err)
			return check_guardian(nic);
		if (err != -ECONNREFUSED)
			break;
		err = start_guardian(nic->ifindex);
		if (err == -EADDRINUSE)
			wait_a_little();
		else if (err)
			break;
	}
	return fail_errno(err, "%s: cannot start nic-restore", nic->name);
}

enum dm_exit nic_open(struct nic *nic, uint32_t ifindex)
{
	*nic = (struct nic){ .fd = -1, .ifindex = ifindex };
	if (!if_indextoname(ifindex, nic->name))
		return fail_errno(errno, "interface %u", ifindex);
	return meet_guardian(nic);
}

static void tell_changes(char *log)
{
	char *line;

	while ((line = strsep(&log, "\n")))
		if (*line)
			tell("%s", line);
}

static int ask(struct nic *nic, const struct nic_request *req,
	       struct nic_reply *reply, int timeout_ms)
{
	struct pollfd pfd = { .fd = nic->fd, .events = POLLIN };
	ssize_t len;
	int ready;

	if (send(nic->fd, req, sizeof(*req), MSG_NOSIGNAL) < 0)
		return -errno;
	do {
		ready = poll(&pfd, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (!ready)
		return -ETIMEDOUT;
	len = recv(nic->fd, reply, sizeof(*reply), 0);
	if (len < 0)
		return -errno;
	if (len != sizeof(*reply))
		return -ECONNRESET;
	reply->text[sizeof(reply->text) - 1] = '\0';
	reply->log[sizeof(reply->log) - 1] = '\0';
	tell_changes(reply->log);
	return 0;
}

static enum dm_exit lost_guardian(struct nic *nic, int err)
{
	if (err == -ECONNRESET || err == -EPIPE)
		return fail(DM_EXIT_FAILURE,
			    "%s: nic-restore was killed, nothing puts the NIC's settings back: see CAVEATS in devmemcat(1)",
			    nic->name);
	return fail_errno(err, "%s: nic-restore does not answer",
			  nic->name);
}

static enum dm_exit refused(struct nic *nic, const struct nic_reply *reply)
{
	if (reply->err == -EPERM)
		return fail(DM_EXIT_SUPPORT,
			    "%s: changing a NIC needs CAP_NET_ADMIN: run as root",
			    nic->name);
	if (!reply->text[0])
		return fail_errno(reply->err, "%s", nic->name);
	return fail(exit_code_of(reply->err), "%s", reply->text);
}

enum dm_exit nic_claim(struct nic *nic, const struct options *opt)
{
	struct nic_request req = {
		.op		= NIC_CLAIM,
		.nqueues	= opt->nqueues,
		.want		= opt->want_queues,
	};
	struct nic_reply reply;
	int err, try;

	memcpy(req.queue, opt->queue, sizeof(opt->queue[0]) * opt->nqueues);
	for (try = 0; try < CONNECT_TRIES; try++) {
		err = ask(nic, &req, &reply, -1);
		/* It was about to end when we came: start over with a new one. */
		if (err != -ECONNRESET && err != -EPIPE)
			break;
		close(nic->fd);
		wait_a_little();
		if (meet_guardian(nic))
			return DM_EXIT_FAILURE;
	}
	if (err)
		return lost_guardian(nic, err);
	if (reply.err)
		return refused(nic, &reply);

	nic->nqueues = reply.nqueues;
	memcpy(nic->queue, reply.queue, sizeof(nic->queue));
	return DM_EXIT_OK;
}

static int steer_one(struct nic *nic, const struct dm_ethtool_flow *flow,
		     struct nic_reply *reply)
{
	struct nic_request req = { .op = NIC_STEER, .flow = *flow };
	int err;

	err = ask(nic, &req, reply, -1);
	if (err)
		reply->err = err;
	else if (!reply->err && reply->text[0] && !report_is_quiet())
		warn("%s", reply->text);
	return reply->err;
}

/*
 * Spreads the flows over several queues by bits of the remote port.  Bit 0 is
 * left out: connect() prefers ports of one parity.
 */
static int steer_spread(struct nic *nic, struct dm_ethtool_flow *flow,
			struct nic_reply *reply)
{
	unsigned int value, buckets = 1;
	int err;

	while (buckets < nic->nqueues)
		buckets *= 2;
	flow->src_port_mask = (buckets - 1) << 1;
	for (value = 0; value < buckets; value++) {
		flow->src_port = value << 1;
		flow->queue = nic->queue[value % nic->nqueues];
		err = steer_one(nic, flow, reply);
		if (err)
			return err;
	}
	return 0;
}

static enum dm_exit steer_family(struct nic *nic, struct dm_ethtool_flow *flow)
{
	struct nic_reply reply = { 0 };
	int err;

	if (nic->nqueues > 1) {
		err = steer_spread(nic, flow, &reply);
		if (!err)
			return DM_EXIT_OK;
		tell("%s: no rules by remote port (%s): all connections go to queue %u",
		     nic->name, strerror(-err), nic->queue[0]);
	}
	flow->src_port = 0;
	flow->src_port_mask = 0;
	flow->queue = nic->queue[0];
	err = steer_one(nic, flow, &reply);
	return err ? refused(nic, &reply) : DM_EXIT_OK;
}

enum dm_exit nic_steer(struct nic *nic, uint16_t port, int family,
		       const struct sockaddr_storage *addr)
{
	struct dm_ethtool_flow flow = { .dst_port = port };
	enum dm_exit ret;

	if (family != AF_INET6) {
		flow.family = AF_INET;
		if (addr)
			flow.dst.v4 = ((struct sockaddr_in *)addr)->sin_addr;
		ret = steer_family(nic, &flow);
		if (ret)
			return ret;
	}
	if (family != AF_INET) {
		memset(&flow, 0, sizeof(flow));
		flow.dst_port = port;
		flow.family = AF_INET6;
		if (addr)
			flow.dst.v6 = ((struct sockaddr_in6 *)addr)->sin6_addr;
		ret = steer_family(nic, &flow);
		if (ret)
			return ret;
	}
	return DM_EXIT_OK;
}

enum dm_exit nic_release(struct nic *nic)
{
	struct nic_request req = { .op = NIC_RELEASE };
	enum dm_exit ret = DM_EXIT_OK;
	struct nic_reply reply;
	int err;

	if (nic->fd < 0)
		return DM_EXIT_OK;
	err = ask(nic, &req, &reply, RELEASE_WAIT_MS);
	if (err)
		ret = lost_guardian(nic, err);
	else if (reply.err && reply.err != -ENODEV)
		ret = refused(nic, &reply);
	else if (reply.text[0])
		warn("%s: %s", nic->name, reply.text);
	close(nic->fd);
	nic->fd = -1;
	return ret;
}
