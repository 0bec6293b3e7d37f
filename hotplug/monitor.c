// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events of memory, nodes and their devices, as the kernel sends them: no udevd is needed. */
#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* Taking a large device offline gives an event a block at once; what does not fit is lost. */
#define RECEIVE_BUFFER_BYTES (8 << 20)

struct mo_monitor {
	struct mo_ctx *ctx;
	struct udev *udev;
	struct udev_monitor *netlink;
	struct udev_device *device;	/* what event points into */
	struct mo_event event;
};

static int listen_to_kernel(struct mo_monitor *monitor)
{
	static const char *const subsystems[] = { "memory", "node", "acpi", "dax" };
	int err = 0;

	monitor->udev = udev_new();
	if (!monitor->udev)
		return -ENOMEM;
	monitor->netlink = udev_monitor_new_from_netlink(monitor->udev, "kernel");
	if (!monitor->netlink)
		return errno ? -errno : -ENOMEM;
	for (size_t i = 0; !err && i < ARRAY_SIZE(subsystems); i++)
		err = udev_monitor_filter_add_match_subsystem_devtype(monitor->netlink, subsystems[i], NULL);
	/* Without CAP_NET_ADMIN the kernel's default size has to do. */
	udev_monitor_set_receive_buffer_size(monitor->netlink, RECEIVE_BUFFER_BYTES);
	return err < 0 ? err : udev_monitor_enable_receiving(monitor->netlink);
}

int mo_monitor_new(struct mo_ctx *ctx, struct mo_monitor **out)
{
	struct mo_monitor *monitor;
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "a recorded machine (%s) has no events; leave the sysroot away to watch the running one",
				mo_ctx_get_sysroot(ctx));
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return mo_error(ctx, -ENOMEM, "no memory to watch events; free some and try again");
	monitor->ctx = mo_ctx_ref(ctx);
	errno = 0;
	err = listen_to_kernel(monitor);
	if (err < 0) {
		mo_monitor_unref(monitor);
		return mo_error(ctx, err, "can't listen to the kernel's events: %s; check that the process may open netlink sockets",
				strerror(-err));
	}
	*out = monitor;
	return 0;
}

struct mo_monitor *mo_monitor_unref(struct mo_monitor *monitor)
{
	if (!monitor)
		return NULL;
	udev_device_unref(monitor->device);
	udev_monitor_unref(monitor->netlink);
	udev_unref(monitor->udev);
	mo_ctx_unref(monitor->ctx);
	free(monitor);
	return NULL;
}

int mo_monitor_fd(const struct mo_monitor *monitor)
{
	return udev_monitor_get_fd(monitor->netlink);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void fill_event(struct mo_event *event, struct udev_device *device)
{
	const char *reason = udev_device_get_property_value(device, "SYNTH_ARG_MEMOFFLINE");

	if (!reason)
		reason = udev_device_get_property_value(device, "EVENT");
	*event = (struct mo_event){
		.action = or_empty(udev_device_get_action(device)),
		.subsystem = or_empty(udev_device_get_subsystem(device)),
		.name = or_empty(udev_device_get_sysname(device)),
		.path = or_empty(udev_device_get_devpath(device)),
		.reason = or_empty(reason),
	};
}

int mo_monitor_next(struct mo_monitor *monitor, const struct mo_event **event)
{
	struct udev_device *device;

	errno = 0;
	device = udev_monitor_receive_device(monitor->netlink);
	if (!device && errno == ENOBUFS) {
		mo_log(monitor->ctx, MO_LOG_WARNING, "events were lost: more came at once than the kernel keeps; "
		       "list the memory again to see what is true now");
		device = udev_monitor_receive_device(monitor->netlink);
	}
	if (!device)
		return 0;
	udev_device_unref(monitor->device);
	monitor->device = device;
	fill_event(&monitor->event, device);
	*event = &monitor->event;
	return 1;
}
