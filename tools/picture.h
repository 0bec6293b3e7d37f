/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's memory as a picture, whatever it is drawn with. A tile is a block, filled with parts, each of a class
 * (of what is in it, or where it is); tiles stand in groups: nodes, and in them devices.
 */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libmemoffline.h"
#include "out.h"

struct call;

enum picture_by { BY_KIND, BY_MOVABILITY, BY_ZONE, BY_NODE, BY_OWNER, NR_BY };

#define CLASSES_MAX 16

/* What a class is drawn with besides its colour, so that nobody needs to see that. */
enum hatch { HATCH_NONE, HATCH_DOTS, HATCH_LINES, HATCH_BARS, HATCH_GRID, HATCH_RISING, HATCH_FALLING, HATCH_CROSSED,
	     HATCH_DENSE, HATCH_RINGS, HATCH_WAVES, HATCH_SPARSE, NR_HATCHES };

struct class_look {
	uint32_t rgb;
	uint8_t ansi;		/* of 16 colours */
	enum hatch hatch;
	bool is_empty;		/* nothing is there: it has no colour of its own */
};

struct picture_class {
	char letter;
	char name[256];		/* may hold any byte */
	struct class_look look;
	bool stays;		/* it can't move: a tile shows it, however little it is */
	uint64_t nr_pages;	/* of it in the whole picture */
};

struct picture_tile {
	const struct mo_block *block;
	const struct mo_area *area;
	uint64_t parts[CLASSES_MAX];	/* pages of each class; they add up to the block */
};

struct picture_group {
	char title[160];	/* "node 1, PNP0C80:00": may hold any byte */
	char detail[96];	/* "512M in 4 blocks, Movable" */
	size_t first, nr;	/* tiles */
};

struct picture {
	const struct mo_map *map;
	enum picture_by by;
	uint64_t block_pages;
	uint64_t block_bytes;
	uint64_t owners[CLASSES_MAX];	/* by owner: the cgroup of each class, 0 past the last */
	size_t nr_classes;
	struct picture_class classes[CLASSES_MAX];	/* in the order in which they fill a tile */
	size_t nr_tiles;
	struct picture_tile *tiles;
	size_t nr_groups;
	struct picture_group *groups;
	bool is_going;		/* a block is going offline */
	bool content_known;	/* of all blocks; else no tile shows more than where it is */
};

/* ---- picture.c ---- */
extern const char *const picture_by_names[NR_BY];	/* "kind"... */
struct picture *picture_new(const struct mo_map *map, enum picture_by by);
void picture_free(struct picture *picture);	/* accepts NULL */
/* Shares of WIDTH letters, one class each, in the order of the classes. What stays has one where there is room. */
void picture_letters(const struct picture *picture, const struct picture_tile *tile, size_t width, uint8_t *classes);
/* "24G in 192 blocks of 128M: 190 online, 2 offline". */
struct picture_text { char text[256]; };
struct picture_text picture_summary(const struct picture *picture);
/* Pages of a tile that are of that kind, as a picture counts them. */
uint64_t picture_pages(const struct picture_tile *tile, enum mo_kind kind);
/* The path of a cgroup, or its number. */
struct picture_text picture_owner(const struct picture *picture, uint64_t inode);
/* What is to be said besides, "" when nothing. */
const char *picture_problem(const struct picture *picture);
/* A line on what the letters mean, "" when the legend says all. */
const char *picture_hint(const struct picture *picture);

/* ---- picture-json.c ---- */
void picture_json(const struct picture *picture);

/* ---- picture-tip.c ---- */
/* A tile in words, a line each: range, state, content; UTF-8. Freed by the caller. */
char *picture_tip(const struct picture *picture, const struct picture_tile *tile);

/* ---- picture-svg.c, picture-html.c: for file_write(); DATA is the picture ---- */
void picture_svg(FILE *file, const void *data);
void picture_html(FILE *file, const void *data);
/* Parts of both: pixels of a tile; have tiles numbers below them; what stands in <style>, in <defs>, in a tile. */
unsigned int picture_tile_size(const struct picture *picture);
bool picture_has_numbers(const struct picture *picture);
void picture_svg_style(FILE *file);
void picture_svg_patterns(FILE *file, const struct picture *picture);
void picture_svg_tile(FILE *file, const struct picture *picture, const struct picture_tile *tile, unsigned int size);

/* ---- picture-text.c: in letters ---- */
/* Where tiles are in a picture of a certain width. */
struct picture_layout {
	size_t label_width;	/* number of the first block in a row, and a space */
	size_t per_row;		/* tiles */
	size_t tile_width;	/* letters */
	size_t gap_width;	/* between tiles: 0 or 1 */
};
#define TILE_MAX 16	/* the widest */
struct picture_layout picture_lay_out(const struct picture *picture, size_t width, size_t nr_rows);
void picture_print(const struct call *call, const struct picture *picture, enum out_depth depth);
/* How many tiles stand in one row, from tile AT of the group. */
size_t picture_row(const struct picture *picture, const struct picture_group *group, size_t at, size_t per_row);
/* "anonymous: 3.2G, 13%". May hold any byte. */
struct picture_text picture_legend(const struct picture *picture, const struct picture_class *class);
/* The nearest of the 256 colours; is it a dark one; a colour for letters on it. */
unsigned int picture_colour_256(uint32_t rgb);
bool picture_is_dark(uint32_t rgb);
uint32_t picture_letter_rgb(uint32_t rgb);

/* ---- watch.c: on the whole terminal, live, until a key or a signal ends it. Returns the exit status. ---- */
int watch_run(struct call *call, enum picture_by by, enum out_depth depth);

#endif
