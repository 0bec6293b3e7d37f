// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Several blocks at once, with the core: all are quarantined, then emptied together outside of the kernel's hotplug
 * lock, so that each page moves once and none moves into a block that goes next. What is left for the kernel is to take
 * empty blocks offline, each released just before its turn.
 *
 * A process of its own waits for the module, as one does for each write to sysfs: it can be killed at any time, and
 * whatever moved stays moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transaction.h"

#define TICK_MS 200

struct evacuation {
	struct mo_transaction *txn;
	pid_t pid;
	int pidfd;
	int answer_fd;		/* from the process: struct mo_core_evacuated */
	uint64_t todo_pages;	/* in what is quarantined, at the start */
};

/* ---- quarantine ---- */

static bool is_to_go(const struct mo_item *item)
{
	return item->mark == MO_MARK_TODO && item->verdict != MO_VERDICT_DONE && item->verdict != MO_VERDICT_NEVER;
}

static uint64_t start_of(const struct mo_transaction *txn, const struct mo_item *item)
{
	return item->block * mo_memory_block_pages(txn->memory);
}

/* A block that can't be quarantined is left to the kernel, whose attempt tells why. */
static int quarantine(struct mo_transaction *txn)
{
	bool may_be_short = txn->flags & MO_REQUEST_FORCE;
	size_t i;
	int err;

	for (i = 0; i < txn->nr_wanted; i++) {
		struct mo_item *item = &txn->items[i];

		if (!is_to_go(item))
			continue;
		err = mo_session_quarantine(txn->session, start_of(txn, item), mo_memory_block_pages(txn->memory));
		if (err == -ENOSPC && !may_be_short)
			return err;
		item->is_quarantined = !err;
	}
	return 0;
}

void mo_evacuate_release(struct mo_transaction *txn, size_t i)
{
	struct mo_item *item = &txn->items[i];

	if (item->is_quarantined)
		mo_session_release(txn->session, start_of(txn, item), mo_memory_block_pages(txn->memory));
	item->is_quarantined = false;
}

void mo_evacuate_end(struct mo_transaction *txn)
{
	size_t i;

	for (i = 0; i < txn->nr_items; i++)
		mo_evacuate_release(txn, i);
}

/* ---- the process ---- */

static void __attribute__((noreturn)) run_process(pid_t parent, struct mo_session *session,
						  const struct mo_core_terms *terms, int answer_fd)
{
	struct mo_core_evacuated answer = { 0 };
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	answer.error = mo_session_evacuate(session, terms, &answer);
	_exit(write(answer_fd, &answer, sizeof(answer)) != sizeof(answer));
}

static int start_process(struct evacuation *evacuation, const struct mo_core_terms *terms)
{
	struct mo_session *session = evacuation->txn->session;
	pid_t parent = getpid();
	int fds[2];

	evacuation->answer_fd = evacuation->pidfd = -1;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	evacuation->pid = fork();
	if (!evacuation->pid)
		run_process(parent, session, terms, fds[1]);
	close(fds[1]);
	evacuation->answer_fd = fds[0];
	evacuation->pidfd = evacuation->pid > 0 ? pidfd_open(evacuation->pid, 0) : -1;
	return evacuation->pidfd < 0 ? -errno : 0;
}

/* The module lets go of a killed process at its next page. */
static int end_process(struct evacuation *evacuation, struct mo_core_evacuated *answer)
{
	bool has_answer = evacuation->answer_fd >= 0 &&
			  read(evacuation->answer_fd, answer, sizeof(*answer)) == sizeof(*answer);

	if (evacuation->pid > 0)
		waitpid(evacuation->pid, NULL, 0);
	if (evacuation->pidfd >= 0)
		close(evacuation->pidfd);
	if (evacuation->answer_fd >= 0)
		close(evacuation->answer_fd);
	return has_answer ? answer->error : -EINTR;
}

/* ---- watching it ---- */

static void tell(struct evacuation *evacuation)
{
	struct mo_transaction *txn = evacuation->txn;
	struct mo_core_progress progress;

	if (!mo_session_progress(txn->session, &progress))
		return;
	mo_transaction_tell(txn, evacuation->todo_pages > progress.done_pages ?
			    evacuation->todo_pages - progress.done_pages : 0, progress.stuck_pfn);
}

