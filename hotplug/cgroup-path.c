// SPDX-License-Identifier: LGPL-2.1-or-later
/* The path of a cgroup, of which the kernel tells the inode number alone: what pages are charged to. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "private.h"

#define DEPTH_MAX 64
#define FILEID_KERNFS 0xfe	/* of linux/exportfs.h; a handle of this type is the number itself */

static int open_by_number(int root_fd, uint64_t inode)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(inode)];
	} number = { .handle = { .handle_bytes = sizeof(inode), .handle_type = FILEID_KERNFS } };
	int fd;

	memcpy(number.handle.f_handle, &inode, sizeof(inode));
	fd = open_by_handle_at(root_fd, &number.handle, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What follows ROOT in the name of FD. */
static int path_below(const char *root, int fd, char *path, size_t size)
{
	static const char removed[] = " (deleted)";
	char link[32], name[4096];
	size_t root_len = strlen(root);
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return -errno;
	name[len] = '\0';
	if (strncmp(name, root, root_len) || (name[root_len] && name[root_len] != '/'))
		return -ENOENT;
	if ((size_t)len >= strlen(removed) && !strcmp(name + len - strlen(removed), removed))
		return -ESTALE;
	snprintf(path, size, "%s", name[root_len] ? name + root_len : "/");
	return 0;
}

/* The tree that memory is charged in. Numbers mean something else in each. */
static const char *find_root(void)
{
	struct statfs stat;

	if (!statfs("/sys/fs/cgroup", &stat) && stat.f_type == CGROUP2_SUPER_MAGIC)
		return "/sys/fs/cgroup";
	if (!statfs("/sys/fs/cgroup/memory", &stat) && stat.f_type == CGROUP_SUPER_MAGIC)
		return "/sys/fs/cgroup/memory";
	return "/sys/fs/cgroup/unified";
}

/* ---- all of them ---- */

struct walk {
	mo_cgroup_fn *fn;
	void *data;
	char path[PATH_MAX];
	size_t root_len;
};

/* The path is that of a cgroup, and is so again in the end. One that can't be read has gone. */
static int walk_below(struct walk *walk, unsigned int depth)
{
	DIR *dir = opendir(walk->path);
	size_t len = strlen(walk->path);
	struct dirent *entry;
	struct stat stat;
	int err = 0;

	if (dir && !fstat(dirfd(dir), &stat))
		err = walk->fn(walk->data, stat.st_ino, walk->path[walk->root_len] ? walk->path + walk->root_len : "/");
	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || *entry->d_name == '.' || depth == DEPTH_MAX)
			continue;
		if (snprintf(walk->path + len, sizeof(walk->path) - len, "/%s", entry->d_name) < (int)(sizeof(walk->path) - len))
			err = walk_below(walk, depth + 1);
		walk->path[len] = '\0';
	}
	if (dir)
		closedir(dir);
	return err;
}

static int read_record(struct mo_ctx *ctx, mo_cgroup_fn *fn, void *data)
{
	char *text, *line, *rest;
	uint64_t inode;
	int len, err = mo_read_file(ctx, &text, NULL, MO_CGROUPS_RECORD);

	if (err)
		return err;
	for (line = strtok_r(text, "\n", &rest); line && !err; line = strtok_r(NULL, "\n", &rest)) {
		len = 0;
		if (sscanf(line, "%" SCNu64 " %n", &inode, &len) == 1 && line[len] == '/')
			err = fn(data, inode, line + len);
	}
	free(text);
	return err;
}

int mo_cgroups_each(struct mo_ctx *ctx, mo_cgroup_fn *fn, void *data)
{
	struct walk walk = { .fn = fn, .data = data };

	if (mo_ctx_get_sysroot(ctx))
		return read_record(ctx, fn, data);
	snprintf(walk.path, sizeof(walk.path), "%s", find_root());
	walk.root_len = strlen(walk.path);
	return walk_below(&walk, 0);
}

/* ---- one ---- */

#define FOUND 1

struct search {
	uint64_t inode;
	char *path;
	size_t size;
};

static int compare(void *data, uint64_t inode, const char *path)
{
	const struct search *search = data;

	if (inode != search->inode)
		return 0;
	snprintf(search->path, search->size, "%s", path);
	return FOUND;
}

static int find_recorded(struct mo_ctx *ctx, uint64_t inode, char *path, size_t size)
{
	struct search search = { inode, path, size };
	int err = mo_cgroups_each(ctx, compare, &search);

	return err == FOUND ? 0 : err ? err : -ENOENT;
}

int mo_cgroup_path(struct mo_ctx *ctx, uint64_t inode, char *path, size_t size)
{
	const char *root;
	int root_fd, fd, err;

	if (mo_ctx_get_sysroot(ctx))
		return find_recorded(ctx, inode, path, size);
	root = find_root();
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = open_by_number(root_fd, inode);
	close(root_fd);
	if (fd < 0)
		return fd;
	err = path_below(root, fd, path, size);
	close(fd);
	return err;
}
