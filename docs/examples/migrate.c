// SPDX-License-Identifier: GPL-2.0-only
/* Moves the memory of a process to another node, and names what stayed: migrate PID FROM TO */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libmemoffline.h>

static void print_stayed(const struct mo_report *report)
{
	const struct mo_record *record;

	for (size_t i = 0; (record = mo_report_record(report, i)); i++) {
		const struct mo_owner *owner = mo_record_owner(record, 0);

		printf("%" PRIu64 " pages at 0x%" PRIx64 " %s: %s\n", record->nr_pages, owner ? owner->addr : 0,
		       owner ? owner->vma : "", mo_reason_name(record->reason));
	}
}

int main(int argc, char **argv)
{
	struct mo_migrate_request request = MO_MIGRATE_REQUEST_INIT;
	struct mo_report *report = NULL;
	struct mo_ctx *ctx;
	int result;

	if (argc != 4 || mo_ctx_new(&ctx))
		return 2;
	request.pid = atoi(argv[1]);
	request.from_nodes = argv[2];
	request.to_nodes = argv[3];
	request.timeout_ms = 60000;
	result = mo_migrate_process(ctx, &request, &report);
	if (result < 0)
		fprintf(stderr, "%s\n", mo_ctx_error(ctx));
	if (report) {
		printf("%" PRIu64 " pages moved, %" PRIu64 " stayed\n", mo_report_moves(report)->moved_pages,
		       mo_report_moves(report)->kept_pages);
		print_stayed(report);
	}
	mo_report_unref(report);
	mo_ctx_unref(ctx);
	return result != 0;
}
