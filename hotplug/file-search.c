// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files of which the kernel tells the number and the last component of the name, but not the file system: they are
 * looked for among those that processes have mapped or open, by the links of /proc, which lead to the file itself
 * wherever it is mounted, or deleted; then in file systems of the ext family, which find a file by its number. Nothing
 * is opened for reading here: a FIFO or a device that has the number by chance is not touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remedy.h"

#define FILEID_INO32_GEN 1	/* of linux/exportfs.h */

struct search {
	struct mo_ctx *ctx;
	struct mo_wanted_file *files;
	size_t nr;
};

/* ---- is it one of them? ---- */

static bool is_of_name(const char *path, const struct mo_wanted_file *file)
{
	const char *slash = strrchr(file->name, '/'), *last = slash ? slash + 1 : file->name;

	return *last && mo_path_has_name(path, last);
}

static bool is_same_file(int fd, const struct stat *stat)
{
	struct stat other;

	return !fstat(fd, &other) && other.st_dev == stat->st_dev && other.st_ino == stat->st_ino;
}

/* Takes FD. */
static void judge(struct search *search, int fd)
{
	char path[PATH_MAX];
	struct stat stat;

	if (fd < 0)
		return;
	for (size_t i = 0; i < search->nr; i++) {
		struct mo_wanted_file *file = &search->files[i];

		if (fstat(fd, &stat) || stat.st_ino != file->inode || !S_ISREG(stat.st_mode) ||
		    mo_read_link(search->ctx, path, sizeof(path), "/proc/self/fd/%d", fd) < 0 ||
		    !is_of_name(path, file))
			continue;
		if (file->fd >= 0) {
			file->is_ambiguous |= !is_same_file(file->fd, &stat);
			continue;
		}
		file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		memcpy(file->path, path, sizeof(path));
	}
	close(fd);
}

static bool is_wanted(const struct search *search, uint64_t inode)
{
	for (size_t i = 0; i < search->nr; i++)
		if (search->files[i].inode == inode)
			return true;
	return false;
}

/* ---- what processes use ---- */

static void look_at_maps(struct search *search, uint32_t pid)
{
	unsigned long long start, end;
	char *text, *line, *save;
	uint64_t inode;

	if (mo_read_file(search->ctx, &text, NULL, "/proc/%u/maps", pid))
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%llx-%llx %*s %*s %*s %" SCNu64, &start, &end, &inode) == 3 && is_wanted(search, inode))
			judge(search, mo_open(search->ctx, O_PATH, "/proc/%u/map_files/%llx-%llx", pid, start, end));
	free(text);
}

static int look_at_process(void *data, uint32_t pid)
{
	look_at_maps(data, pid);
	return 0;
}

static int look_at_open_file(void *data, const struct mo_descriptor *descriptor)
{
	struct search *search = data;

	for (size_t i = 0; i < search->nr; i++) {
		if (!is_of_name(descriptor->target, &search->files[i]))
			continue;
		judge(search, mo_open(search->ctx, O_PATH, "/proc/%d/fd/%d", descriptor->pid, descriptor->fd));
		break;
	}
	return 0;
}

static void look_at_processes(struct search *search)
{
	uint64_t nr_hidden;

	mo_pid_each(search->ctx, look_at_process, search);
	mo_descriptors_each(search->ctx, UINT32_MAX, look_at_open_file, search, &nr_hidden);
}

/* ---- what nobody uses ---- */

/* These file systems take a file's number for its handle; generation 0 stands for any. */
static int open_by_number(int mount_fd, uint64_t inode)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + 2 * sizeof(uint32_t)];
	} number = { .handle = { .handle_bytes = 2 * sizeof(uint32_t), .handle_type = FILEID_INO32_GEN } };
	uint32_t parts[2] = { (uint32_t)inode, 0 };

	if (inode > UINT32_MAX)
		return -1;
	memcpy(number.handle.f_handle, parts, sizeof(parts));
	return open_by_handle_at(mount_fd, &number.handle, O_PATH | O_CLOEXEC);
}

static void look_below(struct search *search, const char *mount)
{
	int mount_fd = mo_open(search->ctx, O_RDONLY | O_DIRECTORY, "%s", mount);

	for (size_t i = 0; mount_fd >= 0 && i < search->nr; i++)
		judge(search, open_by_number(mount_fd, search->files[i].inode));
	if (mount_fd >= 0)
		close(mount_fd);
}

static void look_at_mounts(struct search *search)
{
	int fd = mo_open(search->ctx, O_RDONLY, "/proc/self/mounts");
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct mntent *mount;

	while (file && (mount = getmntent(file)))
		if (!strncmp(mount->mnt_type, "ext", strlen("ext")))	/* ext2, ext3, ext4 */
			look_below(search, mount->mnt_dir);
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
}

void mo_files_find(struct mo_ctx *ctx, struct mo_wanted_file *files, size_t nr)
{
	struct search search = { ctx, files, nr };

	for (size_t i = 0; i < nr; i++) {
		files[i].fd = -1;
		files[i].is_ambiguous = false;
	}
	look_at_processes(&search);
	look_at_mounts(&search);
}
