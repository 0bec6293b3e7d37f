// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges from which nothing is allocated until they are released: their pageblocks are isolated, as the kernel does
 * it for a block that goes offline. What is free in them is not counted as free memory meanwhile, so that watermarks
 * hold for what is left.
 *
 * An isolated block can't go offline: the kernel refuses to isolate it again. So a range lasts until its owner
 * releases it, and its struct pages last as long. One exception: alloc_contig_range(), which finds it isolated, lifts
 * that when it gives up. Before each evacuation it is renewed, and the notifier refuses what is held.
 */
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "migrate.h"

#define ISOLATION_TRIES	5

struct held {
	struct list_head link;
	struct mo_quarantine *owner;
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned long nr_used;		/* pages, when they were counted last */
};

/* After mem_hotplug_lock, for which one may wait long: who gives a range back needs this one alone. */
static DEFINE_MUTEX(ranges_lock);
static LIST_HEAD(ranges);	/* of all owners, by address */

static struct held *new_held(struct mo_quarantine *owner, unsigned long start_pfn, unsigned long end_pfn)
{
	struct held *range = kmalloc(sizeof(*range), GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	if (range)
		*range = (struct held){ .owner = owner, .start_pfn = start_pfn, .end_pfn = end_pfn };
	return range;
}

static struct held *find_overlap(unsigned long start_pfn, unsigned long end_pfn)
{
	struct held *range;

	list_for_each_entry(range, &ranges, link)
		if (range->start_pfn < end_pfn && start_pfn < range->end_pfn)
			return range;
	return NULL;
}

static void insert(struct held *range)
{
	struct held *next;

	list_for_each_entry(next, &ranges, link)
		if (next->start_pfn > range->start_pfn)
			break;
	list_add_tail(&range->link, &next->link);
}

/* ---- pageblocks ---- */

static bool is_online(unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn;

	for (pfn = start_pfn; pfn < end_pfn; pfn = ALIGN(pfn + 1, PAGES_PER_SECTION))
		if (!pfn_to_online_page(pfn))
			return false;
	return true;
}

/* Pages that come and go meanwhile may look as if they could not move. */
static int isolate_section(unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned int nr_tries = ISOLATION_TRIES;
	int err;

	do {
		err = mo_isolate_range(start_pfn, end_pfn);
		cond_resched();
	} while (err == -EBUSY && --nr_tries);
	return err;
}

/* A section at a time, which lies in one zone. What was isolated before one that can't be is let go again. */
static int isolate(unsigned long start_pfn, unsigned long end_pfn, unsigned long *bad_pfn)
{
	unsigned long pfn, next_pfn;
	int err;

	for (pfn = start_pfn; pfn < end_pfn; pfn = next_pfn) {
		next_pfn = min(ALIGN(pfn + 1, PAGES_PER_SECTION), end_pfn);
		err = isolate_section(pfn, next_pfn);
		if (!err)
			continue;
		*bad_pfn = pfn;
		if (pfn > start_pfn)
			mo_unisolate_range(start_pfn, pfn);
		return err;
	}
	return 0;
}

static bool is_isolated(unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn;

	for (pfn = start_pfn; pfn < end_pfn; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(pfn);

		if (page && !mo_is_isolated(page))
			return false;
	}
	return true;
}

/* ---- what owners ask for ---- */

void mo_quarantine_init(struct mo_quarantine *quarantine, pid_t pid)
{
	quarantine->pid = pid;
	quarantine->nr_used = 0;
}

/* An owner does one thing at a time: nobody else counts its ranges meanwhile. */
static void count_used(struct held *range)
{
	range->owner->nr_used -= range->nr_used;
	range->nr_used = mo_count_used(range->start_pfn, range->end_pfn);
	range->owner->nr_used += range->nr_used;
}

static int add(struct held *range, struct mo_conflict *conflict)
{
	const struct held *other = find_overlap(range->start_pfn, range->end_pfn);
	int err = -ENODEV;

	if (other) {
		conflict->owner_pid = other->owner->pid;
		conflict->pfn = max(other->start_pfn, range->start_pfn);
		return -EBUSY;
	}
	if (is_online(range->start_pfn, range->end_pfn))
		err = isolate(range->start_pfn, range->end_pfn, &conflict->pfn);
	if (err)
		return err;
	insert(range);
	return 0;
}

static int add_locked(struct held *range, struct mo_conflict *conflict)
{
	int err;

	*conflict = (struct mo_conflict){};
	if (!range)
		return -ENOMEM;
	mutex_lock(&ranges_lock);
	err = add(range, conflict);
	mutex_unlock(&ranges_lock);
	if (err)
		kfree(range);
	return err;
}

int mo_quarantine_add_inside(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages,
			     struct mo_conflict *conflict)
{
	return add_locked(new_held(quarantine, start_pfn, start_pfn + nr_pages), conflict);
}

int mo_quarantine_add(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages,
		      struct mo_conflict *conflict)
{
	struct held *range = new_held(quarantine, start_pfn, start_pfn + nr_pages);
	int err;

