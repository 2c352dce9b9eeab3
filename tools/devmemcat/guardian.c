// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon.h"
#include "guardian.h"
#include "nic.h"
#include "nicconf.h"
#include "rules.h"

/* What ps(1) and the system's log call it. */
#define GUARDIAN_NAME	"nic-restore"

#define MAX_CLIENTS	128

/* Between looks at queues that the kernel is about to unbind. */
#define UNBIND_POLL_MS	20
/* Between looks at bindings of programs that are not our clients. */
#define FOREIGN_POLL_MS	500
/* A guardian that no one asked anything for so long was started in vain. */
#define IDLE_MS		5000
/* Attempts to give back, UNBIND_POLL_MS apart: the kernel may still unbind. */
#define GIVE_BACK_TRIES	250

enum client_state {
	CLIENT_FREE,
	CLIENT_ACTIVE,		/* may claim, steer and release */
	CLIENT_LEAVING,		/* waits until its queues are unbound */
};

/**
 * struct client - a devmemcat that uses the device
 * @state: what it is at
 * @fd: its connection, -1 when it has hung up
 * @answer: a NIC_RELEASE is waiting for its answer
 * @queue: RX queues it claimed, taken until they are unbound
 * @nqueues: how many
 * @rules: flow rules we inserted for it
 * @log: what we changed for it and have not told it yet
 */
struct client {
	enum client_state	state;
	int			fd;
	bool			answer;
	uint32_t		queue[NIC_MAX_QUEUES];
	unsigned int		nqueues;
	struct rules		rules;
	char			log[NIC_LOG_LEN];
};

/**
 * struct guardian - the process
 * @listen_fd: where clients come in
 * @conf: the device
 * @broken: why @conf cannot be used, 0 or a negative errno; conf.text says more
 * @client: those who use the device
 * @foreign: bindings of programs that are not clients delay the restore
 * @tries: attempts to give back that failed, since the last that did not
 */
struct guardian {
	int			listen_fd;
	struct nicconf		conf;
	int			broken;
	struct client		client[MAX_CLIENTS];
	bool			foreign;
	unsigned int		tries;
};

static unsigned int count_clients(const struct guardian *g)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_CLIENTS; i++)
		n += g->client[i].state != CLIENT_FREE;
	return n;
}

static void collect_claims(const struct guardian *g,
			   struct nicconf_queues *claimed)
{
	unsigned int i, j;

	for (i = 0; i < MAX_CLIENTS; i++)
		for (j = 0; j < g->client[i].nqueues; j++)
			claimed->has[g->client[i].queue[j]] = true;
}

/* Other traffic stays off all queues that are claimed, or bound by others. */
static int spread_others(struct guardian *g)
{
	struct nicconf_queues taken;
	unsigned int nrxq;
	int err;

	err = nicconf_queues_get(&g->conf, &nrxq, &taken, NULL);
	if (err)
		return err;
	collect_claims(g, &taken);
	return nicconf_exclude(&g->conf, &taken, nrxq);
}

static int check_queue(struct guardian *g, uint32_t queue, unsigned int nrxq,
		       const struct nicconf_queues *busy,
		       const struct nicconf_queues *claimed)
{
	if (queue >= nrxq)
		return nicconf_fail(&g->conf, -ERANGE,
				    "there is no RX queue %u: it has %u, numbered from 0",
				    queue, nrxq);
	if (queue >= NICCONF_MAX_RXQ)
		return nicconf_fail(&g->conf, -ERANGE,
				    "RX queue %u is out of reach: choose one below %d",
				    queue, NICCONF_MAX_RXQ);
	if (claimed->has[queue])
		return nicconf_fail(&g->conf, -EBUSY,
				    "RX queue %u is in use by another devmemcat: choose another with --queues",
				    queue);
	if (busy->has[queue])
		return nicconf_fail(&g->conf, -EBUSY,
				    "RX queue %u is bound already: choose another with --queues",
				    queue);
	return 0;
}

static int too_many(struct guardian *g, unsigned int nfree, unsigned int nrxq)
{
	bool more = nicconf_may_add_queues(&g->conf, nrxq);
	char choose[32] = "";

	if (nfree > 1)
		snprintf(choose, sizeof(choose), "choose at most %u%s",
			 nfree - 1, more ? ", or " : "");
	return nicconf_fail(&g->conf, -EBUSY,
			    "%u of its %u RX queues %s free, and one must be left to other traffic: %s%s",
			    nfree, nrxq, nfree == 1 ? "is" : "are", choose,
			    more ? "add some with ethtool -L" :
			    nfree > 1 ? "" : "none can be bound");
}

