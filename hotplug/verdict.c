// SPDX-License-Identifier: LGPL-2.1-or-later
/* The chance of one block to go, judged from its zone and from what it holds. Reads only. */
#include <errno.h>
#include <string.h>

#include "private.h"

const char *mo_verdict_name(enum mo_verdict verdict)
{
	static const char * const names[] = {
		[MO_VERDICT_DONE] = "done", [MO_VERDICT_FREE] = "free", [MO_VERDICT_LIKELY] = "likely",
		[MO_VERDICT_UNLIKELY] = "unlikely", [MO_VERDICT_NEVER] = "never",
	};

	return (size_t)verdict < ARRAY_SIZE(names) ? names[verdict] : "unknown";
}

static void judge(struct mo_step *step, enum mo_verdict verdict, enum mo_reason reason, uint64_t pages)
{
	step->verdict = verdict;
	step->reason = reason;
	step->reason_pages = pages;
}

/* What pages it is about. MO_KIND_NR: no kind by itself. */
static enum mo_kind kind_of_reason(enum mo_reason reason)
{
	switch (reason) {
	case MO_REASON_RESERVED: return MO_KIND_RESERVED;
	case MO_REASON_SLAB: return MO_KIND_SLAB;
	case MO_REASON_PGTABLE: return MO_KIND_PGTABLE;
	case MO_REASON_KERNEL: return MO_KIND_KERNEL;
	case MO_REASON_PAGE_OFFLINE: return MO_KIND_OFFLINE;
	case MO_REASON_GIGANTIC:
	case MO_REASON_HUGETLB_RESERVED: return MO_KIND_HUGETLB;
	default: return MO_KIND_NR;
	}
}

static uint64_t first_pfn(const struct mo_step *step)
{
	enum mo_kind kind = kind_of_reason(step->reason);

	return step->content_known && kind < MO_KIND_NR && step->content.nr_pages[kind] ?
	       step->content.first_pfn[kind] : NO_PFN;
}

/* ---- facts ---- */

static uint64_t memmap_pages(const struct mo_memory *memory)
{
	char setting[16];

	if (mo_read_text(memory->ctx, setting, sizeof(setting),
			 "/sys/module/memory_hotplug/parameters/memmap_on_memory") <= 0 ||
	    *setting == 'N' || *setting == '0')
		return 0;
	return memory->block_bytes / memory->page_bytes * 64 / memory->page_bytes;
}

static void add_pool(const struct mo_memory *memory, const struct mo_pool *pool, struct mo_isolation *facts)
{
	uint64_t pages = pool->size_kib * 1024ULL / memory->page_bytes;

	if (pages > MO_BUDDY_PAGES_MAX) {
		facts->nr_gigantic_free +=
			pool->free_pages > pool->promised_pages ? pool->free_pages - pool->promised_pages : 0;
		return;
	}
	facts->pool_free_pages += pool->free_pages * pages;
	facts->pool_promised_pages += pool->promised_pages * pages;
}

static void add_pools(const struct mo_memory *memory, struct mo_isolation *facts)
{
	const struct mo_pools *pools = mo_memory_pools(memory);
	struct mo_pool sum;

	for (size_t i = 0; i < pools->nr; i++) {
		if (pools->all[i].node != pools->all[0].node)
			continue;	/* its size was seen */
		sum = mo_pools_sum(pools, pools->all[i].size_kib);
		add_pool(memory, &sum, facts);
	}
}

static bool has_gigantic(const struct mo_memory *memory)
{
	const struct mo_pools *pools = mo_memory_pools(memory);
	uint64_t max_bytes = MO_BUDDY_PAGES_MAX * memory->page_bytes;

	for (size_t i = 0; i < pools->nr; i++)
		if (pools->all[i].nr_pages && pools->all[i].size_kib * 1024ULL > max_bytes)
			return true;
	return false;
}

