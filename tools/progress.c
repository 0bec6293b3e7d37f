// SPDX-License-Identifier: GPL-2.0-only
/* How far it is, on standard error: one line redrawn on a terminal, a line for each step elsewhere. */
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

#define WIDTH_MAX 512
#define BAR_MAX 30
#define BAR_MIN 6

static struct {
	const struct call *call;
	int stop_fd;
	uint64_t page_bytes;
	bool terminal;
	bool drawn;		/* a line stands on the terminal that has to go before other output */
	enum mo_phase told;	/* last phase that got a line of its own */
	uint32_t told_block;
	int32_t told_pid;
	uint32_t told_remedy;
	bool begun;
} progress;

static void erase_line(void)
{
	if (!progress.drawn)
		return;
	fputs("\r\033[K", stderr);
	progress.drawn = false;
}

/* ---- one line, redrawn ---- */

struct line {
	char text[4 * WIDTH_MAX];
	size_t len;		/* bytes */
	size_t width, max_width;	/* columns */
	bool full;
};

static bool line_vtry(struct line *line, const char *fmt, va_list args)
{
	char part[256];
	int len = vsnprintf(part, sizeof(part), fmt, args);

	if (line->full || len < 0 || (size_t)len >= sizeof(part))
		return false;
	if (line->width + text_width(part) + 1 + BAR_MIN > line->max_width)
		return false;
	line->text[line->len++] = ' ';
	memcpy(line->text + line->len, part, (size_t)len);
	line->len += (size_t)len;
	line->width += text_width(part) + 1;
	return true;
}

/* False: it does not fit, with BAR_MIN columns for the bar, and something shorter may be tried. */
static bool line_try(struct line *line, const char *fmt, ...) OUT_PRINTF(2, 3);
static bool line_try(struct line *line, const char *fmt, ...)
{
	va_list args;
	bool fits;

	va_start(args, fmt);
	fits = line_vtry(line, fmt, args);
	va_end(args);
	return fits;
}

/* What does not fit is left out, and so is what comes after it. */
static void line_add(struct line *line, const char *fmt, ...) OUT_PRINTF(2, 3);
static void line_add(struct line *line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line->full = !line_vtry(line, fmt, args);
	va_end(args);
}

static double share_done(const struct mo_progress *now)
{
	double share = now->nr_blocks ? (double)now->nr_done / now->nr_blocks : 1;

	if (now->phase != MO_PHASE_ROLLBACK && now->pages_total && now->pages_left <= now->pages_total)
		share = 1 - (double)now->pages_left / (double)now->pages_total;
	return share;
}

static void draw_bar(double share, size_t width)
{
	size_t inner = width > BAR_MAX ? BAR_MAX - 2 : width - 2;
	size_t full = (size_t)(share * (double)inner);

	fputc('[', stderr);
	for (size_t i = 0; i < inner; i++)
		fputc(i < full ? '#' : '-', stderr);
	fputc(']', stderr);
}

static void add_rate(struct line *line, const struct mo_progress *now)
{
	uint64_t moved = now->pages_total > now->pages_left ? now->pages_total - now->pages_left : 0;

	if (moved && now->elapsed_ms && now->stuck_pfn == UINT64_MAX)
		line_add(line, "%s/s", text_bytes(moved * progress.page_bytes * 1000 / now->elapsed_ms).text);
}

/* Who holds the page says more than where it is; before that is known, its kind does. */
static void add_stuck(struct line *line, const struct mo_progress *now)
{
	const struct mo_owner *owner = now->stuck_owner;
	char *comm;

	if (owner) {
		comm = text_escape(owner->comm);
		if (!line_try(line, "stuck on pid %" PRId32 " (%s)", owner->pid, comm))
			line_add(line, "stuck on pid %" PRId32, owner->pid);
		free(comm);
	} else if (now->stuck_kind == MO_KIND_NR ||
		   !line_try(line, "stuck at pfn 0x%" PRIx64 " (%s)", now->stuck_pfn, mo_kind_name(now->stuck_kind))) {
		line_add(line, "stuck at pfn 0x%" PRIx64, now->stuck_pfn);
	}
}

static void add_pages(struct line *line, const struct mo_progress *now)
{
	line_add(line, "%s left", text_bytes(now->pages_left * progress.page_bytes).text);
	if (now->eta_ms != UINT64_MAX)
		line_add(line, "eta %s", text_seconds(now->eta_ms).text);
	add_rate(line, now);
	if (now->stuck_owner && now->stuck_pfn != UINT64_MAX)
		line_add(line, "pfn 0x%" PRIx64, now->stuck_pfn);
	line_add(line, "%s to go", text_pages(now->pages_left).text);
}

