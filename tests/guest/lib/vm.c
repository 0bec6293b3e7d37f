// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host.h"

#define MAX_PLUMBING 64

int vm_add_image(struct vm *vm, const char *name, uint64_t len_bytes)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (vm->nr_images == MAX_IMAGES)
		return -E2BIG;
	snprintf(path, sizeof(path), "%s/memoffline-lab-disk.XXXXXX", dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (ftruncate(fd, len_bytes)) {
		close(fd);
		return -errno;
	}
	vm->image_names[vm->nr_images] = name;
	vm->image_fds[vm->nr_images++] = fd;
	return 0;
}

int vm_add_file(struct vm *vm, const char *name, const char *path)
{
	int fd;

	if (vm->nr_images == MAX_IMAGES)
		return -E2BIG;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	vm->image_names[vm->nr_images] = name;
	vm->image_fds[vm->nr_images++] = fd;
	return 0;
}

struct args {
	char **argv;
	int argc;
};

static void add(struct args *args, const char *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct args *args, const char *option, const char *format, ...)
{
	char *value = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&value, format, ap) < 0)
		abort();
	va_end(ap);
	args->argv[args->argc++] = (char *)option;
	args->argv[args->argc++] = value;
}

/* The file descriptors are QEMU's ends. */
static void add_plumbing(struct args *args, const struct vm *vm, int port, int console, int qmp)
{
	int i;

	add(args, "-chardev", "socket,id=lab-console,fd=%d", console);
	add(args, "-serial", "chardev:lab-console");
	add(args, "-chardev", "socket,id=lab-qmp,fd=%d", qmp);
	add(args, "-mon", "chardev=lab-qmp,mode=control");
	add(args, "-chardev", "socket,id=lab-port,fd=%d", port);
	add(args, "-device", "virtio-serial-pci,id=lab-ports,max_ports=2");
	add(args, "-device", "virtserialport,bus=lab-ports.0,nr=1,chardev=lab-port,name=memoffline.lab");
	for (i = 0; i < vm->nr_images; i++) {
		add(args, "-drive",
		    "file=/proc/self/fd/%d,format=raw,if=none,id=lab-%s,cache=unsafe,discard=unmap,file.locking=off",
		    vm->image_fds[i], vm->image_names[i]);
		add(args, "-device", "virtio-blk-pci,drive=lab-%s,serial=lab-%s",
		    vm->image_names[i], vm->image_names[i]);
	}
}

static void keep_open(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static void exec_qemu(struct vm *vm, struct args *args, int ends[3], int err, pid_t parent)
{
	sigset_t none;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* A terminal's Ctrl-C is for the runner alone, which decides. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (i = 0; i < 3; i++)
		keep_open(ends[i]);
	for (i = 0; i < vm->nr_images; i++)
		keep_open(vm->image_fds[i]);
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(err, 1);
	dup2(err, 2);
	execvp(args->argv[0], args->argv);
	fprintf(stderr, "cannot run %s: %s\n", args->argv[0], strerror(errno));
	_exit(127);
}

int vm_start(struct vm *vm, char **argv, int argc)
{
	int *ours[3] = { &vm->port_fd, &vm->console_fd, &vm->qmp_fd };
	int pair[2], theirs[3], err[2], i;
	pid_t parent = getpid();
	struct args args;

	for (i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return -errno;
		*ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	if (pipe2(err, O_CLOEXEC))
		return -errno;
	args.argv = calloc(argc + MAX_PLUMBING + 1, sizeof(*args.argv));
	if (!args.argv)
		return -ENOMEM;
	memcpy(args.argv, argv, argc * sizeof(*argv));
	args.argc = argc;
	add_plumbing(&args, vm, theirs[0], theirs[1], theirs[2]);
	vm->pid = fork();
	if (vm->pid < 0)
		return -errno;
	if (!vm->pid)
		exec_qemu(vm, &args, theirs, err[1], parent);
	fcntl(vm->port_fd, F_SETFL, O_NONBLOCK);
	vm->stderr_fd = err[0];
	close(err[1]);
	for (i = 0; i < 3; i++)
		close(theirs[i]);
	return 0;
}
