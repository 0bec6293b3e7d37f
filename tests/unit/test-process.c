// SPDX-License-Identifier: GPL-2.0-only
/* The memory of processes, moved by a kernel and a module that are the test's own, on a recorded machine. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/memoffline.h>
#include <numaif.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "machine.h"
#include "migration.h"

#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)
#define BASE 0x10000ULL
#define PAGE 4096ULL
#define NR_PAGES 16
#define FIRST_PFN 0x1000ULL
#define NOBODY_SAYS 1		/* its move fails, and the kernel does not say that it was this page */
#define GOES_ALL_THE_SAME 2	/* a part of a huge page: busy, says the kernel, since the whole is on its way */

#define NODES_MACHINE "blocks=0-7,online,Normal,0", "node=0,0-1,1048576,524288,65536,10+20+30+40", \
	"file=sys/devices/system/node/online,0-4", "file=sys/devices/system/node/has_memory,0-3", \
	"file=sys/devices/system/node/node1/distance,20 10 40 30"

/* What the kernel is, and what was asked of it: another process sees it, too. */
static struct kernel {
	int32_t pid;
	int node[NR_PAGES];	/* -1: not in memory */
	int stuck[NR_PAGES];	/* why it can't move: negative errno, or NOBODY_SAYS; 0: it can */
	int room[4];		/* pages; -1: no limit */
	int nr_moves[NR_PAGES];	/* of each page */
	int nr_migrate, nr_try, nr_core;	/* calls */
	int order[8];		/* whose turn was, by migrate_pages(2) */
	bool has_sys_nice, all_flag;
	int error;		/* of all calls */
	int last_try;		/* call of move_pages(2) that stops us, or the process is gone; 0: none */
	int stop_fd;		/* to stop us by; 0: none */
	volatile bool is_stopped;	/* the core */
	unsigned int nr_interrupted;	/* so often, before it has its answer */
	int nr_until_end;	/* requests, then the process has ended; 0: it lives */
	bool is_slow;		/* it does not come back from a write to cpuset.mems */
	unsigned int forbidden;	/* nodes outside the process's cpuset, a bit each */
	char appears[256];	/* cgroup.procs that gets process 52 as the first one moves */
	int32_t pidfd_pid;	/* of whom a pidfd was got */
	bool is_reused;		/* and whose number was another's by then */
	uint32_t core_flags;
	uint64_t core_from, core_to, core_start, core_end;
	struct memoffline_migrate_process core;	/* its out_ members */
} *kernel;

static struct machine machine;
static bool is_recorded;

const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx);
const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx)
{
	(void)ctx;
	return is_recorded ? machine.dir : NULL;
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	struct __user_cap_data_struct *data = (void *)b;

	if (number == SYS_capget) {
		memset(data, kernel->has_sys_nice ? 0xff : 0, _LINUX_CAPABILITY_U32S_3 * sizeof(*data));
		return 0;
	}
	if (number == SYS_capset) {
		kernel->has_sys_nice = data->effective & CAP_TO_MASK(CAP_SYS_NICE);
		return 0;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

int __wrap_mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...);
int __wrap_mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...)
{
	char path[256];
	va_list args;
	int fd, err;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	fd = mo_open(ctx, O_WRONLY | O_TRUNC, "%s", path);
	if (fd < 0)
		return fd;
	err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	while (kernel->is_slow)
		pause();
	return err;
}

static bool take_room(int node)
{
	if (!kernel->room[node])
		return false;
	kernel->room[node] -= kernel->room[node] > 0;
	return true;
}

static void write_numa_maps(int32_t pid)
{
	char path[128], text[256];
	int on[4] = { 0 }, fd;

	for (size_t i = 0; i < NR_PAGES; i++)
		if (kernel->node[i] >= 0)
			on[kernel->node[i]]++;
	snprintf(path, sizeof(path), "%s/proc/%d/numa_maps", machine.dir, pid);
	snprintf(text, sizeof(text), "%llx default anon=16 N0=%d N1=%d N2=%d N3=%d kernelpagesize_kB=4\n", BASE, on[0], on[1],
		 on[2], on[3]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror("numa_maps");
	close(fd);
}

/* A process more, as the first one moves. */
static void let_appear(void)
{
	int fd;

	if (!*kernel->appears)
		return;
	fd = open(kernel->appears, O_WRONLY | O_APPEND);
	if (fd >= 0 && write(fd, "52\n", 3) < 0)
		perror("cgroup.procs");
	close(fd);
	*kernel->appears = '\0';
}

struct bitmask;
static int migrate_pages_of_test(int pid, const struct bitmask *from, const struct bitmask *to)
{
	const struct { unsigned long size, *maskp; } *source = (const void *)from, *target = (const void *)to;
	int node = __builtin_ctzl(target->maskp[0]);

	if (kernel->nr_migrate < 8)
		kernel->order[kernel->nr_migrate] = pid;
	kernel->nr_migrate++;
	kernel->all_flag = kernel->has_sys_nice;
	let_appear();
	if (kernel->error) {
		errno = kernel->error;
		return -1;
	}
	for (size_t i = 0; i < NR_PAGES; i++) {
		if (kernel->node[i] < 0 || !(source->maskp[0] >> kernel->node[i] & 1) || kernel->stuck[i] ||
		    !take_room(node))
			continue;
		kernel->node[i] = node;
		kernel->nr_moves[i]++;
	}
	write_numa_maps(pid);
	return 0;
}

static size_t index_of(const void *addr)
{
	return ((uint64_t)(uintptr_t)addr - BASE) / PAGE;
}

/* As Linux does it: 0, or how many stayed; a status is written once the pages before it have moved. */
static int end_batch(void **addrs, const int *nodes, int *status, unsigned long first, unsigned long end)
{
	int nr_failed = 0;

	for (unsigned long i = first; i < end; i++) {
		size_t page = index_of(addrs[i]);

		if (kernel->stuck[page]) {
			nr_failed++;
		} else if (!take_room(nodes[i])) {
			return -ENOMEM;
		} else {
			kernel->node[page] = nodes[i];
			kernel->nr_moves[page]++;
		}
	}
	for (unsigned long i = first; i < end && !nr_failed; i++)
		status[i] = nodes[i];
	return nr_failed;
}

static int move_pages_as_linux(unsigned long nr, void **addrs, const int *nodes, int *status)
{
	unsigned long first = 0, i;
	int err;

	if (kernel->forbidden >> nodes[0] & 1)
		return -EACCES;
	for (i = 0; i < nr; i++) {
		size_t page = index_of(addrs[i]);

		if (kernel->node[page] != nodes[i] && (kernel->stuck[page] == 0 || kernel->stuck[page] == NOBODY_SAYS))
			continue;
		status[i] = kernel->node[page] == nodes[i] ? nodes[i] : kernel->stuck[page];
		if (kernel->stuck[page] == GOES_ALL_THE_SAME) {
			status[i] = -EBUSY;
			kernel->node[page] = nodes[i];
		}
		err = end_batch(addrs, nodes, status, first, i);
		if (err)
			return err < 0 ? err : err + (int)(nr - i) - 1;
		first = i + 1;
	}
	return end_batch(addrs, nodes, status, first, nr);
}

/* Till we are killed. */
static void stop_here(void)
{
	write_numa_maps(kernel->pid);
	if (write(kernel->stop_fd, "x", 1) < 0)
		perror("stop");
	for (;;)
		pause();
}

static int move_pages_of_test(int pid, unsigned long nr, void **addrs, const int *nodes, int *status, int flags)
{
	int left;

	if (kernel->error || pid != kernel->pid) {
		errno = kernel->error ? kernel->error : ESRCH;
		return -1;
	}
	for (unsigned long i = 0; !nodes && i < nr; i++)
		status[i] = kernel->node[index_of(addrs[i])] < 0 ? -ENOENT : kernel->node[index_of(addrs[i])];
	if (!nodes)
		return 0;
	kernel->nr_try++;
	kernel->all_flag = flags & MPOL_MF_MOVE_ALL;
	if (kernel->nr_try == kernel->last_try && !kernel->stop_fd)
		kernel->error = ESRCH;
	left = kernel->error ? -kernel->error : move_pages_as_linux(nr, addrs, nodes, status);
	if (kernel->nr_try == kernel->last_try && kernel->stop_fd)
		stop_here();
	if (left >= 0)
		return left;
	errno = -left;
	return -1;
}

/* What the library takes from libnuma is ours. */
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
	if (!strcmp(name, "numa_migrate_pages"))
		return (void *)migrate_pages_of_test;
	return strcmp(name, "numa_move_pages") ? __real_dlsym(handle, name) : (void *)move_pages_of_test;
}

