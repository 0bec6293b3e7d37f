// SPDX-License-Identifier: GPL-2.0-only
/* The configuration: what it may say, and that each mistake in it is named while the old policy stays. */
#include <fcntl.h>
#include <sys/stat.h>

#include "machine.h"

#define CONF "etc/memoffline.conf"
#define CONF_DIR "etc/memoffline.conf.d"

static struct machine machine;
static bool is_real;	/* the tree stands for this machine */

const char *__real_mo_ctx_get_sysroot(const struct mo_ctx *ctx);
const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx);
const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx)
{
	return is_real ? NULL : __real_mo_ctx_get_sysroot(ctx);
}

struct path { char text[256]; };

static struct path path_of(const char *name)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s/%s", machine.dir, name);
	return path;
}

static int set_up(void **state)
{
	(void)state;
	is_real = false;
	OPEN(&machine, "file=etc/hostname,x");
	assert_int_equal(mkdir(path_of(CONF_DIR).text, 0755), 0);
	assert_int_equal(mo_ctx_set_state_dir(machine.ctx, path_of("state").text), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	machine_close(&machine);
	return 0;
}

static void put_bytes(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(path_of(name).text, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path_of(name).text, 0644), 0);
}

static void put_text(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static struct mo_policy *read_policy(void)
{
	struct mo_policy *policy;
	int err = mo_policy_read(machine.ctx, &policy);

	if (err)
		fail_msg("mo_policy_read: %d, %s", err, mo_ctx_error(machine.ctx));
	return policy;
}

static size_t nr_problems(const struct mo_policy *policy)
{
	size_t nr = 0;

	while (mo_policy_problem(policy, nr))
		nr++;
	return nr;
}

static void expect_right(const struct mo_policy *policy)
{
	if (mo_policy_problem(policy, 0))
		fail_msg("%s", mo_policy_problem(policy, 0));
}

/* The I-th problem begins with WHERE and says WORDS. */
static void expect_problem(const struct mo_policy *policy, size_t i, const char *where, const char *words)
{
	const char *problem = mo_policy_problem(policy, i);

	if (!problem || strncmp(problem, where, strlen(where)) || !strstr(problem, words))
		fail_msg("not '%s...%s': %s", where, words, problem ? problem : "no problem");
}

/* ---- what it may say ---- */

static void expect_defaults(const struct mo_policy *policy)
{
	assert_int_equal(policy->source, MO_POLICY_DEFAULTS);
	assert_false(policy->remove_by_udev);
	assert_int_equal(policy->timeout_ms, 120000);
	assert_int_equal(policy->stall_ms, MO_STALL_USUAL);
	assert_int_equal(policy->swap, MO_SWAP_AUTO);
	assert_int_equal(policy->remedies, 0);
	assert_null(policy->to_nodes);
	assert_int_equal(policy->max_mib_s, 0);
	assert_int_equal(policy->gone_timeout_ms, 30000);
	assert_int_equal(policy->requests_per_hour, 4);
	assert_false(policy->wall);
	assert_true(policy->inhibit);
	assert_int_equal(policy->hook_timeout_ms, 30000);
	assert_string_equal(policy->hooks_dir, "/etc/memoffline/hooks.d");
	assert_false(policy->online_by_udev);
	assert_int_equal(policy->online_zone, MO_ZONE_MOVABLE);
	assert_int_equal(policy->movable_ratio, 3);
	assert_int_equal(policy->error_page + policy->error_block + policy->error_device, 0);
}

static void test_none(void **state)
{
	struct mo_policy *policy;

	(void)state;
	policy = read_policy();
	expect_right(policy);
	expect_defaults(policy);
	assert_null(mo_policy_unref(policy));
	assert_int_equal(rmdir(path_of(CONF_DIR).text), 0);
	policy = read_policy();
	expect_right(policy);
	expect_defaults(policy);
	mo_policy_unref(policy);
	assert_null(mo_policy_unref(NULL));
}

static void test_all(void **state)
{
	struct mo_policy *policy;

	(void)state;
	put_text(CONF, "[remove]\nudev = yes\ntimeout = 60\nstall = 5\nswap = evict\nremedy = cache,slab\nnodes = 0,2-3\n"
		 "max-rate = 2g\ngone-timeout = 7\nrequests = 0\nwall = yes\ninhibit = no\n"
		 "[hooks]\ntimeout = 9\ndirectory = /opt/hooks\n[online]\nudev = yes\nzone = kernel\nratio = 0\n"
		 "[errors]\npage = 1\nblock = 2\ndevice = 3\n");
	policy = read_policy();
	expect_right(policy);
	assert_int_equal(policy->source, MO_POLICY_FILES);
	assert_true(policy->remove_by_udev);
	assert_int_equal(policy->timeout_ms, 60000);
	assert_int_equal(policy->stall_ms, 5000);
	assert_int_equal(policy->swap, MO_SWAP_EVICT);
	assert_int_equal(policy->remedies, MO_REMEDY_CACHE | MO_REMEDY_SLAB);
	assert_string_equal(policy->to_nodes, "0,2-3");
	assert_int_equal(policy->max_mib_s, 2048);
	assert_int_equal(policy->gone_timeout_ms, 7000);
	assert_int_equal(policy->requests_per_hour, 0);
	assert_true(policy->wall);
	assert_false(policy->inhibit);
	assert_int_equal(policy->hook_timeout_ms, 9000);
	assert_string_equal(policy->hooks_dir, "/opt/hooks");
	assert_true(policy->online_by_udev);
	assert_int_equal(policy->online_zone, MO_ZONE_NORMAL);
	assert_int_equal(policy->movable_ratio, 0);
	assert_int_equal(policy->error_page, 1);
	assert_int_equal(policy->error_block, 2);
	assert_int_equal(policy->error_device, 3);
	mo_policy_unref(policy);
}

/* Later files win, and only what ends with .conf is one. */
static void test_order(void **state)
{
	struct mo_policy *policy;

	(void)state;
	put_text(CONF, "[remove]\ntimeout = 1\nstall = 1\nnodes = 1\n");
	put_text(CONF_DIR "/20-b.conf", "[remove]\ntimeout = 3\n");
	put_text(CONF_DIR "/30-c.conf", "[remove]\ntimeout = 4\n");
	put_text(CONF_DIR "/10-a.conf", "[remove]\ntimeout = 2\nstall = 2\nnodes = all\n");
	put_text(CONF_DIR "/50-e.conf~", "[remove]\ntimeout = 6\n");
	put_text(CONF_DIR "/.40-d.conf", "[remove]\ntimeout = 5\n");
	put_text(CONF_DIR "/README", "Not for memoffline.\n");
	policy = read_policy();
	expect_right(policy);
	assert_int_equal(policy->timeout_ms, 4000);
	assert_int_equal(policy->stall_ms, 2000);
	assert_null(policy->to_nodes);
	mo_policy_unref(policy);
}

static void test_forms(void **state)
{
	static const char *const texts[] = {
		"[remove]\r\ntimeout = 60\r\n", "\xef\xbb\xbf[remove]\ntimeout=60", "# a\n; b\n\n   \n [remove] # c\n\ttimeout = 60 ; d\n",
		"[remove]\ntimeout: 60\n[online]\n", "[remove]\ntimeout = 1\n  timeout = 60\n",
		"[hooks]\n[remove]\ntimeout = 60\n\n",
	};
	struct mo_policy *policy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		put_text(CONF, texts[i]);
		policy = read_policy();
		expect_right(policy);
		if (policy->timeout_ms != 60000)
			fail_msg("text %zu: timeout is %u ms", i, policy->timeout_ms);
		mo_policy_unref(policy);
	}
	put_text(CONF, "");
	policy = read_policy();
	expect_right(policy);
	expect_defaults(policy);
	mo_policy_unref(policy);
}

