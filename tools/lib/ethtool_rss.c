// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool.h>

#include "ethtool.h"
#include "ethtool_ioctl.h"

/* "Leave the symmetric hash as it is", in a byte that 6.1 headers reserve. */
#define RXH_XFRM_KEEP	0xff

static int table_size(struct dm_ethtool *et, struct ethtool_rxfh *head)
{
	int err;

	*head = (struct ethtool_rxfh){ .cmd = ETHTOOL_GRSSH };
	err = dm_ethtool_ioctl(et, head);
	if (err == -EOPNOTSUPP) {
		head->indir_size = 0;
		return 0;
	}
	return err;
}

int dm_ethtool_rss_get(struct dm_ethtool *et, struct dm_ethtool_rss *rss)
{
	struct ethtool_rxfh head, *req;
	int err;

	*rss = (struct dm_ethtool_rss){ 0 };
	err = table_size(et, &head);
	if (err || !head.indir_size)
		return err;

	req = calloc(1, sizeof(*req) + head.indir_size * sizeof(uint32_t) +
			head.key_size);
	if (!req)
		return -ENOMEM;
	req->cmd = ETHTOOL_GRSSH;
	req->indir_size = head.indir_size;
	req->key_size = head.key_size;
	err = dm_ethtool_ioctl(et, req);
	if (err)
		goto out_free_req;

	rss->queue = calloc(head.indir_size, sizeof(*rss->queue));
	if (!rss->queue) {
		err = -ENOMEM;
		goto out_free_req;
	}
	rss->size = head.indir_size;
	memcpy(rss->queue, req->rss_config, rss->size * sizeof(*rss->queue));

out_free_req:
	free(req);
	return err;
}

/* @size 0 makes the kernel spread over all queues and forget the user's table. */
static int set_table(struct dm_ethtool *et, const uint32_t *queue,
		     uint32_t size)
{
	struct ethtool_rxfh *req;
	int err;

	req = calloc(1, sizeof(*req) + size * sizeof(*queue));
	if (!req)
		return -ENOMEM;
	req->cmd = ETHTOOL_SRSSH;
	req->indir_size = size;
	/* First of the reserved bytes, then named: the same place. */
	((uint8_t *)&req->hfunc)[1] = RXH_XFRM_KEEP;
	if (size)
		memcpy(req->rss_config, queue, size * sizeof(*queue));
	err = dm_ethtool_ioctl(et, req);
	free(req);
	return err;
}

int dm_ethtool_rss_set(struct dm_ethtool *et, const struct dm_ethtool_rss *rss)
{
	return rss->size ? set_table(et, rss->queue, rss->size) : 0;
}

int dm_ethtool_rss_reset(struct dm_ethtool *et)
{
	return set_table(et, NULL, 0);
}

void dm_ethtool_rss_free(struct dm_ethtool_rss *rss)
{
	free(rss->queue);
	*rss = (struct dm_ethtool_rss){ 0 };
}
