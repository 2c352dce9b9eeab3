// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#define DM_BTF		"/sys/kernel/btf/vmlinux"
#define DM_KALLSYMS	"/proc/kallsyms"

/* Of Linux 5.8; a C library's headers may be older. */
#ifndef CAP_PERFMON
#define CAP_PERFMON	38
#endif
#ifndef CAP_BPF
#define CAP_BPF		39
#endif

/*
 * The kernel lets CAP_SYS_ADMIN stand in for the first two.  CAP_SYSLOG has no
 * substitute: without it, kallsyms shows every address as 0.
 */
static const struct {
	cap_value_t cap;
	const char *name;
	bool admin_too;
} dm_needed[] = {
	{ CAP_BPF,	"CAP_BPF",	true },
	{ CAP_PERFMON,	"CAP_PERFMON",	true },
	{ CAP_SYSLOG,	"CAP_SYSLOG",	false },
};

static bool dm_cap_effective(cap_t caps, cap_value_t cap)
{
	cap_flag_value_t value = CAP_CLEAR;

	cap_get_flag(caps, cap, CAP_EFFECTIVE, &value);
	return value == CAP_SET;
}

/* Writes the names of the capabilities we lack, and returns their number. */
static int dm_caps_missing(char *names, size_t size)
{
	cap_t caps = cap_get_proc();
	int missing = 0;
	size_t i;

	*names = '\0';
	if (!caps)
		return 0;
	for (i = 0; i < sizeof(dm_needed) / sizeof(*dm_needed); i++) {
		if (dm_cap_effective(caps, dm_needed[i].cap) ||
		    (dm_needed[i].admin_too && dm_cap_effective(caps, CAP_SYS_ADMIN)))
			continue;
		if (missing++)
			strncat(names, ", ", size - strlen(names) - 1);
		strncat(names, dm_needed[i].name, size - strlen(names) - 1);
	}
	cap_free(caps);
	return missing;
}

int dm_support_check(struct dm_error *error)
{
	char names[64];

	if (access(DM_BTF, R_OK) && errno == ENOENT)
		return dm_error_set(error, DM_EXIT_SUPPORT,
				    "the kernel has no BTF: %s is missing: it needs CONFIG_DEBUG_INFO_BTF=y",
				    DM_BTF);
	if (dm_caps_missing(names, sizeof(names)))
		return dm_error_set(error, DM_EXIT_SUPPORT,
				    "missing %s: run as root or grant it with setcap", names);
	return 0;
}

static bool dm_kallsyms_has(const char *name)
{
	FILE *file = fopen(DM_KALLSYMS, "re");
	char line[512], symbol[256];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %255s", symbol) == 1 && !strcmp(symbol, name);
	fclose(file);
	return found;
}

int dm_support_explain(struct dm_error *error, int err)
{
	if (!dm_kallsyms_has("net_devmem_bind_dmabuf"))
		return dm_error_set(error, DM_EXIT_SUPPORT,
				    "the kernel has no devmem TCP: it needs Linux 6.12 and CONFIG_NET_DEVMEM=y");
	if (!dm_kallsyms_has("net_devmem_dmabuf_bindings"))
		return dm_error_set(error, DM_EXIT_SUPPORT,
				    "the kernel hides its data symbols: it needs CONFIG_KALLSYMS_ALL=y");
	if (err == -ENOMEM)
		return dm_error_set(error, DM_EXIT_NOMEM,
				    "out of memory while loading BPF programs");
	if (!err)
		return dm_error_set(error, DM_EXIT_SUPPORT,
				    "kallsyms shows no addresses: set kernel.kptr_restrict to 0 or 1");
	return dm_error_set(error, DM_EXIT_SUPPORT,
			    "the kernel refuses our BPF programs: %s (--verbose shows its reasons)",
			    strerror(-err));
}
