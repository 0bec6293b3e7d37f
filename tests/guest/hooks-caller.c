// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves the memory of a process, and prints what the module answers.
 *
 *	hooks-caller PID FROM TO [all] [DEADLINE_MS]
 *
 * "ok reason=N moved=N kept=N shared=N us=N", then for each record a line "pfn=N reason=N error=N addr=0xN"; or the
 * name of the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void show_records(int fd)
{
	struct memoffline_event event;

	while (read(fd, &event, sizeof(event)) == sizeof(event))
		if (event.type == MEMOFFLINE_EVENT_RECORD)
			printf("pfn=%#llx reason=%u error=%d addr=%#llx pid=%d\n", event.record.pfn, event.record.reason,
			       event.record.error, event.place.addr, event.record.mappers[0].pid);
}

int main(int argc, char **argv)
{
	uint64_t from, to;
	struct memoffline_migrate_process arg = {
		.size = sizeof(arg),
		.nr_node_words = 1,
		.nodes_from = (uintptr_t)&from,
		.nodes_to = (uintptr_t)&to,
		.max_records = 16,
		.deadline_ms = 30000,
	};
	int fd;

	if (argc < 4) {
		fprintf(stderr, "usage: hooks-caller PID FROM TO [all] [DEADLINE_MS]\n");
		return 2;
	}
	arg.pid = atoi(argv[1]);
	from = 1ULL << atoi(argv[2]);
	to = 1ULL << atoi(argv[3]);
	for (int i = 4; i < argc; i++)
		if (!strcmp(argv[i], "all"))
			arg.flags = MEMOFFLINE_PROCESS_MOVE_ALL;
		else
			arg.deadline_ms = (uint32_t)strtoul(argv[i], NULL, 0);
	fd = open("/dev/memoffline", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, MEMOFFLINE_MIGRATE_PROCESS, &arg)) {
		puts(strerrorname_np(errno));
		return 1;
	}
	printf("ok reason=%u moved=%llu kept=%llu shared=%llu us=%llu\n", arg.out_reason, arg.out_nr_moved,
	       arg.out_nr_kept, arg.out_nr_shared, arg.out_elapsed_ns / 1000);
	show_records(fd);
	return 0;
}
