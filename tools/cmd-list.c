// SPDX-License-Identifier: GPL-2.0-only
/* memoffline list: ranges of equal memory blocks, as lsmem shows them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

enum { COL_RANGE, COL_SIZE, COL_STATE, COL_BLOCK, COL_NODE, COL_ZONES, COL_DEVICE, COL_KIND, COL_SLOTS,
       NR_COLUMNS };

static const struct column columns[NR_COLUMNS] = {
	[COL_RANGE]	= { "RANGE", "first and last physical address", 0 },
	[COL_SIZE]	= { "SIZE", "size of the range", COLUMN_RIGHT },
	[COL_STATE]	= { "STATE", "online, offline or going-offline", COLUMN_RIGHT },
	[COL_BLOCK]	= { "BLOCK", "number of the block, or of the first and the last", COLUMN_RIGHT },
	[COL_NODE]	= { "NODE", "NUMA node; a + says that the block is of more than one", COLUMN_RIGHT },
	[COL_ZONES]	= { "ZONES", "the zone it is in; offline: zones where it may go, the default first", COLUMN_RIGHT },
	[COL_DEVICE]	= { "DEVICE", "device that the memory belongs to", 0 },
	[COL_KIND]	= { "KIND", "kind of the device: boot, acpi, dax or virtio-mem", 0 },
	[COL_SLOTS]	= { "SLOTS", "slots of its memory modules and their serial numbers, by SMBIOS", 0 },
};

#define BIT(id) (1u << (id))
#define CAN_SPLIT (BIT(COL_STATE) | BIT(COL_NODE) | BIT(COL_ZONES) | BIT(COL_DEVICE) | BIT(COL_KIND))

enum summary { SUMMARY_DEFAULT, SUMMARY_NEVER, SUMMARY_ALWAYS, SUMMARY_ONLY };

struct list {
	struct call *call;
	struct mo_memory *memory;
	size_t ids[NR_COLUMNS];
	size_t nr_ids;
	unsigned int split;	/* columns that divide ranges, BIT()s */
	enum table_format format;
	enum summary summary;
	int nr_digits;		/* of an address */
	bool all;
	bool bytes;
	bool headings;
	bool has_usual_ids;	/* nobody named columns: those may go for which a terminal has no room */
	struct libscols_table *table;
};

/* Neighbours that the table shows as one. */
struct range {
	const struct mo_block *first;
	uint32_t last;		/* number */
};

static bool is_same(const struct list *list, const struct mo_block *a, const struct mo_block *b)
{
	const struct mo_memory *memory = list->memory;

	if (list->all)
		return false;
	if (list->split & BIT(COL_STATE) && a->state != b->state)
		return false;
	if (list->split & BIT(COL_NODE) && (a->node != b->node || (a->nr_nodes > 1) != (b->nr_nodes > 1)))
		return false;
	if (list->split & BIT(COL_ZONES) && (a->zone != b->zone || a->zones != b->zones))
		return false;
	if (list->split & BIT(COL_DEVICE) && a->device != b->device)
		return false;
	return !(list->split & BIT(COL_KIND)) ||
	       mo_memory_device(memory, a->device)->kind == mo_memory_device(memory, b->device)->kind;
}

static void cell_block(struct libscols_line *line, size_t i, const struct range *range)
{
	if (range->first->number == range->last)
		table_cell(line, i, "%" PRIu32, range->last);
	else
		table_cell(line, i, "%" PRIu32 "-%" PRIu32, range->first->number, range->last);
}

static void cell_node(const struct list *list, struct libscols_line *line, size_t i, const struct mo_block *block)
{
	bool mixed = block->nr_nodes > 1 && list->format != TABLE_JSON;

	if (block->node >= 0)
		table_cell(line, i, "%" PRId32 "%s", block->node, mixed ? "+" : "");
}

static void cell_slots(const struct list *list, struct libscols_line *line, size_t i, uint32_t device)
{
	char slots[512];

	mo_device_slots(list->memory, device, slots, sizeof(slots));
	table_cell(line, i, "%s", slots);
}

static void cell_zones(struct libscols_line *line, size_t i, const struct mo_block *block)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "%s", mo_zone_name(block->zone));

	for (enum mo_zone zone = MO_ZONE_NONE; zone <= MO_ZONE_DEVICE; zone++)
		if (zone != block->zone && block->zones & BIT(zone))
			len += snprintf(text + len, sizeof(text) - (size_t)len, "/%s", mo_zone_name(zone));
	table_cell(line, i, "%s", text);
}

