/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A child that lives on by itself, under a name of its own.
 */
#ifndef DEVMEMCAT_DAEMON_H
#define DEVMEMCAT_DAEMON_H

/* Finds the place of the command line; before anything reorders @argv. */
void daemon_init(int argc, char **argv);

/*
 * Cuts this process off from its parent: nothing of that may outlive it here,
 * no data socket, pipe or memory; of the descriptors only @keep_fd stays.  Nor
 * its name, by which those who kill it would hit us too: ps(1) shows @name and
 * @arg, cut off where the command line had no room, and argv is of no use.
 */
void daemon_become(const char *name, const char *arg, int keep_fd);

#endif /* DEVMEMCAT_DAEMON_H */
