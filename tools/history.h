/* SPDX-License-Identifier: GPL-2.0-only */
/* The history as a table, as JSON, and as metrics. */
#ifndef TOOLS_HISTORY_H
#define TOOLS_HISTORY_H

#include "out.h"

enum {
	HISTORY_BLOCK, HISTORY_DEVICE, HISTORY_DONE, HISTORY_FAILED, HISTORY_BACK, HISTORY_BEST, HISTORY_MEAN,
	HISTORY_WORST, HISTORY_REASON, HISTORY_LAST,
	NR_HISTORY_USUAL,	/* columns that are shown unless others are asked for */
	HISTORY_ONLINE = NR_HISTORY_USUAL, HISTORY_ONLINE_FAILED,
	NR_HISTORY_COLUMNS
};
extern const struct column history_columns[NR_HISTORY_COLUMNS];

struct history_view {
	enum table_format format;	/* not JSON */
	bool headings;
	bool has_usual_ids;		/* nobody named columns: those may go for which a terminal has no room */
	size_t ids[NR_HISTORY_COLUMNS];
	size_t nr_ids;
};

/* ---- history.c ---- */
void history_print(const struct call *call, const struct mo_history *history, const struct history_view *view);
void history_json(const struct mo_history *history);

/* ---- prometheus.c ---- */
/* To standard output, or into PATH as file_write() has it. Returns the exit status. */
int prometheus_print(const struct call *call, const struct mo_history *history, const char *path);

#endif
