// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/sockios.h>

#include <devmem/uapi.h>

#include "ethtool.h"
#include "ethtool_ioctl.h"

int dm_ethtool_open(struct dm_ethtool *et, uint32_t ifindex)
{
	int err;

	et->ifindex = ifindex;
	et->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (et->fd < 0 && errno == EAFNOSUPPORT)
		et->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (et->fd < 0)
		return -errno;

	err = dm_nl_open(&et->nl, ETHTOOL_GENL_NAME);
	if (err)
		close(et->fd);
	return err;
}

void dm_ethtool_close(struct dm_ethtool *et)
{
	dm_nl_close(&et->nl);
	close(et->fd);
}

static int name_device(struct dm_ethtool *et, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	if (!if_indextoname(et->ifindex, ifr->ifr_name))
		return -ENODEV;
	return 0;
}

int dm_ethtool_ioctl(struct dm_ethtool *et, void *cmd)
{
	struct ifreq ifr;
	int err;

	err = name_device(et, &ifr);
	if (err)
		return err;
	ifr.ifr_data = cmd;
	return ioctl(et->fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

int dm_ethtool_link_is_up(struct dm_ethtool *et, bool *up)
{
	struct ifreq ifr;
	int err;

	err = name_device(et, &ifr);
	if (err)
		return err;
	if (ioctl(et->fd, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	*up = ifr.ifr_flags & IFF_UP;
	return 0;
}

static struct nlmsghdr *start_request(struct dm_ethtool *et, void *buf,
				      uint8_t cmd, uint16_t header)
{
	struct nlmsghdr *nlh;
	struct nlattr *nest;

	nlh = dm_nl_request(&et->nl, buf, cmd, NLM_F_ACK);
	nest = mnl_attr_nest_start(nlh, header);
	mnl_attr_put_u32(nlh, ETHTOOL_A_HEADER_DEV_INDEX, et->ifindex);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static int parse_rings(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DEVMEM_NL_RINGS_HDS_THRESH + 1];
	struct dm_ethtool_rings *rings = data;

	dm_nl_parse(nlh, tb, DEVMEM_NL_RINGS_HDS_THRESH);
	if (tb[ETHTOOL_A_RINGS_RX])
		rings->rx = mnl_attr_get_u32(tb[ETHTOOL_A_RINGS_RX]);
	if (tb[DEVMEM_NL_RINGS_TCP_DATA_SPLIT])
		rings->split = mnl_attr_get_u8(tb[DEVMEM_NL_RINGS_TCP_DATA_SPLIT]);
	if (tb[DEVMEM_NL_RINGS_HDS_THRESH]) {
		rings->has_thresh = true;
		rings->hds_thresh = mnl_attr_get_u32(tb[DEVMEM_NL_RINGS_HDS_THRESH]);
	}
	return MNL_CB_OK;
}

int dm_ethtool_rings_get(struct dm_ethtool *et, struct dm_ethtool_rings *rings)
{
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	/* The kernel leaves the attribute out when it would be "unknown". */
	*rings = (struct dm_ethtool_rings){
		.split = ETHTOOL_TCP_DATA_SPLIT_UNKNOWN,
	};
	nlh = start_request(et, buf, ETHTOOL_MSG_RINGS_GET,
			    DEVMEM_NL_RINGS_HEADER);
	return dm_nl_talk(&et->nl, nlh, parse_rings, rings);
}

int dm_ethtool_rings_set(struct dm_ethtool *et,
			 const struct dm_ethtool_rings *rings)
{
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	nlh = start_request(et, buf, ETHTOOL_MSG_RINGS_SET,
			    DEVMEM_NL_RINGS_HEADER);
	mnl_attr_put_u8(nlh, DEVMEM_NL_RINGS_TCP_DATA_SPLIT, rings->split);
	if (rings->has_thresh)
		mnl_attr_put_u32(nlh, DEVMEM_NL_RINGS_HDS_THRESH,
				 rings->hds_thresh);
	return dm_nl_talk(&et->nl, nlh, NULL, NULL);
}

static int parse_channels(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[ETHTOOL_A_CHANNELS_MAX + 1];
	struct dm_ethtool_channels *channels = data;

	dm_nl_parse(nlh, tb, ETHTOOL_A_CHANNELS_MAX);
	if (tb[ETHTOOL_A_CHANNELS_RX_COUNT])
		channels->rx = mnl_attr_get_u32(tb[ETHTOOL_A_CHANNELS_RX_COUNT]);
	if (tb[ETHTOOL_A_CHANNELS_TX_COUNT])
		channels->tx = mnl_attr_get_u32(tb[ETHTOOL_A_CHANNELS_TX_COUNT]);
	if (tb[ETHTOOL_A_CHANNELS_COMBINED_COUNT])
		channels->combined =
			mnl_attr_get_u32(tb[ETHTOOL_A_CHANNELS_COMBINED_COUNT]);
	if (tb[ETHTOOL_A_CHANNELS_RX_MAX])
		channels->rx_max =
			mnl_attr_get_u32(tb[ETHTOOL_A_CHANNELS_RX_MAX]);
	if (tb[ETHTOOL_A_CHANNELS_COMBINED_MAX])
		channels->combined_max =
			mnl_attr_get_u32(tb[ETHTOOL_A_CHANNELS_COMBINED_MAX]);
	return MNL_CB_OK;
}

int dm_ethtool_channels_get(struct dm_ethtool *et,
			    struct dm_ethtool_channels *channels)
{
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	memset(channels, 0, sizeof(*channels));
	nlh = start_request(et, buf, ETHTOOL_MSG_CHANNELS_GET,
			    ETHTOOL_A_CHANNELS_HEADER);
	return dm_nl_talk(&et->nl, nlh, parse_channels, channels);
}

/* One of five flags that are read and written together. */
int dm_ethtool_ntuple_get(struct dm_ethtool *et, bool *on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
	int err;

	err = dm_ethtool_ioctl(et, &value);
	*on = !err && value.data & ETH_FLAG_NTUPLE;
	return err;
}

int dm_ethtool_ntuple_set(struct dm_ethtool *et, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
	int err;

	err = dm_ethtool_ioctl(et, &value);
	if (err)
		return err;

	value.cmd = ETHTOOL_SFLAGS;
	if (on)
		value.data |= ETH_FLAG_NTUPLE;
	else
		value.data &= ~ETH_FLAG_NTUPLE;
	return dm_ethtool_ioctl(et, &value);
}
