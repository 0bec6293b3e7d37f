// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sysfs offline path. Whoever takes a block offline, by sysfs, an ACPI eject or a driver, ends in the kernel's
 * offline_pages(), which asks all memory notifiers once the block is isolated. Ours evacuates the block, and refuses
 * what it could not empty: the kernel's own loop, which comes after us, never gives up.
 *
 * What no notifier sees is told by a return probe on offline_pages(): isolation that failed before, and what became
 * of a block that we had emptied. The kernel's locks let one attempt run at a time, and all of it runs in one task:
 *
 *	probe_entry -> mind_first() -> mind() GOING -> mind_last() -> mind() CANCEL or OFFLINE -> probe_return
 *	-> conclude()
 *
 * of which conclude() runs in a work item, since a probe can't sleep, and uevents are better sent without locks.
 */
#include <linux/bitops.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "dev.h"
#include "hotplug.h"
#include "migrate.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* ---- module parameters ---- */

static unsigned int deadline_ms = 10000;
static unsigned int stall_ms = 300;
static unsigned int workers;
static unsigned int records = 1024;
static unsigned int swap_mode = 1;
static bool enabled = true;

static const char * const swap_modes[] = { "never", "fallback", "only" };
static const unsigned int swap_flags[] = { 0, MO_SWAP_FALLBACK, MO_SWAP_ONLY };

static int set_ms(const char *text, const struct kernel_param *kp)
{
	return param_set_uint_minmax(text, kp, 0, 24 * 3600 * 1000);
}

static int set_workers(const char *text, const struct kernel_param *kp)
{
	return param_set_uint_minmax(text, kp, 0, 1024);
}

static int set_records(const char *text, const struct kernel_param *kp)
{
	return param_set_uint_minmax(text, kp, 0, 65536);
}

static int set_swap(const char *text, const struct kernel_param *kp)
{
	int i = sysfs_match_string(swap_modes, text);

	if (i < 0)
		return i;
	swap_mode = i;
	return 0;
}

static int get_swap(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", swap_modes[READ_ONCE(swap_mode)]);
}

static const struct kernel_param_ops ms_ops = { .set = set_ms, .get = param_get_uint };
static const struct kernel_param_ops workers_ops = { .set = set_workers, .get = param_get_uint };
static const struct kernel_param_ops records_ops = { .set = set_records, .get = param_get_uint };
static const struct kernel_param_ops swap_ops = { .set = set_swap, .get = get_swap };

module_param_cb(deadline_ms, &ms_ops, &deadline_ms, 0644);
MODULE_PARM_DESC(deadline_ms, "Milliseconds after which an attempt ends with EBUSY; 0: none (default 10000)");
module_param_cb(stall_ms, &ms_ops, &stall_ms, 0644);
MODULE_PARM_DESC(stall_ms, "Milliseconds without a page moved after which an attempt ends with EBUSY; 0: none (default 300)");
module_param_cb(workers, &workers_ops, &workers, 0644);
MODULE_PARM_DESC(workers, "Threads that move pages, the writer included; 0: as many as the node has processors (default)");
module_param_cb(swap, &swap_ops, &swap_mode, 0644);
MODULE_PARM_DESC(swap, "Eviction to swap: never, fallback for pages without a target (default), or only, which moves nothing");
module_param_cb(records, &records_ops, &records, 0644);
MODULE_PARM_DESC(records, "Pages that a report tells of one by one; beyond that they are counted (default 1024)");
module_param(enabled, bool, 0644);
MODULE_PARM_DESC(enabled, "N: leave attempts that begin from now on to the kernel alone, and keep no report (default Y)");

unsigned int mo_hotplug_deadline_ms(void)
{
	return READ_ONCE(deadline_ms);
}

unsigned int mo_hotplug_stall_ms(void)
{
	return READ_ONCE(stall_ms);
}

/* ---- reports that are kept ---- */

#define GFP_TOLD (GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN) /* no report is worth an OOM kill */
#define MAX_REPORTS		256
#define MAX_FULL_REPORTS	16	/* older ones are cut to ... */
#define MAX_OLD_RECORDS		64

struct kept {
	struct list_head link;
	struct mo_report *report;
};

static DEFINE_MUTEX(kept_lock);
static LIST_HEAD(kept_reports);	/* the last attempt is the first; one for each block */

