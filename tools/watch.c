// SPDX-License-Identifier: GPL-2.0-only
/* The picture on the whole terminal, by ncurses, drawn anew as blocks change. */
#define NCURSES_NOMACROS
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "library.h"
#include "picture.h"

#define LOOK_MS 1000		/* between two looks at the machine */
#define LOOK_GOING_MS 200	/* while a block is going offline */
#define LOOK_PAUSE 9		/* or as many times what a look took: a tenth of a processor, however large it is */
#define LOOK_LIMIT_MS 100	/* a look takes that long; large machines are seen in several */
#define LOOK_GOING_LIMIT_MS 20

#define FUNCTIONS(each) \
	each(newterm) \
	each(delscreen) \
	each(endwin) \
	each(newwin) \
	each(wresize) \
	each(resizeterm) \
	each(cbreak) \
	each(noecho) \
	each(keypad) \
	each(wtimeout) \
	each(curs_set) \
	each(has_colors) \
	each(start_color) \
	each(use_default_colors) \
	each(init_pair) \
	each(wattr_set) \
	each(werase) \
	each(clearok) \
	each(wmove) \
	each(waddnstr) \
	each(wrefresh) \
	each(wgetch)

LIBRARY(curses, "libncursesw.so.6", FUNCTIONS)

enum { PAIR_CLASS = 1, PAIR_DIM = PAIR_CLASS + CLASSES_MAX, PAIR_WARN };

struct watch {
	struct call *call;
	enum picture_by by;
	enum out_depth depth;
	struct mo_map *map;
	struct picture *picture;
	struct mo_monitor *monitor;	/* NULL: nobody tells of events */
	int signal_fd;
	WINDOW *window;
	size_t width, height;
	size_t top;			/* first line of the picture that is shown */
	size_t nr_lines;		/* that it has */
	int pause_ms;			/* till the next look */
	bool has_colours;
	bool shows_help;
	bool ends;
};

/* ---- terminal ---- */

static SCREEN *screen;

/* Also where the command ends for lack of memory. */
static void restore_terminal(void)
{
	if (!screen)
		return;
	curses.endwin();
	curses.delscreen(screen);
	screen = NULL;
}

static void measure(struct watch *watch)
{
	watch->width = out_width(stdout);
	watch->height = out_height(stdout) ? out_height(stdout) : 24;
}

static int open_terminal(struct watch *watch)
{
	const char *term = getenv("TERM");

	text_use_locale();
	if (open_curses())
		no_library(curses.why);
	screen = curses.newterm(NULL, stdout, stdin);
	if (!screen) {
		tell("can't draw on a terminal of type '%s'; set TERM to its type, or leave out --watch", term ? term : "");
		return -ENOTTY;
	}
	atexit(restore_terminal);
	curses.cbreak();
	curses.noecho();
	curses.curs_set(0);
	watch->window = curses.newwin(0, 0, 0, 0);
	if (!watch->window)
		out_of_memory();
	curses.keypad(watch->window, true);
	curses.wtimeout(watch->window, 0);
	watch->has_colours = watch->depth != DEPTH_NONE && curses.has_colors() && !curses.start_color() &&
			     !curses.use_default_colors();
	return 0;
}

static void resize(struct watch *watch)
{
	measure(watch);
	curses.resizeterm((int)watch->height, (int)watch->width);
	curses.wresize(watch->window, (int)watch->height, (int)watch->width);
	curses.clearok(watch->window, true);
}

/* Of 256 colours where the terminal has them, else of 8. */
static void choose_colours(const struct watch *watch)
{
	const struct picture *picture = watch->picture;

	if (!watch->has_colours)
		return;
	for (size_t i = 0; i < picture->nr_classes; i++) {
		const struct class_look *look = &picture->classes[i].look;
		short pair = (short)(PAIR_CLASS + i), on = (short)picture_colour_256(look->rgb);

		if (look->is_empty)
			curses.init_pair(pair, -1, -1);
		else if (watch->depth == DEPTH_16 ||
			 curses.init_pair(pair, (short)picture_colour_256(picture_letter_rgb(look->rgb)), on) == ERR)
			curses.init_pair(pair, picture_is_dark(look->rgb) ? COLOR_WHITE : COLOR_BLACK, look->ansi % 8);
	}
	curses.init_pair(PAIR_DIM, COLOR_CYAN, -1);
	curses.init_pair(PAIR_WARN, COLOR_YELLOW, -1);
}

