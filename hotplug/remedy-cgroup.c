// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reclaim memory from the cgroups that are charged for what keeps a block, as much as that is. Which pages that takes
 * is the kernel's choice: those used least lately, of the block or of memory where the block's pages then find room.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "remedy.h"

/* memory.reclaim is of version 2, which may be mounted here alone, or beside version 1. */
static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* 0: it can't be told. */
static uint64_t charged_bytes(struct mo_ctx *ctx, const char *root, const char *path)
{
	uint64_t bytes = 0;

	return mo_read_u64(ctx, 10, &bytes, "%s%s/memory.current", root, path) ? 0 : bytes;
}

static int reclaim_below(struct mo_remedy_work *work, const char *root, const char *path, struct mo_remedy *result)
{
	uint64_t before = charged_bytes(work->ctx, root, path), after;
	char amount[32];

	snprintf(amount, sizeof(amount), "%" PRIu64, result->asked_bytes);
	result->error = mo_write_text(work->ctx, amount, "%s%s/memory.reclaim", root, path);
	after = charged_bytes(work->ctx, root, path);
	result->freed_bytes = before > after ? before - after : 0;
	return result->error;
}

static void reclaim(struct mo_remedy_work *work, const struct mo_remedy_object *object)
{
	struct mo_remedy result = { .object = object->name, .asked_bytes = object->nr_pages * work->page_bytes };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (reclaim_below(work, roots[i], object->name, &result) != -ENOENT)
			break;
	if (result.error == -EAGAIN && result.freed_bytes)
		result.error = 0;	/* less than was asked for, which the figures say */
	mo_remedy_tell(work, &result);
}

void mo_remedy_cgroup(struct mo_remedy_work *work)
{
	for (size_t i = 0; i < work->choice->nr_objects; i++)
		reclaim(work, &work->choice->objects[i]);
}
