// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exec: any program is the worker.
 *
 * The worker starts it, looks at it every 20 ms from outside, and reads what it reports on its descriptor 3: lines of
 * "units N" and "latency_ns N". It does not wait for these lines, which would be one more wake-up for each: they are
 * read when it looks. Without any, a unit is a millisecond of CPU time.
 */
#include "guest/work/child.h"
#include "guest/work/outside.h"
#include "guest/work/worker.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <signal.h>

enum { REPORT = 0, REPORT_END = 1, ERRORS = 2, ERRORS_END = 3, MAX_LINE = 256, PIPE_SIZE = 1 << 20, MAX_TASKS = 512 };
static const uint64_t look_ns = 20 * NSEC_PER_MSEC;
/* Less than what the crew waits for a worker that was told to stop. */
static const uint64_t stop_ns = 2ull * NSEC_PER_SEC;

struct exec { struct program program; }; /* first here, for its rows */

struct run {
	struct worker *w;
	struct outside *o;
	struct child child;
	struct tree tree;
	bool reports;    /* it has sent a good line */
	bool skipping;   /* the rest of a line that is too long */
	size_t n;        /* bytes of a line that is not whole yet */
	char line[MAX_LINE];
	uint64_t ran_ns; /* CPU time when it was last seen to go on */
};

static bool parse_number(const char *s, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	return !errno && !*end && *ret < UINT64_C(1) << 53;
}

static void bad_line(struct run *r)
{
	if (!r->o->bad_lines++)
		memcpy(r->o->first_bad, r->line, MIN(strlen(r->line) + 1, sizeof(r->o->first_bad) - 1));
}

static void note_progress(struct run *r, uint64_t now)
{
	worker_close_gap(r->w, now);
	r->w->last_ns = now;
	r->w->max_gap_cpu = r->tree.last_cpu;
}

static void take_line(struct run *r, uint64_t now)
{
	struct worker *w = r->w;
	uint64_t n;

	if (!strncmp(r->line, "units ", 6) && parse_number(r->line + 6, &n)) {
		if (!r->reports)
			w->work_units = w->iterations = 0;
		r->reports = true;
		w->work_units = MIN(w->work_units + n, UINT64_C(1) << 53);
		w->iterations++;
		note_progress(r, now);
	} else if (!strncmp(r->line, "latency_ns ", 11) && parse_number(r->line + 11, &n)) {
		histogram_record(&w->wake_latency, n);
	} else {
		bad_line(r);
	}
}

static void take_bytes(struct run *r, const char *p, size_t n)
{
	uint64_t now = now_ns();

	for (; n; p++, n--) {
		if (*p != '\n') {
			if (r->n < MAX_LINE - 1)
				r->line[r->n++] = *p ? *p : '?';
			else
				r->skipping = true;
			continue;
		}
		r->line[r->n] = '\0';
		if (r->skipping)
			bad_line(r);
		else
			take_line(r, now);
		r->skipping = false;
		r->n = 0;
	}
}

static void take_reports(struct run *r)
{
	static char buf[65536];
	size_t left = PIPE_SIZE; /* one that reports faster than this is read must not keep it from looking */

	for (ssize_t n; left && (n = read(r->w->fds[REPORT], buf, sizeof(buf))) > 0; left -= MIN((size_t)n, left))
		take_bytes(r, buf, (size_t)n);
}

static void take_errors(struct run *r)
{
	static char buf[65536];

	for (ssize_t n; (n = read(r->w->fds[ERRORS], buf, sizeof(buf))) > 0;)
		tail_add(&r->o->errors, buf, (size_t)n);
}

