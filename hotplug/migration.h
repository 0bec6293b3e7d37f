/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What moving the memory of processes consists of. Calls go down:
 *	cgroup, drain > processes > process > migrate-core, migrate-stock > victim, numa-maps > session, pagemap, node
 */
#ifndef MEMOFFLINE_MIGRATION_H
#define MEMOFFLINE_MIGRATION_H

#include "private.h"

/* ---- victim.c: a process whose memory is to move ---- */
struct mo_victim {
	int32_t pid;
	int32_t tid;		/* of a thread by which its memory can be reached; 0: it has none */
	bool is_kernel;		/* a thread of the kernel */
	uint64_t start_time;	/* tells it from a later process of that number */
	char comm[64];
};
/* -ESRCH: there is none, without an error text. */
int mo_victim_look(struct mo_ctx *ctx, int32_t pid, struct mo_victim *victim);
/* One that has memory. -ESRCH with an error text: there is none, or it has none. */
int mo_victim_find(struct mo_ctx *ctx, int32_t pid, bool any_thread, struct mo_victim *victim);
/*
 * A file descriptor that means this process, whoever has its number later, to be closed. -1: only its number can be
 * used, as of a thread. -ESRCH without an error text: another process has its number already.
 */
int mo_victim_open(struct mo_ctx *ctx, const struct mo_victim *victim, int *pidfd);
int32_t mo_process_of_thread(struct mo_ctx *ctx, int32_t tid);	/* 0: there is none */
/* -EBADF, -ESRCH, with an error text. */
int mo_pid_of_fd(struct mo_ctx *ctx, int pidfd, int32_t *pid);

struct mo_mappings {
	struct mo_mapping *all;	/* in ascending order */
	size_t nr;
};
int mo_mappings_read(struct mo_ctx *ctx, int32_t tid, struct mo_mappings *mappings);
void mo_mappings_free(struct mo_mappings *mappings);
/* The first that has a part of [start_addr, end_addr), or NULL. */
const struct mo_mapping *mo_mappings_find(const struct mo_mappings *mappings, uint64_t start_addr, uint64_t end_addr);

/* ---- numa-maps.c: where a process's memory is ---- */
struct mo_numa_use {
	uint64_t nr_pages;	/* on the nodes asked for */
	char policy[128];	/* the first policy that names one of them, "" when none does */
};
int mo_numa_maps_read(struct mo_ctx *ctx, int32_t tid, const struct mo_nodeset *nodes, struct mo_numa_use *use);
/* The policy of one more thread, where it names one of the nodes: use->policy. */
void mo_numa_maps_thread(struct mo_ctx *ctx, int32_t pid, int32_t tid, const struct mo_nodeset *nodes,
			 struct mo_numa_use *use);

/* ---- process.c: what all have in common, and one process ---- */
struct mo_migration {
	struct mo_ctx *ctx;
	const struct mo_migrate_request *request;
	uint32_t flags;			/* the request's, and those implied */
	struct mo_report *report;
	struct mo_session *session;	/* with the core; NULL: the kernel alone does the work */
	struct mo_stock *stock;		/* without it: migrate-stock.c's own */
	struct mo_nodeset from, to;
	uint64_t deadline_ms;		/* on mo_now_ms()'s clock; 0: none */
	uint64_t start_ms;
	uint64_t turn_ms;		/* when the process's turn began */
	struct mo_progress progress;
	enum mo_reason ended_by;	/* a limit or a stop ended it as a whole */
	bool abandoned;			/* the kernel is still at work for us */
	bool are_several;		/* processes, whoever they are */
	bool has_changed;		/* cpuset.mems, and memory by it */
	int first_error;		/* of a process that could not be moved, and its sentence */
	char first_sentence[512];
};
/* Checks the request and chooses the engine. After a failure there is nothing to end. */
int mo_migration_begin(struct mo_migration *migration, struct mo_ctx *ctx, const struct mo_migrate_request *request,
		       const char *action, const char *target);
