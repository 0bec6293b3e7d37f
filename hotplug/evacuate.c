// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Several blocks at once, with the core: all are quarantined, then emptied together outside of the kernel's hotplug
 * lock, so that each page moves once and none moves into a block that goes next. What is left for the kernel is to take
 * empty blocks offline, each released just before its turn.
 *
 * A process of its own waits for the module, as one does for the writes to sysfs: it can be killed at any time, and
 * whatever moved stays moved. What it has quarantined belongs to the session, which is this process's too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "transaction.h"

#define GRACE_MS 2000		/* for the module to keep its deadline */
#define OFFLINE_MS 100		/* for the kernel to take an empty block offline */

struct quarantined {
	int error;
	uint64_t used_pages;
};

/* What the process leaves; both see it. */
struct outcome {
	struct mo_core_room room;
	struct mo_core_evacuated answer;
	struct quarantined items[];
};

struct evacuation {
	struct mo_transaction *txn;
	struct outcome *outcome;
	size_t outcome_bytes;
	bool takes_part;
	struct mo_core_progress last;
};

static uint64_t start_of(const struct mo_transaction *txn, const struct mo_item *item)
{
	return item->block * mo_memory_block_pages(txn->memory);
}

/* ---- the process ---- */

static int quarantine_block(const struct evacuation *evacuation, size_t i)
{
	struct mo_transaction *txn = evacuation->txn;
	struct mo_core_room *room = &evacuation->outcome->room;
	uint64_t used_before = room->used_pages;
	int err = mo_session_quarantine(txn->session, start_of(txn, &txn->items[i]),
					mo_memory_block_pages(txn->memory), room);

	evacuation->outcome->items[i].error = err;
	evacuation->outcome->items[i].used_pages = err ? 0 : room->used_pages - used_before;
	return err;
}

/* A block that can't be quarantined is left to the kernel, whose attempt tells why. */
static int quarantine(void *data)
{
	const struct evacuation *evacuation = data;
	const struct mo_transaction *txn = evacuation->txn;
	bool may_be_short = txn->flags & MO_REQUEST_FORCE;
	size_t i;
	int err;

	for (i = 0; i < txn->nr_wanted; i++) {
		if (!mo_item_is_to_go(&txn->items[i]))
			continue;
		err = quarantine_block(evacuation, i);
		if (err == -ENOSPC && !may_be_short)
			return evacuation->takes_part ? 0 : err;
	}
	return 0;
}

/* Where a part will do, blocks that became empty need some of the time. */
static uint32_t time_left(const struct evacuation *evacuation)
{
	const struct mo_transaction *txn = evacuation->txn;
	uint64_t now_ms = mo_now_ms(), left_ms, kept_ms;

	if (!txn->deadline_ms)
		return 0;
	left_ms = txn->deadline_ms > now_ms ? txn->deadline_ms - now_ms : 1;
	kept_ms = evacuation->takes_part ? txn->nr_wanted * OFFLINE_MS : 0;
	return (uint32_t)(left_ms - (kept_ms < left_ms / 4 ? kept_ms : left_ms / 4));
}

static int evacuate(void *data)
{
	struct evacuation *evacuation = data;
	const struct mo_transaction *txn = evacuation->txn;
	struct mo_core_terms terms = txn->terms;

	terms.deadline_ms = time_left(evacuation);
	terms.stall_ms = txn->request->stall_ms == MO_STALL_USUAL ? txn->core.stall_ms : txn->request->stall_ms;
	return mo_session_evacuate(txn->session, &terms, &evacuation->outcome->answer);
}

/* ---- watching it ---- */

/* How many pages there are is known before, or by and by as blocks are quarantined. */
static void tell(void *data)
{
	struct evacuation *evacuation = data;
	struct mo_core_progress *last = &evacuation->last;
	uint64_t todo_pages = evacuation->txn->pages_todo, used_pages = evacuation->outcome->room.used_pages;

	todo_pages = used_pages > todo_pages ? used_pages : todo_pages;
	mo_session_progress(evacuation->txn->session, last);
	mo_transaction_tell(evacuation->txn, todo_pages > last->done_pages ? todo_pages - last->done_pages : 0,
			    last->stuck_pfn);
}

static int run(struct evacuation *evacuation, mo_worker_fn *step)
{
	struct mo_transaction *txn = evacuation->txn;
	struct mo_worker *worker;
	enum mo_reason reason;
	int err = mo_worker_run(step, evacuation, &worker);

	if (err)
		return err;
	reason = mo_transaction_watch(txn, worker, txn->deadline_ms ? txn->deadline_ms + GRACE_MS : 0, tell,
				      evacuation);
	if (reason == MO_REASON_NONE)
		return mo_worker_finish(worker);
	mo_worker_end(worker, &txn->abandoned);
	txn->ended_by = reason;
	return reason == MO_REASON_INTERRUPTED ? -EINTR : -ETIMEDOUT;
}

