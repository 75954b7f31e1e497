/* SPDX-License-Identifier: GPL-2.0-only */
/* compute.h - modelled computing (guest/compute.h), but for what work types call of it, which is in worker.h. */
#ifndef KT_WORK_COMPUTE_H
#define KT_WORK_COMPUTE_H

#include "libexec/lib/kt.h"

struct worker;

/* Of a scenario. Zeroed: computing is executed. */
struct compute_costs {
	bool models;
	uint64_t sample_ns, tick_ns; /* what 1024 spins take on this machine, and all else of a unit */
};

/* Computing is to be modelled. hw_init() must have been. -1 and err: this machine cannot. */
int compute_init(struct compute_costs *ret, struct kt_err *err);
/* In the worker, when it begins. */
void compute_begin(struct worker *w);
/* In the parent, of a worker that was killed: what it had computed by then. */
void compute_settle(struct worker *w);

#endif
