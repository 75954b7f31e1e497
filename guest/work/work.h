/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * work.h - work types: what a worker does. One file each, ending in its descriptor; list.h is the one list of them.
 *
 * A worker is a forked process with a struct worker in memory shared with its parent, so that what it counted
 * survives however it ends. run() loops while worker_running(w), does one unit of work, and calls worker_tick(w, 1),
 * which reads the clock and the CPU and keeps every figure of the record. It allocates nothing and makes no system
 * call beyond its work and the clock.
 */
#ifndef KT_WORK_H
#define KT_WORK_H

#include "json.h"

/*
 * Parameters are typed rows: the same rows parse the spec, print ktstr-work --list, and make the table of
 * ktstr-spec(5). A row's value lands at its offset in the type's args struct: INT and NS as int64_t (NS is written
 * in the unit its name ends in: _ms, _us, _s), REAL as double, CUSTOM through parse().
 */
enum arg_kind { ARG_INT, ARG_REAL, ARG_NS, ARG_CUSTOM };

struct work_arg {
	const char *name;
	enum arg_kind kind;
	size_t offset;
	double min, max, def; /* in the unit of the name */
	bool required;
	const char *help;
	/* CUSTOM: parse c into args; errors go through c. */
	bool (*parse)(const struct jcur *c, void *args);
};

struct worker;

struct work_type {
	const char *name;
	const char *summary;           /* what it does, and what that stresses in a scheduler: one line */
	const char *unit;              /* what one work unit is */
	bool wake_latency;             /* fills w->wake_latency */
	const struct work_arg *args;   /* NULL-named last row; NULL when there are none */
	size_t args_size;
	/* Workers form groups of this size, by index; 1: no groups. */
	unsigned (*group_size)(const void *args); /* NULL: 1 */
	/* In the parent, before any fork: the memory a group shares, its pipes. 0, or -1 and err. */
	int (*setup)(struct worker *group, unsigned n, const void *args, struct kt_err *err);
	void (*run)(struct worker *w, const void *args);
	/* In the parent, after the last worker is gone: did it do what it says? 0, or -1 and err. NULL: nothing to add. */
	int (*verify)(const struct worker *group, unsigned n, const void *args, struct kt_err *err);
};

const struct work_type *work_type_find(const char *name);
extern const struct work_type *const work_types[]; /* NULL-terminated, in the order of list.h */

#endif
