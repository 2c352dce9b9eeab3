/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCTL_COMMAND_H
#define DEVMEMCTL_COMMAND_H

#include <stdbool.h>

struct options {
	bool json;
	bool verbose;
};

/*
 * A sub-command gets the arguments behind its name.  It reports its own errors
 * and returns an exit code.
 */
struct command {
	const char *name;
	int (*run)(const struct options *opts, int argc, char **argv);
};

int do_bindings(const struct options *opts, int argc, char **argv);
int do_fault(const struct options *opts, int argc, char **argv);
int do_pools(const struct options *opts, int argc, char **argv);
int do_sockets(const struct options *opts, int argc, char **argv);

#endif /* DEVMEMCTL_COMMAND_H */
