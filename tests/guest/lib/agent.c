// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the one job of this guest. The job is a list of KEY=VALUE strings:
 * cwd=, env=NAME=VALUE, arg= (repeated), setup= (a shell script that runs
 * first), input=1 (standard input is forwarded), tty=ROWSxCOLUMNS.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"
#include "guest.h"

#define MAX_CLIENTS 32

struct job {
	char *blob;	/* owns what the rest points into */
	char **argv;
	int argc;
	const char *cwd;
	const char *setup;
	int input;
	int tty;
	struct winsize window;
};

struct agent {
	int port_fd;
	int signal_fd;
	int listen_fd;
	int out_fd;		/* of the child, -1 when closed; a terminal's master with tty */
	int err_fd;
	int in_fd;
	pid_t child;
	int child_status;
	struct job job;
	struct buffer in;	/* from the host */
	struct buffer child_in;	/* for the child's standard input */
	int input_ended;
	int have_input;
	int started;		/* COMMAND, after the setup */
	int client_fds[MAX_CLIENTS];	/* the index is the ticket */
	struct buffer client_in[MAX_CLIENTS];
};

/* The host reads all the time, so this may wait for it. */
static void send_frame(struct agent *a, enum frame_type type, const void *data, size_t len)
{
	struct pollfd pfd = { .fd = a->port_fd, .events = POLLOUT };
	struct buffer out = { 0 };

	frame_put(&out, type, data, len);
	while (buffer_len(&out)) {
		if (buffer_drain(&out, a->port_fd))
			lab_fail(-1, "cannot write to the host");
		if (buffer_len(&out))
			poll(&pfd, 1, -1);
	}
	buffer_free(&out);
}

static void job_take(struct job *job, const char *key, char *value)
{
	if (!strcmp(key, "cwd")) {
		job->cwd = value;
	} else if (!strcmp(key, "setup")) {
		job->setup = value;
	} else if (!strcmp(key, "arg")) {
		job->argv[job->argc++] = value;
	} else if (!strcmp(key, "env")) {
		putenv(value);
	} else if (!strcmp(key, "input")) {
		job->input = 1;
	} else if (!strcmp(key, "tty")) {
		job->tty = 1;
		sscanf(value, "%hux%hu", &job->window.ws_row, &job->window.ws_col);
	}
}

static void job_parse(struct job *job, const char *data, size_t len)
{
	char *at, *end, *value;

	job->blob = malloc(len + 1);
	job->argv = calloc(len + 1, sizeof(*job->argv));
	if (!job->blob || !job->argv)
		lab_fail(-1, "no memory for a job of %zu bytes", len);
	memcpy(job->blob, data, len);
	job->blob[len] = 0;
	for (at = job->blob, end = at + len; at < end; at = value + strlen(value) + 1) {
		value = strchr(at, '=');
		if (!value)
			return;
		*value++ = 0;
		job_take(job, at, value);
	}
}

