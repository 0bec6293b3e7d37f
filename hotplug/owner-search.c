// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The search for owners in a process that can be given up. Whoever looks into a process waits for the lock of its
 * address space, and a process that hangs (state D) may hold that for ever: what was found until then still counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define LET_GO_MS 200	/* for a killed search to end */

enum message_kind {
	MESSAGE_ENTER,	/* from here on the search looks into process PID */
	MESSAGE_OWNER,	/* PID maps the pages of a record; its names follow when they are to be kept */
	MESSAGE_NAME,	/* the mapping of an owner that was known before */
	MESSAGE_END,	/* the search is complete: ERR, NR_HIDDEN */
};

/* Two strings without NUL follow it, of COMM_LEN and VMA_LEN bytes. */
struct message {
	enum message_kind kind;
	int32_t pid;
	int32_t err;
	uint32_t comm_len, vma_len;
	uint32_t owner;		/* of the record, from 0 */
	uint64_t record;	/* of the report, from 0 */
	uint64_t addr;
	uint64_t nr_hidden;
};

/* ---- the process that searches ---- */

struct sender {
	struct mo_report *report;
	const size_t *indexes;	/* record that is looked for -> record of the report */
	FILE *pipe;
};

static int send(struct sender *sender, struct message *message, const char *comm, const char *vma)
{
	message->comm_len = (uint32_t)strlen(comm);
	message->vma_len = (uint32_t)strlen(vma);
	fwrite(message, sizeof(*message), 1, sender->pipe);
	fwrite(comm, message->comm_len, 1, sender->pipe);
	fwrite(vma, message->vma_len, 1, sender->pipe);
	return ferror(sender->pipe) ? -EPIPE : 0;
}

static void send_enter(void *data, int32_t pid)
{
	struct sender *sender = data;
	struct message message = { .kind = MESSAGE_ENTER, .pid = pid };

	send(sender, &message, "", "");
	fflush(sender->pipe);	/* it has to arrive also when this process hangs */
}

static int send_owner(void *data, size_t i, const struct mo_owner *owner)
{
	struct sender *sender = data;
	struct mo_record *record = mo_report_record_mutable(sender->report, sender->indexes[i]);
	struct message message = { .kind = MESSAGE_OWNER, .record = sender->indexes[i], .pid = owner->pid,
				   .addr = owner->addr };
	int err;

	if (record->nr_owners_kept == MO_OWNERS_MAX)
		return send(sender, &message, "", "");
	if (mo_record_add_owner(record, owner) < 0)
		return -ENOMEM;
	err = send(sender, &message, owner->comm, owner->vma);
	return fflush(sender->pipe) ? -EPIPE : err;
}

static int send_name(void *data, size_t record, size_t owner, const char *vma)
{
	struct message message = { .kind = MESSAGE_NAME, .record = record, .owner = (uint32_t)owner };

	return send(data, &message, "", vma);
}

static void __attribute__((noreturn)) run_search(struct mo_ctx *ctx, struct mo_report *report,
						 struct mo_record **records, const size_t *indexes, size_t nr, int fd)
{
	struct sender sender = { .report = report, .indexes = indexes, .pipe = fdopen(fd, "w") };
	const struct mo_owner_sink sink = { send_enter, send_owner, send_name, &sender };
	struct message message = { .kind = MESSAGE_END };

	if (!sender.pipe)
		_exit(1);
	message.err = mo_owners_find(ctx, records, nr, &sink, &message.nr_hidden);
	mo_owners_name(ctx, report, &sink);
	send(&sender, &message, message.err ? mo_ctx_error(ctx) : "", "");
	_exit(fflush(sender.pipe) ? 1 : 0);
}

/* ---- the process that waits for it ---- */

struct mo_owner_search {
	struct mo_report *report;
	pid_t child;
	int fd;
	char *text;		/* received, not yet understood */
	size_t len, size;
	int32_t last_pid;	/* the process it looks into */
	bool is_complete;
	uint64_t nr_hidden;
	char error[1024];	/* why it failed, "" when it did not */
};

static void take_owner(struct mo_owner_search *receiver, const struct message *message, const char *comm,
		       const char *vma)
{
	struct mo_record *record = mo_report_record_mutable(receiver->report, message->record);
	struct mo_owner owner = { .pid = message->pid, .addr = message->addr, .comm = comm, .vma = vma };

	if (record)
		mo_record_add_owner(record, &owner);
}

