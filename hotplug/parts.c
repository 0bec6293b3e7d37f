// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What of a machine's files the library reads, so that a copy of them stands for the machine: each under its real path,
 * and the links that lead there.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"

#define LINKS_MAX 8		/* that one path leads over */
#define FILE_BYTES_MAX (16u << 20)
#define POLICIES "/etc/memoffline.conf.d"

static const struct part {
	const char *folder;	/* with patterns as of fnmatch(3) */
	const char *names;	/* in it, likewise */
	enum mo_text_kind kind;
} parts[] = {
	{ "/sys/devices/system/memory", "block_size_bytes auto_online_blocks crash_hotplug", MO_TEXT_KERNEL },
	{ "/sys/devices/system/memory/memory*", "state valid_zones removable phys_index node* firmware_node", MO_TEXT_KERNEL },
	{ "/sys/devices/system/node", "possible online has_normal_memory has_memory has_cpu", MO_TEXT_KERNEL },
	{ "/sys/devices/system/node/node*", "cpulist distance meminfo numastat vmstat memory*", MO_TEXT_KERNEL },
	{ "/sys/devices/system/node/node*/hugepages/hugepages-*", "*_hugepages", MO_TEXT_KERNEL },
	{ "/sys/devices/virtual/memory_tiering/memory_tier*", "nodelist", MO_TEXT_KERNEL },
	{ "/sys/bus/acpi/devices/PNP0C80:*", "physical_node* status", MO_TEXT_KERNEL },
	{ "/sys/bus/dax/devices/dax*", "driver resource size target_node align", MO_TEXT_KERNEL },
	{ "/sys/bus/dax/devices/dax*/mapping*", "start end page_offset", MO_TEXT_KERNEL },
	{ "/sys/bus/virtio/devices", "virtio*", MO_TEXT_KERNEL },
	{ "/sys/bus/virtio/drivers/virtio_balloon", "module", MO_TEXT_KERNEL },	/* is there one? */
	{ "/sys/firmware/acpi/hotplug/memory", "enabled", MO_TEXT_KERNEL },
	{ "/sys/kernel", "kexec_crash_loaded", MO_TEXT_KERNEL },
	{ "/sys/kernel/mm/hugepages/hugepages-*", "*_hugepages", MO_TEXT_KERNEL },
	{ "/sys/kernel/mm/transparent_hugepage", "enabled defrag", MO_TEXT_KERNEL },
	{ "/sys/kernel/mm/ksm", "run", MO_TEXT_KERNEL },
	{ "/sys/kernel/mm/numa", "demotion_enabled", MO_TEXT_KERNEL },
	{ "/sys/kernel/security", "lockdown", MO_TEXT_KERNEL },
	{ "/sys/module/memory_hotplug/parameters", "*", MO_TEXT_KERNEL },
	{ "/sys/module/vmw_balloon", "refcnt", MO_TEXT_KERNEL },
	{ "/sys/module/memoffline", "version srcversion", MO_TEXT_KERNEL },
	{ "/sys/module/memoffline/parameters", "*", MO_TEXT_KERNEL },
	{ "/proc", "meminfo zoneinfo vmstat buddyinfo pagetypeinfo", MO_TEXT_KERNEL },
	{ "/proc", "iomem", MO_TEXT_IOMEM },
	{ "/proc", "cmdline version modules swaps", MO_TEXT_FREE },
	{ "/proc/pressure", "memory", MO_TEXT_KERNEL },
	{ "/proc/sys/kernel", "osrelease", MO_TEXT_FREE },
	{ "/proc/sys/kernel", "arch modules_disabled numa_balancing", MO_TEXT_KERNEL },
	{ "/proc/sys/vm", "nr_hugepages nr_overcommit_hugepages hugetlb_optimize_vmemmap swappiness min_free_kbytes "
			  "overcommit_memory zone_reclaim_mode", MO_TEXT_KERNEL },
	{ "/etc", "os-release memoffline.conf", MO_TEXT_KNOWN },
	{ "/var/lib/memoffline", "policy errors", MO_TEXT_KNOWN },
};

bool mo_part_get(size_t i, const char **folder, const char **names)
{
	if (i >= ARRAY_SIZE(parts))
		return false;
	*folder = parts[i].folder;
	*names = parts[i].names;
	return true;
}

/* ---- one file ---- */

