// SPDX-License-Identifier: GPL-2.0-only
/* The history in Prometheus's text format, as node_exporter's textfile collector reads it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "history.h"
#include "out.h"

static void family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP memoffline_%s %s\n# TYPE memoffline_%s %s\n", name, help, name, type);
}

/* Any byte in, a value of a label out, with its quotes. */
static void print_label(FILE *to, const char *bytes)
{
	char *text = text_utf8(bytes);

	fputc('"', to);
	for (const char *at = text; *at; at++) {
		if (*at == '\n')
			fputs("\\n", to);
		else
			fprintf(to, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
	}
	fputc('"', to);
	free(text);
}

static void print_seconds(FILE *to, uint64_t ms)
{
	fprintf(to, "%" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
}

/* ---- attempts: a sample for each total ---- */

typedef void value_fn(FILE *to, const struct mo_history_total *total);

static void value_attempts(FILE *to, const struct mo_history_total *total)
{
	fprintf(to, "%" PRIu64 "\n", total->nr_attempts);
}

static void value_seconds(FILE *to, const struct mo_history_total *total)
{
	print_seconds(to, total->elapsed_ms);
}

static void value_moved(FILE *to, const struct mo_history_total *total)
{
	fprintf(to, "%" PRIu64 "\n", total->moved_bytes);
}

static void value_freed(FILE *to, const struct mo_history_total *total)
{
	fprintf(to, "%" PRIu64 "\n", total->freed_bytes);
}

static void value_last(FILE *to, const struct mo_history_total *total)
{
	fprintf(to, "%" PRIu64 "\n", total->last_time_s);
}

static void print_attempts(FILE *to, const struct mo_history *history)
{
	static const struct {
		const char *name, *type, *help;
		value_fn *value;
	} families[] = {
		{ "attempts_total", "counter", "Attempts to change memory, by what was done, how, and with what end.",
		  value_attempts },
		{ "attempt_seconds_total", "counter", "Time that attempts took, with the way back.", value_seconds },
		{ "moved_bytes_total", "counter", "Memory that attempts moved.", value_moved },
		{ "freed_bytes_total", "counter", "Memory that attempts took offline.", value_freed },
		{ "last_attempt_timestamp_seconds", "gauge", "When the last attempt began, since the epoch.",
		  value_last },
	};
	const struct mo_history_total *total;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		family(to, families[i].name, families[i].type, families[i].help);
		for (size_t j = 0; (total = mo_history_total(history, j)); j++) {
			fprintf(to, "memoffline_%s{action=\"%s\",engine=\"%s\",status=\"%s\"} ", families[i].name,
				total->action, total->engine, total->status);
			families[i].value(to, total);
		}
	}
}

/* ---- blocks: a sample for each action and engine, whatever the end was ---- */

typedef const uint64_t *counts_fn(const struct mo_history_total *total);
typedef const char *word_fn(unsigned int i);

static const uint64_t *counts_of_outcomes(const struct mo_history_total *total)
{
	return total->nr_blocks;
}

static const uint64_t *counts_of_reasons(const struct mo_history_total *total)
{
	return total->nr_failed;
}

static const char *word_of_outcome(unsigned int i)
{
	return mo_outcome_name((enum mo_outcome)i);
}

static const char *word_of_reason(unsigned int i)
{
	return mo_reason_key((enum mo_reason)i);
}

static bool is_same_kind(const struct mo_history_total *a, const struct mo_history_total *b)
{
	return !strcmp(a->action, b->action) && !strcmp(a->engine, b->engine);
}

static bool is_first_of_kind(const struct mo_history *history, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_same_kind(mo_history_total(history, i), mo_history_total(history, at)))
			return false;
	return true;
}

static uint64_t sum_of_kind(const struct mo_history *history, const struct mo_history_total *kind, counts_fn *counts,
			    unsigned int i)
{
	const struct mo_history_total *total;
	uint64_t sum = 0;

	for (size_t j = 0; (total = mo_history_total(history, j)); j++)
		sum += is_same_kind(total, kind) ? counts(total)[i] : 0;
	return sum;
}

static void print_counts(FILE *to, const struct mo_history *history, const char *name, const char *label,
		       counts_fn *counts, word_fn *word, unsigned int nr)
{
	const struct mo_history_total *kind;

	for (size_t i = 0; (kind = mo_history_total(history, i)); i++) {
		for (unsigned int j = 0; is_first_of_kind(history, i) && j < nr; j++) {
			uint64_t sum = sum_of_kind(history, kind, counts, j);

			if (sum)
				fprintf(to, "memoffline_%s{action=\"%s\",engine=\"%s\",%s=\"%s\"} %" PRIu64 "\n", name,
					kind->action, kind->engine, label, word(j), sum);
		}
	}
}

