// SPDX-License-Identifier: GPL-2.0-only
/* Tables, by libsmartcols. */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "library.h"
#include "out.h"

#define FUNCTIONS(each) \
	each(scols_new_table) \
	each(scols_table_enable_noencoding) \
	each(scols_table_enable_noheadings) \
	each(scols_table_enable_json) \
	each(scols_table_enable_export) \
	each(scols_table_enable_raw) \
	each(scols_table_set_name) \
	each(scols_table_set_termwidth) \
	each(scols_table_new_column) \
	each(scols_column_set_json_type) \
	each(scols_table_new_line) \
	each(scols_line_set_userdata) \
	each(scols_table_is_json) \
	each(scols_table_is_export) \
	each(scols_table_is_raw) \
	each(scols_table_get_ncols) \
	each(scols_column_is_hidden) \
	each(scols_column_is_trunc) \
	each(scols_column_is_wrap) \
	each(scols_line_get_userdata) \
	each(scols_line_refer_data) \
	each(scols_cell_get_data) \
	each(scols_column_get_header) \
	each(scols_table_get_column) \
	each(scols_table_get_line) \
	each(scols_line_get_cell) \
	each(scols_column_set_flags) \
	each(scols_print_table) \
	each(scols_unref_table)

LIBRARY(scols, "libsmartcols.so.1", FUNCTIONS)

void table_open(void)
{
	if (open_scols())
		no_library(scols.why);
}

struct libscols_table *table_new(enum table_format format, bool headings, const char *json_name)
{
	struct libscols_table *table;

	table_open();
	table = scols.scols_new_table();
	if (!table)
		out_of_memory();
	text_use_locale();
	scols.scols_table_enable_noencoding(table, 1);	/* cells are escaped here */
	scols.scols_table_enable_noheadings(table, !headings);
	scols.scols_table_enable_json(table, format == TABLE_JSON);
	scols.scols_table_enable_export(table, format == TABLE_PAIRS);
	scols.scols_table_enable_raw(table, format == TABLE_RAW);
	scols.scols_table_set_name(table, json_name);
	/* The same bytes in a pipe as in a file, whatever COLUMNS says. */
	if (out_is_terminal(stdout))
		scols.scols_table_set_termwidth(table, out_width(stdout));
	return table;
}

