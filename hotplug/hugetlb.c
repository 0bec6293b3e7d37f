// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pools of huge pages: how many there are of each size, on each node, and how many were promised. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define MACHINE "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"

static uint64_t number(struct mo_ctx *ctx, const char *folder, uint32_t kib, const char *name)
{
	uint64_t value;

	return mo_read_u64(ctx, 10, &value, "%s/hugepages-%" PRIu32 "kB/%s", folder, kib, name) ? 0 : value;
}

static bool size_of_folder(const char *name, uint32_t *kib)
{
	int len = 0;

	return sscanf(name, "hugepages-%" SCNu32 "kB%n", kib, &len) == 1 && len && !name[len];
}

struct folder { char path[64]; };

/* Without NUMA there are none of nodes. */
static struct folder folder_of(int32_t node)
{
	struct folder folder = { MACHINE };

	if (node >= 0)
		snprintf(folder.path, sizeof(folder.path), NODES "/node%d/hugepages", node);
	return folder;
}

static void read_pool(struct mo_ctx *ctx, int32_t node, struct mo_pool *pool)
{
	struct folder place = folder_of(node);
	const char *folder = place.path;

	pool->node = node;
	pool->nr_pages = number(ctx, folder, pool->size_kib, "nr_hugepages");
	pool->surplus_pages = number(ctx, folder, pool->size_kib, "surplus_hugepages");
	pool->free_pages = number(ctx, folder, pool->size_kib, "free_hugepages");
}

int mo_pools_add(struct mo_pools *pools, const struct mo_pool *pool)
{
	struct mo_pool *more = reallocarray(pools->all, pools->nr + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	pools->all = more;
	more[pools->nr++] = *pool;
	return 0;
}

static int read_size(const struct mo_memory *memory, uint32_t kib, struct mo_pools *pools)
{
	struct mo_pool pool = { .size_kib = kib };
	int err = 0;

	pool.promised_pages = number(memory->ctx, MACHINE, kib, "resv_hugepages");
	for (size_t i = 0; i < memory->nr_nodes && !err; i++) {
		read_pool(memory->ctx, memory->nodes[i].number, &pool);
		err = mo_pools_add(pools, &pool);
	}
	if (!memory->nr_nodes) {
		read_pool(memory->ctx, -1, &pool);
		err = mo_pools_add(pools, &pool);
	}
	return err;
}

int mo_pools_read(const struct mo_memory *memory, struct mo_pools *pools)
{
	DIR *dir = mo_opendir(memory->ctx, MACHINE);
	struct dirent *entry;
	uint32_t kib;
	int err = 0;

	*pools = (struct mo_pools){ 0 };
	if (!dir)
		return 0;	/* a kernel without them */
	while (!err && (entry = readdir(dir)))
		if (size_of_folder(entry->d_name, &kib))
			err = read_size(memory, kib, pools);
	closedir(dir);
	if (err)
		mo_pools_free(pools);
	return err;
}

void mo_pools_free(struct mo_pools *pools)
{
	free(pools->all);
	*pools = (struct mo_pools){ 0 };
}

struct mo_pool mo_pools_sum(const struct mo_pools *pools, uint32_t size_kib)
{
	struct mo_pool sum = { .node = -1, .size_kib = size_kib };

	for (size_t i = 0; i < pools->nr; i++) {
		if (pools->all[i].size_kib != size_kib)
			continue;
		sum.nr_pages += pools->all[i].nr_pages;
		sum.surplus_pages += pools->all[i].surplus_pages;
		sum.free_pages += pools->all[i].free_pages;
		sum.promised_pages = pools->all[i].promised_pages;	/* of the machine, not of a node */
	}
	return sum;
}

/* ---- sizes of pools ---- */

uint64_t mo_pool_own_pages(const struct mo_pool *pool)
{
	return pool->nr_pages - pool->surplus_pages;
}

/* The kernel makes what it can, and does not say what it could not. Returns how many there are then. */
static uint64_t set_size(struct mo_ctx *ctx, const struct mo_pool *pool, uint64_t nr)
{
	struct mo_pool now = *pool;
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, nr);
	mo_write_text(ctx, text, "%s/hugepages-%" PRIu32 "kB/nr_hugepages", folder_of(pool->node).path, pool->size_kib);
	read_pool(ctx, pool->node, &now);
	return mo_pool_own_pages(&now);
}

