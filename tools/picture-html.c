// SPDX-License-Identifier: GPL-2.0-only
/* The picture as a page of HTML: one file, without scripts, that fits windows of any width, dark and light. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "picture.h"

static void print_markup(FILE *file, const char *text)
{
	char *plain = text_escape_utf8(text), *markup = text_markup(plain);

	fputs(markup, file);
	free(markup);
	free(plain);
}

static void print_style(FILE *file, unsigned int size)
{
	picture_svg_style(file);
	fprintf(file, "body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--back);color:var(--text);"
		"font:15px/1.5 system-ui,sans-serif}\n"
		"h1{font-size:1.6rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}\n"
		"h2 span,p,footer{color:var(--soft);font-weight:400;margin:.2rem 0}\n"
		".share{display:flex;height:32px;margin:1rem 0;border-radius:6px;overflow:hidden}\n"
		".share svg{height:100%%;min-width:2px;flex:1 1 0}\n"
		"ul{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;list-style:none;margin:0 0 1rem;padding:0}\n"
		"li{display:flex;align-items:center;gap:.5rem}li svg{width:20px;height:20px;border-radius:4px}\n"
		".tiles{display:flex;flex-wrap:wrap;gap:%upx}\n"
		".b{display:block;width:%upx;text-align:center;text-decoration:none;outline:none}\n"
		".b svg{display:block;width:%upx;height:%upx;border-radius:%upx}\n"
		".b small{font-size:10px;line-height:1.3;color:var(--soft)}\n"
		".b:hover svg,.b:focus svg,.b:target svg{box-shadow:0 0 0 2px var(--back),0 0 0 4px var(--text)}\n"
		".b:hover::after,.b:focus::after,.b:target::after{content:attr(data-tip);position:fixed;right:1rem;bottom:1rem;z-index:1;"
		"max-width:calc(100%% - 4rem);padding:.8rem 1rem;border-radius:8px;background:var(--text);color:var(--back);"
		"font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;text-align:left}\n"
		".b:hover::after{z-index:2}\n"
		"footer{margin-top:2rem;font-size:.85rem}\n", size / 10 + 1, size, size, size, size / 12 + 1);
}

static void print_share(FILE *file, const struct picture *picture)
{
	fputs("<div class=\"share\" aria-hidden=\"true\">\n", file);
	for (size_t i = 0; i < picture->nr_classes; i++)
		if (picture->classes[i].nr_pages)
			fprintf(file, "<svg style=\"flex-grow:%" PRIu64 "\"><rect width=\"100%%\" height=\"100%%\" "
				"fill=\"url(#p%zu)\"/></svg>\n", picture->classes[i].nr_pages, i);
	fputs("</div>\n", file);
}

static void print_legend(FILE *file, const struct picture *picture)
{
	fputs("<ul>\n", file);
	for (size_t i = 0; i < picture->nr_classes; i++) {
		const struct picture_class *class = &picture->classes[i];

		if (!class->nr_pages)
			continue;
		fprintf(file, "<li><svg viewBox=\"0 0 20 20\"><rect width=\"20\" height=\"20\" fill=\"url(#p%zu)\"/>"
			"<text class=\"letter\" x=\"10\" y=\"14\" fill=\"#%06x\">%c</text></svg>", i,
			class->look.is_empty ? class->look.rgb : picture_letter_rgb(class->look.rgb), class->letter);
		print_markup(file, picture_legend(picture, class).text);
		fputs("</li>\n", file);
	}
	fputs("</ul>\n", file);
}

static void print_tile(FILE *file, const struct picture *picture, const struct picture_tile *tile, unsigned int size)
{
	char *tip = picture_tip(picture, tile), *markup = text_markup(tip);

	fprintf(file, "<a class=\"b\" id=\"memory%" PRIu32 "\" href=\"#memory%" PRIu32 "\" data-tip=\"%s\">",
		tile->block->number, tile->block->number, markup);
	fprintf(file, "<svg role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %u %u\">", markup, size, size);
	picture_svg_tile(file, picture, tile, size);
	fputs("</svg>", file);
	if (picture_has_numbers(picture))
		fprintf(file, "<small>%" PRIu32 "</small>", tile->block->number);
	fputs("</a>\n", file);
	free(markup);
	free(tip);
}

static void print_groups(FILE *file, const struct picture *picture)
{
	unsigned int size = picture_tile_size(picture);

	for (size_t i = 0; i < picture->nr_groups; i++) {
		const struct picture_group *group = &picture->groups[i];

		fputs("<h2>", file);
		print_markup(file, group->title);
		fprintf(file, " <span>%s</span></h2>\n<div class=\"tiles\">\n", group->detail);
		for (size_t j = 0; j < group->nr; j++)
			print_tile(file, picture, &picture->tiles[group->first + j], size);
		fputs("</div>\n", file);
	}
}

static void print_hints(FILE *file, const struct picture *picture)
{
	fprintf(file, "<p>%s%s A block fills from the bottom; point at it to see its figures.</p>\n",
		picture_hint(picture), picture->is_going ? " A dashed frame is going offline." : "");
	if (!*picture_problem(picture))
		return;
	fputs("<p class=\"note\">Note: ", file);
	print_markup(file, picture_problem(picture));
	fputs("</p>\n", file);
}

static void print_foot(FILE *file, const struct picture *picture)
{
	fputs("<footer>\n", file);
	fprintf(file, "<p>memoffline map --by %s, %s</p>\n</footer>\n", picture_by_names[picture->by],
		text_time((uint64_t)time(NULL)).text);
}

void picture_html(FILE *file, const void *data)
{
	const struct picture *picture = data;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<title>Memory map</title>\n<style>\n",
	      file);
	print_style(file, picture_tile_size(picture));
	fputs("</style>\n</head>\n<body>\n<svg width=\"0\" height=\"0\" style=\"position:absolute\"><defs>\n", file);
	picture_svg_patterns(file, picture);
	fprintf(file, "</defs></svg>\n<h1>Memory map</h1>\n<p>%s</p>\n", picture_summary(picture).text);
	print_share(file, picture);
	print_legend(file, picture);
	print_hints(file, picture);
	print_groups(file, picture);
	print_foot(file, picture);
	fputs("</body>\n</html>\n", file);
}