/* Another process gets the number. */
static void reuse(const char *folder)
{
	char text[64];
	int fd = openat(AT_FDCWD, folder, O_PATH), stat = openat(fd, "stat", O_WRONLY | O_TRUNC);

	snprintf(text, sizeof(text), "50 (other) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99999 0");
	if (write(stat, text, strlen(text)) < 0)
		perror("stat");
	close(stat);
	close(fd);
}

/* Of the machine's processes, and of our own, which wait for the others. */
int __real_pidfd_open(int32_t pid, unsigned int flags);
int __wrap_pidfd_open(int32_t pid, unsigned int flags);
int __wrap_pidfd_open(int32_t pid, unsigned int flags)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/proc/%d", machine.dir, pid);
	if (access(folder, F_OK))
		return __real_pidfd_open(pid, flags);
	if (kernel->is_reused)
		reuse(folder);
	kernel->pidfd_pid = pid;
	return open("/dev/null", O_RDONLY);
}

int __wrap_ioctl(int fd, unsigned long number, void *arg);
int __wrap_ioctl(int fd, unsigned long number, void *arg)
{
	struct memoffline_migrate_process *request = arg, answer = kernel->core;
	struct memoffline_info *info = arg;

	(void)fd;
	if (number == MEMOFFLINE_INFO) {
		info->out_features = kernel->core.size ? MEMOFFLINE_FEATURE_PROCESS : 0;
		return 0;
	}
	if (number == MEMOFFLINE_STOP) {
		kernel->is_stopped = true;
		return 0;
	}
	if (number != MEMOFFLINE_MIGRATE_PROCESS || request->size != sizeof(*request) || kernel->error) {
		errno = kernel->error ? kernel->error : ENOTTY;
		return -1;
	}
	if (kernel->nr_until_end && kernel->nr_core == kernel->nr_until_end) {
		errno = ESRCH;
		return -1;
	}
	kernel->nr_core++;
	kernel->pid = request->flags & MEMOFFLINE_PROCESS_PIDFD ? kernel->pidfd_pid : request->pid;
	kernel->core_flags = request->flags;
	kernel->core_from = *(uint64_t *)(uintptr_t)request->nodes_from;
	kernel->core_to = *(uint64_t *)(uintptr_t)request->nodes_to;
	kernel->core_start = request->start_addr;
	kernel->core_end = request->end_addr;
	if (kernel->stop_fd && write(kernel->stop_fd, "x", 1) < 0)
		perror("stop");
	while (kernel->stop_fd && !kernel->is_stopped)
		usleep(1000);
	*request = answer;
	if (kernel->nr_interrupted && kernel->nr_interrupted--)
		request->out_reason = MEMOFFLINE_REASON_INTERRUPTED;
	return 0;
}

/* ---- the machine ---- */

static void add_process(int32_t pid, const char *comm, const char *flags)
{
	char items[4][512], path[256];
	uint64_t entry;
	int fd;

	snprintf(items[0], sizeof(items[0]), "file=proc/%d/stat,%d (%s) S 1 1 1 0 -1 %s 0 0 0 0 0 0 0 0 20 0 1 0 %d 0", pid, pid,
		 comm, flags, 1000 + pid);
	snprintf(items[1], sizeof(items[1]), "file=proc/%d/status,Name: x\\+Tgid:  %d\\+Mems_allowed_list: 0-3\\+", pid, pid);
	snprintf(items[2], sizeof(items[2]), "file=proc/%d/maps,00010000-00020000 rw-p 00000000 00:00 0    [heap]\\+", pid);
	snprintf(items[3], sizeof(items[3]), "file=proc/%d/statm,100 16 0 0 0 0 0", pid);
	for (size_t i = 0; i < 4; i++)
		ADD(&machine, items[i]);
	snprintf(path, sizeof(path), "%s/proc/%d/pagemap", machine.dir, pid);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < NR_PAGES; i++) {
		entry = kernel->node[i] < 0 ? SWAPPED : PRESENT | (FIRST_PFN + i);
		assert_int_equal(pwrite(fd, &entry, sizeof(entry), (off_t)((BASE / PAGE + i) * sizeof(entry))),
				 sizeof(entry));
	}
	close(fd);
	write_numa_maps(pid);
}

