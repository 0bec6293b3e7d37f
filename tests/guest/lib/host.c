// SPDX-License-Identifier: GPL-2.0-only
/*
 * memoffline-lab-host OPTIONS -- NR_QEMU_WORDS QEMU-WORD... COMMAND...
 *
 * Starts a guest, gives it one job and says how it ended. Called by
 * tests/guest/run, which has checked the options.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

#define LAB_FAILED 125
#define POWEROFF_WAIT_MS 30000
#define SYSRQ_WAIT_MS 3000	/* for the first line of an answer */
#define SYSRQ_QUIET_MS 500	/* then it is complete */
#define SYSRQ_LIMIT_MS 15000
#define STDIN_CHUNK 4096
#define ESCAPE_KEY 0x1d	/* Ctrl-] */

enum phase {
	BOOTING,	/* QEMU runs; the guest has not spoken yet. */
	WORKING,	/* The guest has the job. */
	ENDING,		/* The guest has told the exit status and powers off. */
	CUT,		/* The guest wanted its power cut; QEMU is killed. */
	DYING,		/* Out of time; the guest tells what it was doing. */
	ENDED,		/* QEMU's ports are closed. */
};

struct lab {
	/* options */
	const char *log_path;
	int64_t timeout_ms;
	int64_t boot_timeout_ms;
	int verbose;
	int allow_splat;
	int tty;
	int input;
	int probe;
	int keep_log;
	/* state */
	enum phase phase;
	struct vm vm;
	struct console console;
	struct qmp qmp;
	struct requests requests;
	struct buffer job;
	struct buffer in;
	struct buffer out;
	struct buffer qemu_words;	/* what QEMU itself said */
	int signal_fd;
	int may_send_input;
	int input_ended;
	int terminal_changed;
	struct termios terminal;
	int64_t start_ms;
	int64_t deadline_ms;
	int64_t dying_since_ms;
	const char *sysrq_keys;	/* still to be sent */
	int32_t status;
	char failure[512];	/* empty: none */
	int fatal_signal;
};

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The first failure counts; the rest are its consequences. */
static void fail(struct lab *lab, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct lab *lab, const char *format, ...)
{
	va_list ap;

	if (*lab->failure)
		return;
	va_start(ap, format);
	vsnprintf(lab->failure, sizeof(lab->failure), format, ap);
	va_end(ap);
}

static void stop_qemu(struct lab *lab)
{
	if (lab->vm.pid > 0)
		kill(lab->vm.pid, SIGKILL);
}

/* --- the user's terminal --- */

static void terminal_raw(struct lab *lab)
{
	struct termios raw;

	if (!lab->tty || tcgetattr(0, &lab->terminal))
		return;
	raw = lab->terminal;
	cfmakeraw(&raw);
	if (!tcsetattr(0, TCSANOW, &raw))
		lab->terminal_changed = 1;
}

static void terminal_restore(struct lab *lab)
{
	if (lab->terminal_changed)
		tcsetattr(0, TCSANOW, &lab->terminal);
	lab->terminal_changed = 0;
}

static unsigned short number_from_env(const char *name, unsigned short otherwise)
{
	const char *text = getenv(name);
	int value = text ? atoi(text) : 0;

	return value > 0 && value < 10000 ? value : otherwise;
}

static struct winsize window_size(void)
{
	struct winsize window;

	if (ioctl(1, TIOCGWINSZ, &window) || !window.ws_col) {
		window.ws_row = number_from_env("LINES", 24);
		window.ws_col = number_from_env("COLUMNS", 80);
	}
	return window;
}

static void send_window(struct lab *lab)
{
	struct winsize window = window_size();

	frame_put(&lab->out, FRAME_WINDOW, &window, 4);
}

/* --- the job --- */

static void job_add(struct lab *lab, const char *key, const char *value)
{
	buffer_append(&lab->job, key, strlen(key));
	buffer_append(&lab->job, "=", 1);
	buffer_append(&lab->job, value, strlen(value) + 1);
}