static int read_open(int fd, char **text, size_t *len)
{
	struct stat file;
	int err;

	if (fstat(fd, &file) || !S_ISREG(file.st_mode))
		return -EINVAL;
	err = mo_read_open(fd, text, len);
	if (!err && *len > FILE_BYTES_MAX) {
		free(*text);
		return -EFBIG;
	}
	return err;
}

static int read_part(struct mo_bundle *bundle, const char *path, char **text, size_t *len)
{
	int fd = mo_open(bundle->ctx, O_RDONLY | O_NONBLOCK, "%s", path), err;

	if (fd < 0)
		return fd;
	err = read_open(fd, text, len);
	close(fd);
	return err;
}

static int add_file(struct mo_bundle *bundle, enum mo_text_kind kind, const char *path)
{
	size_t len;
	char *text;
	int err = read_part(bundle, path, &text, &len);

	if (err == -EINVAL || err == -EISDIR)
		return 0;	/* a folder: what is wanted of it has a line of its own */
	if (err) {
		mo_bundle_miss(bundle, path, err);
		return 0;
	}
	err = mo_bundle_add_text(bundle, kind, path, text);
	free(text);
	return err;
}

/* ---- the way there ---- */

struct way {
	struct mo_bundle *bundle;
	enum mo_text_kind kind;
	unsigned int nr_links;
	bool is_of_many;	/* not each of them has to have such a file */
};

static int go(struct way *way, const char *at, const char *rest);

/* TARGET as it is seen from folder AT, and then REST: from the root. */
static int resolve(char path[PATH_MAX], const char *at, const char *target, const char *rest)
{
	char joined[PATH_MAX];
	size_t len = 0, n;

	if (snprintf(joined, sizeof(joined), "%s/%s/%s", *target == '/' ? "" : at, target, rest) >= (int)sizeof(joined))
		return -ENAMETOOLONG;
	*path = '\0';
	for (const char *from = joined + strspn(joined, "/"); *from; from += n + strspn(from + n, "/")) {
		n = strcspn(from, "/");
		if (n == 2 && !strncmp(from, "..", 2)) {
			while (len && path[--len] != '/')
				;
		} else if (n != 1 || *from != '.') {
			path[len++] = '/';
			memcpy(path + len, from, n);
			len += n;
		}
		path[len] = '\0';
	}
	return 0;
}

static int follow(struct way *way, const char *at, const char *name, const char *target, const char *rest)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s", at, name);
	err = mo_bundle_add_link(way->bundle, path, target);
	if (err || way->nr_links == LINKS_MAX || resolve(path, at, target, rest))
		return err;
	way->nr_links++;
	err = go(way, "", path);
	way->nr_links--;
	return err;
}

static int step(struct way *way, const char *at, const char *name, const char *rest)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/%s", at, name) >= (int)sizeof(path))
		return 0;
	len = mo_read_link(way->bundle->ctx, target, sizeof(target), "%s", path);
	if (len >= 0)
		return follow(way, at, name, target, rest);
	if (len == -EINVAL)
		return *rest ? go(way, path, rest) : add_file(way->bundle, way->kind, path);
	if (!way->is_of_many || len != -ENOENT)
		mo_bundle_miss(way->bundle, path, (int)len);
	return 0;
}

static int step_each(struct way *way, const char *at, const char *pattern, const char *rest)
{
	DIR *dir = mo_opendir(way->bundle->ctx, "%s", at);
	bool was_of_many = way->is_of_many;
	struct dirent *entry;
	int err = 0;

	if (!dir)
		mo_bundle_miss(way->bundle, at, -errno);
	way->is_of_many = true;
	while (dir && !err && (entry = readdir(dir)))
		if (!fnmatch(pattern, entry->d_name, FNM_PERIOD))
			err = step(way, at, entry->d_name, rest);
	way->is_of_many = was_of_many;
	if (dir)
		closedir(dir);
	return err;
}

/* AT is a folder's real path, "" the root. */
static int go(struct way *way, const char *at, const char *rest)
{
	char name[NAME_MAX + 1];
	size_t len;

	rest += strspn(rest, "/");
	len = strcspn(rest, "/");
	if (!len || len > NAME_MAX)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)len, rest);
	rest += len + strspn(rest + len, "/");
	return strpbrk(name, "*?[") ? step_each(way, at, name, rest) : step(way, at, name, rest);
}