static void child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void exec_command(const struct job *job)
{
	child_signals();
	if (chdir(job->cwd))
		fprintf(stderr, "memoffline-lab: cannot enter %s in the guest: %s\n", job->cwd,
			strerror(errno));
	else
		execvp(job->argv[0], job->argv);
	fprintf(stderr, "memoffline-lab: cannot run %s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void exec_setup(const struct job *job)
{
	child_signals();
	if (!chdir("/"))
		execl("/bin/sh", "sh", "-euc", job->setup, NULL);
	_exit(127);
}

static void make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		lab_fail(-1, "pipe: %s", strerror(errno));
}

static void start_with_pipes(struct agent *a, void (*run)(const struct job *), int with_input)
{
	int in[2], out[2], err[2], null;

	make_pipe(in);
	make_pipe(out);
	make_pipe(err);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	a->child = fork();
	if (!a->child) {
		setsid();
		dup2(with_input ? in[0] : null, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		run(&a->job);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(null);
	a->in_fd = in[1];
	a->out_fd = out[0];
	a->err_fd = err[0];
	if (!with_input) {
		close(in[1]);
		a->in_fd = -1;
	}
}

static void start_with_tty(struct agent *a)
{
	int master, slave;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master))
		lab_fail(a->port_fd, "no pseudo terminal: %s", strerror(errno));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		lab_fail(a->port_fd, "%s: %s", ptsname(master), strerror(errno));
	ioctl(slave, TIOCSWINSZ, &a->job.window);
	a->child = fork();
	if (!a->child) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		exec_command(&a->job);
	}
	close(slave);
	a->out_fd = master;
	a->err_fd = -1;
	a->in_fd = dup(master);
}

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void start_child(struct agent *a, int is_setup)
{
	if (is_setup)
		start_with_pipes(a, exec_setup, 0);
	else if (a->job.tty)
		start_with_tty(a);
	else
		start_with_pipes(a, exec_command, a->job.input);
	if (a->child < 0)
		lab_fail(a->port_fd, "fork: %s", strerror(errno));
	set_nonblocking(a->out_fd);
	set_nonblocking(a->err_fd);
	set_nonblocking(a->in_fd);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Passes on what there is now; a background process may keep the other end open for ever. */
static void pump(struct agent *a, int *fd, enum frame_type type)
{
	char data[16384];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, data, sizeof(data));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			close_fd(fd);
		else
			send_frame(a, type, data, n);
	}
}

static void push_input(struct agent *a)
{
	if (!a->started)
		return;
	if (a->in_fd < 0) {
		a->child_in.head = a->child_in.tail = 0;
		return;
	}
	if (buffer_drain(&a->child_in, a->in_fd))
		close_fd(&a->in_fd);
	if (buffer_len(&a->child_in))
		return;
	if (a->input_ended && !a->job.tty)
		close_fd(&a->in_fd);
	send_frame(a, FRAME_STDIN_DONE, NULL, 0);
}

static void take_input(struct agent *a, const char *data, size_t len)
{
	static const char end_of_file = 4;	/* Ctrl-D */

	buffer_append(&a->child_in, data, len);
	a->have_input = 1;
	if (!len) {
		a->input_ended = 1;
		if (a->job.tty)
			buffer_append(&a->child_in, &end_of_file, 1);
	}
	push_input(a);
}

static void take_window(struct agent *a, const char *data, size_t len)
{
	if (len < 4 || !a->job.tty || a->out_fd < 0)
		return;
	memcpy(&a->job.window.ws_row, data, 2);
	memcpy(&a->job.window.ws_col, data + 2, 2);
	ioctl(a->out_fd, TIOCSWINSZ, &a->job.window);
}

static void take_answer(struct agent *a, const char *data, size_t len)
{
	struct buffer out = { 0 };
	uint32_t ticket;

	if (len < sizeof(ticket))
		return;
	memcpy(&ticket, data, sizeof(ticket));
	if (ticket >= MAX_CLIENTS || a->client_fds[ticket] < 0)
		return;
	frame_put(&out, FRAME_ANSWER, data + sizeof(ticket), len - sizeof(ticket));
	buffer_drain(&out, a->client_fds[ticket]);
	buffer_free(&out);
}

static void serve_port(struct agent *a)
{
	struct frame_head head;
	char *data;
	int n;

	n = buffer_fill(&a->in, a->port_fd);
	if (n == 0 || (n < 0 && n != -EAGAIN))
		lab_fail(-1, "the host closed the port");
	while ((n = frame_take(&a->in, &head, &data)) > 0) {
		if (head.type == FRAME_JOB)
			job_parse(&a->job, data, head.len);
		else if (head.type == FRAME_STDIN)
			take_input(a, data, head.len);
		else if (head.type == FRAME_WINDOW)
			take_window(a, data, head.len);
		else if (head.type == FRAME_ANSWER)
			take_answer(a, data, head.len);
	}
	if (n < 0)
		lab_fail(-1, "no frame from the host");
}

