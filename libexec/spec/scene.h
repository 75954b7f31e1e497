/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scene.h - what exists at a point of a scenario: cgroups, the workers in them, CPUs that are on.
 *
 * scene_rehearse() goes through a spec without running it: what an op names must be there by then. The engine
 * (guest/scenario) goes through it once more while it does the same for real, so that both have one idea of what
 * there is, and a worker's record can say where it might have run.
 *
 * What a step makes is the step's and goes with it; what the backdrop makes stays to the end. A batch belongs to the
 * step that started it, until it is moved into a cgroup of the backdrop.
 */
#ifndef KT_SCENE_H
#define KT_SCENE_H

#include "libexec/spec/op.h"
#include "libexec/spec/spec.h"

struct scene_cgroup {
	char *name;
	char *made_by;                /* path in the spec */
	struct scene_cgroup *parent;
	int owner;                    /* a step, or SPEC_BACKDROP */
	bool implicit;                /* made because one in it was asked for */
	bool has_cpus, has_mems, frozen;
	struct cpumask cpus, mems;    /* as they were set */
	int64_t pids_max;             /* the same; LIMIT_NONE, LIMIT_MAX */
};

struct scene_batch {
	struct batch b;
	int owner;
	struct scene_cgroup *cgroup;  /* NULL: beside the cgroups */
	bool running;
	bool begun, broken;           /* scene_check_running()'s: seen before; cannot go on, as was said */
	struct affinity affinity;     /* as it is now */
	struct cpumask first_cpus;    /* of its cgroup when it started */
	struct cpumask cpus;          /* every CPU it might use at any time */
};

struct scene {
	const struct spec *spec;
	const struct topo *plan;
	const char *file;
	struct kt_errs *errs;
	bool guess;                   /* something could not be read: do not complain about what is not there */
	int step;                     /* where it is: SPEC_BACKDROP, then the steps */
	unsigned repeat;              /* which repetition of the step's ops, from 0 */
	struct cpumask online;
	bool scheduler;               /* one under test is attached */
	struct scene_cgroup **cgroups; /* in the order in which they were made */
	size_t nr_cgroups;
	struct scene_batch *batches;  /* in the order in which they were started; stopped ones stay */
	size_t nr_batches;
	unsigned nr_workers;
	struct scene_payload {
		bool running;         /* started, and neither waited for nor stopped: it may have ended by itself */
		int owner;
		struct scene_cgroup *cgroup; /* NULL: beside the cgroups */
	} *payloads;                  /* as the spec's */
	unsigned nr_payload_runs;
	unsigned nr_affinities;       /* how often one was set: another number for every draw */
};

void scene_init(struct scene *sc, const struct spec *spec, const struct topo *plan, const char *file,
		struct kt_errs *errs);
void scene_deinit(struct scene *sc);
/* The whole scenario; gives the spec its batches. false when it cannot work. */
bool scene_rehearse(struct spec *spec, const struct topo *plan, const char *file, struct kt_errs *errs);

/* Add "file: path: message", path being that of the op and, when key is not NULL, of that key in it. Returns false. */
bool scene_error(const struct scene *sc, const struct op *op, const char *key, const char *fmt, ...) KT_PRINTF(4, 5);
bool scene_error_at(const struct scene *sc, const char *path, const char *fmt, ...) KT_PRINTF(3, 4);

struct scene_cgroup *scene_find(const struct scene *sc, const char *name);
/* The same; that it is not there is an error of the op. */
struct scene_cgroup *scene_need(const struct scene *sc, const struct op *op, const char *key, const char *name);
/* What its tasks may use: its cpuset within that of its parent, without CPUs that are off; that of its parent when that
 * leaves none. NULL: beside the cgroups. */
struct cpumask scene_cpus(const struct scene *sc, const struct scene_cgroup *cg);
struct cpumask scene_nodes(const struct scene *sc, const struct scene_cgroup *cg);
bool scene_frozen(const struct scene_cgroup *cg);
bool scene_has_workers(const struct scene *sc, const struct scene_cgroup *cg);

/* The first cgroup in it, or NULL. */
const struct scene_cgroup *scene_child_of(const struct scene *sc, const struct scene_cgroup *cg);

/* The number, through all batches, of a worker that runs, by where it was started ("": beside the cgroups); -1: none does. */
int scene_worker(const struct scene *sc, const char *cgroup, unsigned group, unsigned index);

/* Make a cgroup, and the ones it is in. */
struct scene_cgroup *scene_add(struct scene *sc, const char *name, const char *path);
/* All of a CgroupDef: the cgroup and its batches. */
bool scene_add_def(struct scene *sc, const struct cgroup_def *def);
/* A batch in the cgroup, whose name as the spec has it outlives the scene; or beside the cgroups: NULL and NULL. */
bool scene_spawn(struct scene *sc, struct scene_cgroup *cg, const char *name, const struct work_spec *work,
		 unsigned group, const char *path);
bool scene_run_payload(struct scene *sc, const char *path, unsigned index, struct scene_cgroup *cg);
/* In the short form: all payloads, beside the workers. */
bool scene_run_payloads(struct scene *sc);
/* Stop what runs in it. */
bool scene_stop(struct scene *sc, const char *path, struct scene_cgroup *cg);
bool scene_remove(struct scene *sc, const char *path, struct scene_cgroup *cg);
/* Cpusets have changed: note what running batches may use now. */
void scene_note_cpus(struct scene *sc);
/* The step is over: stop and remove what is its own. */
bool scene_end_step(struct scene *sc);

/* scene-check.c: what cannot be. */

/* May it be set so? */
bool scene_check_cpus(const struct scene *sc, const char *path, const struct scene_cgroup *cg, const struct cpumask *cpus);
bool scene_check_mems(const struct scene *sc, const char *path, const struct scene_cgroup *cg, const struct cpumask *mems);
bool scene_check_affinity(const struct scene *sc, const char *path, const struct scene_cgroup *cg,
			  const struct affinity *a, const struct work_spec *work);
/* May such workers start there? */
bool scene_check_workers(const struct scene *sc, const char *path, const struct scene_cgroup *cg,
			 const struct work_spec *work);
/* After the step or the op at path: does everybody who runs still have what it needs? Each error is said once. */
bool scene_check_running(struct scene *sc, const char *path);
/* At the end, when all workers are known: those that work on others have them. */
bool scene_check_companions(const struct scene *sc);
/* Has it workers of SCHED_DEADLINE? */
bool work_is_deadline(const struct work_spec *work);

#endif
