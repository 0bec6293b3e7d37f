// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of processes: which request is one, which engine does it, and what came of each process. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migration.h"

/* ---- the request ---- */

static int check_addresses(struct mo_ctx *ctx, const struct mo_migrate_request *request)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!request->start_addr && !request->end_addr)
		return 0;
	if (request->end_addr <= request->start_addr)
		return mo_error(ctx, -EINVAL, "the addresses 0x%llx-0x%llx are empty or in the wrong order; the end comes second, "
				"and lies behind the range", (unsigned long long)request->start_addr,
				(unsigned long long)request->end_addr);
	if ((request->start_addr | request->end_addr) % page_bytes)
		return mo_error(ctx, -EINVAL, "the addresses 0x%llx-0x%llx are not aligned to pages; give multiples of %llu",
				(unsigned long long)request->start_addr, (unsigned long long)request->end_addr,
				(unsigned long long)page_bytes);
	return 0;
}

static int check_request(struct mo_ctx *ctx, const struct mo_migrate_request *request)
{
	const uint32_t known = MO_MIGRATE_ALL | MO_MIGRATE_THREADS | MO_MIGRATE_SET_MEMS;

	if (request->size < sizeof(*request) || request->flags & ~known || request->pid < 0)
		return mo_error(ctx, -EINVAL, "the request has flags or members that this library does not know; begin with "
				"MO_MIGRATE_REQUEST_INIT");
	if (request->swap == MO_SWAP_EVICT)
		return mo_error(ctx, -EINVAL, "the memory of a process is moved, not evicted; leave that out, or let what finds no room "
				"go to swap (fallback)");
	return check_addresses(ctx, request);
}

int mo_migration_check_several(struct mo_ctx *ctx, const struct mo_migrate_request *request)
{
	if (request->size >= sizeof(*request) && !request->pid && request->pidfd < 0 && !request->start_addr &&
	    !request->end_addr)
		return 0;
	return mo_error(ctx, -EINVAL, "a process and its addresses make no sense where several processes are meant; leave them out");
}

int mo_migration_check_no_mems(struct mo_ctx *ctx, const struct mo_migrate_request *request)
{
	if (request->size < sizeof(*request) || !(request->flags & MO_MIGRATE_SET_MEMS))
		return 0;
	return mo_error(ctx, -EINVAL, "only a cgroup has a cpuset.mems to be written; leave that out, or name a cgroup");
}

static int parse_nodes(struct mo_ctx *ctx, const char *what, const char *list, struct mo_nodeset *set)
{
	if (list && !mo_nodeset_parse(list, set))
		return 0;
	return mo_error(ctx, -EINVAL, "'%s' is no list of nodes to move %s; write it as 0,2-3", list ? list : "", what);
}

static int read_nodes(struct mo_ctx *ctx, struct mo_nodeset *online, struct mo_nodeset *with_memory)
{
	if (!mo_nodeset_read(ctx, "online", online) && !mo_nodeset_read(ctx, "has_memory", with_memory))
		return 0;
	return mo_error(ctx, -ENOENT, "the kernel does not tell its NUMA nodes; it may have been built without CONFIG_NUMA, and has "
			"one node only");
}

static int check_nodes(struct mo_ctx *ctx, const struct mo_nodeset *set, const char *what, const char *name,
		       const struct mo_nodeset *there)
{
	for (unsigned int i = 0; i < MO_NODES_MAX; i++)
		if (mo_nodeset_has(set, i) && !mo_nodeset_has(there, i))
			return mo_error(ctx, -ENOENT, "node %u %s; %s are %s", i, what, name,
					mo_nodeset_text(there).text);
	return 0;
}

static int take_nodes(struct mo_migration *migration)
{
	const struct mo_migrate_request *request = migration->request;
	struct mo_nodeset online, with_memory;
	struct mo_ctx *ctx = migration->ctx;
	int err = parse_nodes(ctx, "from", request->from_nodes, &migration->from);

	if (!err)
		err = parse_nodes(ctx, "to", request->to_nodes, &migration->to);
	if (!err)
		err = read_nodes(ctx, &online, &with_memory);
	if (!err)
		err = check_nodes(ctx, &migration->from, "does not exist", "the machine's nodes", &online);
	if (!err)
		err = check_nodes(ctx, &migration->to, "does not exist", "the machine's nodes", &online);
	if (!err)
		err = check_nodes(ctx, &migration->to, "has no memory, so nothing can move to it", "nodes with memory",
				  &with_memory);
	return err;
}

