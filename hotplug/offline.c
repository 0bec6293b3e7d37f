// SPDX-License-Identifier: LGPL-2.1-or-later
/* Take blocks offline as one transaction; finish one that was cut short. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

static bool keeps_part(const struct mo_transaction *txn)
{
	if (txn->ended_by == MO_REASON_INTERRUPTED)
		return false;
	return mo_transaction_takes_part(txn);
}

/* What the module sees in the block, which it tells by name. False: nothing, or there is none. */
static bool explain_by_scan(struct mo_transaction *txn, struct mo_item *item)
{
	enum mo_reason reason;
	uint64_t pages;

	if (!txn->session || item->before.zone == MO_ZONE_NONE ||
	    mo_session_scan_block(txn->session, item->block, mo_memory_block_pages(txn->memory), txn->report, &reason,
				  &pages) || reason == MO_REASON_NONE)
		return false;
	item->result->reason = reason;
	item->result->pages_left = pages;
	return true;
}

/* The kernel would refuse it: say which pages are why, and leave the kernel alone. */
static int refuse(struct mo_transaction *txn, size_t i)
{
	struct mo_item *item = &txn->items[i];
	struct mo_attempt attempt = {
		.memory = txn->memory, .pages = txn->pages, .block = item->block, .word = "offline",
		.error = item->before.zone == MO_ZONE_NONE ? -EINVAL : -EBUSY,
	};

	mo_attempt_look(&attempt);
	item->result->outcome = MO_OUTCOME_FAILED;
	item->result->error = attempt.error;
	item->result->pages_before = attempt.pages_before;
	if (!explain_by_scan(txn, item))
		mo_kept_report(txn->report, item->result, &item->before, &attempt);
	mo_attempt_clear(&attempt);
	mo_transaction_mark(txn, i, MO_MARK_FAILED);
	return item->result->error;
}

/* Judged anew: 0 when the kernel may take it now. */
static int judge_again(struct mo_transaction *txn, size_t i)
{
	struct mo_item *item = &txn->items[i];
	struct mo_step step = { .block = item->block };

	mo_step_judge(txn->memory, txn->pages, txn->session, &step);
	item->verdict = step.verdict;
	item->pages = step.content.move_pages;
	if (step.verdict == MO_VERDICT_NEVER)
		return refuse(txn, i);
	mo_transaction_forget(txn, i);
	return 0;
}

static int refuse_or_cure(struct mo_transaction *txn, size_t i)
{
	const struct mo_report_mark mark = mo_report_mark(txn->report);

	return mo_ladder_climb(txn, i, refuse(txn, i), &mark, judge_again);
}

static int write_offline(struct mo_transaction *txn, size_t i)
{
	const struct mo_write order = {
		.deadline_ms = txn->deadline_ms, .stall_ms = txn->stall_ms, .stop_fd = txn->request->stop_fd,
	};
	int err = mo_transaction_write(txn, i, "offline", &order);

	if (err)
		mo_evacuate_release(txn, i);
	txn->items[i].is_quarantined = false;
	return err;
}

static int write_again(struct mo_transaction *txn, size_t i)
{
	mo_transaction_forget(txn, i);
	mo_transaction_mark(txn, i, MO_MARK_BEGUN);
	return write_offline(txn, i);
}

static int take_block(struct mo_transaction *txn, size_t i)
{
	const struct mo_report_mark mark = mo_report_mark(txn->report);
	struct mo_item *item = &txn->items[i];
	int err;

	if (item->verdict == MO_VERDICT_DONE) {
		item->result->outcome = MO_OUTCOME_WAS_SO;
		txn->nr_done++;
		return 0;
	}
	if (item->verdict == MO_VERDICT_NEVER && !(txn->flags & MO_REQUEST_FORCE)) {
		err = refuse_or_cure(txn, i);
		if (err)
			return err;
	}
	if (item->is_stuck)
		return item->result->error;
	if (txn->has_terms && !item->is_emptied)
		return refuse(txn, i);	/* the kernel's own attempt would not keep to them */
	mo_transaction_mark(txn, i, MO_MARK_BEGUN);
	err = mo_ladder_climb(txn, i, write_offline(txn, i), &mark, write_again);
	if (item->result->outcome == MO_OUTCOME_VANISHED) {
		mo_report_add_note(txn->report, "memory%u was removed by somebody else meanwhile", item->block);
		txn->nr_done++;
		err = 0;
	}
	if (item->result->outcome == MO_OUTCOME_DONE)
		mo_transaction_mark(txn, i, MO_MARK_DONE);
	else if (!txn->abandoned)
		mo_transaction_mark(txn, i, MO_MARK_FAILED);
	return err;
}

