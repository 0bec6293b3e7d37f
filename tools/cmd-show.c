// SPDX-License-Identifier: GPL-2.0-only
/* memoffline show: one block, all that is known of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

struct shown {
	const struct mo_memory *memory;
	const struct mo_block *block;
	const struct mo_device *device;
	const struct mo_step *step;
	uint64_t start, last;	/* physical addresses */
};

static void print_state(const struct mo_block *block)
{
	const char *zone = mo_zone_name(block->zone);

	if (block->state != MO_STATE_OFFLINE) {
		say_item("  state:      ", "%s, zone %s", mo_state_name(block->state), zone);
		return;
	}
	say_item("  state:      ", "offline; online would put it into zone %s", zone);
	for (enum mo_zone other = MO_ZONE_DMA; other <= MO_ZONE_DEVICE; other++)
		if (other != block->zone && block->zones & (1u << other))
			say_item("              ", "or, when asked for, %s", mo_zone_name(other));
}

static void print_place(const struct shown *shown)
{
	const struct mo_block *block = shown->block;

	if (block->nr_nodes > 1)
		say_item("  node:       ", "%" PRId32 " and %" PRIu32 " more", block->node, block->nr_nodes - 1);
	else if (block->node >= 0)
		say_item("  node:       ", "%" PRId32, block->node);
	else
		say_item("  node:       ", "not known");
	say_item("  device:     ", "%s (%s, %s, %" PRIu32 " online)%s%s", shown->device->name,
		 mo_device_kind_name(shown->device->kind), text_blocks(shown->device->nr_blocks).text,
		 shown->device->nr_online, *shown->device->path ? " " : "", shown->device->path);
}

static void add_kind(struct libscols_table *table, const struct shown *shown, enum mo_kind kind)
{
	uint64_t nr_pages = shown->step->content.nr_pages[kind], all = mo_memory_block_pages(shown->memory);
	struct libscols_line *line;

	if (!nr_pages)
		return;
	line = table_line(table);
	table_cell(line, 0, "  %s", mo_kind_name(kind));
	table_cell(line, 1, "%s", text_count(nr_pages).text);
	table_cell(line, 2, "%s", text_bytes(nr_pages * mo_memory_page_bytes(shown->memory)).text);
	table_cell(line, 3, "%.1f%%", 100.0 * (double)nr_pages / (double)all);
}

static void print_content(const struct shown *shown)
{
	static const struct column columns[] = {
		{ "  CONTENT", "", 0 }, { "PAGES", "", COLUMN_RIGHT }, { "SIZE", "", COLUMN_RIGHT },
		{ "SHARE", "", COLUMN_RIGHT },
	};
	struct libscols_table *table;

	if (!shown->step->content_known)
		return;
	table = table_new(TABLE_TEXT, true, "");
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (enum mo_kind kind = 0; kind < MO_KIND_NR; kind++)
		add_kind(table, shown, kind);
	table_print(table);
}

static void print_special(const struct mo_content *content)
{
	const struct { const char *name; uint64_t nr_pages; } special[] = {
		{ "mapped", content->mapped_pages }, { "dirty", content->dirty_pages },
		{ "under writeback", content->writeback_pages }, { "locked into memory", content->unevictable_pages },
		{ "locked by the kernel", content->locked_pages },
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].nr_pages)
			say_item("  of them:    ", "%s %s", text_pages(special[i].nr_pages).text, special[i].name);
}

static void print_block(const struct call *call, const struct shown *shown, const struct mo_plan *plan)
{
	bool with_notes = !call->quiet && shown->step->verdict != MO_VERDICT_DONE;
	const char *note;

	say("memory%" PRIu32 ": 0x%" PRIx64 "-0x%" PRIx64 ", %s", shown->block->number, shown->start, shown->last,
	    text_bytes(mo_memory_block_bytes(shown->memory)).text);
	print_state(shown->block);
	print_place(shown);
	say_item("  can it go:  ", "%s", verdict_text(shown->step).text);
	if (shown->step->reason != MO_REASON_NONE)
		say_item("  what to do: ", "%s", mo_reason_remedy(shown->step->reason));
	for (size_t i = 0; with_notes && (note = mo_plan_note(plan, i)); i++)
		say_item("  note:       ", "%s", note);
	if (shown->step->content_known)
		print_special(&shown->step->content);
	print_content(shown);
}

