// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations at random on sessions and on memory blocks, by several processes at the same time, some of which are
 * killed. A coordinator deals them out in turns. After each turn all is at rest and must be as its books have it.
 *
 *   random OPERATIONS SEED BLOCK WORK [ARG...]
 *
 * BLOCK is the first of eight, all online in zone Movable. WORK is the program of that name, which is started with
 * ARGs: memory that verifies itself. Exit 0: all was as it must be. The choices are the seed's alone; times are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_ACTORS 4
#define NR_BLOCKS 8
#define BLOCK_PAGES 32768ULL
#define BLOCK_KIB (BLOCK_PAGES * 4)
#define PAGEBLOCKS_IN_BLOCK 64
#define TURN_S 240		/* none takes longer, also in a kernel that checks itself on a busy host */
#define SHOWN 40		/* operations before a failure */
#define ROUNDING_PAGES 4000	/* of memory that others take and give back meanwhile */

enum kind { QUARANTINE, RELEASE, EVACUATE, CLOSE, OFFLINE, ONLINE };

static const char *const names[] = { "quarantine", "release", "evacuate", "close", "offline", "online" };

struct operation {
	enum kind kind;
	unsigned int first, count;	/* blocks */
	struct memoffline_evacuate terms;
};

struct result {
	int error;
	int owner_pid;
	uint64_t nr_used, nr_room;
	uint32_t reason;
	uint64_t nr_moved;
};

struct actor {
	pid_t pid;
	int to, from;
	unsigned int held;		/* blocks of its session, as a mask */
	unsigned int emptied;		/* of them, those from which all was moved */
	struct operation operation;	/* of this turn */
	struct result result;
	bool takes_part, is_killed;
	unsigned int kill_us;		/* after so long */
};

static struct actor actors[NR_ACTORS];
static unsigned int first_block;
static unsigned int online;		/* blocks, as a mask */
static unsigned long nr_done, nr_by_kind[6], nr_killed, nr_refused, nr_together;
static uint64_t nr_moved;
static char shown[SHOWN][160];
static uint64_t random_state;

/* ---- failure ---- */

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list args;

	for (unsigned long i = 0; i < SHOWN; i++)
		if (shown[(nr_done + i) % SHOWN][0])
			puts(shown[(nr_done + i) % SHOWN]);
	va_start(args, fmt);
	printf("after %lu operations: ", nr_done);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	for (int i = 0; i < NR_ACTORS; i++)
		printf("process %d has blocks %#x, of which %#x are empty\n", actors[i].pid, actors[i].held, actors[i].emptied);
	printf("online: %#x\n", online);
	fflush(stdout);
	_exit(1);
}

static void on_alarm(int sig)
{
	(void)sig;
	fail("a turn takes more than %d s", TURN_S);
}

static uint64_t any(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dULL >> 20) % below;
}

/* ---- what the kernel says ---- */

static FILE *open_text(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		fail("%s: %s", path, strerror(errno));
	return file;
}

/* The sum of all lines that begin with the name. */
static long number_in(const char *path, const char *name)
{
	FILE *file = open_text(path);
	char line[256], word[128];
	long value, sum = 0;

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " %127s %ld", word, &value) == 2 && !strcmp(word, name))
			sum += value;
	fclose(file);
	return sum;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_done = fd >= 0 && write(fd, text, strlen(text)) > 0;
	int err = errno;

	close(fd);
	errno = err;
	return is_done;
}

static unsigned long isolated_pageblocks(void)
{
	FILE *file = open_text("/proc/pagetypeinfo");
	unsigned long sum = 0;
	bool is_counted = false;
	char line[512], *last;

	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		for (last = line + strlen(line); last > line && last[-1] == ' '; )
			*--last = '\0';
		last = strrchr(line, ' ');
		if (!strncmp(line, "Number of", 9))
			is_counted = strstr(line, "blocks type") && last && !strcmp(last, " Isolate");
		else if (is_counted && last)
			sum += strtoul(last, NULL, 10);
	}
	fclose(file);
	return sum;
}

