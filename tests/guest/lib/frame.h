/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wire between the runner on the host (host.c) and process 1 of the guest
 * (agent.c): one virtio-serial port that carries frames, each a struct
 * frame_head and len bytes. Both ends are little endian x86-64.
 */
#ifndef LAB_FRAME_H
#define LAB_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX_BYTES (4u << 20)

enum frame_type {
	/* guest to host */
	FRAME_READY = 'R',	/* the root file system is up; no payload */
	FRAME_STDOUT = 'o',	/* bytes */
	FRAME_STDERR = 'e',	/* bytes */
	FRAME_STDIN_DONE = 'a',	/* the last FRAME_STDIN was consumed: send the next */
	FRAME_ASK = 'q',	/* uint32_t ticket, then the words of a request, each ended by NUL */
	FRAME_FAILED = 'F',	/* text: the lab's own part in the guest failed */
	FRAME_EXIT = 'X',	/* int32_t exit status of COMMAND */
	/* host to guest */
	FRAME_JOB = 'J',	/* KEY=VALUE strings, each ended by NUL; see agent.c */
	FRAME_STDIN = 'i',	/* bytes; an empty one is the end of the input */
	FRAME_WINDOW = 'w',	/* uint16_t rows, uint16_t columns */
	FRAME_ANSWER = 'r',	/* uint32_t ticket, int32_t exit status, then text */
};

struct frame_head {
	uint32_t type;
	uint32_t len;
};

/* Bytes on their way in or out; empty when head == tail. */
struct buffer {
	char *data;
	size_t head;
	size_t tail;
	size_t size;
};

void buffer_append(struct buffer *b, const void *data, size_t len);
void buffer_free(struct buffer *b);

/* Reads what is there. Returns bytes read, 0 at the end of the file, -errno (-EAGAIN: nothing now). */
int buffer_fill(struct buffer *b, int fd);

/* Writes what fd takes. Returns 0, also where some is left, or -errno. */
int buffer_drain(struct buffer *b, int fd);

static inline size_t buffer_len(const struct buffer *b)
{
	return b->tail - b->head;
}

void frame_put(struct buffer *b, enum frame_type type, const void *data, size_t len);

/*
 * Takes one whole frame off the front. Returns 1 and the frame, whose data
 * stays valid until the next call with this buffer, 0 when there is none yet,
 * -EPROTO when this is no frame.
 */
int frame_take(struct buffer *b, struct frame_head *head, char **data);

#endif
