// SPDX-License-Identifier: GPL-2.0-only
/* The picture of the machine's memory before it is drawn: classes, tiles, groups. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"

const char *const picture_by_names[NR_BY] = { "kind", "movability", "zone", "node", "owner" };

/* Cool colours can move, warm ones stay. */
#define LOOK_MOVES { 0x4c8dd6, 12, HATCH_NONE, false }
#define LOOK_STAYS { 0xd9622b, 9, HATCH_RISING, false }
#define LOOK_NEVER { 0x9c3b2e, 1, HATCH_DENSE, false }
#define LOOK_FREE { 0xdfe3e8, 7, HATCH_NONE, true }
#define LOOK_OFFLINE { 0x8a929c, 8, HATCH_SPARSE, true }
#define LOOK_UNKNOWN { 0x8a929c, 8, HATCH_WAVES, false }

/* From the bottom of a tile to its top. */
static const struct {
	enum mo_kind kind;
	char letter;
	bool stays;
	struct class_look look;
} kinds[] = {
	{ MO_KIND_RESERVED, 'R', true, LOOK_NEVER },
	{ MO_KIND_KERNEL, 'K', true, LOOK_STAYS },
	{ MO_KIND_PGTABLE, 'P', true, { 0xf0c94f, 11, HATCH_FALLING, false } },
	{ MO_KIND_SLAB, 'S', true, { 0xe8963a, 3, HATCH_CROSSED, false } },
	{ MO_KIND_HUGETLB, 'h', false, { 0x8069c9, 5, HATCH_GRID, false } },
	{ MO_KIND_SHMEM, 'm', false, { 0x9ad08a, 10, HATCH_BARS, false } },
	{ MO_KIND_THP, 't', false, { 0x2f5fa8, 4, HATCH_DOTS, false } },
	{ MO_KIND_ANON, 'a', false, LOOK_MOVES },
	{ MO_KIND_CACHE, 'c', false, { 0x3fae98, 6, HATCH_LINES, false } },
	{ MO_KIND_POISONED, '!', false, { 0xc2185b, 13, HATCH_RINGS, false } },
	{ MO_KIND_FREE, '.', false, LOOK_FREE },
	{ MO_KIND_OFFLINE, '/', false, LOOK_OFFLINE },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* For nodes and owners, which mean nothing by themselves. */
static const struct class_look looks[] = {
	{ 0x4c8dd6, 12, HATCH_NONE, false },	{ 0xe8963a, 3, HATCH_RISING, false },
	{ 0x3fae98, 6, HATCH_LINES, false },	{ 0xb65fa8, 5, HATCH_DOTS, false },
	{ 0xf0c94f, 11, HATCH_FALLING, false }, { 0x2f5fa8, 4, HATCH_GRID, false },
	{ 0x9ad08a, 10, HATCH_BARS, false },	{ 0xd9622b, 9, HATCH_CROSSED, false },
	{ 0x8069c9, 13, HATCH_RINGS, false },	{ 0x6f7d3c, 2, HATCH_WAVES, false },
	{ 0x8fc7f0, 14, HATCH_DENSE, false },	{ 0x9c3b2e, 1, HATCH_BARS, false },
};
#define NR_LOOKS (sizeof(looks) / sizeof(looks[0]))

static const struct {
	char letter;
	struct class_look look;
} zones[] = {
	[MO_ZONE_UNKNOWN] = { '?', LOOK_UNKNOWN },
	[MO_ZONE_NONE] = { 'X', LOOK_NEVER },
	[MO_ZONE_DMA] = { 'A', { 0xb65fa8, 5, HATCH_GRID, false } },
	[MO_ZONE_DMA32] = { 'B', { 0xf0c94f, 11, HATCH_FALLING, false } },
	[MO_ZONE_NORMAL] = { 'N', { 0xe8963a, 3, HATCH_RISING, false } },
	[MO_ZONE_MOVABLE] = { 'M', LOOK_MOVES },
	[MO_ZONE_DEVICE] = { 'D', { 0x8069c9, 13, HATCH_DOTS, false } },
};

/* ---- classes ---- */

static size_t add_class(struct picture *picture, char letter, const char *name, struct class_look look, bool stays)
{
	struct picture_class *class = &picture->classes[picture->nr_classes];

	class->letter = letter;
	class->look = look;
	class->stays = stays;
	snprintf(class->name, sizeof(class->name), "%s", name);
	return picture->nr_classes++;
}

static size_t find_class(const struct picture *picture, char letter)
{
	size_t i = 0;

	while (i < picture->nr_classes && picture->classes[i].letter != letter)
		i++;
	return i;
}

/* What every picture but that of kinds ends with. */
static void add_usual_classes(struct picture *picture)
{
	add_class(picture, '.', "free", (struct class_look)LOOK_FREE, false);
	add_class(picture, '/', "offline", (struct class_look)LOOK_OFFLINE, false);
}

static void add_kinds(struct picture *picture)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		add_class(picture, kinds[i].letter, mo_kind_name(kinds[i].kind), kinds[i].look, kinds[i].stays);
}

