// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * devmemcat - a netcat for devmem TCP: receives into a dma-buf and sends from
 * one, verifies what comes, and misbehaves on request.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "daemon.h"
#include "options.h"
#include "receive.h"
#include "report.h"
#include "send.h"

/*
 * Where the caller has closed stdin, stdout or stderr, the next thing opened
 * would be taken for it.  They are opened the wrong way round, so that reading
 * stdin and writing stdout fail as they should.
 */
static int fill_standard_fds(void)
{
	static const int mode[] = { O_WRONLY, O_RDONLY, O_WRONLY };
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) < 0)
			return -errno;
	return 0;
}

/* A connection takes one or two.  Where it fails, the old limit is told of. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct options opt;
	int err;

	daemon_init(argc, argv);
	err = fill_standard_fds();
	if (err)
		return fail_errno(err, "cannot open /dev/null");
	options_parse(&opt, argc, argv);
	raise_fd_limit();
	return opt.listen ? receive(&opt) : send_all(&opt);
}