static void print_json(const struct shown *shown)
{
	struct json_object *object = json_new(), *zones, *device;
	const struct mo_step *step = shown->step;

	json_number(object, "block", shown->block->number);
	json_number(object, "start_pfn", (int64_t)(shown->start / mo_memory_page_bytes(shown->memory)));
	json_number(object, "nr_pages", (int64_t)mo_memory_block_pages(shown->memory));
	json_number(object, "page_bytes", (int64_t)mo_memory_page_bytes(shown->memory));
	json_text(object, "state", mo_state_name(shown->block->state));
	json_text(object, "zone", mo_zone_name(shown->block->zone));
	zones = json_list(object, "zones");
	for (enum mo_zone zone = MO_ZONE_NONE; zone <= MO_ZONE_DEVICE; zone++)
		if (shown->block->zones & (1u << zone))
			json_append_text(zones, mo_zone_name(zone));
	json_number(object, "node", shown->block->node);
	json_number(object, "nr_nodes", shown->block->nr_nodes);
	device = json_sub(object, "device");
	json_text(device, "name", shown->device->name);
	json_text(device, "kind", mo_device_kind_name(shown->device->kind));
	json_text(device, "path", shown->device->path);
	json_number(device, "nr_blocks", shown->device->nr_blocks);
	json_number(device, "nr_online", shown->device->nr_online);
	json_text(object, "verdict", mo_verdict_name(step->verdict));
	json_text(object, "reason", mo_reason_key(step->reason));
	json_number(object, "reason_pages", (int64_t)step->reason_pages);
	content_json(object, step);
	json_print(object, false);
}

/* "32" or "memory32" and nothing else: show is about one block. */
static uint32_t parse_block(const struct call *call, const char *name)
{
	const char *digits = !strncmp(name, "memory", 6) ? name + 6 : name;

	if (!*digits || digits[strspn(digits, "0123456789")] || strlen(digits) > 9)
		usage_error(call, "'%s' is no block; blocks are named like 32 or memory32", name);
	return (uint32_t)strtoul(digits, NULL, 10);
}

static int run(struct call *call)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct shown shown;
	struct mo_plan *plan;
	const char *name;
	int status;

	while (call_option(call) != -1)
		;
	name = call_one_arg(call, "block");
	if (!name)
		usage_error(call, "which block?");
	parse_block(call, name);
	request.target = name;
	status = request_plan(call, &request, &plan);
	if (status != EXIT_SUCCESS)
		return status;
	shown.memory = mo_plan_memory(plan);
	shown.step = mo_plan_step(plan, 0);
	shown.block = mo_memory_find(shown.memory, shown.step->block);
	shown.device = mo_memory_device(shown.memory, shown.block->device);
	shown.start = shown.block->number * mo_memory_block_bytes(shown.memory);
	shown.last = shown.start + mo_memory_block_bytes(shown.memory) - 1;
	if (call->json)
		print_json(&shown);
	else
		print_block(call, &shown, plan);
	mo_plan_unref(plan);
	return EXIT_SUCCESS;
}

static const struct option_text options[] = { { 0 } };

const struct command cmd_show = {
	.name = "show",
	.summary = "show one block: where it is, what it holds, whether it can go",
	.args = "BLOCK",
	.about = "Shows one memory block: range, state, zone, node, device, what its pages are, and whether it can go "
		 "offline. BLOCK is a number, or memory and a number. Its content is shown to root only. Writes nothing.",
	.options = options,
	.exits = "  0  done\n  1  failed\n  2  wrong options or no block\n",
	.examples = "  memoffline show 32\n  memoffline show memory32 --json\n",
	.run = run,
};
