// SPDX-License-Identifier: GPL-2.0-only
/* A page that nothing can migrate: vmspliced into a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "live.h"

#define MAX_SEARCH_BYTES (1UL << 30)

struct pin {
	int node;
	long block;		/* -1: any */
	bool thp, shm;
	bool later;		/* at SIGUSR1 */
	int nr_sharers;
	const char *file;
	int pipe_fds[2];
	char *addr;
	uint64_t pfn;
	char **taken;		/* while it searches: all that it took, in chunks */
	size_t nr_taken, chunk_bytes;
};

static uint64_t present_pfn(const char *addr)
{
	uint64_t pfn = pfn_of(addr);

	if (!pfn)
		die("the page at %p is not in memory", addr);
	return pfn;
}

static bool take_page(struct pin *pin, char *addr)
{
	*(volatile char *)addr = 1;	/* faults it in */
	pin->addr = addr;
	pin->pfn = present_pfn(addr);
	return pin->block < 0 || is_in_block(pin->pfn, pin->block);
}

static char *take_chunk(struct pin *pin)
{
	char *addr = map_anon(pin->chunk_bytes, 0, pin->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

	pin->taken = realloc(pin->taken, (pin->nr_taken + 1) * sizeof(*pin->taken));
	if (!pin->taken)
		die("no memory");
	pin->taken[pin->nr_taken++] = addr;
	return addr;
}

/* Other searches want it. */
static void give_back(struct pin *pin)
{
	for (size_t i = 0; i < pin->nr_taken; i++) {
		char *chunk = pin->taken[i];

		if (pin->addr < chunk || pin->addr >= chunk + pin->chunk_bytes)
			munmap(chunk, pin->chunk_bytes);
	}
	free(pin->taken);
}

/* What was taken in vain is kept until it ends: else the same would come again. */
static bool find_own_page(struct pin *pin)
{
	size_t step = pin->thp ? HUGE_BYTES : PAGE_BYTES;

	pin->chunk_bytes = pin->block < 0 ? step : 2 * HUGE_BYTES;
	for (size_t taken = 0; taken < MAX_SEARCH_BYTES; taken += pin->chunk_bytes) {
		char *addr = take_chunk(pin);

		for (size_t at = 0; at < pin->chunk_bytes; at += step)
			if (take_page(pin, addr + at))
				return true;
	}
	return false;
}

/* A page of our own that is freed there is the next to be taken, mostly. */
static bool find_shared_page(struct pin *pin)
{
	const int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
	int fd = pin->file ? open(pin->file, flags, 0600) : memfd_create("pin", MFD_CLOEXEC);
	char *addr;

	if (fd < 0 || ftruncate(fd, HUGE_BYTES))
		die("can't create %s: %s", pin->file ? pin->file : "shared memory", strerror(errno));
	addr = map_shared(fd, HUGE_BYTES);
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
	give_back(pin);
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
	if (present_pfn(pin->addr) != pin->pfn)
		die("the page moved before it was pinned: try again");
}

/* Whoever wants may move it until then. */
static void await_order(struct pin *pin)
{
	sigset_t set = block_signals();
	int signo;

	printf("found pid=%d pfn=0x%llx\n", getpid(), (unsigned long long)pin->pfn);
	if (sigwait(&set, &signo) || signo != SIGUSR1)
		die("ended before it pinned anything");
	pin->pfn = present_pfn(pin->addr);
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
	if (pin->block >= 0 && pin->node < 0)
		pin->node = node_of_block(pin->block);
	find_page(pin);
	if (pin->later)
		await_order(pin);
	splice_page(pin);
	fork_sharers(pin);
	printf("pinned pid=%d pfn=0x%llx addr=0x%llx\n", getpid(), (unsigned long long)pin->pfn,
	       (unsigned long long)(uintptr_t)pin->addr);
	wait_for_end();
	return verify_pipe(pin);
}

int main_pin(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' }, { "block", required_argument, NULL, 'b' },
		{ "thp", no_argument, NULL, 't' }, { "shm", no_argument, NULL, 's' },
		{ "file", required_argument, NULL, 'f' }, { "sharers", required_argument, NULL, 'S' },
		{ "later", no_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' }, { 0 }
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
		else if (c == 'l')
			pin.later = true;
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
