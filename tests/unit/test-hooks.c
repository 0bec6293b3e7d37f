// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: what they are told, what they may say, and that none of them holds anything up. */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "machine.h"

static struct machine machine;	/* of which only the folder is used */
static struct mo_ctx *ctx;
static struct mo_policy policy;
static char hooks_dir[128], state_dir[128];
static char debug_log[8192];
static struct mo_report *report;

static const char *const devices[] = { "PNP0C80:00", "PNP0C80:01" };
static const char *const slots[] = { "DIMM_A2", "DIMM,B \xff" };
static const uint32_t blocks[] = { 32, 33, 34, 40 };
static const int32_t nodes[] = { 1, 2 };
static struct mo_hook_facts facts;

static void remember_log(void *data, enum mo_log_level level, const char *line)
{
	(void)data;
	(void)level;
	snprintf(debug_log + strlen(debug_log), sizeof(debug_log) - strlen(debug_log), "%s\n", line);
}

static int set_up(void **state)
{
	(void)state;
	OPEN(&machine, "file=etc/hostname,x");
	snprintf(hooks_dir, sizeof(hooks_dir), "%s/hooks.d", machine.dir);
	snprintf(state_dir, sizeof(state_dir), "%s/state", machine.dir);
	assert_int_equal(mkdir(hooks_dir, 0755), 0);
	assert_int_equal(mo_ctx_new(&ctx), 0);
	assert_int_equal(mo_ctx_set_state_dir(ctx, state_dir), 0);
	mo_ctx_set_log(ctx, remember_log, NULL, MO_LOG_DEBUG);
	*debug_log = '\0';
	policy = (struct mo_policy){ .hook_timeout_ms = 20000, .hooks_dir = hooks_dir };
	facts = (struct mo_hook_facts){
		.target = "node1", .origin = "command", .devices = devices, .nr_devices = 2, .slots = slots, .nr_slots = 2,
		.blocks = blocks, .nr_blocks = 4, .nodes = nodes, .nr_nodes = 2, .len_bytes = 536870912,
		.result = -EBUSY, .reason = MO_REASON_DMA_PINNED,
	};
	assert_int_equal(mo_report_new(ctx, "remove", "node1", &report), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	report = mo_report_unref(report);
	mo_ctx_unref(ctx);
	machine_close(&machine);
	return 0;
}

/* A hook of the shell's, unless TEXT begins with another "#!". */
static void put_mode(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", hooks_dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s%s\n", strncmp(text, "#!", 2) ? "#!/bin/sh\n" : "", text);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void put(const char *name, const char *text)
{
	put_mode(name, text, 0755);
}

static int run_with(struct mo_hooks *hooks, enum mo_hook_phase phase, int stop_fd)
{
	report = mo_report_unref(report);
	assert_int_equal(mo_report_new(ctx, "remove", "node1", &report), 0);
	return mo_hooks_run(hooks, phase, &facts, stop_fd, report);
}

/* In a process of its own, so to speak. */
static int run_phase(enum mo_hook_phase phase)
{
	struct mo_hooks *hooks;
	int err;

	assert_int_equal(mo_hooks_new(ctx, &policy, &hooks), 0);
	err = run_with(hooks, phase, -1);
	mo_hooks_free(hooks);
	return err;
}

static const char *notes(void)
{
	static char text[65536];
	const char *note;

	*text = '\0';
	for (size_t i = 0; (note = mo_report_note(report, i)); i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n", note);
	return text;
}

static void expect_note(const char *words)
{
	if (!strstr(notes(), words))
		fail_msg("'%s' is not in the notes: %s", words, notes());
}

static void expect_notes(const char *all)
{
	assert_string_equal(notes(), all);
}

static void expect_veto(const char *words)
{
	assert_int_equal(run_phase(MO_HOOK_CHECK), -ECANCELED);
	assert_says(ctx, words);
}

/* ---- what they are told ---- */

static void test_environment(void **state)
{
	(void)state;
	setenv("MEMOFFLINE_SECRET", "x", 1);
	put("a", "env | sed -n 's/^MEMOFFLINE_//p'; echo \"$1, $#, $PATH, $HOME\"");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	unsetenv("MEMOFFLINE_SECRET");
	expect_note("(pre): TARGET=node1\n");
	expect_note("PHASE=pre\n");
	expect_note("ORIGIN=command\n");
	expect_note("DEVICES=PNP0C80:00,PNP0C80:01\n");
	expect_note("SLOTS=DIMM_A2\nhook");
	expect_note("BLOCKS=32-34,40\n");
	expect_note("NODES=1-2\n");
	expect_note("BYTES=536870912\n");
	expect_note("hook a (pre): pre, 1, /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, \n");
	assert_null(strstr(notes(), "SECRET"));
	assert_null(strstr(notes(), "RESULT"));
	assert_null(strstr(notes(), "REASON"));
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_note("PHASE=undo\n");
	expect_note("RESULT=failed\n");
	expect_note("REASON=dma-pin\n");
	facts.result = 0;
	facts.reason = MO_REASON_NONE;
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_note("RESULT=done\n");
	expect_note("REASON=none\n");
}

static struct mo_report *new_against(void)
{
	struct mo_record record = {
		.start_pfn = 0x100000, .nr_pages = 3, .block = 32, .kind = MO_KIND_ANON, .reason = MO_REASON_EXTRA_REFS,
		.refs = -1, .refs_expected = -1, .mapcount = -1, .pincount = -1,
		.file = "", .cgroup = "", .slab = "", .stack = "",
	};
	struct mo_hold hold = { .pid = 4711, .fd = 5, .kind = MO_HOLD_IO_URING, .is_sure = true, .comm = "db\xff" };
	struct mo_report *against;
	struct mo_record *added;

	assert_int_equal(mo_report_new(ctx, "why", "node1", &against), 0);
	added = mo_report_add_record(against, &record);
	assert_non_null(added);
	assert_int_equal(mo_record_add_hold(added, &hold), 0);
	return against;
}

static void test_json(void **state)
{
	struct mo_report *against = new_against();

	(void)state;
	put("a", "jq -c '[.schema,.phase,.target,.origin,.devices,.slots,.blocks,.nodes,.len_bytes]'");
	put("b", "jq -c '.records[0] | [.start_pfn,.nr_pages,.reason,.holds[0].pid,.holds[0].kind,.holds[0].comm]'");
	put("c", "jq -c '[.status,.errno,.error,.reason,.reasons[\"dma-pin\"].name,.nr_pages_kept,(.records|length)]'");
	facts.against = against;
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	expect_note("a (check): [1,\"check\",\"node1\",\"command\",[\"PNP0C80:00\",\"PNP0C80:01\"],"
		    "[\"DIMM_A2\",\"DIMM,B \xef\xbf\xbd\"],"
		    "[32,33,34,40],[1,2],536870912]\n");
	expect_note("b (check): [1048576,3,\"extra-refs\",4711,\"io-uring\",\"db\xef\xbf\xbd\"]\n");
	expect_note("c (check): [null,null,null,null,null,3,1]\n");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_note("c (post): [\"failed\",16,\"EBUSY\",\"dma-pin\",\"DMA pin\",null,0]\n");
	mo_report_unref(against);
}

/* Neither signals nor descriptors of ours. */
static void test_inherits_nothing(void **state)
{
	int fd = dup(STDERR_FILENO);
	sigset_t set, old;

	(void)state;
	assert_true(fd > STDERR_FILENO);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	put("a", "exec grep -E '^SigBlk:.*[1-9a-f]|^SigIgn:.*[1-9a-f][0-9a-f]{3}$' /proc/self/status");	/* SIGPIPE is 1000 */
	put("b", "for fd in /proc/$$/fd/*; do fds=\"$fds ${fd##*/}\"; done; echo \"fds$fds in $PWD\"");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	expect_notes("hook a (post): it failed with status 1; mend it, or take it away\n"
		     "hook b (post): fds 0 1 10 2 3 in /\n");	/* 3 and 10: the shell's own, of its search and its script */
}

/* More than a pipe holds. */
static void test_reads_nothing(void **state)
{
	char *target = malloc(1 << 20);

	(void)state;
	assert_non_null(target);
	memset(target, 'x', 1 << 20);
	target[(1 << 20) - 1] = '\0';
	facts.target = target;
	put("a", "echo \"${#MEMOFFLINE_TARGET}\"");
	put("b", "exec <&-; exit 0");
	put("c", "wc -c");
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	expect_note("hook a (check): 0\n");	/* too long for a variable */
	expect_note("hook c (check): 10487");
	free(target);
}

/* ---- which are run, and in which order ---- */

static void test_order(void **state)
{
	(void)state;
	put("b", "echo $MEMOFFLINE_PHASE");
	put("10_x", "echo $MEMOFFLINE_PHASE");
	put("Z-9", "echo $MEMOFFLINE_PHASE");
	put("a", "echo $MEMOFFLINE_PHASE");
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	expect_notes("hook 10_x (check): check\nhook Z-9 (check): check\nhook a (check): check\nhook b (check): check\n");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_notes("hook 10_x (post): post\nhook Z-9 (post): post\nhook a (post): post\nhook b (post): post\n");
}

static void test_passed_over(void **state)
{
	char path[256];

	(void)state;
	put("a.sh", "echo no");
	put("b~", "echo no");
	put(".c", "echo no");
	put("d.dpkg-old", "echo no");
	put_mode("e", "echo no", 0644);
	snprintf(path, sizeof(path), "%s/f", hooks_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	expect_notes("hook e (check): it is not run, since it is not executable\n");
	assert_non_null(strstr(debug_log, "hook a.sh is passed over: names"));
	assert_non_null(strstr(debug_log, "hook b~ is passed over: names"));
	assert_non_null(strstr(debug_log, "hook f is passed over: it is a directory"));
	assert_null(strstr(debug_log, ".c"));
}

static void test_none(void **state)
{
	(void)state;
	for (enum mo_hook_phase phase = MO_HOOK_CHECK; phase < MO_HOOK_NR; phase++)
		assert_int_equal(run_phase(phase), 0);
	policy.hooks_dir = "/nonexistent/hooks.d";
	for (enum mo_hook_phase phase = MO_HOOK_CHECK; phase < MO_HOOK_NR; phase++)
		assert_int_equal(run_phase(phase), 0);
	expect_notes("");
	assert_int_equal(mo_ctx_set_sysroot(ctx, machine.dir), 0);
	assert_int_equal(run_phase(MO_HOOK_CHECK), -EROFS);
	mo_hooks_free(NULL);
}

static void list_fate(void *data, const char *name, enum mo_hook_fate fate, const char *why)
{
	static const char *const fates[] = { "run", "none", "off", "refused" };
	char *text = data;

	sprintf(text + strlen(text), "%s %s: %.22s\n", fates[fate], name, why);
}

static void test_each(void **state)
{
	char text[1024] = "", path[256];

	(void)state;
	put("a", "echo no");
	put("b.sh", "echo no");
	put_mode("c", "echo no", 0644);
	put_mode("d", "echo no", 0777);
	snprintf(path, sizeof(path), "%s/e", hooks_dir);
	assert_int_equal(symlink("/nonexistent", path), 0);
	put(".f", "echo no");
	assert_int_equal(mo_hooks_each(ctx, &policy, list_fate, text), 0);
	assert_string_equal(text, "run a: \nnone b.sh: is passed over: names \noff c: is not run, since it i\n"
			    "refused d: can be written by othe\nrefused e: can't be looked at: No\n");
	policy.hooks_dir = "/nonexistent/hooks.d";
	assert_int_equal(mo_hooks_each(ctx, &policy, list_fate, text), 0);
	policy.hooks_dir = "/proc/self/comm";
	assert_int_equal(mo_hooks_each(ctx, &policy, list_fate, text), -ENOTDIR);
}

/* Root runs nothing that another could have written; what may be a safeguard is not left out in silence. */
static void test_distrust(void **state)
{
	(void)state;
	put_mode("a", "echo no", 0775);
	expect_veto("/a can be written by others and is not run; look at what it does, then chmod go-w");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	expect_notes("hook a (pre): it can be written by others and is not run; look at what it does, then chmod go-w\n");
	put_mode("a", "exit 0", 0755);
	assert_int_equal(chmod(hooks_dir, 0777), 0);
	expect_veto("the folder of hooks ");
	assert_says(ctx, "/hooks.d/ can be written by others");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_note("/hooks.d (post): it can be written by others");
	assert_int_equal(chmod(hooks_dir, 0755), 0);
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	policy.hooks_dir = "/proc/version";
	expect_veto("the folder of hooks /proc/version/ can't be read: Not a directory");
}

static void test_owner(void **state)
{
	char path[256];

	(void)state;
	if (geteuid())
		skip();
	put("a", "echo no");
	snprintf(path, sizeof(path), "%s/a", hooks_dir);
	assert_int_equal(chown(path, 1, 1), 0);
	expect_veto("does not belong to root");
	expect_notes("");
}

/* ---- what they may say ---- */

static void test_veto(void **state)
{
	(void)state;
	put("a", "echo fine");
	put("b", "echo; echo 'backup till 4 o'\"'\"'clock'; echo more >&2; exit 1");
	put("c", "echo never asked");
	expect_veto("hooks.d/b vetoes: backup till 4 o'clock");
	expect_notes("hook a (check): fine\nhook b (check): backup till 4 o'clock\nhook b (check): more\n");
	put("b", "exit 125");
	expect_veto("hooks.d/b vetoes: it does not say why");
	put("b", "exit 126");
	expect_veto("failed with status 126; mend it");
	put("b", "no-such-command");
	expect_veto("failed with status 127: ");
	for (enum mo_hook_phase phase = MO_HOOK_PRE; phase < MO_HOOK_NR; phase++) {
		put("b", "echo no; exit 3");
		assert_int_equal(run_phase(phase), 0);
		expect_note("): it failed with status 3: no; mend it");
		if (phase != MO_HOOK_UNDO)
			expect_note("): never asked\n");
		if (phase == MO_HOOK_POST)
			assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	}
}

static void test_crash(void **state)
{
	(void)state;
	put("a", "kill -SEGV $$");
	expect_veto("was killed by signal 11 (Segmentation fault)");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_note("hook a (post): it was killed by signal 11");
}

static void test_no_program(void **state)
{
	(void)state;
	put("a", "#!/nonexistent");
	expect_veto("can't be run: No such file or directory");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	expect_note("hook a (pre): it can't be run: No such file");
	put("a", "#!");
	expect_veto("can't be run: Exec format error");
}

static void test_any_bytes(void **state)
{
	(void)state;
	put("a", "printf 'a\\033[31mb\\000c\\177\\377\\303\\244\\r\\n\\t\\n'; head -c 4000 /dev/urandom; exit 1");
	expect_veto("vetoes: a\\x1b[31mb\\x00c\\x7f\xff\xc3\xa4");
	for (const char *byte = notes(); *byte; byte++)
		assert_true(*byte == '\n' || ((unsigned char)*byte >= ' ' && *byte != '\x7f'));
	assert_null(strchr(mo_ctx_error(ctx), '\r'));
}

static void test_much_output(void **state)
{
	(void)state;
	put("a", "i=0; while [ $i -lt 20 ]; do i=$((i + 1)); echo line $i; done");
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	expect_note("(post): line 16\nhook a (post): it said more than is kept here\n");
	assert_null(strstr(notes(), "line 17"));
	put("a", "head -c 1000000 /dev/zero | tr '\\0' x; echo; exit 1");
	expect_veto("vetoes: xxx");
	assert_true(strlen(notes()) < 1000);
	expect_note("it said more than is kept here");
}

/* ---- how long they may take ---- */

static uint64_t veto_ms(const char *words)
{
	uint64_t start_ms = mo_now_ms();

	expect_veto(words);
	return mo_now_ms() - start_ms;
}

static void test_hangs(void **state)
{
	(void)state;
	policy.hook_timeout_ms = 1000;
	put("a", "exec sleep 1000");
	assert_in_range(veto_ms("did not end within 1 s and was killed"), 1000, 2900);
	put("a", "exec yes");
	assert_in_range(veto_ms("did not end within 1 s and was killed"), 1000, 2900);
	expect_note("it said more than is kept here");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	expect_note("hook a (pre): it did not end within 1 s");
}

/* It is asked to end, and gets the time for that. */
static void test_ends_when_asked(void **state)
{
	(void)state;
	policy.hook_timeout_ms = 1000;
	put("a", "trap 'echo bye; exit 0' TERM; echo $$ >&2; while :; do sleep 0.1; done");
	expect_veto("did not end within 1 s");
	expect_note("hook a (check): bye\n");
	put("a", "trap '' TERM; while :; do sleep 0.1; done");
	assert_in_range(veto_ms("did not end within 1 s"), 3000, 6000);
}

static pid_t pid_in(const char *name)
{
	char path[256];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "%s/%s", machine.dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

static bool ends_soon(pid_t pid)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	bool has_ended = ended.fd < 0 || poll(&ended, 1, 5000) == 1;

	if (ended.fd >= 0)
		close(ended.fd);
	return has_ended;
}

static void test_group_ends(void **state)
{
	char text[512];

	(void)state;
	policy.hook_timeout_ms = 1000;
	snprintf(text, sizeof(text), "(trap '' TERM; exec sleep 1000) & echo $! >%s/pid; wait", machine.dir);
	put("a", text);
	expect_veto("did not end within 1 s");
	assert_true(ends_soon(pid_in("pid")));
}

/* Who stays behind with our pipe in his hands is not waited for. */
static void test_leaves_somebody(void **state)
{
	static const char *const how[] = { "", "setsid " };
	uint64_t start_ms;
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		snprintf(text, sizeof(text), "%ssleep 1000 & echo $! >%s/pid; echo done", how[i], machine.dir);
		put("a", text);
		start_ms = mo_now_ms();
		assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
		assert_true(mo_now_ms() - start_ms < 10000);
		expect_notes("hook a (check): done\n");
		assert_int_equal(kill(pid_in("pid"), SIGKILL), 0);
	}
	snprintf(text, sizeof(text), "yes & echo $! >%s/pid", machine.dir);
	put("a", text);
	assert_int_equal(run_phase(MO_HOOK_CHECK), 0);
	assert_true(ends_soon(pid_in("pid")));
}

static void test_stop(void **state)
{
	struct mo_hooks *hooks;
	int stop_fd = eventfd(1, EFD_CLOEXEC);
	uint64_t start_ms = mo_now_ms();

	(void)state;
	assert_true(stop_fd >= 0);
	put("a", "exec sleep 1000");
	put("b", "echo never");
	for (enum mo_hook_phase phase = MO_HOOK_CHECK; phase <= MO_HOOK_POST; phase++) {
		assert_int_equal(mo_hooks_new(ctx, &policy, &hooks), 0);
		assert_int_equal(run_with(hooks, phase, stop_fd), -EINTR);
		assert_says(ctx, "stopped");
		expect_notes("");
		mo_hooks_free(hooks);
	}
	close(stop_fd);
	assert_true(mo_now_ms() - start_ms < 10000);
}

/* ---- what is taken back ---- */

static void test_undo(void **state)
{
	(void)state;
	put("a", "echo $MEMOFFLINE_PHASE");
	put("b", "echo $MEMOFFLINE_PHASE; exit 1");
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	put("aa", "echo came later");
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("hook b (undo): undo\nhook b (undo): it failed with status 1: undo; mend it, or take it away\n"
		     "hook a (undo): undo\n");
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	assert_int_equal(run_phase(MO_HOOK_POST), 0);
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("");
}

/* The stop comes while B runs: it has something to undo, C, whose turn did not come, has not. */
static void test_undo_of_a_part(void **state)
{
	int stop[2];
	struct mo_hooks *hooks;
	char text[256];

	(void)state;
	assert_int_equal(pipe(stop), 0);
	snprintf(text, sizeof(text), "[ $1 = undo ] || { echo >/proc/%d/fd/%d; exec sleep 1000; }; echo b", getpid(), stop[1]);
	put("a", "echo a");
	put("b", text);
	put("c", "echo c");
	assert_int_equal(mo_hooks_new(ctx, &policy, &hooks), 0);
	assert_int_equal(run_with(hooks, MO_HOOK_PRE, stop[0]), -EINTR);
	mo_hooks_free(hooks);
	close(stop[0]);
	close(stop[1]);
	expect_notes("hook a (pre): a\n");
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("hook b (undo): b\nhook a (undo): a\n");
}

/* What was told of a removal that nobody finished is none of the next one's, which ends before anybody is told. */
static void test_undo_of_an_earlier_one(void **state)
{
	(void)state;
	put("a", "echo $MEMOFFLINE_PHASE");
	assert_int_equal(run_phase(MO_HOOK_PRE), 0);
	put("b", "[ $1 != check ] || exit 1");
	assert_int_equal(run_phase(MO_HOOK_CHECK), -ECANCELED);
	assert_int_equal(run_phase(MO_HOOK_UNDO), 0);
	expect_notes("");
}

/* Without a place for the names, a process that lives through it all still knows them. */
static void test_undo_without_state(void **state)
{
	struct mo_hooks *hooks;

	(void)state;
	assert_int_equal(mo_ctx_set_state_dir(ctx, ""), 0);
	put("a", "echo $MEMOFFLINE_PHASE");
	assert_int_equal(mo_hooks_new(ctx, &policy, &hooks), 0);
	assert_int_equal(run_with(hooks, MO_HOOK_PRE, -1), 0);
	assert_int_equal(run_with(hooks, MO_HOOK_UNDO, -1), 0);
	expect_notes("hook a (undo): undo\n");
	mo_hooks_free(hooks);
	assert_int_equal(mo_ctx_set_state_dir(ctx, "/proc/nowhere/state"), 0);
	assert_int_equal(mo_hooks_new(ctx, &policy, &hooks), 0);
	assert_int_equal(run_with(hooks, MO_HOOK_PRE, -1), 0);
	assert_non_null(strstr(debug_log, "hooks can't be written"));
	mo_hooks_free(hooks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_environment), TEST(test_json), TEST(test_inherits_nothing), TEST(test_reads_nothing),
		TEST(test_order), TEST(test_passed_over), TEST(test_none), TEST(test_each), TEST(test_distrust),
		TEST(test_owner), TEST(test_veto), TEST(test_crash), TEST(test_no_program), TEST(test_any_bytes),
		TEST(test_much_output), TEST(test_hangs), TEST(test_ends_when_asked), TEST(test_group_ends),
		TEST(test_leaves_somebody), TEST(test_stop), TEST(test_undo), TEST(test_undo_of_a_part),
		TEST(test_undo_without_state), TEST(test_undo_of_an_earlier_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
