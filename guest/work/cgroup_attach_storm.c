// SPDX-License-Identifier: GPL-2.0-only
/*
 * CgroupAttachStorm: children that are moved to another cgroup while they exit.
 *
 * A child does so little that it needs nobody to end it. With SigIgn it is reaped by the kernel at any moment, before, during
 * or after its move; with Waitpid it is there, dead or alive, until it has been moved.
 */
#include "guest/work/cgroup_file.h"
#include "guest/work/worker.h"
#include "libexec/lib/spawn.h"
#include <signal.h>
#include <sys/wait.h>

enum reap { SIG_IGNORED, WAITPID };

struct storm {
	const char *dest;
	unsigned reap;
};

/* Spins of a child: none to about as long as a move takes, so that all of its exit meets all of the move. */
enum { MAX_SPINS = 4096 };

static int procs = -1;

static bool attach_child(struct worker *w, pid_t pid)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);

	/* ESRCH: it is gone, which is one of the outcomes of the race. */
	if (write(procs, text, n) == n || errno == ESRCH)
		return true;
	worker_fail(w, "cannot move a child: %s", strerror(errno));
	return false;
}

static bool child_was_reaped(struct worker *w, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			worker_fail(w, "cannot wait for a child: %s", strerror(errno));
			return false;
		}
	}
	if (status)
		worker_fail(w, "a child ended with wait status %#x, not 0", (unsigned)status);
	return !status;
}

static void cgroup_attach_storm_run(struct worker *w, const void *args)
{
	const struct storm *a = args;

	while (worker_running(w)) {
		uint64_t spins = worker_random(w) % MAX_SPINS;
		pid_t pid = _Fork();

		if (!pid) {
			worker_spin(spins);
			_exit(0);
		}
		if (pid < 0)
			return worker_fail(w, "cannot fork: %s", strerror(errno));
		worker_tick(w, 0);
		if (!attach_child(w, pid))
			return;
		worker_woken(w, w->last_ns);
		if (a->reap == WAITPID && !child_was_reaped(w, pid))
			return;
		w->iterations++;
		worker_tick(w, 1);
	}
}

/* With a child that stays: can one be moved there? */
static int try_move(struct worker *w, const struct storm *a, struct kt_err *err)
{
	_cleanup_free_ char *end = xasprintf("/%s", a->dest);
	char pid_text[16];
	int status;
	pid_t parent = getpid(), pid = _Fork();

	if (pid < 0)
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	if (!pid) {
		/* Its parent may be gone already. */
		if (!spawn_bind(parent, SIGKILL))
			pause();
		_exit(1);
	}
	snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	bool moved = attach_child(w, pid) && cgroup_is_in(pid_text, end);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!moved && !w->err.msg[0])
		kt_fail(err, "a child that was moved there did not arrive");
	return moved ? 0 : -1;
}

static int cgroup_attach_storm_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct storm *a = args;

	if (!w->cgroup_dir)
		return kt_fail(err, "it needs cgroups");
	_cleanup_free_ char *dest = xasprintf("%s/../%s", w->cgroup_dir, a->dest);
	if (cgroup_open(dest, "cgroup.procs", &procs, err) || try_move(w, a, err))
		return kt_context(err, "dest '%s'", a->dest);
	if (a->reap == SIG_IGNORED)
		signal(SIGCHLD, SIG_IGN);
	return 0;
}

/* The name of a cgroup, or of one below it: no way out of the directory that its own is in. */
static bool parse_dest(const struct jcur *c, void *out, void *ctx)
{
	struct storm *a = out;

	(void)ctx;
	if (!jcur_str(c, &a->dest))
		return false;
	if (*a->dest == '/' || *a->dest == '.' || strstr(a->dest, "/."))
		return jcur_error(c, "'%s' is no cgroup beside its own: no part of it may be empty or start with '.'", a->dest);
	return true;
}

static const char *dest_of(const void *args)
{
	return ((const struct storm *)args)->dest;
}

static const char *const reaps[] = { "SigIgn", "Waitpid", NULL };

static const struct row rows[] = {
	{ .name = "dest", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_dest,
	  .help = "the cgroup that the children are moved to, beside its own" },
	{ .name = "reap", .kind = ROW_ENUM, .offset = offsetof(struct storm, reap), .def = SIG_IGNORED, .names = reaps,
	  .help = "dead children are nobody's, or are waited for after the move" },
	{ 0 }
};

const struct work_type work_cgroup_attach_storm = {
	.name = "CgroupAttachStorm",
	.summary = "Forks children that exit at once, and moves each to another cgroup meanwhile: tasks that are attached while "
		   "they die.",
	.unit = "one child forked and moved, or found gone",
	.gap = "nothing; the move counts",
	.latency = "of the move, from asking for it until it is done",
	.args = rows,
	.args_size = sizeof(struct storm),
	.traits = WORK_ROOT | WORK_CGROUP | WORK_FORKS,
	.dest = dest_of,
	.prepare = cgroup_attach_storm_prepare,
	.run = cgroup_attach_storm_run,
};