/* ---- lines ---- */

static void put(const struct watch *watch, size_t y, size_t x, attr_t attributes, short pair, const char *text)
{
	char *line = text_escape(text);
	size_t len = strlen(line);

	if (y < watch->height && x < watch->width) {
		while (len && text_width(line) > watch->width - x) {
			while (--len && (line[len] & 0xc0) == 0x80)
				;
			line[len] = '\0';
		}
		curses.wattr_set(watch->window, attributes, watch->has_colours ? pair : 0, NULL);
		curses.wmove(watch->window, (int)y, (int)x);
		curses.waddnstr(watch->window, line, (int)len);
	}
	free(line);
}

static void put_class(const struct watch *watch, size_t y, size_t x, size_t class)
{
	char letter[2] = { watch->picture->classes[class].letter };

	put(watch, y, x, A_NORMAL, (short)(PAIR_CLASS + class), letter);
}

static void put_tile(const struct watch *watch, size_t y, size_t x, const struct picture_tile *tile,
		     const struct picture_layout *layout)
{
	bool is_going = tile->block->state == MO_STATE_GOING_OFFLINE;
	uint8_t classes[TILE_MAX];

	picture_letters(watch->picture, tile, layout->tile_width, classes);
	for (size_t i = 0; i < layout->tile_width; i++) {
		if (is_going && !layout->gap_width)
			put(watch, y, x + i, A_BOLD, PAIR_WARN, "*");
		else
			put_class(watch, y, x + i, classes[i]);
	}
	if (is_going && layout->gap_width) {
		put(watch, y, x - 1, A_BOLD, PAIR_WARN, "[");
		put(watch, y, x + layout->tile_width, A_BOLD, PAIR_WARN, "]");
	}
}

static void put_row(const struct watch *watch, size_t y, const struct picture_tile *tiles, size_t nr,
		    const struct picture_layout *layout)
{
	char label[16];

	snprintf(label, sizeof(label), "%*" PRIu32, (int)layout->label_width - 1, tiles->block->number);
	put(watch, y, 0, A_NORMAL, PAIR_DIM, label);
	for (size_t i = 0, x = layout->label_width; i < nr; i++, x += layout->tile_width + layout->gap_width)
		put_tile(watch, y, x, &tiles[i], layout);
}

/* ---- the screen: a line on top, the picture, two lines below ---- */

#define LINES_BESIDE 3

static size_t lines_shown(const struct watch *watch)
{
	return watch->height > LINES_BESIDE ? watch->height - LINES_BESIDE : 1;
}

/* True: line LINE of the picture is on the screen, at *Y. */
static bool is_shown(const struct watch *watch, size_t line, size_t *y)
{
	*y = line - watch->top + 1;
	return line >= watch->top && line < watch->top + lines_shown(watch);
}

static void put_group(struct watch *watch, const struct picture_group *group, const struct picture_layout *layout)
{
	char title[300];
	size_t y;

	snprintf(title, sizeof(title), "%s: %s", group->title, group->detail);
	if (is_shown(watch, watch->nr_lines++, &y))
		put(watch, y, 0, A_BOLD, 0, title);
	for (size_t i = 0, nr; i < group->nr; i += nr) {
		nr = picture_row(watch->picture, group, i, layout->per_row);
		if (is_shown(watch, watch->nr_lines++, &y))
			put_row(watch, y, &watch->picture->tiles[group->first + i], nr, layout);
	}
}

/* All of it on the screen, where that is possible. */
static void put_picture(struct watch *watch)
{
	size_t nr_groups = watch->picture->nr_groups, room = lines_shown(watch);
	size_t nr_rows = room > nr_groups ? room - nr_groups : 1;
	struct picture_layout layout = picture_lay_out(watch->picture, watch->width, nr_rows);

	watch->nr_lines = 0;
	for (size_t i = 0; i < nr_groups; i++)
		put_group(watch, &watch->picture->groups[i], &layout);
}