static unsigned int read_online(void)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		char path[80], word[32];
		FILE *file;

		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%u/state", first_block + i);
		file = open_text(path);
		if (fscanf(file, "%31s", word) != 1)
			fail("%s can't be read", path);
		fclose(file);
		if (!strcmp(word, "online"))
			mask |= 1U << i;
		else if (strcmp(word, "offline"))
			fail("%s is %s at rest", path, word);
	}
	return mask;
}

/* Free, also on lists of processors, and in use by processes and files. */
static long free_and_used(void)
{
	write_text("/proc/sys/vm/stat_refresh", "1");
	return number_in("/proc/zoneinfo", "nr_free_pages") + number_in("/proc/zoneinfo", "count:") +
	       number_in("/proc/vmstat", "nr_active_anon") + number_in("/proc/vmstat", "nr_inactive_anon") +
	       number_in("/proc/vmstat", "nr_active_file") + number_in("/proc/vmstat", "nr_inactive_file") +
	       number_in("/proc/vmstat", "nr_unevictable");
}

static long free_on_lists(void)
{
	FILE *file = open_text("/proc/buddyinfo");
	long sum = 0, nr;
	int used, order;
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		char *at = line;

		sscanf(line, "Node %*d, zone %*s%n", &used);
		for (order = 0, at += used; sscanf(at, "%ld%n", &nr, &used) == 1; order++, at += used)
			sum += nr << order;
	}
	fclose(file);
	return sum;
}

/* ---- an actor: does what it is told, in a process of its own ---- */

static int session = -1;

static int ask(unsigned long number, void *arg)
{
	if (session < 0)
		session = open("/dev/memoffline", O_RDWR | O_CLOEXEC);
	if (session < 0)
		_exit(3);
	return ioctl(session, number, arg) ? errno : 0;
}

static void do_quarantine(const struct operation *operation, struct result *result)
{
	struct memoffline_quarantine arg = {
		.size = sizeof(arg),
		.start_pfn = (first_block + operation->first) * BLOCK_PAGES,
		.nr_pages = operation->count * BLOCK_PAGES,
	};

	result->error = ask(MEMOFFLINE_QUARANTINE, &arg);
	result->owner_pid = arg.out_owner_pid;
	result->nr_used = arg.out_nr_used;
	result->nr_room = arg.out_nr_room;
}

static void do_release(const struct operation *operation, struct result *result)
{
	struct memoffline_release arg = {
		.size = sizeof(arg),
		.start_pfn = (first_block + operation->first) * BLOCK_PAGES,
		.nr_pages = operation->count * BLOCK_PAGES,
	};

	result->error = ask(MEMOFFLINE_RELEASE, &arg);
}

static void do_evacuate(const struct operation *operation, struct result *result)
{
	struct memoffline_evacuate arg = operation->terms;
	struct memoffline_event event;

	arg.size = sizeof(arg);
	result->error = ask(MEMOFFLINE_EVACUATE, &arg);
	result->reason = arg.out_reason;
	result->nr_moved = result->error ? 0 : arg.out_nr_moved + arg.out_nr_evicted;
	while (operation->terms.max_records % 2 && read(session, &event, sizeof(event)) > 0)
		;
}

static void do_state(const struct operation *operation, struct result *result, const char *word)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%u/state", first_block + operation->first);
	result->error = write_text(path, word) ? 0 : errno;
}

static void obey(const struct operation *operation, struct result *result)
{
	switch (operation->kind) {
	case QUARANTINE:
		do_quarantine(operation, result);
		return;
	case RELEASE:
		do_release(operation, result);
		return;
	case EVACUATE:
		do_evacuate(operation, result);
		return;
	case CLOSE:
		close(session);
		session = -1;
		return;
	case OFFLINE:
		do_state(operation, result, "offline");
		return;
	case ONLINE:
		do_state(operation, result, "online_movable");
	}
}

static void __attribute__((noreturn)) act(int from, int to)
{
	struct operation operation;

	while (read(from, &operation, sizeof(operation)) == sizeof(operation)) {
		struct result result = { 0 };

		obey(&operation, &result);
		if (write(to, &result, sizeof(result)) != sizeof(result))
			break;
	}
	_exit(0);
}