static uint64_t listed_pages(const struct mo_memory *memory, uint32_t number)
{
	const struct mo_block *block = mo_memory_find(memory, number);
	const struct mo_zones *zones = mo_memory_zones(memory);

	for (size_t i = 0; i < zones->nr; i++)
		if (zones->all[i].zone == block->zone && (zones->all[i].node == block->node || block->node < 0))
			return zones->all[i].listed_pages;
	return 0;
}

static void add_pages(const struct mo_memory *memory, struct mo_pages *pages, const struct mo_step *step,
		      struct mo_isolation *facts)
{
	uint64_t start_pfn = step->block * facts->nr_pages;

	facts->content = &step->content;
	if (step->content.flagless_pages)
		facts->listed_pages = listed_pages(memory, step->block);
	if (step->content.nr_pages[MO_KIND_RESERVED])
		facts->memmap_pages = memmap_pages(memory);
	if (!step->content.nr_pages[MO_KIND_HUGETLB])
		return;
	facts->spans_end = mo_pages_are_joined(pages, start_pfn + facts->nr_pages);
	add_pools(memory, facts);
	if (has_gigantic(memory))
		facts->nr_gigantic = mo_pages_gigantic(pages, start_pfn, facts->nr_pages);
}

static struct mo_isolation facts_of(const struct mo_memory *memory, struct mo_pages *pages, const struct mo_step *step)
{
	const struct mo_block *block = mo_memory_find(memory, step->block);
	enum mo_device_kind device = memory->devices[block->device].kind;
	struct mo_isolation facts = {
		.kernel = memory->kernel,
		.zone = block->zone,
		.nr_nodes = block->nr_nodes,
		.is_ram = mo_memory_is_ram(memory, step->block),
		.is_boot = device == MO_DEVICE_BOOT,
		.is_virtio_mem = device == MO_DEVICE_VIRTIO_MEM,
		.nr_pages = mo_memory_block_pages(memory),
	};

	if (step->content_known)
		add_pages(memory, pages, step, &facts);
	if (step->content.held_offline_pages)
		facts.balloon_moves = mo_exists(memory->ctx, "/sys/bus/virtio/drivers/virtio_balloon") ||
				      mo_exists(memory->ctx, "/sys/module/vmw_balloon");
	return facts;
}

/* ---- verdict ---- */

/* The module sees pins and references, which flags don't show, and which pages are free on the list of a processor. */
static bool judge_by_core(const struct mo_memory *memory, struct mo_session *session, const struct mo_ruling *ruling,
			  struct mo_step *step)
{
	uint64_t nr_pages = mo_memory_block_pages(memory);
	struct mo_core_scan scan;

	if (!session || !ruling->is_by_flags || ruling->verdict == MO_VERDICT_FREE)
		return false;
	if (mo_session_scan(session, step->block * nr_pages, nr_pages, &scan))
		return false;
	step->reason_pfn = scan.reason_pfn;
	if (scan.reason == MO_REASON_NONE)
		judge(step, MO_VERDICT_LIKELY, MO_REASON_NONE, 0);
	else
		judge(step, MO_VERDICT_UNLIKELY, scan.reason, scan.reason_pages);
	return true;
}

void mo_step_judge(const struct mo_memory *memory, struct mo_pages *pages, struct mo_session *session,
		   struct mo_step *step)
{
	uint64_t nr_pages = mo_memory_block_pages(memory), start_pfn = step->block * nr_pages;
	struct mo_isolation facts;
	struct mo_ruling ruling;

	step->reason_pfn = NO_PFN;
	if (mo_memory_find(memory, step->block)->state == MO_STATE_OFFLINE)
		return judge(step, MO_VERDICT_DONE, MO_REASON_NONE, 0);
	step->content_known = pages && !mo_pages_content(pages, start_pfn, nr_pages, &step->content);
	facts = facts_of(memory, pages, step);
	ruling = mo_isolation_judge(&facts);
	if (judge_by_core(memory, session, &ruling, step))
		return;
	judge(step, ruling.verdict, ruling.reason, ruling.nr_pages);
	step->reason_pfn = first_pfn(step);
}
