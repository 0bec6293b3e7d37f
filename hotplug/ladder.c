// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ladder of remedies: what kept a block is treated, the remedy that costs users least first, and after each that
 * freed something the block is tried again.
 */
#include <errno.h>

#include "remedy.h"
#include "transaction.h"

#define ROUNDS 3	/* of one remedy, while each frees something: the stock engine names a few pages at a time */
#define REMEDY_MS 30000	/* for one, within the deadline of the whole */

/* In words, once for each remedy. */
static void note_blind(struct mo_transaction *txn, uint32_t remedy, uint64_t nr_pages)
{
	const char *what = remedy == MO_REMEDY_SLAB ? "slab, of which the cache is not known" :
			   "page cache, of which the file is not known";

	if (!nr_pages || txn->blind_remedies & remedy)
		return;
	txn->blind_remedies |= remedy;
	mo_report_add_note(txn->report, "the remedy %s left out %llu pages of %s%s", mo_remedy_name(remedy),
			   (unsigned long long)nr_pages, what, txn->session ? "" :
			   "; without the module memoffline the kernel tells that of few pages");
}

static void note_end(struct mo_transaction *txn, uint32_t remedy, enum mo_reason reason)
{
	if (reason == MO_REASON_DEADLINE)
		mo_report_add_note(txn->report, "the remedy %s did not come to its end in time; a process or a file system may hang",
				   mo_remedy_name(remedy));
}

/* For a limit on the whole only: it ends the transaction. */
static int adopt_end(struct mo_transaction *txn, enum mo_reason reason, int err)
{
	if (reason == MO_REASON_INTERRUPTED) {
		txn->ended_by = reason;
		return -EINTR;
	}
	if (!txn->deadline_ms || mo_now_ms() < txn->deadline_ms)
		return err;
	txn->ended_by = MO_REASON_DEADLINE;
	return -ETIMEDOUT;
}

static uint64_t until(const struct mo_transaction *txn)
{
	uint64_t until_ms = mo_now_ms() + REMEDY_MS;

	return txn->deadline_ms && txn->deadline_ms < until_ms ? txn->deadline_ms : until_ms;
}

/* Has it freed anything? *ERR is what it was unless the whole is over. */
static bool apply(struct mo_transaction *txn, size_t i, size_t first_record, uint32_t remedy, int *err)
{
	struct mo_remedy_choice choice;
	struct mo_remedy_work work = {
		.ctx = txn->ctx, .choice = &choice, .page_bytes = mo_memory_page_bytes(txn->memory),
	};
	uint64_t freed_bytes = 0;
	enum mo_reason reason;

	if (mo_remedy_choose(txn->report, first_record, remedy, &choice))
		return false;
	note_blind(txn, remedy, choice.nr_blind_pages);
	if (choice.nr_objects || choice.nr_ranges) {
		mo_transaction_tell_remedy(txn, txn->items[i].block, remedy);
		reason = mo_remedy_try(&work, remedy, txn->report, txn->request->stop_fd, until(txn), &freed_bytes);
		note_end(txn, remedy, reason);
		*err = adopt_end(txn, reason, *err);
	}
	mo_remedy_choice_clear(&choice);
	return freed_bytes;
}

/* One remedy. Returns what came of the last attempt. */
static int take_step(struct mo_transaction *txn, size_t i, uint32_t remedy, int err, const struct mo_report_mark *mark,
		     mo_again_fn *again)
{
	for (int round = 0; err && round < ROUNDS && !mo_transaction_is_over(txn); round++) {
		mo_report_name_cgroups(txn->report);
		if (!apply(txn, i, mark->nr_records, remedy, &err) || mo_transaction_is_over(txn))
			break;
		mo_report_rewind(txn->report, mark);
		txn->ended_by = MO_REASON_NONE;
		err = again(txn, i);
	}
	return err;
}

int mo_ladder_climb(struct mo_transaction *txn, size_t i, int err, const struct mo_report_mark *mark,
		    mo_again_fn *again)
{
	for (uint32_t remedy = 1; err && remedy & MO_REMEDY_ALL; remedy <<= 1)
		if (txn->request->remedies & remedy)
			err = take_step(txn, i, remedy, err, mark, again);
	return err;
}
