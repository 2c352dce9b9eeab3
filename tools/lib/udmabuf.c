// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#include "udmabuf.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT		26
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

/* What can be had without swapping or worse; UINT64_MAX where nobody knows. */
static uint64_t available_memory(void)
{
	unsigned long long kib = UINT64_MAX >> 10;
	char line[128];
	FILE *file;

	file = fopen("/proc/meminfo", "re");
	if (!file)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib << 10;
}

static int open_memory(size_t huge_page)
{
	unsigned int flags = MFD_ALLOW_SEALING | MFD_CLOEXEC;

	if (huge_page)
		flags |= MFD_HUGETLB |
			 (unsigned int)__builtin_ctzl(huge_page) << MFD_HUGE_SHIFT;
	return memfd_create("devmem", flags);
}

static int size_memory(int memfd, size_t size)
{
	if (ftruncate(memfd, size) < 0)
		return -errno;
	/* udmabuf insists that the memory cannot shrink under the device. */
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	return 0;
}

/*
 * The pages are allocated here, where a lack of them is an error to report, and
 * not at the first touch, where it is a SIGBUS.  fallocate() would not do: it
 * leaves them to be cleared at the first touch, after the device wrote to them.
 */
static int populate(char *mem, size_t size)
{
	if (!madvise(mem, size, MADV_POPULATE_WRITE))
		return 0;
	/* What a SIGBUS would have said. */
	return errno == EFAULT || errno == EHWPOISON ? -ENOMEM : -errno;
}

static int create_dmabuf(int memfd, size_t size, enum dm_udmabuf_step *step)
{
	struct udmabuf_create create = {
		.memfd	= memfd,
		.flags	= UDMABUF_FLAGS_CLOEXEC,
		.size	= size,
	};
	int dev, fd;

	*step = DM_UDMABUF_OPEN;
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -errno;

	*step = DM_UDMABUF_CREATE;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		fd = -errno;
	close(dev);
	return fd;
}

int dm_udmabuf_alloc(struct dm_udmabuf *buf, size_t size, size_t huge_page,
		     enum dm_udmabuf_step *step)
{
	size_t page = huge_page ? huge_page : (size_t)sysconf(_SC_PAGESIZE);
	int err;

	buf->size = (size + page - 1) / page * page;

	/* Huge pages are set aside: asking for too many brings no OOM killer. */
	*step = DM_UDMABUF_AVAILABLE;
	buf->available = available_memory();
	if (!huge_page && buf->size > buf->available)
		return -ENOMEM;

	*step = DM_UDMABUF_MEMFD;
	buf->memfd = open_memory(huge_page);
	if (buf->memfd < 0)
		return -errno;

	*step = DM_UDMABUF_MEMORY;
	err = size_memory(buf->memfd, buf->size);
	if (err)
		goto err_close_memfd;

	*step = DM_UDMABUF_MAP;
	buf->mem = mmap(NULL, buf->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			buf->memfd, 0);
	if (buf->mem == MAP_FAILED) {
		err = -errno;
		goto err_close_memfd;
	}

	/* A child must not keep the memory when this process is gone. */
	madvise(buf->mem, buf->size, MADV_DONTFORK);

	*step = DM_UDMABUF_MEMORY;
	err = populate(buf->mem, buf->size);
	if (err)
		goto err_unmap;

	buf->fd = create_dmabuf(buf->memfd, buf->size, step);
	if (buf->fd < 0) {
		err = buf->fd;
		goto err_unmap;
	}

	*step = DM_UDMABUF_DONE;
	return 0;

err_unmap:
	munmap(buf->mem, buf->size);
err_close_memfd:
	close(buf->memfd);
	return err;
}

void dm_udmabuf_free(struct dm_udmabuf *buf)
{
	munmap(buf->mem, buf->size);
	close(buf->fd);
	close(buf->memfd);
}

static int sync_access(struct dm_udmabuf *buf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(buf->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

int dm_udmabuf_begin_read(struct dm_udmabuf *buf)
{
	return sync_access(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

int dm_udmabuf_end_read(struct dm_udmabuf *buf)
{
	return sync_access(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

int dm_udmabuf_begin_write(struct dm_udmabuf *buf)
{
	return sync_access(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
}

int dm_udmabuf_end_write(struct dm_udmabuf *buf)
{
	return sync_access(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}
