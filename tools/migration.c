// SPDX-License-Identifier: GPL-2.0-only
/* What migrate and drain have in common. */
#include <unistd.h>

#include "command.h"
#include "out.h"

static enum mo_swap parse_swap(const struct call *call, const char *text)
{
	enum mo_swap swap;

	if (mo_swap_parse(text, &swap) || swap == MO_SWAP_EVICT)
		usage_error(call, "--swap takes never or fallback, not '%s'", text);
	return swap;
}

bool migration_option(const struct call *call, struct mo_migrate_request *request, int id, const char *arg)
{
	switch (id) {
	case 't':
		request->timeout_ms = parse_seconds(call, "timeout", arg);
		return true;
	case OPTION_SWAP:
		request->swap = parse_swap(call, arg);
		return true;
	case OPTION_WORKERS:
		request->nr_workers = parse_number(call, "--workers", arg, 4096);
		return true;
	case OPTION_ENGINE:
		request->engine = parse_engine(call, arg);
		return true;
	}
	return false;
}

struct run {
	struct mo_migrate_request *request;
	migration_fn *fn;
	void *data;
	bool quiet;
};

static int run_migration(void *data, int stop_fd, struct mo_report **report)
{
	const struct run *run = data;

	run->request->stop_fd = stop_fd;
	run->request->progress = run->quiet ? NULL : progress_show;
	return run->fn(run->data, run->request, report);
}

int migration_run(struct call *call, struct mo_migrate_request *request, migration_fn *fn, void *data)
{
	struct run run = { request, fn, data, call->quiet };

	return stoppable_run(call, run_migration, &run, (uint64_t)sysconf(_SC_PAGESIZE));
}
