// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on cgroups. libexec/spec/ops-cgroup.c says what they take. */
#include "guest/scenario/cgroup.h"
#include "guest/scenario/engine.h"

static const char *name_of(const struct op *op)
{
	return ((const struct cgroup_args *)op->args)->cgroup;
}

enum outcome op_run_add_cgroup(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	return engine_make(e, name_of(op), err);
}

enum outcome op_run_add_cgroup_def(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct cgroup_def *def = op->args;
	size_t first = e->scene.nr_batches;

	(void)result;
	while (first && e->scene.batches[first - 1].b.path == def->path && !e->crew.batches[first - 1].forked)
		first--;
	enum outcome o = engine_make_def(e, def, err);
	return o == OUTCOME_DONE && first < e->scene.nr_batches ? engine_start(e, first, err) : o;
}

enum outcome op_run_stop_cgroup(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	return engine_stop(e, (const char *[]){ name_of(op) }, 1, err) ? OUTCOME_ERROR : OUTCOME_DONE;
}

enum outcome op_run_remove_cgroup(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	enum outcome o = op_run_stop_cgroup(e, op, result, err);

	return o == OUTCOME_DONE && engine_remove(e, name_of(op), err) ? OUTCOME_ERROR : o;
}

enum outcome op_run_set_cpuset(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct cpuset_args *a = op->args;

	(void)result;
	return engine_confine(e, scene_find(&e->scene, a->cgroup), err);
}

enum outcome op_run_clear_cpuset(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	return engine_confine(e, scene_find(&e->scene, name_of(op)), err);
}

enum outcome op_run_swap_cpusets(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct swap_args *a = op->args;

	(void)result;
	enum outcome o = engine_confine(e, scene_find(&e->scene, a->cgroups[0]), err);
	return o == OUTCOME_DONE ? engine_confine(e, scene_find(&e->scene, a->cgroups[1]), err) : o;
}

enum outcome op_run_set_cpuset_mems(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct mems_args *a = op->args;
	struct cpumask effective = scene_nodes(&e->scene, scene_find(&e->scene, a->cgroup));

	(void)result;
	if (!engine_root(e))
		return engine_no_cgroups("it", err);
	return cgroup_set_mems(engine_root(e), a->cgroup, &a->mems, &effective, err);
}

enum outcome op_run_set_limits(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct limits_args *a = op->args;

	(void)result;
	if (!engine_root(e))
		return engine_no_cgroups("it", err);
	return cgroup_set_limits(engine_root(e), a->cgroup, &a->limits, err);
}

/*
 * A task freezes when it runs. Under a scheduler that starves it, that is when the kernel's watchdog has thrown the scheduler out:
 * giving up before would hide the starvation.
 */
static enum outcome await_frozen(struct engine *e, const char *name, struct kt_err *err)
{
	enum { LIMIT_S = 5, PART_MS = 1000 };
	uint64_t limit_ns = (uint64_t)LIMIT_S * NSEC_PER_SEC + (e->sched.enabled ? 2 * (uint64_t)e->spec->watchdog_timeout_ns : 0);
	uint64_t until = now_ns() + limit_ns;

	for (int ret = 1; ret;) {
		engine_kick(e);
		if (now_ns() >= until) {
			kt_fail(err, "cgroup '%s' is not frozen %d s after it was asked for", name, (int)(limit_ns / NSEC_PER_SEC));
			return OUTCOME_ERROR;
		}
		ret = cgroup_await_frozen(engine_root(e), name, PART_MS, err);
		if (ret < 0)
			return OUTCOME_ERROR;
	}
	return OUTCOME_DONE;
}

enum outcome op_run_freeze_cgroup(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	if (!engine_root(e))
		return engine_no_cgroups("it", err);
	e->froze = true;
	enum outcome o = cgroup_freeze(engine_root(e), name_of(op), err);
	return o == OUTCOME_DONE ? await_frozen(e, name_of(op), err) : o;
}

enum outcome op_run_unfreeze_cgroup(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	if (!engine_root(e))
		return engine_no_cgroups("it", err);
	return cgroup_thaw(engine_root(e), name_of(op), err);
}

static bool is_worker(const struct engine *e, pid_t pid, unsigned *ret)
{
	for (unsigned i = 0; i < e->crew.n; i++) {
		*ret = i;
		if (e->crew.members[i].pid == pid)
			return true;
	}
	return false;
}

/* Workers by their place in the spec, for a pid says nothing; of other processes how many there are. */
enum outcome op_run_capture_cgroup_procs(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct capture_args *a = op->args;
	unsigned i, others = 0;

	if (!engine_root(e))
		return engine_no_cgroups("it", err);
	_cleanup_free_ pid_t *pids = cgroup_procs(engine_root(e), a->cgroup, err);
	if (!pids)
		return OUTCOME_ERROR;
	json_t *workers = json_array();
	for (const pid_t *p = pids; *p >= 0; p++) {
		if (!is_worker(e, *p, &i)) {
			others++;
			continue;
		}
		json_array_append_new(workers, KT_PACK("{si si}", "cgroup_index", (int)e->crew.workers[i].cgroup, "index",
						       (int)e->crew.workers[i].index));
	}
	*result = KT_PACK("{ss ss so si}", "tag", a->tag, "cgroup", a->cgroup, "workers", workers, "others", (int)others);
	return OUTCOME_DONE;
}
