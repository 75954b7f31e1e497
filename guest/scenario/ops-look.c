// SPDX-License-Identifier: GPL-2.0-only
/* Ask the host to look at this guest, which libexec/boot/snapshots.c and watches.c do from outside. libexec/spec/ops-look.c says how. */
#include "guest/scenario/engine.h"
#include "guest/request.h"

/* The host knows the spec, and needs to be told which op. */
enum outcome op_run_snapshot(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result, (void)err;
	request_host(KT_PACK("{ss ss}", "event", "snapshot", "path", op->path), e->opts->virtual_clock);
	return OUTCOME_DONE;
}

enum outcome op_run_watch_snapshot(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	(void)result, (void)err;
	request_host(KT_PACK("{ss ss}", "event", "watch", "path", op->path), e->opts->virtual_clock);
	return OUTCOME_DONE;
}
