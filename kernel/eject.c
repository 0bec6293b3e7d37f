// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that the firmware ejects. The kernel takes its blocks offline one after the other, in two passes: it goes on
 * after a failure in the first, gives up at one in the second, and then brings back what went, in whatever zone new
 * memory goes to. Here the device goes as a whole or not at all: when its first block is asked all others are isolated,
 * too, and all are emptied at once, so that no page lands in a block that goes next. They are let go again before we
 * answer, since the kernel refuses blocks that it finds isolated; what comes back meanwhile is moved when its block has
 * its turn. Once a block could not go, for whatever reason, the others are refused at once, until it has its turn again
 * in the second pass.
 *
 * The kernel does not tell where an eject begins and ends. It is one task's, and that task asks of block after block.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "compat/compat.h"
#include "migrate.h"

#define GFP_EJECT	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)	/* not worth an OOM kill */
#define SILENT_MS	2000	/* without a word of its blocks an eject is over */
#define MIN_LOOK_MS	200	/* of the deadline that a second look is worth, and that a block has when it is late */

/* The one under way. It belongs to the task inside of the kernel's offline_pages(), but for mo_eject_await(). */
static struct {
	pid_t pid;
	u64 began_ns;		/* since boot */
	u64 seen_ns;		/* when a block of it was asked, or failed, last; 0: there is no eject */
	u64 seen_pfn;		/* that block */
	u64 start_pfn;		/* of all blocks, as far as they are known */
	u64 end_pfn;
	u64 failed_pfn;		/* the block that could not go, with: */
	bool has_failed;
	bool is_second;		/* that block had its turn again: this is the second pass */
	bool is_emptied;	/* all of it was found clean once */
	bool is_last;		/* no other block is online any more */
	bool is_busy;		/* it is being emptied, which may take long */
} eject;

static DECLARE_WAIT_QUEUE_HEAD(ended);

/* ---- one eject, and its passes ---- */

static bool is_under_way(void)
{
	return READ_ONCE(eject.is_busy) ||
	       (eject.seen_ns && ktime_get_ns() - eject.seen_ns < SILENT_MS * NSEC_PER_MSEC);
}

static void begin(u64 start_pfn, u64 end_pfn)
{
	memset(&eject, 0, sizeof(eject));
	eject.pid = task_pid_nr(current);
	eject.began_ns = ktime_get_ns();
	eject.start_pfn = start_pfn;
	eject.end_pfn = end_pfn;
}

static void end(void)
{
	memset(&eject, 0, sizeof(eject));
	wake_up_all(&ended);
}

static void see(u64 pfn)
{
	eject.seen_pfn = pfn;
	eject.seen_ns = ktime_get_ns();
}

/* What a look at the device of a block tells. */
struct look {
	u64 own_pfn;
	u64 start_pfn;
	u64 end_pfn;
	bool has_seen;		/* the block that the eject under way saw last is one of them */
	bool has_others;	/* that are online */
};

static void look_at(unsigned long start_pfn, unsigned long nr_pages, bool is_online, void *data)
{
	struct look *look = data;

	look->start_pfn = min_t(u64, look->start_pfn, start_pfn);
	look->end_pfn = max_t(u64, look->end_pfn, start_pfn + nr_pages);
	look->has_seen |= eject.seen_pfn == start_pfn;
	look->has_others |= is_online && start_pfn != look->own_pfn;
}

/* Of the one deadline for all of its blocks. */
static unsigned int left_of(unsigned int deadline_ms)
{
	u64 past_ms = div_u64(ktime_get_ns() - eject.began_ns, NSEC_PER_MSEC);

	return past_ms < deadline_ms ? deadline_ms - past_ms : 0;
}

static enum mo_turn_kind kind_of_turn(u64 start_pfn, unsigned int deadline_ms)
{
	if (!eject.has_failed)
		return eject.is_emptied ? MO_TURN_NEXT : MO_TURN_FIRST;
	if (eject.failed_pfn != start_pfn || (deadline_ms && left_of(deadline_ms) < MIN_LOOK_MS))
		return MO_TURN_REFUSED;
	eject.has_failed = false;
	eject.is_second = true;
	return MO_TURN_AGAIN;
}

