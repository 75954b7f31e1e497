/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * work.h - work types: what a worker does. One file each, ending in its descriptor; list.h is the one list
 * of them.
 *
 * A worker is a forked process with a struct worker (worker.h) in memory shared with its parent, so that
 * what it counted survives however it ends. run() loops while worker_running(w), does one unit of work, and
 * calls worker_tick(w, 1), which reads the clock and the CPU and keeps every figure of the record. It
 * allocates nothing and makes no system call beyond its work and the clock. A system call that blocks may
 * return early with EINTR: that is how a worker learns that it must stop.
 *
 * Parameters are typed rows (rows.h): the same rows parse the spec, print ktstr-work --list, and are what
 * ktstr-spec(5) is compared with. A value lands at its offset in the type's args struct.
 */
#ifndef KT_WORK_H
#define KT_WORK_H

#include "libexec/lib/cpulist.h"
#include "libexec/spec/program.h"
#include "libexec/lib/rows.h"
#include "libexec/topo/plan.h"

struct worker;

/* Where workers are. */
struct work_place {
	const struct topo *plan;
	struct cpumask cpus, first_cpus; /* that any of them may use: now, and when they started */
	struct cpumask nodes;            /* that their memory may come from */
};

/* What there is to know of a type before anything runs. */
enum work_trait {
	WORK_ROOT = 1,     /* does what only root may */
	WORK_CGROUP = 2,   /* is in a cgroup */
	WORK_FORKS = 4,    /* has children or threads */
	WORK_PINS = 8,     /* sets CPU affinities */
	WORK_DEADLINE = 16, /* some of its workers are of SCHED_DEADLINE */
	WORK_OTHERS = 32,  /* works on other workers of its cgroup */
	WORK_STAYS = 64,   /* has cgroups of its own below that it was born in: it cannot be moved to another */
	WORK_LASTING = 128, /* what check() asks for has to be so for as long as it runs */
	WORK_COMPUTES = 256, /* its spins can be modelled: worker_compute() */
};

struct work_type {
	const char *name;
	const char *summary;           /* what it does, and what that stresses in a scheduler: one line */
	const char *unit;              /* what one work unit is; an iteration is one turn of the outer loop */
	const char *gap;               /* time that is in no gap: sleep on purpose; NULL: none */
	const char *latency;           /* what it records in w->wake_latency: from when to when; NULL: nothing */
	const struct row *args;        /* NULL-named last row; NULL when there are none */
	size_t args_size;
	unsigned traits;               /* enum work_trait */
	unsigned (*traits_of)(const void *args); /* more of them, by its parameters; NULL: none */
	/* Before anything runs: can it work there? 0, or -1 and err: the spec is refused. What only the machine knows is
	 * prepare()'s. NULL: anywhere. */
	int (*check)(const void *args, const struct work_place *at, struct kt_err *err);
	/* A cgroup that it moves tasks to, by its name in the one that its own is in; NULL: none. */
	const char *(*dest)(const void *args);
	/* Workers form groups of this size, by index; NULL: 1. */
	unsigned (*group_size)(const void *args);
	/* What this worker does that others of its group do not, in one word; workers are compared within a role only. NULL: all do
	 * the same. */
	const char *(*role)(const struct worker *w, const void *args);
	/* In the parent, before the group is forked: the memory it shares, its pipes. 0, or -1 and err. Descriptors go
	 * into the fds of the worker that uses them; the parent closes those after the fork. */
	int (*setup)(struct worker *group, unsigned n, const void *args, struct kt_err *err);
	/* In the worker, before it says that it is ready: memory of its own, mapped and touched (work_alloc()), what only it
	 * may ask for. 0, or -1 and err: then nobody runs. NULL: nothing to do. */
	int (*prepare)(struct worker *w, const void *args, struct kt_err *err);
	void (*run)(struct worker *w, const void *args);
	const struct program *(*program)(const void *args); /* of the host that it needs in the guest; NULL: none */
	/* In the parent, after the last worker is gone, for groups whose workers all completed: did they do what the
	 * type says? 0, or -1 and err. NULL: nothing to add. */
	int (*verify)(const struct worker *group, unsigned n, const void *args, struct kt_err *err);
	/* In the parent, after the group is gone, however it ended, and also when setup() failed: what was made that outlives
	 * processes, such as cgroups, is removed. 0, or -1 and err. NULL: nothing to do. */
	int (*teardown)(struct worker *group, unsigned n, const void *args, struct kt_err *err);
	/* More for its record, beside what worker.h keeps: an object whose members become the record's. NULL: nothing. */
	json_t *(*figures)(const struct worker *w, const void *args);
};

const struct work_type *work_type_find(const char *name);
extern const struct work_type *const work_types[]; /* NULL-terminated, in the order of list.h */
size_t work_types_count(void);
/* Workers in a group of this type: at least 1. */
unsigned work_group_size(const struct work_type *type, const void *args);
unsigned work_traits(const struct work_type *type, const void *args);
/* For people: every type with what it does, its unit, and its parameters. */
void work_types_print(FILE *f);
/* For programs: every parameter, as rows_print() prints it, under prefix.Type. */
void work_types_print_keys(FILE *f, const char *prefix);

#endif
