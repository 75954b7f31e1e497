// SPDX-License-Identifier: GPL-2.0-only
/*
 * SmtSiblingSpin: pairs that spin with PAUSE, which on real hardware leaves the core to the sibling. On the virtual clock
 * siblings share nothing, and the emulator takes PAUSE for a wish to let all other virtual CPUs have their turn first: the
 * worker would do next to nothing. There it spins without, and the record's detail says so.
 */
#include "guest/work/ring.h"

enum { PAUSES = 128, SPINS = 1024 };

static void relax_cpu(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

static void smt_sibling_spin_run(struct worker *w, const void *args)
{
	bool emulated = w->go->virtual_clock;

	(void)args;
	if (emulated)
		snprintf(w->detail, sizeof(w->detail), "without PAUSE: the clock is virtual");
	while (worker_running(w)) {
		if (emulated)
			worker_spin(SPINS);
		for (unsigned i = 0; i < PAUSES && !emulated; i++)
			relax_cpu();
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_smt_sibling_spin = {
	.name = "SmtSiblingSpin",
	.summary = "Pairs spin with PAUSE, meant for the siblings of one core: SMT contention, and who is put beside whom.",
	.unit = "128 PAUSEs; on the virtual clock 1024 spins without",
	.group_size = ring_pair,
	.run = smt_sibling_spin_run,
};
