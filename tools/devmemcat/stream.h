/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection of the sender: from the source to the socket.
 *
 * Bytes wait in chunks, pieces of the dma-buf or of memory.  The kernel sends
 * from a dma-buf in place, so a chunk is filled again only when all sends that
 * used it have completed.
 */
#ifndef DEVMEMCAT_STREAM_H
#define DEVMEMCAT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "dmabuf.h"
#include "options.h"
#include "source.h"
#include "stats.h"

/* Sends that may wait for their completion, a power of two. */
#define STREAM_MAX_SENDS	1024

/**
 * struct chunk - a piece of memory to send from
 * @offset: in the dma-buf, or in the memory
 * @len: bytes filled
 * @sent: of these, accepted by the socket
 * @pending: sends that have not completed
 */
struct chunk {
	size_t		offset;
	size_t		len;
	size_t		sent;
	unsigned int	pending;
};

enum stream_state {
	STREAM_SENDING,
	STREAM_DRAINING,	/* all accepted, completions are missing */
	STREAM_LINGERING,	/* all completed, held open on request */
	STREAM_CLOSING,		/* shut down, the peer has not acknowledged all */
	STREAM_DONE,		/* closed */
};

/**
 * struct stream - one connection
 * @fd: the socket, -1 when done
 * @number: from 1
 * @state: what it is at
 * @chunk: owned
 * @nchunks: how many
 * @current: the chunk being sent, NULL between chunks
 * @pos: bytes taken from the source
 * @accepted: bytes taken by the socket
 * @next_send: number of the next MSG_ZEROCOPY send, as the kernel counts
 * @sends: sends that have not completed
 * @user: for each of these, by number, the chunk it uses
 * @linger_until: CLOCK_MONOTONIC
 * @waiting: nothing to do until a send completes
 * @starved: nothing to do until the source becomes readable
 */
struct stream {
	int			fd;
	unsigned int		number;
	enum stream_state	state;
	struct chunk		*chunk;
	unsigned int		nchunks;
	struct chunk		*current;
	uint64_t		pos;
	uint64_t		accepted;
	uint32_t		next_send;
	uint32_t		sends;
	struct chunk		*user[STREAM_MAX_SENDS];
	uint64_t		linger_until;
	bool			waiting;
	bool			starved;
};

/**
 * struct stream_env - what all streams share; owned by the sender
 * @opt: what is asked for
 * @source: where the bytes come from
 * @buf: the dma-buf, NULL to send from @memory
 * @memory: mapping of the dma-buf, or ordinary memory
 * @stats: totals
 */
struct stream_env {
	const struct options	*opt;
	struct source		*source;
	struct dmabuf		*buf;
	char			*memory;
	struct stats		*stats;
};

/* @size bytes of memory from @offset on are the stream's.  0 or -ENOMEM. */
int stream_init(struct stream *stream, struct stream_env *env, int fd,
		unsigned int number, size_t offset, size_t size);
/* Closes the socket if it is open. */
void stream_free(struct stream *stream, struct stream_env *env);

/*
 * Each does what can be done at once.  stream_send() moves one chunk at most;
 * stream_complete() reads the completions and the socket's error.
 */
enum dm_exit stream_send(struct stream *stream, struct stream_env *env);
enum dm_exit stream_complete(struct stream *stream, struct stream_env *env);
/* Goes on towards STREAM_DONE once all is sent; @hurry skips the linger. */
enum dm_exit stream_finish(struct stream *stream, struct stream_env *env,
			   uint64_t now, bool hurry);
/* Closes @stream whatever it is at. */
enum dm_exit stream_abandon(struct stream *stream, struct stream_env *env);

#endif /* DEVMEMCAT_STREAM_H */