static void start_actor(struct actor *actor)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	fflush(stdout);
	actor->pid = fork();
	if (actor->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!actor->pid) {
		signal(SIGALRM, SIG_DFL);
		for (int i = 0; i < NR_ACTORS; i++) {	/* else others would not see their end */
			if (actors[i].pid) {
				close(actors[i].to);
				close(actors[i].from);
			}
		}
		close(to[1]);
		close(from[0]);
		act(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	actor->to = to[1];
	actor->from = from[0];
}

/* What it held is usual memory again once it is gone. */
static void end_actor(struct actor *actor, int signo)
{
	if (signo)
		kill(actor->pid, signo);
	close(actor->to);
	if (waitpid(actor->pid, NULL, 0) != actor->pid)
		fail("waitpid: %s", strerror(errno));
	close(actor->from);
	actor->pid = 0;
	actor->held = actor->emptied = 0;
}

/* ---- a turn ---- */

static struct memoffline_evacuate any_terms(void)
{
	static const unsigned int deadlines[] = { 1, 5, 20, 60, 150, 10000, 10000, 10000 };
	static const unsigned int rates[] = { 0, 0, 0, 100, 400 };
	static const unsigned int shares[] = { 0, 0, 0, 25, 100 };
	static const unsigned int flags[] = { 0, 0, 0, MEMOFFLINE_EVACUATE_FALLBACK, MEMOFFLINE_EVACUATE_EVICT };

	return (struct memoffline_evacuate){
		.flags = flags[any(5)],
		.deadline_ms = deadlines[any(8)],
		.stall_ms = any(2) ? 300 : 0,
		.nr_workers = (uint32_t)any(4),
		.max_mib_s = rates[any(5)],
		.max_cpu_percent = shares[any(5)],
		.max_records = (uint32_t)any(100),
	};
}

static struct operation any_operation(void)
{
	static const enum kind kinds[] = {
		QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, EVACUATE, EVACUATE, EVACUATE, EVACUATE,
		RELEASE, RELEASE, RELEASE, CLOSE, OFFLINE, OFFLINE, OFFLINE, ONLINE, ONLINE, ONLINE, ONLINE,
	};
	struct operation operation = { .kind = kinds[any(sizeof(kinds) / sizeof(kinds[0]))] };

	operation.first = (unsigned int)any(NR_BLOCKS);
	operation.count = 1;
	if (operation.kind == QUARANTINE || operation.kind == RELEASE)
		operation.count += (unsigned int)any(any(2) ? 2 : NR_BLOCKS) % (NR_BLOCKS - operation.first);
	operation.terms = any_terms();
	return operation;
}

static void deal(struct actor *actor)
{
	actor->takes_part = true;
	actor->operation = any_operation();
	actor->result = (struct result){ 0 };
	actor->is_killed = any(12) == 0;
	actor->kill_us = (unsigned int)(any(2) ? any(2000) : any(60000));
	if (write(actor->to, &actor->operation, sizeof(actor->operation)) != sizeof(actor->operation))
		fail("process %d is gone", actor->pid);
}

static void note(const struct actor *actor, unsigned int nr)
{
	const struct operation *operation = &actor->operation;
	const struct memoffline_evacuate *terms = &operation->terms;
	char *text = shown[nr_done % SHOWN];
	int len = snprintf(text, sizeof(shown[0]), "%lu (%u at once): %d %s %u+%u", nr_done, nr, actor->pid,
			   names[operation->kind], first_block + operation->first, operation->count);

	if (operation->kind == EVACUATE)
		len += snprintf(text + len, sizeof(shown[0]) - (size_t)len,
				" (flags %u deadline %u stall %u workers %u rate %u cpu %u)", terms->flags, terms->deadline_ms,
				terms->stall_ms, terms->nr_workers, terms->max_mib_s, terms->max_cpu_percent);
	if (actor->is_killed)
		snprintf(text + len, sizeof(shown[0]) - (size_t)len, ": killed after %u us", actor->kill_us);
	else
		snprintf(text + len, sizeof(shown[0]) - (size_t)len, ": %s, reason %u, moved %llu",
			 actor->result.error ? strerrorname_np(actor->result.error) : "done", actor->result.reason,
			 (unsigned long long)actor->result.nr_moved);
	nr_done++;
	nr_by_kind[operation->kind]++;
	nr_killed += actor->is_killed;
	nr_moved += actor->result.nr_moved;
}

static void collect(struct actor *actor)
{
	if (actor->is_killed) {
		usleep(actor->kill_us);
		end_actor(actor, SIGKILL);
		start_actor(actor);
	} else if (read(actor->from, &actor->result, sizeof(actor->result)) != sizeof(actor->result)) {
		fail("process %d died", actor->pid);
	}
}

/* ---- the books ---- */

static unsigned int mask_of(const struct operation *operation)
{
	return ((1U << operation->count) - 1) << operation->first;
}

static unsigned int held_by_all(void)
{
	unsigned int mask = 0;

	for (int i = 0; i < NR_ACTORS; i++)
		mask |= actors[i].held;
	return mask;
}

static int owner_of_first(unsigned int mask)
{
	unsigned int first = mask & held_by_all();

	first &= -first;
	for (int i = 0; i < NR_ACTORS; i++)
		if (actors[i].held & first)
			return actors[i].pid;
	return 0;
}

/* Of an operation that nobody disturbs. */
static int expected_of(const struct actor *actor)
{
	unsigned int mask = mask_of(&actor->operation);

	switch (actor->operation.kind) {
	case QUARANTINE:
		if (mask & held_by_all())
			return EBUSY;
		return mask & ~online ? ENODEV : 0;
	case RELEASE:
		return mask & ~actor->held ? ENOENT : 0;
	case EVACUATE:
		return actor->held ? 0 : ENOENT;
	case OFFLINE:
		if (mask & held_by_all())
			return EBUSY;
		return mask & online ? 0 : EINVAL;
	case ONLINE:
		return mask & online ? EINVAL : 0;
	default:
		return 0;
	}
}

/* Memory may be in use by somebody for a moment, or be short. */
static bool is_excused(const struct actor *actor)
{
	const struct result *result = &actor->result;

	if (actor->operation.kind == QUARANTINE)
		return result->error == ENOSPC && result->nr_used > result->nr_room;
	return actor->operation.kind == OFFLINE && (result->error == EBUSY || result->error == ENOMEM);
}

static void check_answer(const struct actor *actor)
{
	int expected = expected_of(actor), owner = owner_of_first(mask_of(&actor->operation));

	nr_refused += actor->result.error && !expected;
	if (actor->result.error != expected && !(expected == 0 && is_excused(actor)))
		fail("it had to be: %s", expected ? strerrorname_np(expected) : "done");
	if (actor->operation.kind == QUARANTINE && expected == EBUSY && actor->result.owner_pid != owner)
		fail("its owner is process %d, not %d", owner, actor->result.owner_pid);
}

static void enter(struct actor *actor)
{
	unsigned int mask = mask_of(&actor->operation);

	if (actor->is_killed || actor->result.error)
		return;
	switch (actor->operation.kind) {
	case QUARANTINE:
		actor->held |= mask;
		break;
	case RELEASE:
		actor->held &= ~mask;
		break;
	case EVACUATE:
		if (actor->result.reason == MEMOFFLINE_REASON_NONE)
			actor->emptied = actor->held;
		break;
	case CLOSE:
		actor->held = 0;
		break;
	default:
		break;
	}
	actor->emptied &= actor->held;
}

/* ---- what must hold at rest ---- */

/* Nobody has got a page of it since it was emptied. */
static void check_empty(unsigned int block)
{
	static uint64_t flags[BLOCK_PAGES];
	/* LRU, SLAB, MMAP, ANON, SWAPCACHE */
	const uint64_t in_use = 1ULL << 5 | 1ULL << 7 | 1ULL << 11 | 1ULL << 12 | 1ULL << 13;
	const off_t at = (off_t)((first_block + block) * sizeof(flags));
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, flags, sizeof(flags), at) != sizeof(flags))
		fail("/proc/kpageflags: %s", strerror(errno));
	close(fd);
	for (size_t i = 0; i < BLOCK_PAGES; i++)
		if (flags[i] & in_use)
			fail("page %#llx of an emptied block is in use: flags %#llx",
			     (first_block + block) * BLOCK_PAGES + i, (unsigned long long)flags[i]);
}