static void send_job(struct lab *lab)
{
	struct winsize window = window_size();
	char text[32];

	if (lab->tty) {
		snprintf(text, sizeof(text), "%hux%hu", window.ws_row, window.ws_col);
		job_add(lab, "tty", text);
	}
	if (lab->input)
		job_add(lab, "input", "1");
	frame_put(&lab->out, FRAME_JOB, lab->job.data, buffer_len(&lab->job));
	terminal_raw(lab);
	lab->may_send_input = lab->input;
	lab->phase = WORKING;
	lab->deadline_ms = now_ms() + lab->timeout_ms;
}

/* --- signals --- */

static void serve_signals(struct lab *lab)
{
	struct signalfd_siginfo info;

	while (read(lab->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			if (lab->tty && lab->phase == WORKING)
				send_window(lab);
			continue;
		}
		lab->fatal_signal = info.ssi_signo;
		fail(lab, "stopped by signal %d (%s)", info.ssi_signo,
		     strsignal(info.ssi_signo));
		stop_qemu(lab);
	}
}

/* In small pieces, since poll() says no more than that a pipe takes one. */
static void give(struct lab *lab, int fd, const char *data, size_t len)
{
	struct pollfd pfds[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = lab->signal_fd, .events = POLLIN },
	};
	ssize_t n;

	while (len && !lab->fatal_signal) {
		if (poll(pfds, 2, -1) < 0)
			return;
		if (pfds[1].revents)
			serve_signals(lab);
		if (!pfds[0].revents)
			continue;
		n = write(fd, data, len < STDIN_CHUNK ? len : STDIN_CHUNK);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			lab->fatal_signal = SIGPIPE;
			fail(lab, "nobody reads the output any more: %s", strerror(errno));
			stop_qemu(lab);
			return;
		}
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

/* --- frames --- */

static void take_exit(struct lab *lab, const char *data, size_t len)
{
	if (len != sizeof(lab->status))
		return;
	memcpy(&lab->status, data, sizeof(lab->status));
	lab->phase = ENDING;
	lab->deadline_ms = now_ms() + POWEROFF_WAIT_MS;
	terminal_restore(lab);
}

static void take_ready(struct lab *lab)
{
	int64_t took_ms = now_ms() - lab->start_ms;

	fprintf(lab->console.log, "memoffline-lab: the guest was ready after %" PRId64 ".%" PRId64 " s\n",
		took_ms / 1000, took_ms % 1000 / 100);
	if (!lab->probe) {
		send_job(lab);
		return;
	}
	lab->phase = ENDED;
	stop_qemu(lab);
}

static void cut_power(struct lab *lab)
{
	lab->phase = CUT;
	lab->deadline_ms = INT64_MAX;
	terminal_restore(lab);
	stop_qemu(lab);
}

