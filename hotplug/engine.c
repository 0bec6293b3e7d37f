// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which engine moves the pages of a transaction, and who explains those that stay: the module, or the kernel's log,
 * traces and page flags (kept.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transaction.h"

const char *mo_engine_name(enum mo_engine engine)
{
	static const char *const names[] = {
		[MO_ENGINE_AUTO] = "auto", [MO_ENGINE_STOCK] = "stock", [MO_ENGINE_CORE] = "core",
	};

	return (size_t)engine < ARRAY_SIZE(names) ? names[engine] : "unknown";
}

int mo_engine_parse(const char *name, enum mo_engine *engine)
{
	for (enum mo_engine i = MO_ENGINE_AUTO; i <= MO_ENGINE_CORE; i++) {
		if (strcmp(name, mo_engine_name(i)))
			continue;
		*engine = i;
		return 0;
	}
	return -EINVAL;
}

int mo_swap_parse(const char *name, enum mo_swap *swap)
{
	static const char *const names[] = {
		[MO_SWAP_NEVER] = "never", [MO_SWAP_FALLBACK] = "fallback", [MO_SWAP_EVICT] = "evict",
	};

	for (enum mo_swap i = MO_SWAP_NEVER; i <= MO_SWAP_EVICT; i++) {
		if (strcmp(name, names[i]))
			continue;
		*swap = i;
		return 0;
	}
	return -EINVAL;
}

/* ---- the module set aside, for as long as a transaction of the stock engine lasts ---- */

/* A file says that it was us who did it, so that what a killed command leaves behind is put right by the next one. */
static int marker_path(struct mo_ctx *ctx, char path[256])
{
	if (mo_run_path(ctx, path, 256, "set-aside"))
		return mo_error(ctx, -ENAMETOOLONG, "the run directory's name is too long: %s", mo_run_dir(ctx));
	return 0;
}

static int mark(struct mo_ctx *ctx)
{
	char path[256];
	int err = marker_path(ctx, path), fd;

	if (err)
		return err;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return mo_error(ctx, -errno, "can't make %s: %s; make room there, or name another run directory", path,
				strerror(errno));
	close(fd);
	return 0;
}

static int set_aside(struct mo_ctx *ctx)
{
	int err = mark(ctx);

	return err ? err : mo_module_enable(ctx, false);
}

void mo_engine_tidy(struct mo_ctx *ctx)
{
	char path[256];

	if (marker_path(ctx, path) || access(path, F_OK))
		return;
	if (!mo_module_enable(ctx, true))
		unlink(path);
}

/* ---- choice ---- */

static const char missing_note[] =
	"the kernel alone did the work; with the module memoffline it is faster, knows pins and owners exactly, and ends in time "
	"also where no signal reaches";

static int use_core(struct mo_transaction *txn)
{
	int err = mo_session_open(txn->ctx, &txn->session);

	if (err)
		return err;
	err = mo_session_info(txn->session, &txn->core);
	if (!err)
		err = mo_report_set_engine(txn->report, mo_engine_name(MO_ENGINE_CORE));
	if (!err)
		return 0;
	mo_session_close(txn->session);
	txn->session = NULL;
	return err;
}

static int choose_core(struct mo_transaction *txn)
{
	int err = mo_module_load(txn->ctx);

	if (err)
		return err;
	if (!mo_module_is_enabled(txn->ctx))
		return mo_error(txn->ctx, -EOPNOTSUPP, "the module memoffline is loaded but set aside; write Y to "
				"/sys/module/memoffline/parameters/enabled, or use '--engine stock'");
	return use_core(txn);
}

static int choose_stock(struct mo_transaction *txn)
{
	if (!mo_module_is_loaded(txn->ctx) || !mo_module_is_enabled(txn->ctx))
		return 0;
	txn->is_core_set_aside = true;
	return set_aside(txn->ctx);
}

/* The stock engine does whatever the core can't: that there is none is no failure. */
static void choose_any(struct mo_transaction *txn)
{
	int err;

	if (mo_module_is_loaded(txn->ctx) && !mo_module_is_enabled(txn->ctx)) {
		mo_report_add_note(txn->report, "the module memoffline is loaded but set aside: N stands in "
				   "/sys/module/memoffline/parameters/enabled");
		return;
	}
	err = mo_module_load(txn->ctx);
	if (!err)
		err = use_core(txn);
	if (!err)
		return;
	txn->misses_core = err == -ENOENT;
	if (!txn->misses_core)
		mo_report_add_note(txn->report, "the kernel alone did the work: %s", mo_ctx_error(txn->ctx));
}

static bool has_terms(const struct mo_request *request)
{
	return request->to_nodes || request->swap != MO_SWAP_AUTO || request->max_mib_s;
}

/* What the module's own attempts do. */
static enum mo_swap usual_swap(struct mo_ctx *ctx)
{
	enum mo_swap swap = MO_SWAP_FALLBACK;
	char text[16];

	if (mo_read_text(ctx, text, sizeof(text), "/sys/module/memoffline/parameters/swap") > 0) {
		text[strcspn(text, "\n")] = '\0';
		mo_swap_parse(text, &swap);
	}
	return swap;
}

/* Without the core none of them would hold, and nobody would notice. */
static int take_terms(struct mo_transaction *txn)
{
	const struct mo_request *request = txn->request;
	struct mo_core_terms *terms = &txn->terms;

	txn->has_terms = has_terms(request);
	terms->max_mib_s = request->max_mib_s;
	terms->swap = request->swap == MO_SWAP_AUTO ? usual_swap(txn->ctx) : request->swap;
	if (txn->session && txn->core.has_sessions)
		return request->to_nodes ? mo_nodes_parse(txn->memory, request->to_nodes, terms->nodes,
							  &terms->nr_node_words) : 0;
	if (!txn->has_terms)
		return 0;
	return mo_error(txn->ctx, -EOPNOTSUPP, "target nodes, swap and a rate can be chosen with the module memoffline alone%s; "
			"load it (modprobe memoffline), or leave them out",
			txn->request->engine == MO_ENGINE_STOCK ? ", and the stock engine was asked for" :
			txn->session ? ", which lacks functions of this kernel for that" : ", which is not in use");
}

int mo_engine_begin(struct mo_transaction *txn)
{
	int err = 0;

	mo_engine_tidy(txn->ctx);
	if (txn->request->engine == MO_ENGINE_CORE)
		err = choose_core(txn);
	else if (txn->request->engine == MO_ENGINE_STOCK)
		err = choose_stock(txn);
	else
		choose_any(txn);
	if (!err)
		err = take_terms(txn);
	if (err)
		return err;
	/* What the module tells needs no other witness. */
	if (!(txn->session && txn->core.sees_isolation) && mo_evidence_start(txn->ctx, &txn->evidence))
		txn->evidence = NULL;
	return 0;
}

void mo_engine_end(struct mo_transaction *txn)
{
	mo_session_close(txn->session);
	txn->session = NULL;
	if (txn->is_core_set_aside)
		mo_engine_tidy(txn->ctx);
	txn->is_core_set_aside = false;
}

/* ---- what came of an attempt ---- */

/* The module's last word on the block, unless it is about an earlier attempt. */
static bool ask_core(struct mo_transaction *txn, const struct mo_attempt *attempt, struct mo_core_attempt *last)
{
	uint64_t nr_pages = mo_memory_block_pages(txn->memory);

	if (!txn->session || attempt->abandoned)
		return false;
	return !mo_session_last(txn->session, attempt->block * nr_pages, last) && last->start_ms >= attempt->wall_ms;
}

static bool is_limit(enum mo_reason reason)
{
	return reason == MO_REASON_DEADLINE || reason == MO_REASON_STALL || reason == MO_REASON_INTERRUPTED;
}

/* A page explains a limit that passed better than the limit. */
static enum mo_reason core_reason(const struct mo_attempt *attempt, const struct mo_core_attempt *last)
{
	if (last->reason == MO_REASON_NONE || last->reason == MO_REASON_UNKNOWN || is_limit(last->reason))
		return attempt->ended_by != MO_REASON_NONE ? attempt->ended_by : last->reason;
	return last->reason;
}

static void note_limit(struct mo_transaction *txn, const struct mo_core_attempt *last)
{
	if (last->reason == MO_REASON_DEADLINE)
		mo_report_add_note(txn->report, "the module gave up after its own deadline of %u ms: see deadline_ms in "
				   "/sys/module/memoffline/parameters", txn->core.deadline_ms);
	else if (last->reason == MO_REASON_STALL)
		mo_report_add_note(txn->report, "the module gave up when no page moved for %u ms: see stall_ms in "
				   "/sys/module/memoffline/parameters", txn->core.stall_ms);
}

static void explain_by_core(struct mo_transaction *txn, struct mo_block_result *result,
			    const struct mo_attempt *attempt, const struct mo_core_attempt *last)
{
	result->reason = core_reason(attempt, last);
	result->pages_left = attempt->pages_left;
	mo_session_add_records(txn->session, last, attempt->block, txn->report);
	if (attempt->ended_by == MO_REASON_NONE)
		note_limit(txn, last);
}

void mo_engine_conclude(struct mo_transaction *txn, struct mo_item *item, const struct mo_attempt *attempt)
{
	struct mo_core_attempt last;
	bool has_last = ask_core(txn, attempt, &last);

	if (has_last) {
		txn->core_moved += last.nr_moved;
		txn->core_evicted += last.nr_evicted;
		txn->core_violated += last.nr_policy_violated;
	}
	if (!attempt->error)
		return;
	if (has_last && last.error)
		return explain_by_core(txn, item->result, attempt, &last);
	mo_kept_report(txn->report, item->result, &item->before, attempt);
	txn->needs_owners = true;
}

void mo_engine_note(struct mo_transaction *txn, int result)
{
	if (txn->misses_core && result)
		mo_report_add_note(txn->report, "%s", missing_note);
	mo_session_note(txn->report, txn->core_evicted, txn->core_violated);
}