static void add_movability(struct picture *picture)
{
	add_class(picture, 'N', "never: holes, or several zones", (struct class_look)LOOK_NEVER, true);
	add_class(picture, 'S', "stays", (struct class_look)LOOK_STAYS, true);
	add_class(picture, 'm', "can move", (struct class_look)LOOK_MOVES, false);
	add_usual_classes(picture);
}

static void add_zones(struct picture *picture)
{
	for (enum mo_zone zone = MO_ZONE_UNKNOWN; zone <= MO_ZONE_DEVICE; zone++)
		add_class(picture, zones[zone].letter, zone == MO_ZONE_NONE ? "none: holes, or several zones" :
			  zone == MO_ZONE_UNKNOWN ? "zone not known" : mo_zone_name(zone), zones[zone].look, false);
	add_usual_classes(picture);
}

static char node_letter(int32_t node)
{
	return "0123456789abcdefghijklmnopqrstuvwxyz"[node % 36];
}

static void add_nodes(struct picture *picture)
{
	const struct mo_memory *memory = mo_map_memory(picture->map);
	const struct mo_node *node;
	char name[32];

	for (size_t i = 0; (node = mo_memory_node(memory, i)) && i < NR_LOOKS; i++) {
		snprintf(name, sizeof(name), "node %" PRId32, node->number);
		add_class(picture, node_letter(node->number), name, looks[i], false);
	}
	add_class(picture, '+', "other nodes", (struct class_look)LOOK_UNKNOWN, false);
	add_usual_classes(picture);
}

/* ---- owners ---- */

struct owner {
	uint64_t inode;
	uint64_t nr_pages;
};