static void put_legend(const struct watch *watch, size_t y)
{
	const struct picture *picture = watch->picture;
	size_t x = 0;

	for (size_t i = 0; i < picture->nr_classes; i++) {
		char *name = text_escape(picture->classes[i].name);

		if (picture->classes[i].nr_pages && x + text_width(name) + 2 <= watch->width) {
			put_class(watch, y, x, i);
			put(watch, y, x + 2, A_NORMAL, 0, name);
			x += text_width(name) + 4;
		}
		free(name);
	}
}

/* What is going on, or else which keys there are. */
static void put_status(const struct watch *watch, size_t y)
{
	char line[160];

	snprintf(line, sizeof(line), "q quit  b by %s  ? help%s%s", picture_by_names[watch->picture->by],
		 watch->nr_lines > lines_shown(watch) ? "  arrows scroll" : "",
		 *picture_problem(watch->picture) ? "  not all could be read, see ?" : "");
	for (size_t i = 0; i < watch->picture->nr_tiles; i++) {
		const struct picture_tile *tile = &watch->picture->tiles[i];
		uint64_t page_bytes = watch->picture->block_bytes / watch->picture->block_pages;

		if (tile->block->state != MO_STATE_GOING_OFFLINE)
			continue;
		snprintf(line, sizeof(line), "memory%" PRIu32 " is going offline: %s left", tile->block->number,
			 text_bytes(tile->area->content.move_pages * page_bytes).text);
		put(watch, y, 0, A_BOLD, PAIR_WARN, line);
		return;
	}
	put(watch, y, 0, A_NORMAL, PAIR_DIM, line);
}

/* On as many lines as it takes. */
static void put_text(struct watch *watch, const char *text)
{
	size_t y, len;
	char line[1024];

	for (; *text; text += len) {
		len = strnlen(text, watch->width < sizeof(line) ? watch->width : sizeof(line) - 1);
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if (is_shown(watch, watch->nr_lines++, &y))
			put(watch, y, 0, A_NORMAL, 0, line);
	}
}

static void put_help(struct watch *watch)
{
	static const char *const keys[] = {
		"q         quit", "b         kind, movability, zone, node, owner", "arrows    up and down",
		"PageUp    a screen up", "PageDown  a screen down", "Home End  to the ends", "?         back",
	};
	const struct picture *picture = watch->picture;
	size_t y;

	watch->nr_lines = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_text(watch, keys[i]);
	put_text(watch, "[...] or * is going offline.");
	put_text(watch, picture_hint(picture));
	put_text(watch, picture_problem(picture));
	for (size_t i = 0; i < picture->nr_classes; i++) {
		if (!picture->classes[i].nr_pages || !is_shown(watch, watch->nr_lines++, &y))
			continue;
		put_class(watch, y, 0, i);
		put(watch, y, 2, A_NORMAL, 0, picture_legend(picture, &picture->classes[i]).text);
	}
}

static void draw(struct watch *watch)
{
	curses.werase(watch->window);
	put(watch, 0, 0, A_BOLD, 0, picture_summary(watch->picture).text);
	if (watch->shows_help)
		put_help(watch);
	else
		put_picture(watch);
	if (watch->height > LINES_BESIDE) {
		put_legend(watch, watch->height - 2);
		put_status(watch, watch->height - 1);
	}
	curses.wrefresh(watch->window);
}

/* ---- what changes ---- */

static void make_picture(struct watch *watch)
{
	picture_free(watch->picture);
	watch->picture = picture_new(watch->map, watch->by);
	choose_colours(watch);
}