static void add_cell(const struct list *list, struct libscols_line *line, size_t i, const struct range *range)
{
	const struct mo_block *block = range->first;
	const struct mo_device *device = mo_memory_device(list->memory, block->device);
	uint64_t block_bytes = mo_memory_block_bytes(list->memory);
	uint64_t len_bytes = (range->last - block->number + 1) * block_bytes;

	switch (list->ids[i]) {
	case COL_RANGE:
		table_cell(line, i, "0x%0*" PRIx64 "-0x%0*" PRIx64, list->nr_digits, block->number * block_bytes,
			   list->nr_digits, (range->last + UINT64_C(1)) * block_bytes - 1);
		break;
	case COL_SIZE:
		if (list->bytes)
			table_cell(line, i, "%" PRIu64, len_bytes);
		else
			table_cell(line, i, "%s", text_bytes(len_bytes).text);
		break;
	case COL_STATE:
		table_cell(line, i, "%s", mo_state_name(block->state));
		break;
	case COL_BLOCK:
		cell_block(line, i, range);
		break;
	case COL_NODE:
		cell_node(list, line, i, block);
		break;
	case COL_ZONES:
		cell_zones(line, i, block);
		break;
	case COL_DEVICE:
		table_cell(line, i, "%s", device->name);
		break;
	case COL_KIND:
		table_cell(line, i, "%s", mo_device_kind_name(device->kind));
		break;
	case COL_SLOTS:
		cell_slots(list, line, i, block->device);
		break;
	}
}

static void add_range(const struct list *list, const struct range *range)
{
	struct libscols_line *line = table_line(list->table);

	for (size_t i = 0; i < list->nr_ids; i++)
		add_cell(list, line, i, range);
}

static void add_ranges(const struct list *list)
{
	const struct mo_block *block = mo_memory_block(list->memory, 0);
	struct range range = { block, block ? block->number : 0 };

	if (!block)
		return;
	for (size_t i = 1; (block = mo_memory_block(list->memory, i)); i++) {
		if (block->number == range.last + 1 && is_same(list, range.first, block)) {
			range.last++;
			continue;
		}
		add_range(list, &range);
		range = (struct range){ block, block->number };
	}
	add_range(list, &range);
}

static void print_table(struct list *list)
{
	size_t nr_shown;

	list->table = table_new(list->format, list->headings, "memory");
	for (size_t i = 0; i < list->nr_ids; i++) {
		struct column column = columns[list->ids[i]];

		if (list->ids[i] == COL_NODE || (list->ids[i] == COL_SIZE && list->bytes))
			column.flags |= COLUMN_NUMBER;
		table_add_column(list->table, &column);
	}
	add_ranges(list);
	nr_shown = list->has_usual_ids && list->format == TABLE_TEXT ? table_fit(list->table, list->nr_ids) :
								       list->nr_ids;
	table_print(list->table);
	if (nr_shown < list->nr_ids && !list->call->quiet)
		print_missing(columns, list->ids, nr_shown, list->nr_ids);
}

static void print_sum(const struct list *list, const char *label, uint64_t len_bytes)
{
	if (list->bytes)
		say("%-23s %15" PRIu64, label, len_bytes);
	else
		say("%-23s %5s", label, text_bytes(len_bytes).text);
}

static void print_summary(const struct list *list)
{
	uint64_t block_bytes = mo_memory_block_bytes(list->memory), nr_online = 0, nr_offline = 0;
	const struct mo_block *block;

	for (size_t i = 0; (block = mo_memory_block(list->memory, i)); i++) {
		if (block->state == MO_STATE_OFFLINE)
			nr_offline++;
		else
			nr_online++;
	}
	print_sum(list, "Memory block size:", block_bytes);
	print_sum(list, "Total online memory:", nr_online * block_bytes);
	print_sum(list, "Total offline memory:", nr_offline * block_bytes);
}

/* People read no more zeros than there are; programs get the width that lsmem prints. */
static int address_digits(const struct list *list)
{
	size_t nr = mo_memory_nr_blocks(list->memory);
	uint64_t end;
	int nr_digits = 1;

	if (list->format != TABLE_TEXT || !nr)
		return 16;
	end = (mo_memory_block(list->memory, nr - 1)->number + UINT64_C(1)) * mo_memory_block_bytes(list->memory) - 1;
	while (end >>= 4)
		nr_digits++;
	return nr_digits;
}

enum { OPTION_OUTPUT_ALL = OPTION_FIRST, OPTION_SUMMARY };

