// SPDX-License-Identifier: GPL-2.0-only
/* memoffline: take memory out of a running machine. The table of commands, and the way to them. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

static const struct command * const commands[] = {
	&cmd_list, &cmd_show, &cmd_map, &cmd_plan, &cmd_why, &cmd_offline, &cmd_online, &cmd_migrate, &cmd_drain,
	&cmd_remove, &cmd_recover, &cmd_retire, &cmd_report, &cmd_monitor, &cmd_doctor, &cmd_bundle,
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void cmd_help(void)
{
	char label[32];

	puts("Usage: memoffline [OPTION...] COMMAND [ARG...]\n\n"
	     "Take memory out of a running machine, and say exactly why when it can't go.\n\n"
	     "Commands:");
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		snprintf(label, sizeof(label), "  %-9s ", commands[i]->name);
		say_item(label, "%s", commands[i]->summary);
	}
	puts("\nOptions:");
	print_global_options();
	puts("\nBegin with 'memoffline list' and 'memoffline plan TARGET': they write nothing.\n"
	     "'memoffline COMMAND --help' says more, and so does memoffline(8).");
	exit(out_close(EXIT_SUCCESS));
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

/* Letters to add, drop or change to make one word of the other. */
static size_t word_distance(const char *from, const char *to)
{
	size_t row[32], len = strlen(to);

	if (len >= 32)
		return len;
	for (size_t i = 0; i <= len; i++)
		row[i] = i;
	for (size_t y = 0; from[y]; y++) {
		size_t diagonal = row[0];

		row[0] = y + 1;
		for (size_t x = 1; x <= len; x++) {
			size_t above = row[x];

			row[x] = min3(above + 1, row[x - 1] + 1, diagonal + (from[y] != to[x - 1]));
			diagonal = above;
		}
	}
	return row[len];
}

static const struct command *find_command(const struct call *call, const char *name)
{
	const char *near = NULL;
	size_t best = 3;

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		size_t distance = strlen(name) < 32 ? word_distance(name, commands[i]->name) : best;

		if (!strcmp(name, commands[i]->name))
			return commands[i];
		if (distance < best && distance < strlen(name)) {
			best = distance;
			near = commands[i]->name;
		}
	}
	if (near)
		usage_error(call, "there is no command '%s', but there is '%s'", name, near);
	usage_error(call, "there is no command '%s'", name);
}

/* Where a standard stream is closed, the next file opened would get its number, and our messages: the journal, say. */
static void keep_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);	/* so that writing fails, as before */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* For a module that is not installed, as in tests. */
static void choose_module(struct mo_ctx *ctx)
{
	const char *path = getenv("MEMOFFLINE_MODULE");

	if (path && *path && mo_ctx_set_module(ctx, path))
		out_of_memory();
}

int main(int argc, char **argv)
{
	struct call call = { 0 };
	int status;

	keep_streams();
	signal(SIGPIPE, SIG_IGN);	/* a reader that left must not kill an offline in the middle */
	if (mo_ctx_new(&call.ctx))
		out_of_memory();
	choose_module(call.ctx);
	mo_ctx_set_log(call.ctx, out_log, &call, MO_LOG_WARNING);
	call_begin(&call, NULL, argc, argv);
	call_option(&call);		/* there are only global ones here */
	if (!call.argc)
		usage_error(&call, "which command?");
	if (!strcmp(call.argv[0], "help")) {
		call.command = call.argc > 1 ? find_command(&call, call.argv[1]) : NULL;
		print_help(&call);
	}
	call_begin(&call, find_command(&call, call.argv[0]), call.argc, call.argv);
	status = call.command->run(&call);
	mo_ctx_unref(call.ctx);
	return out_close(status);
}
