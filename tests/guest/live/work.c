// SPDX-License-Identifier: GPL-2.0-only
/* Fill memory, then verify and rewrite page after page until told to end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "live.h"

#define KERNEL_PIPE_BYTES (1UL << 20)

struct slice {
	pthread_t thread;
	struct work *work;
	unsigned int first;		/* of nr_threads */
	struct stall stall;
};

static atomic_bool stop;

static bool is_told_to_stop(void)
{
	return atomic_load_explicit(&stop, memory_order_relaxed);
}

static void rewrite_page(struct slice *slice, struct region *region, size_t page)
{
	stall_begin(&slice->stall);
	verify_page(region, page);
	if (is_written(region, page) && (region->kind != REGION_FORKED || is_mine(&slice->work->family, page))) {
		region->generations[page]++;
		write_page(region, page);
	}
	stall_end(&slice->stall);
}

static void rewrite_region(struct slice *slice, struct region *region)
{
	for (size_t page = slice->first; page < region_pages(region); page += slice->work->nr_threads) {
		if (is_told_to_stop())
			return;
		rewrite_page(slice, region, page);
	}
}

static void *rewrite(void *data)
{
	struct slice *slice = data;

	while (!is_told_to_stop())
		for (size_t i = 0; i < slice->work->nr_regions; i++)
			rewrite_region(slice, &slice->work->regions[i]);
	return NULL;
}

/* Adds nothing, so that the content stays; but it is a write to the page, and one that others do not get between. */
static void touch_region(struct slice *slice, struct region *region)
{
	for (size_t page = 0; region->addr && page < region_pages(region); page++) {
		if (is_told_to_stop())
			return;
		if (!is_written(region, page) || region->kind == REGION_FORKED)
			continue;
		stall_begin(&slice->stall);
		atomic_fetch_add((_Atomic uint64_t *)(region->addr + page * PAGE_BYTES), 0);
		stall_end(&slice->stall);
	}
}

static void *touch(void *data)
{
	struct slice *slice = data;

	while (!is_told_to_stop())
		for (size_t i = 0; i < slice->work->nr_regions; i++)
			touch_region(slice, &slice->work->regions[i]);
	return NULL;
}

static void start_threads(struct work *work, struct slice *slices)
{
	atomic_store(&stop, false);
	for (unsigned int i = 0; i < work->nr_threads + work->nr_touchers; i++) {
		memset(&slices[i], 0, sizeof(slices[i]));
		slices[i].work = work;
		slices[i].first = i;
		if (pthread_create(&slices[i].thread, NULL, i < work->nr_threads ? rewrite : touch, &slices[i]))
			die("can't start a thread");
	}
}

static void print_stall(const char *name, const struct slice *slices, unsigned int nr)
{
	static struct stall sum;

	memset(&sum, 0, sizeof(sum));
	for (unsigned int i = 0; i < nr; i++)
		stall_add(&sum, &slices[i].stall);
	if (nr)
		printf("%s accesses=%llu p50-us=%llu p99-us=%llu p999-us=%llu max-us=%llu\n", name,
		       (unsigned long long)sum.nr_accesses,
		       (unsigned long long)stall_quantile_us(&sum, 500),
		       (unsigned long long)stall_quantile_us(&sum, 990),
		       (unsigned long long)stall_quantile_us(&sum, 999),
		       (unsigned long long)sum.max_ns / 1000);
}

static void stop_threads(struct work *work, struct slice *slices)
{
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < work->nr_threads + work->nr_touchers; i++)
		pthread_join(slices[i].thread, NULL);
	print_stall("rewriters", slices, work->nr_threads);
	print_stall("touchers", slices + work->nr_threads, work->nr_touchers);
}

static void verify_all(struct work *work)
{
	size_t len_bytes = 0;

	for (size_t i = 0; i < work->nr_regions; i++) {
		for (size_t page = 0; page < region_pages(&work->regions[i]); page++)
			verify_page(&work->regions[i], page);
		len_bytes += work->regions[i].len_bytes;
	}
	len_bytes += verify_family(&work->family);
	printf("verified %zu bytes\n", len_bytes);
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

static size_t count_on_node(char *addr, size_t nr_pages, long node)
{
	return pages_on_node(addr, nr_pages, (int)node);
}

static void print_ready(struct work *work)
{
	size_t nr_pages = 0, on_node = 0, in_block = 0;

	for (size_t i = 0; i < work->nr_regions; i++) {
		nr_pages += region_pages(&work->regions[i]);
		if (work->node >= 0)
			on_node += count_pages(&work->regions[i], count_on_node, work->node);
		if (work->in_block >= 0)
			in_block += count_pages(&work->regions[i], pages_in_block, work->in_block);
	}
	printf("ready pid=%d pages=%zu", getpid(), nr_pages);
	if (work->node >= 0)
		printf(" on-node=%zu", on_node);
	if (work->in_block >= 0)
		printf(" in-block=%zu", in_block);
	putchar('\n');
}

static void prepare(struct work *work)
{
	fill_pipes(work->kernel_bytes);
	prefer_node(work->node);
	for (size_t i = 0; i < work->nr_regions; i++) {
		work->regions[i].kept_percent = work->kept_percent;
		open_region(&work->regions[i]);
		fill_region(&work->regions[i], work->mlock);
		if (work->bind && work->regions[i].addr)
			bind_memory(work->regions[i].addr, work->regions[i].len_bytes, work->bind);
	}
	work->family.regions = work->regions;
	work->family.nr_regions = work->nr_regions;
	work->family.is_busy = work->nr_threads;
	start_family(&work->family);
	print_ready(work);
	prefer_node(-1);
	setpriority(PRIO_PROCESS, 0, work->nice);
}

int run_work(struct work *work)
{
	struct slice *slices = calloc(work->nr_threads + work->nr_touchers + 1, sizeof(*slices));
	sigset_t set = block_signals();
	int signo;

	if (!slices)
		die("no memory");
	prepare(work);
	do {
		start_threads(work, slices);
		sigwait(&set, &signo);
		stop_threads(work, slices);
		verify_all(work);
	} while (signo == SIGUSR1);
	end_family(&work->family);
	return 0;
}
