// SPDX-License-Identifier: GPL-2.0-only
/*
 * AsymmetricWaker: the first of a pair spins and wakes the second, which hands the turn straight back. Each is in the
 * scheduling class that the spec gives it, so that a wake-up crosses classes.
 */
#include "guest/work/ring.h"
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>

#ifndef SCHED_EXT
#define SCHED_EXT 7
#endif

enum { WAKER, WAKEE };

struct asymmetric { unsigned class[2]; int64_t burst; };

static const char *const class_names[] = { "Cfs", "Batch", "Idle", "Rt", "Deadline", "Ext", NULL };

/* In the order of class_names. Rt has the lowest priority there is, Deadline a tenth of a CPU. */
static const struct sched_attr classes[] = {
	{ .sched_policy = SCHED_NORMAL },
	{ .sched_policy = SCHED_BATCH },
	{ .sched_policy = SCHED_IDLE },
	{ .sched_policy = SCHED_FIFO, .sched_priority = 1 },
	{ .sched_policy = SCHED_DEADLINE, .sched_runtime = NSEC_PER_MSEC, .sched_deadline = 10 * NSEC_PER_MSEC,
	  .sched_period = 10 * NSEC_PER_MSEC },
	{ .sched_policy = SCHED_EXT },
};

static int asymmetric_waker_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct asymmetric *a = args;
	unsigned class = a->class[w->member];
	struct sched_attr attr = classes[class];

	attr.size = sizeof(attr);
	if (syscall(SYS_sched_getscheduler, 0) == (long)attr.sched_policy)
		return 0;
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		return kt_fail(err, "cannot enter the class %s: %s", class_names[class], strerror(errno));
	return 0;
}

static unsigned asymmetric_waker_traits_of(const void *args)
{
	const struct asymmetric *a = args;
	unsigned traits = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(a->class); i++) {
		unsigned policy = classes[a->class[i]].sched_policy;

		traits |= policy == SCHED_DEADLINE ? WORK_ROOT | WORK_DEADLINE : policy == SCHED_FIFO ? WORK_ROOT : 0;
	}
	return traits;
}

static void asymmetric_waker_work(struct worker *w, const void *args)
{
	const struct asymmetric *a = args;

	if (w->member == WAKER)
		worker_compute(w, a->burst);
}

static void asymmetric_waker_run(struct worker *w, const void *args)
{
	(void)args;
	ring_run(w, 2, w->member == WAKEE, asymmetric_waker_work);
}

static const char *asymmetric_waker_role(const struct worker *w, const void *args)
{
	(void)args;
	return w->member == WAKER ? "waker" : "wakee";
}

static const struct row rows[] = {
	{ .name = "waker_class", .kind = ROW_ENUM, .offset = offsetof(struct asymmetric, class[WAKER]), .names = class_names,
	  .help = "scheduling class of the first of a pair" },
	{ .name = "wakee_class", .kind = ROW_ENUM, .offset = offsetof(struct asymmetric, class[WAKEE]), .names = class_names,
	  .help = "scheduling class of the second" },
	{ .name = "burst", .kind = ROW_INT, .offset = offsetof(struct asymmetric, burst), .max = 1e7, .def = 1024,
	  .help = "spins of the waker before it wakes" },
	{ 0 }
};

const struct work_type work_asymmetric_waker = {
	.name = "AsymmetricWaker",
	.summary = "The first of a pair spins and wakes the second, of another scheduling class: wake-ups across classes.",
	.unit = "one turn",
	.gap = "nothing; waiting for the partner counts",
	.latency = "from just before the wake-up to the second one's return from its wait; the first one's is not recorded",
	.args = rows,
	.args_size = sizeof(struct asymmetric),
	.traits = WORK_COMPUTES,
	.group_size = ring_pair,
	.role = asymmetric_waker_role,
	.traits_of = asymmetric_waker_traits_of,
	.prepare = asymmetric_waker_prepare,
	.run = asymmetric_waker_run,
	.verify = ring_verify,
};
