// SPDX-License-Identifier: GPL-2.0-only
/* Options from tables: getopt's, the help's, and the ones that every command has. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

static const struct option_text global_options[] = {
	{ 'J', "json", NULL, "print JSON; the schema is in docs/json.md" },
	{ 's', "sysroot", "DIR", "look at DIR, a recorded tree, or a file of 'memoffline bundle', instead of at this machine" },
	{ OPTION_RUN_DIR, "run-dir", "DIR", "lock, journal and reports are in DIR, not in /run/memoffline" },
	{ OPTION_STATE_DIR, "state-dir", "DIR", "the history is in DIR, not in /var/lib/memoffline; \"\": none is kept" },
	{ 'v', "verbose", NULL, "more detail; twice: also what the library does" },
	{ 'q', "quiet", NULL, "no progress, no notes" },
	{ 'h', "help", NULL, "print this help" },
	{ 'V', "version", NULL, "print the version" },
	{ 0 }
};

void usage_error(const struct call *call, const char *fmt, ...)
{
	const char *name = call->command ? call->command->name : "";
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	tell("%s; try 'memoffline%s%s --help'", line, *name ? " " : "", name);
	exit(out_close(EXIT_USAGE));
}

static void add_options(struct call *call, const struct option_text *texts, size_t *nr, char **shorts)
{
	for (; texts && texts->name; texts++) {
		int has_arg = !texts->arg ? no_argument : *texts->arg == '[' ? optional_argument : required_argument;

		call->longs[(*nr)++] = (struct option){ texts->name, has_arg, NULL, texts->id };
		if (texts->id > 255)
			continue;
		*(*shorts)++ = (char)texts->id;
		for (int i = 0; i < has_arg; i++)	/* one colon: required, two: optional */
			*(*shorts)++ = ':';
	}
}

void call_begin(struct call *call, const struct command *command, int argc, char **argv)
{
	char *shorts = call->shorts;
	size_t nr = 0;

	call->command = command;
	call->argc = argc;
	call->argv = argv;
	*shorts++ = command ? ':' : '+';	/* before the command is known, stop at its name */
	if (!command)
		*shorts++ = ':';
	if (command)
		add_options(call, command->options, &nr, &shorts);
	add_options(call, global_options, &nr, &shorts);
	call->longs[nr] = (struct option){ 0 };
	*shorts = '\0';
	opterr = 0;
	optind = 0;
}

static void global_option(struct call *call, int id)
{
	int err = 0;

	switch (id) {
	case 'J':
		call->json = true;
		json_open();
		break;
	case 's':
		err = mo_ctx_set_sysroot(call->ctx, optarg);
		break;
	case OPTION_RUN_DIR:
		err = mo_ctx_set_run_dir(call->ctx, optarg);
		break;
	case OPTION_STATE_DIR:
		err = mo_ctx_set_state_dir(call->ctx, optarg);
		break;
	case 'v':
		mo_ctx_set_log(call->ctx, out_log, call, ++call->verbose > 1 ? MO_LOG_DEBUG : MO_LOG_INFO);
		break;
	case 'q':
		call->quiet = true;
		break;
	case 'h':
		print_help(call);
	case 'V':
		puts("memoffline " PACKAGE_VERSION);
		exit(out_close(EXIT_SUCCESS));
	}
	if (err)
		exit(out_close(tell_error(call, err)));
}

static _Noreturn void bad_option(const struct call *call, int id)
{
	const char *word = call->argv[optind - 1];
	bool is_long = optopt == 0 || optopt > 255 || !strncmp(word, "--", 2);

	if (id == ':' && is_long)
		usage_error(call, "%s needs an argument", word);
	if (id == ':')
		usage_error(call, "-%c needs an argument", optopt);
	if (is_long && optopt)
		usage_error(call, "%.*s takes no argument", (int)strcspn(word, "="), word);
	if (is_long)
		usage_error(call, "there is no option %s, or it is short for several", word);
	usage_error(call, "there is no option -%c", optopt);
}

static bool is_global(int id)
{
	for (const struct option_text *text = global_options; text->name; text++)
		if (text->id == id)
			return true;
	return false;
}

