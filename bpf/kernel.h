/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types we read, reduced to the members we read.
 *
 * CO-RE finds each member by name in the BTF of the kernel at hand, so neither
 * order nor size matter here, and one object serves every kernel.  A type that
 * changed its shape has one more declaration with a suffix after three
 * underscores, which libbpf drops when it looks the type up.
 */
#ifndef DEVMEM_BPF_KERNEL_H
#define DEVMEM_BPF_KERNEL_H

#include <stdbool.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;

/* libbpf's helper declarations name these */
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

/* Of the BPF uAPI */
#define BPF_MAP_TYPE_HASH	1
#define BPF_F_NO_PREALLOC	1
#define BPF_ANY			0
#define BPF_NOEXIST		1

#define AF_INET			2
#define AF_INET6		10
#define AF_NETLINK		16
#define IPPROTO_TCP		6
#define NETLINK_GENERIC		16

#define TCP_TIME_WAIT		6
#define TCP_CLOSE		7
#define TCP_NEW_SYN_RECV	12

#define NETREG_REGISTERED	1
#define LOOPBACK_IFINDEX	1

#define offsetof(type, member)	__builtin_offsetof(type, member)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Containers */

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node **pprev;
};

struct hlist_nulls_node {
	struct hlist_nulls_node *next;
};

struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct xa_node {
	unsigned char shift;
	unsigned char offset;
	struct xa_node *parent;
	void *slots[64];
};

struct xarray {
	void *xa_head;
};

struct gen_pool {
	struct list_head chunks;
	int min_alloc_order;
};

struct gen_pool_chunk {
	struct list_head next_chunk;
	atomic64_t avail;
	unsigned long start_addr;
	unsigned long end_addr;
};

struct ptr_ring {
	int producer;
	int consumer_head;
	int size;
	void **queue;
};

/* Files, tasks, cgroups */

struct inode {
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[];
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	char comm[16];
};

struct bpf_iter_meta;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct dma_buf {
	unsigned long size;
	struct file *file;
	const char *exp_name;
	const char *name;
};

/* Network devices and namespaces */

struct ns_common {
	unsigned int inum;
};

struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};

struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
};

struct net {
	struct list_head list;
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct netdev_rx_queue;

struct net_device {
	int ifindex;
	struct netdev_rx_queue *_rx;
	possible_net_t nd_net;
	char name[16];
	u8 reg_state;
};

struct netdev_rx_queue {
	struct net_device *dev;
};

/* Page pools */

struct pp_alloc_cache {
	u32 count;
};

struct page_pool_params_slow {
	struct net_device *netdev;
	unsigned int queue_idx;
};

struct page_pool {
	u32 pages_state_hold_cnt;
	struct pp_alloc_cache alloc;
	struct ptr_ring ring;
	void *mp_priv;
	const void *mp_ops;
	atomic_t pages_state_release_cnt;
	struct page_pool_params_slow slow;
	struct {
		struct hlist_node list;
		s64 detach_time;
		u32 id;
	} user;
};

/* The devmem core */

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
};

/* direction: since TX bindings exist (6.16) */
struct net_devmem_dmabuf_binding {
	struct dma_buf *dmabuf;
	struct net_device *dev;
	struct gen_pool *chunk_pool;
	struct list_head list;
	struct xarray bound_rxqs;
	u32 id;
	enum dma_data_direction direction;
};

struct net_iov_area;

enum net_iov_type {
	NET_IOV_DMABUF,
};

/* type: since io_uring has niovs too (6.16); 8 bytes wide up to 6.18, then 4 */
struct net_iov {
	enum net_iov_type type;
	struct net_iov_area *owner;
};

/*
 * 6.12 has no net_iov_area: a niov's owner is the chunk owner itself.  From
 * 6.16 it is the area that the chunk owner embeds.
 */
struct net_iov_area {
	struct net_iov *niovs;
};

struct dmabuf_genpool_chunk_owner {
	struct net_iov_area area;
	struct net_devmem_dmabuf_binding *binding;
};

/*
 * A netlink socket's private data for the netdev family: struct netdev_nl_sock
 * since 6.16; in 6.12 it is the bare list head.
 */
struct netdev_nl_sock {
	struct list_head bindings;
};

struct genl_family {
	struct xarray *sock_privs;
};

/* Sockets and socket buffers */

struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	struct hlist_nulls_node skc_nulls_node;
};

struct sk_buff {
	struct sk_buff *next;
	struct rb_node rbnode;
	char cb[48];
	unsigned int len;
	unsigned int data_len;
	unsigned int end;
	unsigned char *head;
};

struct tcp_skb_cb {
	u32 seq;
};

struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
};

typedef struct skb_frag {
	unsigned long netmem;
	unsigned int len;
} skb_frag_t;

struct skb_shared_info {
	u8 nr_frags;
	struct sk_buff *frag_list;
	skb_frag_t frags[17];
};

struct socket;

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	u32 val;
} kuid_t;

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	struct socket *sk_socket;
	u16 sk_protocol;
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
	struct xarray sk_user_frags;
};

struct socket {
	struct sock *sk;
	struct file *file;
};

struct tcp_sock {
	u32 copied_seq;
	u32 rcv_nxt;
	struct rb_root out_of_order_queue;
	u64 bytes_received;
};

#pragma clang attribute pop

#endif /* DEVMEM_BPF_KERNEL_H */
