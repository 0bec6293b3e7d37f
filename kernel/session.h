/* SPDX-License-Identifier: GPL-2.0-only */
/* What dev.c asks of a session. The requests and their errors stand in the uapi header; ranges are checked already. */
#ifndef MEMOFFLINE_SESSION_H
#define MEMOFFLINE_SESSION_H

#include <linux/poll.h>
#include <linux/types.h>

struct mo_session;

struct mo_session *mo_session_new(void);	/* the caller's process owns it; NULL: no memory */
void mo_session_free(struct mo_session *session);

int mo_session_quarantine(struct mo_session *session, void *arg);
int mo_session_evacuate(struct mo_session *session, void *arg);
int mo_session_release(struct mo_session *session, void *arg);
int mo_session_migrate_process(struct mo_session *session, void *arg);
int mo_session_stop(struct mo_session *session, void *arg);

ssize_t mo_session_read(struct mo_session *session, char __user *buffer, size_t size, bool may_wait);
__poll_t mo_session_poll(struct mo_session *session, struct file *file, poll_table *wait);

#endif
