// SPDX-License-Identifier: LGPL-2.1-or-later
/* While a device goes: systemd-logind holds off shutdown and sleep, and users are told. Neither is worth a failure. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "library.h"
#include "private.h"

#define FUNCTIONS(each) \
	each(sd_bus_open_system) \
	each(sd_bus_set_method_call_timeout) \
	each(sd_bus_call_method) \
	each(sd_bus_message_read) \
	each(sd_bus_message_unref) \
	each(sd_bus_flush_close_unref)

LIBRARY(systemd, "libsystemd.so.0", FUNCTIONS)

#define SOCKET "/run/dbus/system_bus_socket"
#define CALL_US 2000000

struct mo_inhibit {
	int fd;		/* logind lets go when it is closed, whatever closes it */
};

static int ask_logind(sd_bus *bus, const char *why, int *fd)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int lent, err;

	systemd.sd_bus_set_method_call_timeout(bus, CALL_US);
	err = systemd.sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
					 "org.freedesktop.login1.Manager", "Inhibit", &error, &reply, "ssss",
					 "shutdown:sleep", "memoffline", why, "block");
	if (err >= 0)
		err = systemd.sd_bus_message_read(reply, "h", &lent);
	if (err >= 0) {
		*fd = fcntl(lent, F_DUPFD_CLOEXEC, 3);
		err = *fd < 0 ? -errno : 0;
	}
	systemd.sd_bus_message_unref(reply);
	return err;
}

static int take(const char *why, int *fd)
{
	sd_bus *bus;
	int err = open_systemd();

	if (err)
		return err;
	err = systemd.sd_bus_open_system(&bus);
	if (err < 0)
		return err;
	err = ask_logind(bus, why, fd);
	systemd.sd_bus_flush_close_unref(bus);
	return err;
}

struct mo_inhibit *mo_inhibit_take(struct mo_ctx *ctx, const char *target)
{
	struct mo_inhibit *inhibit;
	char why[300];
	int fd, err;

	if (!mo_exists(ctx, SOCKET))
		return NULL;
	snprintf(why, sizeof(why), "%s is being removed", target);
	err = take(why, &fd);
	if (err < 0) {
		mo_log(ctx, MO_LOG_INFO, "shutdown is not held off meanwhile: systemd-logind can't be asked: %s", strerror(-err));
		return NULL;
	}
	inhibit = malloc(sizeof(*inhibit));
	if (inhibit)
		inhibit->fd = fd;
	else
		close(fd);
	return inhibit;
}

void mo_inhibit_drop(struct mo_inhibit *inhibit)
{
	if (!inhibit)
		return;
	close(inhibit->fd);
	free(inhibit);
}

/* ---- wall(1) ---- */

static int run_wall(char *message)
{
	char *const argv[] = { (char *)"wall", message, NULL };
	char *const envp[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	posix_spawn_file_actions_t files;
	int err, status;
	pid_t pid;

	err = posix_spawn_file_actions_init(&files);
	if (err)
		return -err;
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawn(&pid, "/usr/bin/wall", &files, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&files);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EIO : 0;
}

void mo_wall(struct mo_ctx *ctx, const char *message)
{
	char text[400];
	int err;

	snprintf(text, sizeof(text), "%s", message);
	err = run_wall(text);
	if (err)
		mo_log(ctx, MO_LOG_INFO, "users were not told (wall: %s)", strerror(-err));
}
