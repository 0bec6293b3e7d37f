// SPDX-License-Identifier: GPL-2.0-only
/* memoffline map: the machine's memory as a picture. */
#include <string.h>

#include "command.h"
#include "out.h"
#include "picture.h"

enum { OPTION_BY = OPTION_FIRST, OPTION_COLOR, OPTION_SVG, OPTION_HTML };

static const struct option_text options[] = {
	{ 'w', "watch", NULL, "draw it on the whole terminal, and go on as blocks change; q ends it, ? shows the keys" },
	{ OPTION_BY, "by", "WHAT", "what fills the blocks: kind of content, the usual; movability, zone, node or owner" },
	{ OPTION_COLOR, "color", "WHEN", "auto, the usual: as many colours as the terminal has; never, 16, 256 or 24bit" },
	{ OPTION_SVG, "svg", "FILE", "draw it as SVG into FILE; -: to standard output" },
	{ OPTION_HTML, "html", "FILE", "the same as a page of HTML, without scripts" },
	{ 0 }
};

struct map {
	struct call *call;
	enum picture_by by;
	enum out_depth depth;
	const char *svg, *html;		/* files, or NULL */
	bool watches;
};

static enum picture_by parse_by(const struct call *call, const char *text)
{
	for (enum picture_by by = 0; by < NR_BY; by++)
		if (!strcmp(text, picture_by_names[by]))
			return by;
	usage_error(call, "--by takes kind, movability, zone, node or owner, not '%s'", text);
}

static enum out_depth parse_depth(const struct call *call, const char *text)
{
	static const char *const names[] = { "never", "16", "256", "24bit" };

	if (!strcmp(text, "auto"))
		return out_depth(stdout);
	for (enum out_depth depth = DEPTH_NONE; depth <= DEPTH_RGB; depth++)
		if (!strcmp(text, names[depth]))
			return depth;
	usage_error(call, "--color takes auto, never, 16, 256 or 24bit, not '%s'", text);
}

static bool is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

static void parse_options(struct map *map)
{
	int id;

	map->depth = out_depth(stdout);
	while ((id = call_option(map->call)) != -1) {
		switch (id) {
		case 'w':
			map->watches = true;
			break;
		case OPTION_BY:
			map->by = parse_by(map->call, optarg);
			break;
		case OPTION_COLOR:
			map->depth = parse_depth(map->call, optarg);
			break;
		case OPTION_SVG:
			map->svg = optarg;
			break;
		case OPTION_HTML:
			map->html = optarg;
			break;
		}
	}
	call_no_args(map->call);
	if (is_stdout(map->svg) + is_stdout(map->html) + map->call->json > 1)
		usage_error(map->call, "one of --svg, --html and --json can go to standard output");
	if (map->watches && (map->svg || map->html || map->call->json))
		usage_error(map->call, "--watch draws on the terminal alone, not with --svg, --html or --json");
	if (map->watches && !(out_is_terminal(stdin) && out_is_terminal(stdout)))
		usage_error(map->call, "--watch needs a terminal for its picture and its keys; leave it out to print the map once");
}

static int read_map(const struct map *map, struct mo_map **out)
{
	struct mo_memory *memory;
	int err = mo_memory_read(map->call->ctx, &memory);

	if (err)
		return tell_error(map->call, err);
	err = mo_map_new(memory, map->by == BY_OWNER ? MO_MAP_OWNERS : 0, out);
	mo_memory_unref(memory);
	return err ? tell_error(map->call, err) : EXIT_SUCCESS;
}

/* In letters where nothing else was asked for. */
static int draw(const struct map *map, const struct picture *picture)
{
	int status = EXIT_SUCCESS;

	if (map->svg)
		status = file_write(map->svg, 0, picture_svg, picture);
	if (map->html && status == EXIT_SUCCESS)
		status = file_write(map->html, 0, picture_html, picture);
	if (map->call->json)
		picture_json(picture);
	else if (!map->svg && !map->html)
		picture_print(map->call, picture, map->depth);
	return status;
}

static int run(struct call *call)
{
	struct map map = { .call = call };
	struct picture *picture;
	struct mo_map *source;
	int status;

	parse_options(&map);
	if (map.watches)
		return watch_run(call, map.by, map.depth);
	status = read_map(&map, &source);
	if (status != EXIT_SUCCESS)
		return status;
	picture = picture_new(source, map.by);
	status = draw(&map, picture);
	picture_free(picture);
	mo_map_unref(source);
	return status;
}

const struct command cmd_map = {
	.name = "map",
	.summary = "show the memory of the machine as a picture: what each block holds",
	.args = "",
	.about = "Draws the memory of the machine: each block is a tile, filled with letters and colours by what is in it. "
		 "What can't move is on the left of a tile. Contents are shown to root only. Writes nothing but the files named.",
	.options = options,
	.exits = "  0  done\n  1  failed\n  2  wrong options\n",
	.examples = "  memoffline map\n"
		    "  memoffline map --by movability\n"
		    "  memoffline map --watch\n"
		    "  memoffline map --html map.html\n",
	.run = run,
};
