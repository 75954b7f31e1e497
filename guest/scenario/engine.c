// SPDX-License-Identifier: GPL-2.0-only
/* Make what the scene says, and take it back: see engine.h. */
#include "guest/scenario/engine.h"
#include "guest/scenario/cgroup.h"
#include "guest/files.h"
#include "guest/hw.h"
#include "guest/scenario/record.h"

int engine_init(struct engine *e, const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts,
		FILE *out, struct kt_err *err)
{
	*e = (struct engine){ .spec = spec, .plan = plan, .opts = opts, .out = out, .seed = opts->seed, .start_ns = now_ns(),
			      .phase = 1, .ops = json_array() };
	scene_init(&e->scene, spec, plan, "scene", &e->errs);
	e->dirs = xcalloc(spec->nr_batches, sizeof(*e->dirs));
	e->last_phase = xcalloc(spec->nr_batches, sizeof(*e->last_phase));
	e->phases = xcalloc(spec->nr_steps, sizeof(*e->phases));
	if (crew_create(spec, opts->virtual_clock, &e->crew, err))
		return -1;
	crew_sow(&e->crew, e->seed);
	return 0;
}

int64_t engine_time(const struct engine *e, uint64_t ns)
{
	return (int64_t)(ns - (e->zero_ns ? e->zero_ns : e->start_ns));
}

enum outcome engine_no_cgroups(const char *what, struct kt_err *err)
{
	kt_fail(err, "%s needs cgroups, and there are none", what);
	return OUTCOME_UNSUPPORTED;
}

static bool is_made(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->nr_made; i++)
		if (streq(e->made[i], name))
			return true;
	return false;
}

static enum outcome make_one(struct engine *e, const char *name, const char *parent, struct kt_err *err)
{
	if (is_made(e, name))
		return OUTCOME_DONE;
	if (!e->root_open) {
		enum outcome o = cgroup_open_root(engine_root(e), err);
		if (o != OUTCOME_DONE)
			return o;
		e->root_open = true;
	}
	if ((*parent && cgroup_delegate(engine_root(e), parent, err)) || cgroup_make(engine_root(e), name, err))
		return OUTCOME_ERROR;
	e->made = xrealloc(e->made, e->nr_made + 1, sizeof(*e->made));
	e->made[e->nr_made++] = xstrdup(name);
	return OUTCOME_DONE;
}

enum outcome engine_make(struct engine *e, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *parent = xstrdup("");
	enum outcome o = OUTCOME_DONE;

	if (!engine_root(e))
		return OUTCOME_DONE;
	for (const char *slash = name; o == OUTCOME_DONE && (slash = strchr(slash, '/')); slash++) {
		_cleanup_free_ char *outer = xasprintf("%.*s", (int)(slash - name), name);

		o = make_one(e, outer, parent, err);
		free(parent);
		parent = take(outer);
	}
	return o == OUTCOME_DONE ? make_one(e, name, parent, err) : o;
}

/* When the last cgroup in it is gone, it can have workers again. */
static int close_parent(const struct engine *e, const char *name, struct kt_err *err)
{
	const char *slash = strrchr(name, '/');
	_cleanup_free_ char *outer = xasprintf("%.*s", slash ? (int)(slash - name) : 0, name);

	for (size_t i = 0; i < e->nr_made; i++)
		if (!strncmp(e->made[i], name, strlen(outer) + 1))
			return 0;
	return slash ? cgroup_undelegate(engine_root(e), outer, NULL, err) : 0;
}

int engine_remove(struct engine *e, const char *name, struct kt_err *err)
{
	for (size_t i = 0; i < e->nr_made; i++) {
		if (!streq(e->made[i], name))
			continue;
		if (cgroup_remove(engine_root(e), name, err))
			return -1;
		free(e->made[i]);
		memmove(&e->made[i], &e->made[i + 1], (--e->nr_made - i) * sizeof(*e->made));
		return close_parent(e, name, err);
	}
	return 0;
}

static bool cgroup_within(const struct scene_cgroup *cg, const struct scene_cgroup *outer)
{
	for (; cg; cg = cg->parent)
		if (cg == outer)
			return true;
	return false;
}

/* Without cgroups: the same CPUs, by affinity. */
static enum outcome confine_workers(struct engine *e, const struct scene_cgroup *cg, struct kt_err *err)
{
	for (size_t i = 0; i < e->scene.nr_batches; i++) {
		const struct scene_batch *b = &e->scene.batches[i];

		if (!b->running || !cgroup_within(b->cgroup, cg))
			continue;
		for (unsigned k = b->b.first; k < b->b.first + b->b.n; k++)
			if (e->crew.members[k].pid > 0 && place_apply(e, k, e->crew.members[k].pid, err))
				return OUTCOME_ERROR;
	}
	return OUTCOME_DONE;
}