/* Fills client->queue with what @req asks for, from the last queue down. */
static int choose_queues(struct guardian *g, struct client *client,
			 const struct nic_request *req)
{
	struct nicconf_queues busy, claimed = { 0 };
	unsigned int nrxq, nfree = 0, i;
	int err;

	err = nicconf_queues_get(&g->conf, &nrxq, &busy, NULL);
	if (err)
		return err;
	collect_claims(g, &claimed);
	for (i = 0; i < nrxq && i < NICCONF_MAX_RXQ; i++)
		nfree += !busy.has[i] && !claimed.has[i];

	for (i = 0; i < req->nqueues; i++) {
		err = check_queue(g, req->queue[i], nrxq, &busy, &claimed);
		if (err)
			return err;
	}
	if (nfree <= req->nqueues + req->want)
		return too_many(g, nfree, nrxq);

	memcpy(client->queue, req->queue, sizeof(client->queue));
	client->nqueues = req->nqueues;
	for (i = nrxq; i-- && client->nqueues < req->nqueues + req->want;)
		if (i < NICCONF_MAX_RXQ && !busy.has[i] && !claimed.has[i])
			client->queue[client->nqueues++] = i;
	return 0;
}

static int claim(struct guardian *g, struct client *client,
		 const struct nic_request *req, struct nic_reply *reply)
{
	char name[IF_NAMESIZE];
	bool up;
	int err;

	if (client->nqueues || req->nqueues > NIC_MAX_QUEUES ||
	    req->want > NIC_MAX_QUEUES - req->nqueues)
		return nicconf_fail(&g->conf, -EINVAL, "a claim out of order");

	err = dm_ethtool_link_is_up(&g->conf.et, &up);
	if (err)
		return nicconf_fail(&g->conf, err, "%s", strerror(-err));
	if (!up)
		return nicconf_fail(&g->conf, -ENETDOWN,
				    "the link is down: turn it on with ip link set %s up",
				    nicconf_name(&g->conf, name));

	err = choose_queues(g, client, req);
	if (err)
		return err;
	err = nicconf_prepare(&g->conf);
	if (err)
		return err;
	err = spread_others(g);
	if (err)
		return err;

	reply->nqueues = client->nqueues;
	memcpy(reply->queue, client->queue, sizeof(reply->queue));
	return 0;
}

static bool has_claimed(const struct client *client, uint32_t queue)
{
	unsigned int i;

	for (i = 0; i < client->nqueues; i++)
		if (client->queue[i] == queue)
			return true;
	return false;
}

/* What another of our clients has inserted, or sends where we do. */
struct kin {
	const struct guardian	*g;
	const struct client	*client;
};

static bool is_kin(const struct dm_ethtool_flow *rule, void *data)
{
	const struct kin *kin = data;
	unsigned int i;

	for (i = 0; i < MAX_CLIENTS; i++)
		if (rules_have_location(&kin->g->client[i].rules,
					rule->location))
			return true;
	return has_claimed(kin->client, rule->queue);
}

static int steer(struct guardian *g, struct client *client,
		 const struct nic_request *req)
{
	bool first = !rules_have_family(&client->rules, req->flow.family);
	struct kin kin = { .g = g, .client = client };
	int err;

	if (!has_claimed(client, req->flow.queue))
		return nicconf_fail(&g->conf, -EINVAL, "a rule out of order");
	err = rules_insert(&client->rules, &g->conf, &req->flow);
	if (!err && first)
		rules_note_rival(&g->conf, &req->flow, is_kin, &kin);
	return err;
}

/* Gives what was changed since the last time to those it was changed for. */
static void hand_out_log(struct guardian *g, struct client **to, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		size_t len = strlen(to[i]->log);

		snprintf(to[i]->log + len, sizeof(to[i]->log) - len, "%s",
			 g->conf.log);
	}
	g->conf.log[0] = '\0';
}

