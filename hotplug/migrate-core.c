// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of a process moved by the core. A process of its own waits for it, so that a stop can end the wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migration.h"

#define GRACE_MS 2000	/* for the module to keep its deadline */

struct work {
	struct mo_migration *migration;
	const struct mo_move *move;
	int pidfd;
	struct mo_core_migrated *migrated;	/* both processes see it */
	struct mo_core_progress last;
};

static uint32_t time_left(const struct mo_migration *migration)
{
	uint64_t now_ms = mo_now_ms();

	if (!migration->deadline_ms)
		return 0;
	return migration->deadline_ms > now_ms ? (uint32_t)(migration->deadline_ms - now_ms) : 1;
}

static int run_work(void *data)
{
	const struct work *work = data;
	const struct mo_migration *migration = work->migration;
	const struct mo_migrate_request *request = migration->request;
	const struct mo_core_migrate terms = {
		.pid = work->move->victim->tid, .pidfd = request->pidfd >= 0 ? request->pidfd : work->pidfd,
		.from = work->move->from, .to = work->move->to,
		.start_addr = request->start_addr, .end_addr = request->end_addr,
		.also_shared = migration->flags & MO_MIGRATE_ALL, .may_evict = request->swap == MO_SWAP_FALLBACK,
		.deadline_ms = time_left(migration), .nr_workers = request->nr_workers,
	};

	mo_worker_leave_cpuset(migration->ctx);
	return mo_session_migrate(migration->session, &terms, work->migrated);
}

static void tell(void *data)
{
	struct work *work = data;

	mo_session_progress(work->migration->session, &work->last);
	mo_migration_tell(work->migration, MO_PHASE_MIGRATE, work->last.done_pages, 0);
}

static int run(struct work *work)
{
	struct mo_migration *migration = work->migration;
	struct mo_worker *worker;
	enum mo_reason reason;
	int err = mo_worker_run(run_work, work, &worker);

	if (err)
		return err;
	reason = mo_worker_watch(worker, migration->request->stop_fd,
				 migration->deadline_ms ? migration->deadline_ms + GRACE_MS : 0, tell, work);
	if (reason == MO_REASON_NONE)
		return mo_worker_finish(worker);
	migration->ended_by = reason;
	mo_session_progress(migration->session, &work->last);	/* before the records, which come after the end */
	mo_worker_end(worker, &migration->abandoned);
	work->migrated->moves.moved_pages = work->last.done_pages;
	return 0;
}

int mo_core_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves)
{
	struct work work = { .migration = migration, .move = move, .last = { .stuck_pfn = NO_PFN } };
	int err;

	work.migrated = mmap(NULL, sizeof(*work.migrated), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work.migrated == MAP_FAILED)
		return -ENOMEM;
	err = mo_victim_open(migration->ctx, move->victim, &work.pidfd);
	if (!err)
		err = run(&work);
	if (!err)
		*moves = work.migrated->moves;
	if (!err && work.migrated->reason == MO_REASON_DEADLINE)
		migration->ended_by = MO_REASON_DEADLINE;
	if (work.pidfd >= 0)
		close(work.pidfd);
	munmap(work.migrated, sizeof(*work.migrated));
	return err;
}
