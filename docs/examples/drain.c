// SPDX-License-Identifier: GPL-2.0-only
/* Empties a node of the memory of processes, after it told who will come back there: drain NODE */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libmemoffline.h>

static void warn(void *data, const struct mo_bound *bound)
{
	unsigned int *nr_bound = data;

	++*nr_bound;
	printf("pid %" PRId32 " is bound to the node by its %s: %s\n", bound->pid,
	       bound->binding == MO_BINDING_CPUSET ? "cpuset" : "memory policy", bound->nodes);
}

int main(int argc, char **argv)
{
	struct mo_migrate_request request = MO_MIGRATE_REQUEST_INIT;
	const struct mo_process_result *process;
	struct mo_report *report = NULL;
	unsigned int nr_bound = 0;
	struct mo_ctx *ctx;
	int result;

	if (argc != 2 || mo_ctx_new(&ctx))
		return 2;
	request.bound = warn;
	request.data = &nr_bound;
	result = mo_drain_node(ctx, atoi(argv[1]), &request, &report);
	if (result < 0)
		fprintf(stderr, "%s\n", mo_ctx_error(ctx));
	for (size_t i = 0; report && (process = mo_report_process(report, i)); i++)
		if (process->error || process->moves.kept_pages)
			printf("pid %" PRId32 ": %" PRIu64 " pages stayed\n", process->pid, process->moves.kept_pages);
	printf("%u processes are bound to the node\n", nr_bound);
	mo_report_unref(report);
	mo_ctx_unref(ctx);
	return result != 0;
}
