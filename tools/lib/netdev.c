// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include <devmem/uapi.h>

#include "netdev.h"

static int parse_binding_id(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DEVMEM_NL_DMABUF_ID + 1];
	uint32_t *id = data;

	dm_nl_parse(nlh, tb, DEVMEM_NL_DMABUF_ID);
	if (tb[DEVMEM_NL_DMABUF_ID])
		*id = mnl_attr_get_u32(tb[DEVMEM_NL_DMABUF_ID]);
	return MNL_CB_OK;
}

static int bind_dmabuf(struct dm_nl *nl, struct nlmsghdr *nlh, uint32_t *id)
{
	int err;

	*id = DM_NETDEV_NO_DMABUF;
	err = dm_nl_talk(nl, nlh, parse_binding_id, id);
	if (err)
		return err;
	return *id == DM_NETDEV_NO_DMABUF ? -EBADMSG : 0;
}

int dm_netdev_bind_rx(struct dm_nl *nl, uint32_t ifindex,
		      const uint32_t *queues, unsigned int nqueues, int fd,
		      uint32_t rx_page_size, uint32_t *id)
{
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;
	unsigned int i;

	nlh = dm_nl_request(nl, buf, DEVMEM_NL_CMD_BIND_RX, NLM_F_ACK);
	mnl_attr_put_u32(nlh, DEVMEM_NL_DMABUF_IFINDEX, ifindex);
	mnl_attr_put_u32(nlh, DEVMEM_NL_DMABUF_FD, fd);
	for (i = 0; i < nqueues; i++) {
		struct nlattr *nest;

		nest = mnl_attr_nest_start_check(nlh, sizeof(buf),
						 DEVMEM_NL_DMABUF_QUEUES);
		if (!nest ||
		    !mnl_attr_put_u32_check(nlh, sizeof(buf),
					    DEVMEM_NL_QUEUE_TYPE,
					    DEVMEM_NL_QUEUE_TYPE_RX) ||
		    !mnl_attr_put_u32_check(nlh, sizeof(buf),
					    DEVMEM_NL_QUEUE_ID, queues[i]))
			return -E2BIG;
		mnl_attr_nest_end(nlh, nest);
	}
	if (rx_page_size &&
	    !mnl_attr_put_u32_check(nlh, sizeof(buf),
				    DEVMEM_NL_DMABUF_RX_PAGE_SIZE,
				    rx_page_size))
		return -E2BIG;

	return bind_dmabuf(nl, nlh, id);
}

int dm_netdev_bind_tx(struct dm_nl *nl, uint32_t ifindex, int fd, uint32_t *id)
{
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	nlh = dm_nl_request(nl, buf, DEVMEM_NL_CMD_BIND_TX, NLM_F_ACK);
	mnl_attr_put_u32(nlh, DEVMEM_NL_DMABUF_IFINDEX, ifindex);
	mnl_attr_put_u32(nlh, DEVMEM_NL_DMABUF_FD, fd);
	return bind_dmabuf(nl, nlh, id);
}

/* A dump in progress: whom to call, of which type only one is set. */
struct dump {
	dm_netdev_queue_fn	queue;
	dm_netdev_page_pool_fn	page_pool;
	dm_netdev_qstats_fn	qstats;
	void			*data;
};

static int dump_result(int err)
{
	if (!err)
		return MNL_CB_OK;
	errno = -err;
	return MNL_CB_ERROR;
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

static uint64_t get_uint(const struct nlattr *attr)
{
	return attr ? dm_nl_uint(attr) : 0;
}

static int64_t get_counter(const struct nlattr *attr)
{
	return attr ? (int64_t)dm_nl_uint(attr) : -1;
}

static int parse_queue(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DEVMEM_NL_QUEUE_LEASE + 1];
	const struct dump *dump = data;
	struct dm_netdev_queue queue;

	dm_nl_parse(nlh, tb, DEVMEM_NL_QUEUE_LEASE);
	queue = (struct dm_netdev_queue){
		.ifindex	= get_u32(tb[DEVMEM_NL_QUEUE_IFINDEX]),
		.id		= get_u32(tb[DEVMEM_NL_QUEUE_ID]),
		.type		= get_u32(tb[DEVMEM_NL_QUEUE_TYPE]),
		.napi_id	= get_u32(tb[DEVMEM_NL_QUEUE_NAPI_ID]),
		.dmabuf		= get_u32(tb[DEVMEM_NL_QUEUE_DMABUF]),
		.io_uring	= tb[DEVMEM_NL_QUEUE_IO_URING],
		.xsk		= tb[DEVMEM_NL_QUEUE_XSK],
		.leased		= tb[DEVMEM_NL_QUEUE_LEASE],
	};
	return dump_result(dump->queue(&queue, dump->data));
}

