// SPDX-License-Identifier: GPL-2.0-only
/* The picture in letters, with as many colours as the terminal has. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "picture.h"

#define ROWS_USUAL 32

#define BOLD "\033[1m"
#define DIM "\033[90m"
#define WARN "\033[1;33m"
#define PLAIN "\033[0m"

/* ---- layout ---- */

static size_t nr_rows_of(const struct picture *picture, size_t per_row)
{
	size_t nr = 0;

	for (size_t i = 0; i < picture->nr_groups; i++)
		nr += (picture->groups[i].nr + per_row - 1) / per_row;
	return nr;
}

static size_t digits_of(const struct picture *picture)
{
	char text[16];

	if (!picture->nr_tiles)
		return 1;
	return (size_t)snprintf(text, sizeof(text), "%" PRIu32, picture->tiles[picture->nr_tiles - 1].block->number);
}

/* Few blocks have large tiles; rows are of 1, 2, 4... blocks, as addresses are. */
struct picture_layout picture_lay_out(const struct picture *picture, size_t width, size_t nr_rows)
{
	struct picture_layout layout = { .label_width = digits_of(picture) + 1, .per_row = 1, .gap_width = 1 };
	size_t room = width > layout.label_width + 3 ? width - layout.label_width - 1 : 2;

	while (layout.per_row * 2 <= room && (nr_rows_of(picture, layout.per_row) > nr_rows ||
					       (room + 1) / layout.per_row > TILE_MAX + 1))
		layout.per_row *= 2;
	layout.tile_width = (room + 1) / layout.per_row;
	if (layout.tile_width < 2)
		layout.gap_width = 0;
	else
		layout.tile_width--;
	if (layout.tile_width > TILE_MAX)
		layout.tile_width = TILE_MAX;
	return layout;
}

/* ---- colours ---- */

static unsigned int channel(uint32_t rgb, unsigned int i)
{
	return rgb >> (16 - 8 * i) & 0xff;
}

/* The cube of 6 x 6 x 6 colours. */
unsigned int picture_colour_256(uint32_t rgb)
{
	unsigned int colour = 0;

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int value = channel(rgb, i);

		colour = colour * 6 + (value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40);
	}
	return 16 + colour;
}

bool picture_is_dark(uint32_t rgb)
{
	return 299 * channel(rgb, 0) + 587 * channel(rgb, 1) + 114 * channel(rgb, 2) < 128 * 1000;
}

/* The letter on a colour is seen, and does not shout. */
uint32_t picture_letter_rgb(uint32_t rgb)
{
	bool is_dark = picture_is_dark(rgb);
	uint32_t out = 0;

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int value = channel(rgb, i);

		out = out << 8 | (is_dark ? value + (255 - value) * 7 / 10 : value * 3 / 10);
	}
	return out;
}

/* What turns the colours on. */
static struct text colour_text(const struct class_look *look, enum out_depth depth)
{
	uint32_t letter = picture_letter_rgb(look->rgb);
	struct text out = { "" };

	if (depth == DEPTH_NONE)
		return out;
	if (look->is_empty)
		snprintf(out.text, sizeof(out.text), DIM);
	else if (depth == DEPTH_RGB)
		snprintf(out.text, sizeof(out.text), "\033[48;2;%u;%u;%um\033[38;2;%u;%u;%um", channel(look->rgb, 0),
			 channel(look->rgb, 1), channel(look->rgb, 2), channel(letter, 0), channel(letter, 1),
			 channel(letter, 2));
	else if (depth == DEPTH_256)
		snprintf(out.text, sizeof(out.text), "\033[48;5;%um\033[38;5;%um", picture_colour_256(look->rgb),
			 picture_colour_256(letter));
	else
		snprintf(out.text, sizeof(out.text), "\033[%um\033[%um",
			 look->ansi < 8 ? 40u + look->ansi : 92u + look->ansi, picture_is_dark(look->rgb) ? 97u : 30u);
	return out;
}

static void print_style(const char *style, enum out_depth depth)
{
	if (depth != DEPTH_NONE)
		fputs(style, stdout);
}

/* ---- tiles ---- */

static void print_tile(const struct picture *picture, const struct picture_tile *tile,
		       const struct picture_layout *layout, enum out_depth depth)
{
	uint8_t classes[TILE_MAX];

	picture_letters(picture, tile, layout->tile_width, classes);
	for (size_t i = 0; i < layout->tile_width; i++) {
		const struct picture_class *class = &picture->classes[classes[i]];

		if (!i || classes[i] != classes[i - 1]) {
			if (i)
				print_style(PLAIN, depth);
			fputs(colour_text(&class->look, depth).text, stdout);
		}
		putchar(class->letter);
	}
	print_style(PLAIN, depth);
}

static bool is_going(const struct picture_tile *tile)
{
	return tile->block->state == MO_STATE_GOING_OFFLINE;
}

/* What stands before tile I of NR: a bracket belongs to the tile before it, or to the one behind. */
static void print_gap(const struct picture_tile *tiles, size_t i, size_t nr, enum out_depth depth)
{
	if (i < nr && is_going(&tiles[i])) {
		print_style(WARN, depth);
		putchar('[');
		print_style(PLAIN, depth);
	} else if (i && is_going(&tiles[i - 1])) {
		print_style(WARN, depth);
		putchar(']');
		print_style(PLAIN, depth);
	} else if (i < nr) {
		putchar(' ');
	}
}