static int compare_inodes(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static int compare_sizes(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return (x->nr_pages < y->nr_pages) - (x->nr_pages > y->nr_pages);
}

/* Those that hold most of a block, the largest first. Freed by the caller. */
static struct owner *list_owners(const struct picture *picture, size_t *nr)
{
	struct owner *owners = calloc(picture->nr_tiles + 1, sizeof(*owners));
	size_t nr_tiles = 0;

	if (!owners)
		out_of_memory();
	for (size_t i = 0; i < picture->nr_tiles; i++)
		if (picture->tiles[i].area->cgroup_inode)
			owners[nr_tiles++] = (struct owner){ picture->tiles[i].area->cgroup_inode,
							     picture->tiles[i].area->cgroup_pages };
	qsort(owners, nr_tiles, sizeof(*owners), compare_inodes);
	*nr = 0;
	for (size_t i = 0; i < nr_tiles; i++) {
		if (*nr && owners[*nr - 1].inode == owners[i].inode)
			owners[*nr - 1].nr_pages += owners[i].nr_pages;
		else
			owners[(*nr)++] = owners[i];
	}
	qsort(owners, *nr, sizeof(*owners), compare_sizes);
	return owners;
}

struct picture_text picture_owner(const struct picture *picture, uint64_t inode)
{
	struct mo_ctx *ctx = mo_memory_ctx(mo_map_memory(picture->map));
	struct picture_text out;

	if (mo_cgroup_path(ctx, inode, out.text, sizeof(out.text)))
		snprintf(out.text, sizeof(out.text), "cgroup %" PRIu64, inode);
	return out;
}

/* The first ones have a class each; of all others one. */
static size_t owner_class(const struct picture *picture, uint64_t inode)
{
	size_t i = 0;

	while (i < NR_LOOKS && picture->owners[i] && picture->owners[i] != inode)
		i++;
	return i < NR_LOOKS && inode && picture->owners[i] ? i : find_class(picture, '+');
}

static void add_owners(struct picture *picture)
{
	size_t nr;
	struct owner *owners = list_owners(picture, &nr);

	for (size_t i = 0; i < nr && i < NR_LOOKS; i++) {
		picture->owners[i] = owners[i].inode;
		add_class(picture, (char)('A' + i), picture_owner(picture, owners[i].inode).text, looks[i], false);
	}
	free(owners);
	add_class(picture, '+', "others, and the kernel", (struct class_look)LOOK_UNKNOWN, false);
	add_usual_classes(picture);
}

/* ---- tiles ---- */

/* Pages of a block by what becomes of them. */
struct shares {
	uint64_t used, stays, free, offline;
};

/* In zone Movable a page without flags is free, on the list of a processor. */
static uint64_t listed_pages(const struct picture_tile *tile)
{
	return tile->block->zone == MO_ZONE_MOVABLE ? tile->area->content.flagless_pages : 0;
}

static struct shares shares_of(const struct picture *picture, const struct picture_tile *tile)
{
	const struct mo_content *content = &tile->area->content;
	uint64_t listed = listed_pages(tile);

	if (!tile->area->content_known)
		return (struct shares){ .used = picture->block_pages };
	return (struct shares){
		.used = content->move_pages - listed,
		.stays = content->unmovable_pages - listed,
		.free = content->nr_pages[MO_KIND_FREE] + listed,
		.offline = content->nr_pages[MO_KIND_OFFLINE] + content->nr_pages[MO_KIND_POISONED],
	};
}

uint64_t picture_pages(const struct picture_tile *tile, enum mo_kind kind)
{
	uint64_t nr_pages = tile->area->content.nr_pages[kind];

	if (kind == MO_KIND_KERNEL)
		return nr_pages - listed_pages(tile);
	return kind == MO_KIND_FREE ? nr_pages + listed_pages(tile) : nr_pages;
}

static void fill_kinds(struct picture_tile *tile)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		tile->parts[i] = picture_pages(tile, kinds[i].kind);
}

static void fill_movability(const struct picture *picture, struct picture_tile *tile, struct shares *shares)
{
	if (tile->block->zone == MO_ZONE_NONE && tile->block->state != MO_STATE_OFFLINE) {
		tile->parts[find_class(picture, 'N')] = shares->used + shares->free;
		shares->free = 0;
		return;
	}
	tile->parts[find_class(picture, 'S')] = shares->stays;
	tile->parts[find_class(picture, 'm')] = shares->used - shares->stays;
}

static size_t node_class(const struct picture *picture, int32_t number)
{
	const struct mo_memory *memory = mo_map_memory(picture->map);
	const struct mo_node *node;

	for (size_t i = 0; (node = mo_memory_node(memory, i)) && i < NR_LOOKS; i++)
		if (node->number == number)
			return i;
	return find_class(picture, '+');
}

static void fill_owner(const struct picture *picture, struct picture_tile *tile, const struct shares *shares)
{
	const struct mo_area *area = tile->area;
	uint64_t owned = area->cgroup_pages < shares->used ? area->cgroup_pages : shares->used;

	tile->parts[owner_class(picture, area->cgroup_inode)] = owned;
	tile->parts[find_class(picture, '+')] += shares->used - owned;
}

