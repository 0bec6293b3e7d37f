// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of the kernel's log, as far as it is about memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"

#define LOG_BYTES_MAX (512u << 10)
#define RECORD_BYTES 16384	/* longer than any of /dev/kmsg */

struct log {
	char *text;		/* lines that are kept, the oldest first */
	size_t len;
	char rest[RECORD_BYTES];	/* a line whose end was not read yet */
	size_t rest_len;
	bool no_memory;
};

/* "6,339,5140900,-;text". Lines that begin with a blank say which device it is about. */
static bool is_about_memory(const char *line)
{
	static const char *const words[] = {
		"mem", "page", "offlin", "onlin", "migrat", "hotplug", "numa", "node", "zone", "swap", "pfn", "dax",
		"PNP0C80", "cma", "edac", "mce:", "hardware error", "oom", "out of mem", "slab", "poison",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (*line != ' ' && strcasestr(line, words[i]))
			return true;
	return false;
}

static void forget_half(struct log *log)
{
	char *start = memchr(log->text + log->len / 2, '\n', log->len - log->len / 2);
	size_t gone = start ? (size_t)(start + 1 - log->text) : log->len;

	log->len -= gone;
	memmove(log->text, log->text + gone, log->len);
}

static void keep(struct log *log, const char *line, size_t len)
{
	if (log->len + len > LOG_BYTES_MAX)
		forget_half(log);
	memcpy(log->text + log->len, line, len);
	log->len += len;
}

static void take_lines(struct log *log)
{
	char *line = log->rest, *end;

	while ((end = memchr(line, '\n', log->rest_len - (size_t)(line - log->rest)))) {
		*end = '\0';
		if (is_about_memory(line)) {
			*end = '\n';
			keep(log, line, (size_t)(end + 1 - line));
		}
		line = end + 1;
	}
	log->rest_len -= (size_t)(line - log->rest);
	memmove(log->rest, line, log->rest_len);
	if (log->rest_len == sizeof(log->rest))
		log->rest_len = 0;
}

/* A read gives one record; EPIPE: some were overwritten before they were read. */
static int read_log(struct log *log, int fd)
{
	ssize_t n;

	for (;;) {
		n = read(fd, log->rest + log->rest_len, sizeof(log->rest) - log->rest_len);
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n <= 0)
			return n < 0 && errno != EAGAIN ? -errno : 0;
		log->rest_len += (size_t)n;
		take_lines(log);
	}
}

static int add_log(struct mo_bundle *bundle, struct log *log, int fd)
{
	int err = read_log(log, fd);

	if (err)
		mo_bundle_miss(bundle, "/dev/kmsg", err);
	log->text[log->len] = '\0';
	return mo_bundle_add_text(bundle, MO_TEXT_FREE, "/memoffline/kernel.log", log->text);
}

int mo_bundle_add_log(struct mo_bundle *bundle)
{
	int fd = mo_open(bundle->ctx, O_RDONLY | O_NONBLOCK, "/dev/kmsg"), err;
	struct log *log;

	if (fd < 0) {
		mo_bundle_miss(bundle, "/dev/kmsg", fd);
		return 0;
	}
	log = calloc(1, sizeof(*log) + LOG_BYTES_MAX + 1);
	if (log)
		log->text = (char *)(log + 1);
	err = log ? add_log(bundle, log, fd) : mo_bundle_no_memory(bundle);
	free(log);
	close(fd);
	return err;
}
