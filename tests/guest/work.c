// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live work for the guests: memory of each kind on a node of choice, which is written and verified all the time, and
 * pages that are pinned. Built on libc alone, so that it also runs in the smallest root.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))
#define HUGE_BYTES (2UL << 20)
#define KERNEL_PIPE_BYTES (1UL << 20)
#define MAX_REGIONS 16
#define MAX_THREADS 64
#define MAX_NODES 1024
#define MAX_SEARCH_BYTES (1UL << 30)

static const char help_text[] =
"work: live work for tests: memory that verifies itself, and pinned pages\n"
"\n"
"  work [--node N] [--anon SIZE] [--thp SIZE] [--hugetlb SIZE] [--shm SIZE]\n"
"       [--cache SIZE:FILE] [--kernel SIZE] [--threads N] [--mlock]\n"
"    Fills the memory, prints \"ready\", then verifies and rewrites page after page.\n"
"    SIGUSR1: verify all, print \"verified N bytes\", go on.\n"
"    SIGTERM, SIGINT: verify all, print, end. Exit 1 with the first page that differs.\n"
"    --thp       anonymous, in transparent huge pages; --anon is in base pages\n"
"    --cache     page cache of FILE, which is created; not mapped, synced once filled\n"
"    --kernel    memory of the kernel, full pipes: it can't be moved, and is not verified\n"
"    --threads   how many rewrite (1); 0: nobody, the content is verified at the end\n"
"    Each option of a kind may be given more than once. SIZE takes k, m and g.\n"
"\n"
"  work pin [--node N] [--block N] [--thp | --file FILE | --shm] [--sharers N]\n"
"    Takes a page there and vmsplices it into a pipe, which nothing can migrate. Prints\n"
"    \"pinned pid=PID pfn=0xPFN addr=0xADDR\" and holds it till its input ends or SIGTERM;\n"
"    then verifies what the pipe holds. --block: a page of that memory block, whose\n"
"    node is the default.\n"
"    --sharers: so many more processes that map the page.\n"
"    Needs CAP_SYS_ADMIN, for the page frame number.\n";

enum region_kind { REGION_ANON, REGION_THP, REGION_HUGETLB, REGION_SHM, REGION_CACHE };
static const char *const region_names[] = { "anon", "thp", "hugetlb", "shm", "cache" };

struct region {
	enum region_kind kind;
	uint64_t id;
	size_t len_bytes;
	const char *file;		/* REGION_CACHE */
	int fd;				/* REGION_CACHE */
	char *addr;			/* all others */
	uint32_t *generations;		/* of each page; written by the page's own thread only */
};

struct work {
	struct region regions[MAX_REGIONS];
	size_t nr_regions;
	int node;
	bool mlock;
	size_t kernel_bytes;
	unsigned int nr_threads;
	atomic_bool stop;
};

struct slice {
	pthread_t thread;
	struct work *work;
	unsigned int first;		/* of nr_threads */
};

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("work: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

static size_t parse_size(const char *text, const char **rest)
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

/* ---- the pattern: each page tells where it belongs and how often it was written ---- */

static uint64_t word_of(uint64_t place, uint32_t generation, size_t i)
{
	uint64_t x = place + generation * 0x9e3779b97f4a7c15ULL + i * 0xbf58476d1ce4e5b9ULL;

	return i == 0 ? place : i == 1 ? generation : x ^ (x >> 29);
}

static void fill_page(uint64_t *page, uint64_t place, uint32_t generation)
{
	for (size_t i = 0; i < PAGE_WORDS; i++)
		page[i] = word_of(place, generation, i);
}

/* Index of the first word that differs, -1 when none does. */
static int check_page(const uint64_t *page, uint64_t place, uint32_t generation)
{
	for (size_t i = 0; i < PAGE_WORDS; i++)
		if (page[i] != word_of(place, generation, i))
			return (int)i;
	return -1;
}

/* ---- where memory comes from ---- */

static void prefer_node(int node)
{
	unsigned long mask[MAX_NODES / 64] = { 0 };

	if (node >= MAX_NODES)
		die("node %d is out of range", node);
	if (node >= 0)
		mask[node / 64] = 1UL << (node % 64);
	if (syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_PREFERRED, node < 0 ? NULL : mask, MAX_NODES))
		die("can't prefer node %d: %s; is it there, with memory?", node, strerror(errno));
}