void mo_eject_turn(u64 start_pfn, unsigned int deadline_ms, struct mo_turn *turn)
{
	struct acpi_device *device = mo_device_ejected(start_pfn);
	struct look look = { .own_pfn = start_pfn, .start_pfn = ~0ULL };

	*turn = (struct mo_turn){ .kind = MO_TURN_ALONE };
	if (!device)
		return;
	mo_device_walk(device, look_at, &look);
	if (!is_under_way() || eject.pid != task_pid_nr(current) || !look.has_seen)
		begin(look.start_pfn, look.end_pfn);
	eject.start_pfn = look.start_pfn;
	eject.end_pfn = look.end_pfn;
	eject.is_last = !look.has_others;
	see(start_pfn);
	strscpy(turn->device, mo_device_name(device), sizeof(turn->device));
	turn->kind = kind_of_turn(start_pfn, deadline_ms);
	turn->cause_pfn = eject.failed_pfn;
}

void mo_eject_failed(u64 start_pfn)
{
	if (!(current->flags & PF_KTHREAD))
		return;
	if (!is_under_way() || eject.pid != task_pid_nr(current) || start_pfn < eject.start_pfn ||
	    start_pfn >= eject.end_pfn)
		begin(start_pfn, start_pfn + 1);
	if (eject.is_second || (eject.has_failed && eject.failed_pfn == start_pfn)) {
		end();
		return;
	}
	if (!eject.has_failed)
		eject.failed_pfn = start_pfn;
	eject.has_failed = true;
	see(start_pfn);
}

void mo_eject_went(u64 start_pfn)
{
	if (eject.seen_ns && eject.seen_pfn == start_pfn && eject.is_last)
		end();
}

void mo_eject_await(void)
{
	while (is_under_way())
		wait_event_timeout(ended, !is_under_way(), msecs_to_jiffies(SILENT_MS));
}

/* ---- the other blocks ---- */

struct others {
	struct mo_evacuation *evacuation;	/* of the block that has its turn */
	struct mo_quarantine quarantine;
	bool is_needed;				/* what can never go fails all */
	int error;
};

static bool can_never_go(unsigned long start_pfn, unsigned long nr_pages)
{
	struct mo_report *report = mo_report_new(start_pfn, nr_pages, 0);
	enum memoffline_reason reason;
	bool never = false;

	if (!report)
		return false;
	mo_scan(start_pfn, nr_pages, 0, MEMOFFLINE_REASON_NONE, report);
	for (reason = 0; reason < MEMOFFLINE_REASON_NR; reason++)
		never |= report->kept_by_reason[reason] && mo_reason_is_permanent(reason);
	mo_report_free(report);
	return never;
}

static void tell_of(struct mo_report *report, unsigned long start_pfn, unsigned long nr_pages)
{
	report->start_pfn = start_pfn;
	report->nr_pages = nr_pages;
}

/* For a block that can't be isolated. 0: perhaps it can be when it has its turn. */
static int judge(const struct others *others, unsigned long start_pfn, unsigned long nr_pages, int error,
		 const struct mo_conflict *conflict)
{
	struct mo_report *report = others->evacuation->report;

	if (conflict->owner_pid)
		return -EPERM;
	if (error != -EBUSY || !can_never_go(start_pfn, nr_pages))
		return 0;
	tell_of(report, start_pfn, nr_pages);
	mo_scan(start_pfn, nr_pages, 0, MEMOFFLINE_REASON_NONE, report);
	report->reason = mo_report_main_reason(report);
	return -EBUSY;
}

static void isolate(unsigned long start_pfn, unsigned long nr_pages, bool is_online, void *data)
{
	struct others *others = data;
	struct mo_conflict conflict;
	int err;

	if (!is_online || others->error || start_pfn == others->evacuation->spans->start_pfn)
		return;
	err = mo_quarantine_add_inside(&others->quarantine, start_pfn, nr_pages, &conflict);
	if (err && others->is_needed)
		others->error = judge(others, start_pfn, nr_pages, err, &conflict);
}

static int isolate_others(struct others *others)
{
	struct acpi_device *device = mo_device_ejected(others->evacuation->spans->start_pfn);

	mo_quarantine_init(&others->quarantine, task_pid_nr(current));
	if (device)
		mo_device_walk(device, isolate, others);
	mo_drain_free_pages();	/* the kernel has done so for the zone of the one block */
	return others->error;
}