static int setup(void **state)
{
	(void)state;
	memset(kernel, 0, sizeof(*kernel));
	kernel->pid = 50;
	kernel->has_sys_nice = true;
	is_recorded = false;
	for (size_t i = 0; i < NR_PAGES; i++)
		kernel->node[i] = 1;
	for (size_t i = 0; i < 4; i++)
		kernel->room[i] = -1;
	OPEN(&machine, NODES_MACHINE);
	assert_int_equal(mo_ctx_set_state_dir(machine.ctx, ""), 0);
	add_process(50, "a (b) c", "0");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_close(&machine);
	return 0;
}

static struct mo_migrate_request request_of(const char *from, const char *to)
{
	struct mo_migrate_request request = MO_MIGRATE_REQUEST_INIT;

	request.pid = 50;
	request.from_nodes = from;
	request.to_nodes = to;
	request.engine = MO_ENGINE_STOCK;
	return request;
}

static int nr_on(int node)
{
	int nr = 0;

	for (size_t i = 0; i < NR_PAGES; i++)
		nr += kernel->node[i] == node;
	return nr;
}

static struct mo_report *migrate(const struct mo_migrate_request *request, int result)
{
	struct mo_report *report = NULL;
	int err = mo_migrate_process(machine.ctx, request, &report);

	if (err != result)
		fail_msg("%d instead of %d: %s", err, result, mo_ctx_error(machine.ctx));
	assert_non_null(report);
	assert_int_equal(mo_report_result(report), result);
	return report;
}

static void assert_fails(const struct mo_migrate_request *request, int result, const char *words)
{
	struct mo_report *report = NULL;

	assert_int_equal(mo_migrate_process(machine.ctx, request, &report), result);
	assert_says(machine.ctx, words);
	mo_report_unref(report);
}

/* ---- the stock engine ---- */

static void test_all_of_it(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = migrate(&request, 0);

	(void)state;
	assert_int_equal(nr_on(2), NR_PAGES);
	assert_int_equal(kernel->nr_migrate, 1);
	assert_int_equal(kernel->nr_try, 0);
	assert_false(kernel->all_flag);		/* though the caller may do more */
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES);
	assert_int_equal(mo_report_moved_pages(report), NR_PAGES);
	assert_int_equal(mo_report_moves(report)->nr_split, UINT64_MAX);
	assert_int_equal(mo_report_nr_processes(report), 1);
	assert_string_equal(mo_report_process(report, 0)->comm, "a (b) c");
	assert_string_equal(mo_report_action(report), "migrate");
	assert_string_equal(mo_report_engine(report), "stock");
	assert_string_equal(mo_report_target(report), "50");
	mo_report_unref(report);
}

static void test_stayed(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	const struct mo_record *record;
	struct mo_report *report;

	(void)state;
	kernel->stuck[3] = NOBODY_SAYS;
	kernel->stuck[4] = NOBODY_SAYS;
	kernel->stuck[9] = -EIO;
	report = migrate(&request, 1);
	assert_int_equal(nr_on(2), NR_PAGES - 3);
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES - 3);
	assert_int_equal(mo_report_moves(report)->kept_pages, 3);
	assert_int_equal(mo_report_moves(report)->kept_by_reason[MO_REASON_NO_MIGRATE], 1);
	assert_int_equal(mo_report_nr_pages_kept(report), 3);
	assert_int_equal(mo_report_nr_records(report), 2);
	record = mo_report_record(report, 0);
	assert_int_equal(record->nr_pages, 2);
	assert_int_equal(mo_record_owner(record, 0)->addr, BASE + 3 * PAGE);
	assert_int_equal(mo_record_owner(record, 0)->pid, 50);
	assert_string_equal(mo_record_owner(record, 0)->vma, "[heap]");
	record = mo_report_record(report, 1);
	assert_int_equal(record->reason, MO_REASON_NO_MIGRATE);
	assert_int_equal(mo_record_owner(record, 0)->addr, BASE + 9 * PAGE);
	mo_report_unref(report);
}

/* What the kernel shows to all processes is of none of them. */
static void test_vdso(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	ADD(&machine, "file=proc/50/maps,00010000-0001f000 rw-p 00000000 00:00 0    [heap]\\+"
	    "0001f000-00020000 r-xp 00000000 00:00 0    [vdso]\\+");
	kernel->stuck[14] = -EBUSY;
	kernel->stuck[15] = -EBUSY;
	report = migrate(&request, 1);
	assert_int_equal(mo_report_moves(report)->kept_pages, 1);
	assert_int_equal(mo_report_nr_records(report), 1);
	assert_int_equal(mo_record_owner(mo_report_record(report, 0), 0)->addr, BASE + 14 * PAGE);
	mo_report_unref(report);
}

static void test_nothing_can_move(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	for (size_t i = 0; i < NR_PAGES; i++)
		kernel->stuck[i] = -EIO;
	assert_fails(&request, -EBUSY, "no page could move, and 16 stayed");
}

/* Halves are tried until each page has its answer. */
static void test_one_among_many(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	request.start_addr = BASE;
	request.end_addr = BASE + NR_PAGES * PAGE;
	kernel->stuck[5] = NOBODY_SAYS;
	kernel->stuck[9] = kernel->stuck[10] = GOES_ALL_THE_SAME;
	report = migrate(&request, 1);
	assert_int_equal(nr_on(2), NR_PAGES - 1);
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES - 1);
	assert_int_equal(mo_report_moves(report)->kept_pages, 1);
	assert_int_equal(mo_record_owner(mo_report_record(report, 0), 0)->addr, BASE + 5 * PAGE);
	mo_report_unref(report);
}

