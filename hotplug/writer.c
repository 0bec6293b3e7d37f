// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writes to sysfs, one after the other, by a process that can be killed. It is forked for the first of them and serves
 * the others, too; when it was killed, the next one has a new process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private.h"

struct mo_writer {
	struct mo_ctx *ctx;
	struct mo_worker *worker;	/* NULL: none is there */
	int fd;				/* our end of a pair of sockets: orders go in, errors come out */
	int worker_fd;			/* its end */
	int cgroup_fd;			/* -1: it need not change its cpuset */
};

/* ---- the process ---- */

static int write_text(int fd, const char *text)
{
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int carry_out(const struct mo_writer *writer, const struct mo_order *order)
{
	int fd = openat(mo_root_fd(writer->ctx), order->path + 1, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (order->holder)
		mo_session_release(order->holder, order->start_pfn, order->nr_pages);
	err = write_text(fd, order->text);
	close(fd);
	return err;
}

/* Till the other end is closed. */
static int serve(void *data)
{
	const struct mo_writer *writer = data;
	/* EPERM is a driver's veto. */
	int cgroup_err = writer->cgroup_fd >= 0 && write_text(writer->cgroup_fd, "0") ? -EACCES : 0, err;
	struct mo_order order;

	close(writer->fd);
	while (recv(writer->worker_fd, &order, sizeof(order), 0) == sizeof(order)) {
		err = cgroup_err ? cgroup_err : carry_out(writer, &order);
		if (send(writer->worker_fd, &err, sizeof(err), MSG_NOSIGNAL) != sizeof(err))
			break;
	}
	return 0;
}

/* ---- its end and its beginning ---- */

static int start(struct mo_writer *writer)
{
	int fds[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	writer->fd = fds[0];
	writer->worker_fd = fds[1];
	writer->cgroup_fd = mo_worker_open_cpuset(writer->ctx);
	err = mo_worker_run(serve, writer, &writer->worker);
	if (writer->cgroup_fd >= 0)
		close(writer->cgroup_fd);
	close(writer->worker_fd);
	if (err)
		close(writer->fd);
	return err;
}

struct mo_writer *mo_writer_new(struct mo_ctx *ctx)
{
	struct mo_writer *writer = calloc(1, sizeof(*writer));

	if (writer)
		writer->ctx = mo_ctx_ref(ctx);
	return writer;
}

/* It has nothing in its hands. */
static void stop(struct mo_writer *writer)
{
	close(writer->fd);
	mo_worker_drop(writer->worker);
	writer->worker = NULL;
}

void mo_writer_free(struct mo_writer *writer)
{
	if (!writer)
		return;
	if (writer->worker)
		stop(writer);
	mo_ctx_unref(writer->ctx);
	free(writer);
}

/* ---- one write ---- */

static bool give(const struct mo_writer *writer, const struct mo_order *order)
{
	return send(writer->fd, order, sizeof(*order), MSG_NOSIGNAL) == sizeof(*order);
}

int mo_writer_start(struct mo_writer *writer, const struct mo_order *order)
{
	int err;

	if (mo_ctx_get_sysroot(writer->ctx))
		return -EROFS;
	if (writer->worker && give(writer, order))
		return 0;
	if (writer->worker)
		stop(writer);	/* somebody killed it since */
	err = start(writer);
	if (err)
		return err;
	return give(writer, order) ? 0 : -EIO;
}

int mo_writer_fd(const struct mo_writer *writer)
{
	return writer->fd;
}

int mo_writer_finish(struct mo_writer *writer)
{
	ssize_t len;
	int err;

	do
		len = recv(writer->fd, &err, sizeof(err), 0);
	while (len < 0 && errno == EINTR);
	if (len == sizeof(err))
		return err;
	stop(writer);
	return -EINTR;
}

/* What it answered at the last moment is its answer. */
int mo_writer_end(struct mo_writer *writer, bool *abandoned)
{
	int err, answer;

	mo_worker_end(writer->worker, abandoned);
	writer->worker = NULL;
	err = recv(writer->fd, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer) ? answer : -EINTR;
	close(writer->fd);
	return err;
}
