// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of remedies need.
 *
 *	remedy map FILE		maps it, touches each page, prints "mapped pid=PID", and stays till its input ends
 *	remedy open FILE	opens it alone, prints "open pid=PID", likewise
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "remedy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stay(const char *word)
{
	char byte;

	printf("%s pid=%d\n", word, (int)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void hold(const char *path, bool maps)
{
	int fd = open(path, O_RDONLY);
	volatile const char *addr;
	struct stat stat;
	char sum = 0;

	if (fd < 0 || fstat(fd, &stat))
		die(path);
	if (!maps)
		return stay("open");
	addr = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		die("mmap");
	close(fd);
	for (off_t i = 0; i < stat.st_size; i += 4096)
		sum = (char)(sum + addr[i]);
	stay(sum ? "not zero" : "mapped");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	hold(argv[2], !strcmp(argv[1], "map"));
	return 0;
}
