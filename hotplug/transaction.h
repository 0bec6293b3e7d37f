/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a change of several blocks consists of; shared by offline.c, online.c and undo.c.
 *
 * Order: lock, then journal, then evidence, then blocks; the end goes backwards. The lock is held
 * till nothing but the names of owners is missing.
 */
#ifndef MEMOFFLINE_TRANSACTION_H
#define MEMOFFLINE_TRANSACTION_H

#include "private.h"

/* A block that is to change, in the order of its turn. */
struct mo_item {
	uint32_t block;			/* number */
	struct mo_block before;		/* as it was when the transaction began */
	enum mo_verdict verdict;
	bool is_known;			/* what it holds, and so the verdict */
	uint64_t pages;			/* in use, as far as known */
	uint64_t pages_ahead;		/* that left before the first block's turn */
	enum mo_journal_mark mark;
	bool is_quarantined;		/* by our session */
	bool is_emptied;		/* it was when nothing was left to move, unless it is stuck */
	bool is_stuck;			/* the evacuation left pages in it, which the report tells of */
	struct mo_block_result *result;	/* belongs to the report */
};

struct mo_transaction;

/* What else belongs to taking blocks offline, below the same lock: removal.c. Errors have a text. */
struct mo_errand {
	void *data;
	/* The journal is there, and nothing has changed. */
	int (*begin)(void *data, struct mo_transaction *txn);
	/* All blocks are offline. An error brings them back. */
	int (*finish)(void *data, struct mo_transaction *txn);
	/* RESULT came of it. BACK, if that is negative: 0, all blocks are as they were. The journal is still there. */
	void (*end)(void *data, struct mo_transaction *txn, int result, int back);
};

struct mo_transaction {
	struct mo_ctx *ctx;
	const struct mo_errand *errand;	/* NULL: none */
	struct mo_memory *memory;
	const struct mo_request *request;
	uint32_t flags;			/* the request's, or those of the command that is being finished */
	uint64_t len_bytes;		/* likewise */
	struct mo_item *items;
	size_t nr_items;
	size_t nr_wanted;		/* so many have to change */
	uint64_t pages_todo;		/* of those whose turn has not come; told at each tick, so kept as a sum */
	size_t nr_done;
	struct mo_lock *lock;
	struct mo_journal *journal;	/* NULL: none is kept */
	struct mo_evidence *evidence;	/* NULL: none is wanted */
	struct mo_session *session;	/* with the core; NULL: the kernel alone does the work */
	struct mo_core_info core;
	struct mo_core_terms terms;	/* for the core, but its limits of time */
	bool has_terms;			/* the request names some: a block goes by them or not at all */
	struct mo_core_room room;	/* as the core saw it last */
	size_t nr_stuck;		/* blocks */
	uint64_t core_moved, core_evicted, core_violated;	/* pages */
	bool is_core_set_aside;		/* by us */
	bool misses_core;		/* there is no module for this kernel */
	bool needs_owners;		/* records of others than the core's were added */
	struct mo_writer *writer;
	struct mo_pages *pages;		/* NULL: content can't be seen */
	struct mo_report *report;
	struct mo_progress progress;
	struct mo_holder *holder;	/* NULL: nobody asks */
	uint64_t start_ms;
	uint64_t deadline_ms;		/* 0: none */
	uint32_t stall_ms;		/* for one block; 0: none */
	uint64_t vmstat_moved;		/* pgmigrate_success when it began */
	uint64_t nr_hugepages;		/* in the pool when it began */
	struct mo_pools pools;		/* likewise, where they are to be kept; else none */
	uint32_t blind_remedies;	/* MO_REMEDY_ that did not find out whose all the pages are */
	enum mo_reason ended_by;	/* a limit or a stop ended it as a whole */
	bool abandoned;			/* the kernel holds a worker: no other block can change now */
	bool errand_failed;		/* and said why */
};

/* Checks request and rights, takes the lock. After a failure there is nothing to end. WHAT: for others who wait. */
int mo_transaction_begin(struct mo_transaction *txn, struct mo_memory *memory, const struct mo_request *request,
			 const char *action, const char *target);
/* Room for NR items; the caller fills them. */
int mo_transaction_alloc(struct mo_transaction *txn, size_t nr);
int mo_transaction_fill(struct mo_transaction *txn, size_t i, uint32_t block, enum mo_verdict verdict, uint64_t pages);
/* Once the items are filled: NR of them have to change, the first ones as far as their turn comes. */
void mo_transaction_want(struct mo_transaction *txn, size_t nr);
/*
 * Write WORD to one block and put what came of it into its result. What is quarantined is so until then, and after a
 * failure.
 */
struct mo_write {
	uint64_t deadline_ms;
	uint32_t stall_ms;
	int stop_fd;
};
int mo_transaction_write(struct mo_transaction *txn, size_t i, const char *word, const struct mo_write *order);
/* Tell of pages that leave before the first block's turn. */
void mo_transaction_tell(struct mo_transaction *txn, uint64_t pages_left, uint64_t stuck_pfn);
/* Tell that REMEDY is tried on what keeps the block. */
void mo_transaction_tell_remedy(struct mo_transaction *txn, uint32_t block, uint32_t remedy);
/* A limit on the whole, a stop, or a worker that is held: further attempts would fare no better. */
bool mo_transaction_is_over(const struct mo_transaction *txn);
/*
 * Till WORKER ends (NONE), or why it has to be ended: a stop was asked for, or UNTIL_MS (0: never) passed. Calls TELL
 * five times a second.
 */
