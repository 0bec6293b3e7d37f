// SPDX-License-Identifier: GPL-2.0-only
/* Each thing that gets in the way is found, and each finding has its remedy. */
#include "machine.h"

#include <sys/stat.h>

#define MEMORY "sys/devices/system/memory"
#define QUIET DIMM_MACHINE, "file=proc/sys/kernel/osrelease,6.12.1", \
	"file=boot/config-6.12.1,CONFIG_MEMORY_HOTREMOVE=y", "file=" MEMORY "/auto_online_blocks,online_movable", \
	"file=proc/meminfo,MemTotal: 1\\+SwapTotal: 100 kB\\+HardwareCorrupted: 0 kB"

static const struct mo_finding *find(const struct mo_doctor *doctor, const char *key)
{
	const struct mo_finding *finding;

	for (size_t i = 0; (finding = mo_doctor_finding(doctor, i)); i++)
		if (!strcmp(finding->key, key))
			return finding;
	return NULL;
}

/* KEY must have been found with HEALTH and say WORDS; what is wrong has a remedy. WORDS NULL: must not be found. */
static void expect(const char *const *items, const char *key, enum mo_health health, const char *words)
{
	const struct mo_finding *finding;
	struct mo_doctor *doctor;
	struct machine machine;

	machine_open(&machine, items);
	assert_int_equal(mo_doctor_new(machine.ctx, &doctor), 0);
	finding = find(doctor, key);
	if (!finding != !words)
		fail_msg("%s: %s", key, finding ? finding->text : "not found");
	if (finding) {
		if (finding->health != health || !strstr(finding->text, words))
			fail_msg("%s is %s: %s", key, mo_health_name(finding->health), finding->text);
		assert_true(finding->health < MO_HEALTH_WARNING || *finding->remedy);
	}
	mo_doctor_unref(doctor);
	machine_close(&machine);
}

#define EXPECT(key, health, words, ...) expect((const char *const[]){ __VA_ARGS__, NULL }, key, health, words)

/* A machine as it should be has nothing but ok. */
static void test_quiet(void **state)
{
	const struct mo_finding *finding;
	struct mo_doctor *doctor;
	struct machine machine;

	(void)state;
	OPEN(&machine, QUIET);
	assert_int_equal(mo_doctor_new(machine.ctx, &doctor), 0);
	assert_true(mo_doctor_nr_findings(doctor) >= 5);
	for (size_t i = 0; (finding = mo_doctor_finding(doctor, i)); i++)
		if (finding->health != MO_HEALTH_OK)
			fail_msg("%s: %s", finding->key, finding->text);
	assert_null(mo_doctor_finding(doctor, mo_doctor_nr_findings(doctor)));
	assert_null(mo_doctor_unref(doctor));
	assert_null(mo_doctor_unref(NULL));
	machine_close(&machine);
}

static void test_hotremove(void **state)
{
	(void)state;
	EXPECT("hotremove", MO_HEALTH_PROBLEM, "without CONFIG_MEMORY_HOTREMOVE", QUIET,
	       "file=boot/config-6.12.1,CONFIG_NUMA=y");
	EXPECT("hotremove", MO_HEALTH_OK, "can take memory offline", QUIET, "remove=boot");
	EXPECT("hotremove", MO_HEALTH_PROBLEM, "without", QUIET, "remove=boot", "file=" MEMORY "/memory0/removable,0");
	EXPECT("hotremove", MO_HEALTH_NOTE, "nothing says", QUIET, "remove=boot",
	       "remove=" MEMORY "/memory0/removable");
	EXPECT("memory", MO_HEALTH_PROBLEM, "no /sys/devices/system/memory", "file=sys/devices/system/cpu/online,0");
}

static void test_configuration(void **state)
{
	(void)state;
	EXPECT("policy", MO_HEALTH_OK, "says nothing", QUIET);
	EXPECT("policy", MO_HEALTH_OK, "are refused", QUIET, "file=etc/memoffline.conf,[remove]\\+timeout = 5");
	EXPECT("policy", MO_HEALTH_OK, "are carried out", QUIET, "file=etc/memoffline.conf.d/1.conf,[remove]\\+udev = yes");
	EXPECT("policy", MO_HEALTH_PROBLEM, "/etc/memoffline.conf:2: there is no key 'time'", QUIET,
	       "file=etc/memoffline.conf,[remove]\\+time = 5");
	EXPECT("policy", MO_HEALTH_PROBLEM, "/etc/memoffline.conf.d/1.conf:1: there is no section [removal]", QUIET,
	       "file=etc/memoffline.conf.d/1.conf,[removal]");
}