enum outcome engine_confine(struct engine *e, const struct scene_cgroup *cg, struct kt_err *err)
{
	struct cpumask effective = scene_cpus(&e->scene, cg);

	if (!engine_root(e))
		return confine_workers(e, cg, err);
	return cgroup_set_cpus(engine_root(e), cg->name, cg->has_cpus ? &cg->cpus : NULL, &effective, err);
}

static bool has_limits(const struct limits *l)
{
	struct limits none;

	limits_none(&none);
	return memcmp(l, &none, sizeof(none));
}

enum outcome engine_make_def(struct engine *e, const struct cgroup_def *def, struct kt_err *err)
{
	const struct scene_cgroup *cg = scene_find(&e->scene, def->name);
	enum outcome o;

	if (!engine_root(e))
		return def->has_mems ? engine_no_cgroups("cpuset_mems", err) :
			has_limits(&def->limits) ? engine_no_cgroups("limits", err) : OUTCOME_DONE;
	o = engine_make(e, def->name, err);
	if (o == OUTCOME_DONE && cg->has_cpus)
		o = engine_confine(e, cg, err);
	if (o == OUTCOME_DONE && cg->has_mems) {
		struct cpumask effective = scene_nodes(&e->scene, cg);
		o = cgroup_set_mems(engine_root(e), def->name, &cg->mems, &effective, err);
	}
	return o == OUTCOME_DONE ? cgroup_set_limits(engine_root(e), def->name, &def->limits, err) : o;
}

static pid_t fork_worker(const struct worker *w, void *ctx, struct kt_err *err)
{
	const struct engine *e = ctx;
	const char *cgroup = e->spec->batches[w->cgroup].cgroup;

	if (engine_root(e) && cgroup)
		return cgroup_fork(engine_root(e), cgroup, err);
	pid_t pid = fork();
	if (pid < 0)
		kt_fail(err, "%s", strerror(errno));
	return pid;
}

static int prepare_worker(const struct worker *w, void *ctx, struct kt_err *err)
{
	struct engine *e = ctx;
	const char *cgroup = e->spec->batches[w->cgroup].cgroup;

	if (!place_worker(e, w, err))
		return 0;
	return kt_context(err, "%s%s%s worker %u", cgroup ? "cgroup '" : "the runner's", cgroup ? cgroup : "",
			  cgroup ? "'" : "", w->index);
}

static void say_who(const struct engine *e, size_t first)
{
	for (size_t i = first; i < e->scene.nr_batches; i++) {
		const struct batch *b = &e->spec->batches[i];

		for (unsigned k = 0; k < b->n; k++)
			kt_warn("worker %s %u is pid %d", batch_cgroup(b), k, (int)e->crew.members[b->first + k].pid);
	}
}

void engine_kick(const struct engine *e)
{
	enum { WATCHDOG_S = 30 };

	if (e->opts->guest)
		hw_watchdog(WATCHDOG_S);
}

static int take_seed(struct engine *e, struct kt_err *err)
{
	if (hw_fw_cfg_number("opt/ktstr/seed", &e->seed, err))
		return -1;
	crew_sow(&e->crew, e->seed);
	return 0;
}

/*
 * All is set up, what the kernel had left to do after it is done, and nobody has been let go. The host saves the machine here
 * and starts from there, under any seed: which one it is, is told only then.
 */
static int stand_ready(struct engine *e, struct kt_err *err)
{
	const struct timespec settle = { .tv_nsec = 50 * NSEC_PER_MSEC };

	if (!e->opts->guest)
		return 0;
	/* Once before: a page that is this process' own by then need not be copied after. */
	if (take_seed(e, err))
		return -1;
	json_decref(record_phase(0, NULL, 0, 0));
	nanosleep(&settle, NULL);
	hw_ready();
	return take_seed(e, err);
}

/* The set-up is over: said at once, so that whoever reads along knows when the first worker ran. */
static int write_baseline(const struct engine *e, struct kt_err *err)
{
	_cleanup_json_ json_t *j = record_phase(0, NULL, -(int64_t)(e->zero_ns - e->start_ns), 0);

	if (kt_json_line(e->out, j, err))
		return -1;
	return fflush(e->out) ? kt_fail(err, "cannot write a record: %s", strerror(errno)) : 0;
}

void engine_count_tasks(struct engine *e, size_t first)
{
	pid_t *pids = xcalloc(e->crew.n, sizeof(*pids));
	size_t n = 0;

	for (size_t i = first; i < e->scene.nr_batches; i++) {
		const struct batch *b = &e->spec->batches[i];

		for (unsigned k = b->first; e->crew.batches[i].forked && k < b->first + b->n; k++)
			if (e->crew.members[k].pid > 0)
				pids[n++] = e->crew.members[k].pid;
	}
	sched_count_tasks(&e->sched, pids, n);
	free(pids);
}