static const struct option_text options[] = {
	{ 'P', "pairs", NULL, "print KEY=\"value\"" },
	{ 'a', "all", NULL, "each block on its own" },
	{ 'b', "bytes", NULL, "sizes in bytes" },
	{ 'n', "noheadings", NULL, "no headings" },
	{ 'o', "output", "LIST", "columns to show; +LIST: besides the usual" },
	{ OPTION_OUTPUT_ALL, "output-all", NULL, "all columns" },
	{ 'r', "raw", NULL, "print without alignment" },
	{ 'S', "split", "LIST", "begin a new range where these columns change: STATE, NODE, ZONES, DEVICE, KIND "
				"or none; the usual: all that are shown" },
	{ OPTION_SUMMARY, "summary", "[WHEN]", "the lines with sums: never, always or only" },
	{ 0 }
};

static enum summary parse_summary(const struct call *call, const char *when)
{
	if (!when || !strcmp(when, "only"))
		return SUMMARY_ONLY;
	if (!strcmp(when, "never"))
		return SUMMARY_NEVER;
	if (!strcmp(when, "always"))
		return SUMMARY_ALWAYS;
	usage_error(call, "--summary takes never, always or only, not '%s'", when);
}

static unsigned int parse_split(const struct call *call, const char *text)
{
	size_t ids[NR_COLUMNS], nr;
	unsigned int split = 0;

	if (!strcmp(text, "none"))
		return 0;
	nr = columns_parse(call, columns, NR_COLUMNS, text, ids, 0, NR_COLUMNS);
	for (size_t i = 0; i < nr; i++)
		split |= BIT(ids[i]);
	return split & CAN_SPLIT;
}

static void parse_option(struct list *list, int id, const char **split)
{
	switch (id) {
	case 'P':
		list->format = TABLE_PAIRS;
		break;
	case 'r':
		list->format = TABLE_RAW;
		break;
	case 'a':
		list->all = true;
		break;
	case 'b':
		list->bytes = true;
		break;
	case 'n':
		list->headings = false;
		break;
	case 'o':
		list->has_usual_ids = false;
		list->nr_ids = columns_parse(list->call, columns, NR_COLUMNS, optarg, list->ids,
					     list->nr_ids, NR_COLUMNS);
		break;
	case OPTION_OUTPUT_ALL:
		list->has_usual_ids = false;
		for (list->nr_ids = 0; list->nr_ids < NR_COLUMNS; list->nr_ids++)
			list->ids[list->nr_ids] = list->nr_ids;
		break;
	case 'S':
		*split = optarg;
		break;
	case OPTION_SUMMARY:
		list->summary = parse_summary(list->call, optarg);
		break;
	}
}

static void parse_options(struct list *list)
{
	const char *split = NULL;
	int id;

	while ((id = call_option(list->call)) != -1)
		parse_option(list, id, &split);
	call_no_args(list->call);
	if (list->call->json)
		list->format = TABLE_JSON;
	for (size_t i = 0; i < list->nr_ids; i++)
		list->split |= BIT(list->ids[i]);
	if (split)
		list->split = parse_split(list->call, split);
	if (list->summary == SUMMARY_DEFAULT)
		list->summary = list->format == TABLE_TEXT && !list->call->quiet ? SUMMARY_ALWAYS : SUMMARY_NEVER;
	if (list->summary == SUMMARY_ONLY && list->format != TABLE_TEXT)
		usage_error(list->call, "--summary=only goes with the plain table, not with --json, --pairs or --raw");
}

static int run(struct call *call)
{
	struct list list = {
		.call = call, .headings = true, .has_usual_ids = true, .nr_ids = COL_DEVICE + 1,
		.ids = { COL_RANGE, COL_SIZE, COL_STATE, COL_BLOCK, COL_NODE, COL_ZONES, COL_DEVICE },
	};
	struct mo_memory *memory;
	int err;

	parse_options(&list);
	err = mo_memory_read(call->ctx, &memory);
	if (err)
		return tell_error(call, err);
	list.memory = memory;
	list.nr_digits = address_digits(&list);
	if (list.summary != SUMMARY_ONLY)
		print_table(&list);
	if (list.summary == SUMMARY_ALWAYS && list.format == TABLE_TEXT)
		putchar('\n');
	if (list.summary != SUMMARY_NEVER && list.format == TABLE_TEXT)
		print_summary(&list);
	mo_memory_unref(memory);
	return EXIT_SUCCESS;
}

static void help(void)
{
	puts("\nColumns:");
	print_columns(columns, NR_COLUMNS);
}

const struct command cmd_list = {
	.name = "list",
	.summary = "show the memory of the machine in ranges of equal blocks",
	.args = "",
	.about = "Shows the memory of the machine; neighbours that are equal in all columns shown are one line. Writes nothing.",
	.options = options,
	.help = help,
	.exits = "  0  done\n  1  failed\n  2  wrong options\n",
	.examples = "  memoffline list\n"
		    "  memoffline list -a -o BLOCK,STATE,ZONES\n"
		    "  memoffline list --json --bytes --output-all\n",
	.run = run,
};
