// SPDX-License-Identifier: LGPL-2.1-or-later
/* What will get in the way on this machine, and the remedy for each. Opens files for writing, but writes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "private.h"

#define MEMORY "/sys/devices/system/memory"
#define RUN_DIR_MIN_BYTES (1 << 20)

struct mo_doctor {
	struct mo_ctx *ctx;
	struct mo_memory *memory;	/* NULL: it can't be read */
	struct mo_finding *findings;
	size_t nr_findings;
	bool no_memory;
};

static const char *const health_names[] = {
	[MO_HEALTH_OK] = "ok",
	[MO_HEALTH_NOTE] = "note",
	[MO_HEALTH_WARNING] = "warning",
	[MO_HEALTH_PROBLEM] = "problem",
};

const char *mo_health_name(enum mo_health health)
{
	return (size_t)health < ARRAY_SIZE(health_names) ? health_names[health] : "unknown";
}

/* REMEDY may be "" for what needs none. */
PRINTF(5, 6)
static void found(struct mo_doctor *doctor, enum mo_health health, const char *key, const char *remedy,
		  const char *fmt, ...)
{
	struct mo_finding *more = realloc(doctor->findings, (doctor->nr_findings + 1) * sizeof(*more));
	char *text = NULL, *copy = strdup(remedy);
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (more)
		doctor->findings = more;
	if (!more || !text || !copy) {
		doctor->no_memory = true;
		free(text);
		free(copy);
		return;
	}
	more[doctor->nr_findings++] = (struct mo_finding){ health, key, text, copy };
}

/* ---- the kernel ---- */

/* The constant that each block shows as "removable" is the option itself; good for nothing else. */
static char hotremove_option(struct mo_doctor *doctor)
{
	char option = mo_kernel_option(doctor->ctx, "MEMORY_HOTREMOVE");
	uint64_t removable;

	if (option || !mo_memory_block(doctor->memory, 0) ||
	    mo_read_u64(doctor->ctx, 10, &removable, MEMORY "/memory%u/removable",
			mo_memory_block(doctor->memory, 0)->number))
		return option;
	return removable ? 'y' : 'n';
}

static void check_hotremove(struct mo_doctor *doctor)
{
	char option;

	if (!doctor->memory) {
		found(doctor, MO_HEALTH_PROBLEM, "memory",
		      "nothing can be done before the memory blocks can be read; see the text",
		      "%s", mo_ctx_error(doctor->ctx));
		return;
	}
	option = hotremove_option(doctor);
	if (option == 'y')
		found(doctor, MO_HEALTH_OK, "hotremove", "",
		      "the kernel can take memory offline (CONFIG_MEMORY_HOTREMOVE=y)");
	else if (option)
		found(doctor, MO_HEALTH_PROBLEM, "hotremove", "boot a kernel built with CONFIG_MEMORY_HOTREMOVE=y",
		      "the kernel is built without CONFIG_MEMORY_HOTREMOVE: every offline fails with EINVAL");
	else
		found(doctor, MO_HEALTH_NOTE, "hotremove",
		      "look for CONFIG_MEMORY_HOTREMOVE=y where the kernel came from",
		      "nothing says whether the kernel can take memory offline: there is no /proc/config.gz and no /boot/config");
}

struct block_counts {
	uint64_t nr_online, nr_movable, nr_stuck;
};

static struct block_counts count_blocks(const struct mo_doctor *doctor)
{
	struct block_counts counts = { 0 };
	const struct mo_block *block;

	for (size_t i = 0; (block = mo_memory_block(doctor->memory, i)); i++) {
		if (block->state != MO_STATE_ONLINE)
			continue;
		counts.nr_online++;
		counts.nr_movable += block->zone == MO_ZONE_MOVABLE;
		counts.nr_stuck += block->zone == MO_ZONE_NONE || block->nr_nodes > 1;
	}
	return counts;
}

