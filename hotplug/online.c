// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bring blocks online. */
#include <errno.h>
#include <string.h>

#include "transaction.h"

static int bring_block(struct mo_transaction *txn, size_t i, const char *word)
{
	const struct mo_write order = { .deadline_ms = txn->deadline_ms, .stop_fd = txn->request->stop_fd };
	struct mo_item *item = &txn->items[i];

	if (item->before.state == MO_STATE_ONLINE) {
		item->result->outcome = MO_OUTCOME_WAS_SO;
		return 0;
	}
	return mo_transaction_write(txn, i, word, &order);
}

static int bring_blocks(struct mo_transaction *txn, const char *word)
{
	int first_err = 0, err;
	size_t i;

	for (i = 0; i < txn->nr_items; i++) {
		err = bring_block(txn, i, word);
		if (err && !first_err)
			first_err = mo_error(txn->ctx, err, "memory%u can't go online (%s)%s", txn->items[i].block,
					     strerror(-err),
					     err == -EINVAL ? "; its zone may not take it, try --zone auto" :
							      "; see 'memoffline report'");
		if (txn->ended_by != MO_REASON_NONE)
			break;
	}
	if (first_err && txn->nr_done)
		return 1;
	return first_err;
}

int mo_online(struct mo_plan *plan, enum mo_zone zone, const struct mo_request *request, struct mo_report **report)
{
	struct mo_transaction txn;
	const struct mo_step *step;
	size_t i;
	int err = mo_transaction_begin(&txn, mo_plan_memory(plan), request, "online",
				       request->target ? request->target : "");

	if (err)
		return err;
	err = mo_transaction_alloc(&txn, mo_plan_nr_steps(plan));
	for (i = 0; !err && (step = mo_plan_step(plan, i)); i++)
		err = mo_transaction_fill(&txn, i, step->block, step->verdict, 0);
	mo_transaction_want(&txn, txn.nr_items);
	if (err)
		return mo_transaction_abort(&txn, err);
	err = bring_blocks(&txn, mo_online_word(zone));
	return mo_transaction_end(&txn, err, 0, report);
}