int call_option(struct call *call)
{
	int id;

	for (;;) {
		id = getopt_long(call->argc, call->argv, call->shorts, call->longs, NULL);
		if (id == '?' || id == ':')
			bad_option(call, id);
		if (id == -1) {
			call->argc -= optind;
			call->argv += optind;
			return -1;
		}
		if (!is_global(id))
			return id;
		global_option(call, id);
	}
}

const char *call_one_arg(struct call *call, const char *what)
{
	if (call->argc > 1)
		usage_error(call, "one %s at a time, and '%s' is a second", what, call->argv[1]);
	return call->argc ? call->argv[0] : NULL;
}

void call_no_args(struct call *call)
{
	if (call->argc)
		usage_error(call, "%s takes no argument, and '%s' is one", call->command->name, call->argv[0]);
}

void print_options(const struct option_text *options)
{
	for (; options && options->name; options++) {
		char left[64], label[80], letter[8] = "    ";
		const char *arg = options->arg ? options->arg : "";

		if (options->id < 256)
			snprintf(letter, sizeof(letter), "-%c, ", options->id);
		/* "[WHEN]" is glued to its option with an equals sign inside the brackets. */
		if (*arg == '[')
			snprintf(left, sizeof(left), "%s--%s[=%s", letter, options->name, arg + 1);
		else
			snprintf(left, sizeof(left), "%s--%s%s%s", letter, options->name, *arg ? " " : "", arg);
		snprintf(label, sizeof(label), "  %-22s ", left);
		say_item(label, "%s", options->text);
	}
}

void print_global_options(void)
{
	print_options(global_options);
}

void print_help(const struct call *call)
{
	const struct command *command = call->command;

	if (!command)
		cmd_help();
	printf("Usage: memoffline %s [OPTION...]%s%s\n\n", command->name, *command->args ? " " : "", command->args);
	say("%s", command->about);
	if (command->options) {
		puts("\nOptions:");
		print_options(command->options);
	}
	puts("\nOptions of every command:");
	print_global_options();
	if (command->help)
		command->help();
	printf("\nExit status:\n%s\nExamples:\n%s\nSee memoffline(8).\n", command->exits, command->examples);
	exit(out_close(EXIT_SUCCESS));
}

uint64_t parse_size(const struct call *call, const char *name, const char *text)
{
	static const char units[] = "bkmgtpe";
	uint64_t size = 0;
	const char *unit;
	char *end;

	errno = 0;
	if (*text >= '0' && *text <= '9')
		size = strtoull(text, &end, 10);
	else
		end = (char *)text;
	unit = *end ? strchr(units, *end | 0x20) : units;
	if (end == text || errno || !unit || (*end && end[1]) || !size || size > UINT64_MAX >> (10 * (unit - units)))
		usage_error(call, "--%s takes a size like 512m, 4g or 1t, not '%s'", name, text);
	return size << (10 * (unit - units));
}

uint32_t parse_seconds(const struct call *call, const char *name, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !isfinite(seconds) || seconds < 0 || seconds > 4000000)
		usage_error(call, "--%s takes seconds, 0 to 4000000, like 30 or 0.5, not '%s'", name, text);
	return (uint32_t)ceil(seconds * 1000);
}

uint32_t parse_number(const struct call *call, const char *name, const char *text, uint32_t max)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > max)
		usage_error(call, "%s takes a number from 0 to %" PRIu32 ", not '%s'", name, max, text);
	return (uint32_t)number;
}

static bool skip_digits(const char **at)
{
	size_t len = strspn(*at, "0123456789");

	*at += len;
	return len;
}

/* Which of them there are is the library's business. */
const char *parse_nodes(const struct call *call, const char *name, const char *text)
{
	for (const char *at = text; skip_digits(&at); at++) {
		if (*at == '-' && (at++, !skip_digits(&at)))
			break;
		if (!*at)
			return text;
		if (*at != ',')
			break;
	}
	usage_error(call, "%s takes nodes like 0 or 0,2-3, not '%s'", name, text);
}