static void check_blocks(struct mo_doctor *doctor)
{
	struct block_counts counts;

	if (!doctor->memory)
		return;
	counts = count_blocks(doctor);
	if (counts.nr_movable)
		found(doctor, MO_HEALTH_OK, "movable", "",
		      "%" PRIu64 " of %" PRIu64 " online memory blocks are in zone Movable, made to be taken away",
		      counts.nr_movable, counts.nr_online);
	else
		found(doctor, MO_HEALTH_WARNING, "movable",
		      "boot with movable_node, or with kernelcore= and a size, or bring added memory online with online_movable",
		      "none of the %" PRIu64 " online memory blocks is in zone Movable: only a block that by chance holds no kernel memory can go",
		      counts.nr_online);
	if (counts.nr_stuck)
		found(doctor, MO_HEALTH_NOTE, "zone-none",
		      "leave these blocks out; memoffline list shows them with zone none or more nodes",
		      "memory blocks that span zones or nodes or have holes, and so can never go offline: %" PRIu64,
		      counts.nr_stuck);
}

/* The kernel's own limit for new movable memory, in percent of kernel memory. */
static uint64_t movable_limit(struct mo_doctor *doctor)
{
	uint64_t percent;

	if (mo_read_u64(doctor->ctx, 10, &percent, "/sys/module/memory_hotplug/parameters/auto_movable_ratio"))
		return 301;
	return percent;
}

static void check_ratio(struct mo_doctor *doctor)
{
	struct block_counts counts = { 0 };
	uint64_t nr_kernel, limit = movable_limit(doctor);
	enum mo_health health;

	if (doctor->memory)
		counts = count_blocks(doctor);
	if (!counts.nr_movable)
		return;
	nr_kernel = counts.nr_online - counts.nr_movable;
	health = counts.nr_movable * 100 > nr_kernel * limit ? MO_HEALTH_WARNING : MO_HEALTH_OK;
	found(doctor, health, "ratio", health == MO_HEALTH_OK ? "" :
	      "bring some memory online with online_kernel; see auto_movable_ratio in the kernel's documentation of memory hotplug",
	      "MOVABLE:KERNEL is %" PRIu64 ":%" PRIu64 " memory blocks%s", counts.nr_movable, nr_kernel,
	      health == MO_HEALTH_OK ? "" :
	      ", more than the kernel advises: kernel memory can run out while movable memory is free");
}

/* ---- how memory comes online ---- */

static bool has_movable_module(const struct mo_doctor *doctor)
{
	const struct mo_block *block;

	for (size_t i = 0; (block = mo_memory_block(doctor->memory, i)); i++)
		if (block->zone == MO_ZONE_MOVABLE && block->state == MO_STATE_ONLINE &&
		    mo_memory_device(doctor->memory, block->device)->kind == MO_DEVICE_ACPI)
			return true;
	return false;
}

static void check_auto_online(struct mo_doctor *doctor)
{
	static const char remedy[] = "echo online_movable > " MEMORY "/auto_online_blocks, and boot with memhp_default_state=online_movable";
	char word[32];

	if (!doctor->memory || mo_read_text(doctor->ctx, word, sizeof(word), MEMORY "/auto_online_blocks") <= 0)
		return;
	if (!strcmp(word, "online_movable"))
		found(doctor, MO_HEALTH_OK, "auto-online", "", "memory that is added comes online in zone Movable");
	else if (!strcmp(word, "offline"))
		found(doctor, MO_HEALTH_NOTE, "auto-online",
		      "bring it online with memoffline online --zone Movable, or a udev rule",
		      "memory that is added stays offline until somebody brings it online");
	else
		found(doctor, MO_HEALTH_WARNING, "auto-online", remedy,
		      "memory that is added comes online by itself (%s), where the kernel chooses: in a kernel zone it may never go again", word);
	if (strcmp(word, "online_movable") && has_movable_module(doctor))
		found(doctor, MO_HEALTH_WARNING, "eject-rollback", remedy,
		      "when the eject of a memory module fails, the kernel itself brings its blocks back by that default (%s), not where they were: "
		      "movable memory can turn into kernel memory", word);
}

static void check_policy(struct mo_doctor *doctor)
{
	char word[32];

	if (mo_read_text(doctor->ctx, word, sizeof(word), "/sys/module/memory_hotplug/parameters/online_policy") > 0)
		found(doctor, MO_HEALTH_OK, "online-policy", "",
		      "the zone of a plain \"online\" is chosen by the policy %s", word);
	if (mo_read_text(doctor->ctx, word, sizeof(word),
			 "/sys/module/memory_hotplug/parameters/memmap_on_memory") > 0 && word[0] != 'N')
		found(doctor, MO_HEALTH_NOTE, "memmap-on-memory", "take such a device offline as a whole",
		      "added memory holds its own page descriptors (memmap_on_memory=%s): it can only be removed in the pieces in which it was added",
		      word);
}

