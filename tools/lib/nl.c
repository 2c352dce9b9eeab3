// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "nl.h"

struct family {
	uint16_t	id;
	uint8_t		version;
};

static int parse_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[CTRL_ATTR_MAX + 1];
	struct family *family = data;

	dm_nl_parse(nlh, tb, CTRL_ATTR_MAX);
	if (tb[CTRL_ATTR_FAMILY_ID])
		family->id = mnl_attr_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	if (tb[CTRL_ATTR_VERSION])
		family->version = mnl_attr_get_u32(tb[CTRL_ATTR_VERSION]);
	return MNL_CB_OK;
}

static int resolve_family(struct dm_nl *nl, const char *name)
{
	struct family family = { 0 };
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;
	int err;

	nl->family = GENL_ID_CTRL;
	nl->version = 1;
	nlh = dm_nl_request(nl, buf, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	err = dm_nl_talk(nl, nlh, parse_family, &family);
	if (err)
		return err;
	if (!family.id)
		return -ENOENT;

	nl->family = family.id;
	nl->version = family.version;
	return 0;
}

int dm_nl_open(struct dm_nl *nl, const char *family)
{
	int err, on = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sock)
		return -errno;

	/* Both have been in the kernel since 4.12; without them, no texts. */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &on, sizeof(on));

	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		goto err_close;
	}
	nl->portid = mnl_socket_get_portid(nl->sock);
	nl->seq = time(NULL);

	err = resolve_family(nl, family);
	if (err)
		goto err_close;
	return 0;

err_close:
	dm_nl_close(nl);
	return err;
}

void dm_nl_close(struct dm_nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

struct nlmsghdr *dm_nl_request(struct dm_nl *nl, void *buf, uint8_t cmd,
			       uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;

	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = nl->version;
	return nlh;
}

struct attr_table {
	const struct nlattr	**tb;
	int			max;
};

static int store_attr(const struct nlattr *attr, void *data)
{
	struct attr_table *table = data;
	int type = mnl_attr_get_type(attr);

	if (type <= table->max)
		table->tb[type] = attr;
	return MNL_CB_OK;
}

void dm_nl_parse(const struct nlmsghdr *nlh, const struct nlattr **tb, int max)
{
	struct attr_table table = { .tb = tb, .max = max };

	memset(tb, 0, sizeof(*tb) * (max + 1));
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), store_attr, &table);
}

void dm_nl_parse_nested(const struct nlattr *nest, const struct nlattr **tb,
			int max)
{
	struct attr_table table = { .tb = tb, .max = max };

	memset(tb, 0, sizeof(*tb) * (max + 1));
	mnl_attr_parse_nested(nest, store_attr, &table);
}

uint64_t dm_nl_uint(const struct nlattr *attr)
{
	switch (mnl_attr_get_payload_len(attr)) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	case 8:
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

/*
 * Keeps the text that follows an error: in an NLMSG_ERROR behind the (maybe
 * capped) copy of the request, in an NLMSG_DONE behind the errno.
 */
static void keep_extack(struct dm_nl *nl, const struct nlmsghdr *nlh)
{
	size_t skip = MNL_ALIGN(sizeof(int));
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		skip = sizeof(*e);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += mnl_nlmsg_get_payload_len(&e->msg);
	}

	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		snprintf(nl->extack, sizeof(nl->extack), "%s",
			 mnl_attr_get_str(attr));
	}
}

/*
 * Returns 1 to go on, 0 when the exchange is complete, or a negative errno.
 * @closing: an NLMSG_ERROR or NLMSG_DONE ends it, not the first answer.
 */
static int handle_message(struct dm_nl *nl, const struct nlmsghdr *nlh,
			  bool closing, mnl_cb_t cb, void *data)
{
	int err;

	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return 1;
	case NLMSG_OVERRUN:
		return -EOVERFLOW;
	case NLMSG_ERROR:
	case NLMSG_DONE:
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(int))
			return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
		err = *(const int *)mnl_nlmsg_get_payload(nlh);
		if (err)
			keep_extack(nl, nlh);
		return err < 0 ? err : 0;
	}

	if (cb && cb(nlh, data) < 0)
		return -errno;
	return closing;
}

int dm_nl_talk(struct dm_nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	bool closing = nlh->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP);
	unsigned int seq = nlh->nlmsg_seq;
	char buf[4 * DM_NL_BUF_LEN];
	ssize_t len;
	int ret = 1;

	nl->extack[0] = '\0';
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;

	while (ret > 0) {
		struct nlmsghdr *answer = (struct nlmsghdr *)buf;
		int left;

		len = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
		if (len < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}

		left = len;
		while (ret > 0 && mnl_nlmsg_ok(answer, left)) {
			/* What is left of an exchange that was given up. */
			if (answer->nlmsg_seq == seq)
				ret = handle_message(nl, answer, closing, cb,
						     data);
			answer = mnl_nlmsg_next(answer, &left);
		}
	}

	return ret;
}

const char *dm_nl_strerror(const struct dm_nl *nl, int err)
{
	return nl->extack[0] ? nl->extack : strerror(err < 0 ? -err : err);
}