static char *map_anon(size_t len_bytes, int flags, int advice)
{
	size_t slack = flags & MAP_HUGETLB ? 0 : HUGE_BYTES;
	char *addr = mmap(NULL, len_bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (addr == MAP_FAILED)
		die("can't map %zu bytes: %s", len_bytes, strerror(errno));
	if (slack)
		addr = (char *)(((uintptr_t)addr + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	if (advice && madvise(addr, len_bytes, advice) && errno != EINVAL)
		die("madvise: %s", strerror(errno));
	return addr;
}

static char *map_shared(int fd, size_t len_bytes)
{
	char *addr;

	if (fd < 0 || ftruncate(fd, (off_t)len_bytes))
		die("can't make %zu bytes of shared memory: %s", len_bytes, strerror(errno));
	addr = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		die("can't map %zu bytes of shared memory: %s", len_bytes, strerror(errno));
	close(fd);
	return addr;
}

static int create_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die("can't create %s: %s", name, strerror(errno));
	return fd;
}

static void open_region(struct region *region)
{
	region->generations = calloc(region->len_bytes / PAGE_BYTES, sizeof(*region->generations));
	if (!region->generations)
		die("no memory");
	switch (region->kind) {
	case REGION_ANON:
		region->addr = map_anon(region->len_bytes, 0, MADV_NOHUGEPAGE);
		return;
	case REGION_THP:
		region->addr = map_anon(region->len_bytes, 0, MADV_HUGEPAGE);
		return;
	case REGION_HUGETLB:
		region->addr = map_anon(region->len_bytes, MAP_HUGETLB, 0);
		return;
	case REGION_SHM:
		region->addr = map_shared(memfd_create("work", MFD_CLOEXEC), region->len_bytes);
		return;
	case REGION_CACHE:
		region->fd = create_file(region->file);
		return;
	}
}

/* ---- reading and writing one page of a region ---- */

static uint64_t place_of(const struct region *region, size_t page)
{
	return region->id << 48 | page * PAGE_BYTES;
}

static void write_page(struct region *region, size_t page)
{
	uint64_t buf[PAGE_WORDS], *words = buf;

	if (region->kind != REGION_CACHE)
		words = (uint64_t *)(region->addr + page * PAGE_BYTES);
	fill_page(words, place_of(region, page), region->generations[page]);
	if (region->kind == REGION_CACHE &&
	    pwrite(region->fd, buf, sizeof(buf), (off_t)(page * PAGE_BYTES)) != sizeof(buf))
		die("can't write to %s: %s", region->file, strerror(errno));
}

static void verify_page(const struct region *region, size_t page)
{
	uint64_t buf[PAGE_WORDS];
	const uint64_t *words = buf;
	int i;

	if (region->kind != REGION_CACHE)
		words = (const uint64_t *)(region->addr + page * PAGE_BYTES);
	else if (pread(region->fd, buf, sizeof(buf), (off_t)(page * PAGE_BYTES)) != sizeof(buf))
		die("can't read from %s: %s", region->file, strerror(errno));
	i = check_page(words, place_of(region, page), region->generations[page]);
	if (i >= 0)
		die("mismatch in %s memory, offset 0x%zx, word %d: 0x%llx, not 0x%llx (generation %u)",
		    region_names[region->kind], page * PAGE_BYTES, i, (unsigned long long)words[i],
		    (unsigned long long)word_of(place_of(region, page), region->generations[page], (size_t)i),
		    region->generations[page]);
}

/* ---- filling, rewriting, verifying ---- */

static void fill_region(struct region *region, bool lock)
{
	for (size_t page = 0; page < region->len_bytes / PAGE_BYTES; page++)
		write_page(region, page);
	if (region->kind == REGION_CACHE && fsync(region->fd))
		die("can't sync %s: %s", region->file, strerror(errno));
	if (lock && region->kind != REGION_CACHE && mlock(region->addr, region->len_bytes))
		die("can't mlock: %s", strerror(errno));
}

static size_t pages_on_node(char *addr, size_t nr_pages, int node)
{
	void *pages[512];
	int status[512];
	size_t found = 0;

	for (size_t done = 0, n; done < nr_pages; done += n) {
		n = nr_pages - done < 512 ? nr_pages - done : 512;
		for (size_t i = 0; i < n; i++)
			pages[i] = addr + (done + i) * PAGE_BYTES;
		if (syscall(SYS_move_pages, 0, n, pages, NULL, status, 0))
			die("move_pages: %s", strerror(errno));
		for (size_t i = 0; i < n; i++)
			found += status[i] == node;
	}
	return found;
}

/* The cache is mapped for the look only: work on it goes by read and write. */
static size_t region_on_node(struct region *region, int node)
{
	size_t nr_pages = region->len_bytes / PAGE_BYTES, found;
	volatile char *touch;
	char *addr;

	if (region->kind != REGION_CACHE)
		return pages_on_node(region->addr, nr_pages, node);
	addr = mmap(NULL, region->len_bytes, PROT_READ, MAP_SHARED, region->fd, 0);
	if (addr == MAP_FAILED)
		die("can't map %s: %s", region->file, strerror(errno));
	touch = addr;
	for (size_t page = 0; page < nr_pages; page++)
		(void)touch[page * PAGE_BYTES];
	found = pages_on_node(addr, nr_pages, node);
	munmap(addr, region->len_bytes);
	return found;
}

static void rewrite_region(struct slice *slice, struct region *region)
{
	for (size_t page = slice->first; page < region->len_bytes / PAGE_BYTES; page += slice->work->nr_threads) {
		if (atomic_load_explicit(&slice->work->stop, memory_order_relaxed))
			return;
		verify_page(region, page);
		region->generations[page]++;
		write_page(region, page);
	}
}

static void *rewrite(void *data)
{
	struct slice *slice = data;
	struct work *work = slice->work;

	while (!atomic_load(&work->stop))
		for (size_t i = 0; i < work->nr_regions; i++)
			rewrite_region(slice, &work->regions[i]);
	return NULL;
}

static void start_threads(struct work *work, struct slice *slices)
{
	atomic_store(&work->stop, false);
	for (unsigned int i = 0; i < work->nr_threads; i++) {
		slices[i].work = work;
		slices[i].first = i;
		if (pthread_create(&slices[i].thread, NULL, rewrite, &slices[i]))
			die("can't start a thread");
	}
}

static void stop_threads(struct work *work, struct slice *slices)
{
	atomic_store(&work->stop, true);
	for (unsigned int i = 0; i < work->nr_threads; i++)
		pthread_join(slices[i].thread, NULL);
}

static void verify_all(struct work *work)
{
	size_t len_bytes = 0;

	for (size_t i = 0; i < work->nr_regions; i++) {
		for (size_t page = 0; page < work->regions[i].len_bytes / PAGE_BYTES; page++)
			verify_page(&work->regions[i], page);
		len_bytes += work->regions[i].len_bytes;
	}
	printf("verified %zu bytes\n", len_bytes);
}

/* Blocked, for sigwait() and signalfd(): before any thread starts. */
static sigset_t block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static void fill_pipes(size_t len_bytes)
{
	static char buf[KERNEL_PIPE_BYTES];
	int fds[2];

	for (size_t done = 0; done < len_bytes; done += sizeof(buf))
		if (pipe2(fds, O_CLOEXEC) || fcntl(fds[1], F_SETPIPE_SZ, sizeof(buf)) < 0 ||
		    write(fds[1], buf, sizeof(buf)) != sizeof(buf))
			die("can't fill pipe %zu: %s", done / sizeof(buf), strerror(errno));
}

static void prepare(struct work *work)
{
	size_t nr_pages = 0, on_node = 0;

	fill_pipes(work->kernel_bytes);
	prefer_node(work->node);
	for (size_t i = 0; i < work->nr_regions; i++) {
		open_region(&work->regions[i]);
		fill_region(&work->regions[i], work->mlock);
	}
	for (size_t i = 0; i < work->nr_regions; i++) {
		nr_pages += work->regions[i].len_bytes / PAGE_BYTES;
		if (work->node >= 0)
			on_node += region_on_node(&work->regions[i], work->node);
	}
	prefer_node(-1);
	if (work->node < 0)
		printf("ready pid=%d pages=%zu\n", getpid(), nr_pages);
	else
		printf("ready pid=%d pages=%zu on-node=%zu\n", getpid(), nr_pages, on_node);
}

static int run_work(struct work *work)
{
	static struct slice slices[MAX_THREADS];
	sigset_t set = block_signals();
	int signo;

	prepare(work);
	do {
		start_threads(work, slices);
		sigwait(&set, &signo);
		stop_threads(work, slices);
		verify_all(work);
	} while (signo == SIGUSR1);
	return 0;
}

static void add_region(struct work *work, enum region_kind kind, const char *text)
{
	struct region *region = &work->regions[work->nr_regions];
	const char *rest;

	if (work->nr_regions == MAX_REGIONS)
		die("more than %d regions", MAX_REGIONS);
	region->kind = kind;
	region->id = ++work->nr_regions;
	region->len_bytes = parse_size(text, &rest);
	if (kind == REGION_THP || kind == REGION_HUGETLB)
		region->len_bytes = (region->len_bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	if (kind == REGION_CACHE && (*rest != ':' || !rest[1]))
		die("--cache takes SIZE:FILE, not \"%s\"", text);
	if (kind != REGION_CACHE && *rest)
		die("\"%s\" is no size: give a number and k, m or g", text);
	region->file = rest + 1;
}

static int main_work(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' }, { "threads", required_argument, NULL, 't' },
		{ "anon", required_argument, NULL, 0x100 + REGION_ANON },
		{ "thp", required_argument, NULL, 0x100 + REGION_THP },
		{ "hugetlb", required_argument, NULL, 0x100 + REGION_HUGETLB },
		{ "shm", required_argument, NULL, 0x100 + REGION_SHM },
		{ "cache", required_argument, NULL, 0x100 + REGION_CACHE },
		{ "kernel", required_argument, NULL, 'k' }, { "mlock", no_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' }, { 0 }
	};
	static struct work work = { .node = -1, .nr_threads = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c >= 0x100)
			add_region(&work, (enum region_kind)(c - 0x100), optarg);
		else if (c == 'n')
			work.node = atoi(optarg);
		else if (c == 't')
			work.nr_threads = (unsigned int)atoi(optarg);
		else if (c == 'm')
			work.mlock = true;
		else if (c == 'k')
			work.kernel_bytes = parse_whole_size(optarg);
		else
			return fputs(help_text, c == 'h' ? stdout : stderr), c == 'h' ? 0 : 2;
	}
	if (optind < argc || (!work.nr_regions && !work.kernel_bytes) || work.nr_threads > MAX_THREADS)
		return fputs(help_text, stderr), 2;
	return run_work(&work);
}

/* ---- pin ---- */

struct pin {
	int node;
	long block;		/* -1: any */
	bool thp, shm;
	int nr_sharers;
	const char *file;
	uint64_t block_pages;
	int pagemap_fd;
	int pipe_fds[2];
	char *addr;
	uint64_t pfn;
};

static uint64_t pfn_of(const struct pin *pin, const char *addr)
{
	uint64_t entry;

	if (pread(pin->pagemap_fd, &entry, sizeof(entry), (off_t)((uintptr_t)addr / PAGE_BYTES * sizeof(entry))) !=
	    sizeof(entry))
		die("can't read /proc/self/pagemap: %s", strerror(errno));
	if (!(entry >> 63))
		die("the page at %p is not in memory", addr);
	if (!(entry & ((1ULL << 55) - 1)))
		die("the kernel hides page frame numbers: run it as root");
	return entry & ((1ULL << 55) - 1);
}

/* -1: not known. */
static int node_of_block(long block)
{
	char path[64];

	for (int node = 0; node < MAX_NODES; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%ld/node%d", block, node);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
}

static uint64_t read_block_pages(void)
{
	FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
	unsigned long long len_bytes;

	if (!file || fscanf(file, "%llx", &len_bytes) != 1)
		die("can't read /sys/devices/system/memory/block_size_bytes: has this machine memory hotplug?");
	fclose(file);
	return len_bytes / PAGE_BYTES;
}

static bool take_page(struct pin *pin, char *addr)
{
	*(volatile char *)addr = 1;	/* faults it in */
	pin->addr = addr;
	pin->pfn = pfn_of(pin, addr);
	return pin->block < 0 || pin->pfn / pin->block_pages == (uint64_t)pin->block;
}

/* What was taken in vain is kept: else the same would come again. */
static bool find_own_page(struct pin *pin)
{
	size_t step = pin->thp ? HUGE_BYTES : PAGE_BYTES;
	size_t chunk = pin->block < 0 ? step : 2 * HUGE_BYTES;

	for (size_t taken = 0; taken < MAX_SEARCH_BYTES; taken += chunk) {
		char *addr = map_anon(chunk, 0, pin->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

		for (size_t at = 0; at < chunk; at += step)
			if (take_page(pin, addr + at))
				return true;
	}
	return false;
}

/* A page of our own that is freed there is the next to be taken, mostly. */
static bool find_shared_page(struct pin *pin)
{
	int fd = pin->file ? create_file(pin->file) : memfd_create("pin", MFD_CLOEXEC);
	char *addr = map_shared(fd, HUGE_BYTES);

	for (size_t at = 0; at < HUGE_BYTES && find_own_page(pin); at += PAGE_BYTES) {
		if (madvise(pin->addr, PAGE_BYTES, MADV_DONTNEED))
			die("madvise: %s", strerror(errno));
		if (take_page(pin, addr + at))
			return true;
	}
	return false;
}

static void find_page(struct pin *pin)
{
	prefer_node(pin->node);
	if (!(pin->file || pin->shm ? find_shared_page(pin) : find_own_page(pin)))
		die("found no page in memory block %ld among %lu MiB of node %d", pin->block, MAX_SEARCH_BYTES >> 20, pin->node);
	prefer_node(-1);
}

static void splice_page(struct pin *pin)
{
	struct iovec iov = { pin->addr, PAGE_BYTES };

	fill_page((uint64_t *)pin->addr, pin->pfn, 0);
	if (pipe2(pin->pipe_fds, O_CLOEXEC))
		die("can't make a pipe: %s", strerror(errno));
	if (vmsplice(pin->pipe_fds[1], &iov, 1, 0) != (ssize_t)PAGE_BYTES)
		die("can't vmsplice: %s", strerror(errno));
	if (pfn_of(pin, pin->addr) != pin->pfn)
		die("the page moved before it was pinned: try again");
}

/* They end with this process. */
static void fork_sharers(const struct pin *pin)
{
	for (int i = 0; i < pin->nr_sharers; i++) {
		int told[2];
		char c = 0;

		if (pipe2(told, O_CLOEXEC))
			die("can't make a pipe: %s", strerror(errno));
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			c = *(volatile char *)pin->addr;	/* shared memory is not mapped by fork */
			if (write(told[1], &c, 1) == 1)
				pause();
			_exit(1);
		}
		close(told[1]);
		if (read(told[0], &c, 1) != 1)
			die("can't start a process that shares the page");
		close(told[0]);
	}
}

static void wait_for_end(void)
{
	sigset_t set = block_signals();
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN },
	};
	char c;

	while (poll(fds, 2, -1) >= 0 && !fds[1].revents)
		if (fds[0].revents && read(STDIN_FILENO, &c, 1) <= 0)
			return;
}

static int verify_pipe(struct pin *pin)
{
	uint64_t buf[PAGE_WORDS];

	if (read(pin->pipe_fds[0], buf, sizeof(buf)) != sizeof(buf))
		die("can't read the pipe: %s", strerror(errno));
	if (check_page(buf, pin->pfn, 0) >= 0)
		die("mismatch in the pinned page 0x%llx", (unsigned long long)pin->pfn);
	if (check_page((const uint64_t *)pin->addr, pin->pfn, 0) >= 0)
		die("mismatch in the mapping of the pinned page 0x%llx", (unsigned long long)pin->pfn);
	printf("verified %lu bytes\n", PAGE_BYTES);
	return 0;
}

static int run_pin(struct pin *pin)
{
	pin->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pin->block >= 0)
		pin->block_pages = read_block_pages();
	if (pin->block >= 0 && pin->node < 0)
		pin->node = node_of_block(pin->block);
	find_page(pin);
	splice_page(pin);
	fork_sharers(pin);
	printf("pinned pid=%d pfn=0x%llx addr=0x%llx\n", getpid(), (unsigned long long)pin->pfn,
	       (unsigned long long)(uintptr_t)pin->addr);
	wait_for_end();
	return verify_pipe(pin);
}

static int main_pin(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' }, { "block", required_argument, NULL, 'b' },
		{ "thp", no_argument, NULL, 't' }, { "shm", no_argument, NULL, 's' },
		{ "file", required_argument, NULL, 'f' }, { "sharers", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' }, { 0 }
	};
	struct pin pin = { .node = -1, .block = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'n')
			pin.node = atoi(optarg);
		else if (c == 'b')
			pin.block = atol(optarg);
		else if (c == 't')
			pin.thp = true;
		else if (c == 's')
			pin.shm = true;
		else if (c == 'S')
			pin.nr_sharers = atoi(optarg);
		else if (c == 'f')
			pin.file = optarg;
		else
			return fputs(help_text, c == 'h' ? stdout : stderr), c == 'h' ? 0 : 2;
	}
	if (optind < argc)
		return fputs(help_text, stderr), 2;
	return run_pin(&pin);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "pin"))
		return main_pin(argc - 1, argv + 1);
	return main_work(argc, argv);
}
