/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of a NIC's configuration that devmem TCP depends on: header-data
 * split, channels, the RSS indirection table and flow rules.
 *
 * Netlink is used where it says why something is refused, ioctl where netlink
 * came later than devmem TCP or not at all.
 */
#ifndef DEVMEM_LIB_ETHTOOL_H
#define DEVMEM_LIB_ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "nl.h"

/**
 * struct dm_ethtool - a device and the two ways to reach it
 * @nl: of family "ethtool"
 * @fd: socket for the ioctls
 * @ifindex: the device; its name is looked up for each ioctl, so that renaming
 *	it does no harm
 *
 * All functions return 0 or a negative errno; -ENODEV when the device is gone.
 */
struct dm_ethtool {
	struct dm_nl	nl;
	int		fd;
	uint32_t	ifindex;
};

int dm_ethtool_open(struct dm_ethtool *et, uint32_t ifindex);
void dm_ethtool_close(struct dm_ethtool *et);

/* Is the device administratively up? */
int dm_ethtool_link_is_up(struct dm_ethtool *et, bool *up);

/*
 * The RX rings: header-data split, which can be set, and their length.  A has_
 * field is false where the kernel tells nothing.
 */
struct dm_ethtool_rings {
	uint32_t	rx;		/* entries of each, 0: unknown */
	uint8_t		split;		/* ETHTOOL_TCP_DATA_SPLIT_* */
	bool		has_thresh;
	uint32_t	hds_thresh;
};

int dm_ethtool_rings_get(struct dm_ethtool *et, struct dm_ethtool_rings *rings);
int dm_ethtool_rings_set(struct dm_ethtool *et,
			 const struct dm_ethtool_rings *rings);

/* What there is, and what there can be. */
struct dm_ethtool_channels {
	uint32_t	rx;		/* RX only */
	uint32_t	tx;		/* TX only */
	uint32_t	combined;
	uint32_t	rx_max;
	uint32_t	combined_max;
};

int dm_ethtool_channels_get(struct dm_ethtool *et,
			    struct dm_ethtool_channels *channels);

/* The indirection table of the default RSS context. */
struct dm_ethtool_rss {
	uint32_t	size;		/* 0: the device has no table */
	uint32_t	*queue;		/* owned, @size entries */
};

int dm_ethtool_rss_get(struct dm_ethtool *et, struct dm_ethtool_rss *rss);
int dm_ethtool_rss_set(struct dm_ethtool *et, const struct dm_ethtool_rss *rss);
/* Back to the driver's default, as "ethtool -X DEV default" does. */
int dm_ethtool_rss_reset(struct dm_ethtool *et);
void dm_ethtool_rss_free(struct dm_ethtool_rss *rss);

/* The feature "ntuple-filters", without which many drivers refuse rules. */
int dm_ethtool_ntuple_get(struct dm_ethtool *et, bool *on);
int dm_ethtool_ntuple_set(struct dm_ethtool *et, bool on);

/**
 * struct dm_ethtool_flow - TCP flows and the queue they go to
 * @family: AF_INET or AF_INET6
 * @dst: local address; the wildcard matches any
 * @dst_port: local port, host byte order
 * @src_port: remote port, host byte order, where @src_port_mask has ones
 * @src_port_mask: 0 matches any
 * @queue: RX queue
 * @location: of the rule in the device, set by dm_ethtool_flow_insert()
 */
struct dm_ethtool_flow {
	sa_family_t	family;
	union {
		struct in_addr	v4;
		struct in6_addr	v6;
	} dst;
	uint16_t	dst_port;
	uint16_t	src_port;
	uint16_t	src_port_mask;
	uint32_t	queue;
	uint32_t	location;
};

int dm_ethtool_flow_insert(struct dm_ethtool *et, struct dm_ethtool_flow *flow);
/* Does nothing when another rule has taken @flow's place. */
int dm_ethtool_flow_delete(struct dm_ethtool *et,
			   const struct dm_ethtool_flow *flow);

/*
 * Calls @cb for the rules on TCP and one local port, whoever made them, until
 * it returns something else than 0, and returns that.  It gets @location,
 * @family, @dst_port and @queue, DM_ETHTOOL_FLOW_DROP where there is none.
 */
#define DM_ETHTOOL_FLOW_DROP	UINT32_MAX
typedef int (*dm_ethtool_flow_cb)(const struct dm_ethtool_flow *flow,
				  void *data);
int dm_ethtool_flow_each(struct dm_ethtool *et, dm_ethtool_flow_cb cb,
			 void *data);

#endif /* DEVMEM_LIB_ETHTOOL_H */