static void test_range(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	request.start_addr = BASE + 2 * PAGE;
	request.end_addr = BASE + 5 * PAGE;
	mo_report_unref(migrate(&request, 0));
	assert_int_equal(kernel->nr_migrate, 0);
	assert_int_equal(nr_on(2), 3);
	for (size_t i = 2; i < 5; i++)
		assert_int_equal(kernel->node[i], 2);
}

/* What came to a node must not be taken for what was there. */
static void test_overlap(void **state)
{
	struct mo_migrate_request request = request_of("1-2", "2-3");

	(void)state;
	for (size_t i = 0; i < 6; i++)
		kernel->node[i] = 2;
	mo_report_unref(migrate(&request, 0));
	assert_int_equal(kernel->nr_migrate, 0);
	assert_int_equal(nr_on(3), 6);
	assert_int_equal(nr_on(2), NR_PAGES - 6);
	for (size_t i = 0; i < NR_PAGES; i++)
		assert_int_equal(kernel->nr_moves[i], 1);
}

static void test_same_sets(void **state)
{
	struct mo_migrate_request request = request_of("1-2", "1-2");

	(void)state;
	mo_report_unref(migrate(&request, 0));
	assert_int_equal(kernel->nr_migrate + kernel->nr_try, 0);
}

static void test_shared(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		kernel->stuck[i] = -EACCES;
	report = migrate(&request, 0);
	assert_int_equal(mo_report_moves(report)->shared_pages, 5);
	assert_int_equal(mo_report_moves(report)->kept_pages, 0);
	mo_report_unref(report);
	memset(kernel->stuck, 0, sizeof(kernel->stuck));
	kernel->has_sys_nice = true;
	request.flags = MO_MIGRATE_ALL;
	mo_report_unref(migrate(&request, 0));
	assert_true(kernel->all_flag);
	assert_int_equal(nr_on(2), NR_PAGES);
	kernel->has_sys_nice = false;
	assert_fails(&request, -EPERM, "CAP_SYS_NICE");
}

/* move_pages(2) refuses all of a call, to root as well, and shared pages one by one. */
static void test_cpuset_refuses(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	kernel->forbidden = 1 << 2;
	ADD(&machine, "file=proc/50/status,Name: x\\+Tgid: 50\\+Mems_allowed_list: 0-1\\+");
	request.start_addr = BASE;
	request.end_addr = BASE + NR_PAGES * PAGE;
	assert_fails(&request, -EPERM, "allows nodes 0-1 alone, and its memory was to go to 2");
	assert_null(strstr(mo_ctx_error(machine.ctx), "--all"));	/* it would not help */
	request.flags = MO_MIGRATE_ALL;
	assert_fails(&request, -EPERM, "allows nodes 0-1 alone");
	assert_int_equal(nr_on(1), NR_PAGES);
}

static bool has_note(const struct mo_report *report, const char *words)
{
	const char *note;

	for (size_t i = 0; (note = mo_report_note(report, i)); i++)
		if (strstr(note, words))
			return true;
	return false;
}

/* In part, and why. */
static void test_vanishes(void **state)
{
	struct mo_migrate_request request = request_of("1-2", "2-3");
	struct mo_report *report;

	(void)state;
	kernel->node[0] = 2;
	kernel->last_try = 2;
	report = migrate(&request, 1);
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES - 1);
	assert_true(has_note(report, "memory of process 50"));
	mo_report_unref(report);
}

static void test_swapped(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	kernel->node[7] = kernel->node[8] = -1;
	add_process(50, "x", "0");
	report = migrate(&request, 0);
	assert_int_equal(mo_report_moves(report)->swapped_pages, 2);
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES - 2);
	mo_report_unref(report);
}

static void test_full(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	kernel->room[2] = 6;
	report = migrate(&request, 1);
	assert_int_equal(nr_on(2), 6);
	assert_int_equal(mo_report_moves(report)->kept_by_reason[MO_REASON_NO_TARGET], NR_PAGES - 6);
	assert_int_equal(mo_report_reason(report), MO_REASON_NO_TARGET);
	mo_report_unref(report);
}

/* What found no room for one batch finds none for the next. */
static void test_full_for_all(void **state)
{
	struct mo_migrate_request request = request_of("1-2", "3");
	struct mo_report *report;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		kernel->node[i] = 2;
	kernel->room[3] = 2;
	report = migrate(&request, 1);
	assert_int_equal(kernel->nr_try, 1);
	assert_int_equal(mo_report_moves(report)->kept_by_reason[MO_REASON_NO_TARGET], NR_PAGES - 2);
	mo_report_unref(report);
}

static void test_stop_and_deadline(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	request.stop_fd = fds[0];
	for (size_t i = 0; i < NR_PAGES; i++)
		kernel->stuck[i] = -EIO;
	assert_fails(&request, -EINTR, "what moves stays moved");
	close(fds[0]);
	close(fds[1]);
}

/* What came to a source meanwhile is not taken for what was there. */
static void test_stopped_count(void **state)
{
	struct mo_migrate_request request = request_of("1-2", "2-3");
	struct mo_report *report;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (size_t i = 0; i < 6; i++)
		kernel->node[i] = 2;
	write_numa_maps(50);
	request.stop_fd = fds[0];
	kernel->stop_fd = fds[1];
	kernel->last_try = 2;
	report = migrate(&request, 1);
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES - 6);
	mo_report_unref(report);
	close(fds[0]);
	close(fds[1]);
}

/* ---- which process ---- */

static void test_no_process(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	request.pid = 99;
	assert_fails(&request, -ESRCH, "there is no process 99");
	add_process(2, "kthreadd", "2129984");
	request.pid = 2;
	assert_fails(&request, -ESRCH, "thread of the kernel");
	add_process(3, "gone", "0");
	ADD(&machine, "file=proc/3/statm,0 0 0 0 0 0 0");
	request.pid = 3;
	assert_fails(&request, -ESRCH, "is exiting");
	ADD(&machine, "file=proc/51/status,Tgid:\t50\\+");
	request.pid = 51;
	assert_fails(&request, -ESRCH, "51 is a thread of process 50");
	request.flags = MO_MIGRATE_THREADS;
	mo_report_unref(migrate(&request, 0));
}

