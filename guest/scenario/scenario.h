/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.h - run what a spec says, on the machine this is on, and write what happened. */
#ifndef KT_SCENARIO_H
#define KT_SCENARIO_H

#include "libexec/lib/outcome.h"
#include "libexec/spec/spec.h"

struct scenario_opts {
	const char *cgroup_root; /* NULL: no cgroups; workers stay where they are, cpusets become CPU affinities */
	int64_t seed;            /* in a guest: of the affinities that are drawn before it is told its own */
	bool virtual_clock;      /* the machine counts instructions for its time */
	bool model;              /* model what the workers compute: guest/compute.h */
	bool guest;              /* in ktstr-boot's: keep its watchdog quiet, stand still for the checkpoint, and ask it for the seed */
	bool verbose;            /* who is who, on stderr, before they are let go */
};

/*
 * Run the scenario: the backdrop, the steps one after the other, each with its setup, its ops and its hold. Write to out
 * the phase that is over when the first workers are released, BASELINE; and when all is over the other phases, one
 * record per op that was done and per worker by batch and index, and the end. When it could not run, the end comes at
 * once. Nothing is written while it runs. Afterwards no worker and no cgroup is left, and CPUs and sysctls are what they
 * were.
 */
enum outcome scenario_run(const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts, FILE *out,
			  struct kt_err *err);

#endif