static u64 block_of(u64 pfn)
{
	return pfn / (memory_block_size_bytes() >> PAGE_SHIFT);
}

static void forget(struct kept *kept)
{
	list_del(&kept->link);
	mo_report_free(kept->report);
	kfree(kept);
}

static struct kept *find_kept(u64 pfn)
{
	struct kept *kept;

	if (pfn == MEMOFFLINE_PFN_LAST)
		return list_first_entry_or_null(&kept_reports, struct kept, link);
	list_for_each_entry(kept, &kept_reports, link)
		if (block_of(kept->report->start_pfn) == block_of(pfn))
			return kept;
	return NULL;
}

static void shrink_kept(void)
{
	struct kept *kept, *next;
	unsigned int i = 0;

	list_for_each_entry_safe(kept, next, &kept_reports, link) {
		if (i++ < MAX_FULL_REPORTS)
			continue;
		if (i > MAX_REPORTS) {
			forget(kept);
		} else if (kept->report->nr_records > MAX_OLD_RECORDS) {
			kept->report->nr_records = MAX_OLD_RECORDS;
			mo_report_trim(kept->report);
		}
	}
}

/* Takes the report. */
static void keep(struct mo_report *report)
{
	struct kept *kept = kmalloc(sizeof(*kept), GFP_TOLD), *old;

	if (!kept) {
		mo_report_free(report);
		return;
	}
	mo_report_trim(report);
	kept->report = report;
	mutex_lock(&kept_lock);
	old = find_kept(report->start_pfn);
	if (old)
		forget(old);
	list_add(&kept->link, &kept_reports);
	shrink_kept();
	mutex_unlock(&kept_lock);
}

static void forget_all(void)
{
	struct kept *kept, *next;

	mutex_lock(&kept_lock);
	list_for_each_entry_safe(kept, next, &kept_reports, link)
		forget(kept);
	mutex_unlock(&kept_lock);
}

/* ---- looking at ranges that may go away meanwhile ---- */

void mo_hotplug_scan(u64 start_pfn, u64 nr_pages, int error, struct mo_report *report)
{
	mo_look_begin();
	mo_scan(start_pfn, nr_pages, error, MEMOFFLINE_REASON_NONE, report);
	mo_look_end();
}

/* ---- an attempt ---- */

enum stage {
	STAGE_ISOLATING,	/* No notifier was called: the range is being isolated, or could not be. */
	STAGE_VETOED,		/* A notifier that is asked before ours refused. */
	STAGE_REFUSED,		/* We refused. */
	STAGE_EMPTIED,		/* We found it clean; notifiers behind us are being asked. */
	STAGE_AGREED,		/* All notifiers agreed: what fails now is the kernel's own. */
};

struct span {
	u64 start_pfn;
	u64 nr_pages;
	u64 start_ns;			/* since the epoch */
	u64 began_ns;			/* since boot */
};

struct attempt {
	struct llist_node link;
	struct span span;
	enum stage stage;
	int error;			/* what the kernel's offline_pages() returned, as far as it is known */
	u64 elapsed_ns;
	s32 pid;
	char comm[MEMOFFLINE_COMM_LEN];
	struct mo_turn turn;
	struct mo_report *report;	/* NULL: none yet, or no memory */
};

/* They belong to the one task that is inside of offline_pages(). */
static struct attempt *ongoing;		/* NULL: our notifier was not called yet */
static struct span probed;		/* nr_pages 0: the probe did not see it begin, and will not see it end */
static bool set_aside;			/* we were not enabled when it began */
static struct mo_turn turn;

static LLIST_HEAD(ended);

/* For those that no notifier saw, since a probe can't allocate. */
static struct attempt spares[BITS_PER_LONG];
static unsigned long spares_used;

static struct attempt *get_spare(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spares); i++) {
		if (test_and_set_bit(i, &spares_used))
			continue;
		memset(&spares[i], 0, sizeof(spares[i]));
		return &spares[i];
	}
	pr_warn_once("memoffline: attempts to take memory offline fail faster than they can be told of: some have no report\n");
	return NULL;
}

static void free_attempt(struct attempt *attempt)
{
	if (attempt >= spares && attempt < spares + ARRAY_SIZE(spares))
		clear_bit(attempt - spares, &spares_used);
	else
		kfree(attempt);
}

