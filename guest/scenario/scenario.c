// SPDX-License-Identifier: GPL-2.0-only
/* A scenario from its backdrop to its records: see scenario.h. */
#include "guest/scenario/scenario.h"
#include "guest/scenario/engine.h"
#include "guest/hw.h"
#include "guest/request.h"
#include "guest/sched/kernel.h"
#include "guest/scenario/record.h"
#include "guest/work/work.h"
#include <sched.h>

static int write_record(FILE *out, json_t *record, struct kt_err *err)
{
	_cleanup_json_ json_t *j = record;

	return kt_json_line(out, j, err);
}

enum { KICK_S = 10 };

/*
 * In parts: as long as this process gets to run, the watchdog is armed anew. A scheduler under which it does not, for 30 s
 * of guest time, has hung the machine; a slow host has not.
 */
static int wait_for(struct engine *e, uint64_t until_ns, struct kt_err *err)
{
	const uint64_t part = (uint64_t)KICK_S * NSEC_PER_SEC;

	for (;;) {
		uint64_t now = now_ns();

		engine_kick(e);
		/* Without its scheduler there is nothing more to see: the rest goes by for the sake of its records. */
		if (!sched_alive(&e->sched))
			return 0;
		e->crew.news_fd = e->sched.fd;
		if (crew_wait(&e->crew, e->opts->guest && until_ns > now + part ? now + part : until_ns, err))
			return -1;
		if (now_ns() >= until_ns)
			return 0;
	}
}

static enum outcome do_ops(struct engine *e, const struct step *step, struct kt_err *err)
{
	enum outcome o = OUTCOME_DONE;

	for (size_t i = 0; o == OUTCOME_DONE && i < step->nr_ops; i++) {
		engine_kick(e);
		o = engine_op(e, &step->ops[i], err);
	}
	return o;
}

static enum outcome set_up(struct engine *e, const struct step *step, struct kt_err *err)
{
	size_t first = e->scene.nr_batches;
	enum outcome o = OUTCOME_DONE;

	for (size_t i = 0; o == OUTCOME_DONE && i < step->nr_setup; i++) {
		const struct cgroup_def *def = &step->setup[i];

		engine_kick(e);
		if (!scene_add_def(&e->scene, def))
			BUG("%s cannot be made, and could when it was rehearsed: %s", def->path, e->errs.msgs[0]);
		o = engine_make_def(e, def, err);
		if (o == OUTCOME_ERROR && !e->spec->short_form)
			kt_context(err, "%s", def->path);
	}
	if (o != OUTCOME_DONE || e->scene.nr_batches == first)
		return o;
	o = engine_start(e, first, err);
	if (o == OUTCOME_ERROR && !e->crew.interrupted && !e->spec->short_form)
		kt_context(err, "%s", step->path);
	return o;
}

/* The other repetitions of the ops; the first is done. */
static enum outcome loop_ops(struct engine *e, const struct step *step, uint64_t start_ns, struct kt_err *err)
{
	const struct hold *h = &step->hold;

	for (unsigned r = 1; r < h->repeats; r++) {
		if (wait_for(e, start_ns + r * (uint64_t)h->interval_ns, err))
			return OUTCOME_ERROR;
		if (now_ns() >= start_ns + (uint64_t)h->ns) {
			kt_fail(err, "%s.hold: the time is over, and the ops were done %u times of %u: the interval is too short "
				"for them", step->path, r, h->repeats);
			return OUTCOME_ERROR;
		}
		enum outcome o = do_ops(e, step, err);
		if (o != OUTCOME_DONE)
			return o;
	}
	return OUTCOME_DONE;
}

/* Stop and remove what belongs to the step, or the backdrop, that the scene is in. */
static enum outcome end_step(struct engine *e, struct kt_err *err)
{
	_cleanup_free_ char **names = xcalloc(e->scene.nr_cgroups, sizeof(*names));
	size_t n = 0;