static void test_pidfd(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	request.pidfd = 7;
	assert_fails(&request, -EBADF, "7 is no open file descriptor");
	ADD(&machine, "file=proc/self/fdinfo/7,pos: 0\\+Pid:\t-1\\+");
	assert_fails(&request, -ESRCH, "has ended");
	ADD(&machine, "file=proc/self/fdinfo/7,pos: 0\\+Pid:\t0\\+");
	assert_fails(&request, -ESRCH, "another pid namespace");
	ADD(&machine, "file=proc/self/fdinfo/7,pos: 0\\+");
	assert_fails(&request, -EBADF, "of no process");
	ADD(&machine, "file=proc/self/fdinfo/7,pos: 0\\+Pid:\t50\\+");
	mo_report_unref(migrate(&request, 0));
}

static void test_wrong_requests(void **state)
{
	static const struct {
		const char *from, *to;
		uint64_t start, end;
		uint32_t flags;
		int result;
		const char *words;
	} wrong[] = {
		{ "", "2", 0, 0, 0, -EINVAL, "'' is no list of nodes to move from" },
		{ "1", "x", 0, 0, 0, -EINVAL, "'x' is no list of nodes to move to" },
		{ "7", "2", 0, 0, 0, -ENOENT, "node 7 does not exist; the machine's nodes are 0-4" },
		{ "1", "9", 0, 0, 0, -ENOENT, "node 9 does not exist" },
		{ "1", "4", 0, 0, 0, -ENOENT, "node 4 has no memory, so nothing can move to it; nodes with memory are 0-3" },
		{ "1", "2", BASE + 1, BASE + PAGE, 0, -EINVAL, "not aligned to pages" },
		{ "1", "2", BASE, BASE, 0, -EINVAL, "empty or in the wrong order" },
		{ "1", "2", 0x900000, 0x901000, 0, -EFAULT, "nothing mapped at 0x900000-0x901000" },
		{ "1", "2", 0, 0, 1u << 9, -EINVAL, "MO_MIGRATE_REQUEST_INIT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct mo_migrate_request request = request_of(wrong[i].from, wrong[i].to);

		request.start_addr = wrong[i].start;
		request.end_addr = wrong[i].end;
		request.flags = wrong[i].flags;
		assert_fails(&request, wrong[i].result, wrong[i].words);
	}
	assert_int_equal(kernel->nr_migrate + kernel->nr_try, 0);
}

static void test_refused(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	kernel->error = EPERM;
	assert_fails(&request, -EPERM, "the right to trace it; run it as root");
	ADD(&machine, "file=proc/50/status,Name: x\\+Tgid: 50\\+Mems_allowed_list: 0-1\\+");
	assert_fails(&request, -EPERM, "the cpuset of process 50 (a (b) c) allows nodes 0-1 alone");
	kernel->error = ENOSYS;
	assert_fails(&request, -ENOSYS, "CONFIG_MIGRATION");
	kernel->error = 0;
	request.swap = MO_SWAP_FALLBACK;
	assert_fails(&request, -EOPNOTSUPP, "with the module memoffline alone");
	request.swap = MO_SWAP_EVICT;
	assert_fails(&request, -EINVAL, "not evicted");
	is_recorded = true;
	request.swap = MO_SWAP_NEVER;
	assert_fails(&request, -EROFS, "leave --sysroot out");
}

/* ---- several ---- */

static void test_cgroup(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = NULL;

	(void)state;
	request.pid = 0;
	add_process(51, "below", "0");
	add_process(52, "late", "0");
	add_process(2, "kthreadd", "2129984");
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,50\\+2\\+777\\+", "file=sys/fs/cgroup/a/b/cgroup.procs,51\\+");
	snprintf(kernel->appears, sizeof(kernel->appears), "%s/sys/fs/cgroup/a/b/cgroup.procs", machine.dir);
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "/a", &request, &report), 0);	/* 51 and 52 end in their turn */
	assert_int_equal(mo_report_nr_processes(report), 3);
	assert_int_equal(mo_report_process(report, 0)->pid, 50);
	assert_int_equal(mo_report_process(report, 1)->pid, 51);
	assert_int_equal(mo_report_process(report, 2)->pid, 52);
	assert_int_equal(mo_report_process(report, 0)->error, 0);
	assert_int_equal(mo_report_process(report, 1)->error, -ESRCH);
	assert_int_equal(kernel->nr_migrate, 3);
	assert_string_equal(mo_report_target(report), "/a");
	mo_report_unref(report);
}

/* 0 is a process of another pid namespace. */
static void test_hidden_in_cgroup(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = NULL;

	(void)state;
	request.pid = 0;
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,50\\+0\\+");
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), 1);
	assert_true(has_note(report, "processes that could not be looked at: 1"));
	mo_report_unref(report);
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,0\\+0\\+");
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), -EPERM);
	assert_says(machine.ctx, "processes that could not be looked at: 2");
	mo_report_unref(report);
}

