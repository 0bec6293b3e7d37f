// SPDX-License-Identifier: GPL-2.0-only
/* memoffline retire: errors were corrected; they are counted, and what has too many of them goes. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "out.h"

enum { OPTION_DRY_RUN = OPTION_FIRST, OPTION_ERRORS, OPTION_LIST, OPTION_FORGET };

static const struct option_text options[] = {
	{ OPTION_ERRORS, "errors", "N", "so many errors were seen at each address; the usual: 1" },
	{ OPTION_DRY_RUN, "dry-run", NULL, "say what would be done; nothing is counted, and nothing written" },
	{ OPTION_LIST, "list", NULL, "show what was counted so far, of pages, blocks and devices" },
	{ OPTION_FORGET, "forget", NULL, "forget it all, as after modules were replaced" },
	{ 0 }
};

struct retire {
	struct call *call;
	struct mo_retire_request request;
	struct mo_policy *policy;
	uint64_t *addrs;
	bool list, forget, has_errors;
};

static void parse_options(struct retire *retire)
{
	struct call *call = retire->call;
	int id;

	while ((id = call_option(call)) != -1) {
		switch (id) {
		case OPTION_DRY_RUN:
			retire->request.dry_run = true;
			break;
		case OPTION_ERRORS:
			retire->has_errors = true;
			retire->request.nr_errors = parse_number(call, "errors", optarg, 1000000000);
			if (!retire->request.nr_errors)
				usage_error(call, "--errors takes a number from 1 on");
			break;
		case OPTION_LIST:
			retire->list = true;
			break;
		case OPTION_FORGET:
			retire->forget = true;
			break;
		}
	}
}

/* Hex begins with 0x; what else may begin with 0 is decimal, as nobody writes addresses in octal. */
static uint64_t parse_address(const struct call *call, const char *text)
{
	bool is_hex = !strncasecmp(text, "0x", 2) && text[2];
	const char *digits = is_hex ? text + 2 : text;
	uint64_t addr;
	char *end;

	errno = 0;
	addr = strtoull(digits, &end, is_hex ? 16 : 10);
	if (errno || *end || !isalnum((unsigned char)*digits))
		usage_error(call, "'%s' is no address: it takes bytes, as 0x12345000 or in decimal", text);
	return addr;
}

static void parse_addresses(struct retire *retire)
{
	struct call *call = retire->call;
	size_t nr = (size_t)call->argc;

	if (!nr)
		usage_error(call, "where were the errors? Name an address in bytes (0x12345000), or use --list");
	retire->addrs = calloc(nr, sizeof(*retire->addrs));
	if (!retire->addrs)
		out_of_memory();
	for (size_t i = 0; i < nr; i++)
		retire->addrs[i] = parse_address(call, call->argv[i]);
	retire->request.addrs = retire->addrs;
	retire->request.nr_addrs = nr;
}

/* ---- what was done ---- */

static void print_steps(const struct call *call, const struct mo_retirement *retirement)
{
	const struct mo_retire_step *step;

	for (size_t i = 0; (step = mo_retirement_step(retirement, i)); i++) {
		if (step->outcome == MO_RETIRE_FAILED)
			tell("%s", step->text);
		else if (!call->quiet)
			say("%s.", step->text);
	}
}

static void step_json(struct json_object *item, const struct mo_retire_step *step)
{
	json_text(item, "what", mo_retire_what_name(step->what));
	json_text(item, "outcome", mo_retire_outcome_name(step->outcome));
	json_number(item, "errno", -step->error);
	json_text(item, "error", step->error && strerrorname_np(-step->error) ? strerrorname_np(-step->error) : "");
	if (step->addr == UINT64_MAX)
		json_null(item, "addr");
	else
		json_number(item, "addr", (int64_t)step->addr);
	if (step->block == UINT32_MAX)
		json_null(item, "block");
	else
		json_number(item, "block", step->block);
	json_text(item, "device", step->device);
	json_number(item, "count", (int64_t)step->count);
	json_number(item, "limit", step->limit);
	json_text(item, "text", step->text);
}

static void print_json(const struct retire *retire, const struct mo_retirement *retirement, int result)
{
	struct json_object *object = json_new(), *list;
	const struct mo_retire_step *step;

	json_text(object, "status", result ? "failed" : "done");
	json_flag(object, "dry_run", retire->request.dry_run);
	list = json_list(object, "steps");
	for (size_t i = 0; (step = mo_retirement_step(retirement, i)); i++)
		step_json(json_item(list), step);
	json_print(object, false);
}

static int tell_result(const struct retire *retire, const struct mo_retirement *retirement, int result)
{
	struct call *call = retire->call;

	if (!retirement)
		return tell_error(call, result);
	if (call->json)
		print_json(retire, retirement, result);
	else
		print_steps(call, retirement);
	if (result < 0)
		tell("%s", mo_ctx_error(call->ctx));
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_retire(struct retire *retire)
{
	struct call *call = retire->call;
	struct mo_retirement *retirement = NULL;
	sigset_t old;
	int stop_fd, result, status;

	if (call->json)
		json_open();
	stop_fd = retire->request.stop_fd = signals_catch(0, &old);
	result = mo_retire(call->ctx, retire->policy, &retire->request, &retirement);
	status = tell_result(retire, retirement, result);
	signals_release(stop_fd, &old);
	mo_retirement_unref(retirement);
	return status;
}

/* ---- what was counted ---- */

static int run_list(const struct retire *retire)
{
	struct call *call = retire->call;
	struct mo_errors *errors;
	int err = mo_errors_read(call->ctx, &errors);

	if (err)
		return tell_error(call, err);
	if (call->json)
		errors_json(errors, retire->policy);
	else
		errors_print(errors);
	mo_errors_unref(errors);
	return EXIT_SUCCESS;
}

static int run_forget(const struct retire *retire)
{
	int err = mo_errors_forget(retire->call->ctx);

	return err ? tell_error(retire->call, err) : EXIT_SUCCESS;
}

static int run(struct call *call)
{
	struct retire retire = { .call = call, .request = MO_RETIRE_REQUEST_INIT };
	int status, err;

	parse_options(&retire);
	if (retire.list + retire.forget + (retire.request.dry_run || retire.has_errors) > 1)
		usage_error(call, "--list, --forget and what is counted exclude each other");
	if (retire.list || retire.forget)
		call_no_args(call);
	else
		parse_addresses(&retire);
	err = policy_read(call, &retire.policy);
	if (err)
		status = tell_error(call, err);
	else
		status = retire.list ? run_list(&retire) : retire.forget ? run_forget(&retire) : run_retire(&retire);
	mo_policy_unref(retire.policy);
	free(retire.addrs);
	return status;
}

const struct command cmd_retire = {
	.name = "retire",
	.summary = "count corrected memory errors, and retire what has too many",
	.args = "ADDRESS...",
	.about = "Hardware corrected an error at each of these physical addresses, in bytes: rasdaemon, scripts for EDAC or people tell "
		 "so. Errors are counted over restarts of the machine. A page that had many is retired, a block of which many pages "
		 "were is taken offline, and a device of which many blocks went is removed: how many, section [errors] of "
		 "memoffline.conf(5) says, and without it errors are only counted.",
	.options = options,
	.exits = "  0  counted, and all that was due is done\n  1  something failed, which the message names; the count stays\n"
		 "  2  wrong options or address\n",
	.examples = "  memoffline retire 0x12345000\n  memoffline retire --errors 20 0x12345000 --dry-run\n  memoffline retire --list\n",
	.run = run,
};