static void test_movable(void **state)
{
	(void)state;
	EXPECT("movable", MO_HEALTH_OK, "4 of 12 online memory blocks", QUIET);
	EXPECT("movable", MO_HEALTH_WARNING, "none of the 8 online", QUIET, "blocks=32-35,offline,Normal+Movable,1");
	EXPECT("zone-none", MO_HEALTH_NOTE, "can never go offline: 3", QUIET, "blocks=8-9,online,none,0",
	       "blocks=10,online,Normal,0+1");
	EXPECT("zone-none", MO_HEALTH_OK, NULL, QUIET);
}

static void test_ratio(void **state)
{
	(void)state;
	EXPECT("ratio", MO_HEALTH_OK, "MOVABLE:KERNEL is 4:8", QUIET);
	EXPECT("ratio", MO_HEALTH_OK, "is 24:8", QUIET, "blocks=36-55,online,Movable,1");
	EXPECT("ratio", MO_HEALTH_WARNING, "is 25:8", QUIET, "blocks=36-56,online,Movable,1");
	EXPECT("ratio", MO_HEALTH_WARNING, "is 4:8", QUIET,
	       "file=sys/module/memory_hotplug/parameters/auto_movable_ratio,40");
}

/* The default differs: offline in one distribution's kernel, online in the next. */
static void test_auto_online(void **state)
{
	(void)state;
	EXPECT("auto-online", MO_HEALTH_OK, "zone Movable", QUIET);
	EXPECT("auto-online", MO_HEALTH_NOTE, "stays offline", QUIET, "file=" MEMORY "/auto_online_blocks,offline");
	EXPECT("auto-online", MO_HEALTH_WARNING, "by itself (online)", QUIET,
	       "file=" MEMORY "/auto_online_blocks,online");
	EXPECT("auto-online", MO_HEALTH_WARNING, "(online_kernel)", QUIET,
	       "file=" MEMORY "/auto_online_blocks,online_kernel");
}

/* A failed eject does not remember online_movable. */
static void test_eject_rollback(void **state)
{
	(void)state;
	EXPECT("eject-rollback", MO_HEALTH_WARNING, "default (online)", QUIET,
	       "file=" MEMORY "/auto_online_blocks,online");
	EXPECT("eject-rollback", MO_HEALTH_OK, NULL, QUIET);
	/* Movable memory that was there at boot is of no module. */
	EXPECT("eject-rollback", MO_HEALTH_OK, NULL, "blocks=0-7,online,Movable,0",
	       "file=" MEMORY "/auto_online_blocks,online");
	EXPECT("eject-rollback", MO_HEALTH_OK, NULL, QUIET, "file=" MEMORY "/auto_online_blocks,online",
	       "blocks=32-35,online,Normal,1");
}