static void test_cgroup_names(void **state)
{
	char folder[256];

	(void)state;
	ADD(&machine, "file=sys/fs/cgroup/a/b/cgroup.procs,");
	assert_int_equal(mo_cgroup_find(machine.ctx, "a/b", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup/a/b");
	assert_int_equal(mo_cgroup_find(machine.ctx, "/sys/fs/cgroup/a/b/", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup/a/b");
	assert_int_equal(mo_cgroup_find(machine.ctx, "/c", folder, sizeof(folder)), -ENOENT);
	assert_says(machine.ctx, "there is no cgroup '/c'");
}

/* The root cgroup has all processes: nothing but its name may mean it. */
static void test_no_cgroup_names(void **state)
{
	static const char *const wrong[] = { "", "..", "a/..", "a/../a/b", "/a/b/..", ".", "/sys/fs/cgroup/." };
	char folder[256];

	(void)state;
	ADD(&machine, "file=sys/fs/cgroup/cgroup.procs,", "file=sys/fs/cgroup/a/b/cgroup.procs,",
	    "file=sys/fs/cgroupX/cgroup.procs,");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(mo_cgroup_find(machine.ctx, wrong[i], folder, sizeof(folder)), -EINVAL);
		assert_says(machine.ctx, "is no name of a cgroup");
	}
	assert_int_equal(mo_cgroup_find(machine.ctx, "/sys/fs/cgroupX", folder, sizeof(folder)), -ENOENT);
	assert_int_equal(mo_cgroup_find(machine.ctx, "/", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup");
}

/* Version 1: a tree for each controller, and threads are tasks. */
static void test_cgroup_v1(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = NULL;
	struct mo_pids pids = { 0 };
	char folder[256];

	(void)state;
	ADD(&machine, "file=sys/fs/cgroup/memory/a/cgroup.procs,50\\+", "file=sys/fs/cgroup/memory/a/tasks,50\\+",
	    "file=sys/fs/cgroup/unified/u/cgroup.procs,");
	assert_int_equal(mo_cgroup_find(machine.ctx, "/a", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup/memory/a");
	assert_int_equal(mo_cgroup_list(machine.ctx, folder, true, &pids), 0);
	assert_int_equal(pids.nr, 1);
	assert_int_equal(pids.all[0], 50);
	free(pids.all);
	request.pid = 0;
	request.flags = MO_MIGRATE_SET_MEMS;
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), -ENOENT);
	assert_says(machine.ctx, "name one of the controller cpuset");
	ADD(&machine, "file=sys/fs/cgroup/cpuset/a/cgroup.procs,");
	assert_int_equal(mo_cgroup_find(machine.ctx, "a", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup/cpuset/a");
	assert_int_equal(mo_cgroup_find(machine.ctx, "u", folder, sizeof(folder)), 0);
	assert_string_equal(folder, "/sys/fs/cgroup/unified/u");
}

static void test_cgroup_threads(void **state)
{
	struct mo_pids pids = { 0 };

	(void)state;
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,", "file=sys/fs/cgroup/a/cgroup.threads,50\\+51\\+53\\+99\\+",
	    "file=proc/51/status,Tgid: 50\\+", "file=proc/53/status,Tgid: 53\\+");
	assert_int_equal(mo_cgroup_list(machine.ctx, "/sys/fs/cgroup/a", true, &pids), 0);
	assert_int_equal(pids.nr, 2);
	assert_int_equal(pids.all[0], 50);
	assert_int_equal(pids.all[1], 53);
	free(pids.all);
}

static void test_set_mems(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = NULL;
	char text[16];

	(void)state;
	request.pid = 0;
	request.flags = MO_MIGRATE_SET_MEMS;
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,50\\+");
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), -ENOENT);
	assert_says(machine.ctx, "has no cpuset.mems; enable the controller");
	assert_int_equal(kernel->nr_migrate, 0);
	ADD(&machine, "file=sys/fs/cgroup/a/cpuset.mems,1");
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), 0);
	assert_int_equal(mo_read_text(machine.ctx, text, sizeof(text), "/sys/fs/cgroup/a/cpuset.mems"), 1);
	assert_string_equal(text, "2");
	mo_report_unref(report);
	request.pid = 50;
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), -EINVAL);
}

/* Once they are written they stay, and that is told; before, nothing is. */
static void test_set_mems_ends(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report = NULL;
	char text[16];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	ADD(&machine, "file=sys/fs/cgroup/a/cgroup.procs,50\\+", "file=sys/fs/cgroup/a/cpuset.mems,1");
	request.pid = 0;
	request.flags = MO_MIGRATE_SET_MEMS;
	request.stop_fd = fds[0];
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), -EINTR);
	mo_report_unref(report);
	assert_int_equal(mo_read_text(machine.ctx, text, sizeof(text), "/sys/fs/cgroup/a/cpuset.mems"), 1);
	assert_string_equal(text, "1");
	request.stop_fd = -1;
	request.timeout_ms = 300;
	kernel->is_slow = true;
	assert_int_equal(mo_migrate_cgroup(machine.ctx, "a", &request, &report), 1);
	assert_true(has_note(report, "/sys/fs/cgroup/a/cpuset.mems was '1', and is '2'"));
	assert_int_equal(mo_report_reason(report), MO_REASON_DEADLINE);
	assert_int_equal(kernel->nr_migrate, 0);
	mo_report_unref(report);
	close(fds[0]);
	close(fds[1]);
}

static struct {
	int32_t pids[8];
	enum mo_binding bindings[8];
	size_t nr;
	int nr_migrate;		/* calls before the last warning */
} warned;

static void warn(void *data, const struct mo_bound *bound)
{
	(void)data;
	warned.pids[warned.nr] = bound->pid;
	warned.bindings[warned.nr++] = bound->binding;
	warned.nr_migrate = kernel->nr_migrate;
}

static void test_drain(void **state)
{
	struct mo_migrate_request request = request_of(NULL, NULL);
	struct mo_report *report = NULL;

	(void)state;
	memset(&warned, 0, sizeof(warned));
	request.pid = 0;
	request.bound = warn;
	add_process(51, "large", "0");
	add_process(52, "bound", "0");
	add_process(53, "elsewhere", "0");
	ADD(&machine, "file=proc/51/numa_maps,10000 default anon=9 N1=40 N2=900 kernelpagesize_kB=4\\+",
	    "file=proc/52/numa_maps,10000 bind=static:1 anon=9 N1=1 kernelpagesize_kB=2048\\+20000 default\\+",
	    "file=proc/53/numa_maps,10000 prefer:2 anon=9 N2=1 kernelpagesize_kB=4\\+",
	    "file=proc/53/status,Tgid: 53\\+Mems_allowed_list: 1\\+");
	add_process(54, "outside", "0");
	add_process(55, "thread", "0");
	ADD(&machine, "file=proc/54/numa_maps,10000 default N4=1 kernelpagesize_kB=4\\+",
	    "file=proc/54/status,Tgid: 54\\+Mems_allowed_list: 4\\+",
	    "file=proc/55/numa_maps,10000 default N2=1 kernelpagesize_kB=4\\+",
	    "file=proc/55/task/56/numa_maps,10000 bind:1 file=/bin/x\\+20000 default\\+");
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), 0);
	assert_int_equal(kernel->order[0], 52);		/* one huge page is 512 */
	assert_int_equal(kernel->order[1], 51);
	assert_int_equal(kernel->order[2], 50);
	assert_int_equal(warned.nr, 3);	/* not 54, which has and gets nothing there */
	assert_int_equal(warned.nr_migrate, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(warned.bindings[i], warned.pids[i] != 53 ? MO_BINDING_MEMPOLICY : MO_BINDING_CPUSET);
	assert_string_equal(mo_report_action(report), "drain");
	assert_string_equal(mo_report_target(report), "node1");
	assert_int_equal(nr_on(0), NR_PAGES);	/* the nearest */
	mo_report_unref(report);
}

