// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fault: has a devmem_lo device misbehave, through its directory in debugfs.
 *
 * debugfs is mounted for this process alone: `ip netns exec` takes away the
 * mount below /sys, and a container may have none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "command.h"
#include "error.h"
#include "table.h"

#define ALWAYS		1000000	/* a rate in the kernel's words: parts of a million */
#define NR_MAX		64	/* faults a device may have */

/* A fault and what its file says: `rate=10000 queue=all times=all ms=20 hits=7`. */
struct fault {
	char name[32];
	char line[160];
};

struct device {
	const char *name;
	unsigned int ifindex;
	unsigned long long netns;
	int dir;
	unsigned long long seed;
	struct fault faults[NR_MAX];
	int nr;
};

static int fail(const struct dm_error *error)
{
	fprintf(stderr, "devmemctl: %s\n", error->text);
	return error->code;
}

/* --- Finding the device ------------------------------------------------- */

/* The root of debugfs, as a directory that nothing else has. */
static int mount_debugfs(struct dm_error *error)
{
	int context, root, err;

	context = fsopen("debugfs", FSOPEN_CLOEXEC);
	if (context < 0)
		goto fail;
	root = fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!root)
		root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	err = errno;
	close(context);
	errno = err;
	if (root >= 0)
		return root;
fail:
	if (errno == EPERM)
		return dm_error_set(error, DM_EXIT_SUPPORT, "missing CAP_SYS_ADMIN");
	return dm_error_set(error, DM_EXIT_SUPPORT, "no debugfs (CONFIG_DEBUG_FS): %m");
}

static int read_line(int dir, const char *name, char *line, size_t size)
{
	ssize_t len;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, line, size - 1);
	close(fd);
	if (len <= 0)
		return -1;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

/* Is the directory of this name the device's? */
static int open_if_ours(const struct device *device, int parent, const char *name)
{
	unsigned long long netns;
	unsigned int ifindex;
	char line[128];
	int dir;

	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	if (!read_line(dir, "device", line, sizeof(line)) &&
	    sscanf(line, "%llu %u", &netns, &ifindex) == 2 &&
	    netns == device->netns && ifindex == device->ifindex)
		return dir;
	close(dir);
	return -1;
}

static int find_directory(struct device *device, int debugfs)
{
	struct dirent *entry;
	int fd, dir = -1;
	DIR *list;

	fd = openat(debugfs, "devmem_lo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -1;
	}
	while (dir < 0 && (entry = readdir(list)))
		if (entry->d_name[0] != '.')
			dir = open_if_ours(device, fd, entry->d_name);
	closedir(list);
	return dir;
}

static int open_device(struct device *device, const char *name, struct dm_error *error)
{
	struct stat ns;
	int debugfs;

	device->name = name;
	device->ifindex = if_nametoindex(name);
	if (!device->ifindex)
		return dm_error_set(error, DM_EXIT_FAILURE,
				    "no device '%s' in this network namespace", name);
	if (stat("/proc/self/ns/net", &ns))
		return dm_error_set(error, DM_EXIT_FAILURE, "/proc/self/ns/net: %m");
	device->netns = ns.st_ino;

	debugfs = mount_debugfs(error);
	if (debugfs < 0)
		return -1;
	device->dir = find_directory(device, debugfs);
	close(debugfs);
	if (device->dir < 0)
		return dm_error_set(error, DM_EXIT_FAILURE,
				    "%s is no devmem_lo device that knows faults", name);
	return 0;
}

/* --- Its faults --------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct fault *)a)->name, ((const struct fault *)b)->name);
}

static int read_faults(struct device *device, struct dm_error *error)
{
	struct dirent *entry;
	char line[32] = "0";
	DIR *list;
	int fd;

	read_line(device->dir, "seed", line, sizeof(line));
	device->seed = strtoull(line, NULL, 10);

	fd = openat(device->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		if (fd >= 0)
			close(fd);
		return dm_error_set(error, DM_EXIT_FAILURE, "%s: %m", device->name);
	}
	while (device->nr < NR_MAX && (entry = readdir(list))) {
		struct fault *fault = &device->faults[device->nr];

		if (!strcmp(entry->d_name, "device") || !strcmp(entry->d_name, "seed") ||
		    entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(fault->name))
			continue;
		if (read_line(device->dir, entry->d_name, fault->line, sizeof(fault->line)))
			continue;	/* the device goes */
		strcpy(fault->name, entry->d_name);
		device->nr++;
	}
	closedir(list);
	qsort(device->faults, device->nr, sizeof(*device->faults), by_name);
	return 0;
}