static void take_frame(struct lab *lab, uint32_t type, const char *data, size_t len)
{
	switch (type) {
	case FRAME_READY:
		take_ready(lab);
		break;
	case FRAME_STDOUT:
		give(lab, 1, data, len);
		break;
	case FRAME_STDERR:
		give(lab, 2, data, len);
		break;
	case FRAME_STDIN_DONE:
		lab->may_send_input = !lab->input_ended;
		break;
	case FRAME_ASK:
		requests_take(&lab->requests, data, len);
		if (lab->requests.cuts_power)
			cut_power(lab);
		break;
	case FRAME_FAILED:
		fail(lab, "%.*s", (int)len, data);
		break;
	case FRAME_EXIT:
		take_exit(lab, data, len);
		break;
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void serve_port(struct lab *lab)
{
	struct frame_head head;
	char *data;
	int n;

	n = buffer_fill(&lab->in, lab->vm.port_fd);
	if (n == 0 || n == -ECONNRESET) {
		close_fd(&lab->vm.port_fd);
		return;
	}
	while ((n = frame_take(&lab->in, &head, &data)) > 0)
		take_frame(lab, head.type, data, head.len);
	if (n < 0) {
		fail(lab, "the guest sent something that is no frame");
		stop_qemu(lab);
	}
}

static void serve_console(struct lab *lab)
{
	char data[4096];
	ssize_t n;

	n = read(lab->vm.console_fd, data, sizeof(data));
	if (n <= 0)
		close_fd(&lab->vm.console_fd);
	else
		console_take(&lab->console, data, n);
	if (lab->phase == DYING)
		lab->deadline_ms = now_ms() + SYSRQ_QUIET_MS;
}

static void serve_qemu_words(struct lab *lab)
{
	char data[1024];
	ssize_t n;

	n = read(lab->vm.stderr_fd, data, sizeof(data));
	if (n <= 0) {
		close_fd(&lab->vm.stderr_fd);
		return;
	}
	buffer_append(&lab->qemu_words, data, n);
	fwrite(data, 1, n, lab->console.log);
	if (lab->verbose)
		fwrite(data, 1, n, stderr);
	/* After this QEMU only waits for somebody to look at it. */
	if (memmem(lab->qemu_words.data, lab->qemu_words.tail, "KVM internal error", 18)) {
		fail(lab, "KVM cannot run this guest");
		stop_qemu(lab);
	}
}

static void serve_qmp(struct lab *lab)
{
	if (qmp_poll(&lab->qmp)) {
		close_fd(&lab->vm.qmp_fd);
		lab->qmp.fd = -1;
		return;
	}
	requests_poll(&lab->requests);
}

static void serve_input(struct lab *lab)
{
	char data[STDIN_CHUNK];
	ssize_t n;

	n = read(0, data, sizeof(data));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && lab->terminal_changed && memchr(data, ESCAPE_KEY, n)) {
		fail(lab, "ended by Ctrl-]");
		stop_qemu(lab);
		return;
	}
	if (n <= 0)
		lab->input_ended = 1;
	frame_put(&lab->out, FRAME_STDIN, data, n > 0 ? n : 0);
	lab->may_send_input = 0;
}

static int poll_timeout(const struct lab *lab)
{
	int64_t next_ms = requests_deadline_ms(&lab->requests), left_ms;

	if (lab->deadline_ms < next_ms)
		next_ms = lab->deadline_ms;
	left_ms = next_ms - now_ms();
	if (left_ms < 0)
		return 0;
	return left_ms > 1000000 ? 1000000 : left_ms + 1;
}

/* By a break on the serial console, which the kernel answers without user space. */
static void send_sysrq(struct lab *lab, char key)
{
	struct json_object *answer;

	if (!qmp_command(&lab->qmp, "{\"execute\":\"chardev-send-break\",\"arguments\":{\"id\":\"lab-console\"}}",
			 &answer))
		json_object_put(answer);
	if (write(lab->vm.console_fd, &key, 1) != 1)
		fprintf(lab->console.log, "memoffline-lab: no sysrq: %s\n", strerror(errno));
}

/*
 * One key at a time: the serial port has one flag for a break, which a second
 * break would set on a byte that the kernel has not read yet.
 */
static void next_sysrq(struct lab *lab)
{
	if (!*lab->sysrq_keys || lab->vm.console_fd < 0 || lab->qmp.fd < 0 ||
	    now_ms() > lab->dying_since_ms + SYSRQ_LIMIT_MS) {
		stop_qemu(lab);
		lab->deadline_ms = INT64_MAX;
		return;
	}
	send_sysrq(lab, *lab->sysrq_keys++);
	lab->deadline_ms = now_ms() + SYSRQ_WAIT_MS;
}

static void ask_what_it_does(struct lab *lab)
{
	lab->phase = DYING;
	lab->dying_since_ms = now_ms();
	lab->sysrq_keys = "wl";	/* tasks that wait, what each processor does */
	console_mark(&lab->console);
	next_sysrq(lab);
}

static void check_deadline(struct lab *lab)
{
	if (now_ms() < lab->deadline_ms)
		return;
	switch (lab->phase) {
	case BOOTING:
		fail(lab, "the guest did not come up within %" PRId64 " s",
		     lab->boot_timeout_ms / 1000);
		stop_qemu(lab);
		break;
	case WORKING:
		fail(lab, "timeout: the command was not done within %" PRId64 " s",
		     lab->timeout_ms / 1000);
		ask_what_it_does(lab);
		break;
	case ENDING:
		fail(lab, "the command ended with status %d, but the guest did not power off within %d s",
		     lab->status, POWEROFF_WAIT_MS / 1000);
		ask_what_it_does(lab);
		break;
	default:
		next_sysrq(lab);
	}
}

static void serve(struct lab *lab)
{
	struct pollfd pfds[] = {
		{ .fd = lab->signal_fd, .events = POLLIN },
		{ .fd = lab->vm.port_fd,
		  .events = POLLIN | (buffer_len(&lab->out) ? POLLOUT : 0) },
		{ .fd = lab->vm.console_fd, .events = POLLIN },
		{ .fd = lab->vm.stderr_fd, .events = POLLIN },
		{ .fd = lab->vm.qmp_fd, .events = POLLIN },
		{ .fd = lab->may_send_input && lab->phase == WORKING ? 0 : -1, .events = POLLIN },
	};

	if (poll(pfds, 6, poll_timeout(lab)) < 0)
		return;
	if (pfds[0].revents)
		serve_signals(lab);
	if (pfds[2].revents)
		serve_console(lab);
	if (pfds[3].revents)
		serve_qemu_words(lab);
	if (pfds[4].revents)
		serve_qmp(lab);
	if (pfds[5].revents)
		serve_input(lab);
	if (pfds[1].revents & (POLLIN | POLLHUP | POLLERR))
		serve_port(lab);
	if (lab->vm.port_fd >= 0 && buffer_len(&lab->out))
		buffer_drain(&lab->out, lab->vm.port_fd);
	requests_poll(&lab->requests);
	check_deadline(lab);
}

/* --- the verdict --- */

static void judge_end(struct lab *lab, int wait_status)
{
	if (lab->console.panicked)
		fail(lab, "the guest's kernel panicked");
	if (lab->probe && lab->phase == ENDED)
		return;
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) && lab->phase == BOOTING)
		fail(lab, "QEMU did not start");
	if (lab->phase == BOOTING)
		fail(lab, "the guest ended before it was up");
	if (lab->phase == WORKING)
		fail(lab, "the guest ended before the command did");
	if (lab->phase != CUT && (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status)))
		fail(lab, "QEMU ended with wait status %#x", wait_status);
	if (lab->console.nr_splats && !lab->allow_splat)
		fail(lab, "the guest's kernel reported %d problem(s); the command itself ended with status %d",
		     lab->console.nr_splats, lab->status);
}

