// SPDX-License-Identifier: GPL-2.0-only
/* Starts a loader, watches it and its scheduler, and ends both: see supervisor.h. */
#include "guest/sched/supervisor.h"
#include "libexec/lib/spawn.h"
#include "guest/sched/exit.h"
#include "guest/sched/kernel.h"
#include "guest/sched/output.h"
#include "guest/files.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* These limits are guest time, so that a slow host fails no run. */
static const int64_t grace_ns = 2ll * NSEC_PER_SEC;     /* for a loader to notice that its scheduler is gone */
static const int64_t term_limit_ns = 5ll * NSEC_PER_SEC; /* between SIGTERM and SIGKILL */
static const int64_t state_limit_ns = 10ll * NSEC_PER_SEC; /* for the kernel to disable a scheduler */

struct supervisor {
	const struct supervise *s;
	pid_t loader;        /* 0 once it is reaped */
	int status;          /* the loader's wait status */
	bool childless;      /* neither the loader nor a child of it is left */
	bool asked;          /* SIGTERM asked the supervisor to end */
	bool gone;           /* the kernel has disabled the scheduler */
	bool ending, daemonised, killed, sysrq;
	int signals, uevents;
	struct output out, err;
	uint64_t earlier_bytes; /* that loaders before this one wrote to their stdout */
	struct exit_watch *watch;
	json_t *went;        /* why the kernel disabled a scheduler that is being loaded again; NULL: none is */
};

static void say_record(const struct supervisor *v, json_t *record)
{
	json_auto_t *j = record;
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
	_cleanup_free_ char *line = text ? xasprintf("%s\n", text) : NULL;

	if (!line || kt_write_all(v->s->report, line, strlen(line)))
		_exit(KT_TROUBLE);
}

static void reap_loader(struct supervisor *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != v->loader)
			continue;
		v->status = status;
		v->loader = 0;
	}
	v->childless = pid < 0;
	v->daemonised |= !v->loader && !v->childless && !v->ending;
}

static void take_signals(struct supervisor *v)
{
	struct signalfd_siginfo info;

	while (read(v->signals, &info, sizeof(info)) == sizeof(info))
		v->asked |= info.ssi_signo == SIGTERM;
	reap_loader(v);
}

/* Sleep until something happens or until the given time; then take in signals, uevents, output and the kernel's log. */
static void pump(struct supervisor *v, int64_t until)
{
	struct pollfd p[] = {
		{ .fd = v->signals, .events = POLLIN }, { .fd = v->uevents, .events = POLLIN },
		{ .fd = v->out.fd, .events = POLLIN }, { .fd = v->err.fd, .events = POLLIN },
		{ .fd = exit_watch_fd(v->watch), .events = POLLIN },
	};
	int64_t left = MAX(until - kt_now_ns(), 0);
	struct timespec t = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	if (ppoll(p, ARRAY_SIZE(p), &t, NULL) < 0 && errno != EINTR)
		_exit(KT_TROUBLE);
	take_signals(v);
	kernel_uevent_seen(v->uevents);
	output_take(&v->out);
	output_take(&v->err);
	v->gone |= exit_seen(v->watch);
}

static _Noreturn void run_loader(const struct supervise *s, pid_t parent, int out, int err, const sigset_t *mask)
{
	if (spawn_bind(parent, SIGKILL) || setpgid(0, 0) || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(KT_TROUBLE);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execve(s->argv[0], s->argv, s->env);
	kt_warn("cannot run '%s': %s", s->argv[0], strerror(errno));
	_exit(errno == ENOENT ? KT_NOT_FOUND : KT_EXEC_FAILED);
}

static int listen_loader(struct supervisor *v, struct kt_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	v->uevents = kernel_uevents(err);
	if (v->uevents < 0)
		return -1;
	if (v->signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return kt_fail(err, "cannot watch a loader: %s", strerror(errno));
	return 0;
}

static int start_loader(struct supervisor *v, struct kt_err *err)
{
	int out[2], errs[2];
	sigset_t old;

	sigemptyset(&old); /* the loader starts with no signal blocked */
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) || pipe2(errs, O_CLOEXEC | O_NONBLOCK))
		return kt_fail(err, "cannot watch a loader: %s", strerror(errno));
	v->childless = false;
	pid_t self = getpid();
	v->loader = fork();
	if (v->loader < 0)
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	if (!v->loader) {
		/* A loader that writes more than is read has to wait, and must not get EAGAIN. */
		fcntl(out[1], F_SETFL, 0);
		fcntl(errs[1], F_SETFL, 0);
		run_loader(v->s, self, out[1], errs[1], &old);
	}
	close(out[1]);
	close(errs[1]);
	v->out.fd = out[0];
	v->err.fd = errs[0];
	return 0;
}

