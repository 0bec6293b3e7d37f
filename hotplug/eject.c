// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The last step of a removal: a device of which no block is online goes. The kernel carries an ACPI eject out later and
 * tells nobody how it ended; its memory is gone when the blocks are, and the device when it is no longer enabled.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "transaction.h"

#define TICK_MS 100		/* the firmware's word (_STA) changes without an event */
#define STA_ENABLED 2

struct leaving {
	struct mo_transaction *txn;
	const struct mo_device *device;	/* NULL: it is not known any more, only its blocks are */
	uint32_t index;			/* of it */
	uint64_t until_ms;
};

static bool is_of(const struct leaving *leaving, const struct mo_item *item)
{
	return !leaving->device || item->before.device == leaving->index;
}

/* ---- is it gone? ---- */

/* The first block that is there, or, with USED, that is not offline; NULL: none. */
static const struct mo_item *find_block(const struct leaving *leaving, bool used)
{
	struct mo_transaction *txn = leaving->txn;

	for (size_t i = 0; i < txn->nr_items; i++) {
		const struct mo_item *item = &txn->items[i];
		const struct mo_block *block = mo_memory_find(txn->memory, item->block);

		if (!is_of(leaving, item) || !block || mo_memory_refresh(txn->memory, item->block) == -ENOENT)
			continue;
		if (!used || block->state != MO_STATE_OFFLINE)
			return item;
	}
	return NULL;
}

static bool is_enabled(const struct leaving *leaving)
{
	uint64_t status;

	if (!leaving->device || leaving->device->kind != MO_DEVICE_ACPI)
		return false;
	return !mo_read_u64(leaving->txn->ctx, 10, &status, "%s/status", leaving->device->path) && status & STA_ENABLED;
}

static int await_events(const struct leaving *leaving, struct mo_monitor *monitor)
{
	struct pollfd fds[2] = {
		{ .fd = monitor ? mo_monitor_fd(monitor) : -1, .events = POLLIN },
		{ .fd = leaving->txn->request->stop_fd, .events = POLLIN },
	};
	const struct mo_event *event;

	if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
		return -errno;
	while (fds[0].revents && mo_monitor_next(monitor, &event) > 0)
		;
	return fds[1].revents ? -EINTR : 0;
}

static bool is_there(const struct leaving *leaving)
{
	return find_block(leaving, false) || is_enabled(leaving);
}

/* 0; -EINTR; -ETIMEDOUT. */
static int await_gone(const struct leaving *leaving, struct mo_monitor *monitor)
{
	int err = 0;

	while (!err && is_there(leaving))
		err = mo_now_ms() < leaving->until_ms ? await_events(leaving, monitor) : -ETIMEDOUT;
	return err;
}

static const char *what_keeps_it(enum mo_device_kind kind)
{
	switch (kind) {
	case MO_DEVICE_ACPI: return "the kernel or the firmware did not carry the eject out; 'journalctl -k' may say why";
	case MO_DEVICE_VIRTIO_MEM: return "the hypervisor has not asked for its memory back; lower its requested size there, "
		"then the driver gives it back by itself";
	default: return "'journalctl -k' may say why";
	}
}

static int explain(const struct leaving *leaving, int err)
{
	struct mo_ctx *ctx = leaving->txn->ctx;
	const char *name = leaving->device ? leaving->device->name : mo_report_target(leaving->txn->report);

	leaving->txn->ended_by = err == -EINTR ? MO_REASON_INTERRUPTED : MO_REASON_DEADLINE;
	if (err == -EINTR)
		return mo_error(ctx, err, "stopped on request, before %s was gone", name);
	if (err != -ETIMEDOUT)
		return mo_error(ctx, err, "can't wait for %s to go: %s; try it again", name, strerror(-err));
	if (!find_block(leaving, false))
		return mo_error(ctx, -EIO, "the memory of %s is out of use, but the firmware says that the device is still enabled: "
				"do not pull it; see the firmware's log", name);
	return mo_error(ctx, err, "%s did not go in time: %s", name,
			what_keeps_it(leaving->device ? leaving->device->kind : MO_DEVICE_BOOT));
}

/* ---- what makes it go ---- */