static const struct fault *find_fault(const struct device *device, const char *name, size_t len)
{
	int i;

	for (i = 0; i < device->nr; i++)
		if (strlen(device->faults[i].name) == len &&
		    !strncmp(device->faults[i].name, name, len))
			return &device->faults[i];
	return NULL;
}

/* What stands behind `NAME=` in a fault's line, of *len bytes; NULL: it has no such word. */
static const char *find_word(const struct fault *fault, const char *name, size_t name_len,
			     size_t *len)
{
	const char *word = fault->line;

	for (; *word; word += strspn(word, " ")) {
		*len = strcspn(word, " ");
		if (*len > name_len && word[name_len] == '=' && !strncmp(word, name, name_len)) {
			*len -= name_len + 1;
			return word + name_len + 1;
		}
		word += *len;
	}
	return NULL;
}

/* -1: the fault has no such word, or it is `all`. */
static long long word_number(const struct fault *fault, const char *name)
{
	size_t len;
	const char *value = find_word(fault, name, strlen(name), &len);

	return value && *value >= '0' && *value <= '9' ? atoll(value) : -1;
}

/* The word that only this kind of fault has; false: none. */
static bool own_word(const struct fault *fault, char *name, size_t size)
{
	static const char * const words[] = { "ms", "bytes", "frames" };
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!find_word(fault, words[i], strlen(words[i]), &len))
			continue;
		snprintf(name, size, "%s", words[i]);
		return true;
	}
	return false;
}

/* --- Printing ----------------------------------------------------------- */

static const char *rate_text(long long rate, char *text, size_t size)
{
	if (rate < 0)
		return "-";
	if (!rate)
		return "off";
	if (rate == ALWAYS)
		return "always";
	snprintf(text, size, "%g%%", rate / 10000.0);
	return text;
}

static const char *number_text(long long number, const char *none, char *text, size_t size)
{
	if (number < 0)
		return none;
	snprintf(text, size, "%lld", number);
	return text;
}

static void print_text(const struct device *device)
{
	static const struct dm_column columns[] = {
		{ "FAULT", DM_LEFT, 0 },	{ "RATE", DM_RIGHT, 0 },
		{ "QUEUE", DM_RIGHT, 0 },	{ "TIMES", DM_RIGHT, 0 },
		{ "WITH", DM_LEFT, 0 },		{ "HITS", DM_RIGHT, 0 },
	};
	struct dm_table *table = dm_table_new(columns, sizeof(columns) / sizeof(*columns));
	struct dm_stream_pen pen;
	char text[32], word[16];
	int i;

	for (i = 0; i < device->nr; i++) {
		const struct fault *fault = &device->faults[i];
		long long rate = word_number(fault, "rate");
		const char *none = rate < 0 ? "-" : "all";

		dm_table_cell(table, DM_PLAIN, "%s", fault->name);
		dm_table_cell(table, DM_PLAIN, "%s", rate_text(rate, text, sizeof(text)));
		dm_table_cell(table, DM_PLAIN, "%s", number_text(word_number(fault, "queue"), none,
								 text, sizeof(text)));
		dm_table_cell(table, DM_PLAIN, "%s", number_text(word_number(fault, "times"), none,
								 text, sizeof(text)));
		if (own_word(fault, word, sizeof(word)))
			dm_table_cell(table, DM_PLAIN, "%lld %s", word_number(fault, word), word);
		else
			dm_table_cell(table, DM_PLAIN, "-");
		dm_table_cell(table, DM_PLAIN, "%lld", word_number(fault, "hits"));
	}
	printf("%s: seed %llu\n", device->name, device->seed);
	dm_stream_pen_init(&pen, stdout, 0);
	dm_table_print(table, &pen.pen, 0, 0);
	dm_table_free(table);
}

