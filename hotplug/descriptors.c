// SPDX-License-Identifier: LGPL-2.1-or-later
/* Open files: each descriptor of each process, and what the kernel tells of it. Reads nothing that could wait. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct walk {
	struct mo_ctx *ctx;
	mo_descriptor_fn *fn;
	void *data;
	uint64_t deadline_ms;
};

static int visit(const struct walk *walk, struct mo_descriptor *descriptor, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = mo_read_link(walk->ctx, target, sizeof(target), "/proc/%d/fd/%s", descriptor->pid, name);

	if (len < 0)
		return 0;	/* closed meanwhile */
	descriptor->fd = atoi(name);
	descriptor->target = target;
	return walk->fn(walk->data, descriptor);
}

static int look_into(const struct walk *walk, int32_t pid)
{
	struct mo_descriptor descriptor = { .pid = pid };
	struct dirent *entry;
	DIR *dir = mo_opendir(walk->ctx, "/proc/%d/fd", pid);
	int err = 0;

	if (!dir)
		return errno == EACCES || errno == EPERM ? -EACCES : 0;
	if (mo_read_text(walk->ctx, descriptor.comm, sizeof(descriptor.comm), "/proc/%d/comm", pid) < 0)
		*descriptor.comm = '\0';
	while (!err && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			err = visit(walk, &descriptor, entry->d_name);
	closedir(dir);
	return err;
}

int mo_descriptors_each(struct mo_ctx *ctx, uint32_t limit_ms, mo_descriptor_fn *fn, void *data, uint64_t *nr_hidden)
{
	const struct walk walk = { ctx, fn, data, mo_now_ms() + limit_ms };
	DIR *dir = mo_opendir(ctx, "/proc");
	struct dirent *entry;
	int err = 0;

	*nr_hidden = 0;
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		uint32_t pid;

		if (!mo_name_number(entry->d_name, "", &pid))
			continue;
		err = look_into(&walk, (int32_t)pid);
		if (err == -EACCES) {
			++*nr_hidden;
			err = 0;
		} else if (!err && mo_now_ms() > walk.deadline_ms) {
			err = -ETIMEDOUT;
		}
	}
	closedir(dir);
	return err;
}

int mo_descriptor_info(struct mo_ctx *ctx, const struct mo_descriptor *descriptor, char **text)
{
	return mo_read_file(ctx, text, NULL, "/proc/%d/fdinfo/%d", descriptor->pid, descriptor->fd);
}
