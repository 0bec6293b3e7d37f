// SPDX-License-Identifier: LGPL-2.1-or-later
/* Common ground of all that changes blocks: lock, deadlines, progress, results, report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "transaction.h"

#define STALL_MS 10000	/* the usual */
#define RESTORE_MS 30000	/* for the kernel to bring one block back */

const char *mo_online_word(enum mo_zone zone)
{
	switch (zone) {
	case MO_ZONE_MOVABLE: return "online_movable";
	case MO_ZONE_DMA:
	case MO_ZONE_DMA32:
	case MO_ZONE_NORMAL: return "online_kernel";
	default: return "online";
	}
}

static int check_rights(struct mo_ctx *ctx)
{
	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "%s is a copy of another machine's files: nothing can change there; "
				"leave --sysroot out to change this machine", mo_ctx_get_sysroot(ctx));
	if (!faccessat(mo_root_fd(ctx), "sys/devices/system/memory/uevent", W_OK, AT_EACCESS))
		return 0;
	if (errno == EROFS)
		return mo_error(ctx, -EROFS, "sysfs is mounted read-only, as in a container: nothing can change; run it on the host");
	return mo_error(ctx, -EACCES, "no permission to change memory blocks; run it as root");
}

static uint64_t nr_migrated(struct mo_ctx *ctx)
{
	uint64_t nr = 0;

	mo_read_field(ctx, "/proc/vmstat", "pgmigrate_success", &nr);
	return nr;
}

static uint64_t nr_hugepages(struct mo_ctx *ctx)
{
	uint64_t nr = 0;

	mo_read_u64(ctx, 10, &nr, "/proc/sys/vm/nr_hugepages");
	return nr;
}

static int take_lock(struct mo_transaction *txn, const char *action, const char *target)
{
	const struct mo_request *request = txn->request;
	uint32_t wait_ms = request->timeout_ms ? request->timeout_ms : UINT32_MAX;
	char what[256];

	snprintf(what, sizeof(what), "%s %s", action, target);
	return mo_lock_take(txn->ctx, what, request->flags & MO_REQUEST_WAIT ? wait_ms : 0, request->stop_fd,
			    &txn->lock);
}

int mo_transaction_begin(struct mo_transaction *txn, struct mo_memory *memory, const struct mo_request *request,
			 const char *action, const char *target)
{
	struct mo_ctx *ctx = mo_memory_ctx(memory);
	int err = mo_request_check(ctx, request);

	memset(txn, 0, sizeof(*txn));
	if (!err)
		err = check_rights(ctx);
	if (err)
		return err;
	txn->ctx = ctx;
	txn->request = request;
	txn->flags = request->flags;
	txn->len_bytes = request->len_bytes;
	txn->start_ms = mo_now_ms();
	txn->deadline_ms = request->timeout_ms ? txn->start_ms + request->timeout_ms : 0;
	txn->stall_ms = request->stall_ms == MO_STALL_USUAL ? STALL_MS : request->stall_ms;
	txn->writer = mo_writer_new(ctx);
	if (!txn->writer)
		return mo_error(ctx, -ENOMEM, "no memory for a transaction");
	err = take_lock(txn, action, target);
	if (err)
		goto free_writer;
	err = mo_report_new(ctx, action, target, &txn->report);
	if (err)
		goto drop_lock;
	txn->memory = mo_memory_ref(memory);
	txn->vmstat_moved = nr_migrated(ctx);
	txn->nr_hugepages = nr_hugepages(ctx);
	if (request->flags & MO_REQUEST_KEEP_HUGETLB)
		mo_pools_read(memory, &txn->pools);
	if (mo_pages_open(ctx, &txn->pages))
		txn->pages = NULL;
	txn->holder = request->progress ? mo_holder_new(ctx) : NULL;
	return 0;

drop_lock:
	mo_lock_drop(txn->lock);
free_writer:
	mo_writer_free(txn->writer);
	return err;
}

void mo_transaction_adopt(struct mo_transaction *txn)
{
	const struct mo_journal_terms *terms = mo_journal_terms(txn->journal);
	const uint32_t extent = MO_REQUEST_PARTIAL | MO_REQUEST_ALL_OR_NOTHING;

	txn->flags |= txn->flags & extent ? terms->flags & ~extent : terms->flags;
	txn->len_bytes = terms->len_bytes;
}

