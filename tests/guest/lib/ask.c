// SPDX-License-Identifier: GPL-2.0-only
/* The command `host`: hands its arguments to process 1, which hands them to the runner. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frame.h"
#include "guest.h"

static int connect_agent(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = LAB_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	fprintf(stderr, "host: cannot reach the lab by %s: %s; this command works inside a guest of the lab only\n",
		LAB_SOCKET, strerror(errno));
	return -1;
}

static int show_answer(const char *data, size_t len)
{
	int32_t status;

	memcpy(&status, data, sizeof(status));
	fwrite(data + sizeof(status), 1, len - sizeof(status), status ? stderr : stdout);
	return status;
}

int ask_main(int argc, char **argv)
{
	struct buffer out = { 0 }, words = { 0 }, in = { 0 };
	struct frame_head head;
	char *data;
	int fd, i;

	fd = connect_agent();
	if (fd < 0)
		return 125;
	for (i = 1; i < argc; i++)
		buffer_append(&words, argv[i], strlen(argv[i]) + 1);
	frame_put(&out, FRAME_ASK, words.data, buffer_len(&words));
	if (buffer_drain(&out, fd))
		return 125;
	while (buffer_fill(&in, fd) > 0)
		if (frame_take(&in, &head, &data) == 1 && head.type == FRAME_ANSWER &&
		    head.len >= sizeof(int32_t))
			return show_answer(data, head.len);
	fprintf(stderr, "host: the lab gave no answer\n");
	return 125;
}