static void init_span(struct span *span, u64 start_pfn, u64 nr_pages)
{
	span->start_pfn = start_pfn;
	span->nr_pages = nr_pages;
	span->start_ns = ktime_get_real_ns();
	span->began_ns = ktime_get_ns();
}

static void name_asker(struct attempt *attempt)
{
	attempt->pid = task_pid_nr(current);
	strscpy(attempt->comm, current->comm, sizeof(attempt->comm));
}

static struct attempt *new_attempt(const struct memory_notify *arg, enum stage stage)
{
	struct attempt *attempt = kzalloc(sizeof(*attempt), GFP_TOLD) ?: get_spare();

	if (!attempt)
		return NULL;
	name_asker(attempt);
	if (probed.nr_pages)
		attempt->span = probed;
	else
		init_span(&attempt->span, arg->start_pfn, arg->nr_pages);
	attempt->stage = stage;
	attempt->turn = turn;
	return attempt;
}

/* ---- its end ---- */

static void show_kept(const struct mo_report *report, u32 first)
{
	u32 i;

	for (i = first; i < report->nr_records; i++)
		trace_memoffline_kept(&report->records[i]);
}

/* Pages that could move would not have failed it. */
static enum memoffline_reason permanent_reason(const struct mo_report *report)
{
	enum memoffline_reason reason, main = MEMOFFLINE_REASON_NONE;

	for (reason = 0; reason < MEMOFFLINE_REASON_NR; reason++)
		if (mo_reason_is_permanent(reason) && report->kept_by_reason[reason] > report->kept_by_reason[main])
			main = reason;
	return main;
}

static enum memoffline_reason look_again(const struct attempt *attempt, struct mo_report *report)
{
	u32 first = report->nr_records;

	mo_hotplug_scan(attempt->span.start_pfn, attempt->span.nr_pages, 0, report);
	show_kept(report, first);
	return permanent_reason(report);
}

/* What kept another block of the device keeps this one. Its attempt was concluded before. */
static enum memoffline_reason take_cause(u64 pfn, struct mo_report *report)
{
	enum memoffline_reason reason = MEMOFFLINE_REASON_NONE;
	const struct kept *cause;

	mutex_lock(&kept_lock);
	cause = find_kept(pfn);
	if (cause) {
		reason = cause->report->reason;
		mo_report_copy_kept(report, cause->report);
	}
	mutex_unlock(&kept_lock);
	return reason == MEMOFFLINE_REASON_NONE ? MEMOFFLINE_REASON_UNKNOWN : reason;
}

static enum memoffline_reason reason_of(const struct attempt *attempt, struct mo_report *report)
{
	enum memoffline_reason reason;

	if (!attempt->error)
		return MEMOFFLINE_REASON_NONE;
	switch (attempt->stage) {
	case STAGE_ISOLATING:
		if (attempt->error == -EINVAL)
			return MEMOFFLINE_REASON_HOLES;
		reason = look_again(attempt, report);
		return reason == MEMOFFLINE_REASON_NONE ? MEMOFFLINE_REASON_ISOLATION : reason;
	case STAGE_REFUSED:	/* without a reason there was no memory to begin with */
		if (attempt->turn.kind == MO_TURN_REFUSED)
			return take_cause(attempt->turn.cause_pfn, report);
		return report->reason == MEMOFFLINE_REASON_NONE ? MEMOFFLINE_REASON_NO_TARGET : report->reason;
	case STAGE_AGREED:
		if (attempt->error == -EINTR)
			return MEMOFFLINE_REASON_INTERRUPTED;
		reason = look_again(attempt, report);
		return reason == MEMOFFLINE_REASON_NONE ? MEMOFFLINE_REASON_UNKNOWN : reason;
	default:
		return MEMOFFLINE_REASON_NOTIFIER;
	}
}

static const char *name_of(enum memoffline_reason reason)
{
#define NAME(value, word) \
	[value] = word,
	static const char * const names[] = { MO_REASON_NAMES(NAME, NAME) };
#undef NAME
	return names[reason < MEMOFFLINE_REASON_NR ? reason : MEMOFFLINE_REASON_UNKNOWN];
}

