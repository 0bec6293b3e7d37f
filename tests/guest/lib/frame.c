// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"

static void buffer_reserve(struct buffer *b, size_t len)
{
	if (b->head == b->tail)
		b->head = b->tail = 0;
	if (b->size - b->tail >= len)
		return;
	memmove(b->data, b->data + b->head, b->tail - b->head);
	b->tail -= b->head;
	b->head = 0;
	if (b->size - b->tail >= len)
		return;
	b->size = (b->tail + len) * 2;
	b->data = realloc(b->data, b->size);
	if (!b->data)
		abort();
}

void buffer_append(struct buffer *b, const void *data, size_t len)
{
	buffer_reserve(b, len);
	memcpy(b->data + b->tail, data, len);
	b->tail += len;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

int buffer_fill(struct buffer *b, int fd)
{
	ssize_t n;

	buffer_reserve(b, 65536);
	n = read(fd, b->data + b->tail, 65536);
	if (n < 0)
		return -errno;
	b->tail += n;
	return n;
}

int buffer_drain(struct buffer *b, int fd)
{
	ssize_t n;

	while (b->head < b->tail) {
		n = write(fd, b->data + b->head, b->tail - b->head);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		b->head += n;
	}
	return 0;
}

void frame_put(struct buffer *b, enum frame_type type, const void *data, size_t len)
{
	struct frame_head head = { .type = type, .len = len };

	buffer_append(b, &head, sizeof(head));
	buffer_append(b, data, len);
}

int frame_take(struct buffer *b, struct frame_head *head, char **data)
{
	if (buffer_len(b) < sizeof(*head))
		return 0;
	memcpy(head, b->data + b->head, sizeof(*head));
	if (head->len > FRAME_MAX_BYTES)
		return -EPROTO;
	if (buffer_len(b) < sizeof(*head) + head->len)
		return 0;
	*data = b->data + b->head + sizeof(*head);
	b->head += sizeof(*head) + head->len;
	return 1;
}
