/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner on the host: vm.c starts QEMU, console.c keeps and judges the
 * kernel log, qmp.c speaks to the monitor, requests.c answers what the guest
 * asks by `host`, host.c joins them in one loop.
 */
#ifndef LAB_HOST_H
#define LAB_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "frame.h"

struct json_object;

/* CLOCK_MONOTONIC, milliseconds. */
int64_t now_ms(void);

/* --- vm.c --- */

#define MAX_IMAGES 4

struct vm {
	pid_t pid;
	int port_fd;	/* frames */
	int console_fd;	/* the serial console */
	int qmp_fd;
	int stderr_fd;	/* QEMU's own messages */
	int image_fds[MAX_IMAGES];
	const char *image_names[MAX_IMAGES];
	int nr_images;
};

/*
 * Makes an empty sparse disk image of len_bytes that no directory lists, so
 * that it is gone with its last user. The guest sees a virtio disk with the
 * serial number name (borrowed). Returns 0 or -errno.
 */
int vm_add_image(struct vm *vm, const char *name, uint64_t len_bytes);

/* The same with an image that has a path and stays. */
int vm_add_file(struct vm *vm, const char *name, const char *path);

/*
 * Starts QEMU with argv and the plumbing of the lab. The kernel kills QEMU
 * when this process ends, however it ends. Returns 0 or -errno.
 */
int vm_start(struct vm *vm, char **argv, int argc);

/* --- console.c --- */

#define EXCERPT_LINES 60

struct console {
	FILE *log;
	int echo;	/* to standard error, too */
	char line[1024];
	size_t line_len;
	int nr_splats;
	int panicked;
	int excerpt_left;	/* lines still to go into the excerpt */
	char *excerpt[EXCERPT_LINES];
	int nr_excerpt;
	char *tail[EXCERPT_LINES];	/* the last lines, a ring */
	int tail_at;
};

void console_take(struct console *c, const char *data, size_t len);
void console_end(struct console *c);
/* The excerpt begins here, unless it has begun. */
void console_mark(struct console *c);
void console_show_excerpt(const struct console *c, FILE *to);
void console_show_tail(const struct console *c, FILE *to);

/* --- qmp.c --- */

#define MAX_EVENTS 1024

struct qmp {
	int fd;
	struct buffer in;
	struct json_object *events[MAX_EVENTS];	/* not yet asked for, oldest first */
	int nr_events;
};

int qmp_greet(struct qmp *q);

/*
 * Runs a command given as JSON text. Returns 0 and a new reference to the whole
 * answer, which has the member "return" or "error", or -errno.
 */
int qmp_command(struct qmp *q, const char *text, struct json_object **answer);

/* Reads events without waiting. Returns 0, or -EPIPE when QEMU is gone. */
int qmp_poll(struct qmp *q);

/*
 * Takes the oldest event of that name whose data has each of the NAME=VALUE
 * strings. Returns a new reference or NULL.
 */
struct json_object *qmp_take_event(struct qmp *q, const char *name, char **match, int nr_match);
void qmp_drop_events(struct qmp *q);

/* --- requests.c --- */

#define MAX_WAITERS 32

struct waiter {
	int used;
	uint32_t ticket;
	int64_t deadline_ms;
	char *words;	/* owns what argv points into */
	char *argv[32];
	int argc;
	const char *name;
	int started;
};

struct requests {
	struct qmp *qmp;
	struct buffer *out;	/* towards the guest */
	struct waiter waiters[MAX_WAITERS];
	int cuts_power;	/* the guest asked for it */
};

/* data: the payload of a FRAME_ASK. The answer goes to r->out, now or later. */
void requests_take(struct requests *r, const char *data, size_t len);

/* Looks at the waiting requests again, after events came in or time went by. */
void requests_poll(struct requests *r);

/* Returns when the first of them runs out, or INT64_MAX. */
int64_t requests_deadline_ms(const struct requests *r);

/* "512M" to bytes. Returns 0 when this is no size. */
uint64_t parse_size(const char *text);

#endif
