// SPDX-License-Identifier: GPL-2.0-only
/* How long accesses took: a histogram whose buckets grow by a tenth. */
#include <time.h>

#include "live.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Bounds of the buckets in ns; the first is 100 ns, the last far beyond any wait. */
static uint64_t bound_ns(size_t bucket)
{
	static uint64_t bounds[STALL_BUCKETS];

	if (!bounds[STALL_BUCKETS - 1]) {
		bounds[0] = 100;
		for (size_t i = 1; i < STALL_BUCKETS; i++)
			bounds[i] = bounds[i - 1] < 1000000000000ULL ? bounds[i - 1] * 11 / 10 : bounds[i - 1] + 1;
	}
	return bounds[bucket];
}

static size_t bucket_of(uint64_t len_ns)
{
	size_t low = 0, high = STALL_BUCKETS - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (bound_ns(middle) < len_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void stall_begin(struct stall *stall)
{
	stall->begin_ns = now_ns();
}

void stall_end(struct stall *stall)
{
	uint64_t len_ns = now_ns() - stall->begin_ns;

	if (len_ns > stall->max_ns)
		stall->max_ns = len_ns;
	stall->nr_accesses++;
	stall->buckets[bucket_of(len_ns)]++;
}

void stall_add(struct stall *sum, const struct stall *stall)
{
	if (stall->max_ns > sum->max_ns)
		sum->max_ns = stall->max_ns;
	sum->nr_accesses += stall->nr_accesses;
	for (size_t i = 0; i < STALL_BUCKETS; i++)
		sum->buckets[i] += stall->buckets[i];
}

uint64_t stall_quantile_us(const struct stall *stall, unsigned int per_mille)
{
	uint64_t before = 0, wanted = stall->nr_accesses * per_mille / 1000;

	for (size_t i = 0; i < STALL_BUCKETS; i++) {
		before += stall->buckets[i];
		if (before && before >= wanted)
			return (bound_ns(i) < stall->max_ns ? bound_ns(i) : stall->max_ns) / 1000;
	}
	return stall->max_ns / 1000;
}
