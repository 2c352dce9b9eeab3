/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cursors over the kernel's containers, for bpf_loop() callbacks: one step a
 * call, so that the caller bounds the walk.
 *
 * Nothing is locked.  A container that changes under a walk may send it
 * astray, never into a fault: all reads are probe reads, and all walks are
 * bounded.  At rest they are exact.
 */
#ifndef DEVMEM_BPF_WALK_H
#define DEVMEM_BPF_WALK_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define DM_XA_DEPTH	12	/* levels that 64 bits of index need, and one */

#define dm_container_of(ptr, type, member) \
	((type *)((unsigned long)(ptr) - bpf_core_field_offset(type, member)))

/*
 * Always 0, but the verifier cannot know.  Where a walk starts counting from
 * it, all rounds look the same to the verifier, and it looks at one of them.
 */
__u32 dm_zero;

/*
 * A CO-RE read relocates every type in its expression, ours too, which no
 * kernel has: so pointers kept in our structures are passed as arguments.
 */
static __always_inline struct list_head *dm_list_next(struct list_head *node)
{
	return BPF_CORE_READ(node, next);
}

static __always_inline struct hlist_nulls_node *dm_nulls_next(struct hlist_nulls_node *node)
{
	return BPF_CORE_READ(node, next);
}

static __always_inline struct sk_buff *dm_skb_next(struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, next);
}

/*
 * XArray entries: bits 0 and 1 are 2 in internal ones.  Of these, small
 * numbers are not nodes but marks: a reserved slot, a sibling, a retry.
 */
static __always_inline bool dm_xa_internal(unsigned long entry)
{
	return (entry & 3) == 2;
}

static __always_inline bool dm_xa_is_node(unsigned long entry)
{
	return dm_xa_internal(entry) && entry > 4096;
}

static __always_inline struct xa_node *dm_xa_node(unsigned long entry)
{
	return (struct xa_node *)(entry - 2);
}

static __always_inline u32 dm_xa_slots(void)
{
	struct xa_node *node = NULL;

	return bpf_core_field_size(node->slots) / sizeof(void *);
}

static __always_inline void **dm_xa_slot(struct xa_node *node, u32 slot)
{
	return (void **)((void *)node + bpf_core_field_offset(node->slots)) + slot;
}

static __always_inline u8 dm_xa_shift(struct xa_node *node)
{
	return BPF_CORE_READ(node, shift);
}

struct dm_xa {
	struct xa_node *node;
	unsigned long base;	/* index of the node's first slot, in its own units */
	u32 offset;		/* the slot to look at next */
	u8 done;
};

/* Returns the entry of an array that has no node, 0 otherwise. */
static __always_inline unsigned long dm_xa_start(struct dm_xa *xa, struct xarray *array)
{
	unsigned long head = (unsigned long)BPF_CORE_READ(array, xa_head);

	xa->base = 0;
	xa->offset = dm_zero;
	xa->done = 0;
	xa->node = NULL;

	if (dm_xa_is_node(head)) {
		xa->node = dm_xa_node(head);
		return 0;
	}
	xa->done = 1;
	return dm_xa_internal(head) ? 0 : head;
}

static __always_inline void dm_xa_up(struct dm_xa *xa)
{
	struct xa_node *node = xa->node;

	xa->offset = BPF_CORE_READ(node, offset) + 1;
	xa->base /= dm_xa_slots();
	xa->node = BPF_CORE_READ(node, parent);
	if (!xa->node)
		xa->done = 1;
}

/* Looks at one slot.  Returns what it holds if that is an entry, else 0. */
static __always_inline unsigned long dm_xa_step(struct dm_xa *xa)
{
	struct xa_node *node = xa->node;
	unsigned long entry = 0;

	if (xa->offset >= dm_xa_slots()) {
		dm_xa_up(xa);
		return 0;
	}

	bpf_probe_read_kernel(&entry, sizeof(entry), dm_xa_slot(node, xa->offset));
	if (dm_xa_is_node(entry)) {
		xa->base = xa->base * dm_xa_slots() + xa->offset;
		xa->node = dm_xa_node(entry);
		xa->offset = dm_zero;
		return 0;
	}

	xa->offset++;
	return dm_xa_internal(entry) ? 0 : entry;
}

static __always_inline unsigned long dm_xa_load(struct xarray *array, unsigned long index)
{
	unsigned long entry = (unsigned long)BPF_CORE_READ(array, xa_head);
	int i;

	for (i = 0; i < DM_XA_DEPTH; i++) {
		unsigned long offset;
		struct xa_node *node;
		u8 shift;

		if (!dm_xa_is_node(entry))
			break;

		node = dm_xa_node(entry);
		shift = dm_xa_shift(node);
		offset = index >> (shift & 63);
		if (!i && offset >= dm_xa_slots())
			return 0;
		offset &= dm_xa_slots() - 1;
		bpf_probe_read_kernel(&entry, sizeof(entry), dm_xa_slot(node, offset));
	}
	return dm_xa_internal(entry) ? 0 : entry;
}

/* In-order walk of a red-black tree without a stack: remember whence we came. */
struct dm_rb {
	struct rb_node *node;
	struct rb_node *from;
	u8 astray;		/* what we stand on is in the tree no more */
};

static __always_inline void dm_rb_start(struct dm_rb *rb, struct rb_root *root)
{
	rb->node = BPF_CORE_READ(root, rb_node);
	rb->from = NULL;
	rb->astray = 0;
}

static __always_inline struct rb_node *dm_rb_parent(struct rb_node *node)
{
	return (struct rb_node *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);
}

static __always_inline bool dm_rb_is_red(struct rb_node *node)
{
	return !(BPF_CORE_READ(node, __rb_parent_color) & 1);
}

/*
 * No red node is the root or has a red parent.  An skb that went from a tree to
 * a list has a pointer where its color was, hence looks red, and so do all its
 * neighbours: without this, the walk would go round that list.
 */
static __always_inline bool dm_rb_left_tree(struct rb_node *node, struct rb_node *parent)
{
	return dm_rb_is_red(node) && (!parent || dm_rb_is_red(parent));
}

static __always_inline void dm_rb_move(struct dm_rb *rb, struct rb_node *to)
{
	rb->from = rb->node;
	rb->node = to;
}

/* Moves along one edge.  Returns the node it passes in order, NULL otherwise. */
static __always_inline struct rb_node *dm_rb_step(struct dm_rb *rb)
{
	struct rb_node *node = rb->node, *parent = dm_rb_parent(node);
	struct rb_node *left = BPF_CORE_READ(node, rb_left);
	struct rb_node *right = BPF_CORE_READ(node, rb_right);

	if (dm_rb_left_tree(node, parent)) {
		rb->astray = 1;
		return NULL;
	}
	if (rb->from == parent && left) {
		dm_rb_move(rb, left);
		return NULL;
	}
	if (rb->from == parent || rb->from == left) {
		dm_rb_move(rb, right ? right : parent);
		return node;
	}
	dm_rb_move(rb, parent);
	return NULL;
}

#endif /* DEVMEM_BPF_WALK_H */
