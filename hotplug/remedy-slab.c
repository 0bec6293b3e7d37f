// SPDX-License-Identifier: LGPL-2.1-or-later
/* Shrink slab caches: they give back the slabs without an object in use that they keep for later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "remedy.h"

/* UINT64_MAX: it can't be told. */
static uint64_t slab_bytes(const struct mo_remedy_work *work, const char *name)
{
	uint64_t nr_slabs, order;
	char text[256];

	/* "12 N0=12": the sum comes first */
	if (mo_read_text(work->ctx, text, sizeof(text), "/sys/kernel/slab/%s/slabs", name) <= 0 ||
	    mo_read_u64(work->ctx, 10, &order, "/sys/kernel/slab/%s/order", name))
		return UINT64_MAX;
	nr_slabs = strtoull(text, NULL, 10);
	return (nr_slabs << order) * work->page_bytes;
}

static int shrink(struct mo_remedy_work *work, const char *name, uint64_t *freed_bytes)
{
	uint64_t before, after;
	int err;

	if (strchr(name, '/') || *name == '.')
		return -EINVAL;
	before = slab_bytes(work, name);
	err = mo_write_text(work->ctx, "1", "/sys/kernel/slab/%s/shrink", name);
	if (err)
		return err;
	after = slab_bytes(work, name);
	if (before == UINT64_MAX || after == UINT64_MAX)
		*freed_bytes = UINT64_MAX;
	else
		*freed_bytes = before > after ? before - after : 0;
	return 0;
}

void mo_remedy_slab(struct mo_remedy_work *work)
{
	for (size_t i = 0; i < work->choice->nr_objects; i++) {
		const struct mo_remedy_object *object = &work->choice->objects[i];
		struct mo_remedy result = {
			.object = object->name, .asked_bytes = object->nr_pages * work->page_bytes,
		};

		result.error = shrink(work, object->name, &result.freed_bytes);
		mo_remedy_tell(work, &result);
	}
}
