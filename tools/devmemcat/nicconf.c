// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool_netlink.h>

#include <devmem/uapi.h>

#include "nicconf.h"

char *nicconf_name(const struct nicconf *conf, char name[IF_NAMESIZE])
{
	if (!if_indextoname(conf->ifindex, name))
		snprintf(name, IF_NAMESIZE, "the device");
	return name;
}

/* "dm0: ..." */
static void format_line(const struct nicconf *conf, char *buf, size_t size,
			const char *fmt, va_list ap)
{
	char name[IF_NAMESIZE];
	size_t len;

	len = snprintf(buf, size, "%s: ", nicconf_name(conf, name));
	if (len < size)
		vsnprintf(buf + len, size - len, fmt, ap);
}

int nicconf_fail(struct nicconf *conf, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_line(conf, conf->text, sizeof(conf->text), fmt, ap);
	va_end(ap);
	return err;
}

void nicconf_note(struct nicconf *conf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_line(conf, conf->text, sizeof(conf->text), fmt, ap);
	va_end(ap);
}

void nicconf_log(struct nicconf *conf, const char *fmt, ...)
{
	size_t len = strlen(conf->log);
	va_list ap;

	va_start(ap, fmt);
	format_line(conf, conf->log + len, sizeof(conf->log) - len, fmt, ap);
	va_end(ap);
	len = strlen(conf->log);
	snprintf(conf->log + len, sizeof(conf->log) - len, "\n");
}

int nicconf_open(struct nicconf *conf, uint32_t ifindex)
{
	int err;

	memset(conf, 0, sizeof(*conf));
	conf->ifindex = ifindex;
	err = dm_nl_open(&conf->netdev, DEVMEM_NL_FAMILY);
	if (err)
		return nicconf_fail(conf, err == -ENOENT ? -EOPNOTSUPP : err,
				    "the kernel has no netlink family \"netdev\": devmem TCP needs Linux 6.12");

	err = dm_ethtool_open(&conf->et, ifindex);
	if (err) {
		dm_nl_close(&conf->netdev);
		return nicconf_fail(conf, err, "cannot open ethtool netlink: %s",
				    strerror(-err));
	}
	return 0;
}

void nicconf_close(struct nicconf *conf)
{
	dm_ethtool_rss_free(&conf->rss);
	dm_ethtool_rss_free(&conf->rss_ours);
	dm_ethtool_close(&conf->et);
	dm_nl_close(&conf->netdev);
}

struct queue_count {
	unsigned int		nrxq;
	struct nicconf_queues	*busy;
	struct nicconf_queues	*bound;
};

static int count_queue(const struct dm_netdev_queue *queue, void *data)
{
	struct queue_count *count = data;

	if (queue->type != DEVMEM_NL_QUEUE_TYPE_RX)
		return 0;
	count->nrxq++;
	if (queue->id >= NICCONF_MAX_RXQ)
		return 0;
	if (count->bound)
		count->bound->has[queue->id] = queue->dmabuf;
	if (count->busy)
		count->busy->has[queue->id] = queue->dmabuf || queue->xsk ||
					      queue->io_uring || queue->leased;
	return 0;
}

int nicconf_queues_get(struct nicconf *conf, unsigned int *nrxq,
		       struct nicconf_queues *busy,
		       struct nicconf_queues *bound)
{
	struct queue_count count = { .busy = busy, .bound = bound };
	int err;

	if (busy)
		memset(busy, 0, sizeof(*busy));
	if (bound)
		memset(bound, 0, sizeof(*bound));
	err = dm_netdev_queues(&conf->netdev, conf->ifindex, count_queue,
			       &count);
	if (err)
		return nicconf_fail(conf, err, "cannot list its queues: %s",
				    dm_nl_strerror(&conf->netdev, err));
	*nrxq = count.nrxq;
	return 0;
}

bool nicconf_may_add_queues(struct nicconf *conf, unsigned int nrxq)
{
	struct dm_ethtool_channels channels;

	if (dm_ethtool_channels_get(&conf->et, &channels))
		return false;
	return nrxq < channels.rx_max || nrxq < channels.combined_max;
}

static bool is_default_table(const struct dm_ethtool_rss *rss,
			     unsigned int nrxq)
{
	uint32_t i;

	if (!nrxq)
		return false;
	for (i = 0; i < rss->size; i++)
		if (rss->queue[i] != i % nrxq)
			return false;
	return true;
}