static void check_any_empty(void)
{
	unsigned int mask = 0, block = (unsigned int)any(NR_BLOCKS);

	for (int i = 0; i < NR_ACTORS; i++)
		mask |= actors[i].emptied;
	if (mask >> block & 1)
		check_empty(block);
}

/* The kernel's own reclaim isolates some for a moment, too. */
static void check_isolated_pages(void)
{
	long anon = 0, file = 0;

	for (int i = 0; i < 200; i++) {
		write_text("/proc/sys/vm/stat_refresh", "1");
		anon = number_in("/proc/vmstat", "nr_isolated_anon");
		file = number_in("/proc/vmstat", "nr_isolated_file");
		if (!anon && !file)
			return;
		usleep(20000);
	}
	fail("isolated at rest: %ld anonymous pages, %ld of files", anon, file);
}

static long total_kib, oom_kills;

static void check_books(void)
{
	unsigned int sum = 0, now = read_online();
	unsigned long isolated = isolated_pageblocks();
	long total = number_in("/proc/meminfo", "MemTotal:"), nr_free = number_in("/proc/vmstat", "nr_free_pages");

	for (int i = 0; i < NR_ACTORS; i++) {
		if (sum & actors[i].held)
			fail("blocks %#x have two owners", sum & actors[i].held);
		sum |= actors[i].held;
	}
	online = now;
	if (sum & ~online)
		fail("blocks %#x went offline although they are held", sum & ~online);
	if (isolated != (unsigned long)__builtin_popcount(sum) * PAGEBLOCKS_IN_BLOCK)
		fail("%lu pageblocks are isolated, and blocks %#x are held", isolated, sum);
	if (total != total_kib - (long)BLOCK_KIB * __builtin_popcount(~online & ((1U << NR_BLOCKS) - 1)))
		fail("MemTotal is %ld KiB", total);
	if (nr_free < 0 || nr_free > total / 4)
		fail("%ld pages are free", nr_free);
	if (number_in("/proc/vmstat", "oom_kill") != oom_kills)
		fail("a process was killed for its memory");
}

