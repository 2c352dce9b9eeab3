// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool_netlink.h>

#include <devmem/uapi.h>

#include "dmabuf.h"
#include "ethtool.h"
#include "netdev.h"
#include "units.h"

static enum dm_exit no_driver(int err, bool listen)
{
	if (err == -ENOENT)
		return fail(DM_EXIT_SUPPORT,
			    "there is no /dev/udmabuf: the kernel needs CONFIG_UDMABUF");
	if (err != -EACCES)
		return fail_errno(err, "cannot open /dev/udmabuf");
	return fail(DM_EXIT_SUPPORT,
		    "cannot open /dev/udmabuf: %s: run as root, or with read and write access to it%s",
		    strerror(-err), listen ? " and CAP_NET_ADMIN" : "");
}

static enum dm_exit beyond_available(const struct dm_udmabuf *mem)
{
	char size[32], available[32];

	return fail(DM_EXIT_NOMEM,
		    "--size: %s is more than the %s of memory available",
		    units_format_size(mem->size, size, sizeof(size)),
		    units_format_size(mem->available, available,
				      sizeof(available)));
}

static enum dm_exit no_memory(int err, size_t size, size_t huge_page)
{
	char text[32], page[32];

	units_format_size(size, text, sizeof(text));
	if (!huge_page) {
		fail_errno(err, "cannot allocate %s", text);
		return DM_EXIT_NOMEM;
	}
	return fail(DM_EXIT_NOMEM,
		    "no %s of free huge pages of %s: reserve %zu with /sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages",
		    text, units_format_size(huge_page, page, sizeof(page)),
		    size / huge_page, huge_page >> 10);
}

static enum dm_exit driver_refused(int err, size_t size)
{
	unsigned int limit_mb = 0;
	FILE *file;

	file = fopen("/sys/module/udmabuf/parameters/size_limit_mb", "re");
	if (file) {
		if (fscanf(file, "%u", &limit_mb) != 1)
			limit_mb = 0;
		fclose(file);
	}
	if (err == -EINVAL && limit_mb && size >> 20 > limit_mb)
		return fail(DM_EXIT_FAILURE,
			    "udmabuf takes at most %u MiB: give a smaller --size, or raise /sys/module/udmabuf/parameters/size_limit_mb",
			    limit_mb);
	return fail_errno(err, "cannot make a dma-buf of %zu bytes", size);
}

enum dm_exit dmabuf_alloc(struct dmabuf *buf, const struct options *opt)
{
	enum dm_udmabuf_step step;
	int err;

	buf->id = 0;
	buf->netdev.sock = NULL;
	err = dm_udmabuf_alloc(&buf->mem, opt->size, opt->huge_page, &step);
	switch (step) {
	case DM_UDMABUF_DONE:
		return DM_EXIT_OK;
	case DM_UDMABUF_OPEN:
		return no_driver(err, opt->listen);
	case DM_UDMABUF_AVAILABLE:
		return beyond_available(&buf->mem);
	case DM_UDMABUF_MEMFD:
		if (opt->huge_page)
			return fail(DM_EXIT_FAILURE,
				    "the kernel has no huge pages of %zu KiB: see /sys/kernel/mm/hugepages",
				    opt->huge_page >> 10);
		break;
	case DM_UDMABUF_MEMORY:
		return no_memory(err, buf->mem.size, opt->huge_page);
	case DM_UDMABUF_CREATE:
		return driver_refused(err, buf->mem.size);
	case DM_UDMABUF_MAP:
		/* Huge pages are set aside when they are mapped. */
		if (err == -ENOMEM)
			return no_memory(err, buf->mem.size, opt->huge_page);
		break;
	}
	return fail_errno(err, "cannot make a dma-buf");
}

/* What to do about the kernel's reasons to refuse a binding. */
static const struct {
	const char	*text;
	const char	*fix;	/* "%s": the device */
} fixes[] = {
	{ "tcp-data-split is disabled",
	  "turn it on with ethtool -G %s tcp-data-split on" },
	{ "hds-thresh is not zero", "set it with ethtool -G %s hds-thresh 0" },
	{ "XDP program", "detach it with ip link set %s xdp off" },
	{ "already memory provider bound", "choose another of %s with --queues" },
	{ "already in use by AF_XDP", "choose another of %s with --queues" },
	/* The kernel cuts its texts after 79 bytes. */
	{ "not aligned to niov",
	  "%s needs --huge-pages that are no smaller than --rx-page-size" },
	{ "does not support: rx_page_size", "%s cannot use --rx-page-size" },
	{ "integer out of range",
	  "--rx-page-size of %s must be a page or more, a power of 2" },
	{ "rx-page-size must be a power of 2", "%s takes 4K, 8K, 16K ..." },
	{ "rx queue index out of range", "see ethtool -l %s" },
	{ "netmem TX", "%s cannot send from a dma-buf: leave --dmabuf out" },
};

