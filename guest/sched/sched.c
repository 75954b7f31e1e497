// SPDX-License-Identifier: GPL-2.0-only
/* The scheduler under test: see sched.h. */
#include "guest/sched/sched.h"
#include "guest/sched/cause.h"
#include "guest/sched/kernel.h"
#include "guest/request.h"
#include "guest/files.h"
#include "libexec/lib/strv.h"
#include "guest/symbols.h"
#include "guest/sched/supervisor.h"
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Guest time. A loader that the verifier is still busy with must not be given up, nor the host's watchdog (hw.h) be run into. */
static const int64_t load_limit_ns = 25ll * NSEC_PER_SEC;
static const int64_t answer_limit_ns = 60ll * NSEC_PER_SEC; /* the supervisor has limits of its own for everything it does */
enum { MAX_OWN_TIMEOUT_MS = 30000 }; /* the kernel's, for the ops' timeout_ms */

/* ktstr-load lies beside this program in the guest. */
static void bpf_command(const struct sched *s, struct strv *argv)
{
	const char *name;
	json_t *value;

	strv_add(argv, "/bin/ktstr-load");
	if (s->watchdog_timeout_ns <= (int64_t)MAX_OWN_TIMEOUT_MS * NSEC_PER_MSEC) {
		strv_add(argv, "--timeout-ms");
		strv_add(argv, "%lld", (long long)MAX(s->watchdog_timeout_ns / NSEC_PER_MSEC, 1));
	}
	strv_add(argv, "%s", s->def->path);
	json_object_foreach(s->def->options, name, value) {
		_cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		strv_add(argv, "%s=%s", name, text);
	}
}

static void binary_command(const struct sched *s, struct strv *argv, struct strv *env)
{
	const char *name;
	json_t *value;
	size_t i;

	strv_add(argv, "%s", s->def->path);
	json_array_foreach(s->def->args, i, value) {
		strv_add(argv, "%s", json_string_value(value));
	}
	strv_add(env, "PATH=/bin");
	strv_add(env, "HOME=/");
	json_object_foreach(s->def->env, name, value) {
		strv_add(env, "%s=%s", name, json_string_value(value));
	}
}

