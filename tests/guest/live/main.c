// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live work for the guests: memory of each kind on a node of choice, which is written and verified all the time, and
 * pages that are pinned. Built on libc alone, so that it also runs in the smallest root.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live.h"

#define MAX_THREADS 64
#define DEFAULT_CHILDREN 64
#define OPTION_KIND 0x100	/* + the kind */

const char help_text[] =
"work: live work for tests: memory that verifies itself, and pinned pages\n"
"\n"
"  work [--node N] [--KIND SIZE]... [--FILEKIND SIZE:FILE]... [--kernel SIZE]\n"
"       [--threads N] [--touchers N] [--family N] [--nice N] [--mlock] [--bind N,...] [--in-block N]\n"
"       [--kept-percent N]\n"
"    Fills the memory, prints \"ready\", then verifies and rewrites page after page.\n"
"    SIGUSR1: verify all, print how long accesses took and \"verified N bytes\", go on.\n"
"    SIGTERM, SIGINT: the same, and end. Exit 1 with the first page that differs.\n"
"    KIND is\n"
"      anon            private memory in base pages\n"
"      thp             in transparent huge pages\n"
"      partial         the same, three of four pages given back\n"
"      sparse          base pages, all but one of 64 given back: no huge page stays free there;\n"
"                      with --kept-percent N as many of 100, scattered\n"
"      ksm             equal pages, merged by the kernel, which /sys/kernel/mm/ksm/run allows\n"
"      forked          copy-on-write, shared by a family of processes: each its own view\n"
"      swap            was in swap space, was read back, is in the swap cache\n"
"      shm             shared memory\n"
"      hugetlb, hugetlb-shared   huge pages from the pool\n"
"    FILEKIND, in a FILE that is created\n"
"      mapped          page cache, mapped by all of the family\n"
"      cache, dirty    page cache, not mapped; synced or not\n"
"    --kernel    memory of the kernel, full pipes: it can't be moved, and is not verified\n"
"    --threads   how many rewrite (1); 0: nobody, the content is verified when asked\n"
"    --touchers  how many only write to a word of each mapped page (0)\n"
"    --family    how many processes besides (64 when something is forked, else 0); with\n"
"                --threads 0 they wait until asked\n"
"    --nice      of the threads, once the memory is filled (0)\n"
"    --bind      once it is filled, the memory's policy names these nodes alone\n"
"    --in-block  tell how many pages lie in that memory block\n"
"    Each option of a kind may be given more than once. SIZE takes k, m and g.\n"
"\n"
"  work pin [--node N] [--block N] [--thp | --file FILE | --shm] [--sharers N] [--later]\n"
"    Takes a page there and vmsplices it into a pipe, which nothing can migrate. Prints\n"
"    \"pinned pid=PID pfn=0xPFN addr=0xADDR\" and holds it till its input ends or SIGTERM;\n"
"    then verifies what the pipe holds. --block: a page of that memory block, whose\n"
"    node is the default.\n"
"    --sharers: so many more processes that map the page.\n"
"    --later: prints \"found pid=PID pfn=0xPFN\", and pins the page at SIGUSR1, wherever it is by then.\n"
"    Needs CAP_SYS_ADMIN, for the page frame number.\n";

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("work: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

sigset_t block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

size_t parse_size(const char *text, const char **rest)
{
	static const char units[] = "kmg";
	char *end;
	size_t size = strtoull(text, &end, 0);
	const char *unit = *end ? strchr(units, *end | 0x20) : NULL;

	if (end == text)
		die("\"%s\" is no size: give a number and k, m or g", text);
	if (unit && *unit) {
		size <<= 10 * (unit - units + 1);
		end++;
	}
	*rest = end;
	return (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static size_t parse_whole_size(const char *text)
{
	const char *rest;
	size_t size = parse_size(text, &rest);

	if (*rest)
		die("\"%s\" is no size: give a number and k, m or g", text);
	return size;
}

static void add_region(struct work *work, enum region_kind kind, const char *text)
{
	const size_t max = sizeof(work->regions) / sizeof(work->regions[0]);
	struct region *region = &work->regions[work->nr_regions];
	const char *rest;

	if (work->nr_regions == max)
		die("more than %zu regions", max);
	region->kind = kind;
	region->id = ++work->nr_regions;
	region->len_bytes = parse_size(text, &rest);
	if (kind_is_huge(kind))
		region->len_bytes = (region->len_bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	if (kind_has_file(kind) && (*rest != ':' || !rest[1]))
		die("--%s takes SIZE:FILE, not \"%s\"", region_name(kind), text);
	if (!kind_has_file(kind) && *rest)
		die("\"%s\" is no size: give a number and k, m or g", text);
	region->file = kind_has_file(kind) ? rest + 1 : NULL;
	if (kind == REGION_FORKED && !work->family.nr_children)
		work->family.nr_children = DEFAULT_CHILDREN;
}

static void make_options(struct option *options)
{
	static const struct option others[] = {
		{ "node", required_argument, NULL, 'n' }, { "threads", required_argument, NULL, 't' },
		{ "touchers", required_argument, NULL, 'T' }, { "family", required_argument, NULL, 'f' },
		{ "in-block", required_argument, NULL, 'b' }, { "kernel", required_argument, NULL, 'k' },
		{ "nice", required_argument, NULL, 'N' }, { "bind", required_argument, NULL, 'B' },
		{ "kept-percent", required_argument, NULL, 'K' },
		{ "mlock", no_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' }, { 0 }
	};

	for (int kind = 0; kind < NR_REGION_KINDS; kind++)
		options[kind] = (struct option){ .name = region_name((enum region_kind)kind),
						 .has_arg = required_argument, .val = OPTION_KIND + kind };
	memcpy(options + NR_REGION_KINDS, others, sizeof(others));
}

static unsigned long parse_nodes(const char *text)
{
	unsigned long nodes = 0, node;
	char *end;

	do {
		node = strtoul(text, &end, 10);
		if (end == text || node >= 64 || (*end && *end != ','))
			die("\"%s\" is no list of nodes: give numbers with commas", text);
		nodes |= 1UL << node;
		text = end + 1;
	} while (*end);
	return nodes;
}

static void set_option(struct work *work, int c, const char *value)
{
	switch (c) {
	case 'n': work->node = atoi(value); return;
	case 't': work->nr_threads = (unsigned int)atoi(value); return;
	case 'T': work->nr_touchers = (unsigned int)atoi(value); return;
	case 'f': work->family.nr_children = (unsigned int)atoi(value); return;
	case 'b': work->in_block = atol(value); return;
	case 'k': work->kernel_bytes = parse_whole_size(value); return;
	case 'N': work->nice = atoi(value); return;
	case 'B': work->bind = parse_nodes(value); return;
	case 'm': work->mlock = true; return;
	case 'K': work->kept_percent = (unsigned int)atoi(value); return;
	}
	add_region(work, (enum region_kind)(c - OPTION_KIND), value);
}

static int main_work(int argc, char **argv)
{
	static struct work work = { .node = -1, .in_block = -1, .nr_threads = 1 };
	struct option options[NR_REGION_KINDS + 16];
	int c;

	make_options(options);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help_text, stdout), 0;
		if (c == '?')
			return fputs(help_text, stderr), 2;
		set_option(&work, c, optarg);
	}
	if (optind < argc || (!work.nr_regions && !work.kernel_bytes) || work.nr_threads > MAX_THREADS ||
	    work.nr_touchers > MAX_THREADS)
		return fputs(help_text, stderr), 2;
	return run_work(&work);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "pin"))
		return main_pin(argc - 1, argv + 1);
	return main_work(argc, argv);
}
