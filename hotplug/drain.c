// SPDX-License-Identifier: LGPL-2.1-or-later
/* A node drained: the memory of all processes that have some there, the largest first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration.h"

#define FOLDER "/sys/devices/system/node"
#define ENOUGH 1	/* ends a walk over processes, and is no error */

/* ---- who is there, and who is bound to it ---- */

struct resident {
	int32_t pid;
	uint64_t nr_pages;
};

struct residents {
	struct resident *all;
	size_t nr;
};

struct look {
	struct mo_migration *migration;	/* NULL: nothing is to move */
	struct mo_ctx *ctx;
	const struct mo_nodeset *nodes, *targets;
	mo_bound_fn *fn;	/* NULL: nobody is told */
	void *data;
	struct residents residents;
	size_t nr_hidden;	/* processes */
};

static int add_resident(struct residents *residents, int32_t pid, uint64_t nr_pages)
{
	struct resident *more = reallocarray(residents->all, residents->nr + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	residents->all = more;
	more[residents->nr++] = (struct resident){ pid, nr_pages };
	return 0;
}

static void tell_bound(const struct look *look, const struct mo_victim *victim, const struct mo_numa_use *use)
{
	struct mo_bound bound = { .pid = victim->pid, .comm = victim->comm, .nr_pages = use->nr_pages };
	struct mo_nodes_text text;
	struct mo_nodeset allowed;
	char pid[16];

	if (*use->policy) {
		bound.binding = MO_BINDING_MEMPOLICY;
		bound.nodes = use->policy;
		look->fn(look->data, &bound);
	}
	snprintf(pid, sizeof(pid), "%d", victim->pid);
	if (mo_nodeset_allowed(look->ctx, pid, &allowed) || mo_nodeset_meets(&allowed, look->targets))
		return;
	if (!use->nr_pages && !mo_nodeset_meets(&allowed, look->nodes))
		return;
	text = mo_nodeset_text(&allowed);
	bound.binding = MO_BINDING_CPUSET;
	bound.nodes = text.text;
	look->fn(look->data, &bound);
}

static bool is_over(const struct look *look)
{
	return look->migration && mo_migration_is_over(look->migration);
}

struct policy_search {
	const struct look *look;
	int32_t pid;
	struct mo_numa_use *use;
};

static int look_at_thread(void *data, uint32_t tid)
{
	const struct policy_search *search = data;

	if (*search->use->policy || is_over(search->look))
		return ENOUGH;
	mo_numa_maps_thread(search->look->ctx, search->pid, (int32_t)tid, search->look->nodes, search->use);
	return 0;
}

/* Each thread has a policy of its own. */
static void find_policy(const struct look *look, const struct mo_victim *victim, struct mo_numa_use *use)
{
	struct policy_search search = { look, victim->pid, use };

	if (!*use->policy)
		mo_numbers_each(look->ctx, look_at_thread, &search, "/proc/%d/task", victim->pid);
}

/* What is gone is left out; what can't be seen is counted. */
static int look_at_process(struct look *look, int32_t pid)
{
	struct mo_victim victim = { 0 };
	struct mo_numa_use use;
	int err;

	if (mo_victim_look(look->ctx, pid, &victim) || !victim.tid)
		return 0;
	err = mo_numa_maps_read(look->ctx, victim.tid, look->nodes, &use);
	look->nr_hidden += err && err != -ENOENT && err != -ESRCH && err != -ENOMEM;
	if (err)
		return err == -ENOMEM ? err : 0;
	if (look->fn) {
		find_policy(look, &victim, &use);
		tell_bound(look, &victim, &use);
	}
	return use.nr_pages ? add_resident(&look->residents, pid, use.nr_pages) : 0;
}

static int by_size(const void *a, const void *b)
{
	const struct resident *x = a, *y = b;

	if (x->nr_pages != y->nr_pages)
		return x->nr_pages > y->nr_pages ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int look_at_pid(void *data, uint32_t pid)
{
	return is_over(data) ? ENOUGH : look_at_process(data, (int32_t)pid);
}

static int look_at_all(struct look *look)
{
	int err = mo_pid_each(look->ctx, look_at_pid, look);

	return err == ENOUGH ? 0 : err;
}

int mo_bound_each(struct mo_ctx *ctx, const struct mo_nodeset *nodes, const struct mo_nodeset *targets, mo_bound_fn *fn,
		  void *data, size_t *nr_hidden)
{
	struct look look = { .ctx = ctx, .nodes = nodes, .targets = targets, .fn = fn, .data = data };
	int err = look_at_all(&look);

	*nr_hidden = look.nr_hidden;
	free(look.residents.all);
	return err;
}

int mo_drain_list(struct mo_migration *migration, mo_bound_fn *fn, void *data, struct mo_pids *pids)
{
	struct look look = { .migration = migration, .ctx = migration->ctx, .nodes = &migration->from,
			     .targets = &migration->to, .fn = fn, .data = data };
	int err = look_at_all(&look);

	if (look.residents.nr)
		qsort(look.residents.all, look.residents.nr, sizeof(*look.residents.all), by_size);
	for (size_t i = 0; i < look.residents.nr && !err; i++)
		err = mo_pids_add(pids, look.residents.all[i].pid);
	pids->nr_hidden = look.nr_hidden;
	free(look.residents.all);
	if (err)
		return mo_error(look.ctx, err, "can't list the processes with memory on nodes %s: %s; see whether /proc is mounted, "
				"and whether there is memory", mo_nodeset_text(look.nodes).text, strerror(-err));
	return 0;
}

/* ---- where to: the nearest first ---- */

struct target {
	struct mo_nodeset set;
	unsigned int node;
	unsigned int distance;
};

struct targets {
	struct mo_nodeset sets[MO_NODES_MAX];
	size_t nr;
};

static int by_distance(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->node < y->node ? -1 : 1;
}

/* One number for each node that is online, in their order. */
static void measure(struct mo_ctx *ctx, int32_t node, struct target *targets, size_t nr)
{
	struct mo_nodeset online;
	char text[8192], *at = text, *end;
	size_t i = 0;

	if (mo_nodeset_read(ctx, "online", &online) ||
	    mo_read_text(ctx, text, sizeof(text), FOLDER "/node%d/distance", node) <= 0)
		return;
	for (unsigned int to = 0; to < MO_NODES_MAX && i < nr; to++) {
		unsigned long distance;

		if (!mo_nodeset_has(&online, to))
			continue;
		distance = strtoul(at, &end, 10);
		if (end == at)
			return;
		at = end;
		if (targets[i].node == to)
			targets[i++].distance = (unsigned int)distance;
	}
}

static int sort_targets(struct mo_ctx *ctx, int32_t node, const struct mo_nodeset *to, struct targets *sorted)
{
	struct target *targets = calloc(MO_NODES_MAX, sizeof(*targets));
	size_t nr = 0;

	if (!targets)
		return mo_error(ctx, -ENOMEM, "no memory for the list of nodes; free some and try again");
	for (unsigned int i = 0; i < MO_NODES_MAX; i++)
		if (mo_nodeset_has(to, i))
			targets[nr++].node = i;
	measure(ctx, node, targets, nr);
	qsort(targets, nr, sizeof(*targets), by_distance);
	for (size_t i = 0; i < nr; i++) {
		mo_nodeset_add(&targets[i].set, targets[i].node);
		sorted->sets[sorted->nr++] = targets[i].set;
	}
	free(targets);
	return 0;
}

static int default_targets(struct mo_ctx *ctx, int32_t node, struct mo_nodes_text *text)
{
	struct mo_nodeset set;

	if (mo_nodeset_read(ctx, "has_memory", &set))
		return mo_error(ctx, -ENOENT, "the kernel does not tell its NUMA nodes; it may have been built without CONFIG_NUMA, and "
				"has one node only");
	set.words[node / 64] &= ~(1ULL << (node % 64));
	*text = mo_nodeset_text(&set);
	if (*text->text)
		return 0;
	return mo_error(ctx, -ENOENT, "no node but %d has memory, so nothing can leave it; add memory to another first", node);
}

/* ---- the call ---- */

struct drain {
	struct mo_migration migration;
	struct targets targets;
};

static int list_residents(void *data, struct mo_pids *pids)
{
	return mo_drain_list(data, NULL, NULL, pids);
}

static int warn(struct mo_migration *migration)
{
	const struct mo_migrate_request *request = migration->request;
	struct mo_pids pids = { 0 };
	int err = 0;

	if (request->bound)
		err = mo_drain_list(migration, request->bound, request->data, &pids);
	free(pids.all);
	return err;
}

static int run(struct drain *drain, int32_t node, struct mo_report **report)
{
	struct mo_migration *migration = &drain->migration;
	int err = sort_targets(migration->ctx, node, &migration->to, &drain->targets);

	if (!err)
		err = warn(migration);
	if (err)
		return mo_migration_abort(migration, err);
	mo_report_add_note(migration->report, "page cache that no process maps, and memory of the kernel, stay on the node; "
			   "'memoffline offline node%d' takes what can move of them", node);
	err = mo_migration_move_all(migration, list_residents, migration, drain->targets.sets, drain->targets.nr);
	return mo_migration_end(migration, err, report);
}

/* Before the engine is chosen, which may load the module. */
static int check_node(struct mo_ctx *ctx, int32_t node, const char *to_nodes)
{
	struct mo_nodeset to;

	if (node < 0 || node >= MO_NODES_MAX)
		return mo_error(ctx, -ENOENT, "node %d does not exist; see 'memoffline list' for those that do", node);
	if (to_nodes && !mo_nodeset_parse(to_nodes, &to) && mo_nodeset_has(&to, (unsigned int)node))
		return mo_error(ctx, -EINVAL, "node %d is to be drained, and can't be a target; leave it out", node);
	return 0;
}

int mo_drain_node(struct mo_ctx *ctx, int32_t node, const struct mo_migrate_request *request,
		  struct mo_report **report)
{
	struct mo_migrate_request copy;
	struct mo_nodes_text to;
	char from[16], target[24];
	struct drain *drain;
	int err = mo_migration_check_several(ctx, request);

	if (!err)
		err = mo_migration_check_no_mems(ctx, request);
	if (!err)
		err = check_node(ctx, node, request->to_nodes);
	if (err)
		return err;
	copy = *request;
	snprintf(from, sizeof(from), "%d", node);
	snprintf(target, sizeof(target), "node%d", node);
	copy.from_nodes = from;
	copy.flags |= MO_MIGRATE_ALL;
	if (!copy.to_nodes) {
		err = default_targets(ctx, node, &to);
		copy.to_nodes = to.text;
	}
	if (err)
		return err;
	drain = calloc(1, sizeof(*drain));
	if (!drain)
		return mo_error(ctx, -ENOMEM, "no memory to drain a node; free some and try again");
	err = mo_migration_begin(&drain->migration, ctx, &copy, "drain", target);
	if (!err)
		err = run(drain, node, report);
	free(drain);
	return err;
}