static int rule_found(void *data, const struct mo_online_rule *rule)
{
	struct mo_doctor *doctor = data;
	const char *name = strrchr(rule->path, '/') + 1;
	char remedy[512];

	if (!strncmp(rule->path, "/etc/", strlen("/etc/")))
		snprintf(remedy, sizeof(remedy), "remove the rule from %s, then udevadm control --reload", rule->path);
	else
		snprintf(remedy, sizeof(remedy),
			 "ln -s /dev/null /etc/udev/rules.d/%s, then udevadm control --reload", name);
	if (rule->at_offline)
		found(doctor, MO_HEALTH_PROBLEM, "udev-rule", remedy,
		      "the udev rule in %s writes \"%s\" at any event: it brings memory back online "
		      "as soon as it is offline", rule->path, rule->word);
	else if (strcmp(rule->word, "online_movable"))
		found(doctor, MO_HEALTH_WARNING, "udev-rule", remedy,
		      "the udev rule in %s writes \"%s\" for memory that is added: it can land in a "
		      "kernel zone, from where it may never go again", rule->path, rule->word);
	else
		found(doctor, MO_HEALTH_NOTE, "udev-rule", "",
		      "the udev rule in %s brings memory that is added online as movable", rule->path);
	return 0;
}

static void check_rules(struct mo_doctor *doctor)
{
	size_t before = doctor->nr_findings;

	mo_online_rules_each(doctor->ctx, rule_found, doctor);
	if (doctor->nr_findings == before)
		found(doctor, MO_HEALTH_OK, "udev-rule", "", "no udev rule brings memory online");
}

/* ---- the policy ---- */

static const char *const policy_sources[] = {
	[MO_POLICY_DEFAULTS] = "the defaults hold, which remove nothing at requests of udev",
	[MO_POLICY_FILES] = "",
	[MO_POLICY_KEPT] = "the last policy that was right holds",
};

static void describe_policy(struct mo_doctor *doctor, const struct mo_policy *policy)
{
	const char *problem;
	char remedy[160];

	snprintf(remedy, sizeof(remedy), "correct it, see memoffline.conf(5); until then %s",
		 policy_sources[policy->source]);
	for (size_t i = 0; (problem = mo_policy_problem(policy, i)); i++)
		found(doctor, MO_HEALTH_PROBLEM, "policy", remedy, "%s", problem);
	if (mo_policy_problem(policy, 0))
		return;
	if (policy->source == MO_POLICY_DEFAULTS)
		found(doctor, MO_HEALTH_OK, "policy", "", "/etc/memoffline.conf says nothing: %s",
		      policy_sources[policy->source]);
	else
		found(doctor, MO_HEALTH_OK, "policy", "", "/etc/memoffline.conf has no mistake; requests of udev to remove memory are %s",
		      policy->remove_by_udev ? "carried out" : "refused");
}

static void hook_found(void *data, const char *name, enum mo_hook_fate fate, const char *why)
{
	struct mo_doctor *doctor = data;

	if (fate == MO_HOOK_REFUSED)
		found(doctor, MO_HEALTH_PROBLEM, "hook", "see the text; until then it is a veto against each removal",
		      "the hook %s %s", name, why);
	else if (fate != MO_HOOK_RUN)
		found(doctor, MO_HEALTH_NOTE, "hook", "", "%s in the folder of hooks %s", name, why);
	else
		found(doctor, MO_HEALTH_OK, "hook", "", "the hook %s is asked before memory is removed", name);
}

static void check_hooks(struct mo_doctor *doctor, const struct mo_policy *policy)
{
	int err = mo_hooks_each(doctor->ctx, policy, hook_found, doctor);

	if (err)
		found(doctor, MO_HEALTH_PROBLEM, "hook", "mend it, or name another folder in /etc/memoffline.conf",
		      "the folder of hooks %s can't be read: %s", policy->hooks_dir, strerror(-err));
}