static int add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(object, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/* All and not applicable are null. */
static int add_number(struct json_object *object, const char *name, long long number)
{
	if (number < 0)
		return json_object_object_add(object, name, NULL) ? -ENOMEM : 0;
	return add(object, name, json_object_new_int64(number));
}

static int add_rate(struct json_object *object, long long rate)
{
	char text[32];

	if (rate < 0)
		return add_number(object, "rate", -1);
	snprintf(text, sizeof(text), "%g", rate / (double)ALWAYS);
	return add(object, "rate", json_object_new_double_s(rate / (double)ALWAYS, text));
}

static int add_fault(struct json_object *list, const struct fault *fault)
{
	struct json_object *object = json_object_new_object();
	char word[16];

	if (!object)
		return -ENOMEM;
	if (add(object, "fault", json_object_new_string(fault->name)) ||
	    add_rate(object, word_number(fault, "rate")) ||
	    add_number(object, "queue", word_number(fault, "queue")) ||
	    add_number(object, "times", word_number(fault, "times")) ||
	    (own_word(fault, word, sizeof(word)) &&
	     add_number(object, word, word_number(fault, word))) ||
	    add_number(object, "hits", word_number(fault, "hits")) ||
	    json_object_array_add(list, object)) {
		json_object_put(object);
		return -ENOMEM;
	}
	return 0;
}

static int print_json(const struct device *device)
{
	struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array();
	int i, err = -ENOMEM;

	if (!root || !list ||
	    add(root, "device", json_object_new_string(device->name)) ||
	    add_number(root, "ifindex", device->ifindex) ||
	    add_number(root, "netns", device->netns) ||
	    add_number(root, "seed", device->seed))
		goto put;
	for (i = 0; i < device->nr; i++)
		if (add_fault(list, &device->faults[i]))
			goto put;
	err = add(root, "faults", json_object_get(list));
	if (!err)
		puts(json_object_to_json_string_ext(root, isatty(STDOUT_FILENO) ?
						    JSON_C_TO_STRING_PRETTY :
						    JSON_C_TO_STRING_SPACED));
put:
	json_object_put(list);
	json_object_put(root);
	return err;
}

static int print_faults(const struct options *opts, const struct device *device)
{
	if (opts->json && print_json(device)) {
		fputs("devmemctl: out of memory\n", stderr);
		return DM_EXIT_NOMEM;
	}
	if (!opts->json)
		print_text(device);
	if (fflush(stdout) || ferror(stdout)) {
		perror("devmemctl: cannot write");
		return DM_EXIT_FAILURE;
	}
	return DM_EXIT_OK;
}

/* --- Asking for faults -------------------------------------------------- */

/* off, always, N% or 1/N, as parts of a million; -1: none of them. */
static long parse_rate(const char *text, size_t len)
{
	char copy[32], *end;
	double rate;

	if (!len || len >= sizeof(copy))
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!strcmp(copy, "off"))
		return 0;
	if (!strcmp(copy, "always"))
		return ALWAYS;
	if (!strncmp(copy, "1/", 2)) {
		rate = strtod(copy + 2, &end);
		rate = *end || end == copy + 2 || !(rate >= 1) ? -1 : 1 / rate;
	} else {
		rate = strtod(copy, &end);
		rate = end == copy || strcmp(end, "%") ? -1 : rate / 100;
	}
	if (!(rate * ALWAYS >= 0.5 && rate <= 1))
		return -1;
	return rate * ALWAYS + 0.5;
}

