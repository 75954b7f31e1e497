// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop of turns. QEMU's own walks over all vCPUs for each turn, prepares each, and asks each whether it is idle. Most of
 * them are, so a turn costs as much as there are vCPUs. This loop has the chosen vCPU execute, and nobody else be asked.
 *
 * It runs inside QEMU's loop: when QEMU prepares a vCPU's turn, it asks for the time, and turns are given out here until there is
 * something that QEMU's loop has to do: the machine stops, a vCPU has been given work to do between its turns, or the main thread
 * has to run. The vCPU that QEMU has prepared then executes nothing, nor do those that QEMU goes on to.
 *
 * Who may be idle no more is heard, and not asked: QEMU tells a vCPU of interrupts through a function of its accelerator's table,
 * where ours is put in.
 *
 * When all vCPUs are idle QEMU's main thread has the clock jump to the next timer. It must not be done here, though that would save two
 * switches of threads: the main thread runs in between when it has been called, at a moment that the host picks, and of 12 runs of
 * mixed_workloads 6 differed.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <unistd.h>

/* QEMU's, the same in 7.2 and 10.0: why a vCPU's turn has ended. */
enum { EXCP_INTERRUPT = 0x10000, EXCP_HLT, EXCP_DEBUG, EXCP_HALTED };
enum { INTERRUPT_DEBUG = 0x80 };
enum { TABLE_WORDS = 32, NO_BUDGET = INT32_MAX };

struct order shim_order;
bool shim_between_turns;
static bool gives_turns, looks;
static void *stuck; /* has work that QEMU's loop has to do */
static int64_t granted_ns;

/* By any thread that has the big lock. */
static void handle_interrupt(void *vcpu, int mask)
{
	qemu.handle_interrupt(vcpu, mask);
	if (mask == INTERRUPT_DEBUG)
		shim_watch_note(vcpu);
	order_hear(&shim_order, vcpu);
}

void shim_turns_init(int64_t turn_ns)
{
	order_init(&shim_order, turn_ns, SHIM_ALONE_NS, qemu.is_idle);
	shim_find_tcg();
	void **table = qemu.accel();
	for (int i = 0; i < TABLE_WORDS; i++)
		if (table[i] == (void *)qemu.handle_interrupt) {
			table[i] = (void *)handle_interrupt;
			return;
		}
	shim_cannot("its accelerator does not take interrupts where it should", "");
}

/* Their numbers have holes where a machine has LLCs of different sizes: not all of the sockets' places are taken. */
static void add_vcpus(void)
{
	for (int i = 0; i < SHIM_MAX_VCPUS; i++) {
		void *vcpu = qemu.get_vcpu(i);

		if (vcpu && !order_add(&shim_order, vcpu))
			shim_cannot("too many vCPUs", "");
	}
}

void shim_main_will_run(void)
{
	order_rest(&shim_order);
	if (qemu.now)
		shim_compute_share(qemu.now(CLOCK_OF_GUEST), 0);
}

static void execute(void *vcpu, int64_t ns)
{
	granted_ns = ns;
	*qemu.vcpu = vcpu;
	shim_trace_prepare(vcpu, NO_BUDGET);
	int why = qemu.execute(vcpu);
	shim_trace_over();
	qemu.account(vcpu);
	shim_trace_accounted();
	if (why == EXCP_DEBUG && !shim_watch_hit(vcpu)) {
		qemu.lock(__FILE__, __LINE__);
		qemu.debugged(vcpu);
		qemu.unlock();
	} else if (why != EXCP_DEBUG && why != EXCP_INTERRUPT && why != EXCP_HLT && why != EXCP_HALTED) {
		shim_cannot("a vCPU's turn has ended for a reason that is not known", "");
	}
}

static bool is_stuck(void *vcpu)
{
	return !qemu.can_run(vcpu) || !qemu.has_no_work(vcpu);
}

/* False: QEMU's loop has something to do. */
static bool give_turn(void)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST), ns;

	shim_fingerprint_if_due(now);
	shim_stop_if_due(now);
	int64_t stop = shim_stop_in(now), fingerprint = shim_fingerprint_in(now);
	uint64_t turns = shim_order.turns;
	struct order_vcpu *v = order_next(&shim_order, now, stop < fingerprint ? stop : fingerprint, &ns);
	/* A break leaves no trace: two shares that are rounded make another sum than one. */
	if (!v || shim_order.turns != turns)
		shim_compute_share(now, shim_order.nr_busy);
	atomic_store_explicit(&shim_page->overrun_ns, shim_order.overrun_ns, memory_order_relaxed);
	if (!v) {
		/* QEMU may know of one that is not idle, and nobody has told us. */
		looks = !looks;
		shim_order.look = looks;
		return looks;
	}
	looks = false;
	if (is_stuck(v->id)) {
		order_decline(&shim_order);
		stuck = v->id;
		return false;
	}
	shim_compute_turn(v->id, now);
	if (atomic_load_explicit(&shim_page->state, memory_order_relaxed) != SHIM_GIVES_TURNS)
		atomic_store(&shim_page->state, SHIM_GIVES_TURNS);
	atomic_store_explicit(&shim_page->turns, shim_order.turns, memory_order_relaxed);
	execute(v->id, ns);
	shim_run_due_timers();
	return true;
}

static void give_turns(void *qemus)
{
	if (!shim_order.nr_vcpus)
		add_vcpus();
	if (stuck && is_stuck(stuck))
		return;
	stuck = NULL;
	gives_turns = true;
	while (qemu.vm_runs() && give_turn())
		;
	gives_turns = false;
	*qemu.vcpu = qemus;
}

int64_t shim_turn_ns(void)
{
	if (!gives_turns) {
		void *qemus = *qemu.vcpu;
		give_turns(qemus);
		if (!qemu.is_idle(qemus))
			qemu.exit(qemus);
		granted_ns = shim_order.turn_ns;
	}
	return granted_ns;
}