	mo_online_mems_get();
	err = add_locked(range, conflict);
	mo_online_mems_put();
	if (err)
		return err;
	mo_lru_add_drain_all();
	mo_drain_free_pages();	/* per-cpu lists would give away what lies in it */
	count_used(range);
	return 0;
}

/* Takes [start_pfn, end_pfn) out of a range, which it overlaps; what is left behind it becomes TAIL. True: it did. */
static bool cut_out(struct held *range, unsigned long start_pfn, unsigned long end_pfn, struct held *tail)
{
	unsigned long first_pfn = max(start_pfn, range->start_pfn), last_pfn = min(end_pfn, range->end_pfn);
	bool has_tail = last_pfn < range->end_pfn, has_head = first_pfn > range->start_pfn;

	mo_unisolate_range(first_pfn, last_pfn);
	if (has_tail && has_head) {
		*tail = *range;
		tail->start_pfn = last_pfn;
		tail->nr_used = 0;
		list_add(&tail->link, &range->link);
		count_used(tail);
	}
	if (has_head) {
		range->end_pfn = first_pfn;
		count_used(range);
	} else if (has_tail) {
		range->start_pfn = last_pfn;
		count_used(range);
	} else {
		range->owner->nr_used -= range->nr_used;
		list_del(&range->link);
		kfree(range);
	}
	return has_tail && has_head;
}

static unsigned long count_held(const struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long nr = 0;
	struct held *range;

	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine && range->start_pfn < end_pfn && start_pfn < range->end_pfn)
			nr += min(end_pfn, range->end_pfn) - max(start_pfn, range->start_pfn);
	return nr;
}

int mo_quarantine_release(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages)
{
	unsigned long end_pfn = start_pfn + nr_pages;
	struct held *tail = new_held(quarantine, 0, 0), *range, *next;
	bool is_used = false;
	int err = 0;

	mutex_lock(&ranges_lock);
	range = find_overlap(start_pfn, end_pfn);
	if (count_held(quarantine, start_pfn, end_pfn) != nr_pages)
		err = -ENOENT;
	else if (!tail && range->start_pfn < start_pfn && end_pfn < range->end_pfn)
		err = -ENOMEM;	/* only what is cut in two needs it */
	list_for_each_entry_safe(range, next, &ranges, link)
		if (!err && range->owner == quarantine && range->start_pfn < end_pfn && start_pfn < range->end_pfn)
			is_used |= cut_out(range, start_pfn, end_pfn, tail);
	mutex_unlock(&ranges_lock);
	if (!is_used)
		kfree(tail);
	return err;
}