/* ---- what it may not ---- */

/* One mistake, in line 3. */
static const struct { const char *line, *words; } mistakes[] = {
	{ "[removal]", "no section [removal]; there are [remove], [hooks], [online], [errors]" },
	{ "[]", "no section []" },
	{ "[remove", "ends with ]" },
	{ "[remove] udev = yes", "behind the ]" },
	{ "time = 5", "no key 'time' in [remove]; there are udev, timeout, stall, swap, remedy, nodes, max-rate, gone-timeout, "
	  "requests, wall, inhibit" },
	{ "Udev = yes", "no key 'Udev'" },
	{ "= yes", "no key ''" },
	{ "directory = /x", "no key 'directory' in [remove]" },
	{ "udev", "no 'key = value'" },
	{ "\x80\x81\xff", "no 'key = value'" },
	{ "udev = Yes", "udev can't be 'Yes'; it is yes or no" },
	{ "udev = yes # why", "udev can't be 'yes # why'" },
	{ "udev =", "udev can't be ''" },
	{ "timeout = 0", "1 to 86400" },
	{ "timeout = 86401", "1 to 86400" },
	{ "timeout = 18446744073709551617", "1 to 86400" },
	{ "timeout = 99999999999999999999999", "1 to 86400" },
	{ "timeout = -1", "1 to 86400" },
	{ "timeout = +1", "1 to 86400" },
	{ "timeout = 1s", "1 to 86400" },
	{ "timeout = 0x10", "1 to 86400" },
	{ "stall = 86401", "0 to 86400" },
	{ "swap = auto", "never, fallback or evict" },
	{ "remedy = cache,", "cache, pageout, slab and cgroup" },
	{ "remedy = drop", "cache, pageout, slab and cgroup" },
	{ "nodes = 3-1", "all, or a list of nodes" },
	{ "nodes = node1", "all, or a list of nodes" },
	{ "max-rate = 100", "1m to 4095t" },
	{ "max-rate = 100k", "1m to 4095t" },
	{ "max-rate = 4096t", "1m to 4095t" },
	{ "max-rate = 1mb", "1m to 4095t" },
	{ "requests = 3601", "0 to 3600" },
	{ "gone-timeout = 0", "1 to 86400" },
	{ "wall = 1", "yes or no" },
	{ "inhibit = true", "yes or no" },
	{ "[hooks]\ntimeout = 0", "1 to 86400" },
	{ "[hooks]\ndirectory = hooks.d", "begins with /" },
	{ "[online]\nzone = Movable", "movable, kernel or auto" },
	{ "[online]\nratio = 1001", "0 to 1000" },
	{ "[errors]\npage = many", "0 to 1000000000" },
};