static void check_configuration(struct mo_doctor *doctor)
{
	struct mo_policy *policy;

	if (mo_policy_look(doctor->ctx, &policy)) {
		found(doctor, MO_HEALTH_PROBLEM, "policy", "see the text", "%s", mo_ctx_error(doctor->ctx));
		return;
	}
	describe_policy(doctor, policy);
	check_hooks(doctor, policy);
	mo_policy_unref(policy);
}

/* ---- boot options ---- */

/* The value of OPTION= on the kernel's command line, "" for OPTION alone; NULL when it is not there. The last one counts. */
static const char *boot_option(const char *cmdline, const char *option, char *value, size_t size)
{
	const char *result = NULL;
	size_t len;

	for (; *cmdline; cmdline += len, cmdline += strspn(cmdline, " ")) {
		len = strcspn(cmdline, " ");
		if (strncmp(cmdline, option, strlen(option)) || !strchr(" =", cmdline[strlen(option)]))
			continue;
		result = value;
		if (len > strlen(option))
			snprintf(value, size, "%.*s", (int)(len - strlen(option) - 1), cmdline + strlen(option) + 1);
		else
			*value = '\0';
	}
	return result;
}

static void check_vmemmap(struct mo_doctor *doctor, const char *cmdline)
{
	char value[64] = "";
	uint64_t enabled = 0;

	boot_option(cmdline, "hugetlb_free_vmemmap", value, sizeof(value));
	mo_read_u64(doctor->ctx, 10, &enabled, "/proc/sys/vm/hugetlb_optimize_vmemmap");
	if (enabled || !strcmp(value, "on") || !strcmp(value, "y") || !strcmp(value, "1"))
		found(doctor, MO_HEALTH_WARNING, "hugetlb-vmemmap",
		      "sysctl vm.hugetlb_optimize_vmemmap=0, and boot with hugetlb_free_vmemmap=off",
		      "huge pages gave their page descriptors back: to dissolve one takes memory, and an offline can fail with ENOMEM");
}

static bool keeps_memory_movable(const char *state)
{
	return !strcmp(state, "online_movable") || !strcmp(state, "offline");
}

static void check_boot_options(struct mo_doctor *doctor)
{
	char *cmdline, value[64];

	if (mo_read_file(doctor->ctx, &cmdline, NULL, "/proc/cmdline"))
		return;
	cmdline[strcspn(cmdline, "\n")] = '\0';
	if (boot_option(cmdline, "acpi_no_memhotplug", value, sizeof(value)))
		found(doctor, MO_HEALTH_PROBLEM, "acpi-no-memhotplug", "boot without acpi_no_memhotplug",
		      "the boot option acpi_no_memhotplug is set: memory modules can be neither added nor ejected");
	if (boot_option(cmdline, "movable_node", value, sizeof(value)))
		found(doctor, MO_HEALTH_OK, "movable-node", "",
		      "the boot option movable_node keeps kernel memory off nodes that can be removed");
	if (boot_option(cmdline, "memhp_default_state", value, sizeof(value)))
		found(doctor, keeps_memory_movable(value) ? MO_HEALTH_OK : MO_HEALTH_WARNING, "memhp-default",
		      keeps_memory_movable(value) ? "" : "boot with memhp_default_state=online_movable",
		      "the boot option memhp_default_state=%s says how added memory comes online", value);
	check_vmemmap(doctor, cmdline);
	free(cmdline);
}

/* ---- firmware, huge pages, poison, swap, kdump ---- */

static void check_acpi(struct mo_doctor *doctor)
{
	uint64_t enabled;

	if (mo_read_u64(doctor->ctx, 10, &enabled, "/sys/firmware/acpi/hotplug/memory/enabled") || enabled)
		return;
	found(doctor, MO_HEALTH_WARNING, "acpi-eject", "echo 1 > /sys/firmware/acpi/hotplug/memory/enabled",
	      "ACPI memory hotplug is switched off: every eject fails with EPERM; taking blocks offline works");
}