/* Blocks that can't go are found before the first one changes, unless a part will do. */
static int refuse_hopeless(struct mo_transaction *txn)
{
	size_t i;
	int err = 0, refused;

	if (keeps_part(txn) || txn->flags & MO_REQUEST_FORCE)
		return 0;
	for (i = 0; i < txn->nr_wanted; i++) {
		if (txn->items[i].verdict != MO_VERDICT_NEVER)
			continue;
		refused = refuse_or_cure(txn, i);
		err = refused ? refused : err;
	}
	return err;
}

/* What the core can't quarantine is looked into only now. */
static void judge_unknown(struct mo_transaction *txn)
{
	size_t i;

	if (!txn->core.has_sessions)
		return;
	for (i = 0; i < txn->nr_wanted; i++) {
		struct mo_item *item = &txn->items[i];
		struct mo_step step = { .block = item->block };

		if (item->is_known || item->is_quarantined || !mo_item_is_to_go(item))
			continue;
		mo_step_judge(txn->memory, txn->pages, NULL, &step);
		item->is_known = true;
		item->verdict = step.verdict;
		item->pages = step.content.move_pages;
	}
	mo_transaction_want(txn, txn->nr_wanted);
}

static int prepare(struct mo_transaction *txn)
{
	int err = refuse_hopeless(txn);

	if (!err)
		err = mo_evacuate_quarantine(txn, keeps_part(txn));
	if (err)
		return err;
	judge_unknown(txn);
	return refuse_hopeless(txn);
}

static int evacuate(struct mo_transaction *txn, size_t i)
{
	(void)i;	/* all of them */
	mo_evacuate_forget(txn);
	return mo_evacuate_blocks(txn, keeps_part(txn));
}

static int take_blocks(struct mo_transaction *txn)
{
	const struct mo_report_mark mark = mo_report_mark(txn->report);
	int first_err = prepare(txn), err;
	size_t i;

	if (!first_err)
		first_err = mo_ladder_climb(txn, 0, evacuate(txn, 0), &mark, evacuate);
	if (!first_err)
		first_err = mo_move_ahead(txn);
	if (first_err && !(txn->nr_stuck && keeps_part(txn)))
		return first_err;
	for (i = 0; i < txn->nr_items && txn->nr_done < txn->nr_wanted; i++) {
		if (txn->items[i].mark == MO_MARK_DONE)
			continue;	/* before the interruption that is being resumed */
		err = take_block(txn, i);
		if (err && !first_err)
			first_err = err;
		if (mo_transaction_is_over(txn) || (err && !keeps_part(txn)))
			break;
	}
	if (txn->nr_done >= txn->nr_wanted)
		return 0;
	if (first_err)
		return first_err;
	txn->ended_by = MO_REASON_DEADLINE;	/* it passed between two blocks */
	return -ETIMEDOUT;
}

static size_t count_done(const struct mo_transaction *txn)
{
	size_t nr = 0, i;

	for (i = 0; i < txn->nr_items; i++)
		nr += txn->items[i].mark == MO_MARK_DONE;
	return nr;
}

/* Returns 0 when every block is back, -EXDEV when each is online, but some in another zone. */
static int roll_back(struct mo_transaction *txn)
{
	int first_err = 0, err;
	size_t i;

	mo_transaction_want(txn, count_done(txn));
	txn->nr_done = 0;
	txn->ended_by = MO_REASON_NONE;
	for (i = txn->nr_items; i-- > 0; ) {
		if (txn->items[i].mark != MO_MARK_DONE)
			continue;
		/* Who holds the kernel's lock now holds it for the next block as well. */
		if (txn->abandoned || txn->ended_by == MO_REASON_LOCK_WAIT) {
			txn->items[i].result->outcome = MO_OUTCOME_ROLLBACK_FAILED;
			first_err = -EBUSY;
			continue;
		}
		err = mo_transaction_restore(txn, i);
		if (err && (!first_err || first_err == -EXDEV))
			first_err = err;
	}
	return first_err;
}

