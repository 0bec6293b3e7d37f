// SPDX-License-Identifier: GPL-2.0-only
/* memoffline drain: the memory of all processes leaves a node. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define TIMEOUT_MS 300000

static const struct option_text options[] = {
	{ OPTION_TO, "to", "NODES", "to these nodes alone: 0,2-3; the usual: to the nearest that has room" },
	MIGRATION_OPTIONS,
	ENGINE_OPTION,
	{ 0 }
};

struct drain {
	struct call *call;
	int32_t node;
};

/* N or nodeN. */
static int32_t parse_node(struct call *call)
{
	const char *name = call_one_arg(call, "node");

	if (!name)
		usage_error(call, "which node? Give its number, like 1");
	return (int32_t)parse_number(call, "NODE", !strncmp(name, "node", 4) ? name + 4 : name, INT32_MAX);
}

static void warn_bound(void *data, const struct mo_bound *bound)
{
	const struct drain *drain = data;

	if (bound->binding == MO_BINDING_CPUSET)
		tell("warning: the cpuset of pid %" PRId32 " (%s) allows nodes %s alone, and none of the targets: without permission "
		     "its memory stays, and new memory comes from there again; change its cpuset.mems first", bound->pid,
		     bound->comm, bound->nodes);
	else
		tell("warning: pid %" PRId32 " (%s) has a memory policy that names node %" PRId32 " (%s): new memory comes from there "
		     "again; start it with another policy", bound->pid, bound->comm, drain->node, bound->nodes);
}

static int drain_node(void *data, const struct mo_migrate_request *request, struct mo_report **report)
{
	const struct drain *drain = data;

	return mo_drain_node(drain->call->ctx, drain->node, request, report);
}

static int run(struct call *call)
{
	struct mo_migrate_request request = MO_MIGRATE_REQUEST_INIT;
	struct drain drain = { .call = call };
	int id;

	request.timeout_ms = TIMEOUT_MS;
	while ((id = call_option(call)) != -1) {
		if (id != OPTION_TO)
			migration_option(call, &request, id, optarg);
		else
			request.to_nodes = parse_nodes(call, "--to", optarg);
	}
	drain.node = parse_node(call);
	request.bound = warn_bound;
	request.data = &drain;
	if (!call->json)
		table_open();
	return migration_run(call, &request, drain_node, &drain);
}

const struct command cmd_drain = {
	.name = "drain",
	.summary = "move the memory of all processes off a node",
	.args = "NODE",
	.about = "Moves the memory of all processes that is on NODE to other nodes, the largest process first, shared pages included, "
		 "and says which pages stayed and why. Before anything moves it warns of each process that a memory policy or "
		 "a cpuset binds to the node. Page cache that no process maps, and memory of the kernel, stay: 'memoffline "
		 "offline' takes what can move of them.",
	.options = options,
	.exits = "  0   done\n  1   failed, or nothing could move\n  2   wrong options or arguments\n  64  done in part\n",
	.examples = "  memoffline drain 1\n  memoffline drain node1 --to 0,2-3\n",
	.run = run,
};
