// SPDX-License-Identifier: GPL-2.0-only
/* /dev/memoffline: a table of requests. What each of them means, and its errors, stand in the uapi header. */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "dev.h"
#include "hotplug.h"
#include "include/uapi/linux/memoffline.h"
#include "migrate.h"
#include "session.h"

/* ---- the caller's array of records ---- */

static int check_array(u64 address, u32 nr)
{
	if (!nr)
		return 0;
	if (!address || !access_ok(u64_to_user_ptr(address), (u64)nr * sizeof(struct memoffline_record)))
		return -EFAULT;
	return 0;
}

static int put_records(u64 address, const struct memoffline_record *records, u32 nr)
{
	if (nr && copy_to_user(u64_to_user_ptr(address), records, (size_t)nr * sizeof(*records)))
		return -EFAULT;
	return 0;
}

/* ---- INFO ---- */

static u64 features(void)
{
	u64 isolation = mo_hotplug_sees_isolation() ? MEMOFFLINE_FEATURE_ISOLATION : 0;

	return (mo_compat_features() & ~MEMOFFLINE_FEATURE_ISOLATION) | isolation;
}

static int get_info(struct mo_session *session, void *arg)
{
	struct memoffline_info *info = arg;

	info->out_version = 1;
	info->out_nr_workers = mo_crew_size();
	info->out_features = features();
	info->out_deadline_ms = mo_hotplug_deadline_ms();
	info->out_stall_ms = mo_hotplug_stall_ms();
	return 0;
}

/* ---- SCAN ---- */

static int check_range(u64 start_pfn, u64 nr_pages)
{
	u64 last_pfn;

	if (!nr_pages || nr_pages > MEMOFFLINE_SCAN_MAX_PAGES || !IS_ALIGNED(start_pfn | nr_pages, pageblock_nr_pages))
		return -EINVAL;
	if (check_add_overflow(start_pfn, nr_pages - 1, &last_pfn) || last_pfn > PHYS_PFN(PHYS_ADDR_MAX))
		return -EINVAL;
	return 0;
}

/* By sections, so that those who take memory offline meanwhile need not wait for all of it. */
static int scan_range(struct mo_report *report)
{
	u64 pfn = report->start_pfn, end_pfn = pfn + report->nr_pages, next_pfn;

	while (pfn < end_pfn) {
		if (fatal_signal_pending(current))
			return -EINTR;
		next_pfn = min_t(u64, ALIGN(pfn + 1, PAGES_PER_SECTION), end_pfn);
		mo_hotplug_scan(pfn, next_pfn - pfn, 0, report);
		cond_resched();
		pfn = next_pfn;
	}
	return 0;
}

static int scan(struct mo_session *session, void *arg)
{
	struct memoffline_scan *scan = arg;
	struct mo_report *report;
	int err;

	if (!IS_ENABLED(CONFIG_MIGRATION))
		return -EOPNOTSUPP;
	err = check_range(scan->start_pfn, scan->nr_pages) ?: check_array(scan->records, scan->nr_records);
	if (err)
		return err;
	report = mo_report_new(scan->start_pfn, scan->nr_pages,
			       min_t(u64, min(scan->nr_records, MEMOFFLINE_MAX_RECORDS), scan->nr_pages));
	if (!report)
		return -ENOMEM;
	mo_scan_spare_own(report);
	err = scan_range(report) ?: put_records(scan->records, report->records, report->nr_records);
	scan->out_nr_records = report->nr_records;
	scan->out_nr_kept = report->nr_kept;
	BUILD_BUG_ON(sizeof(scan->out_nr_pages) != sizeof(report->nr_pages_of));
	memcpy(scan->out_nr_pages, report->nr_pages_of, sizeof(scan->out_nr_pages));
	mo_report_free(report);
	return err;
}

/* ---- REPORT ---- */

/* What was copied of a report while it was locked: user space can't be written to then. */
struct copied {
	struct memoffline_report *arg;
	struct memoffline_record *records;
};

static void fill_totals(struct memoffline_report *arg, const struct mo_report *report)
{
	arg->out_nr_records_kept = report->nr_records;
	arg->out_start_pfn = report->start_pfn;
	arg->out_nr_pages = report->nr_pages;
	arg->out_nr_moved = report->nr_moved;
	arg->out_nr_evicted = report->nr_evicted;
	arg->out_nr_kept = report->nr_kept;
	arg->out_nr_split = report->nr_split;
	arg->out_nr_policy_violated = report->nr_policy_violated;
	arg->out_start_ns = report->start_ns;
	arg->out_elapsed_ns = report->elapsed_ns;
	arg->out_error = report->error;
	arg->out_reason = report->reason;
	arg->out_pid = report->pid;
	arg->out_nr_passes = report->nr_passes;
	memcpy(arg->out_comm, report->comm, sizeof(arg->out_comm));
	memcpy(arg->out_kept_by_reason, report->kept_by_reason, sizeof(arg->out_kept_by_reason));
}

static int copy_report(const struct mo_report *report, void *data)
{
	struct copied *copied = data;
	u32 nr = min(report->nr_records, copied->arg->nr_records);

	if (nr) {
		copied->records = kvmalloc_array(nr, sizeof(*copied->records), GFP_KERNEL);
		if (!copied->records)
			return -ENOMEM;
		memcpy(copied->records, report->records, nr * sizeof(*copied->records));
	}
	copied->arg->out_nr_records = nr;
	fill_totals(copied->arg, report);
	return 0;
}

