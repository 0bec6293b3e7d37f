// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the history says of each block, and of all attempts. Reads only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct tally {
	struct mo_block_history history;	/* the head: what is lent */
	uint64_t sum_ms;
	char *device;
	bool is_selected;
};

struct mo_history {
	struct mo_totals totals;
	bool has_totals;	/* of all that is older than what was read so far */
	struct tally **blocks;	/* in ascending order of their numbers */
	size_t nr_blocks;
	uint64_t nr_skipped;
};

/* ---- one line, newest first ---- */

static size_t lower_bound(const struct mo_history *history, uint32_t block)
{
	size_t low = 0, high = history->nr_blocks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (history->blocks[middle]->history.block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first time it is seen is the last attempt on it. NULL: no memory. */
static struct tally *find_tally(struct mo_history *history, const struct mo_block_result *result, uint64_t time_s)
{
	size_t at = lower_bound(history, result->block);
	struct tally *tally, **more;

	if (at < history->nr_blocks && history->blocks[at]->history.block == result->block)
		return history->blocks[at];
	more = reallocarray(history->blocks, history->nr_blocks + 1, sizeof(*more));
	if (!more)
		return NULL;
	history->blocks = more;
	tally = calloc(1, sizeof(*tally));
	if (!tally)
		return NULL;
	tally->device = strdup(result->device);
	if (!tally->device) {
		free(tally);
		return NULL;
	}
	memmove(more + at + 1, more + at, (history->nr_blocks++ - at) * sizeof(*more));
	more[at] = tally;
	tally->is_selected = true;
	tally->history.block = result->block;
	tally->history.device = tally->device;
	tally->history.last_time_s = time_s;
	return tally;
}

static void add_time(struct tally *tally, uint64_t ms)
{
	struct mo_block_history *history = &tally->history;

	if (!history->nr_done || ms < history->best_ms)
		history->best_ms = ms;
	if (ms > history->worst_ms)
		history->worst_ms = ms;
	tally->sum_ms += ms;
	history->nr_done++;
	history->mean_ms = tally->sum_ms / history->nr_done;
}

/* Time of the whole that no block has for itself: all were emptied together. */
struct shared {
	uint64_t ms;
	uint64_t nr_pages;
};

static struct shared find_shared(const struct mo_report *report)
{
	struct shared shared = { mo_report_elapsed_ms(report), 0 };
	const struct mo_block_result *result;

	if (mo_report_result(report))
		return (struct shared){ 0 };	/* also what was in vain, and the way back */
	for (size_t i = 0; (result = mo_report_block(report, i)); i++) {
		shared.ms -= result->elapsed_ms < shared.ms ? result->elapsed_ms : shared.ms;
		shared.nr_pages += result->pages_before;
	}
	return shared;
}

static uint64_t time_of(const struct mo_block_result *result, const struct shared *shared)
{
	if (!shared->nr_pages)
		return result->elapsed_ms;
	return result->elapsed_ms + (uint64_t)((double)shared->ms * (double)result->pages_before /
					       (double)shared->nr_pages);
}

static void add_offline(struct tally *tally, const struct mo_block_result *result, const struct shared *shared)
{
	struct mo_block_history *history = &tally->history;

	switch (result->outcome) {
	case MO_OUTCOME_DONE:
		add_time(tally, time_of(result, shared));
		break;
	case MO_OUTCOME_FAILED:
		if (!history->nr_failed++)
			history->last_reason = result->reason;
		break;
	case MO_OUTCOME_ROLLED_BACK:
	case MO_OUTCOME_ROLLBACK_FAILED:
	case MO_OUTCOME_OTHER_ZONE:
		history->nr_back++;
		break;
	default:
		break;
	}
}

static bool was_tried(enum mo_outcome outcome)
{
	return outcome != MO_OUTCOME_NOT_TRIED && outcome != MO_OUTCOME_WAS_SO && outcome != MO_OUTCOME_VANISHED;
}

static int add_blocks(struct mo_history *history, const struct mo_report *report)
{
	bool is_offline = mo_report_takes_offline(report);
	struct shared shared = find_shared(report);
	const struct mo_block_result *result;
	struct tally *tally;

	if (!is_offline && strcmp(mo_report_action(report), "online"))
		return 0;
	for (size_t i = 0; (result = mo_report_block(report, i)); i++) {
		if (!was_tried(result->outcome))
			continue;
		tally = find_tally(history, result, mo_report_start_time_s(report));
		if (!tally)
			return -ENOMEM;
		if (is_offline) {
			add_offline(tally, result, &shared);
		} else {
			tally->history.nr_online += result->outcome == MO_OUTCOME_DONE;
			tally->history.nr_online_failed += result->outcome == MO_OUTCOME_FAILED;
		}
	}
	return 0;
}

static int add_line(void *data, const struct mo_line *line)
{
	struct mo_history *history = data;

	if (!history->has_totals)
		history->has_totals = mo_totals_add(&history->totals, line);
	return line->report ? add_blocks(history, line->report) : 0;
}

/* ---- those of a target ---- */

/* "32", "memory32", "32-35": blocks that are gone by now have a history, too. */
static bool parse_numbers(const char *text, uint32_t *first, uint32_t *last)
{
	int len = 0;

	text += strncmp(text, "memory", 6) ? 0 : 6;
	if (*text < '0' || *text > '9')
		return false;
	if (sscanf(text, "%9u-%9u%n", first, last, &len) == 2 && len && !text[len])
		return true;
	len = 0;
	if (sscanf(text, "%9u%n", first, &len) != 1 || text[len])
		return false;
	*last = *first;
	return true;
}

static bool select_device(struct mo_history *history, const char *device)
{
	bool found = false;

	for (size_t i = 0; i < history->nr_blocks; i++) {
		if (strcmp(history->blocks[i]->device, device))
			continue;
		history->blocks[i]->is_selected = true;
		found = true;
	}
	return found;
}

static void select_block(struct mo_history *history, uint32_t block)
{
	size_t at = lower_bound(history, block);

	if (at < history->nr_blocks && history->blocks[at]->history.block == block)
		history->blocks[at]->is_selected = true;
}

/* What only the machine knows: nodes, addresses, devices of which no block was ever tried. */
static int select_by_machine(struct mo_history *history, struct mo_ctx *ctx, const char *part)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct mo_selection selection = { 0 };
	struct mo_memory *memory;
	int err = mo_memory_read(ctx, &memory);

	if (err)
		return err;
	request.target = part;
	err = mo_target_select(memory, &request, &selection);
	if (!err && selection.len_bytes)
		err = mo_error(ctx, -EINVAL, "'%s' is a size, of which there is no history; name blocks, a node or a device", part);
	for (size_t i = 0; !err && i < selection.nr_numbers; i++)
		select_block(history, selection.numbers[i]);
	mo_selection_free(&selection);
	mo_memory_unref(memory);
	return err;
}

static int select_part(struct mo_history *history, struct mo_ctx *ctx, const char *part)
{
	uint32_t first, last;

	if (parse_numbers(part, &first, &last)) {
		for (size_t i = lower_bound(history, first); i < history->nr_blocks; i++)
			if (history->blocks[i]->history.block <= last)
				history->blocks[i]->is_selected = true;
		return 0;
	}
	return select_device(history, part) ? 0 : select_by_machine(history, ctx, part);
}

static void drop_others(struct mo_history *history)
{
	size_t nr = 0;

	for (size_t i = 0; i < history->nr_blocks; i++) {
		struct tally *tally = history->blocks[i];

		if (tally->is_selected) {
			history->blocks[nr++] = tally;
			continue;
		}
		free(tally->device);
		free(tally);
	}
	history->nr_blocks = nr;
}

static int select_target(struct mo_history *history, struct mo_ctx *ctx, const char *target)
{
	char *copy = strdup(target), *save = NULL;
	int err = 0;

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the history; free some and try again");
	for (size_t i = 0; i < history->nr_blocks; i++)
		history->blocks[i]->is_selected = false;
	for (char *part = strtok_r(copy, ", ", &save); part && !err; part = strtok_r(NULL, ", ", &save))
		err = select_part(history, ctx, part);
	free(copy);
	drop_others(history);
	return err;
}

/* ---- the whole ---- */

static int read_error(struct mo_ctx *ctx, int err)
{
	return mo_error(ctx, err, "can't read the history in %s: %s; %s", mo_state_dir(ctx), strerror(-err),
			err == -EACCES || err == -EPERM ? "run this as root" :
			"see whether it is a folder with plain files, and whether libjson-c is installed");
}

int mo_history_read(struct mo_ctx *ctx, const char *target, struct mo_history **out)
{
	struct mo_history *history = calloc(1, sizeof(*history));
	int err;

	if (!history)
		return mo_error(ctx, -ENOMEM, "no memory for the history; free some and try again");
	err = mo_history_each(ctx, add_line, history, &history->nr_skipped);
	if (err && err != -ENOENT)
		err = read_error(ctx, err);
	else
		err = target ? select_target(history, ctx, target) : 0;
	if (err) {
		mo_history_unref(history);
		return err;
	}
	*out = history;
	return 0;
}

struct mo_history *mo_history_unref(struct mo_history *history)
{
	if (!history)
		return NULL;
	for (size_t i = 0; i < history->nr_blocks; i++) {
		free(history->blocks[i]->device);
		free(history->blocks[i]);
	}
	free(history->blocks);
	free(history->totals.all);
	free(history);
	return NULL;
}

size_t mo_history_nr_blocks(const struct mo_history *history)
{
	return history->nr_blocks;
}

const struct mo_block_history *mo_history_block(const struct mo_history *history, size_t i)
{
	return i < history->nr_blocks ? &history->blocks[i]->history : NULL;
}

size_t mo_history_nr_totals(const struct mo_history *history)
{
	return history->totals.nr;
}

const struct mo_history_total *mo_history_total(const struct mo_history *history, size_t i)
{
	return i < history->totals.nr ? &history->totals.all[i] : NULL;
}

uint64_t mo_history_since_s(const struct mo_history *history)
{
	return history->totals.since_s;
}

uint64_t mo_history_nr_skipped(const struct mo_history *history)
{
	return history->nr_skipped;
}