/* ---- what came of it ---- */

static void fail(void *data, uint32_t block, enum mo_reason reason, uint64_t nr_pages)
{
	struct mo_transaction *txn = data;
	size_t i;

	if (reason == MO_REASON_PAGE_OFFLINE)
		return;		/* a driver lets go of it when the kernel asks */
	for (i = 0; i < txn->nr_wanted; i++) {
		struct mo_item *item = &txn->items[i];

		if (item->block != block || !item->is_quarantined)
			continue;
		item->is_stuck = true;
		item->result->outcome = MO_OUTCOME_FAILED;
		item->result->error = -EBUSY;
		item->result->reason = reason;
		item->result->pages_before = item->pages;
		item->result->pages_left = nr_pages;
		mo_transaction_mark(txn, i, MO_MARK_FAILED);
		txn->nr_stuck++;
	}
}

/* What fails otherwise is told by the attempts on the blocks. */
static int fatal(const struct mo_transaction *txn, int err)
{
	return err == -ENOSPC || txn->ended_by != MO_REASON_NONE ? err : 0;
}

static int adopt_quarantine(const struct evacuation *evacuation, int err)
{
	struct mo_transaction *txn = evacuation->txn;
	size_t i;

	if (txn->abandoned)
		return err;
	for (i = 0; i < txn->nr_wanted; i++) {
		struct mo_item *item = &txn->items[i];

		item->is_quarantined = !evacuation->outcome->items[i].error;
		if (item->is_quarantined)
			item->pages = evacuation->outcome->items[i].used_pages;
	}
	mo_transaction_want(txn, txn->nr_wanted);
	txn->room = evacuation->outcome->room;
	return fatal(txn, err);
}

static int conclude(const struct evacuation *evacuation, int err)
{
	const struct mo_core_evacuated *answer = &evacuation->outcome->answer;
	struct mo_transaction *txn = evacuation->txn;
	size_t i;

	if (err)
		return fatal(txn, err);
	for (i = 0; i < txn->nr_wanted; i++)
		txn->items[i].is_emptied = txn->items[i].is_quarantined;
	txn->core_moved += answer->moved_pages;
	txn->core_evicted += answer->evicted_pages;
	txn->core_violated += answer->violated_pages;
	if (answer->kept_pages)
		mo_session_kept(txn->session, mo_memory_block_pages(txn->memory), answer->kept_pages, txn->report, fail,
				txn);
	if (!txn->nr_stuck)
		return 0;
	if (answer->reason != MO_REASON_DEADLINE)
		return -EBUSY;
	txn->ended_by = MO_REASON_DEADLINE;
	return -ETIMEDOUT;
}

/* ---- the steps ---- */

static bool make_outcome(struct evacuation *evacuation)
{
	size_t nr = evacuation->txn->nr_wanted, i;

	evacuation->outcome_bytes = sizeof(*evacuation->outcome) + nr * sizeof(*evacuation->outcome->items);
	evacuation->outcome = mmap(NULL, evacuation->outcome_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				   -1, 0);
	if (evacuation->outcome == MAP_FAILED)
		return false;
	for (i = 0; i < nr; i++)
		evacuation->outcome->items[i].error = -ECANCELED;
	return true;
}

static int take_step(struct mo_transaction *txn, bool takes_part, mo_worker_fn *step,
		     int (*adopt)(const struct evacuation *evacuation, int err))
{
	struct evacuation evacuation = { .txn = txn, .takes_part = takes_part, .last = { .stuck_pfn = NO_PFN } };
	int err;

	if (!txn->session || !txn->core.has_sessions || !txn->nr_wanted || !make_outcome(&evacuation))
		return 0;
	err = run(&evacuation, step);
	err = adopt(&evacuation, err);
	munmap(evacuation.outcome, evacuation.outcome_bytes);
	return err;
}

int mo_evacuate_quarantine(struct mo_transaction *txn, bool takes_part)
{
	return take_step(txn, takes_part, quarantine, adopt_quarantine);
}

int mo_evacuate_blocks(struct mo_transaction *txn, bool takes_part)
{
	return take_step(txn, takes_part, evacuate, conclude);
}

void mo_evacuate_forget(struct mo_transaction *txn)
{
	size_t i;

	for (i = 0; i < txn->nr_items; i++) {
		if (!txn->items[i].is_stuck)
			continue;
		txn->items[i].is_stuck = false;
		mo_transaction_forget(txn, i);
	}
	txn->nr_stuck = 0;
}

void mo_evacuate_release(struct mo_transaction *txn, size_t i)
{
	struct mo_item *item = &txn->items[i];

	if (item->is_quarantined)
		mo_session_release(txn->session, start_of(txn, item), mo_memory_block_pages(txn->memory));
	item->is_quarantined = false;
}

void mo_evacuate_end(struct mo_transaction *txn)
{
	size_t i;

	for (i = 0; i < txn->nr_items; i++)
		mo_evacuate_release(txn, i);
}
