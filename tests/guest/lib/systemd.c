// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest whose process 1 is systemd: on the same files, with the units of the lab and without those of the host. The
 * agent is a service then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

#define SYSTEMD "/lib/systemd/systemd"
#define UNITS "/run/systemd/system"
#define STATE_MOUNT "var-lib-memoffline.mount"
#define GENERATORS "/lib/systemd/system-generators"

/*
 * Units that have no place here: what sets the host up (its disks, its modules, its settings, its users, its temporary
 * files, which for a guest are the host's own), and what asks or saves something.
 */
static const char *const masked[] = {
	"getty.target",
	"kmod-static-nodes.service",
	"modprobe@drm.service",
	"proc-sys-fs-binfmt_misc.automount",
	"sys-fs-fuse-connections.mount",
	"systemd-ask-password-console.path",
	"systemd-ask-password-wall.path",
	"systemd-binfmt.service",
	"systemd-firstboot.service",
	"systemd-hwdb-update.service",
	"systemd-journal-flush.service",
	"systemd-machine-id-commit.service",
	"systemd-modules-load.service",
	"systemd-random-seed.service",
	"systemd-remount-fs.service",
	"systemd-repart.service",
	"systemd-sysctl.service",
	"systemd-sysusers.service",
	"systemd-tmpfiles-clean.timer",
	"systemd-tmpfiles-setup-dev.service",
	"systemd-tmpfiles-setup.service",
	"systemd-update-utmp-runlevel.service",
	"systemd-update-utmp.service",
	"systemd-user-sessions.service",
};

static void copy_file(int port_fd, const char *from, const char *to)
{
	struct stat st;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (in < 0 || out < 0 || fstat(in, &st) || sendfile(out, in, NULL, st.st_size) != st.st_size)
		lab_fail(port_fd, "cannot copy %s to %s: %s", from, to, strerror(errno));
	close(in);
	close(out);
}

/* The mount of a disk that is not there would keep all waiting that needs what lies on it. */
static int is_wanted(const char *name)
{
	return *name != '.' && (strcmp(name, STATE_MOUNT) || getenv("lab_state"));
}

/* The units lie in the initramfs; this is called while it is still to be seen. */
void systemd_copy_units(int port_fd, const char *root)
{
	char from[512], to[512];
	struct dirent *entry;
	DIR *dir = opendir("/systemd");

	if (!dir)
		lab_fail(port_fd, "no units in the initramfs");
	snprintf(to, sizeof(to), "%s/run/systemd", root);
	mkdir(to, 0755);
	snprintf(to, sizeof(to), "%s" UNITS, root);
	mkdir(to, 0755);
	while ((entry = readdir(dir))) {
		if (!is_wanted(entry->d_name))
			continue;
		snprintf(from, sizeof(from), "/systemd/%s", entry->d_name);
		snprintf(to, sizeof(to), "%s" UNITS "/%s", root, entry->d_name);
		copy_file(port_fd, from, to);
	}
	closedir(dir);
}

static void make_link(int port_fd, const char *target, const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (symlink(target, path) && errno != EEXIST)
		lab_fail(port_fd, "cannot make %s: %s", path, strerror(errno));
}

static void mask(int port_fd, const char *folder, const char *name)
{
	make_link(port_fd, "/dev/null", folder, name);
}

/* They make units of what they find on the host, and take longer than all the rest of the boot. */
static void mask_generators(int port_fd)
{
	DIR *dir = opendir(GENERATORS);
	struct dirent *entry;

	mkdir("/run/systemd/system-generators", 0755);
	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			mask(port_fd, "/run/systemd/system-generators", entry->d_name);
	if (dir)
		closedir(dir);
}

/* What a test needs of drivers it loads itself; the rest is slow to load in an emulator. */
static void mask_driver_rules(int port_fd)
{
	mkdir("/run/udev", 0755);
	mkdir("/run/udev/rules.d", 0755);
	mask(port_fd, "/run/udev/rules.d", "80-drivers.rules");
}

void systemd_start(int port_fd)
{
	size_t i;

	for (i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		mask(port_fd, UNITS, masked[i]);
	mask_generators(port_fd);
	mask_driver_rules(port_fd);
	if (getenv("lab_state")) {
		mkdir(UNITS "/local-fs.target.requires", 0755);
		make_link(port_fd, UNITS "/" STATE_MOUNT, UNITS "/local-fs.target.requires", STATE_MOUNT);
	}
	/* Not a container, whatever the host is. */
	setenv("container", "", 1);
	close(port_fd);
	execl(SYSTEMD, "systemd", NULL);
	lab_fail(-1, "cannot run " SYSTEMD ": %s", strerror(errno));
}

/* By signals that systemd documents. It ends the agent as it ends all else. */
void systemd_poweroff(void)
{
	kill(1, SIGRTMIN + 4);
	for (;;)
		pause();
}