static int start_supervisor(struct sched *s, struct kt_err *err)
{
	struct strv argv = { 0 }, env = { 0 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return kt_fail(err, "cannot set up the supervisor: %s", strerror(errno));
	s->fd = fds[0];
	_cleanup_close_ int report = fds[1];
	if (s->def->kind == SCHEDULER_BPF)
		bpf_command(s, &argv);
	else
		binary_command(s, &argv, &env);
	strv_add_all(&env, NULL);
	fflush(NULL);
	pid_t self = getpid();
	s->supervisor = fork();
	if (s->supervisor < 0) {
		s->supervisor = 0;
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	}
	if (!s->supervisor && spawn_bind(self, SIGKILL))
		_exit(KT_TROUBLE);
	if (!s->supervisor)
		supervisor_main(&(struct supervise){ argv.v, env.v ? env.v : (char *[]){ NULL }, s->def->kind == SCHEDULER_BPF,
						     load_limit_ns, report });
	s->supervisor_fd = (int)syscall(SYS_pidfd_open, s->supervisor, 0);
	if (s->supervisor_fd < 0)
		return kt_fail(err, "cannot watch the supervisor: %s", strerror(errno));
	strv_deinit(&argv);
	strv_deinit(&env);
	return 0;
}

/* The next thing the supervisor says, or NULL when the time is up or it is gone. */
static json_t *hear(struct sched *s, int64_t until)
{
	for (;;) {
		char *nl = s->n ? memchr(s->buf, '\n', s->n) : NULL;

		if (nl) {
			size_t len = (size_t)(nl - s->buf) + 1;
			json_t *j = json_loadb(s->buf, len, 0, NULL);

			memmove(s->buf, s->buf + len, s->n -= len);
			return j;
		}
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		int64_t left = MAX(until - kt_now_ns(), 0);
		if (s->fd < 0 || ppoll(&p, 1, &(struct timespec){ left / NSEC_PER_SEC, left % NSEC_PER_SEC }, NULL) <= 0)
			return NULL;
		s->buf = xrealloc(s->buf, s->n + 65536, 1);
		ssize_t n = read(s->fd, s->buf + s->n, 65536);
		if (n <= 0) {
			close(s->fd);
			s->fd = -1;
			return NULL;
		}
		s->n += (size_t)n;
	}
}

static json_t *new_record(const struct sched *s, const char *event)
{
	return KT_PACK("{ss ss ss ss sI}", "kind", "scheduler", "name", s->def->name, "how", scheduler_kind_name(s->def->kind),
		       "event", event, "at_ns", (json_int_t)kt_now_ns());
}

/* Keep what was said as a record, and know what it means. */
static json_t *take_in(struct sched *s, int64_t until)
{
	json_t *said = hear(s, until);

	if (!said)
		return NULL;
	json_t *record = new_record(s, "");
	json_object_update(record, said);
	json_decref(said);
	json_array_append_new(s->records, record);
	const char *event = json_string_value(json_object_get(record, "event"));
	s->enabled = streq(event, "enabled") || streq(event, "restarted");
	return record;
}

/* "its loader exited with 2", of somebody else's, which may have no more to say; "" while it is there, or of ktstr's own. */
static char *loader_end(const struct sched *s, const json_t *record)
{
	const json_t *exit = json_object_get(json_object_get(record, "loader"), "exit"), *code = json_object_get(exit, "exited");
	const char *sig = json_string_value(json_object_get(exit, "signaled"));

	if (s->def->kind != SCHEDULER_BINARY || (!sig && !code))
		return xstrdup("");
	return sig ? xasprintf("its loader was killed by %s", sig) :
		xasprintf("its loader exited with %lld", json_integer_value(code));
}

/* Why it never came to be. */
static void why_not(const struct sched *s, const json_t *record, struct kt_err *err)
{
	_cleanup_free_ char *cause = sched_cause(json_object_get(record, "output"), json_object_get(record, "kernel_log"));
	_cleanup_free_ char *end = loader_end(s, record);
	bool timed_out = json_is_true(json_object_get(record, "timed_out"));

	if (timed_out)
		kt_fail(err, "the scheduler '%s' was not enabled within %d s%s%s", s->def->name, (int)(load_limit_ns / NSEC_PER_SEC),
			cause ? ": " : "", cause ? cause : "");
	else
		kt_fail(err, "the scheduler '%s' did not load: %s%s%s", s->def->name, end, *end ? ": " : "",
			cause ? cause : "the loader said nothing");
}

static int set_sysctls(const struct scheduler_def *def, struct kt_err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(def->sysctls, name, value) {
		_cleanup_free_ char *path = sysctl_path(name);
		_cleanup_free_ char *number = xasprintf("%lld", (long long)json_integer_value(value));

		if (write_text(path, json_is_string(value) ? json_string_value(value) : number, err))
			return kt_context(err, "sysctl %s", name);
	}
	return 0;
}

/* "write FILE VALUE" each; the parser has seen to that. */
static int write_lines(const struct sched *s, const json_t *lines, struct kt_err *err)
{
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) {
		_cleanup_free_ char *file = xstrdup(json_string_value(line) + 6);
		char *value = strchr(file, ' ');

		*value++ = '\0';
		if (write_text(file, value, err))
			return kt_context(err, "the scheduler '%s'", s->def->name);
	}
	return 0;
}

static enum outcome enable_builtin(struct sched *s, struct kt_err *err)
{
	int64_t begin = kt_now_ns();

	if (write_lines(s, s->def->enable, err))
		return OUTCOME_ERROR;
	json_t *record = new_record(s, "enabled");
	json_object_update_new(record, KT_PACK("{ss sI}", "ops", "", "load_ns", (json_int_t)(kt_now_ns() - begin)));
	json_array_append_new(s->records, record);
	s->enabled = true;
	return OUTCOME_DONE;
}

/* Have the host set the watchdog's timeout; it has when this returns. */
static void request_watchdog(const struct sched *s)
{
	struct timespec jiffy;

	clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	json_t *j = new_record(s, "watchdog");
	json_object_update_new(j, KT_PACK("{sI so}", "jiffy_ns", (json_int_t)jiffy.tv_nsec, "symbols", symbols_load("symbols")));
	request_host(j, s->virtual_clock);
}

enum outcome sched_attach(struct sched *s, const struct scheduler_def *def, int64_t watchdog_timeout_ns, struct kt_err *err)
{
	struct utsname uts;

	if (!s->records) {
		s->fd = -1;
		s->records = json_array();
	}
	s->def = def;
	s->watchdog_timeout_ns = watchdog_timeout_ns;
	s->expected = false;
	if (!def || def->kind == SCHEDULER_NONE)
		return OUTCOME_DONE;
	if (def->kind != SCHEDULER_BUILTIN && !kernel_has_sched_ext()) {
		uname(&uts);
		kt_fail(err, "kernel %s has no sched_ext (CONFIG_SCHED_CLASS_EXT): the scheduler '%s' cannot be loaded", uts.release,
			def->name);
		return OUTCOME_UNSUPPORTED;
	}
	if (set_sysctls(def, err))
		return OUTCOME_ERROR;
	if (def->kind == SCHEDULER_BUILTIN)
		return enable_builtin(s, err);
	if (start_supervisor(s, err))
		return OUTCOME_ERROR;
	json_t *record = take_in(s, kt_now_ns() + answer_limit_ns);
	/* Loaded and thrown out at once: the scenario is over before it began, and that is a verdict, not an error. */
	if (s->enabled)
		request_watchdog(s);
	if (s->enabled || json_is_object(json_object_get(record, "exit")))
		return OUTCOME_DONE;
	s->expected = true;
	why_not(s, record, err);
	return OUTCOME_ERROR;
}

