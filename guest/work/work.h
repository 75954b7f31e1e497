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

#include "program.h"
#include "rows.h"

struct cpumask;
struct topo;
struct worker;

struct work_type {
	const char *name;
	const char *summary;           /* what it does, and what that stresses in a scheduler: one line */
	const char *unit;              /* what one work unit is; an iteration is one turn of the outer loop */
	const char *gap;               /* time that is in no gap: sleep on purpose; NULL: none */
	const char *latency;           /* what it records in w->wake_latency: from when to when; NULL: nothing */
	const struct row *args;        /* NULL-named last row; NULL when there are none */
	size_t args_size;
	/* Before anything runs: can it work there? cpus is where any of the workers may run, NULL when that is not known; plan is
	 * the machine. 0, or -1 and err: the spec is refused. What only the machine knows is prepare()'s. NULL: anywhere. */
	int (*check)(const void *args, const struct cpumask *cpus, const struct topo *plan, struct kt_err *err);
	/* Workers form groups of this size, by index; NULL: 1. */
	unsigned (*group_size)(const void *args);
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
/* For people: every type with what it does, its unit, and its parameters. */
void work_types_print(FILE *f);
/* For programs: every parameter, as rows_print() prints it, under prefix.Type. */
void work_types_print_keys(FILE *f, const char *prefix);

#endif