static int fill_uevent(struct kobj_uevent_env *env, const struct mo_report *report, const struct mo_turn *turn)
{
	int err = add_uevent_var(env, "MEMOFFLINE_EVENT=end");

	err = err ?: add_uevent_var(env, "RESULT=%d", report->error);
	err = err ?: add_uevent_var(env, "REASON=%s", name_of(report->reason));
	err = err ?: add_uevent_var(env, "BLOCK=%llu", block_of(report->start_pfn));
	err = err ?: add_uevent_var(env, "START_PFN=%llu", report->start_pfn);
	err = err ?: add_uevent_var(env, "NR_PAGES=%llu", report->nr_pages);
	err = err ?: add_uevent_var(env, "MOVED=%llu", report->nr_moved);
	err = err ?: add_uevent_var(env, "EVICTED=%llu", report->nr_evicted);
	err = err ?: add_uevent_var(env, "KEPT=%llu", report->nr_kept);
	if (!err && report->nr_records)
		err = add_uevent_var(env, "FIRST_PFN=%llu", report->records[0].pfn);
	if (!err && turn->device[0])
		err = add_uevent_var(env, "DEVICE=%s", turn->device);
	if (!err && turn->kind == MO_TURN_REFUSED)
		err = add_uevent_var(env, "CAUSE_BLOCK=%llu", block_of(turn->cause_pfn));
	return err;
}

/* Without memory for it there is none: the report tells the same. */
static void send_uevent(const struct mo_report *report, const struct mo_turn *turn)
{
	struct kobject *kobj = mo_dev_kobject();
	struct kobj_uevent_env *env;

	if (!kobj)
		return;
	env = kzalloc(sizeof(*env), GFP_TOLD);
	if (!env)
		return;
	if (!fill_uevent(env, report, turn))
		kobject_uevent_env(kobj, KOBJ_CHANGE, env->envp);
	kfree(env);
}

static struct mo_report *new_report(const struct span *span)
{
	struct mo_report *report = mo_report_new(span->start_pfn, span->nr_pages, READ_ONCE(records));

	return report ?: mo_report_new(span->start_pfn, span->nr_pages, 0);
}

static void conclude(struct attempt *attempt)
{
	struct mo_report *report = attempt->report ?: new_report(&attempt->span);

	if (!report)
		return;
	report->start_ns = attempt->span.start_ns;
	report->elapsed_ns = attempt->elapsed_ns;
	report->pid = attempt->pid;
	memcpy(report->comm, attempt->comm, sizeof(report->comm));
	report->error = attempt->error;
	report->reason = reason_of(attempt, report);
	trace_memoffline_end(report);
	send_uevent(report, &attempt->turn);
	keep(report);
}

static void conclude_ended(struct work_struct *work)
{
	struct attempt *attempt, *next;

	llist_for_each_entry_safe(attempt, next, llist_reverse_order(llist_del_all(&ended)), link) {
		conclude(attempt);
		free_attempt(attempt);
	}
}

static DECLARE_WORK(conclude_work, conclude_ended);

/* Can't sleep: called from the probe. */
static void end_attempt(struct attempt *attempt)
{
	attempt->elapsed_ns = ktime_get_ns() - attempt->span.began_ns;
	ongoing = NULL;
	turn = (struct mo_turn){};
	llist_add(&attempt->link, &ended);
	queue_work(system_unbound_wq, &conclude_work);
}

int mo_hotplug_report(u64 pfn, int (*use)(const struct mo_report *report, void *data), void *data)
{
	struct kept *kept;
	int ret = -ENOENT;

	flush_work(&conclude_work);
	mutex_lock(&kept_lock);
	kept = find_kept(pfn);
	if (kept)
		ret = use(kept->report, data);
	mutex_unlock(&kept_lock);
	return ret;
}

/* ---- the notifiers ---- */

#define AGAIN_MS	2000

static u64 refused_pfn;		/* start of the block that was refused last, by the task inside of offline_pages() */
static u64 refused_ns;		/* since boot; 0: none */

/* One that somebody held a moment ago is looked at again, but not waited for as long again. */
static unsigned int stall_of(const struct attempt *attempt)
{
	unsigned int ms = READ_ONCE(stall_ms);
	bool is_again = attempt->turn.kind == MO_TURN_ALONE && refused_ns && refused_pfn == attempt->span.start_pfn &&
			ktime_get_ns() - refused_ns < AGAIN_MS * NSEC_PER_MSEC;

	return ms && is_again ? max(ms / 10, 1u) : ms;
}

