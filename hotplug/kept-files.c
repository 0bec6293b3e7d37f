// SPDX-License-Identifier: LGPL-2.1-or-later
/* What memoffline itself keeps: reports and journal of the run directory, and the history. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"

#define RUN_DIR "/run/memoffline"	/* where they are in the bundle, wherever they were */
#define STATE_DIR "/var/lib/memoffline"
#define FILE_BYTES_MAX (16 << 20)

struct folder {
	struct mo_bundle *bundle;
	int fd;
	const char *place;	/* in the bundle */
	struct met { ino_t inode; char *name; } *met;	/* a report has a name for each block */
	size_t nr_met;
};

static int add_text(struct mo_bundle *bundle, const char *path, const char *text, size_t len)
{
	if (!bundle->redactor)
		return mo_bundle_add_bytes(bundle, path, text, len);
	if (strstr(path, ".json"))
		return mo_bundle_add_json(bundle, path, text);
	if (strlen(text) == len)
		return mo_bundle_add_text(bundle, MO_TEXT_FREE, path, text);
	mo_bundle_miss(bundle, path, -EBADMSG);	/* nobody knows what names it has */
	return 0;
}

static int add_open(struct mo_bundle *bundle, int fd, const char *path)
{
	struct stat file;
	size_t len;
	char *text;
	int err = fstat(fd, &file) ? -errno : file.st_size > FILE_BYTES_MAX ? -EFBIG : 0;

	if (!err)
		err = mo_read_open(fd, &text, &len);
	if (err) {
		mo_bundle_miss(bundle, path, err);
		return 0;
	}
	err = add_text(bundle, path, text, len);
	free(text);
	return err;
}

/* The first name of a file has its content, the others are links to that. */
static const char *first_name(struct folder *folder, ino_t inode, const char *name)
{
	struct met *more;

	for (size_t i = 0; i < folder->nr_met; i++)
		if (folder->met[i].inode == inode)
			return folder->met[i].name;
	more = realloc(folder->met, (folder->nr_met + 1) * sizeof(*more));
	if (!more)
		return NULL;
	folder->met = more;
	more[folder->nr_met] = (struct met){ inode, strdup(name) };
	return more[folder->nr_met].name ? more[folder->nr_met++].name : NULL;
}

static int add_file(struct folder *folder, int fd, const char *name, const char *path)
{
	struct stat file;
	const char *first;

	if (fstat(fd, &file) || !S_ISREG(file.st_mode))
		return 0;
	first = first_name(folder, file.st_ino, name);
	if (!first)
		return mo_bundle_no_memory(folder->bundle);
	if (strcmp(first, name) != 0)
		return mo_bundle_add_link(folder->bundle, path, first);
	return add_open(folder->bundle, fd, path);
}

/* A link is of a bundle that was unpacked, and leads to its neighbour. */
static int add_name(struct folder *folder, const char *name)
{
	int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err;
	char path[PATH_MAX], target[NAME_MAX + 1] = "/";

	err = fd < 0 ? -errno : 0;
	snprintf(path, sizeof(path), "%s/%s", folder->place, name);
	if (err == -ELOOP) {
		if (readlinkat(folder->fd, name, target, sizeof(target) - 1) > 0 && !strchr(target, '/'))
			return mo_bundle_add_link(folder->bundle, path, target);
		return 0;
	}
	if (err) {
		mo_bundle_miss(folder->bundle, path, err);
		return 0;
	}
	err = add_file(folder, fd, name, path);
	close(fd);
	return err;
}

static bool is_wanted(const char *name)
{
	return *name != '.' && strcmp(name, "lock") != 0;
}

/* FD is closed; negative: the folder can't be read. */
static int add_folder(struct mo_bundle *bundle, int fd, const char *place)
{
	struct folder folder = { .bundle = bundle, .fd = fd, .place = place };
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		mo_bundle_miss(bundle, place, fd < 0 ? fd : -ENOMEM);
		return 0;
	}
	while (!err && (entry = readdir(dir)))
		if (is_wanted(entry->d_name))
			err = add_name(&folder, entry->d_name);
	closedir(dir);
	for (size_t i = 0; i < folder.nr_met; i++)
		free(folder.met[i].name);
	free(folder.met);
	return err;
}

int mo_bundle_add_kept(struct mo_bundle *bundle)
{
	struct mo_ctx *ctx = bundle->ctx;
	int err = add_folder(bundle, mo_run_open(ctx, O_RDONLY | O_DIRECTORY, ""), RUN_DIR);

	if (!err)
		err = add_folder(bundle, mo_run_open(ctx, O_RDONLY | O_DIRECTORY, "reports"), RUN_DIR "/reports");
	if (!err)
		err = add_folder(bundle, mo_open(ctx, O_RDONLY | O_DIRECTORY, STATE_DIR), STATE_DIR);
	return err;
}