static void print_blocks(FILE *to, const struct mo_history *history)
{
	family(to, "blocks_total", "counter", "Memory blocks in attempts, by what became of them.");
	print_counts(to, history, "blocks_total", "outcome", counts_of_outcomes, word_of_outcome, MO_OUTCOME_NR);
	family(to, "failed_blocks_total", "counter", "Memory blocks that did not go, by the reason.");
	print_counts(to, history, "failed_blocks_total", "reason", counts_of_reasons, word_of_reason, MO_REASON_NR);
}

/* ---- devices: what the files still have, so these may shrink ---- */

static bool is_first_of_device(const struct mo_history *history, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(mo_history_block(history, i)->device, mo_history_block(history, at)->device))
			return false;
	return true;
}

static void print_device(FILE *to, const struct mo_history *history, const char *name, const char *device, bool failed)
{
	const struct mo_block_history *block;
	uint64_t sum = 0;

	for (size_t i = 0; (block = mo_history_block(history, i)); i++)
		if (!strcmp(block->device, device))
			sum += failed ? block->nr_failed : block->nr_done;
	fprintf(to, "memoffline_%s{device=", name);
	print_label(to, device);
	fprintf(to, "} %" PRIu64 "\n", sum);
}

static void print_devices(FILE *to, const struct mo_history *history, const char *name, const char *help, bool failed)
{
	const struct mo_block_history *block;

	family(to, name, "gauge", help);
	for (size_t i = 0; (block = mo_history_block(history, i)); i++)
		if (is_first_of_device(history, i))
			print_device(to, history, name, block->device, failed);
}

/* ---- rates ---- */

static void print_rates(FILE *to, struct mo_ctx *ctx, uint64_t block_bytes)
{
	static const enum mo_engine engines[] = { MO_ENGINE_STOCK, MO_ENGINE_CORE };
	struct mo_rates rates;

	family(to, "block_seconds", "gauge", "Time for a memory block, whatever is in it, by the last attempts.");
	for (size_t i = 0; i < 2; i++)
		if (!mo_history_rates(ctx, engines[i], block_bytes, &rates))
			fprintf(to, "memoffline_block_seconds{engine=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n",
				mo_engine_name(engines[i]), rates.block_us / 1000000, rates.block_us % 1000000);
	family(to, "move_bytes_per_second", "gauge", "Memory moved in a second, by the last attempts.");
	for (size_t i = 0; i < 2; i++)
		if (!mo_history_rates(ctx, engines[i], block_bytes, &rates) && rates.bytes_s)
			fprintf(to, "memoffline_move_bytes_per_second{engine=\"%s\"} %" PRIu64 "\n",
				mo_engine_name(engines[i]), rates.bytes_s);
}

/* ---- the whole ---- */

static void print_all(FILE *to, struct mo_ctx *ctx, const struct mo_history *history)
{
	struct mo_memory *memory;

	print_attempts(to, history);
	print_blocks(to, history);
	print_devices(to, history, "device_done_blocks", "Times that blocks of a device went offline, in the history kept.",
		    false);
	print_devices(to, history, "device_failed_blocks", "Times that blocks of a device did not go, in the history kept.",
		    true);
	if (!mo_memory_read(ctx, &memory)) {
		print_rates(to, ctx, mo_memory_block_bytes(memory));
		mo_memory_unref(memory);
	}
	family(to, "history_skipped_lines", "gauge", "Lines of the history that can't be read.");
	fprintf(to, "memoffline_history_skipped_lines %" PRIu64 "\n", mo_history_nr_skipped(history));
}

struct metrics {
	struct mo_ctx *ctx;
	const struct mo_history *history;
};

static void print_metrics(FILE *to, const void *data)
{
	const struct metrics *metrics = data;

	print_all(to, metrics->ctx, metrics->history);
}

/* The collector reads each *.prom when it likes, as another user: it sees the old file or the new one. */
int prometheus_print(const struct call *call, const struct mo_history *history, const char *path)
{
	const struct metrics metrics = { call->ctx, history };

	return file_write(path ? path : "-", 0644, print_metrics, &metrics);
}