/* One of a VALUE's words, as the kernel wants it. */
static void translate_word(const struct fault *fault, const char *word, size_t len,
			   char *text, size_t size)
{
	const char *equals = memchr(word, '=', len);
	size_t used = strlen(text), value_len;
	long rate;

	if (equals) {
		if (!find_word(fault, word, equals - word, &value_len) ||
		    !strncmp(word, "hits=", 5) || !strncmp(word, "rate=", 5))
			dm_args_die("fault %s knows no '%.*s'", fault->name, (int)len, word);
		snprintf(text + used, size - used, "%.*s ", (int)len, word);
		return;
	}
	if (!find_word(fault, "rate", 4, &value_len))
		dm_args_die("fault %s takes no rate: not '%.*s'", fault->name, (int)len, word);
	rate = parse_rate(word, len);
	if (rate < 0)
		dm_args_die("a rate is off, always, N%% or 1/N, not '%.*s'", (int)len, word);
	snprintf(text + used, size - used, "rate=%ld ", rate);
}

static int write_file(const struct device *device, const char *name, const char *text,
		      const char *asked, struct dm_error *error)
{
	int fd, err = 0;

	fd = openat(device->dir, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err == EINVAL || err == ERANGE)
		return dm_error_set(error, DM_EXIT_USAGE, "%s cannot do '%s': %s", device->name,
				    asked, strerror(err));
	if (err)
		return dm_error_set(error, DM_EXIT_FAILURE, "%s: %s: %s", device->name, name,
				    strerror(err));
	return 0;
}

/* An argument: its file, and what to write there. All are looked at before one is carried out. */
struct request {
	char file[32];
	char text[128];
};

static void parse_request(const struct device *device, const char *arg, struct request *request)
{
	size_t len = strcspn(arg, "=");
	const char *word = arg + len + (arg[len] == '=');
	const struct fault *fault;

	memset(request, 0, sizeof(*request));
	if (!strncmp(arg, "seed=", 5)) {
		strcpy(request->file, "seed");
		snprintf(request->text, sizeof(request->text), "%ld",
			 dm_args_number("seed", word, 0, 4294967295));
		return;
	}
	fault = find_fault(device, arg, len);
	if (!fault)
		dm_args_die("%s knows no fault '%.*s': 'devmemctl fault %s' lists them",
			    device->name, (int)len, arg, device->name);
	if (arg[len] && !*word)
		dm_args_die("'%s' lacks a value", arg);

	strcpy(request->file, fault->name);
	for (; *word; word += *word == ',') {
		len = strcspn(word, ",");
		translate_word(fault, word, len, request->text, sizeof(request->text));
		word += len;
	}
	if (!*request->text)
		strcpy(request->text, "\n");	/* an empty write never gets to a file */
	if (strlen(request->text) == sizeof(request->text) - 1)
		dm_args_die("'%s' is too long", arg);
}

static int clear(const struct device *device, struct dm_error *error)
{
	int i;

	for (i = 0; i < device->nr; i++) {
		const char *name = device->faults[i].name;

		if (word_number(&device->faults[i], "rate") > 0 &&
		    write_file(device, name, "rate=0", "clear", error))
			return -1;
	}
	return 0;
}

static int ask(const struct device *device, int argc, char **argv, struct dm_error *error)
{
	struct request requests[argc];
	int i;

	if (argc == 1 && !strcmp(argv[0], "clear"))
		return clear(device, error);
	for (i = 0; i < argc; i++)
		parse_request(device, argv[i], &requests[i]);
	for (i = 0; i < argc; i++)
		if (write_file(device, requests[i].file, requests[i].text, argv[i], error))
			return -1;
	return 0;
}

int do_fault(const struct options *opts, int argc, char **argv)
{
	struct device device = { .dir = -1 };
	struct dm_error error;
	int code;

	if (!argc)
		dm_args_die("fault: of which device?");
	if (argc > 1 && opts->json)
		dm_args_die("fault: --json is for listing");
	if (open_device(&device, argv[0], &error))
		return fail(&error);

	if (read_faults(&device, &error) ||
	    (argc > 1 && ask(&device, argc - 1, argv + 1, &error)))
		code = fail(&error);
	else
		code = argc > 1 ? DM_EXIT_OK : print_faults(opts, &device);
	close(device.dir);
	return code;
}
