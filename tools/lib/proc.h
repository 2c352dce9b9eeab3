/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What /proc knows of a process and the BPF programs do not say.
 */
#ifndef DEVMEM_LIB_PROC_H
#define DEVMEM_LIB_PROC_H

/* The process's cgroup (v2) as a path to be freed, or NULL if it is not known. */
char *dm_proc_cgroup(unsigned int pid);

#endif /* DEVMEM_LIB_PROC_H */