static void take_name(struct mo_owner_search *receiver, const struct message *message, const char *vma)
{
	struct mo_record *record = mo_report_record_mutable(receiver->report, message->record);

	if (record && message->owner < record->nr_owners_kept)
		mo_record_name_owner(record, message->owner, vma);
}

static int take_message(struct mo_owner_search *receiver, const struct message *message, const char *strings)
{
	char *comm = strndup(strings, message->comm_len);
	char *vma = strndup(strings + message->comm_len, message->vma_len);
	int err = comm && vma ? 0 : -ENOMEM;

	if (!err && message->kind == MESSAGE_ENTER)
		receiver->last_pid = message->pid;
	if (!err && message->kind == MESSAGE_OWNER)
		take_owner(receiver, message, comm, vma);
	if (!err && message->kind == MESSAGE_NAME)
		take_name(receiver, message, vma);
	if (!err && message->kind == MESSAGE_END) {
		receiver->is_complete = true;
		receiver->nr_hidden = message->nr_hidden;
		snprintf(receiver->error, sizeof(receiver->error), "%s", comm);
	}
	free(comm);
	free(vma);
	return err;
}

/* The messages that are there as a whole. */
static int take_all(struct mo_owner_search *receiver)
{
	struct message message;
	size_t used = 0, len;
	int err = 0;

	while (!err && receiver->len - used >= sizeof(message)) {
		memcpy(&message, receiver->text + used, sizeof(message));
		len = sizeof(message) + message.comm_len + message.vma_len;
		if (receiver->len - used < len)
			break;
		err = take_message(receiver, &message, receiver->text + used + sizeof(message));
		used += len;
	}
	if (used)
		memmove(receiver->text, receiver->text + used, receiver->len - used);
	receiver->len -= used;
	return err;
}

static int make_room(struct mo_owner_search *receiver)
{
	size_t size = receiver->size ? 2 * receiver->size : 65536;
	char *more;

	if (receiver->len < receiver->size)
		return 0;
	more = realloc(receiver->text, size);
	if (!more)
		return -ENOMEM;
	receiver->text = more;
	receiver->size = size;
	return 0;
}

/* -ETIMEDOUT at the deadline, 0 at the end of what it says, -EAGAIN: there may be more. */
static int receive(struct mo_owner_search *receiver, uint64_t deadline_ms)
{
	struct pollfd fd = { .fd = receiver->fd, .events = POLLIN };
	uint64_t now_ms = mo_now_ms();
	ssize_t n;
	int err;

	if (now_ms >= deadline_ms || !poll(&fd, 1, (int)(deadline_ms - now_ms)))
		return -ETIMEDOUT;
	err = make_room(receiver);
	if (err)
		return err;
	n = read(receiver->fd, receiver->text + receiver->len, receiver->size - receiver->len);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	receiver->len += (size_t)n;
	err = take_all(receiver);
	return err ? err : n ? -EAGAIN : 0;
}

/* The pipe ends with the process. One that the kernel does not let go of is left to itself. */
static void end_search(struct mo_owner_search *receiver)
{
	struct pollfd fd = { .fd = receiver->fd };

	kill(receiver->child, SIGKILL);
	if (poll(&fd, 1, LET_GO_MS) > 0)
		while (waitpid(receiver->child, NULL, 0) < 0 && errno == EINTR)
			;
	close(receiver->fd);
	free(receiver->text);
}

static int start_search(struct mo_ctx *ctx, struct mo_report *report, struct mo_record **records, const size_t *indexes,
			size_t nr, struct mo_owner_search *receiver)
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	receiver->child = fork();
	if (!receiver->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		mo_worker_keep_only(mo_root_fd(ctx), fds[1]);
		run_search(ctx, report, records, indexes, nr, fds[1]);
	}
	close(fds[1]);
	receiver->fd = fds[0];
	if (receiver->child > 0)
		return 0;
	close(fds[0]);
	return -EAGAIN;
}

/* ---- what came of it ---- */

static void note_timeout(struct mo_ctx *ctx, const struct mo_owner_search *receiver, uint32_t limit_ms)
{
	char comm[64] = "";

	mo_read_text(ctx, comm, sizeof(comm), "/proc/%d/comm", receiver->last_pid);
	mo_report_add_note(receiver->report, "owners of pages could not all be looked for within %u ms: the search stood at "
			   "process %d (%s), which may hang, and gave up; owners are missing", limit_ms,
			   receiver->last_pid, *comm ? comm : "name not known");
}