static int ask_acpi(const struct leaving *leaving)
{
	struct mo_ctx *ctx = leaving->txn->ctx;
	const struct mo_device *device = leaving->device;
	int err = mo_write_text(ctx, "1", "%s/eject", device->path);

	if (err == -ENOENT)
		return mo_error(ctx, -EOPNOTSUPP, "the firmware offers no eject of %s; its memory can go offline alone "
				"('memoffline offline %s')", device->name, device->name);
	return err ? mo_error(ctx, err, "the eject of %s was refused: %s; see 'journalctl -k'", device->name, strerror(-err)) :
		0;
}

static void tick(void *data)
{
	(void)data;
}

/* By a process that can be killed: the driver waits for the kernel's hotplug lock. */
struct unbind {
	struct mo_ctx *ctx;
	const char *name;
};

static int unbind(void *data)
{
	const struct unbind *order = data;

	return mo_write_text(order->ctx, order->name, "/sys/bus/dax/drivers/kmem/unbind");
}

static int ask_dax(const struct leaving *leaving)
{
	struct unbind order = { leaving->txn->ctx, leaving->device->name };
	struct mo_worker *worker;
	enum mo_reason reason;
	bool abandoned = false;
	int err = mo_worker_run(unbind, &order, &worker);

	if (err)
		return mo_error(order.ctx, err, "no process for the unbinding of %s: %s", order.name, strerror(-err));
	reason = mo_worker_watch(worker, leaving->txn->request->stop_fd, leaving->until_ms, tick, NULL);
	err = reason == MO_REASON_NONE ? mo_worker_finish(worker) : mo_worker_end(worker, &abandoned);
	leaving->txn->abandoned |= abandoned;
	if (err && reason != MO_REASON_NONE)
		return explain(leaving, reason == MO_REASON_INTERRUPTED ? -EINTR : -ETIMEDOUT);
	return err ? mo_error(order.ctx, err, "%s can't be unbound from the driver kmem: %s; see 'journalctl -k'", order.name,
			      strerror(-err)) : 0;
}

/* Memory that somebody brought back meanwhile would go while it is in use, or be lost till the next restart (dax). */
static int check_offline(const struct leaving *leaving)
{
	const struct mo_item *item = find_block(leaving, true);

	return item ? mo_error(leaving->txn->ctx, -EBUSY, "memory%u of %s was brought online by somebody else meanwhile, perhaps by a "
			       "udev rule; see 'memoffline doctor'", item->block, leaving->device->name) : 0;
}

static int ask(const struct leaving *leaving)
{
	int err = check_offline(leaving);

	if (!is_there(leaving))
		return 0;	/* somebody else was faster */
	if (err)
		return err;
	switch (leaving->device->kind) {
	case MO_DEVICE_ACPI: return ask_acpi(leaving);
	case MO_DEVICE_DAX: return ask_dax(leaving);
	default: return 0;	/* virtio-mem: its driver does it, when the hypervisor wants it so */
	}
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
	return !b_ms || a_ms < b_ms ? a_ms : b_ms;
}

int mo_eject(struct mo_transaction *txn, uint32_t device, uint32_t gone_ms)
{
	struct leaving leaving = {
		.txn = txn, .device = mo_memory_device(txn->memory, device), .index = device,
		.until_ms = earlier(mo_now_ms() + gone_ms, txn->deadline_ms),
	};
	struct mo_monitor *monitor = NULL;
	int err;

	if (mo_monitor_new(txn->ctx, &monitor))
		monitor = NULL;		/* a look at each tick has to do */
	err = ask(&leaving);
	if (!err) {
		err = await_gone(&leaving, monitor);
		err = err ? explain(&leaving, err) : 0;
	}
	mo_monitor_unref(monitor);
	return err;
}

int mo_eject_await(struct mo_transaction *txn, uint32_t gone_ms)
{
	const struct leaving leaving = {
		.txn = txn, .until_ms = earlier(mo_now_ms() + gone_ms, txn->deadline_ms),
	};
	struct mo_monitor *monitor = NULL;
	int err;

	if (mo_monitor_new(txn->ctx, &monitor))
		monitor = NULL;
	err = await_gone(&leaving, monitor);
	mo_monitor_unref(monitor);
	return err ? explain(&leaving, err) : 0;
}