static void show_failure(struct lab *lab)
{
	fprintf(stderr, "memoffline-lab: %s\n", lab->failure);
	if (buffer_len(&lab->qemu_words))
		fprintf(stderr, "  QEMU said:\n%.*s", (int)buffer_len(&lab->qemu_words),
			lab->qemu_words.data);
	if (lab->console.nr_splats) {
		fprintf(stderr, "  The kernel log, from the first report on:\n");
		console_show_excerpt(&lab->console, stderr);
	} else if (lab->console.nr_excerpt) {
		fprintf(stderr, "  What the guest was doing (kernel tasks that wait, then each processor):\n");
		console_show_excerpt(&lab->console, stderr);
	} else {
		fprintf(stderr, "  The end of the kernel log:\n");
		console_show_tail(&lab->console, stderr);
	}
	fprintf(stderr, "  The whole log: %s\n", lab->log_path);
}

static void die_by_signal(int signal_number)
{
	sigset_t set;

	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal_number);
}

static int finish(struct lab *lab)
{
	fclose(lab->console.log);
	terminal_restore(lab);
	if (!lab->keep_log && (lab->fatal_signal || !*lab->failure || lab->probe))
		unlink(lab->log_path);
	if (lab->fatal_signal) {
		if (lab->fatal_signal != SIGPIPE)
			fprintf(stderr, "memoffline-lab: %s\n", lab->failure);
		die_by_signal(lab->fatal_signal);
	}
	if (!*lab->failure)
		return lab->status;
	if (!lab->probe)
		show_failure(lab);
	return LAB_FAILED;
}

static int run(struct lab *lab)
{
	int status, ret;

	lab->start_ms = now_ms();
	lab->deadline_ms = lab->start_ms + lab->boot_timeout_ms;
	ret = qmp_greet(&lab->qmp);
	if (ret && ret != -EPIPE)
		fail(lab, "QEMU's monitor does not answer: %s", strerror(-ret));
	while (lab->vm.port_fd >= 0 || lab->vm.console_fd >= 0 || lab->vm.stderr_fd >= 0)
		serve(lab);
	console_end(&lab->console);
	while (waitpid(lab->vm.pid, &status, 0) < 0 && errno == EINTR)
		;
	lab->vm.pid = 0;
	judge_end(lab, status);
	return finish(lab);
}

/* --- the start --- */

