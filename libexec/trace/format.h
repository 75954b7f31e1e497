/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format.h - the file of a trace: ktstr-trace(5) has it in words.
 *
 * A header of TRACE_HEADER_SIZE bytes, a line of JSON with blanks before its end. Then blocks, each of which can be read without the
 * others. Numbers in a block's head are little-endian; all others have seven bits a byte, the lowest first, and the eighth bit set in each
 * byte but the last. A name, or a set of CPUs, is the number of its bytes and then these; CPU 0 is the lowest bit of the first. Times
 * count from the start of the machine, in ns.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACE_VERSION = 1, TRACE_HEADER_SIZE = 4096, TRACE_BLOCK_MAGIC = 0x6b6c6274 /* "tblk" */ };
/* A block is closed when less than TRACE_RECORD_MAX is left of it. */
enum { TRACE_BLOCK_SIZE = 128 << 10, TRACE_RECORD_MAX = 24 << 10, TRACE_CGROUP_DEPTH = 32, TRACE_NAME_SIZE = 256, TRACE_COMM_SIZE = 16, TRACE_MASK_SIZE = 128 };

struct block_head {
	uint32_t magic;
	uint32_t size;          /* of the block, with its head */
	uint32_t events;        /* records that are events */
	uint32_t reserved;
	int64_t first_ns, last_ns; /* times of the first and the last event */
};

struct block {
	struct block_head head;
	unsigned char data[TRACE_BLOCK_SIZE - sizeof(struct block_head)];
};

/*
 * The first byte of a record: a kind in the low five bits, and flags. Definitions count up from 0 in each block, tasks and cgroups
 * apart, and an event names a task by that number.
 */
enum record_kind {
	RECORD_CGROUP = 1,      /* parent (0: none, else its number plus 1), ID, name */
	RECORD_TASK,            /* tid, tgid, policy, prio, cgroup plus 1 (0: not known), name, CPUs that it may use */
	RECORD_RUNNING,         /* CPU, task: what runs there when the block begins. RECORD_ACTIVE */
	RECORD_EVENTS,          /* what follows is an event: its CPU, then ns since the event before it in the block */
	RECORD_SWITCH = RECORD_EVENTS, /* prev, next, prev's state. RECORD_PREEMPTED, RECORD_QUEUED */
	RECORD_WAKING,          /* task: woken by what runs there */
	RECORD_ENQUEUE,         /* task, its CPU: it may run from now on, if it could not before. RECORD_WAKES, RECORD_DELAYED */
	RECORD_MIGRATE,         /* task, its next CPU */
	RECORD_FORK,            /* task: it is new, made by what runs there */
	RECORD_EXIT,            /* task, the code as wait() has it */
	RECORD_TICK,
	RECORD_AFFINITY,        /* task, CPUs that it may use from now on */
	RECORD_THROTTLE,        /* cgroup, CPU: its tasks may not run there, once more */
	RECORD_UNTHROTTLE,      /* cgroup, CPU: the same, once less */
	RECORD_ONLINE,          /* CPU: tasks may use it from now on. RECORD_ACTIVE: else they may not */
	RECORD_KINDS,
};
enum {
	RECORD_KIND_MASK = 31,
	RECORD_PREEMPTED = 32, /* prev did not ask for it */
	RECORD_QUEUED = 64,    /* prev may run */
	RECORD_WAKES = 32,     /* the task slept */
	RECORD_DELAYED = 64,   /* it slept in its queue (delayed dequeue) */
	RECORD_ACTIVE = 32,    /* tasks may use the CPU */
};

#endif