/* It was loaded again meanwhile: its counters began at 0, and its watchdog is the kernel's. */
static void begin_again(struct sched *s)
{
	request_watchdog(s);
	json_object_clear(s->events);
	s->events_ns = kt_now_ns();
}

bool sched_alive(struct sched *s)
{
	json_t *record;

	if (!s->def || s->def->kind == SCHEDULER_NONE)
		return true;
	while (s->supervisor && (record = take_in(s, 0)))
		if (streq(json_string_value(json_object_get(record, "event")), "restarted"))
			begin_again(s);
	return s->enabled || s->expected;
}

int sched_detach(struct sched *s, struct kt_err *err)
{
	if (s->enabled && s->def->kind == SCHEDULER_BUILTIN) {
		s->enabled = false;
		return write_lines(s, s->def->disable, err);
	}
	if (!s->supervisor)
		return 0;
	s->expected |= s->enabled;
	syscall(SYS_pidfd_send_signal, s->supervisor_fd, SIGTERM, NULL, 0);
	while (s->enabled && take_in(s, kt_now_ns() + answer_limit_ns))
		;
	siginfo_t info;
	waitid(P_PIDFD, (id_t)s->supervisor_fd, &info, WEXITED); /* or it was reaped already, with the workers */
	close(s->supervisor_fd);
	s->supervisor = 0;
	close(s->fd);
	s->fd = -1;
	if (s->enabled || !kernel_state_is("disabled"))
		return kt_fail(err, "the kernel does not disable the scheduler '%s'", s->def->name);
	return 0;
}

bool sched_has(pid_t pid)
{
	char path[64], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/sched", (int)pid);
	const char *p = strstr(kernel_read(path, text, sizeof(text)), "ext.enabled");
	p = p ? strchr(p, ':') : NULL;
	return p && strtol(p + 1, NULL, 10) == 1;
}

json_t *sched_count_tasks(struct sched *s, const pid_t *pids, size_t n)
{
	size_t under = 0, of = 0;

	if (!s->enabled || !n || s->def->kind == SCHEDULER_BUILTIN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		of += pids[i] > 0;
		under += pids[i] > 0 && sched_has(pids[i]);
	}
	json_t *record = new_record(s, "tasks");
	json_object_update_new(record, KT_PACK("{si si}", "of", (int)of, "under", (int)under));
	json_array_append_new(s->records, record);
	return record;
}

void sched_phase_begin(struct sched *s)
{
	json_decref(s->events);
	s->events = s->enabled ? kernel_events() : NULL;
	s->events_ns = kt_now_ns();
}

void sched_phase_end(struct sched *s, unsigned phase)
{
	json_auto_t *before = take(s->events), *after = s->enabled ? kernel_events() : NULL;
	json_t *value, *more, *record;
	const char *name;

	if (!before || !after)
		return;
	more = json_object();
	json_object_foreach(after, name, value) {
		json_object_set_new(more, name, json_integer(json_integer_value(value) -
							     json_integer_value(json_object_get(before, name))));
	}
	record = new_record(s, "phase");
	json_object_update_new(record, KT_PACK("{si sI so}", "phase", (int)phase, "duration_ns",
					       (json_int_t)(kt_now_ns() - s->events_ns), "events", more));
	json_array_append_new(s->records, record);
}

int sched_write(const struct sched *s, uint64_t start_ns, FILE *out, struct kt_err *err)
{
	json_t *record;
	size_t i;

	json_array_foreach(s->records, i, record) {
		json_t *at = json_object_get(record, "at_ns");

		json_auto_t *shifted = json_copy(record);
		if (at)
			json_object_set_new(shifted, "at_ns", json_integer(json_integer_value(at) - (json_int_t)start_ns));
		if (kt_json_line(out, shifted, err))
			return -1;
	}
	return 0;
}

void sched_deinit(struct sched *s)
{
	free(s->buf);
	json_decref(s->events);
	json_decref(s->records);
	*s = (struct sched){ .fd = -1 };
}