static int save(struct nicconf *conf)
{
	struct dm_ethtool *et = &conf->et;
	unsigned int nrxq;
	int err;

	if (conf->saved)
		return 0;
	err = nicconf_queues_get(conf, &nrxq, NULL, NULL);
	if (err)
		return err;
	err = dm_ethtool_rings_get(et, &conf->rings);
	if (err)
		return nicconf_fail(conf, err, "cannot read tcp-data-split: %s",
				    dm_nl_strerror(&et->nl, err));
	err = dm_ethtool_rss_get(et, &conf->rss);
	if (err)
		return nicconf_fail(conf, err, "cannot read the RSS table: %s",
				    strerror(-err));
	conf->rss_default = is_default_table(&conf->rss, nrxq);
	conf->split_changed = false;
	conf->ntuple_changed = false;
	conf->saved = true;
	return 0;
}

/*
 * Asked for even where it reads as on: the kernel wants it set by the user, and
 * a driver may turn it on by itself.
 */
static int split_on(struct nicconf *conf)
{
	struct dm_ethtool_rings rings = {
		.split		= ETHTOOL_TCP_DATA_SPLIT_ENABLED,
		.has_thresh	= conf->rings.has_thresh,
	};
	int err;

	err = dm_ethtool_rings_set(&conf->et, &rings);
	if (err)
		return nicconf_fail(conf, err, "cannot turn tcp-data-split on: %s",
				    dm_nl_strerror(&conf->et.nl, err));
	if (conf->split_changed)
		return 0;
	conf->split_changed =
		conf->rings.split != ETHTOOL_TCP_DATA_SPLIT_ENABLED ||
		conf->rings.hds_thresh;
	if (conf->split_changed)
		nicconf_log(conf, "tcp-data-split on, hds-thresh 0");
	return 0;
}

/* Not an error where it fails: the driver may take rules all the same. */
static void ntuple_on(struct nicconf *conf)
{
	bool on;

	if (dm_ethtool_ntuple_get(&conf->et, &on) || on)
		return;
	if (dm_ethtool_ntuple_set(&conf->et, true))
		return;
	conf->ntuple_changed = true;
	nicconf_log(conf, "ntuple filters on");
}

int nicconf_prepare(struct nicconf *conf)
{
	int err;

	err = save(conf);
	if (err)
		return err;
	err = split_on(conf);
	if (err)
		return err;
	ntuple_on(conf);
	return 0;
}

/* Queues that the saved table uses and nobody claims; else all unclaimed. */
static unsigned int spread_targets(const struct nicconf *conf,
				   const struct nicconf_queues *claimed,
				   unsigned int nrxq, uint32_t *target)
{
	struct nicconf_queues used = { 0 };
	unsigned int i, n = 0;

	for (i = 0; i < conf->rss.size; i++)
		if (conf->rss.queue[i] < NICCONF_MAX_RXQ)
			used.has[conf->rss.queue[i]] = true;
	for (i = 0; i < nrxq && i < NICCONF_MAX_RXQ; i++)
		if (used.has[i] && !claimed->has[i])
			target[n++] = i;
	if (n)
		return n;
	for (i = 0; i < nrxq && i < NICCONF_MAX_RXQ; i++)
		if (!claimed->has[i])
			target[n++] = i;
	return n;
}

static bool same_table(const struct dm_ethtool_rss *a,
		       const struct dm_ethtool_rss *b)
{
	return a->size == b->size &&
	       !memcmp(a->queue, b->queue, a->size * sizeof(*a->queue));
}

/* "0-2,5" */
static void format_queues(const struct nicconf_queues *queues, char *buf,
			  size_t size)
{
	unsigned int i, first;
	size_t len = 0;

	buf[0] = '\0';
	for (i = 0; i < NICCONF_MAX_RXQ && len < size; i++) {
		if (!queues->has[i])
			continue;
		first = i;
		while (i + 1 < NICCONF_MAX_RXQ && queues->has[i + 1])
			i++;
		len += snprintf(buf + len, size - len, "%s%u",
				len ? "," : "", first);
		if (i > first && len < size)
			len += snprintf(buf + len, size - len, "-%u", i);
	}
}

static void log_table(struct nicconf *conf, const struct dm_ethtool_rss *table)
{
	struct nicconf_queues used = { 0 };
	char text[128];
	uint32_t i;

	for (i = 0; i < table->size; i++)
		if (table->queue[i] < NICCONF_MAX_RXQ)
			used.has[table->queue[i]] = true;
	format_queues(&used, text, sizeof(text));
	nicconf_log(conf, "RSS spreads other traffic over queues %s", text);
}

