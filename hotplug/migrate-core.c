// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of a process moved by the core. A thread waits for it, so that a stop can end the wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migration.h"

#define GRACE_MS 2000	/* for the module to keep its deadline */

/* What the thread reads and writes. */
struct call {
	struct mo_session *session;
	struct mo_nodeset from, to;
	struct mo_core_migrate terms;
	struct mo_core_migrated migrated;
};

struct work {
	struct mo_migration *migration;
	struct mo_core_progress last;
};

static uint32_t time_left(const struct mo_migration *migration)
{
	uint64_t now_ms = mo_now_ms();

	if (!migration->deadline_ms)
		return 0;
	return migration->deadline_ms > now_ms ? (uint32_t)(migration->deadline_ms - now_ms) : 1;
}

/* Our cpuset may stay as it is: but for an exclusive one of version 1 it does not limit where the core allocates. */
static int run_call(void *data)
{
	struct call *call = data;

	return mo_session_migrate(call->session, &call->terms, &call->migrated);
}

static void stop_call(void *data)
{
	const struct call *call = data;

	mo_session_stop(call->session);
}

static void tell(void *data)
{
	struct work *work = data;

	mo_session_progress(work->migration->session, &work->last);
	mo_migration_tell(work->migration, MO_PHASE_MIGRATE, work->last.done_pages, 0);
}

static int try_once(struct work *work, struct call *call)
{
	struct mo_worker *worker;
	int err;

	memset(&call->migrated, 0, sizeof(call->migrated));
	work->last = (struct mo_core_progress){ .stuck_pfn = NO_PFN };
	call->terms.deadline_ms = time_left(work->migration);
	err = mo_worker_run_thread(run_call, stop_call, call, &worker);
	return err ? err : mo_migration_watch(work->migration, worker, GRACE_MS, tell, work);
}

/* Who suspends us (SIGSTOP, a debugger) interrupts the core, too; that was no wish to end it. */
static bool is_cut_short(const struct mo_migration *migration, enum mo_reason reason)
{
	return reason == MO_REASON_INTERRUPTED && migration->ended_by == MO_REASON_NONE;
}

/* Of a process that ended while we were suspended nothing is left. */
static bool has_ended(int err, bool is_first)
{
	return !is_first && (err == -ESRCH || err == -EINVAL);
}

/* MOVES: what all tries have moved, and what the last one left. */
static int run(struct mo_migration *migration, struct call *call, struct mo_moves *moves)
{
	struct work work = { .migration = migration };
	struct mo_moves done;
	bool is_first = true;
	int err;

	do {
		mo_session_drop_records(call->session);
		err = try_once(&work, call);
		if (err && !has_ended(err, is_first))
			return err;
		done = call->migrated.moves;
		if (migration->abandoned)	/* the thread may still write to it */
			done = (struct mo_moves){ .moved_pages = work.last.done_pages };
		mo_moves_go_on(&done, moves);
		*moves = done;
		is_first = false;
	} while (!err && is_cut_short(migration, call->migrated.reason));
	if (!migration->abandoned && call->migrated.reason == MO_REASON_DEADLINE)
		migration->ended_by = MO_REASON_DEADLINE;
	return 0;
}

static struct call *new_call(const struct mo_migration *migration, const struct mo_move *move, int pidfd)
{
	const struct mo_migrate_request *request = migration->request;
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->session = migration->session;
	call->from = *move->from;
	call->to = *move->to;
	call->terms = (struct mo_core_migrate){
		.pid = move->victim->tid, .pidfd = request->pidfd >= 0 ? request->pidfd : pidfd,
		.from = &call->from, .to = &call->to,
		.start_addr = request->start_addr, .end_addr = request->end_addr,
		.also_shared = migration->flags & MO_MIGRATE_ALL, .may_evict = request->swap == MO_SWAP_FALLBACK,
		.nr_workers = request->nr_workers,
	};
	return call;
}

int mo_core_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves)
{
	struct call *call;
	int pidfd, err = mo_victim_open(migration->ctx, move->victim, &pidfd);

	if (err)
		return err;
	call = new_call(migration, move, pidfd);
	err = call ? run(migration, call, moves) : -ENOMEM;
	if (migration->abandoned)
		return err;	/* the thread may still use both */
	free(call);
	if (pidfd >= 0)
		close(pidfd);
	return err;
}
