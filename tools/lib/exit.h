/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every devmemkit tool means by its exit status.
 *
 * The numbers are an interface: scripts test them and man pages list them.
 * They follow xdp-tools, which is why 3 stays unused.
 */
#ifndef DEVMEM_LIB_EXIT_H
#define DEVMEM_LIB_EXIT_H

enum dm_exit {
	DM_EXIT_OK	= 0,
	DM_EXIT_FAILURE	= 1,	/* it was asked properly and did not work */
	DM_EXIT_USAGE	= 2,	/* it was not asked properly */
	DM_EXIT_SUPPORT	= 4,	/* no BPF, BTF, capability or devmem in the kernel */
	DM_EXIT_NOMEM	= 5,
};

#endif /* DEVMEM_LIB_EXIT_H */