static void test_mistakes(void **state)
{
	struct mo_policy *policy;
	char text[512], where[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		snprintf(text, sizeof(text), "[remove]\nudev = yes\n%s\ntimeout = 5\n", mistakes[i].line);
		put_text(CONF, text);
		snprintf(where, sizeof(where), "/" CONF ":%d: ", strchr(mistakes[i].line, '\n') ? 4 : 3);
		policy = read_policy();
		expect_problem(policy, 0, where, mistakes[i].words);
		expect_defaults(policy);
		mo_policy_unref(policy);
	}
	put_text(CONF, "udev = yes\n[remove]\n");
	policy = read_policy();
	expect_problem(policy, 0, "/" CONF ":1: ", "'udev' stands before any section");
	mo_policy_unref(policy);
}

static void test_all_mistakes_are_named(void **state)
{
	struct mo_policy *policy;

	(void)state;
	put_text(CONF, "[remove]\ntimeout = x\nnonsense\nudev = yes\n[nowhere]\na = b\nc = d\n[online]\nzone = up\nlast");
	put_text(CONF_DIR "/1.conf", "[hooks]\nwait = 3\n");
	policy = read_policy();
	expect_problem(policy, 0, "/" CONF ":2: ", "timeout");
	expect_problem(policy, 1, "/" CONF ":3: ", "key = value");
	expect_problem(policy, 2, "/" CONF ":5: ", "[nowhere]");
	expect_problem(policy, 3, "/" CONF ":9: ", "zone");
	expect_problem(policy, 4, "/" CONF ":10: ", "key = value");
	expect_problem(policy, 5, "/" CONF_DIR "/1.conf:2: ", "'wait'");
	assert_int_equal(nr_problems(policy), 6);
	expect_defaults(policy);
	mo_policy_unref(policy);
}