static void note_refusal(const struct attempt *attempt)
{
	refused_pfn = attempt->span.start_pfn;
	refused_ns = attempt->error ? ktime_get_ns() : 0;
}

static int empty(struct mo_evacuation *evacuation, enum mo_turn_kind kind)
{
	const struct mo_span *span = evacuation->spans;

	if (mo_quarantine_is_held(span->start_pfn, span->nr_pages))
		return -EPERM;
	return kind == MO_TURN_ALONE ? mo_evacuate(evacuation) : mo_eject_evacuate(evacuation, kind);
}

static int evacuate(struct attempt *attempt)
{
	const struct mo_span span = { attempt->span.start_pfn, attempt->span.nr_pages };
	struct mo_evacuation evacuation = {
		.spans = &span,
		.nr_spans = 1,
		.flags = swap_flags[READ_ONCE(swap_mode)] | MO_CACHES_OFF,
		.deadline_ms = READ_ONCE(deadline_ms),
		.stall_ms = stall_of(attempt),
		.nr_workers = READ_ONCE(workers),
		.report = attempt->report,
	};
	int err;

	trace_memoffline_begin(span.start_pfn, span.nr_pages, evacuation.deadline_ms, evacuation.stall_ms);
	err = empty(&evacuation, attempt->turn.kind);
	if (!err && !mo_quarantine_is_isolated(span.start_pfn, span.nr_pages))
		err = -EPERM;
	if (err == -ENOMEM)
		attempt->report->reason = MEMOFFLINE_REASON_NO_TARGET;
	if (err == -EPERM)
		attempt->report->reason = MEMOFFLINE_REASON_ISOLATION;
	show_kept(attempt->report, 0);
	return err;
}

/*
 * The kernel's callers know few errors: virtio-mem gives its device up for others than EBUSY and ENOMEM, and user space
 * repeats a write that ends in EAGAIN or EINTR for ever.
 */
static int answer_to(int err)
{
	if (err == -ENOMEM && !(current->flags & PF_KTHREAD))
		return err;
	return err ? -EBUSY : 0;
}

static int mind_going(const struct memory_notify *arg)
{
	struct attempt *attempt = new_attempt(arg, STAGE_REFUSED);

	if (!attempt)
		return answer_to(-ENOMEM);
	ongoing = attempt;
	attempt->error = -ENOMEM;
	attempt->report = new_report(&attempt->span);
	if (attempt->report)
		attempt->error = evacuate(attempt);
	attempt->error = answer_to(attempt->error);
	note_refusal(attempt);
	if (!attempt->error)
		attempt->stage = STAGE_EMPTIED;
	return attempt->error;
}

/* It takes no time, and no notifier is asked in vain. */
static int refuse(const struct memory_notify *arg)
{
	ongoing = new_attempt(arg, STAGE_REFUSED);
	if (ongoing)
		ongoing->error = -EBUSY;
	return -EBUSY;
}

/* Also comes where we were never asked. */
static void mind_cancel(const struct memory_notify *arg)
{
	if (!probed.nr_pages)
		mo_eject_failed(arg->start_pfn);
	if (!ongoing)
		ongoing = new_attempt(arg, STAGE_VETOED);
	if (!ongoing)
		return;
	if (ongoing->stage != STAGE_REFUSED)
		ongoing->error = signal_pending(current) && ongoing->stage == STAGE_AGREED ? -EINTR : -EBUSY;
	if (!probed.nr_pages)
		end_attempt(ongoing);
}

static void mind_offline(const struct memory_notify *arg)
{
	mo_eject_went(arg->start_pfn);
	mo_look_await();	/* pfn_to_online_page() says no by now, and the block can't be removed yet */
	if (ongoing && !probed.nr_pages)
		end_attempt(ongoing);
}

static bool has_probe;

static const char * const turns[] = {
	[MO_TURN_ALONE] = "alone",
	[MO_TURN_FIRST] = "first",
	[MO_TURN_NEXT] = "next",
	[MO_TURN_AGAIN] = "again",
	[MO_TURN_REFUSED] = "refused",
};