static void open_signals(struct lab *lab)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	lab->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "memoffline-lab: %s: %s\n", what, strerror(err));
	exit(LAB_FAILED);
}

static void add_image(struct lab *lab, char *spec)
{
	char *eq = strchr(spec, '=');
	int ret;

	if (!eq)
		die(spec, EINVAL);
	*eq = 0;
	ret = vm_add_image(&lab->vm, spec, parse_size(eq + 1));
	if (ret)
		die("cannot make a disk image", -ret);
}

static void add_file(struct lab *lab, char *spec)
{
	char *eq = strchr(spec, '=');
	int ret;

	if (!eq)
		die(spec, EINVAL);
	*eq = 0;
	ret = vm_add_file(&lab->vm, spec, eq + 1);
	if (ret)
		die(eq + 1, -ret);
}

enum { OPT_LOG = 1, OPT_KEEP_LOG, OPT_TIMEOUT, OPT_BOOT, OPT_SPLAT, OPT_TTY, OPT_INPUT, OPT_PROBE,
       OPT_IMAGE, OPT_FILE, OPT_ENV, OPT_CWD, OPT_SETUP, OPT_VERBOSE };

static const struct option options[] = {
	{ "log", 1, NULL, OPT_LOG },
	{ "keep-log", 0, NULL, OPT_KEEP_LOG },
	{ "timeout", 1, NULL, OPT_TIMEOUT },
	{ "boot-timeout", 1, NULL, OPT_BOOT },
	{ "allow-splat", 0, NULL, OPT_SPLAT },
	{ "tty", 0, NULL, OPT_TTY },
	{ "input", 0, NULL, OPT_INPUT },
	{ "probe", 0, NULL, OPT_PROBE },
	{ "image", 1, NULL, OPT_IMAGE },
	{ "file", 1, NULL, OPT_FILE },
	{ "env", 1, NULL, OPT_ENV },
	{ "cwd", 1, NULL, OPT_CWD },
	{ "setup", 1, NULL, OPT_SETUP },
	{ "verbose", 0, NULL, OPT_VERBOSE },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct lab *lab, int option)
{
	switch (option) {
	case OPT_LOG: lab->log_path = optarg; break;
	case OPT_KEEP_LOG: lab->keep_log = 1; break;
	case OPT_TIMEOUT: lab->timeout_ms = atoll(optarg) * 1000; break;
	case OPT_BOOT: lab->boot_timeout_ms = atoll(optarg) * 1000; break;
	case OPT_SPLAT: lab->allow_splat = 1; break;
	case OPT_TTY: lab->tty = 1; break;
	case OPT_INPUT: lab->input = 1; break;
	case OPT_PROBE: lab->probe = 1; break;
	case OPT_IMAGE: add_image(lab, optarg); break;
	case OPT_FILE: add_file(lab, optarg); break;
	case OPT_ENV: job_add(lab, "env", optarg); break;
	case OPT_CWD: job_add(lab, "cwd", optarg); break;
	case OPT_SETUP: job_add(lab, "setup", optarg); break;
	case OPT_VERBOSE: lab->verbose = 1; break;
	default: exit(LAB_FAILED);
	}
}

static void open_log(struct lab *lab)
{
	lab->console.log = fopen(lab->log_path, "we");
	if (!lab->console.log)
		die(lab->log_path, errno);
	setvbuf(lab->console.log, NULL, _IOLBF, 0);
	lab->console.echo = lab->verbose;
}

int main(int argc, char **argv)
{
	static struct lab lab;
	int option, nr_words, i, ret;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
		take_option(&lab, option);
	nr_words = optind < argc ? atoi(argv[optind++]) : 0;
	if (!lab.log_path || nr_words < 1 || optind + nr_words > argc)
		die("called without a log, QEMU's command line or a command", EINVAL);
	for (i = optind + nr_words; i < argc; i++)
		job_add(&lab, "arg", argv[i]);
	open_log(&lab);
	open_signals(&lab);
	signal(SIGPIPE, SIG_IGN);
	ret = vm_start(&lab.vm, argv + optind, nr_words);
	if (ret)
		die("cannot start QEMU", -ret);
	lab.qmp.fd = lab.vm.qmp_fd;
	lab.requests.qmp = &lab.qmp;
	lab.requests.out = &lab.out;
	return run(&lab);
}
