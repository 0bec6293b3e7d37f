// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* What a healthy kernel never prints. */
static const char *const splats[] = {
	"WARNING: CPU:",
	"WARNING: possible ",	/* lockdep */
	"WARNING: inconsistent ",
	"WARNING: bad unlock ",
	"WARNING: held lock freed",
	"WARNING: lock held ",
	"WARNING: suspicious RCU",
	"WARNING: Nested lock",
	"WARNING: at ",
	"BUG: ",
	"kernel BUG at",
	"Oops: ",
	"general protection fault",
	"Unable to handle kernel",
	"Kernel panic",
	"KASAN:",
	"UBSAN:",
	"blocked for more than",	/* hung task */
	"detected stalls on CPUs",
	"self-detected stall",
	"detected expedited stalls",
	"unreferenced object",	/* kmemleak */
	"Bad page ",
	"kernel memory leak",
};

static int is_splat(const char *line)
{
	size_t i;

	for (i = 0; i < sizeof(splats) / sizeof(splats[0]); i++)
		if (strstr(line, splats[i]))
			return 1;
	return 0;
}

void console_mark(struct console *c)
{
	if (!c->nr_excerpt)
		c->excerpt_left = EXCERPT_LINES;
}

static void judge_line(struct console *c)
{
	if (is_splat(c->line)) {
		if (!c->nr_splats++)
			console_mark(c);
		if (strstr(c->line, "Kernel panic"))
			c->panicked = 1;
	}
	if (c->excerpt_left > 0) {
		c->excerpt_left--;
		c->excerpt[c->nr_excerpt++] = strdup(c->line);
	}
	free(c->tail[c->tail_at]);
	c->tail[c->tail_at] = strdup(c->line);
	c->tail_at = (c->tail_at + 1) % EXCERPT_LINES;
}

void console_end(struct console *c)
{
	if (!c->line_len)
		return;
	c->line[c->line_len] = 0;
	fprintf(c->log, "%s\n", c->line);
	fflush(c->log);
	if (c->echo)
		fprintf(stderr, "%s\r\n", c->line);
	judge_line(c);
	c->line_len = 0;
}

void console_take(struct console *c, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] == '\n' || c->line_len == sizeof(c->line) - 1)
			console_end(c);
		if (data[i] != '\n' && data[i] != '\r')
			c->line[c->line_len++] = data[i];
	}
}

void console_show_excerpt(const struct console *c, FILE *to)
{
	int i;

	for (i = 0; i < c->nr_excerpt; i++)
		fprintf(to, "    %s\n", c->excerpt[i]);
}

void console_show_tail(const struct console *c, FILE *to)
{
	int i, at;

	for (i = EXCERPT_LINES / 2; i < EXCERPT_LINES; i++) {
		at = (c->tail_at + i) % EXCERPT_LINES;
		if (c->tail[at])
			fprintf(to, "    %s\n", c->tail[at]);
	}
}
