// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modelled computing, the guest's side: see guest/compute.h for the ports, and worker.h for what work types call.
 *
 * What a unit costs is measured when the scenario is set up, on the machine that runs it: so it is right for every ns_per_insn, and
 * for whatever the compiler made of a tick.
 */
#include "guest/work/compute.h"
#include "guest/work/worker.h"
#include "libexec/spec/spec.h"
#include "guest/compute.h"
#include <sys/io.h>
#include <x86intrin.h>

_Static_assert((int)COMPUTE_SLOTS >= (int)SPEC_MAX_WORKERS, "every worker has a slot");

/*
 * Below, an executed stretch costs the host less. Measured with PolicyChurn: executed, 2 us of the host's CPU time for each us on one CPU, 3 on
 * four; modelled, some 90 us however long it is, nearly all of them the jump of the clock, which goes through QEMU's main thread. They
 * are even at 30 to 45 us; a jump without that thread is cheaper.
 */
enum { LEAST_NS = 20 * NSEC_PER_USEC };
enum { SAMPLE = 1024, TIMES = 16 };

static unsigned short port_of(const struct worker *w)
{
	return (unsigned short)(COMPUTE_PORT + 4 * (w - w->go->workers));
}

static unsigned short charged_of(const struct worker *w)
{
	return (unsigned short)(port_of(w) - COMPUTE_PORT + COMPUTE_CHARGED);
}

static bool is_modelled(const struct worker *w)
{
	return w->go->compute.models;
}

/*
 * What so many spins take, and all else of an executed unit: its tick, the calls, and the loop of the work type. The least, for a turn
 * may end in between.
 */
static void measure_costs(struct compute_costs *ret)
{
	static struct go go;
	static struct worker w = { .go = &go };
	uint64_t unit_ns = UINT64_MAX;

	ret->sample_ns = UINT64_MAX;
	for (int i = 0; i < TIMES; i++) {
		uint64_t start = __rdtsc();
		worker_spin(SAMPLE);
		uint64_t spun = __rdtsc();
		if (worker_running(&w))
			w.iterations += worker_compute_until(&w, SAMPLE, 1, UINT64_MAX);
		uint64_t end = __rdtsc();

		ret->sample_ns = MIN(ret->sample_ns, spun - start);
		unit_ns = MIN(unit_ns, end - spun);
	}
	ret->tick_ns = unit_ns - MIN(unit_ns, ret->sample_ns);
}

int compute_init(struct compute_costs *ret, struct kt_err *err)
{
	uint32_t before, clock, after;

	if (inl(COMPUTE_IS_HERE) != COMPUTE_MAGIC)
		return kt_fail(err, "computing cannot be modelled: the ports for it are not there; use --compute execute");
	before = (uint32_t)__rdtsc();
	clock = inl(COMPUTE_CLOCK);
	after = (uint32_t)__rdtsc();
	if (clock - before > after - before)
		return kt_fail(err, "computing cannot be modelled: the TSC is not the clock of the machine; use --compute execute");
	measure_costs(ret);
	ret->models = true;
	return 0;
}

static uint64_t spins_ns(const struct worker *w, uint64_t n)
{
	return n * w->go->compute.sample_ns / SAMPLE;
}

void compute_begin(struct worker *w)
{
	if (!is_modelled(w))
		return;
	w->computed = inl(port_of(w));
	w->charged = inl(charged_of(w));
}

/* What the slot has had since it was last asked. */
struct stretch { uint64_t ns, charged; };
static struct stretch take_stretch(struct worker *w)
{
	uint32_t computed = inl(port_of(w)), charged = inl(charged_of(w));
	struct stretch s = { computed - w->computed, charged - w->charged };

	w->computed = computed;
	w->charged = charged;
	w->modelled_ns += s.ns;
	return s;
}

/* From a moment that rdtsc has told: if this task is preempted after that, it does not compute beyond the end for it. */
static struct stretch compute(struct worker *w, uint64_t tsc, uint64_t ns)
{
	outl((uint32_t)tsc + (uint32_t)MIN(ns, (uint64_t)COMPUTE_LONGEST_NS), port_of(w));
	return take_stretch(w);
}

void worker_compute(struct worker *w, uint64_t n)
{
	uint64_t left = spins_ns(w, n);

	if (!is_modelled(w) || left < LEAST_NS) {
		worker_spin(n);
		return;
	}
	while (left >= LEAST_NS)
		left -= MIN(left, compute(w, __rdtsc(), left).charged);
	worker_spin(left * SAMPLE / w->go->compute.sample_ns);
}

/* Units from charged time. None are done after the stop. */
static uint64_t units_of(struct worker *w, struct stretch s, uint64_t now)
{
	uint64_t stop = atomic_load(&w->go->stop_ns), late = stop && now > stop ? now - stop : 0;
	uint64_t ns = w->compute_rest_ns + s.charged - MIN(s.charged, late);

	w->compute_rest_ns = ns % w->compute_unit_ns;
	return ns / w->compute_unit_ns;
}

/* Up to the next interrupt. */
static uint64_t compute_until(struct worker *w, unsigned units, uint64_t until)
{
	uint64_t tsc = __rdtsc(), now = now_ns();

	struct stretch s = compute(w, tsc, MIN(until - MIN(until, now), (uint64_t)COMPUTE_LONGEST_NS));
	w->last_ns += s.ns; /* that is in no gap */
	uint64_t n = units_of(w, s, w->last_ns);
	worker_tick(w, n * units);
	return n;
}

uint64_t worker_compute_until(struct worker *w, uint64_t spins, unsigned units, uint64_t until)
{
	uint64_t unit_ns = spins_ns(w, spins) + w->go->compute.tick_ns;

	if (!is_modelled(w) || until - MIN(until, w->last_ns) < LEAST_NS) {
		worker_spin(spins);
		worker_tick(w, units);
		return 1;
	}
	if (unit_ns >= LEAST_NS) {
		worker_compute(w, spins);
		worker_tick(w, units);
		return 1;
	}
	w->compute_unit_ns = unit_ns;
	w->compute_units = units;
	return compute_until(w, units, until);
}

void compute_settle(struct worker *w)
{
	if (!is_modelled(w) || !w->started)
		return;
	struct stretch s = take_stretch(w);
	if (!w->compute_unit_ns)
		return; /* it was in the middle of a unit */
	w->last_ns += s.ns;
	w->work_units += units_of(w, s, w->last_ns) * w->compute_units;
}