static void signal_all(const struct supervisor *v, int sig)
{
	char path[64], text[4096], *p = text;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	kernel_read(path, text, sizeof(text));
	for (long pid; (pid = strtol(p, &p, 10)) > 0;)
		kill((pid_t)pid, sig);
	if (v->loader)
		kill(-v->loader, sig);
}

static void wait_childless(struct supervisor *v, int64_t limit_ns)
{
	for (int64_t until = kt_now_ns() + limit_ns; !v->childless && kt_now_ns() < until;)
		pump(v, until);
}

/* Poll the state: the uevent comes before the kernel has finished disabling the scheduler, and no event comes after. */
static bool wait_disabled(struct supervisor *v, int64_t limit_ns)
{
	for (int64_t until = kt_now_ns() + limit_ns; !kernel_state_is("disabled"); pump(v, kt_now_ns() + NSEC_PER_MSEC))
		if (kt_now_ns() >= until)
			return false;
	return true;
}

/* End the loader and its scheduler: first wait, then SIGTERM, then SIGKILL and SysRq-S, which makes the kernel disable it. */
static void end(struct supervisor *v)
{
	struct kt_err ignored;

	v->ending = true;
	if (!v->asked && !v->s->results)
		wait_childless(v, grace_ns);
	if (!v->childless) {
		signal_all(v, SIGTERM);
		wait_childless(v, term_limit_ns);
	}
	while (!v->childless) { /* again and again: a grandchild becomes the supervisor's child when its parent dies */
		v->killed = true;
		signal_all(v, SIGKILL);
		pump(v, kt_now_ns() + 10 * NSEC_PER_MSEC);
		if (!kernel_state_is("disabled") && !v->sysrq) {
			/* To die of SIGKILL a task must run, and its own scheduler may not run it. */
			v->sysrq = true;
			write_text("/proc/sysrq-trigger", "S", &ignored);
		}
	}
	if (!wait_disabled(v, state_limit_ns)) {
		v->sysrq = true;
		write_text("/proc/sysrq-trigger", "S", &ignored);
		wait_disabled(v, state_limit_ns);
	}
	output_take(&v->out);
	output_take(&v->err);
}

static json_t *loader_record(const struct supervisor *v)
{
	json_t *exit = WIFSIGNALED(v->status) ? kt_json_signal(WTERMSIG(v->status)) :
		KT_PACK("{si}", "exited", WEXITSTATUS(v->status));

	return KT_PACK("{so sb sb sI}", "exit", exit, "daemonised", v->daemonised, "killed", v->killed, "output_bytes",
		       (json_int_t)(v->earlier_bytes + v->out.tail.total + v->err.tail.total));
}

/* The record that ktstr-load writes when it ends; NULL for other loaders. */
static json_t *loader_results(struct supervisor *v)
{
	size_t n;
	_cleanup_free_ char *text = tail_text(&v->out.tail, &n);

	return v->s->results ? json_loadb(text, n, 0, NULL) : NULL;
}

static _Noreturn void fail(struct supervisor *v, const char *why)
{
	say_record(v, KT_PACK("{ss sI sb so sn s{} s[s] s[] s[]}", "event", "ended", "at_ns", (json_int_t)kt_now_ns(), "asked", false,
		       "exit", json_null(), "timed_out", "loader", "output", why, "kernel_log", "dump"));
	_exit(KT_TROUBLE);
}

/*
 * Wait until the kernel has enabled the scheduler. A scheduler that dies at its first task is never seen enabled; the kernel's log
 * says that it was there.
 */
static bool wait_enabled(struct supervisor *v, int64_t begin)
{
	int64_t until = begin + v->s->load_limit_ns;

	while (!kernel_state_is("enabled")) {
		if (v->childless || v->asked || v->gone || kt_now_ns() >= until)
			return false;
		pump(v, until);
	}
	return true;
}

/*
 * Whether the kernel asks for a restart: SCX_ECODE_ACT_RESTART is set in the exit code. Where the code is not known, every exit
 * by the kernel itself (unreg_kern) asks for one.
 */
static bool wants_restart(const json_t *exit)
{
	const json_t *code = json_object_get(exit, "code");

	return streq(json_string_value(json_object_get(exit, "kind")), "unreg_kern") &&
		(!json_is_integer(code) || json_integer_value(code) >> 48 & 1);
}

