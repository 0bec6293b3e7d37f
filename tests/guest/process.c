// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves a process as no library would.
 *
 *   process PID FROM TO [KEY=N]...	FROM and TO are lists of nodes, as 0,2; "-" is the empty one
 *
 * Prints "ok reason=N moved=N evicted=N kept=N shared=N swapped=N split=N passes=N records=N us=N events=N", or the
 * name of the error; then each record: "pfn=N reason=N kind=N error=N addr=N pages=N vma=N-N name=NAME". Keys are
 * flags, start, end, deadline, workers, records, words (of each bitmap), and
 *
 *   pidfd=1	opens the process, and gives that
 *   fd=N	a descriptor as it stands
 *   uid=N	the device is opened with all rights, and asked by somebody who has none
 *   alarm=N	a signal that has a handler, after so many ms
 *   again=1	a second request meanwhile: prints "again: ERRNO"
 *   watch=1	events= counts the progress that was read meanwhile
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/memoffline.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define NR_WORDS 16

static int fd;
static unsigned long nr_events;
static char **keys;

static void die(const char *what)
{
	fprintf(stderr, "process: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t key(const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (char **at = keys; *at; at++)
		if (!strncmp(*at, name, length) && (*at)[length] == '=')
			return strtoull(*at + length + 1, NULL, 0);
	return otherwise;
}

static void read_nodes(const char *list, uint64_t *words)
{
	char *end;

	for (; *list && *list != '-'; list = *end ? end + 1 : end) {
		unsigned long nid = strtoul(list, &end, 10);

		if (end == list || nid >= 64UL * NR_WORDS)
			exit(2);
		words[nid / 64] |= 1ULL << (nid % 64);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void set_alarm(uint64_t ms)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) } };

	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &timer, NULL))
		die("setitimer");
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		die("setresuid");
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
			usleep(1000);	/* it has not begun: there is no event for that */
		else if (event.type == MEMOFFLINE_EVENT_PROGRESS)
			nr_events++;
		else
			return NULL;
	}
}

static void *ask_again(void *data)
{
	struct memoffline_migrate_process arg = *(struct memoffline_migrate_process *)data;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct memoffline_event event;

	do	/* until there is progress, which the first makes */
		poll(&pollfd, 1, -1);
	while (read(fd, &event, sizeof(event)) != sizeof(event));
	printf("again: %s\n", ioctl(fd, MEMOFFLINE_MIGRATE_PROCESS, &arg) ? strerrorname_np(errno) : "ok");
	return NULL;
}

static void show(const struct memoffline_event *event)
{
	const struct memoffline_record *record = &event->record;

	printf("pfn=%#llx reason=%u kind=%u error=%d addr=%#llx pages=%llu vma=%#llx-%#llx name=%s\n", record->pfn,
	       record->reason, record->kind, record->error, event->place.addr, event->place.nr_pages,
	       event->place.vma_start, event->place.vma_end, record->name);
}

static void read_records(void)
{
	struct memoffline_event event;

	while (read(fd, &event, sizeof(event)) == sizeof(event))
		if (event.type == MEMOFFLINE_EVENT_RECORD)
			show(&event);
}

static int ask(struct memoffline_migrate_process *arg)
{
	pthread_t thread;

	if (key("again", 0) && pthread_create(&thread, NULL, ask_again, arg))
		die("pthread_create");
	if (key("watch", 0) && pthread_create(&thread, NULL, watch, NULL))
		die("pthread_create");
	if (ioctl(fd, MEMOFFLINE_MIGRATE_PROCESS, arg)) {
		puts(strerrorname_np(errno));
		return 1;
	}
	if (key("again", 0))
		pthread_join(thread, NULL);
	printf("ok reason=%u moved=%llu evicted=%llu kept=%llu shared=%llu swapped=%llu split=%llu passes=%u records=%u us=%llu events=%lu\n",
	       arg->out_reason, arg->out_nr_moved, arg->out_nr_evicted, arg->out_nr_kept, arg->out_nr_shared,
	       arg->out_nr_swapped, arg->out_nr_split, arg->out_nr_passes, arg->out_nr_records,
	       arg->out_elapsed_ns / 1000, nr_events);
	return 0;
}

int main(int argc, char **argv)
{
	static uint64_t from[NR_WORDS], to[NR_WORDS];
	struct memoffline_migrate_process arg = { .size = sizeof(arg) };
	int err;

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	keys = argv + 4;
	read_nodes(argv[2], from);
	read_nodes(argv[3], to);
	arg.flags = (uint32_t)key("flags", 0) | (key("pidfd", 0) ? MEMOFFLINE_PROCESS_PIDFD : 0);
	arg.pid = atoi(argv[1]);
	if (key("pidfd", 0))
		arg.pid = (int)syscall(SYS_pidfd_open, arg.pid, 0);
	arg.nr_node_words = (uint32_t)key("words", NR_WORDS);
	arg.nodes_from = (uintptr_t)from;
	arg.nodes_to = (uintptr_t)to;
	arg.start_addr = key("start", 0);
	arg.end_addr = key("end", 0);
	arg.deadline_ms = (uint32_t)key("deadline", 0);
	arg.nr_workers = (uint32_t)key("workers", 0);
	arg.max_records = (uint32_t)key("records", 64);
	fd = open("/dev/memoffline", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/memoffline");
	if (key("uid", 0))
		become((uid_t)key("uid", 0));
	if (key("alarm", 0))
		set_alarm(key("alarm", 0));
	err = ask(&arg);
	if (!err)
		read_records();
	fflush(stdout);
	_exit(err);	/* threads may be waiting */
}