static uint64_t freed_bytes(const struct mo_transaction *txn)
{
	return count_done(txn) * mo_memory_block_bytes(txn->memory);
}

/* Where it ended: the block that failed, else the first whose turn did not come. */
static uint32_t first_failed(const struct mo_transaction *txn)
{
	const struct mo_item *found = NULL;
	size_t i;

	for (i = 0; i < txn->nr_items; i++) {
		if (txn->items[i].result->outcome == MO_OUTCOME_FAILED)
			return txn->items[i].block;
		if (!found && txn->items[i].result->outcome == MO_OUTCOME_NOT_TRIED)
			found = &txn->items[i];
	}
	return found ? found->block : 0;
}

static unsigned long long mib(const struct mo_transaction *txn, uint64_t nr_pages)
{
	return nr_pages * mo_memory_page_bytes(txn->memory) >> 20;
}

/* The sentence for a transaction that did not do all that was asked. AFTER: how the blocks are now. */
static int explain(const struct mo_transaction *txn, int err, const char *after)
{
	char why[1024];

	if (txn->errand_failed) {
		snprintf(why, sizeof(why), "%s", mo_ctx_error(txn->ctx));
		return mo_error(txn->ctx, err, "%s; %s", why, after);
	}
	if (txn->abandoned)
		return mo_error(txn->ctx, err, "the kernel waits on memory%u where no signal reaches it (a hung file system?); "
				"when it lets go, run 'memoffline offline --undo' or '--resume'", first_failed(txn));
	if (err == -ENOSPC)
		return mo_error(txn->ctx, err, "what has to move is %llu MiB, for which other memory and swap have %llu MiB; %s; "
				"free some, add swap, take less, or try it all the same (--force)", mib(txn, txn->room.used_pages),
				mib(txn, txn->room.room_pages), after);
	switch (txn->ended_by) {
	case MO_REASON_INTERRUPTED:
		return mo_error(txn->ctx, err, "stopped on request; %s", after);
	case MO_REASON_LOCK_WAIT:
		return mo_error(txn->ctx, err, "the kernel's hotplug lock was held by somebody else till the deadline; %s; "
				"try again later or with a longer --timeout", after);
	case MO_REASON_DEADLINE:
		return mo_error(txn->ctx, err, "memory%u did not become free before the deadline; %s", first_failed(txn), after);
	case MO_REASON_STALL:
		return mo_error(txn->ctx, err, "no page of memory%u could be moved for %u ms; %s", first_failed(txn),
				txn->stall_ms, after);
	default:
		return mo_error(txn->ctx, err, "memory%u can't go offline (%s); %s", first_failed(txn), strerror(-err), after);
	}
}

static int open_journal(struct mo_transaction *txn)
{
	struct mo_journal_entry *entries = calloc(txn->nr_items ? txn->nr_items : 1, sizeof(*entries));
	const struct mo_journal_terms terms = { txn->nr_wanted, txn->flags, txn->len_bytes, txn->pools };
	size_t i;
	int err;

	if (!entries)
		return mo_error(txn->ctx, -ENOMEM, "no memory for the journal");
	for (i = 0; i < txn->nr_items; i++)
		entries[i] = (struct mo_journal_entry){
			txn->items[i].block, txn->items[i].before.zone, txn->items[i].before.node,
			txn->items[i].verdict == MO_VERDICT_DONE ? MO_MARK_WAS_OFFLINE : MO_MARK_TODO,
		};
	err = mo_journal_create(txn->ctx, mo_report_target(txn->report), entries, txn->nr_items, &terms,
				txn->errand ? MO_STAGE_REMOVAL : MO_STAGE_OFFLINE, &txn->journal);
	free(entries);
	return err;
}