/* Its memory on migration->from goes to TARGETS: first the first set, what finds no room there to the next. */
int mo_migration_move(struct mo_migration *migration, const struct mo_victim *victim, const struct mo_nodeset *targets,
		      size_t nr_targets);
/* What could not be done with a process, ERR and the context's sentence: the first is the reason if nothing moves. */
void mo_migration_keep_error(struct mo_migration *migration, int err);
/* Nothing moved: release everything, no report. Returns ERR. */
int mo_migration_abort(struct mo_migration *migration, int err);
/* Finish the report and hand it out, release everything. Returns the result: ERR where it is one. */
int mo_migration_end(struct mo_migration *migration, int err, struct mo_report **report);
bool mo_migration_is_over(struct mo_migration *migration);	/* a limit passed, or a stop was asked for */
/*
 * Waits for the worker, which it frees; calls TICK now and then, and before it ends a worker. What that returned; 0
 * also where a limit passed before its end, which migration->ended_by then tells. GRACE_MS: so much behind the
 * deadline.
 */
int mo_migration_watch(struct mo_migration *migration, struct mo_worker *worker, uint32_t grace_ms,
		       void (*tick)(void *data), void *data);
/* The same for a process that calls FN; or negative errno. */
int mo_migration_run(struct mo_migration *migration, mo_worker_fn *fn, void *data, void (*tick)(void *data));
/* What went BEFORE, in an earlier try, has gone as well; what stayed then had its chance again. */
void mo_moves_go_on(struct mo_moves *moves, const struct mo_moves *before);
void mo_migration_tell(struct mo_migration *migration, enum mo_phase phase, uint64_t done_pages, uint64_t all_pages);
/* Requests that name a process or addresses, where several processes are meant. -EINVAL. */
int mo_migration_check_several(struct mo_ctx *ctx, const struct mo_migrate_request *request);
/* MO_MIGRATE_SET_MEMS where no cgroup is meant. -EINVAL. */
int mo_migration_check_no_mems(struct mo_ctx *ctx, const struct mo_migrate_request *request);

/* ---- processes.c: several of them, until a pass finds none that is new ---- */
struct mo_pids {
	int32_t *all;
	size_t nr;
	size_t nr_hidden;	/* processes that are there, and could not be looked at */
};
int mo_pids_add(struct mo_pids *pids, int32_t pid);	/* -ENOMEM */
/* What is there now, in the order of their turn. Negative errno, with an error text, ends it. */
typedef int mo_pids_list_fn(void *data, struct mo_pids *pids);
int mo_migration_move_all(struct mo_migration *migration, mo_pids_list_fn *list, void *data,
			  const struct mo_nodeset *targets, size_t nr_targets);

/* ---- cgroup.c, drain.c ---- */
/* Processes in the cgroup of FOLDER ("/sys/fs/cgroup/a") and below; by their threads, if so asked. */
int mo_cgroup_list(struct mo_ctx *ctx, const char *folder, bool by_threads, struct mo_pids *pids);
/* -ENOENT, -EINVAL, with an error text: there is none, or it is no name of one. */
int mo_cgroup_find(struct mo_ctx *ctx, const char *path, char *folder, size_t size);
/*
 * Processes with memory on migration->from, the largest first; not all when a limit passes meanwhile. With FN, those
 * that are bound to them are told of.
 */
int mo_drain_list(struct mo_migration *migration, mo_bound_fn *fn, void *data, struct mo_pids *pids);

/* ---- migrate-stock.c, migrate-core.c: the engines ---- */
struct mo_move {
	const struct mo_victim *victim;
	const struct mo_nodeset *from, *to;
	struct mo_layout layout;
};
/*
 * 0, also where pages stayed, or negative errno without an error text. What stayed is kept until the next move, so that
 * it is told of once, as records of the report.
 */
int mo_stock_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves);
void mo_stock_records(struct mo_migration *migration, const struct mo_victim *victim,
		      const struct mo_mappings *mappings, struct mo_moves *moves);
bool mo_stock_lacks_room(const struct mo_stock *stock);	/* for a page of the last move */
void mo_stock_free(struct mo_stock *stock);	/* accepts NULL */
int mo_core_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves);

#endif
