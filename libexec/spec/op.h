/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * op.h - ops: what a step does to a scenario that is running. An op is one struct op_kind, and one function that does it
 * (guest/scenario/engine.h); op-list.h is the one list of them. In a spec an op is a variant: "Name" or {"Name": ...}.
 */
#ifndef KT_OP_H
#define KT_OP_H

#include "libexec/spec/spec.h"

struct scene;

struct op_kind {
	const char *name;
	const char *old_name;    /* taken too, with a note; or NULL */
	const char *type;        /* of its parameter, for people; NULL: it has none */
	const char *help;
	const struct row *rows;  /* the keys of its parameter when that is an object; the defaults of args */
	size_t args_size;
	/* Read the parameter into args. NULL: by the rows alone. */
	bool (*parse)(const struct jcur *c, void *args, struct spec_reader *rd);
	void (*deinit)(void *args); /* what args own; may be NULL */
	/*
	 * Go through it in the scene: change there what it will change. What cannot be goes to scene_error(), and false. Done
	 * once before anything runs, and again when it does.
	 */
	bool (*check)(struct scene *sc, const struct op *op);
};

extern const struct op_kind *const op_kinds[]; /* NULL-terminated, in the order of op-list.h */
extern const struct op_kind op_add_cgroup_def; /* its args are a struct cgroup_def */
extern const struct op_kind op_spawn, op_set_limits, op_move_all_tasks;
extern const struct op_kind op_write_sysctl, op_steer_irq;
extern const struct op_kind op_read_kernel_cold, op_write_kernel_cold;
extern const struct op_kind op_snapshot, op_watch_snapshot;
/* Read one op; ret->path is filled in any case. */
bool op_parse(const struct jcur *c, struct op *ret, struct spec_reader *rd);
void op_deinit(struct op *op);
/* The number of a CPU of the plan. */
bool op_parse_cpu(const struct jcur *c, const struct spec_reader *rd, unsigned *ret);
/* For programs: every op and its keys, as rows_print() prints them. */
void op_kinds_print_keys(FILE *f, const char *prefix);

/* The args of the ops of this tree. */
struct cgroup_args { const char *cgroup; };                       /* AddCgroup, RemoveCgroup, StopCgroup, ... */
struct cpuset_args { const char *cgroup; struct cpuset cpuset; }; /* SetCpuset */
struct swap_args { const char *cgroups[2]; };
struct mems_args { const char *cgroup; struct cpumask mems; };
struct limits_args { struct limits limits; const char *cgroup; };
struct spawn_args { struct work_spec work; const char *cgroup; }; /* cgroup NULL: beside the cgroups */
struct affinity_args { const char *cgroup; struct affinity affinity; };
struct move_args { const char *from, *to; };                      /* from "": those beside the cgroups */
struct capture_args { const char *cgroup, *tag; };
struct sysctl_args { const char *name, *value; char *text; };
struct irq_args { const char *name; char *text; bool is_number; unsigned cpu; };
struct cpu_args { unsigned cpu; };
struct payload_args { unsigned index; const char *cgroup; int64_t timeout_ns; }; /* RunPayload, ...; of spec->payloads */
struct scheduler_args { const char *name; };                     /* spec_scheduler() finds it */

enum kernel_target { KERNEL_SYMBOL, KERNEL_KVA, KERNEL_PER_CPU, KERNEL_TASK };
enum { KERNEL_MAX_BYTES = 1024, KERNEL_MAX_NAME = 63 };
struct kernel_args {                                             /* ReadKernelHot, ... */
	const char *tag;                 /* NULL: none */
	enum kernel_target target;
	const char *symbol;              /* SYMBOL, PER_CPU */
	uint64_t offset;                 /* SYMBOL: from there; KVA: the address; PER_CPU, TASK: of the member, found by ktstr-boot */
	unsigned cpu;                    /* PER_CPU */
	const char *cgroup;              /* TASK: where the worker was started, "" beside the cgroups; NULL: the runner */
	unsigned group, index;
	const char *member;              /* PER_CPU, TASK: "se.vruntime"; NULL: from the beginning */
	bool bytes;                      /* neither u32 nor u64 */
	unsigned size;
	unsigned char *value;            /* to be written; NULL: it reads */
};
struct snapshot_args { const char *name; };                      /* Snapshot */
enum { WATCHES_BY_SPEC = 3 };
struct watch_args { const char *name; };                         /* WatchSnapshot: libexec/lib/place.h */
/* Is it one of the ops on kernel memory? */
bool op_is_kernel(const struct op *op);

#endif
