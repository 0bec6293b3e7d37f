// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session of /dev/memoffline, led by lines of its input; each is answered by one line.
 *
 *	quarantine BLOCK [COUNT]	"ok used=N room=N", or "ERRNO pid=N pfn=N"
 *	release BLOCK [COUNT]		"ok", or "ERRNO"
 *	churn BLOCK COUNT ROUNDS	both, again and again
 *	evacuate [KEY=N...]		"ok reason=N moved=N evicted=N kept=N passes=N records=N us=N"; keys: deadline stall
 *					workers rate cpu records flags node
 *	read				the records that wait: "pfn=N reason=N pid=N ..." in a line each, then "end"
 *	watch				begins to print "progress done=N left=N" while another line is worked on
 *
 * Ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int fd;
static uint64_t block_pages;

static void die(const char *what)
{
	fprintf(stderr, "session: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_block_size(void)
{
	FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
	unsigned long bytes;

	if (!file || fscanf(file, "%lx", &bytes) != 1)
		die("/sys/devices/system/memory/block_size_bytes");
	fclose(file);
	block_pages = bytes / (unsigned long)sysconf(_SC_PAGESIZE);
}

static void read_range(const char *text, __u64 *start_pfn, __u64 *nr_pages)
{
	unsigned long block = 0, count = 1;

	sscanf(text, "%*s %lu %lu", &block, &count);
	*start_pfn = block * block_pages;
	*nr_pages = count * block_pages;
}

static void quarantine(const char *line)
{
	struct memoffline_quarantine arg = { .size = sizeof(arg) };

	read_range(line, &arg.start_pfn, &arg.nr_pages);
	if (ioctl(fd, MEMOFFLINE_QUARANTINE, &arg))
		printf("%s pid=%d pfn=%llu used=%llu room=%llu\n", strerrorname_np(errno), arg.out_owner_pid, arg.out_bad_pfn,
		       arg.out_nr_used, arg.out_nr_room);
	else
		printf("ok used=%llu room=%llu\n", arg.out_nr_used, arg.out_nr_room);
}

static void release(const char *line)
{
	struct memoffline_release arg = { .size = sizeof(arg) };

	read_range(line, &arg.start_pfn, &arg.nr_pages);
	puts(ioctl(fd, MEMOFFLINE_RELEASE, &arg) ? strerrorname_np(errno) : "ok");
}

static void churn(const char *line)
{
	struct memoffline_quarantine in = { .size = sizeof(in) };
	struct memoffline_release out = { .size = sizeof(out) };
	unsigned int rounds = 0;

	sscanf(line, "%*s %*u %*u %u", &rounds);
	read_range(line, &in.start_pfn, &in.nr_pages);
	out.start_pfn = in.start_pfn;
	out.nr_pages = in.nr_pages;
	while (rounds--)
		if (ioctl(fd, MEMOFFLINE_QUARANTINE, &in) || ioctl(fd, MEMOFFLINE_RELEASE, &out)) {
			printf("%s, %u rounds before the end\n", strerrorname_np(errno), rounds);
			return;
		}
	puts("ok");
}

static unsigned int number_of(const char *line, const char *key, unsigned int otherwise)
{
	const char *at = strstr(line, key);

	return at ? (unsigned int)strtoul(at + strlen(key), NULL, 0) : otherwise;
}

static void evacuate(const char *line)
{
	uint64_t nodes = number_of(line, "node=", 64) < 64 ? 1ULL << number_of(line, "node=", 64) : 0;
	struct memoffline_evacuate arg = {
		.size = sizeof(arg),
		.flags = number_of(line, "flags=", 0),
		.nodes = (uintptr_t)&nodes,
		.nr_node_words = nodes != 0,
		.deadline_ms = number_of(line, "deadline=", 60000),
		.stall_ms = number_of(line, "stall=", 300),
		.nr_workers = number_of(line, "workers=", 0),
		.max_mib_s = number_of(line, "rate=", 0),
		.max_cpu_percent = number_of(line, "cpu=", 0),
		.max_records = number_of(line, "records=", 64),
	};

	if (ioctl(fd, MEMOFFLINE_EVACUATE, &arg))
		puts(strerrorname_np(errno));
	else
		printf("ok reason=%u moved=%llu evicted=%llu kept=%llu passes=%u records=%u us=%llu\n", arg.out_reason,
		       arg.out_nr_moved, arg.out_nr_evicted, arg.out_nr_kept, arg.out_nr_passes, arg.out_nr_records,
		       arg.out_elapsed_ns / 1000);
}

static void show(const struct memoffline_record *record)
{
	printf("pfn=%#llx reason=%u pid=%d kind=%u kpageflags=%#llx refs=%d expected=%d error=%d\n", record->pfn,
	       record->reason, record->mappers[0].pid, record->kind, record->kpageflags, record->refs,
	       record->refs_expected, record->error);
}

static void read_records(void)
{
	struct memoffline_event event;

	while (read(fd, &event, sizeof(event)) == sizeof(event))
		if (event.type == MEMOFFLINE_EVENT_RECORD)
			show(&event.record);
	puts("end");
}

static void *watch(void *data)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct memoffline_event event;

	(void)data;
	for (;;) {
		if (poll(&pollfd, 1, -1) != 1)
			return NULL;
		if (read(fd, &event, sizeof(event)) != sizeof(event))
			usleep(1000);	/* nothing goes on: there is no event for a beginning */
		else if (event.type == MEMOFFLINE_EVENT_PROGRESS)
			printf("progress done=%llu left=%lld\n", event.progress.nr_done, (long long)event.progress.nr_left);
	}
}

static void obey(const char *line)
{
	pthread_t thread;

	if (!strncmp(line, "quarantine", 10))
		quarantine(line);
	else if (!strncmp(line, "release", 7))
		release(line);
	else if (!strncmp(line, "churn", 5))
		churn(line);
	else if (!strncmp(line, "evacuate", 8))
		evacuate(line);
	else if (!strncmp(line, "read", 4))
		read_records();
	else if (!strncmp(line, "watch", 5) && !pthread_create(&thread, NULL, watch, NULL))
		puts("ok");
	else
		puts("?");
}

int main(void)
{
	char line[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	read_block_size();
	fd = open("/dev/memoffline", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/memoffline");
	puts("open");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
