// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events of memory, nodes and their devices, as the kernel sends them: no udevd is needed. */
#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "private.h"

#define FUNCTIONS(each) \
	each(udev_new) \
	each(udev_monitor_new_from_netlink) \
	each(udev_monitor_filter_add_match_subsystem_devtype) \
	each(udev_monitor_set_receive_buffer_size) \
	each(udev_monitor_enable_receiving) \
	each(udev_device_unref) \
	each(udev_monitor_unref) \
	each(udev_unref) \
	each(udev_monitor_get_fd) \
	each(udev_device_get_property_value) \
	each(udev_device_get_action) \
	each(udev_device_get_subsystem) \
	each(udev_device_get_sysname) \
	each(udev_device_get_devpath) \
	each(udev_monitor_receive_device)

LIBRARY(libudev, "libudev.so.1", FUNCTIONS)

/* Taking a large device offline gives an event a block at once; what does not fit is lost. */
#define RECEIVE_BUFFER_BYTES (8 << 20)

struct mo_monitor {
	struct mo_ctx *ctx;
	struct udev *udev;
	struct udev_monitor *netlink;
	struct udev_device *device;	/* what event points into */
	struct mo_event event;
};

static int set_up(struct mo_monitor *monitor)
{
	static const char *const subsystems[] = { "memory", "node", "acpi", "dax" };
	int err = 0;

	monitor->udev = libudev.udev_new();
	if (!monitor->udev)
		return -ENOMEM;
	monitor->netlink = libudev.udev_monitor_new_from_netlink(monitor->udev, "kernel");
	if (!monitor->netlink)
		return errno ? -errno : -ENOMEM;
	for (size_t i = 0; !err && i < ARRAY_SIZE(subsystems); i++)
		err = libudev.udev_monitor_filter_add_match_subsystem_devtype(monitor->netlink, subsystems[i], NULL);
	/* Without CAP_NET_ADMIN the kernel's default size has to do. */
	libudev.udev_monitor_set_receive_buffer_size(monitor->netlink, RECEIVE_BUFFER_BYTES);
	return err < 0 ? err : libudev.udev_monitor_enable_receiving(monitor->netlink);
}

static int listen_to_kernel(struct mo_monitor *monitor)
{
	int err;

	errno = 0;
	err = set_up(monitor);
	return err >= 0 ? 0 : mo_error(monitor->ctx, err, "can't listen to the kernel's events: %s; check that the process may "
				       "open netlink sockets", strerror(-err));
}

int mo_monitor_new(struct mo_ctx *ctx, struct mo_monitor **out)
{
	struct mo_monitor *monitor;
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "a recorded machine (%s) has no events; leave the sysroot away to watch the running one",
				mo_ctx_get_sysroot(ctx));
	if (open_libudev())
		return mo_error(ctx, -ELIBACC, "can't watch events: %s; install libudev", libudev.why);
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return mo_error(ctx, -ENOMEM, "no memory to watch events; free some and try again");
	monitor->ctx = mo_ctx_ref(ctx);
	err = listen_to_kernel(monitor);
	if (err)
		mo_monitor_unref(monitor);
	else
		*out = monitor;
	return err;
}

struct mo_monitor *mo_monitor_unref(struct mo_monitor *monitor)
{
	if (!monitor)
		return NULL;
	libudev.udev_device_unref(monitor->device);
	libudev.udev_monitor_unref(monitor->netlink);
	libudev.udev_unref(monitor->udev);
	mo_ctx_unref(monitor->ctx);
	free(monitor);
	return NULL;
}

int mo_monitor_fd(const struct mo_monitor *monitor)
{
	return libudev.udev_monitor_get_fd(monitor->netlink);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void fill_event(struct mo_monitor *monitor)
{
	struct udev_device *device = monitor->device;
	const char *reason = libudev.udev_device_get_property_value(device, "SYNTH_ARG_MEMOFFLINE");

	if (!reason)
		reason = libudev.udev_device_get_property_value(device, "EVENT");
	monitor->event = (struct mo_event){
		.action = or_empty(libudev.udev_device_get_action(device)),
		.subsystem = or_empty(libudev.udev_device_get_subsystem(device)),
		.name = or_empty(libudev.udev_device_get_sysname(device)),
		.path = or_empty(libudev.udev_device_get_devpath(device)),
		.reason = or_empty(reason),
	};
}

int mo_monitor_next(struct mo_monitor *monitor, const struct mo_event **event)
{
	struct udev_device *device;

	errno = 0;
	device = libudev.udev_monitor_receive_device(monitor->netlink);
	if (!device && errno == ENOBUFS) {
		mo_log(monitor->ctx, MO_LOG_WARNING, "events were lost: more came at once than the kernel keeps; "
		       "list the memory again to see what is true now");
		device = libudev.udev_monitor_receive_device(monitor->netlink);
	}
	if (!device)
		return 0;
	libudev.udev_device_unref(monitor->device);
	monitor->device = device;
	fill_event(monitor);
	*event = &monitor->event;
	return 1;
}