static int add_part(struct mo_bundle *bundle, const struct part *part)
{
	struct way way = { .bundle = bundle, .kind = part->kind };
	char path[256];
	int err = 0, len;

	for (const char *names = part->names; *names && !err; names += len, names += strspn(names, " ")) {
		len = (int)strcspn(names, " ");
		snprintf(path, sizeof(path), "%s/%.*s", part->folder, len, names);
		err = go(&way, "", path);
	}
	return err;
}

/* ---- what has no fixed place ---- */

/* Where mo_kernel_option() looks. */
static int add_config(struct mo_bundle *bundle)
{
	char release[128], path[PATH_MAX], *text, *name;
	struct mo_ctx *ctx = bundle->ctx;
	int err = mo_kernel_config(ctx, &text);

	if (err) {
		mo_bundle_miss(bundle, "/proc/config.gz", err);
		return 0;
	}
	strcpy(path, "/proc/config.gz");	/* what reads it takes plain text, too */
	if (mo_read_text(ctx, release, sizeof(release), "/proc/sys/kernel/osrelease") > 0 && !strchr(release, '/')) {
		name = mo_redact_text(bundle->redactor, MO_TEXT_FREE, release);
		snprintf(path, sizeof(path), "/boot/config-%s", name ? name : "");
		free(name);
	}
	err = mo_bundle_add_text(bundle, MO_TEXT_KNOWN, path, text);
	free(text);
	return err;
}

/* The number before the name is where its turn is among others. ENDING is that of its name. */
static int add_numbered(struct mo_bundle *bundle, enum mo_text_kind kind, const char *from, const char *ending)
{
	const char *file = strrchr(from, '/') + 1;
	size_t len, order = strspn(file, "0123456789");
	char path[PATH_MAX], *text, *name;
	int err = read_part(bundle, from, &text, &len);

	if (err) {
		mo_bundle_miss(bundle, from, err);
		return 0;
	}
	name = mo_redact_name(bundle->redactor, file + order);
	if (!name) {
		free(text);
		return mo_bundle_no_memory(bundle);
	}
	snprintf(path, sizeof(path), "%.*s%s%s", (int)(file - from + (ptrdiff_t)order), from, name,
		 bundle->redactor ? ending : "");
	err = mo_bundle_add_text(bundle, kind, path, text);
	free(name);
	free(text);
	return err;
}

static int add_rule(void *data, const struct mo_online_rule *rule)
{
	return add_numbered(data, MO_TEXT_FREE, rule->path, ".rules");
}

/* What comes after /etc/memoffline.conf. */
static int add_policies(struct mo_bundle *bundle)
{
	DIR *dir = mo_opendir(bundle->ctx, POLICIES);
	struct dirent *entry;
	char path[PATH_MAX];
	int err = 0;

	while (dir && !err && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), POLICIES "/%s", entry->d_name);
		if (!fnmatch("*.conf", entry->d_name, FNM_PERIOD))
			err = add_numbered(bundle, MO_TEXT_KNOWN, path, ".conf");
	}
	if (dir)
		closedir(dir);
	return err;
}

static int add_dimm(struct mo_bundle *bundle, const char *path)
{
	size_t len;
	char *raw;
	int err = read_part(bundle, path, &raw, &len);

	if (!err && bundle->redactor) {
		err = mo_dmi_redact(bundle->redactor, &raw, &len);
		if (err)
			free(raw);
	}
	if (err == -ENOMEM)
		return mo_bundle_no_memory(bundle);
	if (err) {
		mo_bundle_miss(bundle, path, err);
		return 0;
	}
	err = mo_bundle_add_bytes(bundle, path, raw, len);
	free(raw);
	return err;
}

static int add_dimms(struct mo_bundle *bundle)
{
	DIR *dir = mo_opendir(bundle->ctx, "/sys/firmware/dmi/entries");
	struct dirent *entry;
	char path[PATH_MAX];
	int err = 0;

	if (!dir)
		mo_bundle_miss(bundle, "/sys/firmware/dmi/entries", -errno);
	while (dir && !err && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "17-", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/firmware/dmi/entries/%s/raw", entry->d_name);
		err = add_dimm(bundle, path);
	}
	if (dir)
		closedir(dir);
	return err;
}

int mo_bundle_add_parts(struct mo_bundle *bundle)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && !err; i++)
		err = add_part(bundle, &parts[i]);
	if (!err)
		err = add_config(bundle);
	if (!err)
		err = mo_online_rules_each(bundle->ctx, add_rule, bundle);
	if (!err)
		err = add_policies(bundle);
	return err ? err : add_dimms(bundle);
}
