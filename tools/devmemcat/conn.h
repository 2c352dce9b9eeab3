/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection of the receiver: from the socket to the output.
 */
#ifndef DEVMEMCAT_CONN_H
#define DEVMEMCAT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "dmabuf.h"
#include "options.h"
#include "output.h"
#include "stats.h"
#include "token.h"
#include "tokenlog.h"

/**
 * struct conn_env - what all connections share; owned by the receiver
 */
struct conn_env {
	const struct options	*opt;
	struct dmabuf		*buf;
	struct token_policy	policy;
	struct tokenlog		log;
	struct stats		stats;
	struct output		output;	/* unless each connection has its own */
	char			*data;	/* for what is not in the dma-buf */
	size_t			data_len;
	char			*control;
	size_t			control_len;
};

/**
 * struct conn - one connection
 * @next: in the receiver's list
 * @fd: the socket, -1 when closed
 * @number: from 1, in the order of arrival
 * @cookie: SO_COOKIE, by which the kernel's tools call the socket
 * @peer: address and port
 * @tokens: what the kernel issued on this socket
 * @output: if it has one of its own
 * @pos: bytes received
 * @ended: nothing more will be read
 * @reset: closing it sends a RST; tokens do not matter any more
 */
struct conn {
	struct conn		*next;
	int			fd;
	unsigned int		number;
	uint64_t		cookie;
	char			peer[64];
	struct token_ledger	tokens;
	struct output		output;
	uint64_t		pos;
	bool			ended;
	bool			reset;
};

int conn_env_init(struct conn_env *env, const struct options *opt,
		  struct dmabuf *buf);
void conn_env_free(struct conn_env *env);

/* Takes over @fd.  NULL when out of memory or output cannot be opened. */
struct conn *conn_new(struct conn_env *env, int fd, unsigned int number);

/*
 * Receives once and returns the tokens that are due.  Sets conn->ended at the
 * end of the stream; a failure ends it as well.
 */
enum dm_exit conn_receive(struct conn *conn, struct conn_env *env);

/* Returns the tokens that are due, at the end of the stream all of those. */
enum dm_exit conn_return_tokens(struct conn *conn, struct conn_env *env,
				uint64_t now);

/* Nothing to read and no token to return; those kept for ever do not count. */
bool conn_is_done(const struct conn *conn);

/* Closes, adds up, and frees @conn; the kernel releases its tokens. */
enum dm_exit conn_close(struct conn *conn, struct conn_env *env);

#endif /* DEVMEMCAT_CONN_H */
