// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of a process moved by the core. A thread waits for it, so that a stop can end the wait. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migration.h"

#define GRACE_MS 2000	/* for the module to keep its deadline */

/* What the thread reads and writes. */
struct call {
	struct mo_session *session;
	uint64_t deadline_ms;
	atomic_bool is_stopped;
	struct mo_core_migrate terms;
	struct mo_core_migrated migrated;
};

struct work {
	struct mo_migration *migration;
	struct mo_core_progress last;
};

static uint32_t time_left(uint64_t deadline_ms)
{
	uint64_t now_ms = mo_now_ms();

	if (!deadline_ms)
		return 0;
	return deadline_ms > now_ms ? (uint32_t)(deadline_ms - now_ms) : 1;
}

/*
 * Our cpuset may stay as it is: it does not limit where the core allocates. Who suspends us (SIGSTOP, a debugger)
 * interrupts the core; that was no wish to end it.
 */
static int run_call(void *data)
{
	struct mo_moves *moves, before = { 0 };
	struct call *call = data;
	int err;

	moves = &call->migrated.moves;
	do {
		call->terms.deadline_ms = time_left(call->deadline_ms);
		err = mo_session_migrate(call->session, &call->terms, &call->migrated);
		if (err)
			return err;
		mo_moves_go_on(moves, &before);
		before = *moves;
	} while (call->migrated.reason == MO_REASON_INTERRUPTED && !call->is_stopped);
	return 0;
}

static void stop_call(void *data)
{
	struct call *call = data;

	call->is_stopped = true;
	mo_session_stop(call->session);
}

static void tell(void *data)
{
	struct work *work = data;

	mo_session_progress(work->migration->session, &work->last);
	mo_migration_tell(work->migration, MO_PHASE_MIGRATE, work->last.done_pages, 0);
}

static struct call *new_call(const struct mo_migration *migration, const struct mo_move *move, int pidfd)
{
	const struct mo_migrate_request *request = migration->request;
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->session = migration->session;
	call->deadline_ms = migration->deadline_ms;
	call->terms = (struct mo_core_migrate){
		.pid = move->victim->tid, .pidfd = request->pidfd >= 0 ? request->pidfd : pidfd,
		.from = move->from, .to = move->to,
		.start_addr = request->start_addr, .end_addr = request->end_addr,
		.also_shared = migration->flags & MO_MIGRATE_ALL, .may_evict = request->swap == MO_SWAP_FALLBACK,
		.nr_workers = request->nr_workers,
	};
	return call;
}

static int run(struct mo_migration *migration, struct call *call, struct mo_moves *moves)
{
	struct work work = { .migration = migration, .last = { .stuck_pfn = NO_PFN } };
	struct mo_worker *worker;
	int err = mo_worker_run_thread(run_call, stop_call, call, &worker);

	if (!err)
		err = mo_migration_watch(migration, worker, GRACE_MS, tell, &work);
	if (err)
		return err;
	if (migration->abandoned) {
		moves->moved_pages = work.last.done_pages;
		return 0;
	}
	*moves = call->migrated.moves;
	if (call->migrated.reason == MO_REASON_DEADLINE)
		migration->ended_by = MO_REASON_DEADLINE;
	return 0;
}

int mo_core_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves)
{
	struct call *call;
	int pidfd, err = mo_victim_open(migration->ctx, move->victim, &pidfd);

	if (err)
		return err;
	call = new_call(migration, move, pidfd);
	err = call ? run(migration, call, moves) : -ENOMEM;
	if (!migration->abandoned)
		free(call);
	if (pidfd >= 0)
		close(pidfd);
	return err;
}