static void check_meminfo(struct mo_doctor *doctor)
{
	uint64_t poisoned_kib = 0, nr_huge = 0, swap_kib;

	mo_read_field(doctor->ctx, "/proc/meminfo", "HardwareCorrupted", &poisoned_kib);
	if (poisoned_kib)
		found(doctor, MO_HEALTH_WARNING, "poison", "replace the module; do not bring its blocks online again",
		      "%" PRIu64 " KiB of memory are poisoned: a block that holds such a page can go offline, but newer kernels refuse to bring it "
		      "back online (EHWPOISON)", poisoned_kib);
	mo_read_field(doctor->ctx, "/proc/meminfo", "HugePages_Total", &nr_huge);
	if (nr_huge)
		found(doctor, MO_HEALTH_NOTE, "hugetlb",
		      "look at nr_hugepages afterwards and ask for the missing ones again",
		      "there are %" PRIu64 " huge pages: free ones in a block that goes offline are dissolved, and nr_hugepages shrinks without a word",
		      nr_huge);
	if (!mo_read_field(doctor->ctx, "/proc/meminfo", "SwapTotal", &swap_kib) && !swap_kib)
		found(doctor, MO_HEALTH_NOTE, "swap", "add swap if other memory may be too small for what has to move",
		      "there is no swap: anonymous memory can only move to other memory, and when that is full the kernel kills processes");
}

static void check_kdump(struct mo_doctor *doctor)
{
	uint64_t loaded = 0, handled = 0;

	if (mo_read_u64(doctor->ctx, 10, &loaded, "/sys/kernel/kexec_crash_loaded") || !loaded)
		return;
	mo_read_u64(doctor->ctx, 10, &handled, MEMORY "/crash_hotplug");
	if (!handled)
		found(doctor, MO_HEALTH_WARNING, "kdump",
		      "reload the crash kernel once when all is done (kdump-config reload, kdumpctl reload)",
		      "a crash kernel is loaded, and this kernel does not tell it about memory that goes: udev may reload it for each block, and until "
		      "then a dump reads memory that is gone");
	else
		found(doctor, MO_HEALTH_OK, "kdump", "",
		      "the kernel itself tells the loaded crash kernel about memory that goes");
}

/* ---- what this process may do; a recorded machine has no process ---- */

static int first_open(struct mo_ctx *ctx, int flags, const char *const *paths, size_t nr)
{
	int fd = -ENOENT;

	for (size_t i = 0; i < nr && fd == -ENOENT; i++)
		fd = mo_open(ctx, flags, "%s", paths[i]);
	return fd;
}

static void check_write(struct mo_doctor *doctor)
{
	const struct mo_block *block = doctor->memory ? mo_memory_block(doctor->memory, 0) : NULL;
	int fd;

	if (!block)
		return;
	fd = mo_open(doctor->ctx, O_WRONLY, MEMORY "/memory%u/state", block->number);
	if (fd >= 0) {
		close(fd);
		found(doctor, MO_HEALTH_OK, "permission", "", "the state of memory blocks can be written");
	} else {
		found(doctor, MO_HEALTH_PROBLEM, "permission",
		      fd == -EROFS ? "run it on the host, or remount /sys read-write" : "run it as root",
		      "the state of memory blocks can't be written: %s", strerror(-fd));
	}
}

static void check_pages(struct mo_doctor *doctor)
{
	int fd = mo_open(doctor->ctx, O_RDONLY, "/proc/kpageflags");
	uint64_t flags;
	ssize_t len = fd < 0 ? fd : pread(fd, &flags, sizeof(flags), 0);

	if (fd >= 0 && len < 0)
		len = -errno;
	if (fd >= 0)
		close(fd);
	if (len >= 0)
		found(doctor, MO_HEALTH_OK, "page-flags", "",
		      "the content of memory blocks can be read (/proc/kpageflags)");
	else if (len == -ENOENT)
		found(doctor, MO_HEALTH_WARNING, "page-flags", "boot a kernel built with CONFIG_PROC_PAGE_MONITOR=y",
		      "there is no /proc/kpageflags: neither a plan nor a failure can tell what a block holds");
	else
		found(doctor, MO_HEALTH_WARNING, "page-flags", "run it as root, with CAP_SYS_ADMIN",
		      "the content of memory blocks can't be read (/proc/kpageflags): %s", strerror((int)-len));
}

static int any_line(void *data, const struct mo_iomem *range)
{
	(void)data;
	return range->last_addr != 0;
}

static void check_iomem(struct mo_doctor *doctor)
{
	int err = mo_iomem_each(doctor->ctx, any_line, NULL);

	if (err < 0)
		found(doctor, MO_HEALTH_WARNING, "iomem", "run it as root, with CAP_SYS_ADMIN",
		      "/proc/iomem can't be read or shows no addresses (%s): holes in a block and the blocks of virtio-mem stay unknown",
		      strerror(-err));
	else
		found(doctor, MO_HEALTH_OK, "iomem", "", "/proc/iomem shows where memory is");
}