static void fill_tile(const struct picture *picture, struct picture_tile *tile)
{
	struct shares shares = shares_of(picture, tile);

	if (picture->by == BY_KIND) {
		fill_kinds(tile);
		return;
	}
	if (picture->by == BY_MOVABILITY)
		fill_movability(picture, tile, &shares);
	else if (picture->by == BY_ZONE)
		tile->parts[tile->block->zone] = shares.used;
	else if (picture->by == BY_NODE)
		tile->parts[node_class(picture, tile->block->node)] = shares.used;
	else
		fill_owner(picture, tile, &shares);
	tile->parts[find_class(picture, '.')] = shares.free;
	tile->parts[find_class(picture, '/')] = shares.offline;
}

static void make_tiles(struct picture *picture)
{
	const struct mo_memory *memory = mo_map_memory(picture->map);

	picture->nr_tiles = mo_memory_nr_blocks(memory);
	picture->tiles = calloc(picture->nr_tiles + 1, sizeof(*picture->tiles));
	if (!picture->tiles)
		out_of_memory();
	picture->content_known = true;
	for (size_t i = 0; i < picture->nr_tiles; i++) {
		picture->tiles[i].block = mo_memory_block(memory, i);
		picture->tiles[i].area = mo_map_area(picture->map, i);
		picture->content_known &= picture->tiles[i].area->content_known;
		picture->is_going |= picture->tiles[i].block->state == MO_STATE_GOING_OFFLINE;
	}
}

static void fill_tiles(struct picture *picture)
{
	static void (*const add[])(struct picture *picture) = { add_kinds, add_movability, add_zones, add_nodes,
								 add_owners };

	add[picture->by](picture);
	for (size_t i = 0; i < picture->nr_tiles; i++) {
		fill_tile(picture, &picture->tiles[i]);
		for (size_t j = 0; j < picture->nr_classes; j++)
			picture->classes[j].nr_pages += picture->tiles[i].parts[j];
	}
}

/* ---- groups ---- */

static void name_group(const struct picture *picture, struct picture_group *group)
{
	const struct mo_block *first = picture->tiles[group->first].block;
	const struct mo_device *device = mo_memory_device(mo_map_memory(picture->map), first->device);
	const char *name = device->kind == MO_DEVICE_BOOT ? "boot memory" : device->name;

	if (first->node >= 0)
		snprintf(group->title, sizeof(group->title), "node %" PRId32 ", %s", first->node, name);
	else
		snprintf(group->title, sizeof(group->title), "%s", name);
}

static void describe_group(const struct picture *picture, struct picture_group *group)
{
	enum mo_zone zone = picture->tiles[group->first].block->zone;
	size_t nr_offline = 0, len;
	bool is_one_zone = true;

	for (size_t i = group->first; i < group->first + group->nr; i++) {
		nr_offline += picture->tiles[i].block->state == MO_STATE_OFFLINE;
		is_one_zone &= picture->tiles[i].block->zone == zone;
	}
	len = (size_t)snprintf(group->detail, sizeof(group->detail), "%s in %s",
			       text_bytes(group->nr * picture->block_bytes).text, text_blocks(group->nr).text);
	if (nr_offline)
		len += (size_t)snprintf(group->detail + len, sizeof(group->detail) - len, ", %s offline",
					nr_offline == group->nr ? "all" : text_count(nr_offline).text);
	if (is_one_zone && nr_offline < group->nr)
		snprintf(group->detail + len, sizeof(group->detail) - len, ", zone %s", mo_zone_name(zone));
}

static void make_groups(struct picture *picture)
{
	picture->groups = calloc(picture->nr_tiles + 1, sizeof(*picture->groups));
	if (!picture->groups)
		out_of_memory();
	for (size_t i = 0; i < picture->nr_tiles; i++) {
		const struct mo_block *block = picture->tiles[i].block;
		const struct mo_block *before = i ? picture->tiles[i - 1].block : NULL;

		if (!before || before->node != block->node || before->device != block->device) {
			picture->groups[picture->nr_groups].first = i;
			name_group(picture, &picture->groups[picture->nr_groups++]);
		}
		picture->groups[picture->nr_groups - 1].nr++;
	}
	for (size_t i = 0; i < picture->nr_groups; i++)
		describe_group(picture, &picture->groups[i]);
}

