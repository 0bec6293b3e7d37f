// SPDX-License-Identifier: GPL-2.0-only
/* Sysfs trees of machines that are not there. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree.h"

#define MEMORY "sys/devices/system/memory"
#define NODES "sys/devices/system/node"

struct tree {
	int fd;
	uint64_t block_bytes;
};

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "tree: can't %s %s: %s\n", what, path, strerror(errno));
	return -1;
}

static int make_dirs(struct tree *tree, const char *path)
{
	char part[512];
	size_t len = 0;

	while (path[len]) {
		len += strspn(path + len, "/");
		len += strcspn(path + len, "/");
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		if (mkdirat(tree->fd, part, 0755) && errno != EEXIST)
			return fail("make", part);
	}
	return 0;
}

static int make_parent(struct tree *tree, const char *path)
{
	char parent[512];
	const char *slash = strrchr(path, '/');

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	return make_dirs(tree, parent);
}

/* FLAGS: O_APPEND, or O_TRUNC. */
__attribute__((format(printf, 4, 5)))
static int put(struct tree *tree, int flags, const char *path, const char *fmt, ...)
{
	char text[8192];
	va_list args;
	int len, fd;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	if (fd < 0 && errno == ENOENT && !make_parent(tree, path))
		fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		return fail("write", path);
	return close(fd);
}

static int put_link(struct tree *tree, const char *path, const char *target)
{
	if (!symlinkat(target, tree->fd, path))
		return 0;
	if (errno == EEXIST && !unlinkat(tree->fd, path, 0) && !symlinkat(target, tree->fd, path))
		return 0;
	if (errno != ENOENT || make_parent(tree, path) || symlinkat(target, tree->fd, path))
		return fail("link", path);
	return 0;
}

static void plus_to_space(char *text)
{
	for (; (text = strchr(text, '+')); text++)
		*text = ' ';
}

static int put_block_nodes(struct tree *tree, unsigned int block, const char *nodes)
{
	char path[256], target[64];
	int node, len;

	while (sscanf(nodes, "%d%n", &node, &len) == 1) {
		snprintf(path, sizeof(path), MEMORY "/memory%u/node%d", block, node);
		snprintf(target, sizeof(target), "../../node/node%d", node);
		if (put_link(tree, path, target))
			return -1;
		snprintf(path, sizeof(path), NODES "/node%d/memory%u", node, block);
		snprintf(target, sizeof(target), "../../memory/memory%u", block);
		if (put_link(tree, path, target))
			return -1;
		nodes += len + (nodes[len] == '+');
	}
	return 0;
}

static int put_block(struct tree *tree, unsigned int block, const char *state, const char *zones, const char *nodes)
{
	char path[256];
	int len = snprintf(path, sizeof(path), MEMORY "/memory%u", block);
	int err = make_dirs(tree, path);

	strcpy(path + len, "/state");
	err = err || put(tree, O_TRUNC, path, "%s\n", state);
	strcpy(path + len, "/valid_zones");
	err = err || put(tree, O_TRUNC, path, "%s\n", zones);
	strcpy(path + len, "/removable");
	err = err || put(tree, O_TRUNC, path, "1\n");
	strcpy(path + len, "/phys_index");
	err = err || put(tree, O_TRUNC, path, "%08x\n", block);
	return err || put_block_nodes(tree, block, nodes) ? -1 : 0;
}

static int put_blocks(struct tree *tree, const char *value)
{
	char state[32], zones[64], nodes[64];
	unsigned int first, last;

	if (sscanf(value, "%u-%u,%31[^,],%63[^,],%63[^,]", &first, &last, state, zones, nodes) != 5) {
		last = first;
		if (sscanf(value, "%u,%31[^,],%63[^,],%63[^,]", &first, state, zones, nodes) != 4)
			return -2;
		last = first;
	}
	plus_to_space(zones);
	for (; first <= last; first++)
		if (put_block(tree, first, state, zones, nodes))
			return -1;
	return 0;
}

static int put_node(struct tree *tree, const char *value)
{
	char cpus[64], distances[256], path[256];
	unsigned long total, free_kib, file;
	int node, len;

	if (sscanf(value, "%d,%63[^,],%lu,%lu,%lu,%255[^,]", &node, cpus, &total, &free_kib, &file, distances) != 6)
		return -2;
	plus_to_space(distances);
	len = snprintf(path, sizeof(path), NODES "/node%d", node);
	strcpy(path + len, "/cpulist");
	if (put(tree, O_TRUNC, path, "%s\n", strcmp(cpus, "-") ? cpus : ""))
		return -1;
	strcpy(path + len, "/distance");
	if (put(tree, O_TRUNC, path, "%s\n", distances))
		return -1;
	strcpy(path + len, "/meminfo");
	return put(tree, O_TRUNC, path, "Node %d MemTotal:       %lu kB\nNode %d MemFree:        %lu kB\n"
		   "Node %d FilePages:      %lu kB\nNode %d Shmem:          0 kB\n",
		   node, total, node, free_kib, node, file, node);
}

