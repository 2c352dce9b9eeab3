/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the guardian knows and changes about a device.
 */
#ifndef DEVMEMCAT_NICCONF_H
#define DEVMEMCAT_NICCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>

#include "ethtool.h"
#include "netdev.h"

/* Queues above this are left to other traffic. */
#define NICCONF_MAX_RXQ		1024

/* A set of RX queues. */
struct nicconf_queues {
	bool		has[NICCONF_MAX_RXQ];
};

/**
 * struct nicconf - a device, as it was and as it is
 * @et: to configure it
 * @netdev: to ask for its queues
 * @ifindex: the device
 * @saved: @rings and @rss hold what was there before our first change
 * @rss_default: @rss is the kernel's default for the queues there were
 * @rss_ours: the table that we set last; size 0 if we set none
 * @split_changed: we turned header-data split on
 * @ntuple_changed: we turned ntuple filters on
 * @text: a line for the user about the last failure
 * @log: a line for each change; whoever passes it on empties it
 *
 * Used by the guardian's only thread.
 */
struct nicconf {
	struct dm_ethtool	et;
	struct dm_nl		netdev;
	uint32_t		ifindex;
	bool			saved;
	struct dm_ethtool_rings	rings;
	struct dm_ethtool_rss	rss;
	bool			rss_default;
	struct dm_ethtool_rss	rss_ours;
	bool			split_changed;
	bool			ntuple_changed;
	char			text[384];
	char			log[512];
};

/* Functions return 0 or a negative errno, and fill conf->text on failure. */
int nicconf_open(struct nicconf *conf, uint32_t ifindex);
void nicconf_close(struct nicconf *conf);

/*
 * How many RX queues there are, which of them have a memory provider or an
 * AF_XDP socket (@busy) and which a dma-buf (@bound); either may be NULL.
 */
int nicconf_queues_get(struct nicconf *conf, unsigned int *nrxq,
		       struct nicconf_queues *busy,
		       struct nicconf_queues *bound);

/* Can the device have more than @nrxq RX queues? */
bool nicconf_may_add_queues(struct nicconf *conf, unsigned int nrxq);

/* Saves the device's state unless that is done, and makes it ready to bind. */
int nicconf_prepare(struct nicconf *conf);
/* Has RSS spread over the queues that are not in @claimed. */
int nicconf_exclude(struct nicconf *conf, const struct nicconf_queues *claimed,
		    unsigned int nrxq);
/*
 * Undoes what is still as we left it, and forgets what was saved, unless it
 * fails: then it may be called again.
 */
int nicconf_restore(struct nicconf *conf);

/* What the device is called now; returns @name. */
char *nicconf_name(const struct nicconf *conf, char name[IF_NAMESIZE]);

/* Adds a line to conf->log. */
void nicconf_log(struct nicconf *conf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Fills conf->text with what is no failure, but the user should know. */
void nicconf_note(struct nicconf *conf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Fills conf->text and returns @err, a negative errno. */
int nicconf_fail(struct nicconf *conf, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* DEVMEMCAT_NICCONF_H */
