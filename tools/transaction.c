// SPDX-License-Identifier: GPL-2.0-only
/* What all commands have in common that change something: signals, progress, the result. */
#include "command.h"
#include "out.h"

static int tell_result(const struct call *call, int result, const struct mo_report *report)
{
	if (result < 0 && !(call->json && report))
		tell_error(call, result);
	else if (result < 0)
		tell("%s", mo_ctx_error(call->ctx));
	if (report && call->json && result_json(report))
		return EXIT_FAILURE;
	if (report && !call->json && mo_report_moves(report))
		moves_print(call, report);
	else if (report && !call->json && result && !call->verbose)
		summary_print(report);
	else if (report && !call->json)
		result_print(call, report);
	return result < 0 ? EXIT_FAILURE : result > 0 ? EXIT_PARTLY : EXIT_SUCCESS;
}

int stoppable_run(struct call *call, stoppable_fn *fn, void *data, uint64_t page_bytes)
{
	struct mo_report *report = NULL;
	int result, status, stop_fd;
	sigset_t old;

	stop_fd = signals_catch(0, &old);
	progress_begin(call, stop_fd, page_bytes);
	result = fn(data, stop_fd, &report);
	progress_end();
	status = tell_result(call, result, report);
	signals_release(stop_fd, &old);
	mo_report_unref(report);
	return status;
}

struct transaction {
	struct mo_request *request;
	transaction_fn *fn;
	void *data;
};

static int run_transaction(void *data, int stop_fd, struct mo_report **report)
{
	const struct transaction *transaction = data;

	transaction->request->stop_fd = stop_fd;
	transaction->request->progress = progress_show;
	return transaction->fn(transaction->data, transaction->request, report);
}

int transaction_run(struct call *call, struct mo_request *request, transaction_fn *fn, void *data, uint64_t page_bytes)
{
	struct transaction transaction = { request, fn, data };

	return stoppable_run(call, run_transaction, &transaction, page_bytes);
}