int mo_transaction_adopt_pools(struct mo_transaction *txn)
{
	const struct mo_pools *pools = &mo_journal_terms(txn->journal)->pools;
	int err = 0;

	if (!pools->nr)
		return 0;
	mo_pools_free(&txn->pools);
	for (size_t i = 0; i < pools->nr && !err; i++)
		err = mo_pools_add(&txn->pools, &pools->all[i]);
	return err ? mo_error(txn->ctx, err, "no memory for the pools of huge pages; free some and try again") : 0;
}

bool mo_item_is_to_go(const struct mo_item *item)
{
	return item->mark == MO_MARK_TODO && item->verdict != MO_VERDICT_DONE && item->verdict != MO_VERDICT_NEVER;
}

bool mo_transaction_takes_part(const struct mo_transaction *txn)
{
	if (txn->flags & MO_REQUEST_PARTIAL)
		return true;
	return txn->len_bytes && !(txn->flags & MO_REQUEST_ALL_OR_NOTHING);
}

int mo_transaction_alloc(struct mo_transaction *txn, size_t nr)
{
	txn->items = calloc(nr ? nr : 1, sizeof(*txn->items));
	if (!txn->items)
		return mo_error(txn->ctx, -ENOMEM, "no memory for a transaction of %zu blocks", nr);
	txn->nr_items = nr;
	return 0;
}

int mo_transaction_fill(struct mo_transaction *txn, size_t i, uint32_t block, enum mo_verdict verdict, uint64_t pages)
{
	struct mo_item *item = &txn->items[i];
	const struct mo_block *before = mo_memory_find(txn->memory, block);

	item->block = block;
	item->verdict = verdict;
	/* The plan was made before we had the lock: others may have changed the block since then. */
	if (before && !mo_memory_refresh(txn->memory, block) && before->state == MO_STATE_ONLINE &&
	    verdict == MO_VERDICT_DONE)
		item->verdict = MO_VERDICT_LIKELY;
	if (before)
		item->before = *before;
	item->pages = pages;
	item->mark = MO_MARK_TODO;
	item->result = mo_report_add_block(txn->report, block, item->before.zone);
	if (!item->result)
		return mo_error(txn->ctx, -ENOMEM, "no memory for the report");
	return before ? mo_report_set_device(txn->report, item->result,
					     mo_memory_device(txn->memory, before->device)->name) : 0;
}

/* ---- progress ---- */

static uint64_t pages_todo(const struct mo_item *item)
{
	return item->mark == MO_MARK_TODO ? item->pages : 0;
}

void mo_transaction_want(struct mo_transaction *txn, size_t nr)
{
	size_t i;

	txn->nr_wanted = nr;
	txn->pages_todo = 0;
	for (i = 0; i < nr; i++)
		txn->pages_todo += pages_todo(&txn->items[i]);
}

void mo_transaction_tell_wanted(struct mo_transaction *txn)
{
	size_t i, nr = 0;

	for (i = 0; i < txn->nr_wanted; i++)
		nr += txn->items[i].verdict != MO_VERDICT_DONE || txn->items[i].mark == MO_MARK_DONE;
	mo_report_set_wanted(txn->report, nr * mo_memory_block_bytes(txn->memory));
}

/* At the rate of all so far, unless a page holds it up: then nobody knows. */
static uint64_t remaining_ms(const struct mo_progress *progress)
{
	uint64_t moved = progress->pages_total - progress->pages_left;

	if (!moved || progress->stuck_pfn != NO_PFN)
		return UINT64_MAX;
	return progress->elapsed_ms * progress->pages_left / moved;
}

static void tell_stuck(struct mo_transaction *txn, uint64_t stuck_pfn)
{
	struct mo_progress *progress = &txn->progress;

	progress->stuck_pfn = stuck_pfn;
	progress->stuck_kind = MO_KIND_NR;
	progress->stuck_owner = NULL;
	if (!txn->holder)
		return;
	mo_holder_look(txn->holder, txn->pages, stuck_pfn);
	progress->stuck_kind = mo_holder_kind(txn->holder);
	progress->stuck_owner = mo_holder_owner(txn->holder);
}