static void check_dynamic_debug(struct mo_doctor *doctor)
{
	static const char *const paths[] = { "/proc/dynamic_debug/control", "/sys/kernel/debug/dynamic_debug/control" };
	int fd = first_open(doctor->ctx, O_WRONLY, paths, ARRAY_SIZE(paths));

	if (fd >= 0) {
		close(fd);
		found(doctor, MO_HEALTH_OK, "dynamic-debug", "",
		      "the kernel can be asked why an offline fails (dynamic debug)");
	} else {
		found(doctor, MO_HEALTH_NOTE, "dynamic-debug",
		      fd == -ENOENT ? "boot a kernel built with CONFIG_DYNAMIC_DEBUG=y" : "run it as root",
		      "dynamic debug can't be used (%s): the kernel's own word for why an offline failed stays unsaid", strerror(-fd));
	}
}

static void check_tracefs(struct mo_doctor *doctor)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/instances", "/sys/kernel/debug/tracing/instances",
	};
	int fd = first_open(doctor->ctx, O_RDONLY | O_DIRECTORY, paths, ARRAY_SIZE(paths));

	if (fd >= 0 && !faccessat(fd, ".", W_OK | X_OK, 0))
		found(doctor, MO_HEALTH_OK, "tracefs", "", "the page that holds an offline up can be traced (tracefs)");
	else
		found(doctor, MO_HEALTH_NOTE, "tracefs",
		      fd == -ENOENT ? "mount -t tracefs tracefs /sys/kernel/tracing" : "run it as root",
		      "tracefs can't be used (%s): an offline that loops in silence can't be explained",
		      fd == -ENOENT ? "not mounted, or not in this kernel" : strerror(fd < 0 ? -fd : EACCES));
	if (fd >= 0)
		close(fd);
}

/* Not loaded: would it be, when somebody wants it? */
static void check_loadable(struct mo_doctor *doctor)
{
	int err = mo_module_find(doctor->ctx);

	if (!err)
		found(doctor, MO_HEALTH_OK, "module", "",
		      "the module memoffline is not loaded; there is one for this kernel, and an offline loads it");
	else if (err == -ELIBACC)
		found(doctor, MO_HEALTH_WARNING, "module", "install libkmod (Debian: libkmod2), or load it by hand: modprobe memoffline",
		      "the module memoffline is not loaded, and an offline can't load it: libkmod can't be used");
	else
		found(doctor, MO_HEALTH_NOTE, "module",
		      "build and install it: make -C kernel modules_install, then depmod; or dkms",
		      "there is no module memoffline for this kernel: the kernel alone moves pages, and an ACPI eject of memory "
		      "with a pinned page never ends");
}

static void describe_module(struct mo_doctor *doctor, const struct mo_core_info *info)
{
	if (!mo_module_is_enabled(doctor->ctx))
		found(doctor, MO_HEALTH_NOTE, "module", "echo Y > /sys/module/memoffline/parameters/enabled",
		      "the module memoffline is loaded but set aside: the kernel alone moves pages");
	else
		found(doctor, MO_HEALTH_OK, "module", "",
		      "the module memoffline is loaded: %" PRIu32 " threads, deadline %" PRIu32
		      " ms, gives up after %" PRIu32 " ms without progress", info->nr_workers, info->deadline_ms, info->stall_ms);
	if (*info->missing)
		found(doctor, MO_HEALTH_WARNING, "module-features", "the kernel's log says which functions the module did not find",
		      "in this kernel the module memoffline lacks: %s", info->missing);
	else
		found(doctor, MO_HEALTH_OK, "module-features", "", "the module memoffline found all that it needs in this kernel");
}

static void check_module(struct mo_doctor *doctor)
{
	struct mo_session *session;
	struct mo_core_info info;
	int err;

	if (!mo_module_is_loaded(doctor->ctx)) {
		check_loadable(doctor);
		return;
	}
	err = mo_session_open(doctor->ctx, &session);
	if (!err) {
		err = mo_session_info(session, &info);
		mo_session_close(session);
	}
	if (err)
		found(doctor, MO_HEALTH_WARNING, "module",
		      err == -EACCES || err == -EPERM ? "run it as root" : "see the text",
		      "the module memoffline is loaded and can't be asked: %s", mo_ctx_error(doctor->ctx));
	else
		describe_module(doctor, &info);
}

