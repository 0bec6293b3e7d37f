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

/* The largest of what a kernel zone can't move. */
static void judge_kernel_pages(struct mo_step *step)
{
	const uint64_t *nr = step->content.nr_pages;

	if (nr[MO_KIND_SLAB] >= nr[MO_KIND_PGTABLE] && nr[MO_KIND_SLAB] >= nr[MO_KIND_KERNEL])
		judge(step, MO_VERDICT_UNLIKELY, MO_REASON_SLAB, nr[MO_KIND_SLAB]);
	else if (nr[MO_KIND_PGTABLE] >= nr[MO_KIND_KERNEL])
		judge(step, MO_VERDICT_UNLIKELY, MO_REASON_PGTABLE, nr[MO_KIND_PGTABLE]);
	else
		judge(step, MO_VERDICT_UNLIKELY, MO_REASON_KERNEL, nr[MO_KIND_KERNEL]);
}

struct first_page {
	const struct mo_step *step;
	uint64_t pfn;
};

static bool page_is_reason(enum mo_reason reason, enum mo_kind kind)
{
	switch (reason) {
	case MO_REASON_RESERVED: return kind == MO_KIND_RESERVED;
	case MO_REASON_SLAB: return kind == MO_KIND_SLAB;
	case MO_REASON_PGTABLE: return kind == MO_KIND_PGTABLE;
	case MO_REASON_KERNEL: return kind == MO_KIND_KERNEL;
	default: return false;
	}
}

static int match_first_page(void *data, const struct mo_page *page)
{
	struct first_page *first = data;

	if (!page_is_reason(first->step->reason, mo_page_kind(page->flags)))
		return 0;
	first->pfn = page->pfn;
	return 1;
}

/* With memmap_on_memory the head of a block holds its own struct pages, reserved, and goes with it. */
static uint64_t memmap_pages(const struct mo_memory *memory)
{
	char setting[16];

	if (mo_read_text(memory->ctx, setting, sizeof(setting),
			 "/sys/module/memory_hotplug/parameters/memmap_on_memory") <= 0 ||
	    *setting == 'N' || *setting == '0')
		return 0;
	return memory->block_bytes / memory->page_bytes * 64 / memory->page_bytes;
}

static void judge_content(const struct mo_memory *memory, struct mo_step *step, const struct mo_block *block)
{
	const struct mo_content *content = &step->content;

	if (content->nr_pages[MO_KIND_RESERVED] > memmap_pages(memory))
		judge(step, MO_VERDICT_NEVER, MO_REASON_RESERVED, content->nr_pages[MO_KIND_RESERVED]);
	else if (block->zone != MO_ZONE_MOVABLE && content->unmovable_pages)
		judge_kernel_pages(step);
	else
		judge(step, content->move_pages ? MO_VERDICT_LIKELY : MO_VERDICT_FREE, MO_REASON_NONE, 0);
}

/* All looks as if it could move: the module sees pins, which flags don't show. False: nothing speaks against it. */
static bool judge_by_core(const struct mo_memory *memory, struct mo_session *session, struct mo_step *step)
{
	uint64_t nr_pages = mo_memory_block_pages(memory);
	struct mo_core_scan scan;

	if (!session || step->verdict != MO_VERDICT_LIKELY)
		return false;
	if (mo_session_scan(session, step->block * nr_pages, nr_pages, &scan) || scan.reason == MO_REASON_NONE)
		return false;
	judge(step, MO_VERDICT_UNLIKELY, scan.reason, scan.reason_pages);
	step->reason_pfn = scan.reason_pfn;
	return true;
}

void mo_step_judge(const struct mo_memory *memory, struct mo_pages *pages, struct mo_session *session,
		   struct mo_step *step)
{
	const struct mo_block *block = mo_memory_find(memory, step->block);
	uint64_t nr_pages = mo_memory_block_pages(memory);
	uint64_t start_pfn = step->block * nr_pages;
	struct first_page first = { step, NO_PFN };
	enum mo_reason refusal;

	step->reason_pfn = NO_PFN;
	if (block->state == MO_STATE_OFFLINE)
		return judge(step, MO_VERDICT_DONE, MO_REASON_NONE, 0);
	if (pages && !mo_pages_content(pages, start_pfn, nr_pages, &step->content))
		step->content_known = true;
	refusal = mo_reason_of_block(-EINVAL, "", block, mo_memory_is_ram(memory, step->block));
	if (refusal != MO_REASON_UNKNOWN)
		return judge(step, MO_VERDICT_NEVER, refusal, nr_pages);
	if (step->content_known)
		judge_content(memory, step, block);
	else
		judge(step, block->zone == MO_ZONE_MOVABLE ? MO_VERDICT_LIKELY : MO_VERDICT_UNLIKELY, MO_REASON_NONE,
		      0);
	if (judge_by_core(memory, session, step))
		return;
	if (step->content_known && step->reason != MO_REASON_NONE)
		mo_pages_each(pages, start_pfn, nr_pages, match_first_page, &first);
	step->reason_pfn = first.pfn;
}
