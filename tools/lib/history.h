/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the model remembers of a binding or socket from one frame to the next,
 * and what it concludes from the difference.
 */
#ifndef DEVMEM_LIB_HISTORY_H
#define DEVMEM_LIB_HISTORY_H

#include "model.h"

struct dm_history {
	unsigned long long addr;
	unsigned long long id;		/* a binding's id, a socket's cookie */
	unsigned long long tokens;
	unsigned long long received;
	long long failures;
	unsigned int read_seq;
	unsigned int still_ms;		/* unread data and no progress for so long */
	unsigned int aged;		/* tokens that are old */
	unsigned int rises;		/* frames in which those became more, since less */
	unsigned int returned_ms;	/* the oldest token it ever gave back */
	bool suspect;
};

/*
 * Compare each binding and socket with itself a frame ago, fill in its rates
 * and verdict, and remember it.  0 or -ENOMEM.
 */
int dm_history_apply(struct dm_model *model, const struct dm_raw *raw);

#endif /* DEVMEM_LIB_HISTORY_H */