/* What is worked on. */
static struct text subject(const struct mo_progress *now)
{
	struct text out;

	if (now->pid)
		snprintf(out.text, sizeof(out.text), "pid %" PRId32, now->pid);
	else
		snprintf(out.text, sizeof(out.text), "memory%" PRIu32, now->block);
	return out;
}

/* Most important first: what does not fit is left out. */
static void draw(const struct mo_progress *now)
{
	size_t width = out_width(stderr);
	struct line line = { .max_width = width < WIDTH_MAX ? width - 1 : WIDTH_MAX - 1 };

	line_add(&line, "%" PRIu32 "/%" PRIu32, now->nr_done, now->nr_blocks);
	if (now->phase == MO_PHASE_LOCK)
		line_add(&line, "waits for lock");
	if (now->phase == MO_PHASE_REMEDY)
		line_add(&line, "remedy %s", mo_remedy_name(now->remedy));
	if (now->phase == MO_PHASE_ROLLBACK)
		line_add(&line, "rolling back");
	else if (now->stuck_pfn != UINT64_MAX)
		add_stuck(&line, now);
	if (now->pages_total && now->phase != MO_PHASE_ROLLBACK)
		add_pages(&line, now);
	line_add(&line, "%s", subject(now).text);
	fputs("\r", stderr);
	draw_bar(share_done(now), line.max_width > line.width + BAR_MIN ? line.max_width - line.width : BAR_MIN);
	fprintf(stderr, "%.*s\033[K", (int)line.len, line.text);
	fflush(stderr);
	progress.drawn = true;
}

/* ---- a line for each step ---- */

static void print_done(const struct mo_progress *now)
{
	if (now->error)
		fprintf(stderr, "%s: failed, %s (%s)\n", subject(now).text, text_error(now->error),
			text_seconds(now->elapsed_ms).text);
	else
		fprintf(stderr, "%s: done, %" PRIu32 " of %" PRIu32 " (%s)\n", subject(now).text, now->nr_done,
			now->nr_blocks, text_seconds(now->elapsed_ms).text);
}

static void print_step(const struct mo_progress *now)
{
	if (progress.begun && now->phase == progress.told && now->block == progress.told_block &&
	    now->pid == progress.told_pid && now->remedy == progress.told_remedy)
		return;
	if (now->phase == MO_PHASE_DONE)
		print_done(now);
	else if (now->phase == MO_PHASE_ROLLBACK)
		fprintf(stderr, "memory%" PRIu32 ": rolling back\n", now->block);
	else if (now->phase == MO_PHASE_REMEDY)
		fprintf(stderr, "memory%" PRIu32 ": remedy %s\n", now->block, mo_remedy_name(now->remedy));
	else if (now->phase == MO_PHASE_LOCK)
		fprintf(stderr, "waits for another hotplug operation\n");
}

static bool is_stopped(void)
{
	struct pollfd poll_fd = { progress.stop_fd, POLLIN, 0 };

	return progress.stop_fd >= 0 && poll(&poll_fd, 1, 0) == 1;
}

/* Once, when the way back begins: a person who pressed Ctrl-C wants to know that it was heard. */
static void tell_rollback(const struct mo_progress *now)
{
	if (now->phase != MO_PHASE_ROLLBACK || (progress.begun && progress.told == MO_PHASE_ROLLBACK))
		return;
	if (is_stopped())
		tell("stopped by a signal: rolling back, please wait");
	else if (progress.terminal)
		tell("a block failed: rolling back");
}

/* A terminal held by Ctrl-S, or a pipe that nobody reads, must not hold up the deadline: what it misses is progress. */
static bool can_write(void)
{
	struct pollfd poll_fd = { STDERR_FILENO, POLLOUT, 0 };

	return poll(&poll_fd, 1, 0) == 1;
}

void progress_show(void *data, const struct mo_progress *now)
{
	(void)data;
	if (progress.call->quiet || !can_write())
		return;
	tell_rollback(now);
	if (progress.terminal)
		draw(now);
	else
		print_step(now);
	progress.begun = true;
	progress.told = now->phase;
	progress.told_block = now->block;
	progress.told_pid = now->pid;
	progress.told_remedy = now->remedy;
}

void progress_begin(const struct call *call, int stop_fd, uint64_t page_bytes)
{
	progress.call = call;
	progress.stop_fd = stop_fd;
	progress.page_bytes = page_bytes;
	progress.terminal = out_can_redraw(stderr);
	progress.begun = false;
	out_set_eraser(erase_line);
}

void progress_end(void)
{
	erase_line();
	out_set_eraser(NULL);
}