/* Its numa_maps can't be read. */
static void test_drain_hidden(void **state)
{
	struct mo_migrate_request request = request_of(NULL, NULL);
	struct mo_report *report = NULL;

	(void)state;
	request.pid = 0;
	add_process(51, "hidden", "0");
	ADD(&machine, "remove=proc/51/numa_maps", "file=proc/51/numa_maps/x,");
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), 1);
	assert_true(has_note(report, "processes that could not be looked at: 1"));
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES);
	mo_report_unref(report);
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), -EPERM);
	assert_says(machine.ctx, "run it as root");
	mo_report_unref(report);
}

static void test_drain_without_permission(void **state)
{
	struct mo_migrate_request request = request_of(NULL, NULL);
	struct mo_report *report = NULL;

	(void)state;
	request.pid = 0;
	add_process(51, "other", "0");
	kernel->error = EPERM;
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), -EPERM);
	assert_says(machine.ctx, "run it as root");
	assert_int_equal(mo_report_nr_processes(report), 2);
	assert_int_equal(mo_report_process(report, 1)->error, -EPERM);
	mo_report_unref(report);
}

static void test_drain_overflow(void **state)
{
	struct mo_migrate_request request = request_of(NULL, "0,2-3");
	struct mo_report *report = NULL;

	(void)state;
	request.pid = 0;
	kernel->room[0] = 5;
	kernel->room[3] = 4;
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), 0);
	assert_int_equal(nr_on(0), 5);
	assert_int_equal(nr_on(3), 4);	/* distance 30 */
	assert_int_equal(nr_on(2), 7);	/* distance 40 */
	assert_int_equal(mo_report_moves(report)->moved_pages, NR_PAGES);
	assert_int_equal(mo_report_moves(report)->kept_pages, 0);
	assert_int_equal(mo_report_nr_records(report), 0);
	mo_report_unref(report);
	request.to_nodes = "0-1";
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), -EINVAL);
	assert_says(machine.ctx, "can't be a target");
	assert_int_equal(mo_drain_node(machine.ctx, 8, &request, &report), -ENOENT);
	assert_int_equal(mo_drain_node(machine.ctx, 2000, &request, &report), -ENOENT);
	assert_says(machine.ctx, "node 2000 does not exist");
	request.flags = MO_MIGRATE_SET_MEMS;
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), -EINVAL);
	assert_says(machine.ctx, "only a cgroup has a cpuset.mems");
	request = request_of("1", "2");
	request.flags = MO_MIGRATE_SET_MEMS;
	assert_fails(&request, -EINVAL, "only a cgroup has a cpuset.mems");
}

/* ---- the core ---- */

static void add_device(const struct memoffline_event *events, size_t nr)
{
	char path[256];
	int fd;

	ADD(&machine, "file=sys/module/memoffline/parameters/enabled,Y\\+", "file=dev/memoffline,");
	snprintf(path, sizeof(path), "%s/dev/memoffline", machine.dir);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, events, nr * sizeof(*events)), nr * sizeof(*events));
	close(fd);
	kernel->core = (struct memoffline_migrate_process){ .size = sizeof(kernel->core) };
}

static void test_core(void **state)
{
	struct memoffline_event events[] = {
		{ .size = sizeof(events[0]), .type = MEMOFFLINE_EVENT_RECORD,
		  .place = { .addr = BASE + PAGE, .nr_pages = 3, .vma_start = BASE, .vma_end = BASE + 16 * PAGE },
		  .record = { .pfn = 0x77, .kind = MEMOFFLINE_KIND_ANON, .reason = MEMOFFLINE_REASON_LOCKED } },
		{ .size = sizeof(events[0]), .type = MEMOFFLINE_EVENT_RECORD,
		  .place = { .addr = 0x900000, .nr_pages = 8, .vma_start = 0x900000, .vma_end = 0x908000 },
		  .record = { .pfn = ~0ULL, .reason = MEMOFFLINE_REASON_VMA_REFUSED } },
	};
	struct mo_migrate_request request = request_of("1", "2-3");
	const struct mo_record *record;
	struct mo_report *report;
	char *json;

	(void)state;
	add_device(events, ARRAY_SIZE(events));
	kernel->core.out_nr_moved = 500;
	kernel->core.out_nr_kept = 11;
	kernel->core.out_nr_shared = 4;
	kernel->core.out_nr_swapped = 5;
	kernel->core.out_reason = MEMOFFLINE_REASON_VMA_REFUSED;
	kernel->core.out_kept_by_reason[MEMOFFLINE_REASON_VMA_REFUSED] = 8;
	kernel->core.out_kept_by_reason[MEMOFFLINE_REASON_LOCKED] = 3;
	request.engine = MO_ENGINE_CORE;
	request.flags = MO_MIGRATE_ALL;
	request.swap = MO_SWAP_FALLBACK;
	request.start_addr = BASE;
	request.end_addr = BASE + 16 * PAGE;
	report = migrate(&request, 1);
	assert_int_equal(kernel->pid, 50);
	assert_int_equal(kernel->core_flags, MEMOFFLINE_PROCESS_MOVE_ALL | MEMOFFLINE_PROCESS_FALLBACK |
						     MEMOFFLINE_PROCESS_PIDFD);
	assert_int_equal(kernel->core_from, 2);
	assert_int_equal(kernel->core_to, 12);
	assert_int_equal(kernel->core_end, BASE + 16 * PAGE);
	assert_string_equal(mo_report_engine(report), "core");
	assert_int_equal(mo_report_moves(report)->moved_pages, 500);
	assert_int_equal(mo_report_moves(report)->shared_pages, 4);
	assert_int_equal(mo_report_nr_pages_kept(report), 11);
	assert_int_equal(mo_report_reason(report), MO_REASON_VMA_REFUSED);
	record = mo_report_record(report, 0);
	assert_int_equal(record->start_pfn, 0x77);
	assert_int_equal(record->nr_pages, 3);
	assert_int_equal(mo_record_owner(record, 0)->addr, BASE + PAGE);
	assert_string_equal(mo_record_owner(record, 0)->vma, "[heap]");
	record = mo_report_record(report, 1);
	assert_int_equal(record->start_pfn, UINT64_MAX);
	assert_int_equal(record->nr_pages, 8);
	assert_int_equal(mo_report_to_json(report, &json), 0);
	assert_non_null(strstr(json, "\"start_pfn\": null"));
	assert_non_null(strstr(json, "\"vma-refused\": 8"));
	assert_non_null(strstr(json, "\"shared_pages\": 4"));
	free(json);
	mo_report_unref(report);
}

