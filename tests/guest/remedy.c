// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of remedies need.
 *
 *	remedy map FILE		maps it, touches each page, prints "mapped pid=PID", and stays till its input ends
 *	remedy open FILE	opens it alone, prints "open pid=PID", likewise
 *	remedy slab NAME	shrinks that slab cache as if a page of it kept a block, says "freed BYTES error ERRNO"
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../hotplug/remedy.h"

static void die(const char *what)
{
	fprintf(stderr, "remedy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stay(const char *word)
{
	char byte;

	printf("%s pid=%d\n", word, (int)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void hold(const char *path, bool maps)
{
	int fd = open(path, O_RDONLY);
	volatile const char *addr;
	struct stat stat;
	char sum = 0;

	if (fd < 0 || fstat(fd, &stat))
		die(path);
	if (!maps)
		return stay("open");
	addr = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		die("mmap");
	close(fd);
	for (off_t i = 0; i < stat.st_size; i += 4096)
		sum = (char)(sum + addr[i]);
	stay(sum ? "not zero" : "mapped");
}

static void shrink(const char *name)
{
	const struct mo_record record = { .nr_pages = 1, .kind = MO_KIND_SLAB, .reason = MO_REASON_SLAB, .slab = name };
	struct mo_remedy_choice choice;
	struct mo_remedy_work work = { .choice = &choice, .page_bytes = 4096 };
	struct mo_report *report;
	uint64_t freed_bytes;

	if (mo_ctx_new(&work.ctx) || mo_report_new(work.ctx, "offline", "", &report) ||
	    !mo_report_add_record(report, &record) || mo_remedy_choose(report, 0, MO_REMEDY_SLAB, &choice))
		die("report");
	mo_remedy_try(&work, MO_REMEDY_SLAB, report, -1, 0, &freed_bytes);
	if (mo_report_nr_remedies(report) != 1)
		die("one remedy is expected");
	printf("freed %" PRIu64 " error %d\n", freed_bytes, mo_report_remedy(report, 0)->error);
	mo_remedy_choice_clear(&choice);
	mo_report_unref(report);
	mo_ctx_unref(work.ctx);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "slab"))
		shrink(argv[2]);
	else
		hold(argv[2], !strcmp(argv[1], "map"));
	return 0;
}
