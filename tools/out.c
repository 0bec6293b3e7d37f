// SPDX-License-Identifier: GPL-2.0-only
/* Lines of text: results, errors, log; and the end of output, where a full disk shows. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

#define TEXT_MIN 24	/* columns */

static void (*eraser)(void);

void out_set_eraser(void (*erase)(void))
{
	eraser = erase;
}

bool out_is_terminal(FILE *file)
{
	return isatty(fileno(file));
}

size_t out_width(FILE *file)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? (size_t)atoi(columns) : 80;
}

size_t out_height(FILE *file)
{
	struct winsize size;

	return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

bool out_can_redraw(FILE *file)
{
	const char *term = getenv("TERM");

	return out_is_terminal(file) && term && strcmp(term, "dumb");
}

bool out_colours(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	return out_can_redraw(file) && !(no_color && *no_color);
}

enum out_depth out_depth(FILE *file)
{
	const char *more = getenv("COLORTERM"), *term = getenv("TERM");

	if (!out_colours(file))
		return DEPTH_NONE;
	if (more && (!strcmp(more, "truecolor") || !strcmp(more, "24bit")))
		return DEPTH_RGB;
	return strstr(term, "-direct") ? DEPTH_RGB : strstr(term, "256color") ? DEPTH_256 : DEPTH_16;
}

const char *out_colour(FILE *file, enum out_colour colour)
{
	static const char * const sequences[] = { "\033[0m", "\033[32m", "\033[33m", "\033[31m", "\033[1m" };

	return out_colours(file) ? sequences[colour] : "";
}

/* Length of the part of TEXT that fits into WIDTH columns, at least one word. */
static size_t line_length(const char *text, size_t width)
{
	size_t best = 0;

	for (size_t i = 0; text[i]; ) {
		size_t end = i + strcspn(text + i, " ");
		char *part = strndup(text, end);
		bool fits = part && text_width(part) <= width;

		free(part);
		if (!fits && best)
			return best;
		best = end;
		i = end + strspn(text + end, " ");
		if (!fits)
			return best;
	}
	return best;
}

/* LABEL, and where it leaves no room for the first word of TEXT, a new line. Returns the column. */
static size_t print_label(FILE *file, const char *label, const char *text, size_t width, size_t hang)
{
	size_t indent = text_width(label), len = strlen(label);

	if (!indent || indent + line_length(text, 1) <= width) {
		fputs(label, file);
		return indent;
	}
	while (len && label[len - 1] == ' ')
		len--;
	fprintf(file, "%.*s\n%*s", (int)len, label, (int)hang, "");
	return hang;
}

static void print_wrapped(FILE *file, const char *label, const char *text)
{
	size_t indent = text_width(label), width = SIZE_MAX, hang = indent, column;

	if (out_is_terminal(file))
		width = out_width(file);
	if (indent + TEXT_MIN > width)
		hang = 2;	/* too narrow to stand beside its label */
	column = print_label(file, label, text, width, hang);
	for (;;) {
		size_t len = strspn(text, " ");

		len += line_length(text + len, width > column + len ? width - column - len : 1);
		fwrite(text, 1, len, file);
		fputc('\n', file);
		text += len + strspn(text + len, " ");
		if (!*text)
			return;
		fprintf(file, "%*s", (int)hang, "");
		column = hang;
	}
}

static void vprint(FILE *file, const char *label, const char *fmt, va_list args)
{
	char *line, *escaped;

	if (vasprintf(&line, fmt, args) < 0)
		out_of_memory();
	escaped = text_escape(line);
	free(line);
	print_wrapped(file, label, escaped);
	free(escaped);
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint(stdout, "", fmt, args);
	va_end(args);
}

void say_item(const char *label, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint(stdout, label, fmt, args);
	va_end(args);
}

static void erase(void)
{
	fflush(stdout);
	if (eraser)
		eraser();
}

void tell(const char *fmt, ...)
{
	va_list args;

	erase();
	va_start(args, fmt);
	vprint(stderr, "memoffline: ", fmt, args);
	va_end(args);
}

int tell_error(const struct call *call, int err)
{
	const char *why = mo_ctx_error(call->ctx);
	struct json_object *object;

	if (!*why)
		why = text_error(err);
	tell("%s", why);
	if (call->json) {
		object = json_new();
		json_text(object, "status", "failed");
		json_number(object, "errno", -err);
		json_text(object, "error", strerrorname_np(-err) ? strerrorname_np(-err) : "");
		json_text(object, "message", why);
		json_print(object, false);
	}
	return EXIT_FAILURE;
}

void out_of_memory(void)
{
	fputs("memoffline: no memory left for the command's own output; free some and try again\n", stderr);
	exit(EXIT_FAILURE);
}

void no_library(const char *why)
{
	fprintf(stderr, "memoffline: can't print this: %s; install that library\n", why);
	exit(EXIT_FAILURE);
}

void out_log(void *data, enum mo_log_level level, const char *line)
{
	char *escaped = text_escape(line);

	(void)data;
	erase();
	fprintf(stderr, "memoffline: %s%s\n", level <= MO_LOG_WARNING ? "warning: " : "", escaped);
	free(escaped);
}

static bool is_pipe(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && (S_ISFIFO(stat.st_mode) || S_ISSOCK(stat.st_mode));
}

int out_close(int status)
{
	bool failed = ferror(stdout), is_read = is_pipe(STDOUT_FILENO);

	if (failed)
		putchar('\n');	/* what failed has not kept the reason; closing has it again */
	errno = 0;
	if (fclose(stdout) == 0 && !failed)
		return status;
	/* Whoever read has read enough (memoffline list | head). */
	if (is_read)
		return status;
	fprintf(stderr, "memoffline: can't write to standard output: %s; the result is incomplete\n",
		errno ? strerror(errno) : "write error");
	return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}