/* What can be seen from outside; for a program that reports nothing, also its progress. */
static void look_at_program(struct run *r, bool migrations)
{
	struct worker *w = r->w;
	uint64_t now = now_ns();

	tree_look(&r->tree, &r->child, migrations);
	struct tree_task sum = tree_sum(&r->tree);
	r->o->cpus = r->tree.cpus;
	r->o->tasks = r->tree.n;
	r->o->more_tasks = r->tree.more;
	r->o->delay_ns = sum.delay_ns;
	r->o->timeslices = sum.timeslices;
	r->o->migrations = MAX(r->o->migrations, sum.migrations);
	r->o->cpu_ns = MAX(r->o->cpu_ns, sum.run_ns);
	if (r->reports || sum.run_ns <= r->ran_ns)
		return;
	r->ran_ns = sum.run_ns;
	w->work_units = w->iterations = (sum.run_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	note_progress(r, now);
}

static void note_end(struct run *r, bool timed_out)
{
	struct outside *o = r->o;

	o->end = timed_out ? OUTSIDE_TIMED_OUT : r->child.end == CHILD_EXITED ? OUTSIDE_EXITED : OUTSIDE_SIGNALED;
	o->code = r->child.code;
	/* Told to stop, these are ways to obey. */
	o->obeyed = (o->end == OUTSIDE_SIGNALED && o->code == SIGTERM) ||
		    (o->end == OUTSIDE_EXITED && (!o->code || o->code == 128 + SIGTERM));
}

static void exec_run(struct worker *w, const void *args)
{
	struct outside *o = w->shared;
	struct run r = { .w = w, .o = o };
	const int fds[CHILD_FDS] = { -1, -1, w->fds[ERRORS_END], w->fds[REPORT_END] };
	bool ended = false;

	(void)args;
	tree_init(&r.tree, MAX_TASKS);
	if (child_start(&r.child, &o->command, fds, -1, &w->err))
		return;
	o->pid = r.child.pid;
	kt_closep(&w->fds[REPORT_END]);
	kt_closep(&w->fds[ERRORS_END]);
	w->fds[REPORT_END] = w->fds[ERRORS_END] = -1;
	for (uint64_t next = w->last_ns; worker_running(w) && !ended;) {
		next = MAX(next + look_ns, now_ns());
		ended = child_wait(&r.child, next);
		take_reports(&r);
		take_errors(&r);
		look_at_program(&r, ended);
	}
	if (!ended) {
		look_at_program(&r, true);
		ended = child_stop(&r.child, now_ns() + stop_ns);
		note_end(&r, !ended);
	} else {
		note_end(&r, false);
		o->early = true;
	}
	look_at_program(&r, true);
	child_kill(&r.child);
	take_reports(&r); /* what it said last */
	take_errors(&r);
	o->cpu_ns = MAX(o->cpu_ns, child_cpu_ns());
	if (!r.reports)
		w->work_units = w->iterations = (o->cpu_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	if (o->early || !o->obeyed)
		_exit(1);
}

static int make_pipe(struct worker *w, int end, struct kt_err *err)
{
	if (pipe2(w->fds + end, O_CLOEXEC) || fcntl(w->fds[end], F_SETFL, O_NONBLOCK))
		return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
	fcntl(w->fds[end], F_SETPIPE_SZ, PIPE_SIZE); /* smaller where that is not allowed: it is read more often than full */
	return 0;
}

static int exec_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct exec *a = args;
	struct outside *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)n;
	if (o == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes: %s", sizeof(*o), strerror(errno));
	o->errors = (struct tail){ o->errors_ring, sizeof(o->errors_ring) };
	group->shared = o;
	group->outside = o;
	return command_init(&o->command, &a->program, err) || make_pipe(group, REPORT, err) ||
	       make_pipe(group, ERRORS, err) ? -1 : 0;
}

static const struct program *exec_program(const void *args)
{
	return &((const struct exec *)args)->program;
}

static const struct row rows[] = { PROGRAM_ROWS, { 0 } };

const struct work_type work_exec = {
	.name = "Exec",
	.summary = "Any program is the worker: what nobody has written a work type for, with what it reports (see Programs).",
	.unit = "what the program reports; where it reports nothing, 1 ms of CPU time of it and its descendants",
	.gap = "nothing: a program's sleep is not known to be on purpose",
	.latency = "what the program reports",
	.args = rows,
	.args_size = sizeof(struct exec),
	.setup = exec_setup,
	.run = exec_run,
	.traits = WORK_FORKS,
	.program = exec_program,
};