static void check_states(const struct actor *actor, unsigned int before)
{
	unsigned int after = before, mask = mask_of(&actor->operation);

	if (actor->is_killed)
		return;
	if (actor->operation.kind == OFFLINE && !actor->result.error)
		after &= ~mask;
	if (actor->operation.kind == ONLINE && !actor->result.error)
		after |= mask;
	if (online != after)
		fail("online were blocks %#x, and are %#x", before, online);
}

static void take_turn(void)
{
	unsigned int nr = any(3) ? 1 : 2 + (unsigned int)any(NR_ACTORS - 1), first = (unsigned int)any(NR_ACTORS);
	unsigned int before = online;

	alarm(TURN_S);
	for (unsigned int i = 0; i < NR_ACTORS; i++)
		actors[i].takes_part = false;
	for (unsigned int i = 0; i < nr; i++)
		deal(&actors[(first + i) % NR_ACTORS]);
	for (unsigned int i = 0; i < nr; i++) {
		collect(&actors[(first + i) % NR_ACTORS]);
		note(&actors[(first + i) % NR_ACTORS], nr);
	}
	if (nr == 1 && !actors[first].is_killed)
		check_answer(&actors[first]);
	nr_together += nr > 1;
	for (unsigned int i = 0; i < NR_ACTORS; i++)
		if (actors[i].takes_part)
			enter(&actors[i]);
	check_books();
	if (nr == 1)
		check_states(&actors[first], before);
	check_any_empty();
	check_isolated_pages();
}