/* 0, or negative errno: then it is drawn as it was. */
static int read_all(struct watch *watch)
{
	struct mo_memory *memory;
	struct mo_map *map;
	int err = mo_memory_read(watch->call->ctx, &memory);

	if (err)
		return err;
	err = mo_map_new(memory, watch->by == BY_OWNER ? MO_MAP_OWNERS : 0, &map);
	mo_memory_unref(memory);
	if (err)
		return err;
	mo_map_unref(watch->map);
	watch->map = map;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void look(struct watch *watch)
{
	const struct mo_event *event;
	int64_t begin_ms = now_ms();

	while (watch->monitor && mo_monitor_next(watch->monitor, &event) > 0)
		;
	/* Tiles point into the map. */
	if (mo_map_refresh(watch->map, watch->picture->is_going ? LOOK_GOING_LIMIT_MS : LOOK_LIMIT_MS) == 1)
		read_all(watch);
	make_picture(watch);
	watch->pause_ms = watch->picture->is_going ? LOOK_GOING_MS : LOOK_MS;
	if (LOOK_PAUSE * (now_ms() - begin_ms) > watch->pause_ms)
		watch->pause_ms = LOOK_PAUSE * (int)(now_ms() - begin_ms);
}

static void change_by(struct watch *watch)
{
	watch->by = (watch->by + 1) % NR_BY;
	if (watch->by == BY_OWNER || watch->by == 0)
		read_all(watch);
	make_picture(watch);
}

static void scroll_to(struct watch *watch, size_t top)
{
	size_t last = watch->nr_lines > lines_shown(watch) ? watch->nr_lines - lines_shown(watch) : 0;

	watch->top = top < last ? top : last;
}

static void press(struct watch *watch, int key)
{
	size_t page = lines_shown(watch);

	switch (key) {
	case 'q':
		watch->ends = true;
		break;
	case 'b':
		change_by(watch);
		break;
	case '?':
	case 'h':
		watch->shows_help = !watch->shows_help;
		watch->top = 0;
		break;
	case KEY_UP:
	case KEY_PPAGE:
		page = key == KEY_UP ? 1 : page;
		scroll_to(watch, watch->top > page ? watch->top - page : 0);
		break;
	case KEY_DOWN:
	case KEY_NPAGE:
		scroll_to(watch, watch->top + (key == KEY_DOWN ? 1 : page));
		break;
	case KEY_HOME:
		watch->top = 0;
		break;
	case KEY_END:
		scroll_to(watch, SIZE_MAX);
		break;
	}
}

/* ---- the loop ---- */

static void hear_keys(struct watch *watch)
{
	int key = curses.wgetch(watch->window);

	watch->ends |= key == ERR;	/* there was something to read, and it was the end */
	for (; key != ERR; key = curses.wgetch(watch->window))
		press(watch, key);
}

static void hear_signal(struct watch *watch)
{
	int signal = signals_next(watch->signal_fd);

	if (signal == SIGWINCH)
		resize(watch);
	else if (signal)
		watch->ends = true;
}

static void run(struct watch *watch)
{
	struct pollfd fds[] = {
		{ STDIN_FILENO, POLLIN, 0 }, { watch->signal_fd, POLLIN, 0 },
		{ watch->monitor ? mo_monitor_fd(watch->monitor) : -1, POLLIN, 0 },
	};

	while (!watch->ends) {
		int nr;

		draw(watch);
		nr = poll(fds, 3, watch->pause_ms);
		if (nr > 0 && fds[1].revents)
			hear_signal(watch);
		else if (nr > 0 && fds[0].revents)
			hear_keys(watch);
		else if (nr >= 0)
			look(watch);
		if (nr > 0)
			scroll_to(watch, watch->top);
	}
}

int watch_run(struct call *call, enum picture_by by, enum out_depth depth)
{
	struct watch watch = { .call = call, .by = by, .depth = depth };
	int err = read_all(&watch);
	sigset_t old;

	if (err)
		return tell_error(call, err);
	if (mo_monitor_new(call->ctx, &watch.monitor))
		watch.monitor = NULL;	/* of a recorded machine there are no events */
	watch.signal_fd = signals_catch(SIGWINCH, &old);
	err = open_terminal(&watch);
	if (!err) {
		mo_ctx_set_log(call->ctx, NULL, NULL, MO_LOG_ERR);	/* lines would stand in the picture */
		measure(&watch);
		make_picture(&watch);
		run(&watch);
		restore_terminal();
	}
	picture_free(watch.picture);
	mo_map_unref(watch.map);
	mo_monitor_unref(watch.monitor);
	signals_release(watch.signal_fd, &old);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
