// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rings of io_uring: which memory of its process a ring holds for good, as the kernel tells it of the open file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static bool add_buffer(struct mo_ring *ring, uint64_t start_addr, uint64_t len_bytes)
{
	struct mo_range *more = reallocarray(ring->buffers, ring->nr_buffers + 1, sizeof(*more));

	if (!more)
		return false;
	ring->buffers = more;
	more[ring->nr_buffers++] = (struct mo_range){ start_addr, start_addr + len_bytes };
	return true;
}

/* "    0: 0x7f0000000000/4096" for each after "UserBufs:"; the kernel leaves them out while the ring is busy. */
static void read_buffers(struct mo_ring *ring, const char *info)
{
	const char *line = strstr(info, "UserBufs:");
	unsigned long long addr, len_bytes;

	while (line && (line = strchr(line, '\n')) && sscanf(++line, " %*u: 0x%llx/%llu", &addr, &len_bytes) == 2)
		if (!add_buffer(ring, addr, len_bytes))
			return;
}

int mo_ring_read(struct mo_ctx *ctx, const struct mo_descriptor *descriptor, struct mo_ring *ring)
{
	char *info;
	int err = mo_descriptor_info(ctx, descriptor, &info);

	*ring = (struct mo_ring){ 0 };
	if (err)
		return err;
	read_buffers(ring, info);
	free(info);
	return 0;
}
