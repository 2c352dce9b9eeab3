/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between Linux 6.12 and 7.3, and nothing else: no other file of
 * this driver looks at the kernel's version. Each block says what newer kernels
 * have; the driver is written for the newest.
 */
#ifndef _DEVMEM_LO_COMPAT_H
#define _DEVMEM_LO_COMPAT_H

#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/version.h>
#include <net/netdev_queues.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/types.h>
#include <net/rtnetlink.h>
#include <net/xdp.h>

/* 6.13: a timer is set up with its function. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/*
 * 6.15: a device with queue management operations is guarded by its instance
 * lock, which its open, stop and queue operations already hold. Before, rtnl.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define netif_napi_add_config_locked(dev, napi, poll, index)	netif_napi_add(dev, napi, poll)
#define __netif_napi_del_locked(napi)		__netif_napi_del(napi)
#define napi_enable_locked(napi)		napi_enable(napi)
#define napi_disable_locked(napi)		napi_disable(napi)
#define dlo_config_is_locked(dev)		lockdep_rtnl_is_held()

static inline void dlo_config_lock(struct net_device *dev)
{
	ASSERT_RTNL();
}

static inline void dlo_config_unlock(struct net_device *dev)
{
}
#else
#include <net/netdev_lock.h>

#define dlo_config_lock(dev)			netdev_lock(dev)
#define dlo_config_unlock(dev)			netdev_unlock(dev)

#define dlo_config_is_locked(dev)		lockdep_is_held(&(dev)->lock)
#endif

/* 6.14: the core keeps an hds-thresh, and refuses to bind unless it is zero. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define DLO_RING_PARAMS	(ETHTOOL_RING_USE_TCP_DATA_SPLIT | ETHTOOL_RING_USE_HDS_THRS)

static inline void dlo_ring_set_hds_thresh(struct kernel_ethtool_ringparam *kr, u32 thresh, u32 max)
{
	kr->hds_thresh = thresh;
	kr->hds_thresh_max = max;
}

static inline u32 dlo_ring_hds_thresh(const struct kernel_ethtool_ringparam *kr)
{
	return kr->hds_thresh;
}
#else
#define DLO_RING_PARAMS	ETHTOOL_RING_USE_TCP_DATA_SPLIT

static inline void dlo_ring_set_hds_thresh(struct kernel_ethtool_ringparam *kr, u32 thresh, u32 max)
{
}

static inline u32 dlo_ring_hds_thresh(const struct kernel_ethtool_ringparam *kr)
{
	return 0;
}
#endif

/* 6.14: the core adds frags to an XDP buffer, and builds an skb around it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
static inline bool xdp_buff_add_frag(struct xdp_buff *xdp, netmem_ref netmem, u32 off, u32 size,
				     u32 truesize)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);

	if (!xdp_buff_has_frags(xdp)) {
		sinfo->nr_frags = 0;
		sinfo->xdp_frags_size = 0;
		xdp_buff_set_frags_flag(xdp);
	}
	if (sinfo->nr_frags == MAX_SKB_FRAGS)
		return false;

	skb_frag_fill_netmem_desc(&sinfo->frags[sinfo->nr_frags++], netmem, off, size);
	sinfo->xdp_frags_size += size;
	return true;
}

static inline struct sk_buff *xdp_build_skb_from_buff(const struct xdp_buff *xdp)
{
	const struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);
	u32 nr_frags = xdp_buff_has_frags(xdp) ? sinfo->nr_frags : 0;
	struct sk_buff *skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);

	if (!skb)
		return NULL;

	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (xdp->data > xdp->data_meta)
		skb_metadata_set(skb, xdp->data - xdp->data_meta);
	if (nr_frags)
		xdp_update_skb_shared_info(skb, nr_frags, sinfo->xdp_frags_size,
					   nr_frags * xdp->frame_sz, false);
	skb_mark_for_recycle(skb);
	skb_record_rx_queue(skb, xdp->rxq->queue_index);
	skb->protocol = eth_type_trans(skb, xdp->rxq->dev);
	return skb;
}
#endif

/* 6.16: the core can say whether a provider of unreadable memory is installed. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
static inline bool netif_rxq_has_unreadable_mp(struct net_device *dev, unsigned int idx)
{
	return idx < dev->real_num_rx_queues && __netif_get_rx_queue(dev, idx)->mp_params.mp_priv;
}
#endif

/* 6.16: sends from dma-bufs; 7.2: says of which kind. */
static inline void dlo_enable_netmem_tx(struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	dev->netmem_tx = NETMEM_TX_DMA;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	dev->netmem_tx = true;
#endif
}

