// SPDX-License-Identifier: GPL-2.0-only
/*
 * CgroupChurn: lives in one cgroup after the other.
 *
 * They are made below the worker's own, as threaded cgroups with a CPU controller: so its cpuset and all its limits still
 * hold, and a move is a move between task groups. Beside its own they would hold no more. All workers of a cgroup share them.
 */
#include "guest/work/cgroup_file.h"
#include "guest/work/worker.h"
#include <sys/stat.h>

enum { SPINS = 1024, MAX_GROUPS = 64 };

struct churn {
	unsigned groups;
	int64_t cycle_ns;
};

/* Of this worker, from prepare() on: cgroup.threads of each. */
static int threads[MAX_GROUPS];

static char *child_dir(const struct worker *w, unsigned i)
{
	return xasprintf("%s/wt-cgroup-churn-%u", w->cgroup_dir, i);
}

static void cgroup_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;
	unsigned i = w->index; /* neighbours are in different ones */

	for (; worker_running(w); i++) {
		uint64_t until = w->last_ns + a->cycle_ns;

		if (write(threads[i % a->groups], "0", 1) != 1)
			return worker_fail(w, "cannot move to cgroup wt-cgroup-churn-%u: %s", i % a->groups, strerror(errno));
		worker_woken(w, w->last_ns);
		while (worker_running(w) && w->last_ns < until) {
			worker_spin(SPINS);
			worker_tick(w, 1);
		}
		w->iterations++;
	}
	if (i == w->index)
		return;
	char last[32];
	snprintf(last, sizeof(last), "/wt-cgroup-churn-%u", (i - 1) % a->groups);
	w->wrong = !cgroup_is_in("self", last);
}

/* The last move, by the kernel's own word. */
static int cgroup_churn_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)n, (void)args;
	return group->wrong ? kt_fail(err, "the worker was not in the cgroup that it had moved to") : 0;
}

static int make_child(const struct worker *w, unsigned i, struct kt_err *err)
{
	_cleanup_free_ char *dir = child_dir(w, i);

	if (!mkdir(dir, 0755))
		return cgroup_write(dir, "cgroup.type", "threaded", err);
	if (errno == EEXIST)
		return 0; /* another worker's: they are shared */
	return kt_fail(err, "cannot make cgroup '%s': %s", dir, strerror(errno));
}

static int cgroup_churn_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct churn *a = args;

	(void)n;
	if (!group->cgroup_dir)
		return kt_fail(err, "it needs cgroups");
	for (unsigned i = 0; i < a->groups; i++)
		if (make_child(group, i, err))
			return -1;
	/* Without it a move would be none to the scheduler. */
	return cgroup_write(group->cgroup_dir, "cgroup.subtree_control", "+cpu", err);
}

static int cgroup_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct churn *a = args;

	for (unsigned i = 0; i < a->groups; i++) {
		_cleanup_free_ char *dir = child_dir(w, i);

		if (cgroup_open(dir, "cgroup.threads", &threads[i], err))
			return -1;
	}
	return 0;
}

/* The first of a cgroup's workers does it for all. */
static int cgroup_churn_teardown(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct churn *a = args;
	bool any = false;

	(void)n;
	for (unsigned i = 0; group->cgroup_dir && i < a->groups; i++) {
		_cleanup_free_ char *dir = child_dir(group, i);

		if (!cgroup_rmdir(dir))
			any = true;
		else if (errno != ENOENT)
			return kt_fail(err, "cannot remove cgroup '%s': %s", dir, strerror(errno));
	}
	/* Or nobody can be put into it again: only a cgroup of threaded ones may have both, workers and controllers. */
	return any ? cgroup_write(group->cgroup_dir, "cgroup.subtree_control", "-cpu", err) : 0;
}

static const struct row rows[] = {
	{ .name = "groups", .kind = ROW_UINT, .offset = offsetof(struct churn, groups), .min = 2, .max = MAX_GROUPS,
	  .def = 2, .help = "cgroups that it moves between, wt-cgroup-churn-0 and so on below its own" },
	{ .name = "cycle_ms", .kind = ROW_NS, .offset = offsetof(struct churn, cycle_ns), .min = 0.001, .max = 3600000,
	  .def = 100, .help = "time in each" },
	{ 0 }
};

const struct work_type work_cgroup_churn = {
	.name = "CgroupChurn",
	.summary = "Moves from cgroup to cgroup, spinning in each: running tasks that change their task group.",
	.unit = "1024 spins",
	.gap = "nothing; the move counts",
	.latency = "from asking to be in another cgroup to running in it",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_ROOT | WORK_CGROUP | WORK_STAYS,
	.setup = cgroup_churn_setup,
	.prepare = cgroup_churn_prepare,
	.run = cgroup_churn_run,
	.verify = cgroup_churn_verify,
	.teardown = cgroup_churn_teardown,
};
