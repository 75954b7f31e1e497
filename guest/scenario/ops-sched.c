// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on the scheduler. libexec/spec/ops-sched.c says what they take; their time limits are those of sched.h. */
#include "guest/scenario/engine.h"

static const struct scheduler_def *scheduler_named(const struct engine *e, const struct op *op)
{
	return spec_scheduler(e->spec, ((const struct scheduler_args *)op->args)->name);
}

static enum outcome attach(struct engine *e, const struct scheduler_def *def, struct kt_err *err)
{
	enum outcome o = sched_attach(&e->sched, def, e->spec->watchdog_timeout_ns, err);

	/* Its counters begin again, and who runs already are its tasks from now on. */
	sched_phase_begin(&e->sched);
	if (o == OUTCOME_DONE)
		engine_count_tasks(e, 0);
	return o;
}

/* One that has died meanwhile is gone already; its record says so, and the verdict. */
static enum outcome detach(struct engine *e, struct kt_err *err)
{
	sched_phase_end(&e->sched, e->phase);
	return sched_detach(&e->sched, err) ? OUTCOME_ERROR : OUTCOME_DONE;
}

enum outcome op_run_attach_scheduler(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	return attach(e, scheduler_named(e, op), err);
}

enum outcome op_run_detach_scheduler(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)op;
	(void)result;
	return detach(e, err);
}

static enum outcome replace_scheduler(struct engine *e, const struct scheduler_def *def, struct kt_err *err)
{
	/* Never a second one in the place of one that died: that would be a run of its own. */
	if (!sched_alive(&e->sched))
		return OUTCOME_DONE;
	enum outcome o = detach(e, err);

	return o == OUTCOME_DONE ? attach(e, def, err) : o;
}

enum outcome op_run_restart_scheduler(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)op;
	(void)result;
	return replace_scheduler(e, e->sched.def, err);
}

enum outcome op_run_replace_scheduler(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result;
	return replace_scheduler(e, scheduler_named(e, op), err);
}