static int mind_first(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *arg = data;

	if (action != MEM_GOING_OFFLINE)
		return NOTIFY_OK;
	if (!has_probe)
		set_aside = !READ_ONCE(enabled);
	if (set_aside)
		return NOTIFY_OK;
	mo_eject_turn(arg->start_pfn, READ_ONCE(deadline_ms), &turn);
	if (turn.kind != MO_TURN_ALONE)
		trace_memoffline_eject(arg->start_pfn, turn.device, turns[turn.kind]);
	return notifier_from_errno(turn.kind == MO_TURN_REFUSED ? refuse(arg) : 0);
}

static int mind(struct notifier_block *nb, unsigned long action, void *arg)
{
	switch (action) {
	case MEM_GOING_OFFLINE:
		return set_aside ? NOTIFY_OK : notifier_from_errno(mind_going(arg));
	case MEM_CANCEL_OFFLINE:
		if (!set_aside)
			mind_cancel(arg);
		break;
	case MEM_OFFLINE:
		mind_offline(arg);
		break;
	}
	return NOTIFY_OK;
}

static int mind_last(struct notifier_block *nb, unsigned long action, void *arg)
{
	if (action == MEM_GOING_OFFLINE && ongoing)
		ongoing->stage = STAGE_AGREED;
	return NOTIFY_OK;
}

/* Only asks whether a device is ejected, of which another block could not go. */
static struct notifier_block first_notifier = { .notifier_call = mind_first, .priority = INT_MAX };
/* After the kernel's own, of which SLUB and KSM give pages back or stop taking them. */
static struct notifier_block notifier = { .notifier_call = mind, .priority = -1000 };
/* Only tells whether all were asked. */
static struct notifier_block last_notifier = { .notifier_call = mind_last, .priority = INT_MIN };

/* ---- the probe ---- */

static int probe_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	set_aside = !READ_ONCE(enabled);
	if (set_aside)
		return 1;	/* do not come back when it returns */
	turn = (struct mo_turn){};
	init_span(&probed, regs_get_kernel_argument(regs, 0), regs_get_kernel_argument(regs, 1));
	return 0;
}
NOKPROBE_SYMBOL(probe_entry);

static int probe_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	int error = regs_return_value(regs);
	struct attempt *attempt = ongoing;

	if (error)
		mo_eject_failed(probed.start_pfn);
	if (!attempt && error) {
		attempt = get_spare();
		if (attempt) {
			name_asker(attempt);
			attempt->span = probed;
			attempt->stage = STAGE_ISOLATING;
		}
	}
	probed.nr_pages = 0;
	if (attempt) {
		attempt->error = error;
		end_attempt(attempt);
	}
	return 0;
}
NOKPROBE_SYMBOL(probe_return);

static struct kretprobe probe = {
	.kp.symbol_name = "offline_pages",
	.entry_handler = probe_entry,
	.handler = probe_return,
	.maxactive = 2,
};

bool mo_hotplug_sees_isolation(void)
{
	return has_probe;
}

/* ---- init ---- */

int mo_hotplug_init(void)
{
	int err;

	err = register_memory_notifier(&last_notifier);
	if (err)
		return err;
	err = register_memory_notifier(&notifier);
	if (err)
		goto unregister_last;
	err = register_memory_notifier(&first_notifier);
	if (err)
		goto unregister;
	has_probe = !register_kretprobe(&probe); /* behind the notifiers: an attempt that it saw begin, they see too */
	if (!has_probe)
		pr_info("memoffline: no return probe on offline_pages(): failed isolation gets no report\n");
	return 0;
unregister:
	unregister_memory_notifier(&notifier);
unregister_last:
	unregister_memory_notifier(&last_notifier);
	return err;
}

void mo_hotplug_exit(void)
{
	mo_eject_await();	/* the kernel alone would never end one that fails */
	unregister_memory_notifier(&first_notifier);
	unregister_memory_notifier(&notifier);		/* waits for those that are being asked */
	unregister_memory_notifier(&last_notifier);
	if (has_probe)
		unregister_kretprobe(&probe);
	if (ongoing)
		end_attempt(ongoing);		/* its end will not be seen */
	flush_work(&conclude_work);
	forget_all();
}