static bool stays(struct mo_memory *memory, int32_t node)
{
	for (size_t i = 0; i < memory->nr_blocks; i++)
		if (memory->blocks[i].node == node && memory->blocks[i].state == MO_STATE_ONLINE)
			return true;
	return !memory->nr_nodes;
}

static bool is_first_of_size(const struct mo_pools *pools, size_t i)
{
	return pools->all[i].node == pools->all[0].node;
}

/* BEFORE may be of another time, when there were other nodes. */
static bool has_lost(const struct mo_pools *before, const struct mo_pool *pool)
{
	for (size_t i = 0; i < before->nr; i++)
		if (before->all[i].node == pool->node && before->all[i].size_kib == pool->size_kib)
			return mo_pool_own_pages(pool) < mo_pool_own_pages(&before->all[i]);
	return false;
}

/* Those that lost some come first, since their users are near. */
static uint64_t grow(struct mo_memory *memory, const struct mo_pools *before, const struct mo_pools *now, uint32_t kib,
		     uint64_t missing)
{
	uint64_t made = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < now->nr && made < missing; i++) {
			uint64_t had = mo_pool_own_pages(&now->all[i]), wanted = had + missing - made;

			if (now->all[i].size_kib != kib || has_lost(before, &now->all[i]) == pass ||
			    !stays(memory, now->all[i].node))
				continue;
			made += set_size(memory->ctx, &now->all[i], wanted) - had;
		}
	return made;
}

static void refill_size(struct mo_memory *memory, const struct mo_pools *before, const struct mo_pools *now,
			uint32_t kib, struct mo_report *report)
{
	struct mo_pool had = mo_pools_sum(before, kib), has = mo_pools_sum(now, kib);
	uint64_t missing, made;

	if (mo_pool_own_pages(&has) >= mo_pool_own_pages(&had))
		return;
	missing = mo_pool_own_pages(&had) - mo_pool_own_pages(&has);
	made = grow(memory, before, now, kib, missing);
	mo_report_add_note(report, "%llu of %llu huge pages of %u KiB went with the blocks, and %llu were made anew on other nodes%s",
			   (unsigned long long)missing, (unsigned long long)mo_pool_own_pages(&had), kib,
			   (unsigned long long)made,
			   made < missing ? "; for the others there was no room, or no memory in one piece" : "");
}

void mo_pools_refill(struct mo_memory *memory, const struct mo_pools *before, struct mo_report *report)
{
	struct mo_pools now;

	if (mo_pools_read(memory, &now))
		return;
	for (size_t i = 0; i < before->nr; i++)
		if (is_first_of_size(before, i))
			refill_size(memory, before, &now, before->all[i].size_kib, report);
	mo_pools_free(&now);
}

void mo_pools_restore(const struct mo_memory *memory, const struct mo_pools *before, struct mo_report *report)
{
	for (size_t i = 0; i < before->nr; i++) {
		const struct mo_pool *pool = &before->all[i];
		struct mo_pool now = *pool;
		uint64_t nr;

		read_pool(memory->ctx, pool->node, &now);
		if (mo_pool_own_pages(&now) == mo_pool_own_pages(pool))
			continue;
		nr = set_size(memory->ctx, pool, mo_pool_own_pages(pool));
		if (nr != mo_pool_own_pages(pool))
			mo_report_add_note(report, "the pool of huge pages of %u KiB on node %d had %llu and has %llu now: the "
					   "memory is in use, or not in one piece", pool->size_kib, pool->node,
					   (unsigned long long)mo_pool_own_pages(pool), (unsigned long long)nr);
	}
}