/* ---- the engine ---- */

static int use_core(struct mo_migration *migration)
{
	struct mo_core_info core = { 0 };
	int err = mo_session_open(migration->ctx, &migration->session);

	if (err)
		return err;
	err = mo_session_info(migration->session, &core);
	if (!err && !core.moves_processes)
		err = mo_error(migration->ctx, -EOPNOTSUPP, "the module memoffline that is loaded can't move the memory of processes; "
			       "load a newer one, or use '--engine stock'");
	if (!err)
		err = mo_report_set_engine(migration->report, mo_engine_name(MO_ENGINE_CORE));
	if (!err)
		return 0;
	mo_session_close(migration->session);
	migration->session = NULL;
	return err;
}

static int load_core(struct mo_migration *migration)
{
	struct mo_ctx *ctx = migration->ctx;
	int err = mo_module_load(ctx);

	if (err)
		return err;
	if (!mo_module_is_enabled(ctx))
		return mo_error(ctx, -EOPNOTSUPP, "the module memoffline is loaded but set aside; write Y to "
				"/sys/module/memoffline/parameters/enabled, or use '--engine stock'");
	return use_core(migration);
}

/* Everybody may move his own processes with the stock engine: that the core is not for him is no news. */
static int choose_engine(struct mo_migration *migration)
{
	const struct mo_migrate_request *request = migration->request;
	int err = request->engine == MO_ENGINE_STOCK ? 0 : load_core(migration);

	if (err && request->engine == MO_ENGINE_CORE)
		return err;
	if (err && err != -ENOENT && err != -EROFS && !geteuid())
		mo_report_add_note(migration->report, "the kernel alone did the work: %s",
				   mo_ctx_error(migration->ctx));
	if (migration->session)
		return 0;
	if (request->swap != MO_SWAP_FALLBACK)
		return mo_node_open(migration->ctx);
	return mo_error(migration->ctx, -EOPNOTSUPP, "pages without room go to swap with the module memoffline alone, which is not in "
			"use; load it (modprobe memoffline), or leave that out: then they stay");
}

int mo_migration_begin(struct mo_migration *migration, struct mo_ctx *ctx, const struct mo_migrate_request *request,
		       const char *action, const char *target)
{
	int err = check_request(ctx, request);

	if (err)
		return err;
	*migration = (struct mo_migration){ .ctx = ctx, .request = request, .flags = request->flags };
	err = take_nodes(migration);
	if (!err && mo_ctx_get_sysroot(ctx))
		err = mo_error(ctx, -EROFS, "nothing moves in a recorded tree; leave --sysroot out");
	if (!err)
		err = mo_report_new(ctx, action, target, &migration->report);
	if (err)
		return err;
	err = choose_engine(migration);
	if (err) {
		mo_report_unref(migration->report);
		return err;
	}
	migration->start_ms = mo_now_ms();
	migration->deadline_ms = request->timeout_ms ? migration->start_ms + request->timeout_ms : 0;
	migration->progress.stuck_pfn = NO_PFN;
	migration->progress.stuck_kind = MO_KIND_NR;
	return 0;
}

int mo_migration_abort(struct mo_migration *migration, int err)
{
	mo_session_close(migration->session);
	mo_stock_free(migration->stock);
	mo_report_unref(migration->report);
	return err;
}

/* ---- progress and limits ---- */

void mo_migration_tell(struct mo_migration *migration, enum mo_phase phase, uint64_t done_pages, uint64_t all_pages)
{
	struct mo_progress *progress = &migration->progress;
	uint64_t turn_ms = mo_now_ms() - migration->turn_ms;

	if (!migration->request->progress)
		return;
	progress->phase = phase;
	if (all_pages)
		progress->pages_total = all_pages;
	progress->pages_left = progress->pages_total > done_pages ? progress->pages_total - done_pages : 0;
	progress->elapsed_ms = turn_ms;
	progress->eta_ms = UINT64_MAX;
	if (done_pages && progress->pages_left)
		progress->eta_ms = progress->pages_left * turn_ms / done_pages;
	migration->request->progress(migration->request->data, progress);
}

