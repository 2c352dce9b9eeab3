// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Teaches ip(8) what may follow `type devmem_lo`: `peer name dm1 ...`, as for
 * veth, whose parser it borrows: the attribute that describes the peer is the
 * same. Without it `ip link add dm0 type devmem_lo` works, the peer's name is
 * then the next free dm%d.
 *
 * Built as link_devmem_lo.so; ip looks for it in $IP_LIB_DIR, else in the
 * directory ip/ beside the system's libraries.
 */
#include <stdio.h>

struct nlmsghdr;
struct rtattr;

/* The beginning of iproute2's struct of this name; has not changed since 2007. */
struct link_util {
	struct link_util *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(struct link_util *lu, int argc, char **argv, struct nlmsghdr *n);
	void (*print_opt)(struct link_util *lu, FILE *f, struct rtattr *tb[]);
	void (*print_xstats)(struct link_util *lu, FILE *f, struct rtattr *xstats);
	void (*print_help)(struct link_util *lu, int argc, char **argv, FILE *f);
	void *room[8];
};

/* Exported by ip itself. */
extern struct link_util veth_link_util;

static int devmem_lo_parse(struct link_util *lu, int argc, char **argv, struct nlmsghdr *n)
{
	return veth_link_util.parse_opt(lu, argc, argv, n);
}

static void devmem_lo_help(struct link_util *lu, int argc, char **argv, FILE *f)
{
	(void)lu;
	(void)argc;
	(void)argv;
	fputs("Usage: ip link <options> type devmem_lo [peer <options>]\n", f);
}

struct link_util devmem_lo_link_util = {
	.id		= "devmem_lo",
	.parse_opt	= devmem_lo_parse,
	.print_help	= devmem_lo_help,
};