void mo_quarantine_release_all(struct mo_quarantine *quarantine)
{
	struct held *range, *next;

	mutex_lock(&ranges_lock);
	list_for_each_entry_safe(range, next, &ranges, link)
		if (range->owner == quarantine)
			cut_out(range, range->start_pfn, range->end_pfn, NULL);
	mutex_unlock(&ranges_lock);
}

void mo_quarantine_recount(struct mo_quarantine *quarantine)
{
	struct held *range;

	mutex_lock(&ranges_lock);
	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine)
			count_used(range);
	mutex_unlock(&ranges_lock);
}

/* What can't be isolated now stays as it is: it is given away from meanwhile, no more. */
static void renew(const struct held *range)
{
	unsigned long pfn, next_pfn, bad_pfn;

	for (pfn = range->start_pfn; pfn < range->end_pfn; pfn = next_pfn) {
		next_pfn = min(ALIGN(pfn + 1, PAGES_PER_SECTION), range->end_pfn);
		if (is_isolated(pfn, next_pfn))
			continue;
		mo_unisolate_range(pfn, next_pfn);
		isolate(pfn, next_pfn, &bad_pfn);
	}
}

static bool has_all(const struct mo_quarantine *quarantine)
{
	struct held *range;
	bool has = true;

	mutex_lock(&ranges_lock);
	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine)
			has &= is_isolated(range->start_pfn, range->end_pfn);
	mutex_unlock(&ranges_lock);
	return has;
}

void mo_quarantine_renew(struct mo_quarantine *quarantine)
{
	struct held *range;

	if (has_all(quarantine))
		return;		/* as a rule: the other lock may be waited for long */
	mo_online_mems_get();
	mutex_lock(&ranges_lock);
	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine)
			renew(range);
	mutex_unlock(&ranges_lock);
	mo_online_mems_put();
}

bool mo_quarantine_is_held(unsigned long start_pfn, unsigned long nr_pages)
{
	bool is_held;

	mutex_lock(&ranges_lock);
	is_held = find_overlap(start_pfn, start_pfn + nr_pages);
	mutex_unlock(&ranges_lock);
	return is_held;
}

bool mo_quarantine_is_isolated(unsigned long start_pfn, unsigned long nr_pages)
{
	return is_isolated(start_pfn, start_pfn + nr_pages);
}

void mo_quarantine_dissolve_free(struct mo_quarantine *quarantine)
{
	struct held *range;

	mutex_lock(&ranges_lock);
	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine)
			mo_dissolve_free_hugetlb(range->start_pfn, range->end_pfn);
	mutex_unlock(&ranges_lock);
}

/* Where what begins at PFN leaves its zone; each section lies in one. */
static unsigned long end_in_zone(unsigned long pfn, unsigned long end_pfn)
{
	const struct zone *zone = page_zone(pfn_to_page(pfn));

	do
		pfn = min(ALIGN(pfn + 1, PAGES_PER_SECTION), end_pfn);
	while (pfn < end_pfn && page_zone(pfn_to_page(pfn)) == zone);
	return pfn;
}

/* Returns how many there are with those of this range. */
static unsigned int add_spans(const struct held *range, struct mo_span *spans, unsigned int nr, unsigned int nr_max)
{
	unsigned long pfn, next_pfn;

	for (pfn = range->start_pfn; pfn < range->end_pfn; pfn = next_pfn) {
		next_pfn = end_in_zone(pfn, range->end_pfn);
		if (nr < nr_max)
			spans[nr] = (struct mo_span){ pfn, next_pfn - pfn };
		nr++;
	}
	return nr;
}

unsigned int mo_quarantine_spans(struct mo_quarantine *quarantine, struct mo_span *spans, unsigned int nr_max)
{
	struct held *range;
	unsigned int nr = 0;

	mutex_lock(&ranges_lock);
	list_for_each_entry(range, &ranges, link)
		if (range->owner == quarantine)
			nr = add_spans(range, spans, nr, nr_max);
	mutex_unlock(&ranges_lock);
	return nr;
}