bool mo_migration_is_over(struct mo_migration *migration)
{
	struct pollfd stop = { .fd = migration->request->stop_fd, .events = POLLIN };

	if (migration->ended_by != MO_REASON_NONE)
		return true;
	if (poll(&stop, 1, 0) == 1)
		migration->ended_by = MO_REASON_INTERRUPTED;
	else if (migration->deadline_ms && mo_now_ms() > migration->deadline_ms)
		migration->ended_by = MO_REASON_DEADLINE;
	return migration->ended_by != MO_REASON_NONE;
}

int mo_migration_watch(struct mo_migration *migration, struct mo_worker *worker, uint32_t grace_ms,
		       void (*tick)(void *data), void *data)
{
	uint64_t until_ms = migration->deadline_ms ? migration->deadline_ms + grace_ms : 0;
	enum mo_reason reason = mo_worker_watch(worker, migration->request->stop_fd, until_ms, tick, data);

	if (reason == MO_REASON_NONE)
		return mo_worker_finish(worker);
	migration->ended_by = reason;
	tick(data);
	mo_worker_end(worker, &migration->abandoned);
	return 0;
}

int mo_migration_run(struct mo_migration *migration, mo_worker_fn *fn, void *data, void (*tick)(void *data))
{
	struct mo_worker *worker;
	int err = mo_worker_run(fn, data, &worker);

	return err ? err : mo_migration_watch(migration, worker, 0, tick, data);
}

/* ---- one process ---- */

/*
 * EPERM and EACCES have more than one cause: which one can be seen. move_pages(2) says EACCES of a node outside the
 * cpuset to root as well.
 */
static int no_permission(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *to,
			 int err)
{
	struct mo_nodeset allowed;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", victim->pid);
	if (!mo_nodeset_allowed(migration->ctx, pid, &allowed) && !mo_nodeset_is_subset(to, &allowed))
		return mo_error(migration->ctx, -EPERM, "the cpuset of process %d (%s) allows nodes %s alone, and its memory was to go to %s; "
				"change its cpuset.mems first%s", victim->pid, victim->comm, mo_nodeset_text(&allowed).text,
				mo_nodeset_text(to).text,
				err == -EACCES || migration->flags & MO_MIGRATE_ALL ? "" :
				", or move shared pages, too (--all), as root");
	return mo_error(migration->ctx, -EPERM, "no permission to move the memory of process %d (%s)%s; run it as root", victim->pid,
			victim->comm,
			migration->flags & MO_MIGRATE_ALL ? ", with pages that others use, which takes CAP_SYS_NICE" :
			", which takes the right to trace it");
}

static bool has_ended(struct mo_ctx *ctx, const struct mo_victim *victim)
{
	struct mo_victim now = { 0 };

	return mo_victim_look(ctx, victim->pid, &now) || !now.tid || now.start_time != victim->start_time;
}

static int explain(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *to, int err)
{
	struct mo_ctx *ctx = migration->ctx;

	switch (err) {
	case -EPERM:
	case -EACCES:
		return no_permission(migration, victim, to, err);
	case -ESRCH:
	case -EINVAL:	/* migrate_pages(2) and the core, of a process whose memory is gone */
		if (has_ended(ctx, victim))
			return mo_error(ctx, -ESRCH, "process %d (%s) ended meanwhile; nothing is left of its memory", victim->pid,
					victim->comm);
		return mo_error(ctx, err, "the kernel refused to move the memory of process %d (%s): %s; its log may say more",
				victim->pid, victim->comm, strerror(-err));
	case -ENOSYS:
		return mo_error(ctx, err, "this kernel can't move the memory of processes: it was built without CONFIG_MIGRATION or "
				"CONFIG_NUMA; use one that has both");
	default:
		return mo_error(ctx, err, "could not move the memory of process %d (%s): %s; try again", victim->pid, victim->comm,
				strerror(-err));
	}
}

void mo_moves_go_on(struct mo_moves *moves, const struct mo_moves *before)
{
	moves->moved_pages += before->moved_pages;
	moves->evicted_pages += before->evicted_pages;
	if (moves->nr_split != UINT64_MAX)
		moves->nr_split += before->nr_split;
}

static int try_target(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *to,
		      struct mo_moves *moves)
{
	struct mo_move move = { .victim = victim, .from = &migration->from, .to = to };
	struct mo_moves before = *moves;
	int err;

	memset(moves, 0, sizeof(*moves));
	mo_layout_make(move.from, to, &move.layout);
	if (!mo_nodeset_weight(&move.layout.sources))
		return 0;
	err = migration->session ? mo_core_move(migration, &move, moves) : mo_stock_move(migration, &move, moves);
	mo_moves_go_on(moves, &before);
	return err ? explain(migration, victim, to, err) : 0;
}

