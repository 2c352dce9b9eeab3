// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>

#include "token.h"
#include "tokenlog.h"

int tokenlog_open(struct tokenlog *log, const char *path)
{
	log->file = NULL;
	if (!path)
		return 0;
	log->file = fopen(path, "we");
	return log->file ? 0 : -errno;
}

int tokenlog_close(struct tokenlog *log)
{
	int err = 0;

	if (!log->file)
		return 0;
	if (ferror(log->file))
		err = -EIO;
	if (fclose(log->file) && !err)
		err = -errno;
	log->file = NULL;
	return err;
}

void tokenlog_flush(struct tokenlog *log)
{
	if (log->file)
		fflush(log->file);
}

void tokenlog_opened(struct tokenlog *log, unsigned int conn, uint64_t cookie,
		     const char *local, const char *peer)
{
	if (log->file)
		fprintf(log->file, "open conn=%u cookie=%" PRIu64 " local=%s peer=%s\n",
			conn, cookie, local, peer);
}

void tokenlog_issued(struct tokenlog *log, unsigned int conn,
		     const struct dmabuf_cmsg *frag)
{
	if (log->file)
		fprintf(log->file, "issue conn=%u token=%u offset=%llu size=%u dmabuf=%u\n",
			conn, frag->frag_token,
			(unsigned long long)frag->frag_offset, frag->frag_size,
			frag->dmabuf_id);
}

void tokenlog_returned(struct tokenlog *log, unsigned int conn,
		       const struct dmabuf_token *range, unsigned int nranges,
		       unsigned int freed)
{
	unsigned int i;

	if (!log->file)
		return;
	for (i = 0; i < nranges; i++) {
		fprintf(log->file, "return conn=%u start=%u count=%u freed=",
			conn, range[i].token_start, range[i].token_count);
		if (i)
			fputs("-\n", log->file);
		else
			fprintf(log->file, "%u\n", freed);
	}
}

void tokenlog_state(struct tokenlog *log, const char *event, uint64_t cookie,
		    const struct token_ledger *ledger)
{
	if (log->file)
		fprintf(log->file, "%s conn=%u cookie=%" PRIu64 " issued=%" PRIu64
			" returned=%" PRIu64 " held=%" PRIu64 " bytes=%" PRIu64 "\n",
			event, ledger->conn, cookie, ledger->issued,
			ledger->returned, token_held(ledger),
			ledger->held_bytes);
}

void tokenlog_total(struct tokenlog *log, unsigned int conns, uint64_t issued,
		    uint64_t returned, uint64_t bytes)
{
	if (!log->file)
		return;
	fprintf(log->file, "total conns=%u issued=%" PRIu64 " returned=%" PRIu64
		" held=%" PRIu64 " bytes=%" PRIu64 "\n",
		conns, issued, returned, issued - returned, bytes);
	fflush(log->file);
}
