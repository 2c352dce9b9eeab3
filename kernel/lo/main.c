// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module, its links, and the device on whose behalf memory is mapped.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <net/net_namespace.h>

#include "devmem_lo.h"

/* The attribute that describes the peer: struct ifinfomsg, then IFLA_*. The numbers are veth's. */
enum {
	DLO_INFO_UNSPEC,
	DLO_INFO_PEER,
	__DLO_INFO_MAX,
};

#define DLO_INFO_MAX	(__DLO_INFO_MAX - 1)

/*
 * The parent of every netdev of this driver: dma-bufs are attached to it, page
 * pools map for it.
 *
 * A binding remembers the device it is attached to and unmaps through it when
 * its last niov comes home: that may be long after the net device and this
 * module are gone, because a socket or a netlink socket somewhere still holds
 * on, and the core takes no reference to the device for it. There is nothing
 * this module could wait for either: bindings for transmission never reach a
 * driver. So the platform device, none of whose code or data is this module's,
 * stays when the module goes, and the next load of the module adopts it.
 */
struct device *dlo_parent;

static int dlo_parent_init(void)
{
	struct platform_device *pdev;
	int err;

	dlo_parent = bus_find_device_by_name(&platform_bus_type, NULL, DLO_NAME);
	if (dlo_parent)
		return 0;

	pdev = platform_device_alloc(DLO_NAME, PLATFORM_DEVID_NONE);
	if (!pdev)
		return -ENOMEM;

	err = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		goto err_put;

	err = platform_device_add(pdev);
	if (err)
		goto err_put;

	dlo_parent = get_device(&pdev->dev);
	return 0;

err_put:
	platform_device_put(pdev);
	return err;
}

static void dlo_parent_exit(void)
{
	put_device(dlo_parent);
}

static int dlo_validate(struct nlattr *tb[], struct nlattr *data[], struct netlink_ext_ack *extack)
{
	if (tb[IFLA_ADDRESS]) {
		if (nla_len(tb[IFLA_ADDRESS]) != ETH_ALEN) {
			NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS], "Not an Ethernet address");
			return -EINVAL;
		}
		if (!is_valid_ether_addr(nla_data(tb[IFLA_ADDRESS]))) {
			NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS], "Not a unicast address");
			return -EADDRNOTAVAIL;
		}
	}
	if (tb[IFLA_NUM_RX_QUEUES] && nla_get_u32(tb[IFLA_NUM_RX_QUEUES]) > DLO_QUEUES_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_NUM_RX_QUEUES], "More than 64 RX queues");
		return -EINVAL;
	}
	if (tb[IFLA_NUM_TX_QUEUES] && nla_get_u32(tb[IFLA_NUM_TX_QUEUES]) > DLO_QUEUES_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_NUM_TX_QUEUES], "More than 64 TX queues");
		return -EINVAL;
	}
	return 0;
}

static int dlo_register(struct net_device *dev, struct nlattr *tb[])
{
	if (!tb[IFLA_ADDRESS])
		eth_hw_addr_random(dev);
	SET_NETDEV_DEV(dev, dlo_parent);

	return register_netdevice(dev);
}

/*
 * Create the peer in its namespace, as the nested attributes say. What they
 * leave open is as for the first end, but for name and address.
 */
static struct net_device *dlo_new_peer(struct rtnl_newlink_params *params,
				       struct netlink_ext_ack *extack)
{
	struct nlattr *info = params->data ? params->data[DLO_INFO_PEER] : NULL;
	unsigned char assign_type = NET_NAME_ENUM;
	struct ifinfomsg *ifmp = NULL;
	struct nlattr *tb[IFLA_MAX + 1] = {};
	char name[IFNAMSIZ] = "dm%d";
	struct net_device *peer;
	struct net *net;
	int err;

	if (info) {
		ifmp = nla_data(info);
		err = rtnl_nla_parse_ifinfomsg(tb, info, extack);
		if (err < 0)
			return ERR_PTR(err);
		err = dlo_validate(tb, NULL, extack);
		if (err < 0)
			return ERR_PTR(err);
	}
	if (tb[IFLA_IFNAME]) {
		nla_strscpy(name, tb[IFLA_IFNAME], IFNAMSIZ);
		assign_type = NET_NAME_USER;
	}
	if (!tb[IFLA_NUM_RX_QUEUES])
		tb[IFLA_NUM_RX_QUEUES] = params->tb[IFLA_NUM_RX_QUEUES];
	if (!tb[IFLA_NUM_TX_QUEUES])
		tb[IFLA_NUM_TX_QUEUES] = params->tb[IFLA_NUM_TX_QUEUES];
	if (!tb[IFLA_MTU])
		tb[IFLA_MTU] = params->tb[IFLA_MTU];