/* The journal stays only when something is left to undo. */
static void close_journal(struct mo_transaction *txn, bool complete)
{
	if (!txn->journal)
		return;
	if (!complete)
		mo_journal_close(txn->journal);
	else if (mo_journal_end(txn->journal))
		mo_report_add_note(txn->report, "%s", mo_ctx_error(txn->ctx));
	txn->journal = NULL;
}

static int begin_errand(struct mo_transaction *txn)
{
	int err = txn->errand ? txn->errand->begin(txn->errand->data, txn) : 0;

	txn->errand_failed = err;
	return err;
}

static int finish_errand(struct mo_transaction *txn)
{
	int err = txn->errand ? txn->errand->finish(txn->errand->data, txn) : 0;

	txn->errand_failed = err;
	return err;
}

/* What ended it keeps its sentence. */
static void end_errand(struct mo_transaction *txn, int result, int back)
{
	char *error;

	if (!txn->errand)
		return;
	error = strdup(mo_ctx_error(txn->ctx));
	txn->errand->end(txn->errand->data, txn, result, back);
	if (error && result < 0)
		mo_error(txn->ctx, result, "%s", error);
	free(error);
}

/* All came back, but for those that are gone with a device that went before another could not. */
static const char *how_blocks_are(const struct mo_transaction *txn)
{
	for (size_t i = 0; i < txn->nr_items; i++)
		if (txn->items[i].result->outcome == MO_OUTCOME_VANISHED)
			return "every block that is still there is as it was";
	return "every block is as it was";
}

static int run(struct mo_transaction *txn, struct mo_report **report)
{
	const char *after = "see 'memoffline report' for what was kept and 'memoffline list' for the blocks";
	enum mo_reason ended_by;
	bool complete = true;
	int err, result, back = 0;

	mo_transaction_tell_wanted(txn);
	err = begin_errand(txn);
	if (!err)
		err = take_blocks(txn);
	mo_evacuate_end(txn);
	if (!err)
		err = finish_errand(txn);
	result = err;
	if (err && keeps_part(txn) && freed_bytes(txn))
		result = 1;
	if (result >= 0)
		mo_pools_refill(txn->memory, &txn->pools, txn->report);
	if (result < 0) {
		ended_by = txn->ended_by;
		back = roll_back(txn);
		mo_pools_restore(txn->memory, &txn->pools, txn->report);
		complete = !back || back == -EXDEV;
		txn->ended_by = ended_by;
		after = !back ? how_blocks_are(txn) :
			complete ? "every block is online again, but not each in its zone; see 'memoffline report'" :
			"not every block came back; try 'memoffline offline --undo'";
	}
	if (err)
		explain(txn, err, after);
	end_errand(txn, result, back);
	close_journal(txn, complete && !txn->abandoned);
	return mo_transaction_end(txn, result, freed_bytes(txn), report);
}

/* Hooks of it have to be told, too. */
static int removal_is_left(struct mo_ctx *ctx)
{
	struct mo_journal_info info;
	int err = mo_journal_read(ctx, &info);

	return err ? err : mo_error(ctx, -EUCLEAN, "%s while it removed %s: finish that, or take it back, with "
				    "'memoffline recover'", info.is_of_this_boot ? "a process was killed" :
				    "the machine was restarted", info.target);
}

/* What a killed command left behind comes first: its blocks are offline without anybody's wish. */
static int check_leftover(struct mo_transaction *txn)
{
	struct mo_journal_info info;
	const struct mo_journal_entry *entry;
	const struct mo_block *block;
	struct mo_journal *journal;
	int err = mo_journal_load(txn->ctx, &journal);
	size_t i;

	if (err)
		return err == -ENOENT ? 0 : err;
	if (mo_journal_stage(journal) != MO_STAGE_OFFLINE) {
		mo_journal_close(journal);
		return removal_is_left(txn->ctx);
	}
	for (i = 0; (entry = mo_journal_entry(journal, i)); i++) {
		block = mo_memory_find(txn->memory, entry->block);
		if (block && !mo_memory_refresh(txn->memory, entry->block) && block->state != MO_STATE_ONLINE &&
		    strchr("bd", entry->mark))
			break;
	}
	if (!entry)
		return mo_journal_end(journal);	/* nothing of it is left to undo */
	mo_journal_close(journal);
	err = mo_journal_read(txn->ctx, &info);
	if (err)
		return err;
	return mo_error(txn->ctx, -EUCLEAN, "process %d was killed while it took %s offline, %u of %u blocks went; finish it "
			"('memoffline offline --resume') or take it back ('memoffline offline --undo')",
			info.pid, info.target, info.nr_done, info.nr_blocks);
}

