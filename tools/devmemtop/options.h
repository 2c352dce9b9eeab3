/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMTOP_OPTIONS_H
#define DEVMEMTOP_OPTIONS_H

#include <stdbool.h>

#include "model.h"

struct options {
	bool batch;			/* frames one below the other */
	bool json;			/* as JSON, one object a line */
	bool verbose;
	long frames;			/* 0: until told to stop */
	int width;			/* of frames, columns; 0: without bound */
	unsigned int delay_ms;
	unsigned int leak_after_ms;
	enum dm_sort sort;
};

/* Or complains and exits. */
void parse_options(struct options *opts, int argc, char **argv);

#endif /* DEVMEMTOP_OPTIONS_H */
