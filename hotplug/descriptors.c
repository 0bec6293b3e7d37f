// SPDX-License-Identifier: LGPL-2.1-or-later
/* Open files: each descriptor of each process, and what the kernel tells of it. Reads nothing that could wait. */
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
	uint64_t nr_hidden;
	struct mo_descriptor descriptor;	/* that is being looked at */
	int ended_by;				/* what FN returned */
};

static int visit(void *data, uint32_t number)
{
	struct walk *walk = data;
	char target[PATH_MAX];

	if (mo_read_link(walk->ctx, target, sizeof(target), "/proc/%d/fd/%u", walk->descriptor.pid, number) < 0)
		return 0;	/* closed meanwhile */
	walk->descriptor.fd = (int32_t)number;
	walk->descriptor.target = target;
	walk->ended_by = walk->fn(walk->data, &walk->descriptor);
	return walk->ended_by;
}

static int look_into(void *data, uint32_t pid)
{
	struct walk *walk = data;
	struct mo_descriptor *descriptor = &walk->descriptor;
	int err;

	descriptor->pid = (int32_t)pid;
	if (mo_read_text(walk->ctx, descriptor->comm, sizeof(descriptor->comm), "/proc/%u/comm", pid) < 0)
		*descriptor->comm = '\0';
	err = mo_numbers_each(walk->ctx, visit, walk, "/proc/%u/fd", pid);
	if (walk->ended_by)
		return walk->ended_by;
	walk->nr_hidden += err == -EACCES || err == -EPERM;
	return mo_now_ms() > walk->deadline_ms ? -ETIMEDOUT : 0;
}

int mo_descriptors_each(struct mo_ctx *ctx, uint32_t limit_ms, mo_descriptor_fn *fn, void *data, uint64_t *nr_hidden)
{
	struct walk walk = { .ctx = ctx, .fn = fn, .data = data, .deadline_ms = mo_now_ms() + limit_ms };
	int err = mo_pid_each(ctx, look_into, &walk);

	*nr_hidden = walk.nr_hidden;
	return err;
}

int mo_descriptor_info(struct mo_ctx *ctx, const struct mo_descriptor *descriptor, char **text)
{
	return mo_read_file(ctx, text, NULL, "/proc/%d/fdinfo/%d", descriptor->pid, descriptor->fd);
}
