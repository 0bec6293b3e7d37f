/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output of the command. Results go to standard output; errors, warnings and progress to standard error.
 * Whatever is printed as text is escaped here: names from kernel and files may hold any byte.
 */
#ifndef TOOLS_OUT_H
#define TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libmemoffline.h"

struct call;
struct json_object;
struct libscols_line;
struct libscols_table;

#define OUT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- out.c: lines ---- */
/* One line, escaped; on a terminal broken at its width, at spaces. */
void say(const char *fmt, ...) OUT_PRINTF(1, 2);
/* The same for a paragraph that begins with LABEL; further lines are indented below its text. */
void say_item(const char *label, const char *fmt, ...) OUT_PRINTF(2, 3);
/* "memoffline: LINE" on standard error. */
void tell(const char *fmt, ...) OUT_PRINTF(1, 2);
/* Why the last call of the library failed, also as JSON where that was asked for. ERR is negative. Returns 1. */
int tell_error(const struct call *call, int err);
_Noreturn void out_of_memory(void);
_Noreturn void no_library(const char *why);
/* For mo_ctx_set_log(). */
void out_log(void *data, enum mo_log_level level, const char *line);
/* A function that takes its own line off the terminal before a message is written; NULL: none. */
void out_set_eraser(void (*erase)(void));
/* Write all out. The exit status STATUS, or 1 with a message when it could not be written. */
int out_close(int status);

/* Standard output or error: a terminal? its width; may colours be used? */
bool out_is_terminal(FILE *file);
bool out_can_redraw(FILE *file);	/* a terminal that knows escape sequences */
size_t out_width(FILE *file);
size_t out_height(FILE *file);		/* in lines; 0: not known */
bool out_colours(FILE *file);
/* How many colours: as COLORTERM and TERM say, none where out_colours() says so. */
enum out_depth { DEPTH_NONE, DEPTH_16, DEPTH_256, DEPTH_RGB };
enum out_depth out_depth(FILE *file);
/* Escape sequences, "" where there are no colours. */
enum out_colour { OUT_PLAIN, OUT_GREEN, OUT_YELLOW, OUT_RED, OUT_BOLD };
const char *out_colour(FILE *file, enum out_colour colour);

/* ---- text.c: numbers and names as text ---- */
struct text { char text[64]; };
struct text text_bytes(uint64_t len_bytes);	/* "128M", "1.5G" */
struct text text_count(uint64_t count);		/* "47,001" */
struct text text_seconds(uint64_t ms);		/* "0.8 s", "2 min 5 s" */
struct text text_blocks(uint64_t count);	/* "1 block", "4 blocks" */
struct text text_pages(uint64_t count);
struct text text_attempts(uint64_t count);
struct text text_time(uint64_t time_s);		/* local time */
const char *text_error(int err);		/* "timed out"; for what the library has no sentence */
/* How characters are encoded and how wide they are, for who meets others than ASCII: files for it are opened then. */
void text_use_locale(void);
/* Control characters, bytes that are no UTF-8 and characters that turn text around become \xHH. Freed by the caller. */
char *text_escape(const char *text);
/* The same in UTF-8, whatever the locale says. Freed by the caller. */
char *text_escape_utf8(const char *text);
/* What means something in HTML and SVG, also in attributes, and newlines become references. Freed by the caller. */
char *text_markup(const char *text);
/* Bytes that are no UTF-8 become U+FFFD. Freed by the caller. */
char *text_utf8(const char *text);
/* Columns that TEXT takes. */
size_t text_width(const char *text);

/* ---- table.c: tables by libsmartcols ---- */
struct column {
	const char *name;
	const char *text;	/* for the help */
	int flags;		/* COLUMN_ */
};
#define COLUMN_RIGHT	(1 << 0)
#define COLUMN_NUMBER	(1 << 1)	/* no quotes in JSON */
#define COLUMN_TRUNCATE	(1 << 2)	/* may be cut when the terminal is narrow */
#define COLUMN_WRAP	(1 << 3)	/* may be wrapped */

enum table_format { TABLE_TEXT, TABLE_JSON, TABLE_PAIRS, TABLE_RAW };

/* On a terminal, hides columns from the right till the others fit; returns how many are shown, of NR. */
size_t table_fit(struct libscols_table *table, size_t nr);
void table_open(void);	/* libsmartcols; before what would be lost without its output */
struct libscols_table *table_new(enum table_format format, bool headings, const char *json_name);
void table_add_column(struct libscols_table *table, const struct column *column);
struct libscols_line *table_line(struct libscols_table *table);
/* Escaped as the table's format needs it. */
void table_cell(struct libscols_line *line, size_t i, const char *fmt, ...) OUT_PRINTF(3, 4);
/* Prints and frees. */
void table_print(struct libscols_table *table);
void print_columns(const struct column *columns, size_t nr);
/* That table_fit() showed NR_SHOWN of the columns IDS alone. */
void print_missing(const struct column *columns, const size_t *ids, size_t nr_shown, size_t nr);
/*
 * "BLOCK,node" (or "+DEVICE": besides the NR_IDS that are there) to indices into COLUMNS. Room for MAX. Returns how many;
 * usage errors as usage_error().
 */