static void test_boot_options(void **state)
{
	(void)state;
	EXPECT("acpi-no-memhotplug", MO_HEALTH_PROBLEM, "acpi_no_memhotplug is set", QUIET,
	       "file=proc/cmdline,ro acpi_no_memhotplug quiet");
	EXPECT("acpi-no-memhotplug", MO_HEALTH_OK, NULL, QUIET,
	       "file=proc/cmdline,ro acpi_no_memhotplugs xacpi_no_memhotplug");
	EXPECT("memhp-default", MO_HEALTH_WARNING, "memhp_default_state=online ", QUIET,
	       "file=proc/cmdline,memhp_default_state=online_movable memhp_default_state=online");
	EXPECT("memhp-default", MO_HEALTH_OK, "=online_movable", QUIET,
	       "file=proc/cmdline,memhp_default_state=online_movable");
	EXPECT("movable-node", MO_HEALTH_OK, "movable_node", QUIET, "file=proc/cmdline,movable_node");
	EXPECT("hugetlb-vmemmap", MO_HEALTH_WARNING, "ENOMEM", QUIET, "file=proc/cmdline,hugetlb_free_vmemmap=on");
	EXPECT("hugetlb-vmemmap", MO_HEALTH_OK, NULL, QUIET, "file=proc/cmdline,hugetlb_free_vmemmap=off");
	EXPECT("hugetlb-vmemmap", MO_HEALTH_WARNING, "ENOMEM", QUIET, "file=proc/cmdline,ro",
	       "file=proc/sys/vm/hugetlb_optimize_vmemmap,1");
	EXPECT("memmap-on-memory", MO_HEALTH_NOTE, "memmap_on_memory=force", QUIET,
	       "file=sys/module/memory_hotplug/parameters/memmap_on_memory,force");
	EXPECT("memmap-on-memory", MO_HEALTH_OK, NULL, QUIET,
	       "file=sys/module/memory_hotplug/parameters/memmap_on_memory,N");
	EXPECT("online-policy", MO_HEALTH_OK, "auto-movable", QUIET,
	       "file=sys/module/memory_hotplug/parameters/online_policy,auto-movable");
}

static void test_machine_state(void **state)
{
	(void)state;
	EXPECT("acpi-eject", MO_HEALTH_WARNING, "switched off", QUIET,
	       "file=sys/firmware/acpi/hotplug/memory/enabled,0");
	EXPECT("acpi-eject", MO_HEALTH_OK, NULL, QUIET, "file=sys/firmware/acpi/hotplug/memory/enabled,1");
	EXPECT("poison", MO_HEALTH_WARNING, "8 KiB of memory are poisoned", QUIET,
	       "file=proc/meminfo,MemTotal: 1\\+HardwareCorrupted:     8 kB");
	EXPECT("hugetlb", MO_HEALTH_NOTE, "16 huge pages", QUIET,
	       "file=proc/meminfo,MemTotal: 1\\+HugePages_Total:     16");
	EXPECT("swap", MO_HEALTH_NOTE, "no swap", QUIET, "file=proc/meminfo,MemTotal: 1\\+SwapTotal:     0 kB");
	EXPECT("swap", MO_HEALTH_OK, NULL, QUIET, "file=proc/meminfo,MemTotal: 1");
	EXPECT("kdump", MO_HEALTH_WARNING, "does not tell it", QUIET, "file=sys/kernel/kexec_crash_loaded,1");
	EXPECT("kdump", MO_HEALTH_OK, "the kernel itself tells", QUIET, "file=sys/kernel/kexec_crash_loaded,1",
	       "file=" MEMORY "/crash_hotplug,1");
	EXPECT("kdump", MO_HEALTH_OK, NULL, QUIET, "file=sys/kernel/kexec_crash_loaded,0");
}

#define RULE(folder, text) "file=" folder "/40-memory.rules," text
#define OF_MEMORY "SUBSYSTEM==\"memory\", "
#define ON_ADD "ACTION==\"add\", "
#define ADD_RULE OF_MEMORY ON_ADD "ATTR{state}!=\"online\", ATTR{state}=\"online\""

static void test_rules(void **state)
{
	(void)state;
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule", QUIET);
	EXPECT("udev-rule", MO_HEALTH_WARNING,
	       "/usr/lib/udev/rules.d/40-memory.rules writes \"online\" for memory that is added",
	       QUIET, RULE("usr/lib/udev/rules.d", ADD_RULE));
	EXPECT("udev-rule", MO_HEALTH_WARNING, "/lib/udev/rules.d", QUIET, RULE("lib/udev/rules.d", ADD_RULE));
	EXPECT("udev-rule", MO_HEALTH_WARNING, "\"online\" for memory that is added", QUIET,
	       RULE("run/udev/rules.d", OF_MEMORY "\\\\+ ACTION==\"add|change\", ATTR{online} = \"1\""));
	EXPECT("udev-rule", MO_HEALTH_NOTE, "as movable", QUIET,
	       RULE("etc/udev/rules.d", OF_MEMORY ON_ADD "ATTR{state}=\"online_movable\""));
	EXPECT("udev-rule", MO_HEALTH_PROBLEM, "/etc/udev/rules.d/40-memory.rules writes \"online\" at any event",
	       QUIET,
	       RULE("etc/udev/rules.d", OF_MEMORY "ATTR{state}==\"offline\", ATTR{state}=\"online\""));
	EXPECT("udev-rule", MO_HEALTH_PROBLEM, "at any event", QUIET,
	       RULE("etc/udev/rules.d",
		    "SUBSYSTEM!=\"memory\", GOTO=\"end\"\\+"
			   "ATTR{state}=\"online\"\\+LABEL=\"end\""));
	EXPECT("udev-rule", MO_HEALTH_WARNING, "for memory that is added", QUIET,
	       RULE("etc/udev/rules.d",
		    "ACTION!=\"add\", GOTO=\"end\"\\+"
			   "SUBSYSTEM!=\"memory\", GOTO=\"end\"\\+ATTR{state}=\"$env{.state}\""));
}

