// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on workers. libexec/spec/ops-task.c says what they take. */
#include "guest/scenario/cgroup.h"
#include "guest/scenario/engine.h"

enum outcome op_run_spawn(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)op, (void)result;
	return engine_start(e, e->scene.nr_batches - 1, err);
}

/* Every live worker that the scene has in a cgroup. */
static bool is_in(const struct engine *e, unsigned i, const struct scene_cgroup *cg)
{
	const struct scene_batch *b = &e->scene.batches[e->crew.workers[i].cgroup];

	return e->crew.members[i].pid > 0 && b->running && b->cgroup == cg;
}

enum outcome op_run_set_affinity(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct affinity_args *a = op->args;
	const struct scene_cgroup *cg = scene_find(&e->scene, a->cgroup);

	(void)result;
	for (unsigned i = 0; i < e->crew.n; i++) {
		if (e->crew.workers[i].cgroup >= e->scene.nr_batches || !is_in(e, i, cg))
			continue;
		place_resolve(e, i, &a->affinity, e->scene.nr_affinities);
		if (place_apply(e, i, e->crew.members[i].pid, err))
			return OUTCOME_ERROR;
	}
	return OUTCOME_DONE;
}

/* All processes, for workers may have children. They may have more while this goes on: until there are none. */
static int move_all(struct engine *e, const struct move_args *a, struct kt_err *err)
{
	enum { ROUNDS = 1000 };

	for (int i = 0; i < ROUNDS; i++) {
		_cleanup_free_ pid_t *pids = cgroup_procs(engine_root(e), a->from, err);

		if (!pids)
			return -1;
		if (*pids < 0)
			return 0;
		for (const pid_t *p = pids; *p >= 0; p++)
			if (cgroup_attach(engine_root(e), a->to, *p, err))
				return -1;
	}
	return kt_fail(err, "'%s' still has processes after %d attempts to move them", a->from, ROUNDS);
}

enum outcome op_run_move_all_tasks(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct move_args *a = op->args;
	const struct scene_cgroup *to = scene_find(&e->scene, a->to);

	(void)result;
	if (!engine_root(e))
		return engine_confine(e, to, err);
	if (*a->from)
		return move_all(e, a, err) ? OUTCOME_ERROR : OUTCOME_DONE;
	/* In the runner's cgroup there is more than workers. Those that are there already do not mind. */
	for (unsigned i = 0; i < e->crew.n; i++)
		if (e->crew.workers[i].cgroup < e->scene.nr_batches && is_in(e, i, to) &&
		    cgroup_attach(engine_root(e), a->to, e->crew.members[i].pid, err))
			return OUTCOME_ERROR;
	return OUTCOME_DONE;
}