/* From target to target, as long as there is no room. */
static void test_core_drains(void **state)
{
	struct mo_migrate_request request = request_of(NULL, "0,2-3");
	struct mo_report *report = NULL;

	(void)state;
	add_device(NULL, 0);
	request.pid = 0;
	request.engine = MO_ENGINE_CORE;
	kernel->core.out_nr_moved = 3;
	kernel->core.out_nr_kept = kernel->core.out_kept_by_reason[MEMOFFLINE_REASON_NO_TARGET] = 2;
	assert_int_equal(mo_drain_node(machine.ctx, 1, &request, &report), 1);
	assert_int_equal(kernel->nr_core, 3);
	assert_int_equal(kernel->core_to, 4);	/* the farthest */
	assert_int_equal(mo_report_moves(report)->moved_pages, 9);
	assert_int_equal(mo_report_moves(report)->kept_pages, 2);
	mo_report_unref(report);
}

static void test_core_that_is_older(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	add_device(NULL, 0);
	kernel->core.size = 0;	/* lacks the feature */
	request.engine = MO_ENGINE_CORE;
	assert_fails(&request, -EOPNOTSUPP, "can't move the memory of processes; load a newer one");
	request.engine = MO_ENGINE_AUTO;
	report = migrate(&request, 0);
	assert_string_equal(mo_report_engine(report), "stock");
	mo_report_unref(report);
	ADD(&machine, "file=sys/module/memoffline/parameters/enabled,N\\+");
	request.engine = MO_ENGINE_CORE;
	assert_fails(&request, -EOPNOTSUPP, "set aside");
}

static void test_number_is_used_again(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	add_device(NULL, 0);
	request.engine = MO_ENGINE_CORE;
	kernel->is_reused = true;
	assert_fails(&request, -ESRCH, "process 50 (a (b) c) ended meanwhile");
	assert_int_equal(kernel->nr_core, 0);
}

static void test_core_fails(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");

	(void)state;
	add_device(NULL, 0);
	request.engine = MO_ENGINE_CORE;
	kernel->core.out_reason = MEMOFFLINE_REASON_DEADLINE;
	assert_fails(&request, -ETIMEDOUT, "the time was over");
}

/* It tells what it has done by then. */
static void test_core_is_stopped(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	add_device(NULL, 0);
	request.engine = MO_ENGINE_CORE;
	request.stop_fd = fds[0];
	kernel->stop_fd = fds[1];
	kernel->core.out_nr_moved = 7;
	kernel->core.out_nr_kept = kernel->core.out_kept_by_reason[MEMOFFLINE_REASON_UNKNOWN] = 9;
	report = migrate(&request, 1);
	assert_int_equal(mo_report_moves(report)->moved_pages, 7);
	assert_int_equal(mo_report_moves(report)->kept_pages, 9);
	assert_int_equal(mo_report_reason(report), MO_REASON_INTERRUPTED);
	assert_null(mo_report_note(report, 0));	/* it was not left to itself */
	mo_report_unref(report);
	close(fds[0]);
	close(fds[1]);
}

/* By a suspended process, say: nobody asked for the end. */
static void test_core_is_interrupted(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	add_device(NULL, 0);
	request.engine = MO_ENGINE_CORE;
	kernel->nr_interrupted = 2;
	kernel->core.out_nr_moved = 5;
	report = migrate(&request, 0);
	assert_int_equal(kernel->nr_core, 3);
	assert_int_equal(mo_report_moves(report)->moved_pages, 15);
	mo_report_unref(report);
}

/* What had moved by then has moved, and nothing stays. */
static void test_core_is_interrupted_and_it_ends(void **state)
{
	struct mo_migrate_request request = request_of("1", "2");
	struct mo_report *report;

	(void)state;
	add_device(NULL, 0);
	request.engine = MO_ENGINE_CORE;
	kernel->nr_interrupted = kernel->nr_until_end = 1;
	kernel->core.out_nr_moved = 5;
	kernel->core.out_nr_kept = kernel->core.out_kept_by_reason[MEMOFFLINE_REASON_INTERRUPTED] = 9;
	report = migrate(&request, 0);
	assert_int_equal(mo_report_moves(report)->moved_pages, 5);
	assert_int_equal(mo_report_moves(report)->kept_pages, 0);
	mo_report_unref(report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_of_it),
		TEST(test_stayed),
		TEST(test_vdso),
		TEST(test_nothing_can_move),
		TEST(test_one_among_many),
		TEST(test_range),
		TEST(test_overlap),
		TEST(test_same_sets),
		TEST(test_shared),
		TEST(test_cpuset_refuses),
		TEST(test_vanishes),
		TEST(test_swapped),
		TEST(test_full),
		TEST(test_full_for_all),
		TEST(test_stop_and_deadline),
		TEST(test_stopped_count),
		TEST(test_no_process),
		TEST(test_pidfd),
		TEST(test_wrong_requests),
		TEST(test_refused),
		TEST(test_cgroup),
		TEST(test_hidden_in_cgroup),
		TEST(test_cgroup_names),
		TEST(test_no_cgroup_names),
		TEST(test_cgroup_v1),
		TEST(test_cgroup_threads),
		TEST(test_set_mems),
		TEST(test_set_mems_ends),
		TEST(test_drain),
		TEST(test_drain_hidden),
		TEST(test_drain_without_permission),
		TEST(test_drain_overflow),
		TEST(test_core),
		TEST(test_core_drains),
		TEST(test_core_that_is_older),
		TEST(test_number_is_used_again),
		TEST(test_core_fails),
		TEST(test_core_is_stopped),
		TEST(test_core_is_interrupted),
		TEST(test_core_is_interrupted_and_it_ends),
	};

	kernel = mmap(NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kernel == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