static int put_dimm(struct tree *tree, const char *value)
{
	char name[64], path[320], target[128], folder[128];
	unsigned int first, last, i;

	if (sscanf(value, "%63[^,],%u-%u", name, &first, &last) != 3)
		return -2;
	snprintf(folder, sizeof(folder), "sys/devices/LNXSYSTM:00/LNXSYBUS:00/%s", name);
	snprintf(path, sizeof(path), "sys/bus/acpi/devices/%s", name);
	snprintf(target, sizeof(target), "../../../devices/LNXSYSTM:00/LNXSYBUS:00/%s", name);
	if (put_link(tree, path, target))
		return -1;
	for (i = first; i <= last; i++) {
		snprintf(path, sizeof(path), "%s/physical_node%.0u", folder, i - first);
		snprintf(target, sizeof(target), "../../../system/memory/memory%u", i);
		if (put_link(tree, path, target))
			return -1;
		snprintf(path, sizeof(path), MEMORY "/memory%u/firmware_node", i);
		snprintf(target, sizeof(target), "../../../LNXSYSTM:00/LNXSYBUS:00/%s", name);
		if (put_link(tree, path, target))
			return -1;
	}
	return 0;
}

static int put_dax(struct tree *tree, const char *value)
{
	unsigned long long start, len_bytes;
	char name[64], path[320];
	int len;

	if (sscanf(value, "%63[^,],%llx,%llx", name, &start, &len_bytes) != 3)
		return -2;
	len = snprintf(path, sizeof(path), "sys/bus/dax/devices/%s", name);
	strcpy(path + len, "/resource");
	if (put(tree, O_TRUNC, path, "0x%llx\n", start))
		return -1;
	strcpy(path + len, "/size");
	if (put(tree, O_TRUNC, path, "%llu\n", len_bytes))
		return -1;
	strcpy(path + len, "/driver");
	return put_link(tree, path, "../../../../bus/dax/drivers/kmem");
}

static int put_virtio_mem(struct tree *tree, const char *value)
{
	char name[64], range[64];

	if (sscanf(value, "%63[^,],%63s", name, range) != 2)
		return -2;
	return put(tree, O_APPEND, "proc/iomem", "%s : %s\n  %s : System RAM (virtio_mem)\n", range, name, range);
}

/* PATH and what follows the comma. */
static int split(const char *value, char path[512], const char **rest)
{
	const char *comma = strchr(value, ',');

	snprintf(path, 512, "%.*s", comma ? (int)(comma - value) : (int)strlen(value), value);
	*rest = comma ? comma + 1 : "";
	return comma ? 0 : -2;
}

static int put_file(struct tree *tree, const char *value)
{
	char path[512], text[8192], *at = text;
	const char *rest;
	int err = split(value, path, &rest);

	if (err)
		return err;
	for (; *rest && at < text + sizeof(text) - 1; rest++) {
		if (rest[0] == '\\' && rest[1] == '+')
			*at++ = '\n', rest++;
		else
			*at++ = *rest;
	}
	*at = '\0';
	return put(tree, O_TRUNC, path, "%s\n", text);
}

static int put_any_link(struct tree *tree, const char *value)
{
	const char *target;
	char path[512];
	int err = split(value, path, &target);

	return err ? err : put_link(tree, path, target);
}

static int put_fifo(struct tree *tree, const char *value)
{
	unlinkat(tree->fd, value, 0);
	if (make_parent(tree, value) || mkfifoat(tree->fd, value, 0644))
		return fail("make a fifo of", value);
	return 0;
}

static int set_block_size(struct tree *tree, const char *value)
{
	tree->block_bytes = strtoull(value, NULL, 16);
	return put(tree, O_TRUNC, MEMORY "/block_size_bytes", "%s\n", value);
}

static int put_iomem(struct tree *tree, const char *value)
{
	return put(tree, O_APPEND, "proc/iomem", "%s\n", value);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path) ? fail("remove", path) : 0;
}

int tree_remove(const char *dir)
{
	return nftw(dir, remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

static int remove_item(struct tree *tree, const char *value)
{
	char path[600];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", tree->fd, value);
	return tree_remove(path);
}

static const struct {
	const char *key;
	int (*make)(struct tree *tree, const char *value);
} makers[] = {
	{ "block-size=", set_block_size },
	{ "blocks=", put_blocks },
	{ "node=", put_node },
	{ "dimm=", put_dimm },
	{ "dax=", put_dax },
	{ "virtio-mem=", put_virtio_mem },
	{ "iomem=", put_iomem },
	{ "file=", put_file },
	{ "link=", put_any_link },
	{ "fifo=", put_fifo },
	{ "remove=", remove_item },
};

static int make_item(struct tree *tree, const char *item)
{
	size_t i;
	int err = -2;

	for (i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (strncmp(item, makers[i].key, strlen(makers[i].key)))
			continue;
		/* Whoever has blocks has their size. */
		if (makers[i].make == put_blocks && !tree->block_bytes && set_block_size(tree, "8000000"))
			return -1;
		err = makers[i].make(tree, item + strlen(makers[i].key));
		break;
	}
	if (err == -2)
		fprintf(stderr, "tree: '%s' is not understood; see tree.h for what is\n", item);
	return err;
}

int tree_make(const char *dir, const char *const *items)
{
	struct tree tree = { .fd = -1 };
	int err = 0;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return fail("make", dir);
	tree.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree.fd < 0)
		return fail("open", dir);
	if (!faccessat(tree.fd, MEMORY "/block_size_bytes", F_OK, 0))
		tree.block_bytes = 1;	/* the tree is there and is added to */
	for (; !err && *items; items++)
		err = make_item(&tree, *items);
	close(tree.fd);
	return err ? -1 : 0;
}
