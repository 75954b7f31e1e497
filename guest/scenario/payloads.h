/* SPDX-License-Identifier: GPL-2.0-only */
/* payloads.h - the payloads of a scenario that runs: start, wait, stop, and what became of them. */
#ifndef KT_PAYLOADS_H
#define KT_PAYLOADS_H

#include "guest/scenario/minder.h"
#include "libexec/lib/outcome.h"
#include "libexec/spec/payload.h"

struct engine;

/* One time that a payload was run. */
struct payload_run {
	const struct payload *payload;
	const char *cgroup;         /* of the spec, or NULL */
	char *dir;                  /* the name of its own cgroup, or NULL */
	unsigned phase;
	pid_t pid;                  /* of its minder; 0: gone */
	int pidfd, control;
	struct minder *m;           /* shared with that */
	json_t *tasks;              /* the scheduler's record that counts it, or NULL */
};

/* Start one of the spec's in a cgroup, or beside them: NULL. */
enum outcome payload_start(struct engine *e, unsigned index, const char *cgroup, struct kt_err *err);
/* The run of it that is not over, or NULL. */
struct payload_run *payload_running(struct engine *e, unsigned index);
/* Wait until it has ended by itself; stop it when that takes longer, or when the scheduler under test is gone. */
int payload_wait(struct engine *e, struct payload_run *r, uint64_t until_ns, struct kt_err *err);
/* Have it end, if it has not: how is MINDER_STOPPED, MINDER_KILLED or MINDER_TIMED_OUT. Nothing of it is left. */
int payload_stop(struct engine *e, struct payload_run *r, enum minder_end how, struct kt_err *err);
/* Stop what does not run any more in the scene. */
int payloads_stop(struct engine *e, struct kt_err *err);
/* Kill whatever is left, and forget all. */
int payloads_destroy(struct engine *e, struct kt_err *err);

#endif
