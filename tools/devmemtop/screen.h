/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The terminal: draws the model with ncurses and takes keys.
 */
#ifndef DEVMEMTOP_SCREEN_H
#define DEVMEMTOP_SCREEN_H

#include <signal.h>

#include "model.h"
#include "options.h"

enum screen_event {
	SCREEN_TIMEOUT,		/* the time for the next frame has come */
	SCREEN_QUIT,
};

/* 0, or -1 if the terminal cannot do it. */
int screen_open(void);
void screen_close(void);

void screen_draw(struct dm_model *model, struct options *opts);

/* Handles keys, and draws again as they ask, until the delay is over or *stopped is set. */
enum screen_event screen_wait(struct dm_model *model, struct options *opts,
			      const volatile sig_atomic_t *stopped);

#endif /* DEVMEMTOP_SCREEN_H */
