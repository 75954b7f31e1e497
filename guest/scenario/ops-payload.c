// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on payloads. libexec/spec/ops-payload.c says what they take. */
#include "guest/scenario/engine.h"

enum outcome op_run_run_payload(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct payload_args *a = op->args;
	const char *of_payload = e->spec->payloads.v[a->index].cgroup;

	(void)result;
	return payload_start(e, a->index, a->cgroup ? a->cgroup : of_payload, err);
}

static enum outcome finish_payload(struct engine *e, const struct op *op, json_t **result, bool wait, struct kt_err *err)
{
	const struct payload_args *a = op->args;
	struct payload_run *r = payload_running(e, a->index);

	if (wait ? payload_wait(e, r, now_ns() + (uint64_t)a->timeout_ns, err) : payload_stop(e, r, MINDER_KILLED, err))
		return OUTCOME_ERROR;
	*result = KT_PACK("{ss ss}", "payload", r->payload->name, "end", minder_end_name(r->m->end));
	return OUTCOME_DONE;
}

enum outcome op_run_wait_payload(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	return finish_payload(e, op, result, true, err);
}

enum outcome op_run_kill_payload(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	return finish_payload(e, op, result, false, err);
}
