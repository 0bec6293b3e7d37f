// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of several processes, and of those that appear meanwhile, until a pass finds none that is new. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migration.h"

/* Processes whose turn was: sorted by number, and told from a later one of that number by when it began. */
struct seen {
	int32_t pid;
	uint64_t start_time;
};

struct crowd {
	struct mo_migration *migration;
	const struct mo_nodeset *targets;
	size_t nr_targets;
	struct seen *seen;
	size_t nr_seen;
	size_t nr_hidden;	/* in the last pass */
};

int mo_pids_add(struct mo_pids *pids, int32_t pid)
{
	int32_t *more = pids->all;

	if (!(pids->nr & (pids->nr - 1)))	/* grows at powers of two */
		more = reallocarray(more, pids->nr ? 2 * pids->nr : 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	pids->all = more;
	pids->all[pids->nr++] = pid;
	return 0;
}

static size_t place_of(const struct crowd *crowd, int32_t pid)
{
	size_t low = 0, high = crowd->nr_seen;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (crowd->seen[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* 1: it is new; 0: its turn was; -ENOMEM. */
static int mark_seen(struct crowd *crowd, const struct mo_victim *victim)
{
	size_t place = place_of(crowd, victim->pid);
	struct seen *at = &crowd->seen[place], *more;
	bool is_there = place < crowd->nr_seen && at->pid == victim->pid;

	if (is_there && at->start_time == victim->start_time)
		return 0;
	if (!is_there) {
		more = reallocarray(crowd->seen, crowd->nr_seen + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		crowd->seen = more;
		at = &more[place];
		memmove(at + 1, at, (crowd->nr_seen++ - place) * sizeof(*at));
	}
	*at = (struct seen){ victim->pid, victim->start_time };
	return 1;
}

/* Threads of the kernel, and what is gone before its turn, have no memory to move. 1: it had its turn now. */
static int take_turn(struct crowd *crowd, int32_t pid)
{
	struct mo_migration *migration = crowd->migration;
	struct mo_victim victim = { 0 };
	int is_new;

	if (mo_victim_look(migration->ctx, pid, &victim) || !victim.tid)
		return 0;
	is_new = mark_seen(crowd, &victim);
	if (is_new < 0)
		return mo_error(migration->ctx, is_new, "no memory for the list of processes; free some and try again");
	if (!is_new)
		return 0;
	if (migration->progress.nr_blocks <= migration->progress.nr_done)
		migration->progress.nr_blocks = migration->progress.nr_done + 1;
	is_new = mo_migration_move(migration, &victim, crowd->targets, crowd->nr_targets);
	return is_new < 0 ? is_new : 1;
}

/* How many had their turn, or negative errno. */
static int make_pass(struct crowd *crowd, mo_pids_list_fn *list, void *data)
{
	struct mo_migration *migration = crowd->migration;
	struct mo_pids pids = { 0 };
	int nr_new = 0, turn;
	int err = list(data, &pids);

	crowd->nr_hidden = pids.nr_hidden;
	if (!err && !crowd->nr_seen)
		migration->progress.nr_blocks = (uint32_t)pids.nr;
	for (size_t i = 0; i < pids.nr && err >= 0 && !mo_migration_is_over(migration); i++) {
		turn = take_turn(crowd, pids.all[i]);
		err = turn < 0 ? turn : 0;
		nr_new += turn > 0;
	}
	free(pids.all);
	return err ? err : nr_new;
}

static void tell_hidden(struct mo_migration *migration, size_t nr_hidden)
{
	int err = mo_error(migration->ctx, -EPERM, "processes that could not be looked at: %zu; they are another user's, or in a "
			   "pid namespace that is not below ours; run it as root, in the machine's namespace", nr_hidden);

	if (migration->first_error)
		mo_report_add_note(migration->report, "%s", mo_ctx_error(migration->ctx));
	else
		mo_migration_keep_error(migration, err);
}

int mo_migration_move_all(struct mo_migration *migration, mo_pids_list_fn *list, void *data,
			  const struct mo_nodeset *targets, size_t nr_targets)
{
	struct crowd crowd = { .migration = migration, .targets = targets, .nr_targets = nr_targets };
	int nr_new;

	migration->are_several = true;
	do
		nr_new = make_pass(&crowd, list, data);
	while (nr_new > 0 && !mo_migration_is_over(migration));
	free(crowd.seen);
	if (nr_new >= 0 && crowd.nr_hidden)
		tell_hidden(migration, crowd.nr_hidden);
	return nr_new < 0 ? nr_new : 0;
}