static void note_result(struct mo_ctx *ctx, const struct mo_owner_search *receiver, int err, uint32_t limit_ms)
{
	struct mo_report *report = receiver->report;

	if (err == -ETIMEDOUT && receiver->last_pid)
		note_timeout(ctx, receiver, limit_ms);
	else if (err || !receiver->is_complete)
		mo_report_add_note(report, "owners of pages could not all be looked for (%s); owners are missing",
				   err ? strerror(-err) : "the search was killed");
	else if (*receiver->error)
		mo_report_add_note(report, "%s", receiver->error);
	if (receiver->nr_hidden)
		mo_report_add_note(report, "%llu processes could not be looked into, owners among them are missing",
				   (unsigned long long)receiver->nr_hidden);
}

static int search(struct mo_ctx *ctx, struct mo_report *report, struct mo_record **records, const size_t *indexes,
		  size_t nr, uint32_t limit_ms)
{
	struct mo_owner_search receiver = { .report = report };
	int err = start_search(ctx, report, records, indexes, nr, &receiver);

	if (!err) {
		uint64_t deadline_ms = mo_now_ms() + limit_ms;

		do
			err = receive(&receiver, deadline_ms);
		while (err == -EAGAIN);
		end_search(&receiver);
	}
	note_result(ctx, &receiver, err, limit_ms);
	return receiver.is_complete ? 0 : err ? err : -EINTR;
}

/* Somebody's mapping has no name yet. */
static bool lacks_name(const struct mo_record *record)
{
	const struct mo_owner *owner;

	for (size_t i = 0; (owner = mo_record_owner(record, i)); i++)
		if (!*owner->vma && owner->pid > 0)
			return true;
	return false;
}

/* The records to look for, and which they are in the report. */
struct wish {
	struct mo_record **records;
	size_t *indexes;
	size_t nr;
	bool lacks_names;
};

static void free_wish(struct wish *wish)
{
	free(wish->records);
	free(wish->indexes);
}

/* FIND: owners, too, of records that have none; the core names them itself. */
static int make_wish(struct mo_report *report, bool find, struct wish *wish)
{
	size_t room = mo_report_nr_records(report) + 1, i;
	struct mo_record *record;

	*wish = (struct wish){ calloc(room, sizeof(*wish->records)), calloc(room, sizeof(*wish->indexes)), 0, false };
	if (!wish->records || !wish->indexes) {
		free_wish(wish);
		return -ENOMEM;
	}
	for (i = 0; (record = mo_report_record_mutable(report, i)); i++) {
		wish->lacks_names |= lacks_name(record);
		if (!find || record->nr_owners)
			continue;
		wish->indexes[wish->nr] = i;
		wish->records[wish->nr++] = record;
	}
	return 0;
}

int mo_owners_search(struct mo_ctx *ctx, struct mo_report *report, bool find, uint32_t limit_ms)
{
	struct wish wish;
	int err;

	mo_report_name_cgroups(report);
	err = make_wish(report, find, &wish);
	if (err)
		return err;
	if (wish.nr || wish.lacks_names)
		err = search(ctx, report, wish.records, wish.indexes, wish.nr, limit_ms);
	free_wish(&wish);
	return err;
}

/* Each of them may do without the others. */
int mo_owners_tell(struct mo_ctx *ctx, struct mo_report *report, bool find)
{
	int err = mo_owners_search(ctx, report, find, MO_OWNERS_LIMIT_MS);

	mo_files_name(ctx, report, MO_OWNERS_LIMIT_MS);
	mo_holds_search(ctx, report, MO_OWNERS_LIMIT_MS);
	mo_stacks_read(ctx, report);
	return err;
}

/* ---- beside other work ---- */

int mo_owner_search_begin(struct mo_ctx *ctx, struct mo_report *report, struct mo_owner_search **out)
{
	struct mo_owner_search *search = calloc(1, sizeof(*search));
	struct wish wish;
	int err = search ? make_wish(report, true, &wish) : -ENOMEM;

	if (!err) {
		search->report = report;
		err = start_search(ctx, report, wish.records, wish.indexes, wish.nr, search);
		free_wish(&wish);
	}
	if (err)
		free(search);
	else
		*out = search;
	return err;
}

bool mo_owner_search_poll(struct mo_owner_search *search)
{
	int err;

	do
		err = receive(search, mo_now_ms() + 1);
	while (err == -EAGAIN);
	return err == -ETIMEDOUT;
}

void mo_owner_search_end(struct mo_owner_search *search)
{
	if (!search)
		return;
	end_search(search);
	free(search);
}