/* ---- the victim ---- */

static pid_t victim;
static FILE *victim_says;

static void await_victim(const char *word)
{
	char line[256];

	alarm(TURN_S);
	while (fgets(line, sizeof(line), victim_says)) {
		if (!strncmp(line, word, strlen(word)))
			return;
		if (!strncmp(line, "work:", 5))
			fputs(line, stdout);
	}
	fail("the memory of process %d is not what it was", victim);
}

static void start_victim(char **argv)
{
	int fds[2];

	if (pipe(fds))
		fail("pipe: %s", strerror(errno));
	victim = fork();
	if (!victim) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	victim_says = fdopen(fds[0], "r");
	await_victim("ready");
}

static void verify(void)
{
	kill(victim, SIGUSR1);
	await_victim("verified");
}

static void end_victim(void)
{
	int status;

	kill(victim, SIGTERM);
	await_victim("verified");
	if (waitpid(victim, &status, 0) != victim || status)
		fail("the work ended with %#x", status);
}

/* ---- */

static void restore(void)
{
	char path[80];

	for (int i = 0; i < NR_ACTORS; i++)
		end_actor(&actors[i], any(2) ? SIGKILL : 0);
	check_books();
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%u/state", first_block + i);
		if (!(online >> i & 1) && !write_text(path, "online_movable"))
			fail("%s can't be online again: %s", path, strerror(errno));
	}
	check_books();
	check_isolated_pages();
}

/* While others take and give back: it may need some time until two looks agree. */
static void check_free(void)
{
	long listed = 0, counted = 0;

	for (int i = 0; i < 200; i++) {
		write_text("/proc/sys/vm/stat_refresh", "1");
		listed = free_on_lists();
		counted = number_in("/proc/zoneinfo", "nr_free_pages");
		if (listed == counted)
			return;
		usleep(20000);
	}
	fail("%ld pages are counted as free, and %ld lie on the lists", counted, listed);
}

static void check_sum(long before)
{
	long after = 0;

	for (int i = 0; i < 100; i++) {		/* what waits to be freed is, soon */
		after = free_and_used();
		if (labs(after - before) <= ROUNDING_PAGES)
			break;
		usleep(50000);
	}
	printf("pages free and in use: %ld, then %ld\n", before, after);
	if (labs(after - before) > ROUNDING_PAGES)
		fail("pages were lost");
}

int main(int argc, char **argv)
{
	unsigned long nr_wanted = argc > 4 ? strtoul(argv[1], NULL, 0) : 0, next_verify = 50;
	long sum;

	if (!nr_wanted)
		return fputs("usage: random OPERATIONS SEED BLOCK WORK [ARG...]\n", stderr), 2;
	random_state = (strtoull(argv[2], NULL, 0) + 1) * 0x9e3779b97f4a7c15ULL;
	first_block = (unsigned int)strtoul(argv[3], NULL, 0);
	printf("seed %s\n", argv[2]);
	signal(SIGALRM, on_alarm);
	signal(SIGPIPE, SIG_IGN);
	start_victim(argv + 4);
	online = read_online();
	total_kib = number_in("/proc/meminfo", "MemTotal:");
	oom_kills = number_in("/proc/vmstat", "oom_kill");
	sum = free_and_used();
	for (int i = 0; i < NR_ACTORS; i++)
		start_actor(&actors[i]);
	while (nr_done < nr_wanted) {
		take_turn();
		if (nr_done < next_verify)
			continue;
		verify();
		next_verify += 50;
	}
	restore();
	check_sum(sum);
	verify();
	end_victim();
	check_free();
	printf("operations=%lu together=%lu killed=%lu refused=%lu moved=%llu", nr_done, nr_together, nr_killed, nr_refused,
	       (unsigned long long)nr_moved);
	for (int kind = 0; kind <= ONLINE; kind++)
		printf(" %s=%lu", names[kind], nr_by_kind[kind]);
	putchar('\n');
	return 0;
}
