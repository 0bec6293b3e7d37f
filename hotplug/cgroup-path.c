// SPDX-License-Identifier: LGPL-2.1-or-later
/* The path of a cgroup, of which the kernel tells the inode number alone: what pages are charged to. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "private.h"

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

int mo_cgroup_path(struct mo_ctx *ctx, uint64_t inode, char *path, size_t size)
{
	const char *root;
	int root_fd, fd, err;

	if (mo_ctx_get_sysroot(ctx))
		return -ENOENT;
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