static const char *target_name(const struct mo_request *request, char size[32])
{
	if (request->target)
		return request->target;
	snprintf(size, 32, "%llum", (unsigned long long)request->len_bytes >> 20);
	return size;
}

static int fill_from_plan(struct mo_transaction *txn, const struct mo_plan *plan)
{
	const struct mo_step *step;
	size_t nr = mo_plan_nr_candidates(plan), i;
	int err = mo_transaction_alloc(txn, nr);

	for (i = 0; i < nr && !err; i++) {
		step = mo_plan_candidate(plan, i);
		err = mo_transaction_fill(txn, i, step->block, step->verdict, step->content.move_pages);
		txn->items[i].is_known = step->content_known;
	}
	if (!err)
		mo_transaction_want(txn, mo_plan_nr_steps(plan));
	return err;
}

int mo_offline_on_errand(struct mo_plan *plan, const struct mo_request *request, const char *action,
			 const struct mo_errand *errand, struct mo_report **report)
{
	struct mo_transaction txn;
	char size[32];
	int err = mo_transaction_begin(&txn, mo_plan_memory(plan), request, action, target_name(request, size));

	if (err)
		return err;
	txn.errand = errand;
	err = check_leftover(&txn);
	if (!err)
		err = mo_engine_begin(&txn);
	if (!err)
		err = fill_from_plan(&txn, plan);
	if (!err)
		err = open_journal(&txn);
	return err ? mo_transaction_abort(&txn, err) : run(&txn, report);
}

int mo_offline(struct mo_plan *plan, const struct mo_request *request, struct mo_report **report)
{
	return mo_offline_on_errand(plan, request, "offline", NULL, report);
}

/* It went by what the journal tells of; after a restart the machine's own policy may have left it so. */
static bool is_ours(const struct mo_journal *journal, const struct mo_journal_entry *entry)
{
	return strchr("bd", entry->mark) || (!mo_journal_is_of_this_boot(journal) && entry->mark != MO_MARK_WAS_OFFLINE);
}

/* Items of a journal, with what is known of them now; where they were is what the journal says. */
static int fill_from_journal(struct mo_transaction *txn)
{
	const struct mo_journal_entry *entry;
	const struct mo_block *block;
	struct mo_step step;
	size_t i;
	int err = mo_transaction_alloc(txn, mo_journal_nr(txn->journal));

	for (i = 0; !err && (entry = mo_journal_entry(txn->journal, i)); i++) {
		memset(&step, 0, sizeof(step));
		step.block = entry->block;
		block = mo_memory_find(txn->memory, entry->block);
		if (block && mo_memory_refresh(txn->memory, entry->block) == -ENOENT)
			block = NULL;
		if (block)
			mo_step_judge(txn->memory, txn->pages, NULL, &step);
		err = mo_transaction_fill(txn, i, entry->block, step.verdict, step.content.move_pages);
		txn->items[i].is_known = true;
		if (err)
			break;
		txn->items[i].before.zone = entry->zone;
		txn->items[i].result->zone = entry->zone;
		if (!block && mo_journal_stage(txn->journal) != MO_STAGE_OFFLINE)
			txn->items[i].result->outcome = MO_OUTCOME_VANISHED;
		if (block && block->state == MO_STATE_OFFLINE && is_ours(txn->journal, entry)) {
			mo_transaction_mark(txn, i, MO_MARK_DONE);
			txn->items[i].result->outcome = MO_OUTCOME_DONE;
			txn->nr_done++;
		}
	}
	if (!err)
		mo_transaction_want(txn, mo_journal_terms(txn->journal)->nr_wanted);
	return err;
}