struct picture *picture_new(const struct mo_map *map, enum picture_by by)
{
	struct picture *picture = calloc(1, sizeof(*picture));

	if (!picture)
		out_of_memory();
	picture->map = map;
	picture->block_pages = mo_memory_block_pages(mo_map_memory(map));
	picture->block_bytes = mo_memory_block_bytes(mo_map_memory(map));
	make_tiles(picture);
	picture->by = picture->content_known || by == BY_NODE ? by : BY_ZONE;
	fill_tiles(picture);
	make_groups(picture);
	return picture;
}

void picture_free(struct picture *picture)
{
	if (!picture)
		return;
	free(picture->groups);
	free(picture->tiles);
	free(picture);
}

/* ---- letters ---- */

/* The largest remainders get what rounding down leaves. */
static void round_parts(const struct picture *picture, const struct picture_tile *tile, size_t width, size_t *nr)
{
	size_t left = width;

	for (size_t i = 0; i < picture->nr_classes; i++) {
		nr[i] = tile->parts[i] * width / picture->block_pages;
		left -= nr[i];
	}
	for (; left; left--) {
		uint64_t most = 0;
		size_t best = 0;

		for (size_t i = 0; i < picture->nr_classes; i++) {
			uint64_t share = tile->parts[i] * width, given = nr[i] * picture->block_pages;

			if (share > given && share - given > most) {
				most = share - given;
				best = i;
			}
		}
		nr[best]++;
	}
}

/* A page that stays keeps the whole block: it is not rounded away. */
static void show_what_stays(const struct picture *picture, const struct picture_tile *tile, size_t *nr)
{
	size_t most = 0, stays = CLASSES_MAX;

	for (size_t i = 0; i < picture->nr_classes; i++) {
		if (picture->classes[i].stays && nr[i])
			return;
		if (picture->classes[i].stays && tile->parts[i] &&
		    (stays == CLASSES_MAX || tile->parts[i] > tile->parts[stays]))
			stays = i;
		most = nr[i] > nr[most] ? i : most;
	}
	if (stays == CLASSES_MAX)
		return;
	nr[most]--;
	nr[stays]++;
}

void picture_letters(const struct picture *picture, const struct picture_tile *tile, size_t width, uint8_t *classes)
{
	size_t nr[CLASSES_MAX] = { 0 };

	round_parts(picture, tile, width, nr);
	if (width >= 2)
		show_what_stays(picture, tile, nr);
	for (size_t i = 0; i < picture->nr_classes; i++)
		for (; nr[i]; nr[i]--)
			*classes++ = (uint8_t)i;
}

/* ---- words ---- */

struct picture_text picture_summary(const struct picture *picture)
{
	uint64_t nr[MO_STATE_GOING_OFFLINE + 1] = { 0 };
	struct picture_text out;
	size_t len;

	for (size_t i = 0; i < picture->nr_tiles; i++)
		nr[picture->tiles[i].block->state]++;
	len = (size_t)snprintf(out.text, sizeof(out.text), "%s in %s of %s",
			       text_bytes(picture->nr_tiles * picture->block_bytes).text,
			       text_blocks(picture->nr_tiles).text, text_bytes(picture->block_bytes).text);
	if (nr[MO_STATE_ONLINE] == picture->nr_tiles)
		snprintf(out.text + len, sizeof(out.text) - len, ", all online");
	else
		snprintf(out.text + len, sizeof(out.text) - len, ": %s online, %s offline%s%s",
			 text_count(nr[MO_STATE_ONLINE]).text, text_count(nr[MO_STATE_OFFLINE]).text,
			 nr[MO_STATE_GOING_OFFLINE] ? ", going offline: " : "",
			 nr[MO_STATE_GOING_OFFLINE] ? text_count(nr[MO_STATE_GOING_OFFLINE]).text : "");
	return out;
}

const char *picture_problem(const struct picture *picture)
{
	return mo_map_problem(picture->map);
}

const char *picture_hint(const struct picture *picture)
{
	return picture->by == BY_KIND ? "Lower case can move, UPPER CASE stays." : "";
}