static void print_row(const struct picture *picture, const struct picture_tile *tiles, size_t nr,
		      const struct picture_layout *layout, enum out_depth depth)
{
	print_style(DIM, depth);
	printf("%*" PRIu32, (int)layout->label_width - 1, tiles->block->number);
	print_style(PLAIN, depth);
	for (size_t i = 0; i < nr; i++) {
		if (layout->gap_width || !i)
			print_gap(tiles, i, nr, depth);
		if (!layout->gap_width && is_going(&tiles[i])) {
			print_style(WARN, depth);
			putchar('*');
			print_style(PLAIN, depth);
		} else {
			print_tile(picture, &tiles[i], layout, depth);
		}
	}
	if (layout->gap_width)
		print_gap(tiles, nr, nr, depth);
	putchar('\n');
}

/* Where numbers are missing, a row ends. */
size_t picture_row(const struct picture *picture, const struct picture_group *group, size_t at, size_t per_row)
{
	const struct picture_tile *tiles = &picture->tiles[group->first + at];
	size_t nr = 1;

	while (nr < per_row && at + nr < group->nr && tiles[nr].block->number == tiles[0].block->number + nr)
		nr++;
	return nr;
}

static void print_group(const struct picture *picture, const struct picture_group *group,
			const struct picture_layout *layout, enum out_depth depth)
{
	char label[16];

	snprintf(label, sizeof(label), "\n%s", depth == DEPTH_NONE ? "" : BOLD);
	say_item(label, "%s: %s", group->title, group->detail);
	print_style(PLAIN, depth);
	for (size_t i = 0, nr; i < group->nr; i += nr) {
		nr = picture_row(picture, group, i, layout->per_row);
		print_row(picture, &picture->tiles[group->first + i], nr, layout, depth);
	}
}

/* ---- legend ---- */

struct picture_text picture_legend(const struct picture *picture, const struct picture_class *class)
{
	uint64_t all = picture->nr_tiles * picture->block_pages;
	uint64_t page_bytes = picture->block_bytes / picture->block_pages;
	struct picture_text out;
	double share = 100.0 * (double)class->nr_pages / (double)all;

	snprintf(out.text, sizeof(out.text), "%.150s: %s, %s%.0f%%", class->name, text_bytes(class->nr_pages * page_bytes).text,
		 share < 0.5 ? "<" : "", share < 0.5 ? 1.0 : share);
	return out;
}

/* Escaped. Freed by the caller; NULL: it does not occur. */
static char *legend_text(const struct picture *picture, size_t i)
{
	if (!picture->classes[i].nr_pages)
		return NULL;
	return text_escape(picture_legend(picture, &picture->classes[i]).text);
}

static size_t legend_width(const struct picture *picture)
{
	size_t most = 0;

	for (size_t i = 0; i < picture->nr_classes; i++) {
		char *text = legend_text(picture, i);

		if (text && text_width(text) > most)
			most = text_width(text);
		free(text);
	}
	return most;
}

/* In columns, or where there is no room for two, a line or more each. */
static void print_legend(const struct picture *picture, size_t width, enum out_depth depth)
{
	size_t entry = legend_width(picture), per_line = (width + 2) / (entry + 6), nr = 0, used = 0;
	char label[80];

	putchar('\n');
	for (size_t i = 0; i < picture->nr_classes; i++) {
		char *text = legend_text(picture, i);

		if (!text)
			continue;
		snprintf(label, sizeof(label), "%s %c %s ", colour_text(&picture->classes[i].look, depth).text,
			 picture->classes[i].letter, depth == DEPTH_NONE ? "" : PLAIN);
		if (per_line < 2)
			say_item(label, "%s", text);
		else
			printf("%*s%s%s", nr % per_line ? (int)(entry + 2 - used) : 0, nr && nr % per_line == 0 ? "\n" : "",
			       label, text);
		used = text_width(text);
		nr++;
		free(text);
	}
	if (per_line >= 2)
		putchar('\n');
}

void picture_print(const struct call *call, const struct picture *picture, enum out_depth depth)
{
	size_t width = out_is_terminal(stdout) ? out_width(stdout) : 80, height = out_height(stdout);
	size_t used = 2 * picture->nr_groups + 8;
	struct picture_layout layout = picture_lay_out(picture, width, height > used + ROWS_USUAL ? height - used :
							       ROWS_USUAL);

	text_use_locale();
	say("%s", picture_summary(picture).text);
	for (size_t i = 0; i < picture->nr_groups; i++)
		print_group(picture, &picture->groups[i], &layout, depth);
	print_legend(picture, width, depth);
	if (call->quiet)
		return;
	if (picture->is_going)
		say("%s", layout.gap_width ? "[...] is going offline." : "* is going offline.");
	if (*picture_hint(picture))
		say("%s", picture_hint(picture));
	if (*picture_problem(picture))
		say_item("note: ", "%s%s", picture_problem(picture), picture->content_known ? "" :
			 "; drawn is where the blocks are, not what they hold");
}
