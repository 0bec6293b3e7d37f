// SPDX-License-Identifier: GPL-2.0-only
/*
 * The picture as SVG, and the parts of it that a page of HTML is made of: a tile is a glass that is filled from the
 * bottom, each class with its colour, its hatching and, where there is room, its letter.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"

#define LEVELS_MAX 32		/* steps in which a tile is filled */
#define LETTER_HEIGHT 12	/* pixels that a letter needs */

/* Many blocks are drawn small. */
unsigned int picture_tile_size(const struct picture *picture)
{
	static const struct {
		size_t nr;
		unsigned int size;
	} steps[] = { { 64, 64 }, { 128, 52 }, { 256, 40 }, { 1024, 24 }, { 4096, 16 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (picture->nr_tiles <= steps[i].nr)
			return steps[i].size;
	return 10;
}

bool picture_has_numbers(const struct picture *picture)
{
	return picture_tile_size(picture) >= 40;
}

/* Strokes in a square of 8 by 8 that goes on in all directions. */
static const char *const hatches[NR_HATCHES] = {
	[HATCH_NONE] = "",
	[HATCH_DOTS] = "M2 2h.01M6 6h.01",
	[HATCH_LINES] = "M0 2h8M0 6h8",
	[HATCH_BARS] = "M2 0v8M6 0v8",
	[HATCH_GRID] = "M0 4h8M4 0v8",
	[HATCH_RISING] = "M-1 1l2-2M0 8l8-8M7 9l2-2",
	[HATCH_FALLING] = "M-1 7l2 2M0 0l8 8M7-1l2 2",
	[HATCH_CROSSED] = "M0 8l8-8M0 0l8 8",
	[HATCH_DENSE] = "M-1 1l2-2M-1 5l6-6M-1 9l10-10M3 9l6-6M7 9l2-2",
	[HATCH_RINGS] = "M4 2a2 2 0 1 0 .01 0",
	[HATCH_WAVES] = "M0 4q2-4 4 0t4 0",
	[HATCH_SPARSE] = "M-1 1l2-2M0 8l8-8M7 9l2-2",
};

static void print_pattern(FILE *file, const struct class_look *look, size_t i)
{
	fprintf(file, "<pattern id=\"p%zu\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">", i);
	if (!look->is_empty)
		fprintf(file, "<path d=\"M0 0h8v8H0z\" fill=\"#%06x\"/>", look->rgb);
	else
		fputs("<path d=\"M0 0h8v8H0z\" class=\"empty\"/>", file);
	if (*hatches[look->hatch])
		fprintf(file, "<path d=\"%s\" fill=\"none\" stroke=\"#%06x\" stroke-opacity=\"%s\" "
			"stroke-linecap=\"round\" stroke-width=\"%s\"/>", hatches[look->hatch],
			look->is_empty ? look->rgb : picture_is_dark(look->rgb) ? 0xffffff : 0x000000,
			look->is_empty ? ".7" : ".38", look->hatch == HATCH_DOTS ? "2.2" : "1.2");
	fputs("</pattern>\n", file);
}

void picture_svg_patterns(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < picture->nr_classes; i++)
		if (picture->classes[i].nr_pages)
			print_pattern(file, &picture->classes[i].look, i);
}

/* The variables are the colours that differ between dark and light. */
void picture_svg_style(FILE *file)
{
	fputs(":root{color-scheme:light dark;--back:#fbfcfd;--text:#1c232b;--soft:#68727d;--empty:#e4e8ed;--edge:#c3cad2;"
	      "--warn:#c77700}\n"
	      "@media(prefers-color-scheme:dark){:root{--back:#14181d;--text:#e7ebef;--soft:#98a2ad;--empty:#2a323b;"
	      "--edge:#46505b;--warn:#ffc24b}}\n"
	      ".empty{fill:var(--empty)}\n"
	      ".letter{font:600 11px ui-monospace,monospace;text-anchor:middle}\n"
	      ".edge{fill:none;stroke:var(--edge)}\n"
	      ".going{fill:none;stroke:var(--warn);stroke-width:3;stroke-dasharray:6 4;animation:go 1s linear infinite}\n"
	      "@keyframes go{to{stroke-dashoffset:-10}}\n"
	      "@media(prefers-reduced-motion:reduce){.going{animation:none}}\n", file);
}

static void print_letter(FILE *file, const struct picture_class *class, unsigned int size, double middle)
{
	fprintf(file, "<text class=\"letter\" x=\"%g\" y=\"%g\" fill=\"#%06x\">%c</text>", size / 2.0, middle + 4,
		class->look.is_empty ? class->look.rgb : picture_letter_rgb(class->look.rgb), class->letter);
}

/* From the bottom up. A dot says nothing that an empty glass does not. */
void picture_svg_tile(FILE *file, const struct picture *picture, const struct picture_tile *tile, unsigned int size)
{
	size_t nr_levels = size / 2 < LEVELS_MAX ? size / 2 : LEVELS_MAX, end;
	uint8_t classes[LEVELS_MAX];
	double step = (double)size / (double)nr_levels;

	picture_letters(picture, tile, nr_levels, classes);
	for (size_t i = 0; i < nr_levels; i = end) {
		const struct picture_class *class = &picture->classes[classes[i]];

		for (end = i + 1; end < nr_levels && classes[end] == classes[i]; end++)
			;
		fprintf(file, "<path fill=\"url(#p%u)\" d=\"M0 %gh%uv%gH0z\"/>", classes[i],
			(double)size - step * (double)end, size, step * (double)(end - i));
		if (step * (double)(end - i) >= LETTER_HEIGHT && size >= 40 && class->letter != '.')
			print_letter(file, class, size, (double)size - step * (double)(end + i) / 2);
	}
	fprintf(file, "<rect class=\"%s\" x=\".5\" y=\".5\" width=\"%u\" height=\"%u\" rx=\"%g\"/>",
		tile->block->state == MO_STATE_GOING_OFFLINE ? "going" : "edge", size - 1, size - 1, size / 12.0);
}

/* ---- a file of its own ---- */

#define WIDTH 960
#define MARGIN 32
#define LEGEND_COLUMNS 3

struct page {
	FILE *file;
	const struct picture *picture;
	unsigned int size;	/* of a tile */
	unsigned int gap;
	unsigned int label;	/* room for numbers before the rows */
	size_t per_row;
	double y;		/* where what comes next stands */
};

static void print_text(struct page *page, double x, const char *class, const char *text)
{
	char *markup = text_markup(text);

	fprintf(page->file, "<text x=\"%g\" y=\"%g\" class=\"%s\">%s</text>\n", x, page->y, class, markup);
	free(markup);
}

static void print_tile(struct page *page, const struct picture_tile *tile, double x)
{
	char *tip = picture_tip(page->picture, tile), *markup = text_markup(tip);

	fprintf(page->file, "<g id=\"memory%" PRIu32 "\" transform=\"translate(%g,%g)\"><title>%s</title>"
		"<g clip-path=\"url(#tile)\">", tile->block->number, x, page->y, markup);
	picture_svg_tile(page->file, page->picture, tile, page->size);
	fputs("</g>", page->file);
	if (picture_has_numbers(page->picture))
		fprintf(page->file, "<text class=\"number\" x=\"%g\" y=\"%u\">%" PRIu32 "</text>", page->size / 2.0,
			page->size + 11, tile->block->number);
	fputs("</g>\n", page->file);
	free(markup);
	free(tip);
}

static void print_group(struct page *page, const struct picture_group *group)
{
	bool has_numbers = picture_has_numbers(page->picture);
	char *title = text_escape_utf8(group->title);
	char number[16];

	page->y += 34;
	print_text(page, MARGIN, "title", title);
	free(title);
	page->y += 17;
	print_text(page, MARGIN, "soft", group->detail);
	page->y += 10;
	for (size_t i = 0, nr; i < group->nr; i += nr) {
		const struct picture_tile *tiles = &page->picture->tiles[group->first + i];

		nr = picture_row(page->picture, group, i, page->per_row);
		if (!has_numbers) {
			snprintf(number, sizeof(number), "%" PRIu32, tiles->block->number);
			page->y += page->size / 2.0 + 3;
			print_text(page, MARGIN + page->label - 6, "row", number);
			page->y -= page->size / 2.0 + 3;
		}
		for (size_t j = 0; j < nr; j++)
			print_tile(page, &tiles[j], MARGIN + page->label + (double)j * (page->size + page->gap));
		page->y += page->size + page->gap + (has_numbers ? 12 : 0);
	}
}

static void print_legend(struct page *page)
{
	const struct picture *picture = page->picture;
	size_t nr = 0;
	char *problem;

	page->y += 44;
	for (size_t i = 0; i < picture->nr_classes; i++) {
		double x = MARGIN + (double)(nr % LEGEND_COLUMNS) * (WIDTH - 2 * MARGIN) / LEGEND_COLUMNS;
		char *text;

		if (!picture->classes[i].nr_pages)
			continue;
		page->y += nr && nr % LEGEND_COLUMNS == 0 ? 26 : 0;
		nr++;
		fprintf(page->file, "<g transform=\"translate(%g,%g)\"><rect width=\"20\" height=\"20\" rx=\"3\" "
			"fill=\"url(#p%zu)\" stroke=\"var(--edge)\"/>", x, page->y - 14, i);
		print_letter(page->file, &picture->classes[i], 20, 10);
		fputs("</g>\n", page->file);
		text = text_escape_utf8(picture_legend(picture, &picture->classes[i]).text);
		print_text(page, x + 28, "", text);
		free(text);
	}
	page->y += 34;
	print_text(page, MARGIN, "soft", picture_hint(picture));
	page->y += 20;
	problem = text_escape_utf8(picture_problem(picture));
	print_text(page, MARGIN, "soft", problem);
	free(problem);
}

/* What a viewer has to know first, the height, is known last. */
static double print_body(FILE *file, const struct picture *picture)
{
	struct page page = { .file = file, .picture = picture, .size = picture_tile_size(picture), .y = MARGIN + 14 };

	page.gap = page.size / 10 + 1;
	page.label = picture_has_numbers(picture) ? 0 : 40;
	for (page.per_row = 1; page.per_row * 2 * (page.size + page.gap) <= WIDTH - 2 * MARGIN - page.label; )
		page.per_row *= 2;
	print_text(&page, MARGIN, "head", "Memory map");
	page.y += 22;
	print_text(&page, MARGIN, "soft", picture_summary(picture).text);
	for (size_t i = 0; i < picture->nr_groups; i++)
		print_group(&page, &picture->groups[i]);
	print_legend(&page);
	return page.y + MARGIN;
}

void picture_svg(FILE *file, const void *data)
{
	const struct picture *picture = data;
	unsigned int size = picture_tile_size(picture);
	size_t len_bytes;
	char *body;
	FILE *memory = open_memstream(&body, &len_bytes);
	double height;

	if (!memory)
		out_of_memory();
	height = print_body(memory, picture);
	if (fclose(memory))
		out_of_memory();
	fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %g\" width=\"%d\" height=\"%g\">\n"
		"<title>Memory map</title>\n<style>\n", WIDTH, height, WIDTH, height);
	picture_svg_style(file);
	fprintf(file, "text:not(.letter){font:13px system-ui,sans-serif;fill:var(--text)}text.head{font-size:22px;font-weight:650}"
		"text.title{font-size:15px;font-weight:600}text.soft,text.number,text.row{fill:var(--soft)}"
		"text.number,text.row{font-size:10px}.number{text-anchor:middle}.row{text-anchor:end}\n</style>\n<defs>\n");
	picture_svg_patterns(file, picture);
	fprintf(file, "<clipPath id=\"tile\"><rect width=\"%u\" height=\"%u\" rx=\"%g\"/></clipPath>\n</defs>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"var(--back)\"/>\n", size, size, size / 12.0);
	fwrite(body, 1, len_bytes, file);
	fputs("</svg>\n", file);
	free(body);
}