struct named {
	const struct mo_victim *victim;
	const struct mo_mappings *mappings;
};

static void name_record(void *data, struct mo_record *record, uint64_t addr)
{
	const struct named *named = data;
	const struct mo_mapping *mapping = mo_mappings_find(named->mappings, addr, addr + 1);
	struct mo_owner owner = { .pid = named->victim->pid, .addr = addr, .comm = named->victim->comm,
				  .vma = mapping ? mapping->name : "" };

	mo_record_add_owner(record, &owner);
}

/* After the last try: each page that stayed is told of once. */
static void add_records(struct mo_migration *migration, const struct mo_victim *victim, struct mo_moves *moves)
{
	struct named named = { .victim = victim };
	struct mo_mappings mappings;

	if (mo_mappings_read(migration->ctx, victim->tid, &mappings))
		memset(&mappings, 0, sizeof(mappings));
	named.mappings = &mappings;
	if (migration->session)
		mo_session_stayed(migration->session, migration->report, name_record, &named);
	else
		mo_stock_records(migration, victim, &mappings, moves);
	mo_mappings_free(&mappings);
}

static enum mo_reason main_reason(const struct mo_moves *moves)
{
	return mo_reason_of_most(moves->kept_by_reason);
}

/* Does what stayed for lack of room still lack it? */
static bool may_try_next(struct mo_migration *migration, const struct mo_moves *moves)
{
	if (mo_migration_is_over(migration))
		return false;
	if (migration->session)
		return moves->kept_by_reason[MO_REASON_NO_TARGET];
	return migration->stock && mo_stock_lacks_room(migration->stock);
}

static int try_targets(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *targets,
		       size_t nr_targets, struct mo_moves *moves)
{
	int err = 0;

	for (size_t i = 0; i < nr_targets && !err; i++) {
		err = try_target(migration, victim, &targets[i], moves);
		if (err || !may_try_next(migration, moves))
			break;
	}
	return err;
}

static uint64_t pages_to_go(const struct mo_migration *migration, const struct mo_victim *victim)
{
	struct mo_numa_use use;

	if (!migration->request->progress || mo_numa_maps_read(migration->ctx, victim->tid, &migration->from, &use))
		return 0;
	return use.nr_pages;
}

/* Of several, one that ended in its turn left nothing to move. */
void mo_migration_keep_error(struct mo_migration *migration, int err)
{
	if (migration->first_error || (migration->are_several && err == -ESRCH))
		return;
	migration->first_error = err;
	snprintf(migration->first_sentence, sizeof(migration->first_sentence), "%s", mo_ctx_error(migration->ctx));
}

int mo_migration_move(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *targets,
		      size_t nr_targets)
{
	struct mo_process_result *result = mo_report_add_process(migration->report, victim->pid, victim->comm);
	uint64_t start_ms = mo_now_ms();

	migration->turn_ms = start_ms;
	migration->progress.pages_total = 0;
	if (!result)
		return mo_error(migration->ctx, -ENOMEM, "no memory for the report on process %d; free some and try again",
				victim->pid);
	migration->progress.pid = victim->pid;
	migration->progress.error = 0;
	mo_migration_tell(migration, MO_PHASE_ISOLATE, 0, pages_to_go(migration, victim));
	result->error = try_targets(migration, victim, targets, nr_targets, &result->moves);
	if (result->error)
		mo_migration_keep_error(migration, result->error);
	else if (!migration->abandoned && (!migration->session || result->moves.kept_pages))
		add_records(migration, victim, &result->moves);
	result->reason = migration->ended_by != MO_REASON_NONE ? migration->ended_by : main_reason(&result->moves);
	result->elapsed_ms = mo_now_ms() - start_ms;
	mo_report_add_moves(migration->report, &result->moves);
	migration->progress.nr_done++;
	migration->progress.error = result->error;
	mo_migration_tell(migration, MO_PHASE_DONE, migration->progress.pages_total, 0);
	return 0;
}

/* ---- the end ---- */

