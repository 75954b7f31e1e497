// SPDX-License-Identifier: GPL-2.0-only
/*
 * SmtSiblingSpin: pairs that spin with PAUSE, which on real hardware leaves the core to the sibling. An emulator takes
 * PAUSE for a wish to give the CPU to another virtual CPU, and a second full of them would take minutes; so on the
 * virtual clock, where siblings share nothing, there is one to every 1024 plain spins.
 */
#include "ring.h"

enum { PAUSES = 128, SPINS = 1024 };

static void relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

static void run(struct worker *w, const void *args)
{
	bool emulated = w->go->turn_ns;

	(void)args;
	while (worker_running(w)) {
		if (emulated)
			worker_spin(SPINS);
		for (unsigned i = 0; i < (emulated ? 1 : PAUSES); i++)
			relax();
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_smt_sibling_spin = {
	.name = "SmtSiblingSpin",
	.summary = "Pairs spin with PAUSE, meant for the siblings of one core: SMT contention, and who is put beside whom.",
	.unit = "128 PAUSEs; on the virtual clock one, and 1024 spins",
	.group_size = ring_pair,
	.run = run,
};
