// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>

#include "daemon.h"

/* The strings of argv, one after the other. */
static char *title;
static size_t room;

void daemon_init(int argc, char **argv)
{
	int i;

	if (argc < 1)
		return;
	title = argv[0];
	for (i = 0; i < argc && argv[i] == title + room; i++)
		room += strlen(argv[i]) + 1;
}

static void set_title(const char *name, const char *arg)
{
	prctl(PR_SET_NAME, name);
	if (!room)
		return;
	memset(title, 0, room);
	snprintf(title, room, "%s %s", name, arg);
}

static void close_others(int keep_fd)
{
	int null, fd;

	null = open("/dev/null", O_RDWR);
	for (fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (keep_fd > 3)
		close_range(3, keep_fd - 1, 0);
	close_range(keep_fd + 1, ~0U, 0);
}

void daemon_become(const char *name, const char *arg, int keep_fd)
{
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	set_title(name, arg);
	if (chdir("/"))
		_exit(1);
	close_others(keep_fd);
}
