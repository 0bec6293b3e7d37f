// SPDX-License-Identifier: LGPL-2.1-or-later
/* Totals of attempts, by what was done, how and with what end; they grow only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const char *const actions[] = { "offline", "online", "undo", "migrate", "drain", "remove", "recover" };
static const int results[] = { 0, 1, -1 };
#define NR_RESULTS ARRAY_SIZE(results)

/* Where such a total stands among all that there can be. -ENOENT: words that are not known. */
static int rank_of(const char *action, const char *engine, const char *status)
{
	size_t i = 0, j = 0;
	enum mo_engine id;

	while (i < ARRAY_SIZE(actions) && strcmp(actions[i], action))
		i++;
	while (j < NR_RESULTS && strcmp(mo_status_name(results[j]), status))
		j++;
	if (i == ARRAY_SIZE(actions) || j == NR_RESULTS || mo_engine_parse(engine, &id))
		return -ENOENT;
	return (int)((i * (MO_ENGINE_CORE + 1) + id) * NR_RESULTS + j);
}

static struct mo_history_total total_of(int rank)
{
	size_t kind = (size_t)rank / NR_RESULTS;

	return (struct mo_history_total){
		.action = actions[kind / (MO_ENGINE_CORE + 1)],
		.engine = mo_engine_name((enum mo_engine)(kind % (MO_ENGINE_CORE + 1))),
		.status = mo_status_name(results[(size_t)rank % NR_RESULTS]),
	};
}

struct mo_history_total *mo_totals_find(struct mo_totals *totals, const char *action, const char *engine,
					const char *status)
{
	int rank = rank_of(action, engine, status), other = -1;
	struct mo_history_total *more;
	size_t at = 0;

	for (; at < totals->nr; at++) {
		other = rank_of(totals->all[at].action, totals->all[at].engine, totals->all[at].status);
		if (other >= rank)
			break;
	}
	if (rank < 0)
		return NULL;
	if (at < totals->nr && other == rank)
		return &totals->all[at];
	more = reallocarray(totals->all, totals->nr + 1, sizeof(*more));
	if (!more)
		return NULL;
	totals->all = more;
	memmove(more + at + 1, more + at, (totals->nr++ - at) * sizeof(*more));
	more[at] = total_of(rank);
	return &more[at];
}

static void note_time(struct mo_totals *totals, uint64_t time_s)
{
	if (!totals->since_s || time_s < totals->since_s)
		totals->since_s = time_s;
}

static void add_report(struct mo_totals *totals, const struct mo_line *line)
{
	const struct mo_report *report = line->report;
	uint64_t time_s = mo_report_start_time_s(report);
	struct mo_history_total *total = mo_totals_find(totals, mo_report_action(report), mo_report_engine(report),
							mo_status_name(mo_report_result(report)));
	const struct mo_block_result *result;

	if (!total)
		return;		/* what a later version did */
	note_time(totals, time_s);
	total->nr_attempts++;
	total->elapsed_ms += mo_report_elapsed_ms(report);
	total->moved_bytes += mo_report_moved_pages(report) * line->page_bytes;
	total->freed_bytes += mo_report_freed_bytes(report);
	if (time_s > total->last_time_s)
		total->last_time_s = time_s;
	for (size_t i = 0; (result = mo_report_block(report, i)); i++) {
		total->nr_blocks[result->outcome]++;
		total->nr_failed[result->reason] += result->outcome == MO_OUTCOME_FAILED;
	}
}

static void add_total(struct mo_totals *totals, const struct mo_history_total *more)
{
	struct mo_history_total *total = mo_totals_find(totals, more->action, more->engine, more->status);

	if (!total)
		return;
	total->nr_attempts += more->nr_attempts;
	total->elapsed_ms += more->elapsed_ms;
	total->moved_bytes += more->moved_bytes;
	total->freed_bytes += more->freed_bytes;
	if (more->last_time_s > total->last_time_s)
		total->last_time_s = more->last_time_s;
	for (size_t i = 0; i < MO_OUTCOME_NR; i++)
		total->nr_blocks[i] += more->nr_blocks[i];
	for (size_t i = 0; i < MO_REASON_NR; i++)
		total->nr_failed[i] += more->nr_failed[i];
}

bool mo_totals_add(struct mo_totals *totals, const struct mo_line *line)
{
	if (line->report) {
		add_report(totals, line);
		return false;
	}
	note_time(totals, line->totals.since_s);
	for (size_t i = 0; i < line->totals.nr; i++)
		add_total(totals, &line->totals.all[i]);
	return true;
}