/* The scheduler was gone at the time `at`. Wait for its restart, if the kernel asks for one; true if it is enabled again. */
static bool restarted(struct supervisor *v, int64_t at)
{
	char ops[128];
	struct kt_err err;

	for (int64_t until = at + grace_ns; !v->gone && !v->asked && kt_now_ns() < until;)
		pump(v, until); /* the kernel's log comes a little later than the state */
	json_auto_t *exit = exit_describe(v->watch, NULL);
	if (v->asked || !wants_restart(exit))
		return false;
	if (v->s->results) {
		end(v);
		json_auto_t *own = loader_results(v);
		json_decref(exit);
		exit = exit_describe(v->watch, own);
		if (!wants_restart(exit))
			return false;
		/* The next one has results of its own. */
		v->earlier_bytes += v->out.tail.total;
		v->out.tail.total = 0;
		v->ending = false;
		if (start_loader(v, &err))
			return false;
	}
	v->gone = false;
	exit_begin_again(v->watch);
	v->went = json_incref(exit); /* kept for the last record, if the restart fails */
	if (!wait_enabled(v, at))
		return false;
	json_decref(v->went);
	v->went = NULL;
	say_record(v, KT_PACK("{ss sI ss sI sO}", "event", "restarted", "at_ns", (json_int_t)at, "ops", kernel_ops(ops, sizeof(ops)),
		       "load_ns", (json_int_t)(kt_now_ns() - at), "exit", exit));
	return true;
}

_Noreturn void supervisor_main(const struct supervise *s)
{
	struct supervisor v = { .s = s, .uevents = -1 };
	struct sched_param rt = { .sched_priority = 1 };
	int64_t begin = kt_now_ns(), at = 0;
	bool asked = false;
	struct kt_err err;
	char ops[128];

	output_init(&v.out);
	output_init(&v.err);
	if (prctl(PR_SET_NAME, "supervisor") ||
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &rt)) {
		kt_fail(&err, "cannot set up the supervisor: %s", strerror(errno));
		fail(&v, err.msg);
	}
	if (kernel_has_sched_ext() && !kernel_state_is("disabled")) {
		kt_fail(&err, "another scheduler is attached already: %s", kernel_ops(ops, sizeof(ops)));
		fail(&v, err.msg);
	}
	v.watch = exit_watch_create();
	if (listen_loader(&v, &err) || start_loader(&v, &err))
		fail(&v, err.msg);
	bool enabled = wait_enabled(&v, begin);
	bool timed_out = !enabled && !v.childless && !v.asked && !v.gone;
	if (enabled) {
		at = kt_now_ns();
		say_record(&v, KT_PACK("{ss sI ss sI}", "event", "enabled", "at_ns", (json_int_t)at, "ops",
				kernel_ops(ops, sizeof(ops)), "load_ns", (json_int_t)(at - begin)));
		do {
			while (!v.asked && !v.gone && kernel_state_is("enabled"))
				pump(&v, INT64_MAX);
			at = kt_now_ns();
			asked = v.asked; /* a SIGTERM that comes during the restart does not count here */
		} while (restarted(&v, at));
	}
	at = enabled ? at : kt_now_ns();
	asked = enabled ? asked : v.asked;
	bool loader_lives = !v.childless;
	end(&v);
	json_auto_t *own = loader_results(&v);
	json_t *exit = v.went ? v.went : enabled || v.gone ? exit_describe(v.watch, own) : json_null();
	/* It was asked to end while the scheduler was being loaded again: the scheduler did not die. */
	bool reloading = enabled && !asked && v.asked && loader_lives && wants_restart(exit);
	asked |= reloading;
	json_t *log = exit_kernel_log(v.watch);
	json_t *output = s->results ? json_array() : output_lines(&v.out);
	json_auto_t *errors = output_lines(&v.err);
	json_array_extend(output, errors);
	json_t *record = KT_PACK("{ss sI sb so sb so so so so}", "event", "ended", "at_ns", (json_int_t)at, "asked", asked, "exit", exit,
			"timed_out", timed_out, "loader", loader_record(&v), "output", output, "kernel_log", log,
			"dump", exit_dump(v.watch));
	if (reloading)
		json_object_set_new(record, "reloading", json_true());
	if (json_object_get(own, "programs"))
		json_object_set(record, "programs", json_object_get(own, "programs"));
	say_record(&v, record);
	_exit(KT_OK);
}
