/* SPDX-License-Identifier: GPL-2.0-only */
/* host.h - a scenario on the machine that this is, which has to be as before when it is over. */
#ifndef KT_HOST_H
#define KT_HOST_H

#include "guest/scenario/scenario.h"

/*
 * scenario_run() below a cgroup of this run's own, /sys/fs/cgroup/ktstr-PID or wherever cgroup2 is mounted, by a child process: should
 * that be killed, this one ends the report, removes the cgroups with all that is in them, and puts back CPUs and sysctls.
 * Should this one be killed, the child ends the run and removes them. What is left when both are killed the next run removes: who
 * lives holds a lock on its cgroup. OUTCOME_UNSUPPORTED where it is not root, or there is no cgroup2.
 */
enum outcome host_run(const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts, FILE *out,
		      struct kt_err *err);

#endif