static void accept_client(struct agent *a)
{
	int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC), i;

	for (i = 0; fd >= 0 && i < MAX_CLIENTS; i++) {
		if (a->client_fds[i] >= 0)
			continue;
		a->client_fds[i] = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void serve_client(struct agent *a, uint32_t ticket)
{
	struct buffer ask = { 0 };
	struct frame_head head;
	char *data;

	if (buffer_fill(&a->client_in[ticket], a->client_fds[ticket]) <= 0) {
		close_fd(&a->client_fds[ticket]);
		buffer_free(&a->client_in[ticket]);
		return;
	}
	while (frame_take(&a->client_in[ticket], &head, &data) > 0) {
		buffer_append(&ask, &ticket, sizeof(ticket));
		buffer_append(&ask, data, head.len);
		send_frame(a, FRAME_ASK, ask.data, buffer_len(&ask));
	}
	buffer_free(&ask);
}

/* Returns 1 when the child has ended. */
static int reap(struct agent *a)
{
	struct signalfd_siginfo info;
	int status, ended = 0;
	pid_t pid;

	while (read(a->signal_fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != a->child)
			continue;
		a->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		ended = 1;
	}
	return ended;
}

/* Serves everybody once. Returns 1 when the child has ended. */
static int serve(struct agent *a)
{
	struct pollfd pfds[6 + MAX_CLIENTS] = {
		{ .fd = a->port_fd, .events = POLLIN },
		{ .fd = a->signal_fd, .events = POLLIN },
		{ .fd = a->listen_fd, .events = POLLIN },
		{ .fd = a->out_fd, .events = POLLIN },
		{ .fd = a->err_fd, .events = POLLIN },
		{ .fd = buffer_len(&a->child_in) ? a->in_fd : -1, .events = POLLOUT },
	};
	int i;

	for (i = 0; i < MAX_CLIENTS; i++)
		pfds[6 + i] = (struct pollfd){ .fd = a->client_fds[i], .events = POLLIN };
	if (poll(pfds, 6 + MAX_CLIENTS, -1) < 0 && errno != EINTR)
		lab_fail(a->port_fd, "poll: %s", strerror(errno));
	if (pfds[3].revents)
		pump(a, &a->out_fd, FRAME_STDOUT);
	if (pfds[4].revents)
		pump(a, &a->err_fd, FRAME_STDERR);
	if (pfds[0].revents)
		serve_port(a);
	if (pfds[5].revents)
		push_input(a);
	for (i = 0; i < MAX_CLIENTS; i++)
		if (pfds[6 + i].revents)
			serve_client(a, i);
	if (pfds[2].revents)
		accept_client(a);
	return pfds[1].revents ? reap(a) : 0;
}

static int run_child(struct agent *a, int is_setup)
{
	start_child(a, is_setup);
	a->started = !is_setup;
	if (a->started && a->have_input)
		push_input(a);
	while (!serve(a))
		;
	pump(a, &a->out_fd, FRAME_STDOUT);
	pump(a, &a->err_fd, FRAME_STDERR);
	close_fd(&a->out_fd);
	close_fd(&a->err_fd);
	close_fd(&a->in_fd);
	return a->child_status;
}

static void open_socket(struct agent *a)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = LAB_SOCKET };

	a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listen_fd < 0 || bind(a->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(a->listen_fd, MAX_CLIENTS))
		lab_fail(a->port_fd, "cannot listen on %s: %s", LAB_SOCKET, strerror(errno));
}

static void open_signals(struct agent *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void agent_init(struct agent *a, int port_fd)
{
	int i;

	memset(a, 0, sizeof(*a));
	a->port_fd = port_fd;
	a->out_fd = a->err_fd = a->in_fd = -1;
	for (i = 0; i < MAX_CLIENTS; i++)
		a->client_fds[i] = -1;
	set_nonblocking(port_fd);
	open_signals(a);
	open_socket(a);
}

void agent_run(int port_fd)
{
	static struct agent a;
	int32_t status;

	agent_init(&a, port_fd);
	send_frame(&a, FRAME_READY, NULL, 0);
	while (!a.job.argc)
		serve(&a);
	if (a.job.setup && run_child(&a, 1))
		lab_fail(port_fd, "the setup of the guest failed with status %d", a.child_status);
	status = run_child(&a, 0);
	send_frame(&a, FRAME_EXIT, &status, sizeof(status));
	if (getpid() == 1) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
	lab_poweroff();
}
