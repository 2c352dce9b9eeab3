/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_GUARDIAN_H
#define DEVMEMCAT_GUARDIAN_H

#include <stdint.h>

/*
 * Starts a guardian for @ifindex that serves @listen_fd, as a daemon that
 * shares nothing with this process.  Returns 0 or a negative errno.
 */
int guardian_start(uint32_t ifindex, int listen_fd);

#endif /* DEVMEMCAT_GUARDIAN_H */