	for (size_t i = e->scene.nr_cgroups; i--;)
		if (e->scene.cgroups[i]->owner == e->scene.step)
			names[n++] = xstrdup(e->scene.cgroups[i]->name);
	if (!scene_end_step(&e->scene))
		BUG("a step cannot end, and could when it was rehearsed: %s", e->errs.msgs[0]);
	int ret = engine_stop(e, (const char *const *)names, n, err) || payloads_stop(e, err) ? -1 : 0;
	for (size_t i = 0; i < n; i++) {
		if (!ret && engine_remove(e, names[i], err))
			ret = -1;
		free(names[i]);
	}
	return ret ? OUTCOME_ERROR : OUTCOME_DONE;
}

/* In the short form every payload starts when the workers have. */
static enum outcome start_payloads(struct engine *e, struct kt_err *err)
{
	const struct payloads *p = &e->spec->payloads;
	enum outcome o = OUTCOME_DONE;

	if (!scene_run_payloads(&e->scene))
		BUG("payloads cannot run, and could when it was rehearsed: %s", e->errs.msgs[0]);
	for (size_t i = 0; o == OUTCOME_DONE && i < p->n; i++)
		o = payload_start(e, i, p->v[i].cgroup, err);
	return o;
}

/* Hold for the primary payloads: 1 when there are any. */
static int wait_for_primary(struct engine *e, struct kt_err *err)
{
	const struct payloads *p = &e->spec->payloads;
	int any = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct payload_run *r = p->v[i].primary ? payload_running(e, i) : NULL;

		any |= p->v[i].primary;
		/* The minder knows when its time is up. */
		if (r && payload_wait(e, r, UINT64_MAX, err))
			return -1;
	}
	return any;
}

static enum outcome run_step(struct engine *e, unsigned k, struct kt_err *err)
{
	const struct step *step = &e->spec->steps[k];
	size_t started = e->scene.nr_batches;
	enum outcome o;

	e->scene.step = k;
	e->phase = k + 1;
	sched_phase_begin(&e->sched);
	o = set_up(e, step, err);
	if (o != OUTCOME_DONE)
		return o;
	if (!e->zero_ns)
		o = engine_start(e, e->scene.nr_batches, err); /* nobody: time begins all the same */
	/* The hold counts from the go of the workers that start with it. */
	uint64_t start_ns = e->scene.nr_batches > started ? e->crew.batches[started].go->start_ns : now_ns();
	if (o == OUTCOME_DONE && e->spec->short_form)
		o = start_payloads(e, err);
	if (o == OUTCOME_DONE)
		o = do_ops(e, step, err);
	if (step->nr_ops && !step->hold.loop)
		start_ns = now_ns();
	if (o == OUTCOME_DONE)
		o = loop_ops(e, step, start_ns, err);
	int primary = o == OUTCOME_DONE && e->spec->short_form ? wait_for_primary(e, err) : 0;
	if (primary < 0 || (o == OUTCOME_DONE && !primary && wait_for(e, start_ns + (uint64_t)step->hold.ns, err)))
		o = OUTCOME_ERROR;
	e->phases[k].start_ns = k ? e->phases[k - 1].end_ns : 0;
	e->phases[k].end_ns = engine_time(e, now_ns());
	if (e->opts->virtual_clock)
		request_host(KT_PACK("{ss}", "event", "phase"), true);
	sched_phase_end(&e->sched, k + 1);
	return o;
}

static int verify_cgroups(const struct engine *e, struct kt_err *err)
{
	const struct crew *c = &e->crew;

	for (unsigned i = 0, n; i < c->n; i += n) {
		const struct worker *group = &c->workers[i];
		bool completed = true;

		n = work_group_size(group->type, group->args);
		for (unsigned k = 0; k < n; k++)
			completed &= crew_completed(c, i + k);
		if (completed && group->type->verify && group->type->verify(group, n, group->args, err))
			return kt_context(err, "%s, cgroup '%s', worker %u", group->type->name,
					  batch_cgroup(&e->spec->batches[group->cgroup]), group->index);
	}
	return 0;
}

