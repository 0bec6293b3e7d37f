// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes one memory block offline and tells, as one line of JSON, how long the write took, its error, and what the
 * kernel counted meanwhile. The two marks are for tests/bench/plugin/count.c; without it they do nothing.
 *
 *	measure BLOCK
 *	measure --nothing	marks and reads only: the floor of all figures
 *	measure --run COMMAND [ARG...]	the same of a command, whose output goes to standard error
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {
	"pgmigrate_success",   "pgmigrate_fail", "thp_migration_success",
	"thp_migration_split", "compact_stall",	 "pswpout",
	"nr_written",	       "oom_kill",
};
#define NR_NAMES (sizeof(names) / sizeof(names[0]))

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void read_counters(long long *values)
{
	FILE *file = fopen("/proc/vmstat", "re");
	char name[64];
	long long value;

	if (!file)
		die("/proc/vmstat");
	while (fscanf(file, "%63s %lld", name, &value) == 2)
		for (size_t i = 0; i < NR_NAMES; i++)
			if (!strcmp(name, names[i]))
				values[i] = value;
	fclose(file);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Its status, 128 + N when signal N killed it. */
static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(2, 1);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int open_state(const char *block)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%s/state", block);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* nopl 0x4d4f46XX(%rax) */
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x80, " #number ", 0x46, 0x4f, 0x4d" : : : "memory")

int main(int argc, char **argv)
{
	long long before[NR_NAMES] = { 0 }, after[NR_NAMES] = { 0 }, begin_ns, len_ns;
	bool is_command = argc > 2 && !strcmp(argv[1], "--run");
	int fd = -1, error = 0;

	if (argc != 2 && !is_command)
		return fputs("usage: measure BLOCK | --nothing | --run COMMAND [ARG...]\n", stderr), 2;
	if (!is_command && strcmp(argv[1], "--nothing"))
		fd = open_state(argv[1]);
	read_counters(before);
	begin_ns = now_ns();
	MARK(2);
	if (is_command)
		error = run(argv + 2);
	else if (fd >= 0 && write(fd, "offline", 7) < 0)
		error = errno;
	MARK(3);
	len_ns = now_ns() - begin_ns;
	read_counters(after);
	printf("{\"wall_us\":%lld,\"error\":%d", len_ns / 1000, error);
	for (size_t i = 0; i < NR_NAMES; i++)
		printf(",\"%s\":%lld", names[i], after[i] - before[i]);
	puts("}");
	return 0;
}