/* ---- emptying ---- */

/* Nothing of the device is free for others now: where there is no room elsewhere, somebody would be killed for it. */
static int check_room(struct mo_quarantine *quarantine, const struct mo_span *own)
{
	struct page *page = pfn_to_page(own->start_pfn);
	struct mo_targets *targets = kmalloc(sizeof(*targets), GFP_EJECT);
	unsigned long nr_used, nr_room;

	if (!targets)
		return -ENOMEM;
	mo_quarantine_recount(quarantine);
	nr_used = quarantine->nr_used + mo_count_used(own->start_pfn, own->start_pfn + own->nr_pages);
	mo_targets_init(targets, page_to_nid(page), is_zone_movable_page(page), NULL);
	nr_room = mo_targets_room(targets);
	kfree(targets);
	return nr_used > nr_room ? -ENOMEM : 0;
}

/* One of them is not in the quarantine: the kernel has isolated it. */
static struct mo_span *take_spans(struct mo_quarantine *quarantine, const struct mo_span *own, unsigned int *nr)
{
	unsigned int i = mo_quarantine_spans(quarantine, NULL, 0);
	struct mo_span *spans = kvmalloc_array(i + 1, sizeof(*spans), GFP_EJECT);

	if (!spans)
		return NULL;
	*nr = i + 1;
	mo_quarantine_spans(quarantine, spans, i);
	for (; i && spans[i - 1].start_pfn > own->start_pfn; i--)
		spans[i] = spans[i - 1];
	spans[i] = *own;
	return spans;
}

/* What came before counts, too. */
static void limit(struct mo_evacuation *evacuation)
{
	if (evacuation->deadline_ms)
		evacuation->deadline_ms = max(left_of(evacuation->deadline_ms), (unsigned int)MIN_LOOK_MS);
}

static int empty_all(struct mo_evacuation *evacuation, struct mo_quarantine *quarantine)
{
	unsigned int nr;
	struct mo_span *spans = take_spans(quarantine, evacuation->spans, &nr);
	const struct mo_span *last;
	int err;

	if (!spans)
		return -ENOMEM;
	last = &spans[nr - 1];
	tell_of(evacuation->report, spans->start_pfn, last->start_pfn + last->nr_pages - spans->start_pfn);
	limit(evacuation);
	err = mo_evacuate_mixed(evacuation, spans, nr);
	kvfree(spans);
	return err;
}

static int empty_device(struct mo_evacuation *evacuation)
{
	struct others others = { .evacuation = evacuation, .is_needed = true };
	const struct mo_span *own = evacuation->spans;
	int err;

	err = isolate_others(&others) ?: check_room(&others.quarantine, own) ?:
	      empty_all(evacuation, &others.quarantine);
	mo_quarantine_release_all(&others.quarantine);
	tell_of(evacuation->report, own->start_pfn, own->nr_pages);
	return err;
}

/* What has come back goes out of the device. */
static int empty_block(struct mo_evacuation *evacuation)
{
	unsigned long start_pfn = evacuation->spans->start_pfn, end_pfn = start_pfn + evacuation->spans->nr_pages;
	struct others others = { .evacuation = evacuation };
	int err;

	if (mo_first_used(start_pfn, end_pfn) == end_pfn)
		return 0;
	isolate_others(&others);
	limit(evacuation);
	err = mo_evacuate(evacuation);
	mo_quarantine_release_all(&others.quarantine);
	return err;
}

int mo_eject_evacuate(struct mo_evacuation *evacuation, enum mo_turn_kind kind)
{
	int err;

	WRITE_ONCE(eject.is_busy, true);
	if (kind == MO_TURN_AGAIN && evacuation->stall_ms)
		evacuation->stall_ms = max(evacuation->stall_ms / 10, 1u);	/* it was waited for already */
	err = kind == MO_TURN_NEXT ? empty_block(evacuation) : empty_device(evacuation);
	eject.is_emptied = !err;
	see(eject.seen_pfn);
	WRITE_ONCE(eject.is_busy, false);
	return err;
}
