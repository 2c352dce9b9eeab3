/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --token-log: what happened to our tokens, for tests to compare the
 * monitoring tools with; the tools never read it.
 *
 * One event a line, "key=value" words after the event's name:
 *
 *	open     conn cookie local peer
 *	issue    conn token offset size dmabuf
 *	return   conn start count freed		freed: tokens in the whole call
 *	close    conn cookie issued returned held bytes
 *	summary  conn cookie issued returned held bytes
 *	total    conns issued returned held bytes
 *
 * A call of SO_DEVMEM_DONTNEED writes one "return" line for each range; the
 * first tells what the kernel freed in all, the others "freed=-".  "summary"
 * and "total" come on SIGUSR1 and at the end; the file is then complete up to
 * that line.
 */
#ifndef DEVMEMCAT_TOKENLOG_H
#define DEVMEMCAT_TOKENLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <devmem/uapi.h>

struct token_ledger;

/* @file is NULL when there is no log; all functions then do nothing. */
struct tokenlog {
	FILE	*file;
};

int tokenlog_open(struct tokenlog *log, const char *path);
/* 0 or a negative errno: the log is incomplete. */
int tokenlog_close(struct tokenlog *log);
void tokenlog_flush(struct tokenlog *log);

void tokenlog_opened(struct tokenlog *log, unsigned int conn, uint64_t cookie,
		     const char *local, const char *peer);
void tokenlog_issued(struct tokenlog *log, unsigned int conn,
		     const struct dmabuf_cmsg *frag);
void tokenlog_returned(struct tokenlog *log, unsigned int conn,
		       const struct dmabuf_token *range, unsigned int nranges,
		       unsigned int freed);
/* @event is "close" or "summary". */
void tokenlog_state(struct tokenlog *log, const char *event, uint64_t cookie,
		    const struct token_ledger *ledger);
void tokenlog_total(struct tokenlog *log, unsigned int conns, uint64_t issued,
		    uint64_t returned, uint64_t bytes);

#endif /* DEVMEMCAT_TOKENLOG_H */