/* Puts @table into the device unless it is there, and takes it over. */
static int set_table(struct nicconf *conf, struct dm_ethtool_rss *table)
{
	struct dm_ethtool_rss now;
	bool set = true;
	int err;

	err = dm_ethtool_rss_get(&conf->et, &now);
	if (!err) {
		set = !same_table(table, &now);
		dm_ethtool_rss_free(&now);
	}
	if (set)
		err = dm_ethtool_rss_set(&conf->et, table);
	if (err) {
		dm_ethtool_rss_free(table);
		return nicconf_fail(conf, err,
				    "cannot keep other traffic off the bound queues (RSS): %s",
				    strerror(-err));
	}
	if (set)
		log_table(conf, table);
	dm_ethtool_rss_free(&conf->rss_ours);
	conf->rss_ours = *table;
	return 0;
}

int nicconf_exclude(struct nicconf *conf, const struct nicconf_queues *claimed,
		    unsigned int nrxq)
{
	uint32_t target[NICCONF_MAX_RXQ];
	struct dm_ethtool_rss table;
	unsigned int i, n, next = 0;

	/*
	 * A device without a table sends everything to queue 0.  One that is
	 * down lists no queues, and gets nothing to be spread over them.
	 */
	if (!conf->rss.size || !nrxq)
		return 0;
	n = spread_targets(conf, claimed, nrxq, target);
	if (!n)
		return nicconf_fail(conf, -EBUSY,
				    "no RX queue is left for other traffic");

	table.size = conf->rss.size;
	table.queue = calloc(table.size, sizeof(*table.queue));
	if (!table.queue)
		return nicconf_fail(conf, -ENOMEM, "out of memory");
	for (i = 0; i < table.size; i++) {
		uint32_t queue = conf->rss.queue[i];

		if (queue < nrxq && queue < NICCONF_MAX_RXQ &&
		    !claimed->has[queue])
			table.queue[i] = queue;
		else
			table.queue[i] = target[next++ % n];
	}
	return set_table(conf, &table);
}

static int restore_split(struct nicconf *conf)
{
	struct dm_ethtool_rings now, want = conf->rings;
	int err;

	if (!conf->split_changed)
		return 0;
	err = dm_ethtool_rings_get(&conf->et, &now);
	if (err)
		return err;
	/* Somebody else has changed it since: theirs to keep. */
	if (now.split != ETHTOOL_TCP_DATA_SPLIT_ENABLED || now.hds_thresh)
		return 0;

	/* "Unknown" leaves the choice to the driver, as it mostly was before. */
	if (want.split != ETHTOOL_TCP_DATA_SPLIT_ENABLED)
		want.split = ETHTOOL_TCP_DATA_SPLIT_UNKNOWN;
	err = dm_ethtool_rings_set(&conf->et, &want);
	if (!err)
		err = dm_ethtool_rings_get(&conf->et, &now);
	if (!err && now.split != conf->rings.split)
		err = dm_ethtool_rings_set(&conf->et, &conf->rings);
	if (!err)
		nicconf_log(conf, "tcp-data-split as before");
	return err;
}

static int restore_rss(struct nicconf *conf)
{
	struct dm_ethtool_rss now;
	bool ours;
	int err;

	if (!conf->rss_ours.size || same_table(&conf->rss, &conf->rss_ours))
		return 0;
	err = dm_ethtool_rss_get(&conf->et, &now);
	if (err)
		return err;
	ours = same_table(&now, &conf->rss_ours);
	dm_ethtool_rss_free(&now);
	if (!ours)
		return 0;

	/* The default is more than its entries: it follows the channels. */
	if (conf->rss_default)
		err = dm_ethtool_rss_reset(&conf->et);
	else
		err = dm_ethtool_rss_set(&conf->et, &conf->rss);
	if (!err)
		nicconf_log(conf, "RSS as before");
	return err;
}

int nicconf_restore(struct nicconf *conf)
{
	int err, ret = 0;

	if (!conf->saved)
		return 0;
	err = restore_rss(conf);
	if (err)
		ret = nicconf_fail(conf, err, "cannot restore the RSS table: %s",
				   strerror(-err));
	err = restore_split(conf);
	if (err)
		ret = nicconf_fail(conf, err, "cannot restore tcp-data-split: %s",
				   dm_nl_strerror(&conf->et.nl, err));
	if (conf->ntuple_changed) {
		err = dm_ethtool_ntuple_set(&conf->et, false);
		if (err)
			ret = nicconf_fail(conf, err,
					   "cannot turn ntuple filters off again: %s",
					   strerror(-err));
		else
			nicconf_log(conf, "ntuple filters off again");
	}
	if (ret)
		return ret;

	dm_ethtool_rss_free(&conf->rss);
	dm_ethtool_rss_free(&conf->rss_ours);
	conf->saved = false;
	return 0;
}