/*
 * 6.17: a pool that was created without a NAPI may be given one later. Before,
 * that is a plain store: the lock that the function takes is out of reach, and
 * is for readers who would mind if the NAPI went, not if one came.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
static inline void page_pool_enable_direct_recycling(struct page_pool *pool,
						     struct napi_struct *napi)
{
	WRITE_ONCE(pool->p.napi, napi);
}
#endif

/* 6.16: packets all of whose frames have CWR set. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define DLO_GSO_ACCECN			SKB_GSO_TCP_ACCECN
#else
#define DLO_GSO_ACCECN			0
#endif

/* 6.17: the IPv6 flow label can be hashed. */
#ifndef RXH_IP6_FL
#define RXH_IP6_FL			0
#endif

/* 6.18: get_rx_ring_count instead of ETHTOOL_GRXRINGS. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define DLO_RX_RINGS_IN_RXNFC		1
#endif

/*
 * 6.18: packets all of whose frames have the same IPv4 identification, in a tunnel's
 * header, too. Before, only with DF, and not in a tunnel's. 0: there are none such.
 */
static inline u32 dlo_gso_fixed_id(bool tunnel, bool outer, bool df)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return tunnel && !outer ? SKB_GSO_TCP_FIXEDID_INNER : SKB_GSO_TCP_FIXEDID;
#else
	return df && !outer ? SKB_GSO_TCP_FIXEDID : 0;
#endif
}

/*
 * 7.0: queue operations get the queue's configuration. DLO_QCFG_ARG is that
 * parameter in a parameter list, dlo_qcfg_page_size() what it asks for.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define DLO_HAVE_QCFG			1
#define DLO_QCFG_ARG			struct netdev_queue_config *qcfg,
#define dlo_qcfg_page_size()		((qcfg)->rx_page_size)

static inline u32 dlo_queue_page_size(struct net_device *dev, int idx)
{
	struct netdev_queue_config qcfg;

	netdev_queue_config(dev, idx, &qcfg);
	return qcfg.rx_page_size;
}
#else
#define DLO_QCFG_ARG
#define dlo_qcfg_page_size()		((u32)PAGE_SIZE)

static inline u32 dlo_queue_page_size(struct net_device *dev, int idx)
{
	return PAGE_SIZE;
}
#endif

/* 7.2: a snapshot is of any clock, and has new names. Nobody asks for another clock than this. */
static inline void dlo_snapshot(struct system_device_crosststamp *cross)
{
	struct system_time_snapshot now;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	ktime_get_snapshot_id(CLOCK_REALTIME, &now);
	cross->sys_systime = now.systime;
	cross->sys_monoraw = now.monoraw;
#else
	ktime_get_snapshot(&now);
	cross->sys_realtime = now.real;
	cross->sys_monoraw = now.raw;
#endif
}

/* 7.2: ethtool operations run without rtnl unless the driver asks for it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define DLO_OPS_NEED_RTNL		.op_needs_rtnl = ETHTOOL_OP_NEEDS_RTNL_SCHANNELS,
#else
#define DLO_OPS_NEED_RTNL
#endif

/*
 * 6.15: the parameters of newlink come in a struct, with the peer's namespace,
 * which the core has already looked up and checked, among them. Before, the
 * driver does so; dlo_put_peer_net() drops what dlo_get_peer_net() took.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define DLO_NEWLINK(fn)			(fn)

static inline struct net *dlo_get_peer_net(struct rtnl_newlink_params *params, struct nlattr **tb)
{
	return rtnl_newlink_peer_net(params);
}

static inline void dlo_put_peer_net(struct net *net)
{
}
#else
#define DLO_NEWLINK(fn)			(fn##_compat)
#define DLO_NEWLINK_COMPAT(fn)						\
static int fn##_compat(struct net *src_net, struct net_device *dev,	\
		       struct nlattr *tb[], struct nlattr *data[],	\
		       struct netlink_ext_ack *extack)			\
{									\
	struct rtnl_newlink_params params = { src_net, tb, data };	\
									\
	return fn(dev, &params, extack);				\
}

struct rtnl_newlink_params {
	struct net *src_net;
	struct nlattr **tb;
	struct nlattr **data;
};

static inline struct net *dlo_get_peer_net(struct rtnl_newlink_params *params, struct nlattr **tb)
{
	struct net *net = rtnl_link_get_net(params->src_net, tb);

	if (!IS_ERR(net) && !ns_capable(net->user_ns, CAP_NET_ADMIN)) {
		put_net(net);
		return ERR_PTR(-EPERM);
	}
	return net;
}

static inline void dlo_put_peer_net(struct net *net)
{
	put_net(net);
}
#endif

#ifndef DLO_NEWLINK_COMPAT
#define DLO_NEWLINK_COMPAT(fn)
#endif

/* 6.14: the core learns which attribute nests the peer's. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define DLO_PEER_TYPE(type)		.peer_type = (type),
#else
#define DLO_PEER_TYPE(type)
#endif

/* 7.0, and stable kernels since: allocation by type. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj)		kzalloc(sizeof(obj), GFP_KERNEL)
#endif
#ifndef kvzalloc_objs
#define kvzalloc_objs(obj, n)		kvcalloc(n, sizeof(obj), GFP_KERNEL)
#endif

#endif /* _DEVMEM_LO_COMPAT_H */
