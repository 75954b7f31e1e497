/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * taps.h - the functions of the guest's kernel at which events are recorded, and the memory in which the host tells ktstr-turns.so
 * (libexec/vm/shim-trace.c) of them, and hears how far the trace has come.
 *
 * Each tap is the first instruction of a function that the kernel calls and never inlines. Its arguments are in registers there. A
 * kernel that lacks the function, or a member that its event needs, has no such events: the trace names them.
 */
#ifndef TRACE_TAPS_H
#define TRACE_TAPS_H

#include "libexec/trace/format.h"
#include <stdatomic.h>

/* What each function tells. TAP_SCHEDULE is no event: it completes a switch. */
enum tap_kind {
	TAP_SCHEDULE,   /* __schedule(mode): whether the switch that follows is a preemption */
	TAP_SWITCH,     /* __switch_to_asm(prev, next) */
	TAP_WAKING,     /* try_to_wake_up(task, state, ...) */
	TAP_ENQUEUE,    /* enqueue_task(rq, task, flags) */
	TAP_MIGRATE,    /* set_task_cpu(task, cpu) */
	TAP_FORK,       /* wake_up_new_task(task) */
	TAP_EXIT,       /* do_exit(code) */
	TAP_TICK,       /* sched_tick() */
	TAP_AFFINITY,   /* set_cpus_allowed_common(task, context) */
	TAP_THROTTLE,   /* tg_throttle_down(group, rq) */
	TAP_UNTHROTTLE, /* tg_unthrottle_up(group, rq) */
	TAP_ACTIVATE,   /* sched_cpu_activate(cpu) */
	TAP_DEACTIVATE, /* sched_cpu_deactivate(cpu) */
	TAP_KINDS,
};

/* X(name, struct, member, how other kernels call it or NULL). Those of the second table need not be there. */
#define TAP_MEMBERS(X) \
	X(state, "task_struct", "__state", NULL) \
	X(on_rq, "task_struct", "on_rq", NULL) \
	X(tid, "task_struct", "pid", NULL) \
	X(tgid, "task_struct", "tgid", NULL) \
	X(comm, "task_struct", "comm", NULL) \
	X(policy, "task_struct", "policy", NULL) \
	X(prio, "task_struct", "prio", NULL) \
	X(cpu, "task_struct", "thread_info.cpu", NULL) \
	X(css_set, "task_struct", "cgroups", NULL) \
	X(cgroup, "css_set", "dfl_cgrp", NULL) \
	X(node, "cgroup", "kn", NULL) \
	X(node_id, "kernfs_node", "id", NULL) \
	X(node_name, "kernfs_node", "name", NULL) \
	X(node_parent, "kernfs_node", "__parent", "parent") \
	X(allowed, "task_struct", "cpus_ptr", NULL) \
	X(curr, "rq", "curr", NULL) \
	X(rq_cpu, "rq", "cpu", NULL) \
	X(new_mask, "affinity_context", "new_mask", NULL)
#define TAP_MORE_MEMBERS(X) \
	X(delayed, "task_struct", "se.sched_delayed", NULL) \
	X(group, "task_group", "css.cgroup", NULL)

/* From the start of its struct; a number of up to 8 bytes, or an array. */
struct tap_member { uint32_t offset, size; };

enum { TAPS_NODES_MAX = 64 };

struct taps {
	/* The host's, before QEMU runs. */
	struct {
		uint64_t at;                              /* 0: the kernel has no such function */
		bool late;                                /* ktstr-turns.so's: times may be late by an instruction */
	} taps[TAP_KINDS];
	struct tap_members {
#define X(name, type, path, older) struct tap_member name;
		TAP_MEMBERS(X)
		TAP_MORE_MEMBERS(X)
#undef X
	} members;
	uint64_t per_cpu_offsets, runqueues, active;      /* the kernel's __per_cpu_offset, runqueues, and __cpu_active_mask */
	unsigned nr_cpus, ns_shift;
	uint64_t low;                                     /* bytes of memory below the hole under 4 GiB */
	unsigned nr_nodes;
	uint64_t node_size[TAPS_NODES_MAX];
	/* ktstr-turns.so's. */
	_Atomic uint64_t events;                          /* in the blocks that are in the file */
	_Atomic uint64_t bytes;                           /* of them */
	_Atomic int64_t zero_ns;                          /* when the first phase began; -1: it has not */
	_Atomic int64_t ended_ns;                         /* why is not empty: from then on nothing was recorded */
	char why[160];
	struct block block;                               /* that is not full yet */
};

#endif