/* The sums are the same whoever counts the pages. */
static void tell_pages(struct mo_transaction *txn, uint64_t pages_left, uint64_t stuck_pfn)
{
	struct mo_progress *progress = &txn->progress;

	progress->nr_done = (uint32_t)txn->nr_done;
	progress->nr_blocks = (uint32_t)txn->nr_wanted;
	progress->pages_left = pages_left;
	if (progress->pages_left > progress->pages_total)
		progress->pages_total = progress->pages_left;
	progress->elapsed_ms = mo_now_ms() - txn->start_ms;
	tell_stuck(txn, stuck_pfn);
	progress->eta_ms = remaining_ms(progress);
	txn->request->progress(txn->request->data, progress);
}

static void tell(void *data, const struct mo_attempt *attempt)
{
	struct mo_transaction *txn = data;
	struct mo_progress *progress = &txn->progress;

	if (!txn->request->progress)
		return;
	if (progress->phase != MO_PHASE_ROLLBACK && progress->phase != MO_PHASE_DONE)
		progress->phase = attempt->phase;
	progress->block = attempt->block;
	tell_pages(txn, txn->pages_todo + attempt->pages_left, attempt->stuck_pfn);
}

void mo_transaction_tell(struct mo_transaction *txn, uint64_t pages_left, uint64_t stuck_pfn)
{
	struct mo_progress *progress = &txn->progress;

	if (!txn->request->progress)
		return;
	progress->phase = MO_PHASE_MIGRATE;
	progress->block = txn->items[0].block;
	tell_pages(txn, pages_left, stuck_pfn);
}

void mo_transaction_tell_remedy(struct mo_transaction *txn, uint32_t block, uint32_t remedy)
{
	struct mo_progress *progress = &txn->progress;
	enum mo_phase phase = progress->phase;

	if (!txn->request->progress)
		return;
	progress->phase = MO_PHASE_REMEDY;
	progress->block = block;
	progress->remedy = remedy;
	progress->elapsed_ms = mo_now_ms() - txn->start_ms;
	txn->request->progress(txn->request->data, progress);
	progress->phase = phase;
}

bool mo_transaction_is_over(const struct mo_transaction *txn)
{
	return txn->abandoned || txn->ended_by == MO_REASON_INTERRUPTED || txn->ended_by == MO_REASON_LOCK_WAIT ||
	       (txn->deadline_ms && mo_now_ms() >= txn->deadline_ms);
}

enum mo_reason mo_transaction_watch(const struct mo_transaction *txn, const struct mo_worker *worker, uint64_t until_ms,
				    void (*tell_all)(void *data), void *data)
{
	return mo_worker_watch(worker, txn->request->stop_fd, until_ms, tell_all, data);
}

static void tell_done(struct mo_transaction *txn, const struct mo_attempt *attempt)
{
	enum mo_phase phase = txn->progress.phase;

	txn->progress.error = attempt->error;
	txn->progress.phase = phase == MO_PHASE_ROLLBACK ? phase : MO_PHASE_DONE;
	tell(txn, attempt);
	txn->progress.phase = phase;
	txn->progress.error = 0;
}

/* ---- one block ---- */

static bool is_wanted_state(const struct mo_block *block, const char *word)
{
	return block->state == (strcmp(word, "offline") ? MO_STATE_ONLINE : MO_STATE_OFFLINE);
}

/* What came of the write, seen from the block itself: another process may have been faster than we. */
static enum mo_outcome find_outcome(struct mo_transaction *txn, struct mo_attempt *attempt)
{
	const struct mo_block *block;

	if (mo_memory_refresh(txn->memory, attempt->block) == -ENOENT) {
		attempt->error = -ENODEV;
		return MO_OUTCOME_VANISHED;
	}
	block = mo_memory_find(txn->memory, attempt->block);
	if (block && is_wanted_state(block, attempt->word)) {
		enum mo_outcome outcome = mo_attempt_did_it(attempt) ? MO_OUTCOME_DONE : MO_OUTCOME_WAS_SO;

		attempt->error = 0;
		return outcome;
	}
	if (!attempt->error)
		attempt->error = -EIO;	/* the write succeeded, but somebody undid it at once */
	return MO_OUTCOME_FAILED;
}

