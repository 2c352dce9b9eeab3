// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *dm_proc_cgroup(unsigned int pid)
{
	char path[64], *line = NULL, *cgroup = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	file = fopen(path, "re");
	if (!file)
		return NULL;

	/* Hierarchy 0 is version 2: "0::/system.slice/a.service". */
	while (!cgroup && (len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!strncmp(line, "0::", 3))
			cgroup = strdup(line + 3);
	}
	free(line);
	fclose(file);
	return cgroup;
}