static void check_cpuset(struct mo_doctor *doctor)
{
	const char *problem = mo_worker_cpuset_problem(doctor->ctx);

	if (*problem)
		found(doctor, MO_HEALTH_WARNING, "cpuset",
		      "run it from the root cpuset, not from a slice or container that is limited to some nodes",
		      "%s", problem);
	else
		found(doctor, MO_HEALTH_OK, "cpuset", "",
		      "pages may move to all nodes: the cpuset of this process leaves none out, or can be left");
}

/* The folder itself is made by the first command that changes something: until then its parent counts. */
static void check_run_dir(struct mo_doctor *doctor)
{
	const char *dir = mo_run_dir(doctor->ctx);
	char place[512];
	struct statvfs fs;
	char *slash;

	snprintf(place, sizeof(place), "%s", dir);
	slash = strrchr(place, '/');
	if (access(place, F_OK) && slash && slash > place)
		*slash = '\0';
	if (access(place, W_OK | X_OK))
		found(doctor, MO_HEALTH_PROBLEM, "run-dir", "run it as root, or name another run directory",
		      "%s can't be written (%s): there is no place for the lock and the journal", place,
		      strerror(errno));
	else if (!statvfs(place, &fs) && fs.f_bavail * fs.f_frsize < RUN_DIR_MIN_BYTES)
		found(doctor, MO_HEALTH_PROBLEM, "run-dir", "make room there",
		      "%s has less than %d KiB left: there is no place for the journal", place,
		      RUN_DIR_MIN_BYTES >> 10);
	else
		found(doctor, MO_HEALTH_OK, "run-dir", "", "there is room for lock and journal in %s", dir);
}

/* ---- all of it ---- */

struct check {
	void (*run)(struct mo_doctor *doctor);
	bool of_process;
};

static const struct check checks[] = {
	{ check_hotremove, false },
	{ check_write, true },
	{ check_run_dir, true },
	{ check_blocks, false },
	{ check_ratio, false },
	{ check_auto_online, false },
	{ check_policy, false },
	{ check_rules, false },
	{ check_configuration, false },
	{ check_boot_options, false },
	{ check_acpi, false },
	{ check_meminfo, false },
	{ check_kdump, false },
	{ check_module, true },
	{ check_cpuset, true },
	{ check_pages, true },
	{ check_iomem, true },
	{ check_dynamic_debug, true },
	{ check_tracefs, true },
};

int mo_doctor_new(struct mo_ctx *ctx, struct mo_doctor **out)
{
	struct mo_doctor *doctor = calloc(1, sizeof(*doctor));

	if (!doctor)
		return mo_error(ctx, -ENOMEM, "no memory for the findings; free some and try again");
	doctor->ctx = mo_ctx_ref(ctx);
	/* That it can't be read is the first finding. */
	if (mo_memory_read(ctx, &doctor->memory))
		doctor->memory = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (!checks[i].of_process || !mo_ctx_get_sysroot(ctx))
			checks[i].run(doctor);
	if (doctor->no_memory) {
		mo_doctor_unref(doctor);
		return mo_error(ctx, -ENOMEM, "no memory for the findings; free some and try again");
	}
	*out = doctor;
	return 0;
}

struct mo_doctor *mo_doctor_unref(struct mo_doctor *doctor)
{
	if (!doctor)
		return NULL;
	for (size_t i = 0; i < doctor->nr_findings; i++) {
		free((char *)doctor->findings[i].text);
		free((char *)doctor->findings[i].remedy);
	}
	free(doctor->findings);
	mo_memory_unref(doctor->memory);
	mo_ctx_unref(doctor->ctx);
	free(doctor);
	return NULL;
}

size_t mo_doctor_nr_findings(const struct mo_doctor *doctor)
{
	return doctor->nr_findings;
}

const struct mo_finding *mo_doctor_finding(const struct mo_doctor *doctor, size_t i)
{
	return i < doctor->nr_findings ? &doctor->findings[i] : NULL;
}