int dm_netdev_queues(struct dm_nl *nl, uint32_t ifindex, dm_netdev_queue_fn fn,
		     void *data)
{
	struct dump dump = { .queue = fn, .data = data };
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	nlh = dm_nl_request(nl, buf, DEVMEM_NL_CMD_QUEUE_GET, NLM_F_DUMP);
	if (ifindex)
		mnl_attr_put_u32(nlh, DEVMEM_NL_QUEUE_IFINDEX, ifindex);
	return dm_nl_talk(nl, nlh, parse_queue, &dump);
}

static int parse_page_pool(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DEVMEM_NL_PAGE_POOL_IO_URING + 1];
	const struct dump *dump = data;
	struct dm_netdev_page_pool pool;

	dm_nl_parse(nlh, tb, DEVMEM_NL_PAGE_POOL_IO_URING);
	pool = (struct dm_netdev_page_pool){
		.id		= get_uint(tb[DEVMEM_NL_PAGE_POOL_ID]),
		.ifindex	= get_u32(tb[DEVMEM_NL_PAGE_POOL_IFINDEX]),
		.napi_id	= get_uint(tb[DEVMEM_NL_PAGE_POOL_NAPI_ID]),
		.inflight	= get_uint(tb[DEVMEM_NL_PAGE_POOL_INFLIGHT]),
		.inflight_mem	= get_uint(tb[DEVMEM_NL_PAGE_POOL_INFLIGHT_MEM]),
		.detach_time	= get_uint(tb[DEVMEM_NL_PAGE_POOL_DETACH_TIME]),
		.dmabuf		= get_u32(tb[DEVMEM_NL_PAGE_POOL_DMABUF]),
		.io_uring	= tb[DEVMEM_NL_PAGE_POOL_IO_URING],
	};
	return dump_result(dump->page_pool(&pool, dump->data));
}

int dm_netdev_page_pools(struct dm_nl *nl, dm_netdev_page_pool_fn fn,
			 void *data)
{
	struct dump dump = { .page_pool = fn, .data = data };
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	nlh = dm_nl_request(nl, buf, DEVMEM_NL_CMD_PAGE_POOL_GET, NLM_F_DUMP);
	return dm_nl_talk(nl, nlh, parse_page_pool, &dump);
}

static int parse_qstats(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DEVMEM_NL_QSTATS_RX_HW_DROPS + 1];
	const struct dump *dump = data;
	struct dm_netdev_qstats stats;

	dm_nl_parse(nlh, tb, DEVMEM_NL_QSTATS_RX_HW_DROPS);
	stats = (struct dm_netdev_qstats){
		.ifindex	= get_u32(tb[DEVMEM_NL_QSTATS_IFINDEX]),
		.type		= get_u32(tb[DEVMEM_NL_QSTATS_QUEUE_TYPE]),
		.id		= get_u32(tb[DEVMEM_NL_QSTATS_QUEUE_ID]),
		.rx_packets	= get_counter(tb[DEVMEM_NL_QSTATS_RX_PACKETS]),
		.rx_bytes	= get_counter(tb[DEVMEM_NL_QSTATS_RX_BYTES]),
		.tx_packets	= get_counter(tb[DEVMEM_NL_QSTATS_TX_PACKETS]),
		.tx_bytes	= get_counter(tb[DEVMEM_NL_QSTATS_TX_BYTES]),
		.rx_alloc_fail	= get_counter(tb[DEVMEM_NL_QSTATS_RX_ALLOC_FAIL]),
		.rx_hw_drops	= get_counter(tb[DEVMEM_NL_QSTATS_RX_HW_DROPS]),
	};
	return dump_result(dump->qstats(&stats, dump->data));
}

int dm_netdev_qstats(struct dm_nl *nl, uint32_t ifindex, dm_netdev_qstats_fn fn,
		     void *data)
{
	struct dump dump = { .qstats = fn, .data = data };
	char buf[DM_NL_BUF_LEN];
	struct nlmsghdr *nlh;

	nlh = dm_nl_request(nl, buf, DEVMEM_NL_CMD_QSTATS_GET, NLM_F_DUMP);
	if (ifindex)
		mnl_attr_put_u32(nlh, DEVMEM_NL_QSTATS_IFINDEX, ifindex);
	/* The kernel's type is "uint": four bytes where the value fits. */
	mnl_attr_put_u32(nlh, DEVMEM_NL_QSTATS_SCOPE,
			 DEVMEM_NL_QSTATS_SCOPE_QUEUE);
	return dm_nl_talk(nl, nlh, parse_qstats, &dump);
}
