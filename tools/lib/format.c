// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "format.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static char *dm_unknown(char *buf)
{
	return strcpy(buf, "-");
}

/* Three digits and a unit: what fits in a column and can be compared at a glance. */
static char *dm_format_scaled(char *buf, double value, double step, const char *sign)
{
	static const char units[] = " kMGTPE";
	int unit = 0;

	while (value >= step - 0.5 && units[unit + 1]) {
		value /= step;
		unit++;
	}
	if (!unit)
		snprintf(buf, DM_FORMAT_LEN, "%s%.0f", sign, value);
	else
		snprintf(buf, DM_FORMAT_LEN, "%s%.*f%c", sign, value < 9.95, value,
			 step == 1024 && units[unit] == 'k' ? 'K' : units[unit]);
	return buf;
}

char *dm_format_bytes(char *buf, double bytes)
{
	if (isnan(bytes) || bytes < 0)
		return dm_unknown(buf);
	return dm_format_scaled(buf, bytes, 1024, "");
}

char *dm_format_count(char *buf, long long count)
{
	if (count == DM_UNKNOWN)
		return dm_unknown(buf);
	snprintf(buf, DM_FORMAT_LEN, "%lld", count);
	return buf;
}

char *dm_format_rate(char *buf, double rate)
{
	if (isnan(rate))
		return dm_unknown(buf);
	if (fabs(rate) < 0.5)
		return strcpy(buf, "0");
	return dm_format_scaled(buf, fabs(rate), 1000, rate < 0 ? "-" : "+");
}

/* Neither 0 % nor 100 % unless it is exactly that. */
char *dm_format_percent(char *buf, double part)
{
	if (isnan(part))
		return dm_unknown(buf);
	if (part > 0 && part < 0.01)
		return strcpy(buf, "<1%");
	if (part > 0.99 && part < 1)
		return strcpy(buf, "99%");
	snprintf(buf, DM_FORMAT_LEN, "%.0f%%", 100 * part);
	return buf;
}

char *dm_format_duration(char *buf, double seconds)
{
	unsigned long long s = seconds;

	if (isnan(seconds))
		return dm_unknown(buf);
	if (s < 100)
		snprintf(buf, DM_FORMAT_LEN, "%llus", s);
	else if (s < 100 * 60)
		snprintf(buf, DM_FORMAT_LEN, "%llum%02llus", s / 60, s % 60);
	else if (s < 100 * 3600)
		snprintf(buf, DM_FORMAT_LEN, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, DM_FORMAT_LEN, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

static bool dm_has_queue(const struct dm_binding_rec *rec, unsigned int queue)
{
	return queue < DM_MAX_QUEUES && rec->queues[queue / 64] >> (queue % 64) & 1;
}

char *dm_format_queues(char *buf, const struct dm_binding_rec *rec)
{
	unsigned int queue, last;
	size_t len = 0;

	*buf = '\0';
	for (queue = 0; queue < DM_MAX_QUEUES && len < DM_FORMAT_LEN - 16; queue = last + 1) {
		last = queue;
		if (!dm_has_queue(rec, queue))
			continue;
		while (dm_has_queue(rec, last + 1))
			last++;
		len += sprintf(buf + len, len ? ",%u" : "%u", queue);
		if (last > queue)
			len += sprintf(buf + len, "-%u", last);
	}
	return *buf ? buf : dm_unknown(buf);
}

/* IPv4 over an IPv6 socket is shown as what it is on the wire. */
char *dm_format_address(char *buf, const struct dm_sock_rec *rec, bool remote)
{
	const unsigned char *address = remote ? rec->daddr : rec->saddr;
	unsigned int port = remote ? rec->dport : rec->sport;
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN] = "-";

	if (rec->family == AF_INET6 && memcmp(address, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET6, address, text, sizeof(text));
		snprintf(buf, DM_FORMAT_LEN, "[%s]:%u", text, port);
	} else {
		inet_ntop(AF_INET, address + (rec->family == AF_INET6 ? sizeof(mapped) : 0),
			  text, sizeof(text));
		snprintf(buf, DM_FORMAT_LEN, "%s:%u", text, port);
	}
	return buf;
}

char *dm_format_process(char *buf, const struct dm_processes *list)
{
	if (!list->nr)
		return dm_unknown(buf);
	if (list->nr == 1)
		snprintf(buf, DM_FORMAT_LEN, "%.15s[%u]", list->list->comm, list->list->pid);
	else
		snprintf(buf, DM_FORMAT_LEN, "%.15s[%u]+%zu", list->list->comm, list->list->pid,
			 list->nr - 1);
	return buf;
}

char *dm_format_processes(char *buf, const struct dm_processes *list)
{
	size_t i, len = 0;

	if (!list->nr)
		return dm_unknown(buf);
	for (i = 0; i < list->nr && len < DM_FORMAT_LEN - 48; i++)
		len += sprintf(buf + len, "%s%.15s[%u]", i ? "," : "", list->list[i].comm,
			       list->list[i].pid);
	if (i < list->nr)
		sprintf(buf + len, "+%zu", list->nr - i);
	return buf;
}

const char *dm_tcp_state(unsigned int state)
{
	static const char * const names[] = {
		"-", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
		"CLOSE", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "NEW-SYN-RECV",
	};

	return state < sizeof(names) / sizeof(*names) ? names[state] : "-";
}

const char *dm_direction(unsigned int direction)
{
	switch (direction) {
	case DM_DIR_RX:
		return "rx";
	case DM_DIR_TX:
		return "tx";
	default:
		return "-";
	}
}

const char *dm_verdict_name(enum dm_verdict verdict)
{
	switch (verdict) {
	case DM_SUSPECT:
		return "suspect";
	case DM_UNREAD:
		return "unread";
	case DM_FINE:
		return "fine";
	default:
		return NULL;
	}
}