static int begin_from_journal(struct mo_transaction *txn, struct mo_ctx *ctx, const struct mo_request *request,
			      const char *action, bool removes)
{
	struct mo_journal_info info;
	struct mo_memory *memory;
	int err = mo_journal_read(ctx, &info);

	if (!err && info.removes != removes)
		err = removes ? mo_error(ctx, -ENOENT, "no removal was cut short: nothing to recover") : removal_is_left(ctx);
	if (!err)
		err = mo_memory_read(ctx, &memory);
	if (err)
		return err;
	err = mo_transaction_begin(txn, memory, request, action, info.target);
	mo_memory_unref(memory);
	if (err)
		return err;
	err = mo_journal_load(ctx, &txn->journal);
	if (!err)
		err = mo_transaction_adopt_pools(txn);
	if (!err)
		err = fill_from_journal(txn);
	return err ? mo_transaction_abort(txn, err) : 0;
}

int mo_resume(struct mo_ctx *ctx, const struct mo_request *request, struct mo_report **report)
{
	struct mo_transaction txn;
	int err = begin_from_journal(&txn, ctx, request, "offline", false);

	if (err)
		return err;
	mo_transaction_adopt(&txn);
	err = mo_engine_begin(&txn);
	return err ? mo_transaction_abort(&txn, err) : run(&txn, report);
}

/* The kernel may not have let go of a killed worker yet: the way back waits for it to end, whichever way it ends. */
static void undo_going(struct mo_transaction *txn)
{
	const struct mo_journal_entry *entry;
	size_t i;

	for (i = 0; (entry = mo_journal_entry(txn->journal, i)); i++)
		if (entry->mark == MO_MARK_BEGUN && txn->items[i].before.state == MO_STATE_GOING_OFFLINE)
			mo_transaction_mark(txn, i, MO_MARK_DONE);
}

static int explain_undo(const struct mo_transaction *txn, int err)
{
	if (err == -EXDEV)
		return mo_error(txn->ctx, err, "every block is online again, but not each in its zone; see 'memoffline report'");
	if (txn->ended_by == MO_REASON_LOCK_WAIT)
		return mo_error(txn->ctx, err, "not every block could be brought back: the kernel's hotplug lock was held by somebody "
				"else all the time; when it is free, try --undo again");
	return mo_error(txn->ctx, err, "not every block could be brought back (%s); see 'memoffline report', then try --undo again",
			strerror(-err));
}

/* On the way back nobody is to blame: this only switches off what the killed command had switched on. */
static int undo(struct mo_transaction *txn)
{
	struct mo_evidence *evidence;
	int err;

	if (!mo_evidence_start(txn->ctx, &evidence))
		mo_evidence_stop(evidence);
	mo_engine_tidy(txn->ctx);
	undo_going(txn);
	err = roll_back(txn);
	if (mo_journal_is_of_this_boot(txn->journal))
		mo_pools_restore(txn->memory, &txn->pools, txn->report);
	return err;
}

int mo_recover_on_errand(struct mo_ctx *ctx, const struct mo_request *request, const struct mo_errand *errand,
			 struct mo_report **report)
{
	struct mo_transaction txn;
	int err = begin_from_journal(&txn, ctx, request, "recover", true), back = 0, gone = -ECANCELED;

	if (err)
		return err;
	txn.errand = errand;
	if (mo_journal_stage(txn.journal) != MO_STAGE_REMOVAL)
		gone = finish_errand(&txn);
	if (gone)
		err = back = undo(&txn);
	end_errand(&txn, gone, back);
	close_journal(&txn, !err || err == -EXDEV);
	if (err)
		explain_undo(&txn, err);
	return mo_transaction_end(&txn, err, 0, report);
}

int mo_undo(struct mo_ctx *ctx, const struct mo_request *request, struct mo_report **report)
{
	struct mo_transaction txn;
	int err = begin_from_journal(&txn, ctx, request, "undo", false);

	if (err)
		return err;
	err = undo(&txn);
	close_journal(&txn, !err || err == -EXDEV);
	if (err)
		explain_undo(&txn, err);
	return mo_transaction_end(&txn, err, 0, report);
}