enum mo_reason mo_transaction_watch(const struct mo_transaction *txn, const struct mo_worker *worker, uint64_t until_ms,
				    void (*tell)(void *data), void *data);
/* Its turn has not come, and the kernel may take it. */
bool mo_item_is_to_go(const struct mo_item *item);
/* Go on under the terms of the journal, unless the request says how much has to go. */
void mo_transaction_adopt(struct mo_transaction *txn);
/* The pools of huge pages that the journal promised to keep, as they were then. Errors have a text. */
int mo_transaction_adopt_pools(struct mo_transaction *txn);
/* Will less than all that is wanted do? */
bool mo_transaction_takes_part(const struct mo_transaction *txn);
/* Say in the report how much memory is to change. */
void mo_transaction_tell_wanted(struct mo_transaction *txn);
/* The item failed, and that does not count: its turn comes again. */
void mo_transaction_forget(struct mo_transaction *txn, size_t i);
/* Set mark in item and journal. */
void mo_transaction_mark(struct mo_transaction *txn, size_t i, enum mo_journal_mark mark);
/* Put a block back into the zone where it was. 0 also where it vanished. -EXDEV: it is online, but in another zone. */
int mo_transaction_restore(struct mo_transaction *txn, size_t i);
/* Nothing has changed: release everything, no report. Returns ERR. */
int mo_transaction_abort(struct mo_transaction *txn, int err);
/* Finish the report with RESULT, save it, hand it out, release everything. Returns RESULT. */
int mo_transaction_end(struct mo_transaction *txn, int result, uint64_t freed_bytes, struct mo_report **report);

/* ---- offline.c ---- */
/* As mo_offline(), with what else belongs to it, and ACTION for the report. */
int mo_offline_on_errand(struct mo_plan *plan, const struct mo_request *request, const char *action,
			 const struct mo_errand *errand, struct mo_report **report);
/* What the journal tells of: where a device was asked to go already, finish() decides, else all is taken back. */
int mo_recover_on_errand(struct mo_ctx *ctx, const struct mo_request *request, const struct mo_errand *errand,
			 struct mo_report **report);

/* ---- engine.c ---- */
/* As the request says: open the core, or start to collect evidence. The lock is held. What fails says so. */
int mo_engine_begin(struct mo_transaction *txn);
/* After each attempt to take a block offline: what the core counted and, if it failed, which pages stayed and why. */
void mo_engine_conclude(struct mo_transaction *txn, struct mo_item *item, const struct mo_attempt *attempt);
/* Notes on the whole. */
void mo_engine_note(struct mo_transaction *txn, int result);
void mo_engine_end(struct mo_transaction *txn);
/* Put right what a killed command left behind. The lock is held. */
void mo_engine_tidy(struct mo_ctx *ctx);

/* ---- evacuate.c ---- */
/* All wanted blocks, with the core; without it these do nothing. What can't be done so is left to each attempt. */
/* From now on nothing is put into them. -ENOSPC: other memory has no room, and no part will do; -EINTR, -ETIMEDOUT. */
int mo_evacuate_quarantine(struct mo_transaction *txn, bool takes_part);
/*
 * Empty what is quarantined, at once. Those with pages that stay have failed. -EBUSY: pages stay; -ETIMEDOUT: the same,
 * for the deadline passed; -EINTR: a stop was asked for.
 */
int mo_evacuate_blocks(struct mo_transaction *txn, bool takes_part);
/* Before that once more: nothing is said of them yet. */
void mo_evacuate_forget(struct mo_transaction *txn);
/* The block is usual memory again, if it was not yet. */
void mo_evacuate_release(struct mo_transaction *txn, size_t i);
/* All that are still held are. */
void mo_evacuate_end(struct mo_transaction *txn);

/* ---- eject.c ---- */
/*
 * A device of the transaction's memory, by its index, all of whose blocks are offline, goes. It is gone within GONE_MS,
 * and before the deadline; -ETIMEDOUT: it is not; -EINTR; -EBUSY: a block is online again; -EOPNOTSUPP, and others: it
 * could not be asked; -EIO: its memory is gone, and the firmware did not let go of it.
 */
int mo_eject(struct mo_transaction *txn, uint32_t device, uint32_t gone_ms);
/* All blocks of the transaction are gone within GONE_MS: somebody else asked their device to go. */
int mo_eject_await(struct mo_transaction *txn, uint32_t gone_ms);

/* ---- ladder.c ---- */
/*
 * ERR is what came of item I (or of all, as AGAIN sees it), and what the report has since MARK is why. Tries the
 * remedies that the request allows, one after the other, and calls AGAIN after each that freed something, with these
 * records gone. Returns what came of it in the end.
 */
typedef int mo_again_fn(struct mo_transaction *txn, size_t i);
int mo_ladder_climb(struct mo_transaction *txn, size_t i, int err, const struct mo_report_mark *mark,
		    mo_again_fn *again);

/* ---- ahead.c ---- */
/* Without the core: anonymous memory of the wanted blocks goes to another node before their turn. -EINTR: a stop. */
int mo_move_ahead(struct mo_transaction *txn);

/* The word for state that brings a block online in ZONE. */
const char *mo_online_word(enum mo_zone zone);

#endif