void table_add_column(struct libscols_table *table, const struct column *column)
{
	int flags = (column->flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
		    (column->flags & COLUMN_TRUNCATE ? SCOLS_FL_TRUNC : 0) |
		    (column->flags & COLUMN_WRAP ? SCOLS_FL_WRAP : 0);
	struct libscols_column *added = scols.scols_table_new_column(table, column->name, 0, flags);

	if (!added)
		out_of_memory();
	if (column->flags & COLUMN_NUMBER)
		scols.scols_column_set_json_type(added, SCOLS_JSON_NUMBER);
}

struct libscols_line *table_line(struct libscols_table *table)
{
	struct libscols_line *line = scols.scols_table_new_line(table, NULL);

	if (!line)
		out_of_memory();
	/* Only JSON escapes for itself, and needs clean UTF-8 for that. */
	scols.scols_line_set_userdata(line, scols.scols_table_is_json(table) ? table : NULL);
	return line;
}

void table_cell(struct libscols_line *line, size_t i, const char *fmt, ...)
{
	char *text, *clean;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		out_of_memory();
	clean = scols.scols_line_get_userdata(line) ? text_utf8(text) : text_escape(text);
	free(text);
	if (scols.scols_line_refer_data(line, i, clean))	/* takes it over */
		out_of_memory();
}

static size_t cell_width(const struct libscols_cell *cell)
{
	const char *text = scols.scols_cell_get_data(cell);

	return text ? strlen(text) : 0;	/* they are escaped: a byte is a column */
}

static size_t column_width(struct libscols_table *table, size_t i)
{
	size_t width = cell_width(scols.scols_column_get_header(scols.scols_table_get_column(table, i))), cell;
	struct libscols_line *line;

	for (size_t j = 0; (line = scols.scols_table_get_line(table, j)); j++) {
		cell = cell_width(scols.scols_line_get_cell(line, i));
		width = cell > width ? cell : width;
	}
	return width;
}

size_t table_fit(struct libscols_table *table, size_t nr)
{
	size_t width = 0, i;

	for (i = 0; out_is_terminal(stdout) && i < nr; i++) {
		width += column_width(table, i) + !!i;
		if (i && width > out_width(stdout))
			break;
	}
	if (!out_is_terminal(stdout))
		return nr;
	for (size_t hidden = i; hidden < nr; hidden++)
		scols.scols_column_set_flags(scols.scols_table_get_column(table, hidden), SCOLS_FL_HIDDEN);
	return i;
}

/* What may be wrapped or cut takes so much at least, or what it has. */
#define FLEXIBLE_MIN 16

static bool is_too_wide(struct libscols_table *table)
{
	size_t sum = 0, width, nr = scols.scols_table_get_ncols(table);

	if (scols.scols_table_is_json(table) || scols.scols_table_is_export(table) || scols.scols_table_is_raw(table) ||
	    !out_is_terminal(stdout))
		return false;
	for (size_t i = 0; i < nr; i++) {
		struct libscols_column *column = scols.scols_table_get_column(table, i);

		if (scols.scols_column_is_hidden(column))
			return false;	/* it was made to fit */
		width = column_width(table, i);
		if ((scols.scols_column_is_wrap(column) || scols.scols_column_is_trunc(column)) && width > FLEXIBLE_MIN)
			width = FLEXIBLE_MIN;
		sum += width + !!i;
	}
	return sum > out_width(stdout);
}

static void print_cell(struct libscols_table *table, struct libscols_line *line, size_t i)
{
	struct libscols_cell *head = scols.scols_column_get_header(scols.scols_table_get_column(table, i));
	const char *text = scols.scols_cell_get_data(scols.scols_line_get_cell(line, i));
	char label[64];

	snprintf(label, sizeof(label), "%s ", scols.scols_cell_get_data(head));
	if (text && *text)
		say_item(label, "%s", text);
}

/* A terminal too narrow for the table: each cell is a line of its own, with the name of its column. */
static void print_narrow(struct libscols_table *table)
{
	size_t nr = scols.scols_table_get_ncols(table);
	struct libscols_line *line;

	for (size_t j = 0; (line = scols.scols_table_get_line(table, j)); j++) {
		if (j)
			putchar('\n');
		for (size_t i = 0; i < nr; i++)
			print_cell(table, line, i);
	}
}

void table_print(struct libscols_table *table)
{
	if (is_too_wide(table))
		print_narrow(table);
	else
		scols.scols_print_table(table);
	scols.scols_unref_table(table);
}

void print_columns(const struct column *columns, size_t nr)
{
	char label[32];

	for (size_t i = 0; i < nr; i++) {
		snprintf(label, sizeof(label), "  %-12s ", columns[i].name);
		say_item(label, "%s", columns[i].text);
	}
}

void print_missing(const struct column *columns, const size_t *ids, size_t nr_shown, size_t nr)
{
	char names[128] = "";

	for (size_t i = nr_shown, len = 0; i < nr && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > nr_shown ? ", " : "",
					columns[ids[i]].name);
	say_item("", "No room for %s; -o shows them.", names);
}

static size_t find_column(const struct call *call, const struct column *columns, size_t nr, const char *name,
			  size_t len)
{
	for (size_t i = 0; i < nr; i++)
		if (strlen(columns[i].name) == len && !strncasecmp(columns[i].name, name, len))
			return i;
	usage_error(call, "there is no column '%.*s'", (int)len, name);
}

size_t columns_parse(const struct call *call, const struct column *columns, size_t nr, const char *list, size_t *ids,
		     size_t nr_ids, size_t max)
{
	if (*list == '+')
		list++;
	else
		nr_ids = 0;
	do {
		size_t len = strcspn(list, ",");

		if (nr_ids == max)
			usage_error(call, "more than %zu columns", max);
		ids[nr_ids++] = find_column(call, columns, nr, list, len);
		list += len;
	} while (*list++);
	return nr_ids;
}
