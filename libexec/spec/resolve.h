/* SPDX-License-Identifier: GPL-2.0-only */
/* resolve.h - what a spec comes to on a plan, for people: every set of CPUs, without running anything. */
#ifndef KT_RESOLVE_H
#define KT_RESOLVE_H

#include "libexec/spec/spec.h"

/*
 * Go through the scenario and write, as JSON Lines, in the order in which it happens:
 *   {"cgroup","cpuset","workers","work","path"}  a cgroup that is made, or a group of workers that is started
 *   {"cgroup","cpuset","path"}                   a cgroup that an op, at path, gives other CPUs
 *   {"cgroup","affinity","path"}                 workers that an op gives another affinity
 * cpuset is what tasks of the cgroup may use by then. affinity is an array with a cpulist for each worker; workers that
 * are started with one have it too. An op that a loop does again has "repeat", from 1. The spec is one that was found
 * good on this plan. -1 and err when writing fails.
 */
int spec_resolve(const struct spec *spec, const struct topo *plan, int64_t seed, FILE *f, struct kt_err *err);

#endif