static int fail(struct mo_migration *migration, const struct mo_moves *moves)
{
	struct mo_ctx *ctx = migration->ctx;

	if (migration->ended_by == MO_REASON_INTERRUPTED)
		return mo_error(ctx, -EINTR, "stopped before any page had moved; what moves stays moved, so begin again at any time");
	if (migration->ended_by == MO_REASON_DEADLINE)
		return mo_error(ctx, -ETIMEDOUT, "the time was over before any page had moved; give it more");
	if (migration->first_error)
		return mo_error(ctx, migration->first_error, "%s", migration->first_sentence);
	return mo_error(ctx, -EBUSY, "no page could move, and %llu stayed: %s; %s", (unsigned long long)moves->kept_pages,
			mo_reason_name(main_reason(moves)), mo_reason_remedy(main_reason(moves)));
}

static int judge(struct mo_migration *migration, const struct mo_moves *moves)
{
	uint64_t gone_pages = moves->moved_pages + moves->evicted_pages;

	if (migration->ended_by == MO_REASON_NONE && !migration->first_error && !moves->kept_pages)
		return 0;
	return gone_pages || migration->has_changed ? 1 : fail(migration, moves);
}

static void add_notes(struct mo_migration *migration, int result)
{
	if (migration->abandoned)
		mo_report_add_note(migration->report, "the kernel does not end what it has begun: pages may go on moving for a while");
	if (migration->first_error && result != migration->first_error)
		mo_report_add_note(migration->report, "%s", migration->first_sentence);
	if (!migration->session)
		mo_report_add_note(migration->report, "the kernel alone did the work: memory without struct pages is not seen, and pages "
				   "that came or went meanwhile count as moved");
}

int mo_migration_end(struct mo_migration *migration, int err, struct mo_report **report)
{
	static const struct mo_moves none;
	struct mo_line line = { .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	const struct mo_moves *moves;
	enum mo_reason reason;
	int result;

	mo_report_add_moves(migration->report, &none);	/* it is a report on processes also where there was none */
	moves = mo_report_moves(migration->report);
	result = err ? err : judge(migration, moves);
	reason = migration->ended_by != MO_REASON_NONE ? migration->ended_by : main_reason(moves);
	add_notes(migration, result);
	mo_report_name_cgroups(migration->report);
	mo_report_finish(migration->report, result, reason, 0);
	line.report = migration->report;
	mo_history_add(migration->ctx, &line);
	if (!migration->abandoned)
		mo_session_close(migration->session);	/* else a thread may still use it */
	mo_stock_free(migration->stock);
	*report = migration->report;
	return result;
}

/* ---- the call ---- */

static int find_victim(struct mo_ctx *ctx, const struct mo_migrate_request *request, struct mo_victim *victim)
{
	int32_t pid = request->pid ? request->pid : getpid();
	int err = request->pidfd >= 0 ? mo_pid_of_fd(ctx, request->pidfd, &pid) : 0;

	return err ? err : mo_victim_find(ctx, pid, request->flags & MO_MIGRATE_THREADS, victim);
}

static int check_mapped(struct mo_ctx *ctx, const struct mo_migrate_request *request, const struct mo_victim *victim)
{
	struct mo_mappings mappings;
	bool is_mapped;

	if (!request->end_addr || mo_mappings_read(ctx, victim->tid, &mappings))
		return 0;	/* what hides them hides them from the engine, too */
	is_mapped = mo_mappings_find(&mappings, request->start_addr, request->end_addr);
	mo_mappings_free(&mappings);
	if (is_mapped)
		return 0;
	return mo_error(ctx, -EFAULT, "process %d (%s) has nothing mapped at 0x%llx-0x%llx; see /proc/%d/maps for what it has",
			victim->pid, victim->comm, (unsigned long long)request->start_addr,
			(unsigned long long)request->end_addr, victim->pid);
}

int mo_migrate_process(struct mo_ctx *ctx, const struct mo_migrate_request *request, struct mo_report **report)
{
	struct mo_migration migration;
	struct mo_victim victim = { 0 };
	char target[32];
	int err = check_request(ctx, request);

	if (!err)
		err = mo_migration_check_no_mems(ctx, request);
	if (!err)
		err = find_victim(ctx, request, &victim);
	if (!err)
		err = check_mapped(ctx, request, &victim);
	if (err)
		return err;
	snprintf(target, sizeof(target), "%d", victim.pid);
	err = mo_migration_begin(&migration, ctx, request, "migrate", target);
	if (err)
		return err;
	migration.progress.nr_blocks = 1;
	err = mo_migration_move(&migration, &victim, &migration.to, 1);
	return mo_migration_end(&migration, err, report);
}