/*
 * In a guest, where nobody else's tasks are: when something happens is for the spec to say, whatever its workers are and
 * whatever a scheduler does with them. No child is real-time for it.
 */
static int be_realtime(struct kt_err *err)
{
	const struct sched_param p = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p))
		return kt_fail(err, "cannot take real-time priority: %s", strerror(errno));
	return 0;
}

static enum outcome run_steps(struct engine *e, struct kt_err *err)
{
	enum outcome o;

	if (e->opts->guest && be_realtime(err))
		return OUTCOME_ERROR;
	if (e->spec->scheduler.kind != SCHEDULER_NONE && !e->opts->guest) {
		kt_fail(err, "a scheduler is loaded in a guest only: use ktstr-boot, or ktstr run");
		return OUTCOME_UNSUPPORTED;
	}
	const struct batch *ext = spec_ext_batch(e->spec);
	if (ext && !kernel_has_sched_ext()) {
		kt_fail(err, "%s: policy Ext: the kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT)", ext->path);
		return OUTCOME_UNSUPPORTED;
	}
	if (e->opts->model && crew_model(&e->crew, err))
		return OUTCOME_UNSUPPORTED;
	o = kernel_symbols(e, err);
	if (o != OUTCOME_DONE)
		return o;
	engine_kick(e);
	e->sched.virtual_clock = e->opts->virtual_clock;
	o = sched_attach(&e->sched, &e->spec->scheduler, e->spec->watchdog_timeout_ns, err);
	if (o == OUTCOME_DONE)
		o = set_up(e, &e->spec->backdrop, err);
	if (o == OUTCOME_DONE)
		o = do_ops(e, &e->spec->backdrop, err);
	for (unsigned k = 0; o == OUTCOME_DONE && k < e->spec->nr_steps; k++) {
		o = run_step(e, k, err);
		if (o == OUTCOME_DONE)
			o = end_step(e, err);
	}
	if (o != OUTCOME_DONE)
		return o;
	e->scene.step = SPEC_BACKDROP;
	engine_kick(e);
	o = end_step(e, err);
	if (o == OUTCOME_DONE && sched_detach(&e->sched, err))
		o = OUTCOME_ERROR;
	return o == OUTCOME_DONE && verify_cgroups(e, err) ? OUTCOME_ERROR : o;
}

static int write_records(const struct engine *e, FILE *out, struct kt_err *err)
{
	size_t i;
	json_t *op;

	for (unsigned k = 0; k < e->spec->nr_steps; k++)
		if (write_record(out, record_phase(k + 1, e->spec->steps[k].name, e->phases[k].start_ns, e->phases[k].end_ns),
				 err))
			return -1;
	json_array_foreach(e->ops, i, op)
		if (write_record(out, json_incref(op), err))
			return -1;
	for (unsigned w = 0; w < e->crew.n; w++)
		if (write_record(out, record_worker(e, w), err))
			return -1;
	for (size_t i = 0; i < e->nr_payload_runs; i++)
		if (write_record(out, record_payload(e, &e->payload_runs[i]), err))
			return -1;
	return sched_write(&e->sched, e->zero_ns, out, err);
}

enum outcome scenario_run(const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts, FILE *out,
			  struct kt_err *err)
{
	struct engine e;
	struct kt_err left, ignored;

	enum outcome o = engine_init(&e, spec, plan, opts, out, err) ? OUTCOME_ERROR : run_steps(&e, err);
	if (o == OUTCOME_DONE && write_records(&e, out, err))
		o = OUTCOME_ERROR;
	if (engine_destroy(&e, &left) && o == OUTCOME_DONE) {
		*err = left;
		o = OUTCOME_ERROR;
	}
	if (o != OUTCOME_DONE) {
		sched_write(&e.sched, e.zero_ns, out, &ignored);
		write_record(out, record_end(o, err->msg), &ignored);
	} else if (write_record(out, record_end(o, "the scenario ran"), err)) {
		o = OUTCOME_ERROR;
	}
	sched_deinit(&e.sched);
	return o;
}
