/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames: where their headers are, how a packet is cut into them, what they carry.
 */
#ifndef _DEVMEM_LO_FRAME_H
#define _DEVMEM_LO_FRAME_H

#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/netmem.h>

#define DLO_HEAD_MAX		256	/* bytes of a frame the engine parses */

/*
 * struct dlo_head - where the headers of a frame are
 * @l3:		offset of the IP header, 0 if the frame is not IP
 * @l4:		offset of the TCP or UDP header, 0 if there is none: other
 *		protocols, fragments, or headers cut off
 * @l4_raw:	offset of whatever transport header there is; 0 as above
 * @len:	end of the last header that was understood
 * @v6:		IPv6, else IPv4; valid with @l3
 * @proto:	what the last IP header says follows; valid with @l3
 */
struct dlo_head {
	u16 l3;
	u16 l4;
	u16 l4_raw;
	u16 len;
	bool v6;
	u8 proto;
};

/*
 * struct dlo_layer - of a packet to be cut, an IP header and what follows it:
 * their lengths, identification and checksum differ from frame to frame
 * @l3:		offset of the IP header
 * @l4:		offset of the TCP, UDP or GRE header, or of the next IP header
 * @check:	offset of the checksum behind @l4; 0: there is none
 * @v6, @proto:	as in struct dlo_head
 * @id:		over IPv4, the identification of the first frame
 * @seed:	the sum of the pseudo header without the length. The addresses it
 *		goes by need not be those in the IP header (source routing): it is
 *		taken from where the stack has left it
 */
struct dlo_layer {
	u16 l3;
	u16 l4;
	u16 check;
	bool v6;
	u8 proto;
	u16 id;
	__wsum seed;
};

#define DLO_LAYERS_MAX	2

/*
 * struct dlo_segmenter - a sender's packet on its way into frames
 * @head:	the headers of the packet, of a tunnel the outer ones
 * @inner:	those of TCP in a tunnel of IP in IP; else the same as @head
 * @frame:	the headers of the current frame, as they are on the wire
 * @hlen:	bytes in @frame; the payload follows
 * @shift:	how many more than in the packet: a VLAN tag may be put in or out
 * @vlan_tagged: the frames come with @vlan_tci beside them
 * @frames:	1, or how many frames are taken at once: see dlo_segment_extend()
 * @payload:	bytes of payload in the current frame, or in all of them
 * @left:	bytes of payload in later frames
 * @sent:	bytes of payload in earlier frames
 * @tcp:	of a TSO packet, its TCP header as the stack wrote it
 * @layers:	of a packet to be cut, what differs from frame to frame: the
 *		segments' own headers, then those of the tunnel they are in
 */
struct dlo_segmenter {
	const struct sk_buff *skb;
	struct dlo_head head;
	struct dlo_head inner;
	u8 frame[DLO_HEAD_MAX + VLAN_HLEN];
	u16 hlen;
	s16 shift;
	bool vlan_tagged;
	u16 vlan_tci;
	u32 frames;
	u32 payload;
	u32 left;
	u32 sent;
	struct tcphdr tcp;
	struct dlo_layer layers[DLO_LAYERS_MAX];
	unsigned int n_layers;
};

static inline bool dlo_head_is_tcp(const struct dlo_head *h)
{
	return h->l4 && h->proto == IPPROTO_TCP;
}

/* IP of either version directly in IP: the next header is at @h->l4_raw. */
static inline bool dlo_head_is_ip_tunnel(const struct dlo_head *h)
{
	return h->l4_raw && (h->proto == IPPROTO_IPIP || h->proto == IPPROTO_IPV6);
}

static inline bool dlo_segment_in_tunnel(const struct dlo_segmenter *s)
{
	return s->inner.l3 != s->head.l3;
}

bool dlo_parse(const u8 *data, u32 len, struct dlo_head *h);
void dlo_parse_skb(const struct sk_buff *skb, struct dlo_head *h, u8 *copy, const u8 **data);
u32 dlo_gso_hlen(const struct sk_buff *skb);
int dlo_segment_first(struct dlo_segmenter *s, const struct sk_buff *skb,
		      const struct dlo_head *head, bool strip);
bool dlo_segment_next(struct dlo_segmenter *s);
u32 dlo_segment_rest(const struct dlo_segmenter *s);
void dlo_segment_extend(struct dlo_segmenter *s, u32 frames);
void dlo_segment_headers(struct dlo_segmenter *s);
__be32 dlo_segment_tcp_flags(const struct dlo_segmenter *s);
bool dlo_segment_is_exact(const struct dlo_segmenter *s);
void dlo_segment_checksum(struct dlo_segmenter *s, __wsum payload);
bool dlo_frame_verify(const struct dlo_segmenter *s, __wsum payload, bool *bad);

/* --- dma.c: the bytes behind the headers -------------------------------- */

extern struct device *dlo_parent;

/*
 * struct dlo_source - a read position in a sender's packet
 * @frag:	-1: the linear part
 * @off:	within it
 */
struct dlo_source {
	const struct sk_buff *skb;
	int frag;
	u32 off;
};

/* struct dlo_sum - one's complement sum of the @len bytes copied so far */
struct dlo_sum {
	__wsum sum;
	u32 len;
};

bool dlo_dma_is_direct(void);
void *dlo_dma_reach(netmem_ref buf, size_t off, size_t len);
void dlo_source_init(struct dlo_source *src, const struct sk_buff *skb);
int dlo_source_seek(struct dlo_source *src, const struct sk_buff *skb, u32 off);
int dlo_source_copy(struct dlo_source *src, void *dst, u32 len, struct dlo_sum *sum);

#endif /* _DEVMEM_LO_FRAME_H */