	net = dlo_get_peer_net(params, info ? tb : params->tb);
	if (IS_ERR(net))
		return ERR_CAST(net);

	peer = rtnl_create_link(net, name, assign_type, &dlo_link_ops, tb, extack);
	if (IS_ERR(peer))
		goto out_put_net;

	if (ifmp)
		peer->ifindex = ifmp->ifi_index;
	err = dlo_register(peer, tb);
	if (err) {
		free_netdev(peer);
		peer = ERR_PTR(err);
		goto out_put_net;
	}
	netif_carrier_off(peer);

	err = rtnl_configure_link(peer, ifmp, 0, NULL);
	if (err) {
		unregister_netdevice(peer);
		peer = ERR_PTR(err);
	}

out_put_net:
	dlo_put_peer_net(net);
	return peer;
}

/* The first end is registered first: "dm%d" for the peer then finds the next free number. */
static int dlo_newlink(struct net_device *dev, struct rtnl_newlink_params *params,
		       struct netlink_ext_ack *extack)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct dlo_priv *peer_priv;
	struct net_device *peer;
	int err;

	err = dlo_register(dev, params->tb);
	if (err)
		return err;
	netif_carrier_off(dev);

	peer = dlo_new_peer(params, extack);
	if (IS_ERR(peer)) {
		unregister_netdevice(dev);
		return PTR_ERR(peer);
	}

	peer_priv = netdev_priv(peer);
	rcu_assign_pointer(priv->peer, peer);
	rcu_assign_pointer(peer_priv->peer, dev);
	return 0;
}

DLO_NEWLINK_COMPAT(dlo_newlink)

/*
 * Both ends go together, in one batch, so that each can still reach the other
 * while it is closed; dlo_uninit() then cuts the tie. Queueing a device twice
 * does no harm: a namespace's end or rmmod call this for either end.
 */
static void dlo_dellink(struct net_device *dev, struct list_head *head)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(priv->peer);

	unregister_netdevice_queue(dev, head);
	if (peer)
		unregister_netdevice_queue(peer, head);
}

static struct net *dlo_get_link_net(const struct net_device *dev)
{
	struct dlo_priv *priv = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(priv->peer);

	return dev_net(peer ?: dev);
}

static unsigned int dlo_default_queues(void)
{
	return DLO_QUEUES;
}

static const struct nla_policy dlo_policy[DLO_INFO_MAX + 1] = {
	[DLO_INFO_PEER]	= { .len = sizeof(struct ifinfomsg) },
};

struct rtnl_link_ops dlo_link_ops = {
	.kind			= DLO_NAME,
	.priv_size		= sizeof(struct dlo_priv),
	.setup			= dlo_setup,
	.validate		= dlo_validate,
	.newlink		= DLO_NEWLINK(dlo_newlink),
	.dellink		= dlo_dellink,
	.policy			= dlo_policy,
	.maxtype		= DLO_INFO_MAX,
	DLO_PEER_TYPE(DLO_INFO_PEER)
	.get_link_net		= dlo_get_link_net,
	.get_num_tx_queues	= dlo_default_queues,
	.get_num_rx_queues	= dlo_default_queues,
};

static int __init dlo_init(void)
{
	int err;

	err = dlo_parent_init();
	if (err)
		return err;
	if (!dlo_dma_is_direct())
		pr_warn(DLO_NAME ": DMA is not direct here: dma-bufs will be refused\n");

	err = dlo_debugfs_init();
	if (err)
		goto err_parent;
	err = rtnl_link_register(&dlo_link_ops);
	if (err)
		goto err_debugfs;
	return 0;

err_debugfs:
	dlo_debugfs_exit();
err_parent:
	dlo_parent_exit();
	return err;
}

static void __exit dlo_exit(void)
{
	rtnl_link_unregister(&dlo_link_ops);
	dlo_debugfs_exit();
	dlo_parent_exit();
}

module_init(dlo_init);
module_exit(dlo_exit);

MODULE_DESCRIPTION("Software NIC for device memory TCP");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RTNL_LINK(DLO_NAME);