enum outcome engine_start(struct engine *e, size_t first, struct kt_err *err)
{
	static const struct crew_ops ops = { .fork = fork_worker, .prepare = prepare_worker };
	size_t n = e->scene.nr_batches - first;

	for (size_t i = first; i < first + n; i++) {
		const struct batch *b = &e->spec->batches[i];

		if (engine_root(e) && b->cgroup)
			e->dirs[i] = xasprintf("%s/%s", engine_root(e), b->cgroup);
		for (unsigned k = b->first; k < b->first + b->n; k++) {
			e->crew.workers[k].cgroup_dir = e->dirs[i];
			place_resolve(e, k, &b->work->affinity, 0);
		}
	}
	if (crew_fork(&e->crew, first, n, &ops, e, err))
		return OUTCOME_ERROR;
	if (e->opts->verbose)
		say_who(e, first);
	engine_count_tasks(e, first);
	if (!e->zero_ns && stand_ready(e, err))
		return OUTCOME_ERROR;
	uint64_t go_ns = crew_go(&e->crew, first, n);
	if (e->opts->verbose)
		kt_warn("go"); /* not before: who reads it may count on time that has begun */
	if (e->zero_ns)
		return OUTCOME_DONE;
	e->zero_ns = go_ns;
	return write_baseline(e, err) ? OUTCOME_ERROR : OUTCOME_DONE;
}

int engine_stop(struct engine *e, const char *const *thaw, size_t n, struct kt_err *err)
{
	for (size_t i = 0; i < e->scene.nr_batches; i++) {
		struct crew_batch *b = &e->crew.batches[i];

		if (e->scene.batches[i].running || !b->forked || b->stopping)
			continue;
		crew_stop_soon(&e->crew, i);
		e->last_phase[i] = e->phase;
	}
	for (size_t i = 0; e->froze && i < n; i++)
		if (is_made(e, thaw[i]) && cgroup_thaw(engine_root(e), thaw[i], err) != OUTCOME_DONE)
			return -1;
	return crew_stop(&e->crew, err);
}

static op_run_fn *const runs[] = {
#define RUN(op) op_run_##op,
	OPS(RUN)
#undef RUN
};

enum outcome engine_op(struct engine *e, const struct op *op, struct kt_err *err)
{
	uint64_t start_ns = now_ns();
	json_t *result = NULL;
	size_t i = 0;

	while (op_kinds[i] != op->kind)
		i++;
	if (!op->kind->check(&e->scene, op))
		BUG("%s cannot be, and could when it was rehearsed: %s", op->path, e->errs.msgs[0]);
	scene_note_cpus(&e->scene);
	enum outcome o = runs[i](e, op, &result, err);
	if (o != OUTCOME_DONE)
		kt_context(err, "%s: %s", op->path, op->kind->name);
	json_array_append_new(e->ops, record_op(e, op, start_ns, now_ns(), result));
	return o;
}

static void keep_error(int ret, struct kt_err *now, int *worst, struct kt_err *err)
{
	if (ret && !*worst) {
		*worst = -1;
		if (err)
			*err = *now;
	}
}

static int restore_cpus(struct engine *e, struct kt_err *err)
{
	struct kt_err now;
	int ret = 0;

	for (unsigned cpu = cpumask_next(&e->offline, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(&e->offline, cpu + 1)) {
		_cleanup_free_ char *path = xasprintf("/sys/devices/system/cpu/cpu%u/online", cpu);

		keep_error(write_text(path, "1", &now), &now, &ret, err);
	}
	return ret;
}

int engine_destroy(struct engine *e, struct kt_err *err)
{
	struct kt_err now;
	int ret = 0;

	if (e->froze) /* or its workers would die frozen, and stay */
		for (size_t i = 0; i < e->nr_made; i++)
			keep_error(cgroup_thaw(engine_root(e), e->made[i], &now) != OUTCOME_DONE, &now, &ret, err);
	crew_destroy(&e->crew); /* or the cgroups are busy */
	keep_error(payloads_destroy(e, &now), &now, &ret, err);
	keep_error(sched_detach(&e->sched, &now), &now, &ret, err);
	while (e->nr_made) {
		keep_error(cgroup_remove(engine_root(e), e->made[--e->nr_made], &now), &now, &ret, err);
		free(e->made[e->nr_made]);
	}
	keep_error(restore_cpus(e, &now), &now, &ret, err);
	keep_error(saved_restore(&e->saved, &now), &now, &ret, err);
	for (size_t i = 0; i < e->spec->nr_batches; i++)
		free(e->dirs[i]);
	free(e->dirs);
	free(e->last_phase);
	free(e->made);
	free(e->phases);
	json_decref(e->ops);
	scene_deinit(&e->scene);
	kt_errs_deinit(&e->errs);
	return ret;
}
