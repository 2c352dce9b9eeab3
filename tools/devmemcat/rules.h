/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow rules that the guardian inserts for a client.
 */
#ifndef DEVMEMCAT_RULES_H
#define DEVMEMCAT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "nic.h"
#include "nicconf.h"

#define RULES_MAX	(4 * NIC_MAX_QUEUES)

/**
 * struct rules - what one client has in the device
 * @flow: as inserted
 * @n: how many
 */
struct rules {
	struct dm_ethtool_flow	flow[RULES_MAX];
	unsigned int		n;
};

/* Each returns 0 or a negative errno, and fills conf->text on failure. */
int rules_insert(struct rules *rules, struct nicconf *conf,
		 const struct dm_ethtool_flow *flow);
/* All of them, whatever fails. */
int rules_remove(struct rules *rules, struct nicconf *conf);

bool rules_have_location(const struct rules *rules, uint32_t location);
bool rules_have_family(const struct rules *rules, sa_family_t family);

/*
 * Notes in conf->text, for the user, that the device has a rule for @flow's
 * family and port for which @is_kin does not hold.  Drivers mostly put a new
 * rule behind those there are, of which the first that matches decides.
 */
void rules_note_rival(struct nicconf *conf, const struct dm_ethtool_flow *flow,
		      bool (*is_kin)(const struct dm_ethtool_flow *rule,
				     void *data),
		      void *data);

#endif /* DEVMEMCAT_RULES_H */
