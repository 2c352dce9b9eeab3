/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEM_LIB_ETHTOOL_IOCTL_H
#define DEVMEM_LIB_ETHTOOL_IOCTL_H

struct dm_ethtool;

/* Runs ethtool command @cmd, a struct that starts with the command's number. */
int dm_ethtool_ioctl(struct dm_ethtool *et, void *cmd);

#endif /* DEVMEM_LIB_ETHTOOL_IOCTL_H */
