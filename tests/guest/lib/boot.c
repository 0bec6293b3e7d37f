// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"
#include "guest.h"

#define PORT "/dev/vport*p1"
#define PORT_WAIT_MS 100000 /* the host has a limit for all of the boot */

void lab_poweroff(void)
{
	if (getpid() != 1)
		systemd_poweroff();
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void lab_fail(int port_fd, const char *format, ...)
{
	struct buffer out = { 0 };
	char text[512];
	va_list ap;
	int len;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	len = strlen(text);
	fprintf(stderr, "memoffline-lab: %s\n", text);
	if (port_fd >= 0) {
		frame_put(&out, FRAME_FAILED, text, len);
		fcntl(port_fd, F_SETFL, 0);
		buffer_drain(&out, port_fd);
	}
	lab_poweroff();
}

static void do_mount(int port_fd, const char *what, const char *where, const char *type,
		     unsigned long flags, const char *options)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, options))
		lab_fail(port_fd, "cannot mount %s on %s: %s", type ? type : what, where,
			 strerror(errno));
}

/* For what a kernel may be built without: the place stays empty then. */
static void try_mount(const char *what, const char *where, const char *type, const char *options)
{
	mkdir(where, 0755);
	mount(what, where, type, 0, options);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "memoffline-lab: cannot write %s: %s\n", path, strerror(errno));
	close(fd);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		lab_fail(-1, "cannot open %s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		lab_fail(-1, "cannot load %s: %s", path, strerror(errno));
	close(fd);
}

static void load_modules(void)
{
	char line[256];
	FILE *list = fopen("/modules/order", "re");

	if (!list)
		lab_fail(-1, "no /modules/order in the initramfs");
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		load_module(line);
	}
	fclose(list);
}

/*
 * The port turns up in /dev some time after the driver: a worker adds it. Its
 * name has the number of the virtio device, which depends on the others.
 */
int boot_await_port(void)
{
	int watch = inotify_init1(IN_CLOEXEC), fd = -1;
	struct pollfd pfd = { .fd = watch, .events = POLLIN };
	char events[4096];
	glob_t found;

	inotify_add_watch(watch, "/dev", IN_CREATE);
	while (glob(PORT, 0, NULL, &found)) {
		if (poll(&pfd, 1, PORT_WAIT_MS) <= 0)
			lab_fail(-1, "no %s turned up", PORT);
		if (read(watch, events, sizeof(events)) < 0)
			lab_fail(-1, "inotify: %s", strerror(errno));
	}
	fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		lab_fail(-1, "cannot open %s: %s", found.gl_pathv[0], strerror(errno));
	globfree(&found);
	close(watch);
	return fd;
}

int boot_port(void)
{
	do_mount(-1, "devtmpfs", "/dev", "devtmpfs", 0, "mode=0755");
	if (!freopen("/dev/console", "w", stderr))
		_exit(1);
	setvbuf(stderr, NULL, _IOLBF, 0);
	do_mount(-1, "proc", "/proc", "proc", 0, NULL);
	do_mount(-1, "sysfs", "/sys", "sysfs", 0, NULL);
	load_modules();
	return boot_await_port();
}

static void mount_9p(int port_fd, const char *tag, const char *where)
{
	do_mount(port_fd, tag, where, "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=131072");
}

/*
 * The host's files below, read-only, and over them the folder that was asked for; what the guest writes above, on node 0
 * and gone at the end.
 */
static void mount_overlay(int port_fd)
{
	const char *layers = "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work";

	do_mount(port_fd, "rw", "/rw", "tmpfs", 0, "mode=0755,size=75%,mpol=prefer:0");
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	mount_9p(port_fd, "root", "/lower");
	if (getenv("lab_layer")) {
		mount_9p(port_fd, "layer", "/layer");
		layers = "lowerdir=/layer:/lower,upperdir=/rw/upper,workdir=/rw/work";
	}
	do_mount(port_fd, "overlay", "/newroot", "overlay", 0, layers);
}

/* The kernel makes words of its command line that it doesn't know to variables of process 1. */
int boot_wants_systemd(void)
{
	const char *init = getenv("lab_init");

	return init && !strcmp(init, "systemd");
}