static void test_rules_that_are_none(void **state)
{
	(void)state;
	/* A comment, a test, another subsystem, another file name, a rule that takes memory offline. */
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule", QUIET, RULE("etc/udev/rules.d", "# " ADD_RULE));
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule",
	       QUIET, RULE("etc/udev/rules.d", OF_MEMORY "ATTR{state}==\"online\", RUN+=\"/bin/true\""));
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule", QUIET,
	       RULE("etc/udev/rules.d",
		    "SUBSYSTEM==\"memory\", GOTO=\"x\"\\+"
			   "SUBSYSTEM==\"cpu\", ACTION==\"add\", ATTR{online}=\"1\""));
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule", QUIET, "file=etc/udev/rules.d/40-memory.rules.off," ADD_RULE);
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule",
	       QUIET, RULE("etc/udev/rules.d", OF_MEMORY ON_ADD "ATTR{state}=\"offline\""));
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule",
	       QUIET, RULE("etc/udev/rules.d", OF_MEMORY ON_ADD "ATTR{online}=\"0\""));
	/* A file of the same name further up hides it, also when it is a link to nothing. */
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule", QUIET, RULE("usr/lib/udev/rules.d", ADD_RULE),
	       RULE("etc/udev/rules.d", "#"));
	EXPECT("udev-rule", MO_HEALTH_OK, "no udev rule",
	       QUIET, RULE("lib/udev/rules.d", ADD_RULE),
		   "link=etc/udev/rules.d/40-memory.rules,/dev/null-that-is-not");
}

/* The checks of what this process may do, on the machine that runs the test: they must not write. */
static const char *finding_text(struct mo_ctx *ctx, const char *key, enum mo_health *health, char *text, size_t size)
{
	const struct mo_finding *finding;
	struct mo_doctor *doctor;

	assert_int_equal(mo_doctor_new(ctx, &doctor), 0);
	finding = find(doctor, key);
	*health = finding ? finding->health : MO_HEALTH_OK;
	snprintf(text, size, "%s", finding ? finding->text : "");
	mo_doctor_unref(doctor);
	return finding ? text : NULL;
}

static void test_run_dir(void **state)
{
	char dir[] = "/tmp/mo-test-XXXXXX", path[64], text[512];
	enum mo_health health;
	struct mo_ctx *ctx;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/run", dir);
	assert_int_equal(mo_ctx_new(&ctx), 0);
	assert_int_equal(mo_ctx_set_run_dir(ctx, path), 0);
	assert_non_null(finding_text(ctx, "run-dir", &health, text, sizeof(text)));
	assert_int_equal(health, MO_HEALTH_OK);
	/* It was not made: the doctor writes nothing. */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(mo_ctx_set_run_dir(ctx, "/proc/1/no/run"), 0);
	assert_non_null(finding_text(ctx, "run-dir", &health, text, sizeof(text)));
	assert_int_equal(health, MO_HEALTH_PROBLEM);
	mo_ctx_unref(ctx);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_hotremove),
		cmocka_unit_test(test_configuration), cmocka_unit_test(test_movable),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_auto_online),
		cmocka_unit_test(test_eject_rollback),
		cmocka_unit_test(test_boot_options),
		cmocka_unit_test(test_machine_state),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_that_are_none),
		cmocka_unit_test(test_run_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
