/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot.h - what a kernel's schedulers are doing, as one object: see ktstr-snap(5). The guest stands while it is made.
 *
 *     snap-cpus.c    runqueues, idle state, registers
 *     snap-tasks.c   all tasks
 *     snap-dsqs.c    sched_ext: the scheduler, its events, its dispatch queues
 *     snap-maps.c    BPF maps and programs
 */
#ifndef KT_SNAPSHOT_H
#define KT_SNAPSHOT_H

#include "libexec/lib/cpulist.h"
#include "libexec/look/target.h"

/* How far each goes at most. What is beyond is noted. */
enum {
	SNAPSHOT_TASKS_MAX = 8192, SNAPSHOT_DSQS_MAX = 4096, SNAPSHOT_MAPS_MAX = 256,
	SNAPSHOT_ENTRIES_MAX = 4096, SNAPSHOT_VALUES_MAX = 400000,
};

/*
 * {"cpus": [...], "tasks": [...], "scheduler": {...} or null, "dsqs": [...], "maps": {...}, "programs": [...], "missing": [...]}.
 * registers: what QEMU says of its vCPUs, as text; NULL: not known.
 */
json_t *snapshot_make(struct target *t, const char *registers);

/* Parts of it. */
json_t *snapshot_cpus(struct target *t, const char *registers);
/* Those that are on a runqueue are put into "runnable" of their CPU, too. */
json_t *snapshot_tasks(struct target *t, json_t *cpus);
json_t *snapshot_scheduler(struct target *t);
/* Where the kernel has the exit kind of the sched_ext scheduler that is attached, 4 bytes; 0: there is none, or it is not known where. */
uint64_t snapshot_exit_kind_at(struct target *t);
json_t *snapshot_dsqs(struct target *t);
/* For a sample: a task that is runnable and does not run. */
struct sample_task {
	unsigned cpu;            /* on whose runqueue */
	struct cpumask allowed;  /* CPUs that are on, and may run it */
	bool elsewhere;          /* sched_ext: it is in no CPU's local queue */
};
void snapshot_waiting_tasks(struct target *t, void (*found)(void *ctx, const struct sample_task *task), void *ctx);
/* Whether a task is in the class of sched_ext. */
bool snapshot_is_ext(struct target *t, uint64_t task);
/* sched_ext's events, of all CPUs together; NULL: there is no scheduler. */
json_t *snapshot_events(struct target *t);
/* A dispatch queue at this address. */
json_t *snapshot_dsq(struct target *t, uint64_t dsq);
/* *nodes: how many values may still be made of BPF maps. */
json_t *snapshot_maps(struct target *t, size_t *nodes);
json_t *snapshot_programs(struct target *t);
/* A global variable of a BPF program, or a member of one. */
struct snapshot_variable {
	uint64_t address;
	uint32_t size;
	char map[17];
};
/* How many have this name, in this map (NULL: in any); one of them. -1 and err: it has no such member. */
int snapshot_find_variable(struct target *t, const char *map, const char *name, struct snapshot_variable *ret, struct kt_err *err);
/* "are a, b, c", some of all there are; "": there are none. */
char *snapshot_variable_names(struct target *t);
/* Where a vCPU is in the kernel, by its registers as text: "ip" and "symbol" are added to the object. */
void snapshot_add_program(struct target *t, uint64_t ip, json_t *object); /* "symbol", if it is in a BPF program */
void snapshot_add_ip(const struct target *t, const char *registers, json_t *object);

/* A member of the kernel's that becomes a member of the record: what it is called there. */
struct field {
	const char *name;     /* "a.b": of an object in it */
	enum { AS_U64, AS_S64, AS_BOOL, AS_ADDRESS } how;
	struct member m;
};
/* Those of an object that this kernel has. */
json_t *snapshot_fields(struct target *t, uint64_t object, struct field *rows, size_t n);
/* "a.b" of an object, made where it is not. Takes the value. */
void snapshot_set(json_t *object, const char *path, json_t *value);
/* The pid of a task at this address. */
bool snapshot_pid(struct target *t, uint64_t task, json_int_t *ret);
/* The names of a kernel's own enum, such as "BPF_MAP_TYPE_HASH". NULL: it has none for this value. */
const char *snapshot_enum(const struct target *t, const char *type, uint64_t value);

#endif