static void test_lines(void **state)
{
	char text[1024] = "[remove]\ntimeout = 5\n#";
	struct mo_policy *policy;
	size_t len = strlen(text);

	(void)state;
	memset(text + len, 'x', 600);
	put_text(CONF, text);
	policy = read_policy();
	expect_problem(policy, 0, "/" CONF ":3: ", "the line has 601 bytes; 190 are allowed");
	assert_int_equal(nr_problems(policy), 1);
	mo_policy_unref(policy);
	text[len + 188] = '\0';	/* and a # before it */
	strcat(text, "y\ntimeout = 7\n");
	put_text(CONF, text);
	policy = read_policy();
	expect_right(policy);
	assert_int_equal(policy->timeout_ms, 7000);
	mo_policy_unref(policy);
	put_bytes(CONF, "[remove]\ntimeout = 5\0\n", 22);
	policy = read_policy();
	expect_problem(policy, 0, "/" CONF ":2: ", "NUL");
	mo_policy_unref(policy);
}

/* ---- what is no file to read ---- */

static void expect_one(const char *name, const char *words)
{
	struct mo_policy *policy = read_policy();
	char where[64];

	snprintf(where, sizeof(where), "/%s: ", name);
	expect_problem(policy, 0, where, words);
	assert_int_equal(nr_problems(policy), 1);
	expect_defaults(policy);
	mo_policy_unref(policy);
}

static void test_no_file(void **state)
{
	char *huge = calloc(1, 1 << 20);

	(void)state;
	assert_int_equal(mkdir(path_of(CONF).text, 0755), 0);
	expect_one(CONF, "no regular file");
	assert_int_equal(rmdir(path_of(CONF).text), 0);
	assert_int_equal(mkfifo(path_of(CONF).text, 0644), 0);
	expect_one(CONF, "no regular file");
	assert_int_equal(unlink(path_of(CONF).text), 0);
	assert_int_equal(symlink("memoffline.conf", path_of(CONF).text), 0);
	expect_one(CONF, "Too many levels");
	assert_int_equal(unlink(path_of(CONF).text), 0);
	assert_non_null(huge);
	memset(huge, '\n', 1 << 20);
	put_bytes(CONF, huge, 1 << 20);
	expect_one(CONF, "more than 64 KiB");
	free(huge);
	assert_int_equal(unlink(path_of(CONF).text), 0);
	assert_int_equal(mkdir(path_of(CONF_DIR "/1.conf").text, 0755), 0);
	expect_one(CONF_DIR "/1.conf", "no regular file");
	assert_int_equal(rmdir(path_of(CONF_DIR "/1.conf").text), 0);
	assert_int_equal(rmdir(path_of(CONF_DIR).text), 0);
	put_text(CONF_DIR, "");
	expect_one(CONF_DIR, "Not a directory");
}

static void test_modes(void **state)
{
	(void)state;
	put_text(CONF, "[remove]\nudev = yes\n");
	assert_int_equal(chmod(path_of(CONF).text, 0664), 0);
	expect_one(CONF, "chmod go-w /etc/memoffline.conf");
	assert_int_equal(chmod(path_of(CONF).text, 0646), 0);
	expect_one(CONF, "chmod go-w");
	assert_int_equal(chmod(path_of(CONF).text, 0644), 0);
	assert_int_equal(chmod(path_of(CONF_DIR).text, 0777), 0);
	expect_one(CONF_DIR, "chmod go-w");
}

static void test_owner(void **state)
{
	struct mo_policy *policy;

	(void)state;
	if (geteuid())
		skip();
	put_text(CONF, "[remove]\nudev = yes\n");
	assert_int_equal(chown(path_of(CONF).text, 1, 0), 0);
	policy = read_policy();	/* of another machine, where it means nothing */
	expect_right(policy);
	mo_policy_unref(policy);
	is_real = true;
	expect_one(CONF, "belongs to user 1");
}

/* ---- what is kept ---- */

