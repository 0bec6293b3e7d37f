// SPDX-License-Identifier: GPL-2.0-only
/* Corrected errors that were counted, of devices, blocks and pages: as tables, and as JSON. */
#include <inttypes.h>

#include "command.h"
#include "out.h"

#define COLUMNS(...) ((const struct column[]){ __VA_ARGS__, { NULL, NULL, 0 } })

static struct libscols_table *begin_table(const struct column *columns)
{
	struct libscols_table *table = table_new(TABLE_TEXT, true, "errors");

	while (columns->name)
		table_add_column(table, columns++);
	return table;
}

static void print_devices(const struct mo_errors *errors)
{
	struct libscols_table *table = begin_table(COLUMNS({ "DEVICE", "", 0 }, { "ERRORS", "", COLUMN_RIGHT },
		{ "PAGES RETIRED", "", COLUMN_RIGHT }, { "BLOCKS OFFLINE", "", COLUMN_RIGHT },
		{ "SLOTS", "", COLUMN_WRAP }));
	const struct mo_error_device *device;

	for (size_t i = 0; (device = mo_errors_device(errors, i)); i++) {
		struct libscols_line *line = table_line(table);

		table_cell(line, 0, "%s", device->name);
		table_cell(line, 1, "%s", text_count(device->nr_errors).text);
		table_cell(line, 2, "%s", text_count(device->nr_retired).text);
		table_cell(line, 3, "%s", text_count(device->nr_gone).text);
		table_cell(line, 4, "%s", device->slots);
	}
	table_print(table);
}

static void print_blocks(const struct mo_errors *errors)
{
	struct libscols_table *table = begin_table(COLUMNS({ "BLOCK", "", COLUMN_RIGHT }, { "DEVICE", "", 0 },
		{ "ERRORS", "", COLUMN_RIGHT }, { "PAGES RETIRED", "", COLUMN_RIGHT }, { "WENT OFFLINE", "", 0 }));
	const struct mo_error_block *block;

	for (size_t i = 0; (block = mo_errors_block(errors, i)); i++) {
		struct libscols_line *line = table_line(table);

		table_cell(line, 0, "%" PRIu32, block->block);
		table_cell(line, 1, "%s", block->device);
		table_cell(line, 2, "%s", text_count(block->nr_errors).text);
		table_cell(line, 3, "%s", text_count(block->nr_retired).text);
		if (block->gone_time_s)
			table_cell(line, 4, "%s", text_time(block->gone_time_s).text);
	}
	table_print(table);
}

static void print_pages(const struct mo_errors *errors)
{
	struct libscols_table *table = begin_table(COLUMNS({ "PAGE", "", COLUMN_RIGHT }, { "BLOCK", "", COLUMN_RIGHT },
		{ "ERRORS", "", COLUMN_RIGHT }, { "RETIRED", "", 0 }, { "LAST", "", 0 }));
	const struct mo_error_page *page;

	for (size_t i = 0; (page = mo_errors_page(errors, i)); i++) {
		struct libscols_line *line = table_line(table);

		table_cell(line, 0, "0x%" PRIx64, page->addr);
		table_cell(line, 1, "%" PRIu32, page->block);
		table_cell(line, 2, "%s", text_count(page->nr_errors).text);
		table_cell(line, 3, "%s", page->is_retired ? "yes" : "no");
		table_cell(line, 4, "%s", text_time(page->last_time_s).text);
	}
	table_print(table);
}

void errors_print(const struct mo_errors *errors)
{
	if (!mo_errors_page(errors, 0) && !mo_errors_block(errors, 0)) {
		say("No errors were counted.");
		return;
	}
	table_open();
	if (mo_errors_device(errors, 0)) {
		print_devices(errors);
		putchar('\n');
	}
	print_blocks(errors);
	putchar('\n');
	print_pages(errors);
}

/* ---- JSON ---- */

static void device_json(struct json_object *item, const struct mo_error_device *device)
{
	json_text(item, "device", device->name);
	json_text(item, "slots", device->slots);
	json_number(item, "nr_errors", (int64_t)device->nr_errors);
	json_number(item, "nr_retired", (int64_t)device->nr_retired);
	json_number(item, "nr_blocks", (int64_t)device->nr_gone);
}

static void block_json(struct json_object *item, const struct mo_error_block *block)
{
	json_number(item, "block", block->block);
	json_text(item, "device", block->device);
	json_number(item, "nr_errors", (int64_t)block->nr_errors);
	json_number(item, "nr_retired", (int64_t)block->nr_retired);
	if (block->gone_time_s)
		json_number(item, "offline_time_s", (int64_t)block->gone_time_s);
	else
		json_null(item, "offline_time_s");
}

static void page_json(struct json_object *item, const struct mo_error_page *page)
{
	json_number(item, "addr", (int64_t)page->addr);
	json_number(item, "block", page->block);
	json_text(item, "device", page->device);
	json_number(item, "nr_errors", (int64_t)page->nr_errors);
	json_flag(item, "retired", page->is_retired);
	json_number(item, "last_time_s", (int64_t)page->last_time_s);
}

void errors_json(const struct mo_errors *errors, const struct mo_policy *policy)
{
	struct json_object *object = json_new(), *list = json_sub(object, "limits");
	const struct mo_error_device *device;
	const struct mo_error_block *block;
	const struct mo_error_page *page;

	json_number(list, "page", policy->error_page);
	json_number(list, "block", policy->error_block);
	json_number(list, "device", policy->error_device);
	list = json_list(object, "devices");
	for (size_t i = 0; (device = mo_errors_device(errors, i)); i++)
		device_json(json_item(list), device);
	list = json_list(object, "blocks");
	for (size_t i = 0; (block = mo_errors_block(errors, i)); i++)
		block_json(json_item(list), block);
	list = json_list(object, "pages");
	for (size_t i = 0; (page = mo_errors_page(errors, i)); i++)
		page_json(json_item(list), page);
	json_print(object, false);
}