size_t columns_parse(const struct call *call, const struct column *columns, size_t nr, const char *list, size_t *ids,
		     size_t nr_ids, size_t max);

/* ---- json.c: nested JSON by json-c ---- */
void json_open(void);			/* libjson-c; before what would be lost without its output */
struct json_object *json_new(void);	/* the outermost, with the number of the schema */
struct json_object *json_list(struct json_object *parent, const char *key);
struct json_object *json_sub(struct json_object *parent, const char *key);	/* an object inside */
struct json_object *json_item(struct json_object *list);			/* an object at its end */
void json_text(struct json_object *object, const char *key, const char *text);
void json_number(struct json_object *object, const char *key, int64_t number);
void json_null(struct json_object *object, const char *key);
void json_flag(struct json_object *object, const char *key, bool value);
void json_append_text(struct json_object *list, const char *text);
/* Prints and frees; on one line for JSON lines. */
void json_print(struct json_object *object, bool one_line);

/* ---- file.c ---- */
typedef void file_fn(FILE *file, const void *data);
/*
 * What FN writes becomes the file PATH, all of it or, where it can't be written, none: then PATH is as it was. "-" is
 * standard output. MODE 0: as it was, or as a file made by others would have it. What is no regular file, as a pipe, is
 * written as it stands. Returns the exit status, after the error was told.
 */
int file_write(const char *path, mode_t mode, file_fn *fn, const void *data);

/* ---- progress.c ---- */
/* One line redrawn on a terminal; a line for each step elsewhere; nothing when quiet. */
void progress_begin(const struct call *call, int stop_fd, uint64_t page_bytes);
mo_progress_fn progress_show;
void progress_end(void);

/* ---- verdict.c: a plan ---- */
void verdict_print(const struct call *call, const struct mo_plan *plan, const struct mo_request *request);
void verdict_json(const struct mo_plan *plan, const struct mo_request *request);
/* One sentence on one step: "likely: everything in it can move". */
struct verdict_text { char text[512]; } verdict_text(const struct mo_step *step);
void content_json(struct json_object *object, const struct mo_step *step);

/* ---- result.c: a report ---- */
void result_print(const struct call *call, const struct mo_report *report);
/* What became of devices that were to be removed. */
void result_removed(const struct mo_report *report);
/* "offline": what blocks are once it is done. */
const char *changed_word(const struct mo_report *report);
/* It puts back what another attempt left behind. */
bool result_is_undo(const struct mo_report *report);
/* "; 1 failed; 2 not tried": all but SUCCESS. */
struct outcomes_text { char text[256]; } outcomes_text(const struct mo_report *report, enum mo_outcome success);
uint64_t outcome_count(const struct mo_report *report, enum mo_outcome outcome);	/* blocks */
/* What to do about blocks that ended so, NULL when there are none, or nothing has to be done. */
const char *outcome_remedy(const struct mo_report *report, enum mo_outcome outcome);
int result_json(const struct mo_report *report);	/* exit status */
void result_remedies(const struct mo_report *report);	/* of each reason: what it is, and what to do */
void result_notes(const struct call *call, const struct mo_report *report);

/* ---- errors.c: corrected errors that were counted ---- */
void errors_print(const struct mo_errors *errors);
void errors_json(const struct mo_errors *errors, const struct mo_policy *policy);

/* ---- remedies.c ---- */
/* What each did; ALL of them, or the first few. */
void remedies_print(const struct mo_report *report, bool all);
/* "cache,slab": those that were not tried and may free some of what stays; "" when there are none. */
struct remedies_text { char text[64]; } remedies_left(const struct mo_report *report);

/* ---- summary.c: a report of what was not done wholly, in three lines ---- */
void summary_print(const struct mo_report *report);

/* ---- moves.c: a report on processes ---- */
void moves_print(const struct call *call, const struct mo_report *report);

/* ---- records.c: the pages that stayed ---- */
/* ALL: what shows each of them. */
void records_print(const struct call *call, const struct mo_report *report, const char *title, const char *all);
struct record_group {
	const struct mo_record *first;
	uint64_t nr_pages;
};
/* By reason and owner alone, or by kind and file, too. Biggest first; freed by the caller. Returns how many. */
size_t records_group(const struct mo_report *report, bool by_owners, struct record_group **groups);
/* Who holds it, or what is known instead; then its file or mapping; then the address. Freed by the caller. */
enum owner_detail { OWNER_NAME, OWNER_FILE, OWNER_ADDRESS };
char *record_owner(const struct mo_record *record, enum owner_detail detail);

#endif