static void send_reply(struct client *client, struct nic_reply *reply)
{
	snprintf(reply->log, sizeof(reply->log), "%s", client->log);
	client->log[0] = '\0';
	/* A client that is gone is noticed by the next poll. */
	if (client->fd >= 0)
		send(client->fd, reply, sizeof(*reply), MSG_NOSIGNAL);
}

/* For the system's log, since no client may be left to tell. */
static void log_failure(const struct guardian *g)
{
	syslog(LOG_DAEMON | LOG_WARNING, "%s", g->conf.text);
}

static void start_leaving(struct guardian *g, struct client *client)
{
	if (rules_remove(&client->rules, &g->conf))
		log_failure(g);
	hand_out_log(g, &client, 1);
	client->state = CLIENT_LEAVING;
}

static void hang_up(struct guardian *g, struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->answer = false;
	if (client->state == CLIENT_ACTIVE)
		start_leaving(g, client);
}

static void serve(struct guardian *g, struct client *client)
{
	struct nic_reply reply = { 0 };
	struct nic_request req;
	ssize_t len;

	len = recv(client->fd, &req, sizeof(req), MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len != sizeof(req)) {
		hang_up(g, client);
		return;
	}

	if (client->state == CLIENT_ACTIVE && req.op == NIC_RELEASE) {
		client->answer = true;
		start_leaving(g, client);
		return;
	}
	if (!g->broken)
		g->conf.text[0] = '\0';
	if (g->broken)
		reply.err = g->broken;
	else if (client->state == CLIENT_ACTIVE && req.op == NIC_CLAIM)
		reply.err = claim(g, client, &req, &reply);
	else if (client->state == CLIENT_ACTIVE && req.op == NIC_STEER)
		reply.err = steer(g, client, &req);
	else
		reply.err = -EINVAL;
	snprintf(reply.text, sizeof(reply.text), "%s", g->conf.text);
	hand_out_log(g, &client, 1);
	send_reply(client, &reply);
}

/* Only the user who started the guardian, or root, may steer it. */
static bool is_trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

static void accept_client(struct guardian *g)
{
	unsigned int i;
	int fd;

	fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (i = 0; i < MAX_CLIENTS; i++)
		if (g->client[i].state == CLIENT_FREE)
			break;
	if (i == MAX_CLIENTS || !is_trusted(fd)) {
		close(fd);
		return;
	}
	memset(&g->client[i], 0, sizeof(g->client[i]));
	g->client[i].state = CLIENT_ACTIVE;
	g->client[i].fd = fd;
}

static void drop_client(struct client *client, struct nic_reply *reply)
{
	if (client->answer)
		send_reply(client, reply);
	if (client->fd >= 0)
		close(client->fd);
	client->state = CLIENT_FREE;
	client->nqueues = 0;
}

/* Clients whose queues the kernel still holds bound stay; the others go. */
static bool may_go(const struct client *client,
		   const struct nicconf_queues *bound)
{
	unsigned int i;

	if (client->state != CLIENT_LEAVING)
		return false;
	for (i = 0; i < client->nqueues; i++)
		if (bound->has[client->queue[i]])
			return false;
	return true;
}

static bool any_bound(const struct nicconf_queues *bound)
{
	unsigned int i;

	for (i = 0; i < NICCONF_MAX_RXQ; i++)
		if (bound->has[i])
			return true;
	return false;
}

static unsigned int collect_gone(struct guardian *g,
				 const struct nicconf_queues *bound,
				 struct client **gone)
{
	unsigned int n = 0, i;

	for (i = 0; i < MAX_CLIENTS; i++)
		if (may_go(&g->client[i], bound))
			gone[n++] = &g->client[i];
	return n;
}

/*
 * Gives back what those who left have used: their queues to other traffic, and
 * with the last of them the device's own configuration.  While programs that
 * are not our clients have bindings, the kernel refuses to turn the split off;
 * then only RSS is put right and the rest waits.
 */
static int give_back(struct guardian *g, const struct nicconf_queues *bound,
		     struct client **gone, unsigned int ngone)
{
	unsigned int i;

	for (i = 0; i < ngone; i++)
		gone[i]->nqueues = 0;
	if (count_clients(g) > ngone)
		return spread_others(g);
	g->foreign = any_bound(bound);
	if (g->foreign)
		return spread_others(g);
	return nicconf_restore(&g->conf);
}

/*
 * Most failures pass: while the link is down the kernel lists no queues, so
 * that a restore may come before it has unbound them, and is refused.
 */
