// SPDX-License-Identifier: LGPL-2.1-or-later
/* While a device goes: systemd-logind holds off shutdown and sleep, and users are told. Neither is worth a failure. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#define WALL_MS 5000

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

void mo_wall(struct mo_ctx *ctx, const char *message)
{
	char path[] = "PATH=/usr/bin:/bin", *const environment[] = { path, NULL };
	struct mo_program wall = {
		.path = "/usr/bin/wall", .words = { message }, .environment = environment, .input = "",
		.limit_ms = WALL_MS, .stop_fd = -1,
	};
	int err = mo_program_run(&wall);

	if (!err && (wall.ended_by != MO_REASON_NONE || wall.status))
		err = -EIO;
	if (err)
		mo_log(ctx, MO_LOG_INFO, "users were not told (wall: %s)", strerror(-err));
}