/* True: it ended by itself. */
static bool watch(struct evacuation *evacuation)
{
	struct mo_transaction *txn = evacuation->txn;
	struct pollfd fds[2] = {
		{ .fd = evacuation->pidfd, .events = POLLIN },
		{ .fd = txn->request->stop_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents)
			return true;
		if (fds[1].revents) {
			txn->ended_by = MO_REASON_INTERRUPTED;
			return false;
		}
		tell(evacuation);
	}
}

static uint64_t pages_todo(const struct mo_transaction *txn)
{
	uint64_t nr = 0;
	size_t i;

	for (i = 0; i < txn->nr_wanted; i++)
		if (txn->items[i].is_quarantined)
			nr += txn->items[i].pages;
	return nr;
}

static int terms_of(const struct mo_transaction *txn, struct mo_core_terms *terms)
{
	const struct mo_request *request = txn->request;
	uint64_t now_ms = mo_now_ms();

	*terms = (struct mo_core_terms){
		.stall_ms = request->stall_ms, .max_mib_s = request->max_mib_s, .swap = request->swap,
	};
	if (txn->deadline_ms)
		terms->deadline_ms = txn->deadline_ms > now_ms ? (uint32_t)(txn->deadline_ms - now_ms) : 1;
	if (!request->to_nodes)
		return 0;
	terms->nr_node_words = MO_NODE_WORDS;
	return mo_nodes_parse(txn->memory, request->to_nodes, terms->nodes);
}

/* ---- what came of it ---- */

static void fail(void *data, uint32_t block, enum mo_reason reason, uint64_t nr_pages)
{
	struct mo_transaction *txn = data;
	size_t i;

	for (i = 0; i < txn->nr_wanted; i++) {
		struct mo_item *item = &txn->items[i];

		if (item->block != block || !item->is_quarantined)
			continue;
		item->is_stuck = true;
		item->result->outcome = MO_OUTCOME_FAILED;
		item->result->error = -EBUSY;
		item->result->reason = reason;
		item->result->pages_before = item->pages;
		item->result->pages_left = nr_pages;
		mo_transaction_mark(txn, i, MO_MARK_FAILED);
	}
}

static enum mo_reason limit_of(enum mo_reason reason)
{
	return reason == MO_REASON_DEADLINE || reason == MO_REASON_STALL ? reason : MO_REASON_NONE;
}

static int conclude(struct mo_transaction *txn, const struct mo_core_evacuated *answer)
{
	txn->core_moved += answer->moved_pages;
	txn->core_evicted += answer->evicted_pages;
	txn->core_violated += answer->violated_pages;
	if (!answer->kept_pages)
		return 0;
	txn->ended_by = limit_of(answer->reason);
	mo_session_kept(txn->session, mo_memory_block_pages(txn->memory), answer->kept_pages, txn->report, fail, txn);
	return -EBUSY;
}

static int evacuate(struct mo_transaction *txn, const struct mo_core_terms *terms)
{
	struct evacuation evacuation = { .txn = txn, .todo_pages = pages_todo(txn) };
	struct mo_core_evacuated answer = { 0 };
	int err = start_process(&evacuation, terms);

	if ((err || !watch(&evacuation)) && evacuation.pid > 0)
		kill(evacuation.pid, SIGKILL);
	err = end_process(&evacuation, &answer);
	if (txn->ended_by == MO_REASON_INTERRUPTED)
		return -EINTR;
	return err ? err : conclude(txn, &answer);
}

int mo_evacuate_blocks(struct mo_transaction *txn)
{
	struct mo_core_terms terms;
	int err;

	if (!txn->session || !txn->core.has_sessions)
		return 0;
	err = terms_of(txn, &terms);
	if (!err)
		err = quarantine(txn);
	if (err)
		return err;
	err = evacuate(txn, &terms);
	if (err == -EINTR || err == -EBUSY)
		return err;
	return 0;	/* the attempts on the blocks tell */
}