static bool try_again(struct guardian *g, int err)
{
	if (err && err != -ENODEV && g->tries < GIVE_BACK_TRIES) {
		g->tries++;
		return true;
	}
	g->tries = 0;
	return false;
}

static void finish_leaving(struct guardian *g)
{
	struct client *gone[MAX_CLIENTS];
	struct nic_reply reply = { 0 };
	struct nicconf_queues bound;
	unsigned int nrxq, n;
	int err = -ENODEV;

	if (!g->broken)
		err = nicconf_queues_get(&g->conf, &nrxq, NULL, &bound);
	if (err)	/* -ENODEV: nothing is left to be put back */
		memset(&bound, 0, sizeof(bound));

	n = collect_gone(g, &bound, gone);
	if (!n && !g->foreign && !g->tries)
		return;

	if (!err)
		err = give_back(g, &bound, gone, n);
	hand_out_log(g, gone, n);
	if (try_again(g, err))
		return;
	if (err)
		g->foreign = false;
	if (err && err != -ENODEV) {
		log_failure(g);
		reply.err = err;
		snprintf(reply.text, sizeof(reply.text), "%s", g->conf.text);
	} else if (g->foreign) {
		snprintf(reply.text, sizeof(reply.text),
			 "another program has a binding: tcp-data-split stays on until it ends");
	}
	while (n--)
		drop_client(gone[n], &reply);
}

static bool any_leaving(const struct guardian *g)
{
	unsigned int i;

	for (i = 0; i < MAX_CLIENTS; i++)
		if (g->client[i].state == CLIENT_LEAVING)
			return true;
	return false;
}

/* Something is still to be given back. */
static bool is_unfinished(const struct guardian *g)
{
	return any_leaving(g) || g->foreign || g->tries;
}

static int poll_timeout(const struct guardian *g, bool served)
{
	if (any_leaving(g) || g->tries)
		return UNBIND_POLL_MS;
	if (g->foreign)
		return FOREIGN_POLL_MS;
	if (count_clients(g))
		return -1;
	/* A newcomer may be on its way in; if not, the work is done. */
	return served ? 0 : IDLE_MS;
}

static void run(struct guardian *g)
{
	struct pollfd pfd[MAX_CLIENTS + 1];
	struct client *client[MAX_CLIENTS + 1];
	bool served = false;
	unsigned int i, n;
	int ready;

	for (;;) {
		pfd[0] = (struct pollfd){ .fd = g->listen_fd, .events = POLLIN };
		for (i = 0, n = 1; i < MAX_CLIENTS; i++) {
			if (g->client[i].state == CLIENT_FREE ||
			    g->client[i].fd < 0)
				continue;
			client[n] = &g->client[i];
			pfd[n++] = (struct pollfd){ .fd = g->client[i].fd,
						    .events = POLLIN };
		}

		ready = poll(pfd, n, poll_timeout(g, served));
		if (!ready && !count_clients(g) && !is_unfinished(g))
			return;
		if (ready > 0 && pfd[0].revents) {
			accept_client(g);
			served = true;
		}
		for (i = 1; ready > 0 && i < n; i++)
			if (pfd[i].revents)
				serve(g, client[i]);
		if (is_unfinished(g))
			finish_leaving(g);
	}
}

__attribute__((noreturn))
static void guard(uint32_t ifindex, int listen_fd)
{
	char name[IF_NAMESIZE] = "";
	struct guardian *g;

	if_indextoname(ifindex, name);
	daemon_become(GUARDIAN_NAME, name, listen_fd);
	openlog(GUARDIAN_NAME, LOG_PID, LOG_DAEMON);
	g = calloc(1, sizeof(*g));
	if (!g)
		_exit(DM_EXIT_NOMEM);
	g->listen_fd = listen_fd;
	g->broken = nicconf_open(&g->conf, ifindex);
	run(g);
	_exit(DM_EXIT_OK);
}

int guardian_start(uint32_t ifindex, int listen_fd)
{
	sigset_t none, old;
	pid_t pid;

	/* Signals that this process has blocked must not wait there for ever. */
	sigemptyset(&none);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* Twice, so that init reaps the guardian and not its client. */
		pid = fork();
		if (pid)
			_exit(pid < 0);
		sigprocmask(SIG_SETMASK, &none, &old);
		guard(ifindex, listen_fd);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
