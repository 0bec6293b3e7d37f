// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attempts in systemd's journal: one entry for each, and one for each block that failed, with fields of their own. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION	/* the place in our source tells nobody anything */
#include <systemd/sd-journal.h>

#include "library.h"
#include "private.h"

#define SOCKET "/run/systemd/journal/socket"
#define ATTEMPT_ID "077441f1323d4c97999a2894014c9c6e"
#define BLOCK_ID "8b0728b412474f87aaff7f13ff5700a9"
#define BLOCKS_NAMED 64		/* in the entry on an attempt */
#define FAILURES_MAX 16		/* entries on blocks, of one attempt */
#define FIELDS_MAX (BLOCKS_NAMED + 32)

#define FUNCTIONS(each) \
	each(sd_journal_sendv)

LIBRARY(systemd, "libsystemd.so.0", FUNCTIONS)

struct entry {
	struct iovec fields[FIELDS_MAX];
	int nr_fields;
};

/* "NAME=VALUE". Without memory, or room, the entry goes without it. */
static void PRINTF(2, 3) add(struct entry *entry, const char *fmt, ...)
{
	struct iovec *field = &entry->fields[entry->nr_fields];
	char *text;
	va_list args;
	int len;

	if (entry->nr_fields == FIELDS_MAX)
		return;
	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	*field = (struct iovec){ text, (size_t)len };
	entry->nr_fields++;
}

/* What people read is one line, whatever the target was called. */
static void clean_message(struct entry *entry)
{
	char *text = entry->nr_fields ? entry->fields[0].iov_base : NULL;

	for (; text && *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
}

static void submit(struct entry *entry)
{
	systemd.sd_journal_sendv(entry->fields, entry->nr_fields);
	while (entry->nr_fields)
		free(entry->fields[--entry->nr_fields].iov_base);
}

static void add_common(struct entry *entry, const struct mo_report *report, const char *id, int priority, int error,
		       enum mo_reason reason)
{
	clean_message(entry);
	add(entry, "MESSAGE_ID=%s", id);
	add(entry, "PRIORITY=%d", priority);
	add(entry, "SYSLOG_IDENTIFIER=memoffline");
	if (error < 0)
		add(entry, "ERRNO=%d", -error);
	add(entry, "MEMOFFLINE_ACTION=%s", mo_report_action(report));
	add(entry, "MEMOFFLINE_TARGET=%s", mo_report_target(report));
	add(entry, "MEMOFFLINE_ENGINE=%s", mo_report_engine(report));
	add(entry, "MEMOFFLINE_REASON=%s", mo_reason_key(reason));
}

/* ---- the attempt ---- */

static size_t count_blocks(const struct mo_report *report, enum mo_outcome outcome)
{
	const struct mo_block_result *result;
	size_t nr = 0;

	for (size_t i = 0; (result = mo_report_block(report, i)); i++)
		nr += result->outcome == outcome;
	return nr;
}

static void add_message(struct entry *entry, const struct mo_report *report)
{
	bool is_undo = mo_report_brings_back(report);
	int result = mo_report_result(report);
	char what[96];

	if (mo_report_nr_removed(report) && mo_report_removed(report, 0)->is_gone)
		snprintf(what, sizeof(what), "safe to remove");
	else if (mo_report_moves(report))
		snprintf(what, sizeof(what), "%" PRIu64 " pages moved, %" PRIu64 " stayed",
			 mo_report_moved_pages(report), mo_report_nr_pages_kept(report));
	else
		snprintf(what, sizeof(what), "%zu of %zu blocks changed",
			 count_blocks(report, is_undo ? MO_OUTCOME_ROLLED_BACK : MO_OUTCOME_DONE),
			 mo_report_nr_blocks(report));
	add(entry, "MESSAGE=%s of %s %s%s%s: %s in %" PRIu64 " ms", mo_report_action(report), mo_report_target(report),
	    result < 0 ? "failed (" : result ? "was done in part" : "was done",
	    result < 0 ? mo_reason_name(mo_report_reason(report)) : "", result < 0 ? ")" : "", what,
	    mo_report_elapsed_ms(report));
}

static void add_blocks(struct entry *entry, const struct mo_report *report)
{
	const struct mo_block_result *result;
	size_t nr = 0;

	for (size_t i = 0; nr < BLOCKS_NAMED && (result = mo_report_block(report, i)); i++) {
		if (result->outcome == MO_OUTCOME_NOT_TRIED)
			continue;
		add(entry, "MEMOFFLINE_BLOCK=%u", result->block);
		nr++;
	}
}

static void add_removed(struct entry *entry, const struct mo_report *report)
{
	const struct mo_removed *removed;

	for (size_t i = 0; i < 2 && (removed = mo_report_removed(report, i)); i++) {
		add(entry, "MEMOFFLINE_DEVICE=%s", removed->device);
		add(entry, "MEMOFFLINE_SLOTS=%s", removed->slots);
		add(entry, "MEMOFFLINE_GONE=%d", removed->is_gone);
	}
}

static void tell_attempt(const struct mo_report *report)
{
	int result = mo_report_result(report);
	struct entry entry = { .nr_fields = 0 };

	add_message(&entry, report);
	add_common(&entry, report, ATTEMPT_ID, result ? MO_LOG_WARNING : MO_LOG_INFO, result, mo_report_reason(report));
	add(&entry, "MEMOFFLINE_STATUS=%s", mo_status_name(result));
	add(&entry, "MEMOFFLINE_ELAPSED_MS=%" PRIu64, mo_report_elapsed_ms(report));
	add(&entry, "MEMOFFLINE_MOVED_PAGES=%" PRIu64, mo_report_moved_pages(report));
	add(&entry, "MEMOFFLINE_KEPT_PAGES=%" PRIu64, mo_report_nr_pages_kept(report));
	add(&entry, "MEMOFFLINE_FREED_BYTES=%" PRIu64, mo_report_freed_bytes(report));
	add_blocks(&entry, report);
	add_removed(&entry, report);
	submit(&entry);
}

/* ---- a block that failed ---- */

static void tell_block(const struct mo_report *report, const struct mo_block_result *result)
{
	struct entry entry = { .nr_fields = 0 };

	add(&entry, "MESSAGE=memory%u: %s failed (%s), %" PRIu64 " pages left", result->block, mo_report_action(report),
	    mo_reason_name(result->reason), result->pages_left);
	add_common(&entry, report, BLOCK_ID, MO_LOG_WARNING, result->error, result->reason);
	add(&entry, "MEMOFFLINE_BLOCK=%u", result->block);
	add(&entry, "MEMOFFLINE_DEVICE=%s", result->device);
	add(&entry, "MEMOFFLINE_OUTCOME=%s", mo_outcome_name(result->outcome));
	add(&entry, "MEMOFFLINE_ELAPSED_MS=%" PRIu64, result->elapsed_ms);
	add(&entry, "MEMOFFLINE_KEPT_PAGES=%" PRIu64, result->pages_left);
	submit(&entry);
}

void mo_journald_tell(struct mo_ctx *ctx, const struct mo_report *report)
{
	const struct mo_block_result *result;
	size_t nr = 0;

	/* Where nobody listens, the library is not even looked for: that takes longer than a short attempt's end. */
	if (!mo_exists(ctx, SOCKET) || open_systemd())
		return;
	tell_attempt(report);
	for (size_t i = 0; nr < FAILURES_MAX && (result = mo_report_block(report, i)); i++) {
		if (result->outcome != MO_OUTCOME_FAILED && result->outcome != MO_OUTCOME_ROLLBACK_FAILED)
			continue;
		tell_block(report, result);
		nr++;
	}
}
