// SPDX-License-Identifier: GPL-2.0-only
/* memoffline migrate: the memory of a process, or of a cgroup, to other nodes. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

#define TIMEOUT_MS 300000

enum { OPTION_RANGE = OPTION_FIRST, OPTION_ALL, OPTION_THREADS, OPTION_CGROUP, OPTION_SET_MEMS };

static const struct option_text options[] = {
	{ OPTION_RANGE, "range", "ADDR-ADDR", "only these addresses of the process, as its maps show them: hexadecimal, the end not included" },
	{ OPTION_ALL, "all", NULL, "also pages that other processes use; takes root" },
	{ OPTION_THREADS, "threads", NULL, "PID may be the id of any thread; with --cgroup, its threads say which processes" },
	{ OPTION_CGROUP, "cgroup", "PATH", "all processes in the cgroup and below, new ones too, until none is left" },
	{ OPTION_SET_MEMS, "set-mems", NULL, "with --cgroup: write TO to its cpuset.mems first, so that new memory comes from there" },
	MIGRATION_OPTIONS,
	ENGINE_OPTION,
	{ 0 }
};

struct migrate {
	struct call *call;
	struct mo_migrate_request request;
	const char *cgroup;
};

/* Moves *TEXT behind the number and the character END. */
static bool read_address(const char **text, char end, uint64_t *address)
{
	const char *at = *text;
	char *rest;

	if (!strncmp(at, "0x", 2) || !strncmp(at, "0X", 2))
		at += 2;
	if (!strchr("0123456789abcdefABCDEF", *at) || !*at)
		return false;
	errno = 0;
	*address = strtoull(at, &rest, 16);
	*text = rest + (*rest != '\0');
	return !errno && *rest == end;
}

static void parse_range(const struct call *call, const char *text, struct mo_migrate_request *request)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *at = text;

	if (!read_address(&at, '-', &request->start_addr) || !read_address(&at, '\0', &request->end_addr))
		usage_error(call, "--range takes addresses like 7f0000000000-7f0000200000, not '%s'", text);
	if (request->end_addr <= request->start_addr)
		usage_error(call, "--range '%s' is empty: the end has to lie behind the beginning", text);
	if ((request->start_addr | request->end_addr) % page_bytes)
		usage_error(call, "--range '%s' is not aligned to pages; give multiples of 0x%" PRIx64, text, page_bytes);
}

static void parse_option(struct migrate *migrate, int id)
{
	struct mo_migrate_request *request = &migrate->request;

	switch (id) {
	case OPTION_RANGE:
		parse_range(migrate->call, optarg, request);
		break;
	case OPTION_ALL:
		request->flags |= MO_MIGRATE_ALL;
		break;
	case OPTION_THREADS:
		request->flags |= MO_MIGRATE_THREADS;
		break;
	case OPTION_CGROUP:
		if (!*optarg)
			usage_error(migrate->call, "--cgroup takes the name of a cgroup, not ''; / is the one of all processes");
		migrate->cgroup = optarg;
		break;
	case OPTION_SET_MEMS:
		request->flags |= MO_MIGRATE_SET_MEMS;
		break;
	default:
		migration_option(migrate->call, request, id, optarg);
	}
}

static int32_t parse_pid(const struct call *call, const char *text)
{
	unsigned long long number = strtoull(text, NULL, 10);

	if (!*text || text[strspn(text, "0123456789")] || !number || number > INT32_MAX)
		usage_error(call, "PID takes a number from 1 to %d, not '%s'", INT32_MAX, text);
	return (int32_t)number;
}

static void parse_args(struct migrate *migrate)
{
	struct mo_migrate_request *request = &migrate->request;
	const struct call *call = migrate->call;
	int nr = migrate->cgroup ? 2 : 3;

	if (!migrate->cgroup && request->flags & MO_MIGRATE_SET_MEMS)
		usage_error(call, "--set-mems writes the nodes of a cgroup; name it by --cgroup");
	if (migrate->cgroup && request->end_addr)
		usage_error(call, "--range is of one process, and --cgroup of several; leave one out");
	if (call->argc < nr)
		usage_error(call, "%sfrom which nodes to which? Give all of them, like %s",
			    migrate->cgroup ? "" : "which process, and ", migrate->cgroup ? "0 1" : "4711 0 1");
	if (call->argc > nr)
		usage_error(call, "'%s' is one argument too many%s", call->argv[nr], migrate->cgroup ?
			    ": --cgroup names the processes" : "");
	if (!migrate->cgroup)
		request->pid = parse_pid(call, call->argv[0]);
	request->from_nodes = parse_nodes(call, "FROM", call->argv[nr - 2]);
	request->to_nodes = parse_nodes(call, "TO", call->argv[nr - 1]);
}

static int move_process(void *data, const struct mo_migrate_request *request, struct mo_report **report)
{
	const struct migrate *migrate = data;

	return mo_migrate_process(migrate->call->ctx, request, report);
}

static int move_cgroup(void *data, const struct mo_migrate_request *request, struct mo_report **report)
{
	const struct migrate *migrate = data;

	return mo_migrate_cgroup(migrate->call->ctx, migrate->cgroup, request, report);
}

static int run(struct call *call)
{
	struct migrate migrate = { .call = call, .request = MO_MIGRATE_REQUEST_INIT };
	int id;

	migrate.request.timeout_ms = TIMEOUT_MS;
	while ((id = call_option(call)) != -1)
		parse_option(&migrate, id);
	parse_args(&migrate);
	if (migrate.cgroup && !call->json)
		table_open();
	return migration_run(call, &migrate.request, migrate.cgroup ? move_cgroup : move_process, &migrate);
}

const struct command cmd_migrate = {
	.name = "migrate",
	.summary = "move the memory of a process or a cgroup to other nodes",
	.args = "PID FROM TO | --cgroup PATH FROM TO",
	.about = "Moves the memory of a process that is on the nodes FROM to the nodes TO, and says which pages stayed and why. The "
		 "n-th node of FROM goes to the n-th of TO. Memory policies are left alone: what the process takes from now "
		 "on comes from where they say. What moved stays moved, also after Ctrl-C. Who may trace a process may move it.",
	.options = options,
	.exits = "  0   done\n  1   failed, or nothing could move\n  2   wrong options or arguments\n  64  done in part\n",
	.examples = "  memoffline migrate 4711 0 1\n"
		    "  memoffline migrate 4711 0-1 2-3 --all --swap fallback\n"
		    "  memoffline migrate 4711 0 1 --range 7f0000000000-7f0000200000\n"
		    "  memoffline migrate --cgroup system.slice/db.service 0 1 --set-mems\n",
	.run = run,
};
