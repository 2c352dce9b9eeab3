/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_OPTIONS_H
#define DEVMEMCAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

#define OPTIONS_MAX_QUEUES	64
#define OPTIONS_FOREVER		UINT64_MAX
#define OPTIONS_DEFAULT_PORT	5201

/**
 * struct options - what the command line asks for
 *
 * Strings point into argv.  Times are in nanoseconds, OPTIONS_FOREVER has no
 * end.  -1 in a signed byte count means that it was not given.
 */
struct options {
	bool		listen;
	const char	*host;
	uint16_t	port;
	int		family;			/* AF_UNSPEC, AF_INET, AF_INET6 */
	const char	*ifname;
	unsigned int	connections;

	/* the dma-buf and the NIC */
	size_t		size;
	size_t		huge_page;		/* 0: ordinary pages */
	uint32_t	rx_page_size;		/* 0: the kernel's choice */
	uint32_t	queue[OPTIONS_MAX_QUEUES];
	unsigned int	nqueues;		/* explicit ones */
	unsigned int	want_queues;		/* else how many */
	bool		setup;

	/* receiver */
	const char	*address;
	bool		keep;			/* go on after the last connection */
	const char	*output;		/* NULL: nowhere, "-": stdout */
	bool		verify;
	int64_t		expect;

	/* sender */
	bool		dmabuf;
	const char	*input;
	bool		pattern;
	uint64_t	length;			/* OPTIONS_FOREVER: no end */
	size_t		chunk;
	uint64_t	rate;			/* bytes a second, 0: no limit */
	uint64_t	linger;

	/* misbehaviour */
	uint64_t	hold;
	double		leak_percent;
	uint64_t	leak_count;
	unsigned int	return_batch;
	bool		no_return;
	bool		no_read;
	bool		bad_tokens;
	bool		plain_recv;
	int64_t		rst_after;

	/* what is told */
	uint64_t	seed;
	uint64_t	interval;		/* 0: no progress lines */
	bool		json;
	const char	*json_file;		/* NULL: stdout */
	const char	*token_log;
};

/* Exits by itself on --help, --version and mistakes (status DM_EXIT_USAGE). */
void options_parse(struct options *opt, int argc, char **argv);

#endif /* DEVMEMCAT_OPTIONS_H */
