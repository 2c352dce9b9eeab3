/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Generic netlink over libmnl, with the kernel's own words for each refusal.
 */
#ifndef DEVMEM_LIB_NL_H
#define DEVMEM_LIB_NL_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#define DM_NL_EXTACK_LEN	256
#define DM_NL_BUF_LEN		8192

/**
 * struct dm_nl - a socket that talks to one generic netlink family
 * @sock: owned; what the kernel ties to the socket (a dma-buf binding, say)
 *	lives until dm_nl_close() or the end of the process
 * @portid: who we are to the kernel
 * @seq: of the last request
 * @family: id of the family
 * @version: of the family
 * @extack: the kernel's words for the last failure, "" if it had none; valid
 *	until the next request
 */
struct dm_nl {
	struct mnl_socket	*sock;
	uint32_t		portid;
	uint32_t		seq;
	uint16_t		family;
	uint8_t			version;
	char			extack[DM_NL_EXTACK_LEN];
};

/*
 * Functions return 0 or a negative errno.  -ENOENT from dm_nl_open() means
 * that the kernel has no such family.
 */
int dm_nl_open(struct dm_nl *nl, const char *family);
void dm_nl_close(struct dm_nl *nl);

/*
 * Starts a request in @buf, which holds DM_NL_BUF_LEN bytes; @flags are added
 * to NLM_F_REQUEST.  The caller appends attributes and passes it to
 * dm_nl_talk(), which calls @cb for each answer until the last; @cb may be
 * NULL.
 */
struct nlmsghdr *dm_nl_request(struct dm_nl *nl, void *buf, uint8_t cmd,
			       uint16_t flags);
int dm_nl_talk(struct dm_nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);

/* The attributes of @nlh by type, in @tb[0..max]; longer ones are ignored. */
void dm_nl_parse(const struct nlmsghdr *nlh, const struct nlattr **tb, int max);
void dm_nl_parse_nested(const struct nlattr *nest, const struct nlattr **tb,
			int max);

/* An unsigned integer of whatever width the kernel chose. */
uint64_t dm_nl_uint(const struct nlattr *attr);

/* @nl->extack if the kernel said something, else the text of errno @err. */
const char *dm_nl_strerror(const struct dm_nl *nl, int err);

#endif /* DEVMEM_LIB_NL_H */