/*
 * For systemd: the modules of this kernel, which udev loads from the start, and in /etc/systemd/system, in place of the
 * host's choice of services, that of the folder over it.
 */
static void mount_for_systemd(int port_fd)
{
	const char *modules = getenv("lab_modules");
	const char *chosen = "/layer/etc/systemd/system";
	char path[4096];

	if (modules) {
		mkdir("/newroot/lib/modules", 0755);
		snprintf(path, sizeof(path), "/lower%s", modules);
		do_mount(port_fd, path, "/newroot/lib/modules", NULL, MS_BIND, NULL);
	}
	mkdir("/rw/units", 0755);
	mkdir("/rw/units-work", 0755);
	mkdir("/rw/none", 0755);
	snprintf(path, sizeof(path), "lowerdir=%s,upperdir=/rw/units,workdir=/rw/units-work",
		 access(chosen, F_OK) ? "/rw/none" : chosen);
	do_mount(port_fd, "overlay", "/newroot/etc/systemd/system", "overlay", 0, path);
	systemd_copy_units(port_fd, "/newroot");
}

static void install_host_command(int port_fd)
{
	struct stat st;
	int from, to;

	mkdir("/newroot" LAB_RUN, 0755);
	mkdir("/newroot" LAB_RUN "/bin", 0755);
	from = open("/init", O_RDONLY | O_CLOEXEC);
	to = open("/newroot" LAB_RUN "/bin/host", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (from < 0 || to < 0 || fstat(from, &st) || sendfile(to, from, NULL, st.st_size) < 0)
		lab_fail(port_fd, "cannot install the command host: %s", strerror(errno));
	close(from);
	close(to);
}

static void move_mount_to(int port_fd, const char *from, const char *to)
{
	mkdir(to, 0755);
	if (mount(from, to, NULL, MS_MOVE, NULL))
		lab_fail(port_fd, "cannot move %s to %s: %s", from, to, strerror(errno));
}

static void mount_rest(int port_fd)
{
	do_mount(port_fd, "devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
	do_mount(port_fd, "tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	try_mount("debugfs", "/sys/kernel/debug", "debugfs", NULL);
	try_mount("tracefs", "/sys/kernel/tracing", "tracefs", NULL);
	/* Recording names of tasks patches the scheduler; QEMU before 8.1 may run into the half-patched place. */
	put_file("/sys/kernel/tracing/options/record-cmd", "0");
	try_mount("securityfs", "/sys/kernel/security", "securityfs", NULL);
	try_mount("cgroup2", "/sys/fs/cgroup", "cgroup2", NULL);
	try_mount("hugetlbfs", "/dev/hugepages", "hugetlbfs", NULL);
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
		lab_fail(port_fd, "cannot make /dev/fd: %s", strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

void boot_root(int port_fd)
{
	mount_overlay(port_fd);
	move_mount_to(port_fd, "/dev", "/newroot/dev");
	move_mount_to(port_fd, "/proc", "/newroot/proc");
	move_mount_to(port_fd, "/sys", "/newroot/sys");
	do_mount(port_fd, "run", "/newroot/run", "tmpfs", 0, "mode=0755,mpol=prefer:0");
	mkdir("/newroot/run/lock", 01777);
	install_host_command(port_fd);
	if (boot_wants_systemd())
		mount_for_systemd(port_fd);
	if (chdir("/newroot") || mount("/newroot", "/", NULL, MS_MOVE, NULL) || chroot(".") ||
	    chdir("/"))
		lab_fail(port_fd, "cannot enter the root file system: %s", strerror(errno));
	mount_rest(port_fd);
	put_file("/proc/sys/kernel/sysrq", "1");
	if (sethostname("memoffline-lab", 14))
		lab_fail(port_fd, "sethostname: %s", strerror(errno));
	loopback_up();
}

int main(int argc, char **argv)
{
	int port_fd;

	if (getpid() != 1 && argc == 2 && !strcmp(argv[1], "--serve"))
		agent_run(boot_await_port());
	if (getpid() != 1)
		return ask_main(argc, argv);
	umask(022);
	port_fd = boot_port();
	boot_root(port_fd);
	if (boot_wants_systemd())
		systemd_start(port_fd);
	agent_run(port_fd);
}
