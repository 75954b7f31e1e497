/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * engine.h - what runs a scenario, for the ops that change it.
 *
 * The scene (libexec/spec/scene.h) says what there is; an op's check() has moved it on when its op_run_NAME() is called,
 * which makes the machine follow. What is made is written down here as well, so that it can be taken back whatever
 * happens: engine_destroy() needs no scene.
 */
#ifndef KT_ENGINE_H
#define KT_ENGINE_H

#include "guest/scenario/crew.h"
#include "guest/scenario/machine.h"
#include "libexec/spec/op.h"
#include "libexec/spec/op-list.h"
#include "libexec/lib/outcome.h"
#include "guest/scenario/payloads.h"
#include "guest/scenario/scenario.h"
#include "libexec/spec/scene.h"
#include "guest/sched/sched.h"

struct engine {
	const struct spec *spec;
	const struct topo *plan;
	const struct scenario_opts *opts;
	FILE *out;
	uint64_t start_ns;          /* when the run began */
	int64_t seed;
	uint64_t zero_ns;           /* when the first worker was let go: what times in records count from; 0 before */
	unsigned phase;             /* that it is in, by its record */
	bool root_open;             /* what is made in the root has its controllers */
	bool froze;                 /* a cgroup was frozen, ever */
	struct scene scene;
	struct kt_errs errs;        /* of the scene; stays empty */
	struct crew crew;
	struct sched sched;
	char **dirs;                /* of batches: struct worker's cgroup_dir */
	char **made;                /* cgroups that exist, in the order in which they were made */
	size_t nr_made;
	struct saved_values saved;  /* of the machine, that ops changed */
	struct cpumask offline;     /* CPUs that were taken off */
	struct phase { int64_t start_ns, end_ns; } *phases; /* one a step */
	unsigned *last_phase;       /* of batches: the phase in which they stopped */
	json_t *ops;                /* records of ops */
	struct payload_run *payload_runs; /* in the order in which they started */
	size_t nr_payload_runs;
};

int engine_init(struct engine *e, const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts,
		FILE *out, struct kt_err *err);
/* Take everything back: thaw, kill, remove, bring CPUs and sysctls back. -1 and err when something could not be. */
int engine_destroy(struct engine *e, struct kt_err *err);

/* Arm the watchdog anew, for this process got to run. */
void engine_kick(const struct engine *e);

/* Time in records. */
int64_t engine_time(const struct engine *e, uint64_t ns);

/* The directory that cgroups are made in, or NULL: there are none, and cpusets are affinities. */
static inline const char *engine_root(const struct engine *e)
{
	return e->opts->cgroup_root;
}

/* Make a cgroup, and those it is in that do not exist. */
enum outcome engine_make(struct engine *e, const char *name, struct kt_err *err);
int engine_remove(struct engine *e, const char *name, struct kt_err *err);
/* Make the cgroup of a CgroupDef as it says, without workers. */
enum outcome engine_make_def(struct engine *e, const struct cgroup_def *def, struct kt_err *err);
/* Its cpuset in the scene becomes the cgroup's. */
enum outcome engine_confine(struct engine *e, const struct scene_cgroup *cg, struct kt_err *err);
/* Start all batches of the scene from number first on. */
enum outcome engine_start(struct engine *e, size_t first, struct kt_err *err);
/* Note how many of the workers that live, of the batches from number first on, are tasks of the scheduler under test. */
void engine_count_tasks(struct engine *e, size_t first);
/* Stop the batches that do not run any more in the scene; n cgroups that may be frozen are thawed. */
int engine_stop(struct engine *e, const char *const *thaw, size_t n, struct kt_err *err);
/* What needs cgroups, and there are none. */
enum outcome engine_no_cgroups(const char *what, struct kt_err *err);
/* One op: what it does, and its record, with result as an addition when op_run sets it. */
enum outcome engine_op(struct engine *e, const struct op *op, struct kt_err *err);

/* Each op; result may be given an object for the record. */
typedef enum outcome op_run_fn(struct engine *e, const struct op *op, json_t **result, struct kt_err *err);
#define DECLARE_RUN(op) op_run_fn op_run_##op;
OPS(DECLARE_RUN)
#undef DECLARE_RUN

/* ops-kernel.c: find the symbols that such ops need, and tell the host, before anything runs. */
enum outcome kernel_symbols(struct engine *e, struct kt_err *err);

/* place.c: in the parent, where a worker will run; in the worker, as whom. */
void place_resolve(struct engine *e, unsigned i, const struct affinity *a, unsigned time);
/* Have a live worker run where it was resolved to. */
int place_apply(struct engine *e, unsigned i, pid_t pid, struct kt_err *err);
int place_worker(struct engine *e, const struct worker *w, struct kt_err *err);

#endif
