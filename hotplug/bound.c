// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who is bound to nodes of which a plan takes all memory. Processes may hang, so they are looked at by a process of our
 * own, which is given up after a while; what it found till then stands in memory that both see.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "private.h"

#define NAMED 4
#define LIMIT_MS 10000
#define AT_ONCE_LIMIT_MS 1000	/* right before the blocks go, nobody waits for longer */

struct bound_list {
	size_t nr;
	char names[NAMED][128];	/* of the first ones */
};

struct search {
	struct mo_ctx *ctx;
	struct mo_nodeset going, staying;
	struct bound_list *list;
	bool is_complete;
};

/* All of its memory that is online is in the plan. */
static bool node_goes(const struct mo_plan *plan, int32_t node)
{
	size_t nr_online = 0, nr_going = 0;

	for (size_t i = 0; i < plan->memory->nr_blocks; i++)
		nr_online += plan->memory->blocks[i].node == node && plan->memory->blocks[i].state == MO_STATE_ONLINE;
	for (size_t i = 0; i < plan->nr_steps; i++)
		nr_going += plan->steps[i].verdict != MO_VERDICT_DONE &&
			    mo_memory_find(plan->memory, plan->steps[i].block)->node == node;
	return nr_online && nr_online == nr_going;
}

/* ---- the process ---- */

/* Our parent may look at any time: a name counts once it is complete. */
static void list_bound(void *data, const struct mo_bound *bound)
{
	struct bound_list *list = data;
	char comm[32];

	if (list->nr < NAMED) {
		snprintf(comm, sizeof(comm), "%s", bound->comm);
		for (char *at = comm; *at; at++)
			if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
				*at = '?';
		snprintf(list->names[list->nr], sizeof(list->names[0]), "%d (%s, %s %.64s)", bound->pid, comm,
			 bound->binding == MO_BINDING_CPUSET ? "cpuset" : "policy", bound->nodes);
	}
	__atomic_store_n(&list->nr, list->nr + 1, __ATOMIC_RELEASE);
}

/* Locks and sessions of ours end with us alone, also when this hangs. */
static int look(void *data)
{
	const struct search *search = data;
	size_t nr_hidden;

	mo_worker_keep_only(mo_root_fd(search->ctx), -1);
	return mo_bound_each(search->ctx, &search->going, &search->staying, list_bound, search->list, &nr_hidden);
}

/* ---- its parent ---- */

static void await(struct search *search, const struct mo_request *request)
{
	uint64_t until_ms = mo_now_ms() + (request->flags & MO_REQUEST_AT_ONCE ? AT_ONCE_LIMIT_MS : LIMIT_MS);
	struct mo_worker *worker;

	if (mo_worker_run(look, search, &worker))
		return;
	search->is_complete = mo_worker_watch(worker, request->stop_fd, until_ms, NULL, NULL) == MO_REASON_NONE;
	if (search->is_complete)
		search->is_complete = mo_worker_finish(worker) != -EINTR;	/* it was killed */
	else
		mo_worker_drop(worker);
}

static int note(struct mo_plan *plan, const struct search *search)
{
	size_t nr = __atomic_load_n(&search->list->nr, __ATOMIC_ACQUIRE);
	const char *more = search->is_complete ? "" : "; not every process could be looked at in time";
	struct mo_nodes_text nodes = mo_nodeset_text(&search->going);
	char names[NAMED * sizeof(search->list->names[0])] = "";

	if (!nr && search->is_complete)
		return 0;
	if (!nr)
		return mo_plan_add_note(plan, "node %s goes as a whole; whether processes are bound to it could not be found out: "
					"not every one could be looked at in time", nodes.text);
	for (size_t i = 0; i < nr && i < NAMED; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
			 search->list->names[i]);
	return mo_plan_add_note(plan, "node %s goes as a whole, and processes are bound to it, %zu in all: %s%s; what they take "
				"then comes from other nodes, or they are refused%s", nodes.text, nr, names,
				nr > NAMED ? " and others" : "", more);
}

int mo_plan_note_bound(struct mo_plan *plan, const struct mo_request *request)
{
	struct search search = { .ctx = plan->memory->ctx };
	int err;

	if (request->flags & (MO_REQUEST_ONLINE | MO_REQUEST_NO_CONTENT))
		return 0;
	for (size_t i = 0; i < plan->memory->nr_nodes; i++) {
		const struct mo_node *node = &plan->memory->nodes[i];

		if (node_goes(plan, node->number))
			mo_nodeset_add(&search.going, (unsigned int)node->number);
		else if (node->has_memory)
			mo_nodeset_add(&search.staying, (unsigned int)node->number);
	}
	if (!mo_nodeset_weight(&search.going))
		return 0;
	search.list = mmap(NULL, sizeof(*search.list), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (search.list == MAP_FAILED)
		return -ENOMEM;
	await(&search, request);
	err = note(plan, &search);
	munmap(search.list, sizeof(*search.list));
	return err;
}
