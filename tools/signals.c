// SPDX-License-Identifier: GPL-2.0-only
/* Signals that end a command, heard instead of obeyed. */
#include <sys/signalfd.h>
#include <unistd.h>

#include "command.h"

int signals_catch(int also, sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (also)
		sigaddset(&set, also);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_next(int fd)
{
	struct signalfd_siginfo info;

	return fd >= 0 && read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

void signals_release(int fd, const sigset_t *old)
{
	while (signals_next(fd))
		;
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, old, NULL);
}
