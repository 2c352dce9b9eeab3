/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changing a NIC for devmem TCP, and changing it back however we end.
 *
 * No devmemcat changes a NIC itself.  One guardian process per device and
 * network namespace does, for all devmemcats that use the device.  It saves
 * the device's configuration before the first change, serves its clients one
 * request at a time, and knows from the end of a connection that a client is
 * gone, whatever killed it.  It then removes the client's flow rules, waits
 * until the kernel has unbound the client's queues, and gives them back to
 * other traffic; after the last client, and once no binding is left on the
 * device, it restores what it saved and ends.
 *
 * The guardian is started by the first devmemcat that needs it and found by
 * the others at an abstract socket address, which lives in the network
 * namespace and vanishes with the guardian: there is no file to go stale.
 */
#ifndef DEVMEMCAT_NIC_H
#define DEVMEMCAT_NIC_H

#include <stdint.h>

#include "ethtool.h"
#include "options.h"
#include "report.h"

#define NIC_MAX_QUEUES	OPTIONS_MAX_QUEUES
#define NIC_TEXT_LEN	384
#define NIC_LOG_LEN	512

enum nic_op {
	/* Take @queue[0..@nqueues), or @want free ones; prepare the device. */
	NIC_CLAIM,
	/* Send @flow's packets to its queue, one of those claimed. */
	NIC_STEER,
	/* Undo all; answered when that is done. */
	NIC_RELEASE,
};

/* One packet on the SOCK_SEQPACKET connection each way. */
struct nic_request {
	uint32_t		op;
	uint32_t		want;
	uint32_t		nqueues;
	uint32_t		queue[NIC_MAX_QUEUES];
	struct dm_ethtool_flow	flow;
};

struct nic_reply {
	int32_t			err;		/* 0 or a negative errno */
	uint32_t		nqueues;
	uint32_t		queue[NIC_MAX_QUEUES];
	char			text[NIC_TEXT_LEN];	/* why, or a note */
	char			log[NIC_LOG_LEN];	/* lines: what was changed */
};

/**
 * struct nic - a connection to the guardian of a device
 * @fd: SOCK_SEQPACKET; the guardian takes its end for ours
 * @ifindex: the device
 * @name: of the device when we came
 * @queue: RX queues that we claimed
 * @nqueues: how many
 */
struct nic {
	int		fd;
	uint32_t	ifindex;
	char		name[16];
	uint32_t	queue[NIC_MAX_QUEUES];
	unsigned int	nqueues;
};

/*
 * Each says what is wrong and returns the exit status it deserves.  nic_open()
 * may fork, so it comes before the process has much to share.
 */
enum dm_exit nic_open(struct nic *nic, uint32_t ifindex);
enum dm_exit nic_claim(struct nic *nic, const struct options *opt);
/* Sends connections to @port, at @addr unless it is NULL, to our queues. */
enum dm_exit nic_steer(struct nic *nic, uint16_t port, int family,
		       const struct sockaddr_storage *addr);
/* To be called when nothing is bound any more.  Waits for the guardian. */
enum dm_exit nic_release(struct nic *nic);

#endif /* DEVMEMCAT_NIC_H */