void mo_transaction_mark(struct mo_transaction *txn, size_t i, enum mo_journal_mark mark)
{
	struct mo_item *item = &txn->items[i];

	if (i < txn->nr_wanted)
		txn->pages_todo -= pages_todo(item);
	item->mark = mark;
	if (i < txn->nr_wanted)
		txn->pages_todo += pages_todo(item);
	if (txn->journal && mo_journal_set(txn->journal, i, mark))
		mo_report_add_note(txn->report, "%s", mo_ctx_error(txn->ctx));
}

void mo_transaction_forget(struct mo_transaction *txn, size_t i)
{
	struct mo_block_result *result = txn->items[i].result;

	result->outcome = MO_OUTCOME_NOT_TRIED;
	result->error = 0;
	result->reason = MO_REASON_NONE;
	result->pages_left = 0;
	mo_report_set_detail(txn->report, result, "");
	mo_transaction_mark(txn, i, MO_MARK_TODO);
}

int mo_transaction_write(struct mo_transaction *txn, size_t i, const char *word, const struct mo_write *order)
{
	struct mo_item *item = &txn->items[i];
	bool leaves = !strcmp(word, "offline");	/* on the way back there is nothing to count and nobody to blame */
	struct mo_attempt attempt = {
		.memory = txn->memory,
		.pages = leaves ? txn->pages : NULL,
		.evidence = leaves ? txn->evidence : NULL,
		.block = item->block, .word = word,
		.deadline_ms = order->deadline_ms, .stall_ms = order->stall_ms, .stop_fd = order->stop_fd,
		.tick = tell, .data = txn, .is_emptied = leaves && item->is_emptied,
		.writer = txn->writer, .holder = item->is_quarantined ? txn->session : NULL,
	};
	struct mo_block_result *result = item->result;

	mo_attempt_run(&attempt);
	result->outcome = find_outcome(txn, &attempt);
	result->error = attempt.error;
	result->elapsed_ms += attempt.elapsed_ms;
	if (!result->pages_before)
		result->pages_before = attempt.is_emptied ? item->pages : attempt.pages_before;
	if (leaves)
		mo_engine_conclude(txn, item, &attempt);
	txn->abandoned |= attempt.abandoned;
	if (attempt.error)
		txn->ended_by = attempt.ended_by;
	else
		txn->nr_done++;
	tell_done(txn, &attempt);
	mo_attempt_clear(&attempt);
	return attempt.error;
}

/* It is online, so that there is nothing left to undo; only its user knows whether the zone matters. */
static int came_elsewhere(struct mo_transaction *txn, struct mo_item *item, enum mo_zone zone)
{
	char detail[64];

	snprintf(detail, sizeof(detail), "it is in zone %s now, and was in %s", mo_zone_name(zone),
		 mo_zone_name(item->before.zone));
	mo_report_set_detail(txn->report, item->result, detail);
	item->result->outcome = MO_OUTCOME_OTHER_ZONE;
	item->result->error = -EXDEV;
	return -EXDEV;
}

int mo_transaction_restore(struct mo_transaction *txn, size_t i)
{
	struct mo_write order = { .deadline_ms = mo_now_ms() + RESTORE_MS, .stop_fd = -1 };
	struct mo_item *item = &txn->items[i];
	const struct mo_block *block;
	int err;

	txn->progress.phase = MO_PHASE_ROLLBACK;
	err = mo_transaction_write(txn, i, mo_online_word(item->before.zone), &order);
	/* A zone that the kernel no longer accepts there: better online elsewhere than lost. */
	if (err == -EINVAL)
		err = mo_transaction_write(txn, i, "online", &order);
	/* Its device is gone, by us or by somebody else: there is nothing to bring back. */
	if (item->result->outcome == MO_OUTCOME_VANISHED) {
		item->result->error = 0;
		mo_transaction_mark(txn, i, MO_MARK_UNDONE);
		return 0;
	}
	item->result->outcome = err ? MO_OUTCOME_ROLLBACK_FAILED : MO_OUTCOME_ROLLED_BACK;
	item->result->error = err;
	if (err)
		return err;
	mo_transaction_mark(txn, i, MO_MARK_UNDONE);
	block = mo_memory_find(txn->memory, item->block);
	if (block && item->before.zone != MO_ZONE_UNKNOWN && block->zone != item->before.zone)
		return came_elsewhere(txn, item, block->zone);
	return 0;
}