static int get_report(struct mo_session *session, void *arg)
{
	struct memoffline_report *report = arg;
	struct copied copied = { .arg = report };
	int err = check_array(report->records, report->nr_records);

	if (err)
		return err;
	err = mo_hotplug_report(report->start_pfn, copy_report, &copied);
	if (!err)
		err = put_records(report->records, copied.records, report->out_nr_records);
	kvfree(copied.records);
	return err;
}

/* ---- sessions ---- */

/* By sections: free memory that reaches over two pageblocks is never cut. */
static int check_session_range(u64 start_pfn, u64 nr_pages)
{
	return IS_ALIGNED(start_pfn | nr_pages, PAGES_PER_SECTION) ? check_range(start_pfn, nr_pages) : -EINVAL;
}

static int quarantine(struct mo_session *session, void *arg)
{
	const struct memoffline_quarantine *range = arg;

	return check_session_range(range->start_pfn, range->nr_pages) ?: mo_session_quarantine(session, arg);
}

static int release(struct mo_session *session, void *arg)
{
	const struct memoffline_release *range = arg;

	return check_session_range(range->start_pfn, range->nr_pages) ?: mo_session_release(session, arg);
}

/* ---- dispatch ---- */

/* All requests begin so. */
struct head {
	u32 size;
	u32 flags;
};

union any {
	struct head head;
	struct memoffline_info info;
	struct memoffline_scan scan;
	struct memoffline_report report;
	struct memoffline_quarantine quarantine;
	struct memoffline_release release;
	struct memoffline_evacuate evacuate;
	struct memoffline_migrate_process migrate_process;
	struct memoffline_stop stop;
};

static const struct request {
	unsigned int ioctl;
	const char *name;
	size_t min_size;		/* of version 1, for ever: to the end of its last member */
	size_t max_size;		/* of now */
	u32 flags;			/* that it knows */
	int (*handle)(struct mo_session *session, void *arg);	/* what it writes goes back to the caller */
	bool tells_why;			/* also when it fails */
} requests[] = {
#define REQUEST(name, type, last, handle, ...) \
	{ MEMOFFLINE_##name, #name, offsetofend(struct type, last), sizeof(struct type), 0, handle, ##__VA_ARGS__ }
	REQUEST(INFO, memoffline_info, out_stall_ms, get_info),
	REQUEST(SCAN, memoffline_scan, out_nr_pages, scan),
	REQUEST(REPORT, memoffline_report, out_kept_by_reason, get_report),
	REQUEST(QUARANTINE, memoffline_quarantine, reserved, quarantine, true),
	REQUEST(RELEASE, memoffline_release, nr_pages, release),
	{ MEMOFFLINE_EVACUATE, "EVACUATE", offsetofend(struct memoffline_evacuate, out_kept_by_reason),
	  sizeof(struct memoffline_evacuate), MEMOFFLINE_EVACUATE_FALLBACK | MEMOFFLINE_EVACUATE_EVICT,
	  mo_session_evacuate },
	{ MEMOFFLINE_MIGRATE_PROCESS, "MIGRATE_PROCESS", offsetofend(struct memoffline_migrate_process, out_kept_by_reason),
	  sizeof(struct memoffline_migrate_process),
	  MEMOFFLINE_PROCESS_MOVE_ALL | MEMOFFLINE_PROCESS_FALLBACK | MEMOFFLINE_PROCESS_PIDFD,
	  mo_session_migrate_process },
	REQUEST(STOP, memoffline_stop, flags, mo_session_stop),
#undef REQUEST
};

static const struct request *find_request(unsigned int ioctl)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		if (requests[i].ioctl == ioctl)
			return &requests[i];
	return NULL;
}

static int run(const struct request *request, struct mo_session *session, void __user *user, u32 size)
{
	union any arg;
	int err, ret;

	err = copy_struct_from_user(&arg, request->max_size, user, size);
	if (err)
		return err;
	if (arg.head.flags & ~request->flags)
		return -EINVAL;
	arg.head.size = size;	/* it may have changed since it was read */
	ret = request->handle(session, &arg);
	if (ret && !request->tells_why)
		return ret;
	err = copy_to_user(user, &arg, min_t(size_t, size, request->max_size)) ? -EFAULT : 0;
	return ret ?: err;
}

static long dev_ioctl(struct file *file, unsigned int ioctl, unsigned long address)
{
	const struct request *request = find_request(ioctl);
	void __user *user = (void __user *)address;
	u32 size;
	int err;

	if (!request)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < request->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = run(request, file->private_data, user, size);
	pr_debug("memoffline: %s: %d\n", request->name, err);
	return err;
}

/* ---- the device ---- */

static int dev_open(struct inode *inode, struct file *file)
{
	struct mo_session *session;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	session = mo_session_new();
	if (!session)
		return -ENOMEM;
	file->private_data = session;
	return stream_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	mo_session_free(file->private_data);
	return 0;
}

static ssize_t dev_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
	return mo_session_read(file->private_data, buffer, size, !(file->f_flags & O_NONBLOCK));
}

static __poll_t dev_poll(struct file *file, poll_table *wait)
{
	return mo_session_poll(file->private_data, file, wait);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read = dev_read,
	.poll = dev_poll,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "memoffline",
	.mode = 0600,
	.fops = &operations,
};

static struct kobject *device_kobject;

struct kobject *mo_dev_kobject(void)
{
	return READ_ONCE(device_kobject);
}

int mo_dev_init(void)
{
	int err = misc_register(&device);

	if (!err)
		WRITE_ONCE(device_kobject, &device.this_device->kobj);
	return err;
}

void mo_dev_exit(void)
{
	WRITE_ONCE(device_kobject, NULL);
	misc_deregister(&device);
}
