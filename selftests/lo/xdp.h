/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs of xdp.bpf.c leave for xdp.c to print. */
#ifndef XDP_H
#define XDP_H

/*
 * struct seen - of UDP port 7
 * @longest:	bytes of the longest frame, @longest_linear of them in its first buffer
 * @errors:	kfuncs that failed; what the last ones said is in the others
 * @vlan:	protocol << 16 | tag; 0: none was taken out
 */
struct seen {
	__u64 packets;
	__u64 longest;
	__u64 longest_linear;
	__u64 errors;
	__u64 hash;
	__u64 hash_type;
	__u64 timestamp;
	__u64 vlan;
};

#endif /* XDP_H */