static void test_kept(void **state)
{
	struct mo_policy *policy;
	struct stat st;

	(void)state;
	if (geteuid())
		skip();
	put_text(CONF, "[remove]\nudev = yes\ntimeout = 60\nnodes = 1");
	put_text(CONF_DIR "/1.conf", "\xef\xbb\xbf[hooks]\ndirectory = /opt\n");
	mo_policy_unref(read_policy());
	assert_int_not_equal(stat(path_of("state/policy").text, &st), 0);	/* it is no machine of ours */
	is_real = true;
	assert_int_equal(mo_policy_look(machine.ctx, &policy), 0);
	mo_policy_unref(policy);
	assert_int_not_equal(stat(path_of("state/policy").text, &st), 0);
	mo_policy_unref(read_policy());
	assert_int_equal(stat(path_of("state/policy").text, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	put_text(CONF, "[remove]\nudev = perhaps\n");
	policy = read_policy();
	expect_problem(policy, 0, "/" CONF ":2: ", "perhaps");
	assert_int_equal(nr_problems(policy), 1);
	assert_int_equal(policy->source, MO_POLICY_KEPT);
	assert_true(policy->remove_by_udev);
	assert_int_equal(policy->timeout_ms, 60000);
	assert_string_equal(policy->to_nodes, "1");
	assert_string_equal(policy->hooks_dir, "/opt");
	mo_policy_unref(policy);
	put_text(CONF, "[remove]\ntimeout = 61\n");
	policy = read_policy();
	assert_int_equal(policy->source, MO_POLICY_FILES);
	assert_int_equal(policy->timeout_ms, 61000);
	assert_false(policy->remove_by_udev);
	mo_policy_unref(policy);
}

/* That nothing is configured is a policy as well. */
static void test_kept_nothing(void **state)
{
	struct mo_policy *policy;

	(void)state;
	if (geteuid())
		skip();
	is_real = true;
	mo_policy_unref(read_policy());
	assert_int_not_equal(access(path_of("state").text, F_OK), 0);
	put_text(CONF, "[remove]\nudev = yes\n");
	mo_policy_unref(read_policy());
	assert_int_equal(unlink(path_of(CONF).text), 0);
	mo_policy_unref(read_policy());
	put_text(CONF, "[remove]\nudev = no way\n");
	policy = read_policy();
	assert_int_equal(nr_problems(policy), 1);
	assert_false(policy->remove_by_udev);
	mo_policy_unref(policy);
}

static void test_kept_is_wrong(void **state)
{
	struct mo_policy *policy;

	(void)state;
	if (geteuid())
		skip();
	is_real = true;
	assert_int_equal(mkdir(path_of("state").text, 0700), 0);
	put_text("state/policy", "[remove]\nudev = yes\nfuture = 1\n");
	put_text(CONF, "[remove]\nudev = perhaps\n");
	policy = read_policy();
	assert_int_equal(nr_problems(policy), 2);
	expect_problem(policy, 1, path_of("state/policy:3: ").text, "'future'");
	expect_defaults(policy);
	mo_policy_unref(policy);
	put_text("state/policy", "[remove]\nudev = yes\n");
	assert_int_equal(chown(path_of("state/policy").text, 1, 1), 0);
	policy = read_policy();
	expect_problem(policy, 1, path_of("state/policy: ").text, "belongs to user 1");
	expect_defaults(policy);
	mo_policy_unref(policy);
}

/* ---- any bytes ---- */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void read_bytes(const char *bytes, size_t len)
{
	struct mo_policy *policy;

	put_bytes(CONF, bytes, len);
	policy = read_policy();
	assert_true(nr_problems(policy) <= 100);
	if (policy->source == MO_POLICY_FILES)
		assert_int_equal(nr_problems(policy), 0);
	else
		expect_defaults(policy);
	mo_policy_unref(policy);
}

static void test_any_bytes(void **state)
{
	static const char right[] = "[remove]\nudev = yes\ntimeout = 60\n[hooks]\ndirectory = /a ; b\n# c\n[errors]\npage=3\n";
	static const char odd[] = "\0\n\r[]=:;# \t\x01yes\xff";
	char bytes[4096];
	uint32_t seed = 1;
	size_t len;

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		len = next_random(&seed) % sizeof(bytes);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)next_random(&seed);
		read_bytes(bytes, len);
	}
	for (unsigned int round = 0; round < 2000; round++) {
		memcpy(bytes, right, sizeof(right));
		for (unsigned int i = 0; i < 3; i++)
			bytes[next_random(&seed) % strlen(right)] = odd[next_random(&seed) % (sizeof(odd) - 1)];
		read_bytes(bytes, strlen(right));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none), TEST(test_all), TEST(test_order), TEST(test_forms), TEST(test_mistakes),
		TEST(test_all_mistakes_are_named), TEST(test_lines), TEST(test_no_file), TEST(test_modes),
		TEST(test_owner),
		TEST(test_kept), TEST(test_kept_nothing), TEST(test_kept_is_wrong), TEST(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
