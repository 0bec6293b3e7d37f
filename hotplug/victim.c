// SPDX-License-Identifier: LGPL-2.1-or-later
/* A process whose memory is to move: who it is, and what is mapped where. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "migration.h"

#define PF_KTHREAD 0x00200000	/* of the kernel's flags in /proc/PID/stat; the same since Linux 2.6.27 */

static int no_process(struct mo_ctx *ctx, int32_t pid)
{
	return mo_error(ctx, -ESRCH, "there is no process %d; it may have ended, see ps(1)", pid);
}

/* "1 (a name) S 2 ...": the name may hold any byte, also ')'. */
static int read_stat(struct mo_ctx *ctx, int32_t pid, struct mo_victim *victim, unsigned long *flags)
{
	const char *name, *rest;
	char text[1024];

	if (mo_read_text(ctx, text, sizeof(text), "/proc/%d/stat", pid) < 0)
		return -ESRCH;
	name = strchr(text, '(');
	rest = strrchr(text, ')');
	if (!name || !rest || rest < name)
		return -ESRCH;
	snprintf(victim->comm, sizeof(victim->comm), "%.*s", (int)(rest - name - 1), name + 1);
	if (sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   flags, &victim->start_time) != 2)
		return -ESRCH;
	return 0;
}

int mo_victim_look(struct mo_ctx *ctx, int32_t pid, struct mo_victim *victim)
{
	unsigned long flags;
	char folder[MO_THREAD_FOLDER_SIZE];
	int err = read_stat(ctx, pid, victim, &flags);

	if (err)
		return err;
	victim->pid = pid;
	victim->is_kernel = flags & PF_KTHREAD;
	victim->tid = victim->is_kernel ? 0 : mo_thread_with_memory(ctx, pid, folder);
	return 0;
}

int32_t mo_process_of_thread(struct mo_ctx *ctx, int32_t tid)
{
	char path[48];
	uint64_t pid;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	return mo_read_field(ctx, path, "Tgid", &pid) ? 0 : (int32_t)pid;
}

int mo_victim_find(struct mo_ctx *ctx, int32_t pid, bool any_thread, struct mo_victim *victim)
{
	int32_t process = pid > 0 ? mo_process_of_thread(ctx, pid) : 0;

	if (!process)
		return no_process(ctx, pid);
	if (process != pid && !any_thread)
		return mo_error(ctx, -ESRCH, "%d is a thread of process %d, and its memory is the process's; name that one, or "
				"allow ids of threads (--threads)", pid, process);
	if (mo_victim_look(ctx, process, victim))
		return no_process(ctx, pid);
	if (victim->is_kernel)
		return mo_error(ctx, -ESRCH, "process %d (%s) is a thread of the kernel, and has no memory of its own; name a program's",
				process, victim->comm);
	if (!victim->tid)
		return mo_error(ctx, -ESRCH, "process %d (%s) is exiting: its memory is gone already; name one that runs", process,
				victim->comm);
	return 0;
}

int mo_victim_open(struct mo_ctx *ctx, const struct mo_victim *victim, int *pidfd)
{
	struct mo_victim now;
	unsigned long flags;

	*pidfd = victim->tid == victim->pid ? pidfd_open(victim->pid, 0) : -1;
	if (*pidfd < 0)
		return 0;
	if (!read_stat(ctx, victim->pid, &now, &flags) && now.start_time == victim->start_time)
		return 0;
	close(*pidfd);
	*pidfd = -1;
	return -ESRCH;
}

/* "Pid:\t-1": it has ended; 0: it is in no pid namespace that we see. */
int mo_pid_of_fd(struct mo_ctx *ctx, int pidfd, int32_t *pid)
{
	char text[1024], *line;

	if (mo_read_text(ctx, text, sizeof(text), "/proc/self/fdinfo/%d", pidfd) < 0)
		return mo_error(ctx, -EBADF, "%d is no open file descriptor; get one of the process by pidfd_open(2)", pidfd);
	line = strstr(text, "\nPid:");
	if (!line)
		return mo_error(ctx, -EBADF, "file descriptor %d is of no process; get one by pidfd_open(2)", pidfd);
	*pid = atoi(line + strlen("\nPid:"));
	if (*pid > 0)
		return 0;
	return mo_error(ctx, -ESRCH, "the process of file descriptor %d %s", pidfd,
			*pid ? "has ended; there is nothing left to move" :
			       "is in another pid namespace, which is not below ours; run it from there");
}

/* ---- its mappings ---- */

int mo_mappings_read(struct mo_ctx *ctx, int32_t tid, struct mo_mappings *mappings)
{
	int fd = mo_open(ctx, O_RDONLY, "/proc/%d/maps", tid);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct mo_mapping mapping = { 0 }, *more;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	memset(mappings, 0, sizeof(*mappings));
	if (!file) {
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	while (!err && getline(&line, &size, file) > 0) {
		if (!mo_mapping_parse(line, &mapping))
			continue;
		more = reallocarray(mappings->all, mappings->nr + 1, sizeof(*more));
		if (!more || !mapping.name) {
			err = -ENOMEM;
		} else {
			more[mappings->nr++] = mapping;
			mapping.name = NULL;
		}
		mappings->all = more ? more : mappings->all;
	}
	free(mapping.name);
	free(line);
	fclose(file);
	if (err)
		mo_mappings_free(mappings);
	return err;
}

void mo_mappings_free(struct mo_mappings *mappings)
{
	for (size_t i = 0; i < mappings->nr; i++)
		free(mappings->all[i].name);
	free(mappings->all);
	memset(mappings, 0, sizeof(*mappings));
}

const struct mo_mapping *mo_mappings_find(const struct mo_mappings *mappings, uint64_t start_addr, uint64_t end_addr)
{
	size_t low = 0, high = mappings->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (mappings->all[middle].end_addr <= start_addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->nr && mappings->all[low].start_addr < end_addr ? &mappings->all[low] : NULL;
}