/* ---- end ---- */

/* Free huge pages go with their block, and the kernel shrinks the pool without a word. */
static void note_hugepages(struct mo_transaction *txn)
{
	uint64_t nr = nr_hugepages(txn->ctx);

	if (nr < txn->nr_hugepages)
		mo_report_add_note(txn->report, "the pool of huge pages shrank from %llu to %llu; to have them elsewhere, write "
				   "%llu to /proc/sys/vm/nr_hugepages", (unsigned long long)txn->nr_hugepages,
				   (unsigned long long)nr, (unsigned long long)txn->nr_hugepages);
}

static void unlock(struct mo_transaction *txn)
{
	mo_holder_free(txn->holder);
	txn->holder = NULL;
	mo_writer_free(txn->writer);
	txn->writer = NULL;
	mo_engine_end(txn);
	mo_journal_close(txn->journal);
	txn->journal = NULL;
	mo_lock_drop(txn->lock);
	txn->lock = NULL;
}

static void release(struct mo_transaction *txn)
{
	unlock(txn);
	mo_pages_close(txn->pages);
	mo_pools_free(&txn->pools);
	free(txn->items);
	mo_memory_unref(txn->memory);
}

int mo_transaction_abort(struct mo_transaction *txn, int err)
{
	mo_evidence_stop(txn->evidence);
	mo_report_unref(txn->report);
	release(txn);
	return err;
}

static enum mo_reason main_reason(const struct mo_transaction *txn, int result)
{
	size_t i;

	if (txn->ended_by != MO_REASON_NONE)
		return txn->ended_by;
	for (i = 0; i < txn->nr_items; i++)
		if (txn->items[i].result->reason != MO_REASON_NONE)
			return txn->items[i].result->reason;
	return result == -ENOSPC ? MO_REASON_NO_TARGET : MO_REASON_NONE;
}

static void keep(struct mo_transaction *txn)
{
	struct mo_line line = {
		.report = txn->report, .max_mib_s = txn->terms.max_mib_s,
		.block_bytes = mo_memory_block_bytes(txn->memory), .page_bytes = mo_memory_page_bytes(txn->memory),
	};

	/* Not what was left when its turn came: others may have been emptied with it, before. */
	for (size_t i = 0; i < txn->nr_items; i++)
		if (txn->items[i].result->outcome == MO_OUTCOME_DONE)
			line.move_bytes += (txn->items[i].pages + txn->items[i].pages_ahead) * line.page_bytes;

	mo_history_add(txn->ctx, &line);
}

int mo_transaction_end(struct mo_transaction *txn, int result, uint64_t freed_bytes, struct mo_report **report)
{
	struct mo_ctx *ctx = txn->ctx;
	char *error = strdup(mo_ctx_error(ctx));	/* why it failed must outlive what fails from here on */

	if (txn->evidence && *mo_evidence_missing(txn->evidence))
		mo_report_add_note(txn->report, "%s", mo_evidence_missing(txn->evidence));
	mo_evidence_stop(txn->evidence);
	note_hugepages(txn);
	mo_engine_note(txn, result);
	mo_report_set_moved(txn->report, txn->session ? txn->core_moved :
			    nr_migrated(ctx) - txn->vmstat_moved);
	mo_report_finish(txn->report, result, result ? main_reason(txn, result) : MO_REASON_NONE, freed_bytes);
	/* The blocks are as they stay: nobody else has to wait for names. */
	unlock(txn);
	keep(txn);
	mo_owners_tell(ctx, txn->report, txn->needs_owners);
	if (mo_report_save(txn->report))
		mo_report_add_note(txn->report, "this report can't be shown again later: %s", mo_ctx_error(ctx));
	*report = txn->report;
	release(txn);
	if (result && error)
		mo_error(ctx, result, "%s", error);
	free(error);
	return result;
}
