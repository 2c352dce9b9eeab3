/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A dma-buf made of ordinary memory, which the process can read and write too.
 */
#ifndef DEVMEM_LIB_UDMABUF_H
#define DEVMEM_LIB_UDMABUF_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct dm_udmabuf - a udmabuf and the memory behind it
 * @fd: of the dma-buf
 * @memfd: of the memory
 * @mem: @memfd mapped, readable and writable
 * @size: bytes, a multiple of the page size used
 * @available: bytes there were, where dm_udmabuf_alloc() asked for more
 *
 * All owned; a binding to the dma-buf keeps the memory after dm_udmabuf_free().
 */
struct dm_udmabuf {
	int		fd;
	int		memfd;
	char		*mem;
	size_t		size;
	uint64_t	available;
};

/* Where dm_udmabuf_alloc() failed, for a message that helps. */
enum dm_udmabuf_step {
	DM_UDMABUF_DONE,
	DM_UDMABUF_OPEN,		/* /dev/udmabuf */
	DM_UDMABUF_AVAILABLE,		/* @size is beyond the memory available */
	DM_UDMABUF_MEMFD,		/* no such huge page size */
	DM_UDMABUF_MEMORY,		/* no memory, or no free huge pages */
	DM_UDMABUF_CREATE,		/* the driver refused, its size limit? */
	DM_UDMABUF_MAP,
};

/*
 * @huge_page: 0 for ordinary pages, else the size of the huge pages to use;
 * @size is rounded up to whole pages.  Returns 0 or a negative errno, with
 * @step telling what failed.
 */
int dm_udmabuf_alloc(struct dm_udmabuf *buf, size_t size, size_t huge_page,
		     enum dm_udmabuf_step *step);
void dm_udmabuf_free(struct dm_udmabuf *buf);

/* Bracket what the CPU reads from, or writes to, @buf->mem. */
int dm_udmabuf_begin_read(struct dm_udmabuf *buf);
int dm_udmabuf_end_read(struct dm_udmabuf *buf);
int dm_udmabuf_begin_write(struct dm_udmabuf *buf);
int dm_udmabuf_end_write(struct dm_udmabuf *buf);

#endif /* DEVMEM_LIB_UDMABUF_H */