/* Linux 6.12 refuses without a word; the usual reason can be seen. */
static const char *find_reason(const struct dmabuf *buf, int err,
			       uint32_t ifindex)
{
	struct dm_ethtool_rings rings;
	struct dm_ethtool et;
	bool off = false;

	if (buf->netdev.extack[0] || dm_ethtool_open(&et, ifindex))
		return dm_nl_strerror(&buf->netdev, err);
	if (!dm_ethtool_rings_get(&et, &rings))
		off = rings.split != ETHTOOL_TCP_DATA_SPLIT_ENABLED;
	dm_ethtool_close(&et);
	return off ? "tcp-data-split is disabled" :
		     dm_nl_strerror(&buf->netdev, err);
}

static enum dm_exit bind_refused(struct dmabuf *buf, int err, const char *what,
				 const char *ifname, const char *reason)
{
	enum dm_exit code = exit_code_of(err);
	char fix[128] = "";
	size_t i;

	if (err == -EPERM)
		return fail(DM_EXIT_SUPPORT,
			    "%s: %s needs CAP_NET_ADMIN: run as root", ifname,
			    what);
	for (i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
		if (strstr(reason, fixes[i].text)) {
			strcpy(fix, ": ");
			snprintf(fix + 2, sizeof(fix) - 2, fixes[i].fix,
				 ifname);
			break;
		}
	if (err == -EOPNOTSUPP && !buf->netdev.extack[0] && !fix[0])
		snprintf(fix, sizeof(fix),
			 ": its driver does not support devmem TCP");
	return fail(code, "%s: %s failed: %s%s", ifname, what, reason, fix);
}

static enum dm_exit open_netdev(struct dmabuf *buf)
{
	int err;

	err = dm_nl_open(&buf->netdev, DEVMEM_NL_FAMILY);
	if (err == -ENOENT)
		return fail(DM_EXIT_SUPPORT,
			    "the kernel has no netlink family \"netdev\": devmem TCP needs Linux 6.12");
	if (err)
		return fail_errno(err, "cannot open netlink");
	return DM_EXIT_OK;
}

enum dm_exit dmabuf_bind_rx(struct dmabuf *buf, uint32_t ifindex,
			    const char *ifname, const uint32_t *queues,
			    unsigned int nqueues, uint32_t rx_page_size)
{
	enum dm_exit ret;
	int err;

	ret = open_netdev(buf);
	if (ret)
		return ret;
	err = dm_netdev_bind_rx(&buf->netdev, ifindex, queues, nqueues,
				buf->mem.fd, rx_page_size, &buf->id);
	if (!err)
		return DM_EXIT_OK;

	/* Old kernels do not know the attribute and say no more than that. */
	if (rx_page_size && strstr(buf->netdev.extack, "nknown attribute"))
		ret = fail(DM_EXIT_SUPPORT,
			   "%s: the kernel does not know rx-page-size: it needs Linux 7.3",
			   ifname);
	else
		ret = bind_refused(buf, err, "bind-rx", ifname,
				   find_reason(buf, err, ifindex));
	dm_nl_close(&buf->netdev);
	return ret;
}

void dmabuf_note_rings(const struct dmabuf *buf, uint32_t ifindex,
		       const char *ifname, unsigned int nqueues,
		       uint32_t rx_page_size)
{
	size_t niov = rx_page_size ? rx_page_size : sysconf(_SC_PAGESIZE);
	size_t niovs = buf->mem.size / niov, entries;
	struct dm_ethtool_rings rings;
	char size[32], rings_text[32];
	struct dm_ethtool et;
	int err;

	if (dm_ethtool_open(&et, ifindex))
		return;
	err = dm_ethtool_rings_get(&et, &rings);
	dm_ethtool_close(&et);
	entries = (size_t)rings.rx * nqueues;
	if (err || niovs >= entries)
		return;
	units_format_size(buf->mem.size, size, sizeof(size));
	if (nqueues == 1)
		snprintf(rings_text, sizeof(rings_text), "an RX ring");
	else
		snprintf(rings_text, sizeof(rings_text), "%u RX rings", nqueues);
	warn("--size: %s is %zu niov%s, fewer than the %zu entries of %s of %s: expect drops",
	     size, niovs, niovs == 1 ? "" : "s", entries, rings_text, ifname);
}

enum dm_exit dmabuf_bind_tx(struct dmabuf *buf, uint32_t ifindex,
			    const char *ifname)
{
	enum dm_exit ret;
	int err;

	ret = open_netdev(buf);
	if (ret)
		return ret;
	err = dm_netdev_bind_tx(&buf->netdev, ifindex, buf->mem.fd, &buf->id);
	if (!err)
		return DM_EXIT_OK;

	if (err == -EOPNOTSUPP && !buf->netdev.extack[0])
		ret = fail(DM_EXIT_SUPPORT,
			   "%s: the kernel cannot send from a dma-buf: bind-tx needs Linux 6.16",
			   ifname);
	else
		ret = bind_refused(buf, err, "bind-tx", ifname,
				   dm_nl_strerror(&buf->netdev, err));
	dm_nl_close(&buf->netdev);
	return ret;
}

void dmabuf_unbind(struct dmabuf *buf)
{
	dm_nl_close(&buf->netdev);
	buf->id = 0;
}

void dmabuf_free(struct dmabuf *buf)
{
	dm_udmabuf_free(&buf->mem);
}
