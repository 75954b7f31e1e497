/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * order.h - the order of turns: which vCPU executes next, and for how long at most.
 *
 * Pure: guest time in, a decision out. The one question it asks is whether a vCPU is idle. tests/helper/order.c runs it without
 * QEMU.
 *
 * The rules:
 *  - The vCPU that has executed least goes next. QEMU's own order breaks ties.
 *  - A vCPU that wakes goes at once, as a processor does, unless it has executed more than the current one. The current one
 *    then has the rest of its turn later.
 *  - Idle time earns nothing beyond one turn.
 *  - A vCPU that relaxes (PAUSE) with next to nothing executed in between waits for another vCPU. It keeps its turn for as many
 *    PAUSEs in a row as there are vCPUs: the kernel relaxes once for each CPU when it sums up counters. Then it gives the rest up.
 */
#ifndef KT_ORDER_H
#define KT_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum { ORDER_MAX_VCPUS = 1024 };

struct order_vcpu {
	void *id;       /* QEMU's CPUState, or what the test likes */
	int64_t had_ns; /* guest time in which it executed; only differences count */
	bool idle;      /* when it was last looked at */
	bool woke;      /* since its last turn */
	bool busy;      /* it has used up a turn, and was not seen idle since */
};

struct order {
	int64_t turn_ns; /* the longest turn */
	bool (*is_idle)(void *id);
	struct order_vcpu vcpus[ORDER_MAX_VCPUS];
	unsigned nr_vcpus, nr_busy;
	struct {
		struct order_vcpu *vcpu; /* NULL: nobody's */
		int64_t start_ns, end_ns;
		unsigned spins; /* PAUSEs in a row with next to nothing in between */
		bool cut;       /* interrupted: by a timer, or for a vCPU that woke */
	} turn;
	struct {
		struct order_vcpu *vcpu;
		int64_t ns;
	} chosen;             /* for the next turn */
	bool look;            /* a vCPU that was idle may be idle no more */
	int64_t share_ns;     /* QEMU from 8.1 on ends a turn after this; INT64_MAX: it does not */
	uint64_t turns;       /* given out */
	int64_t overrun_ns;   /* the longest by which a turn went on beyond its end */
};

void order_init(struct order *o, int64_t turn_ns, bool (*is_idle)(void *id));
/*
 * QEMU offers the vCPU `id` a turn at guest time `now`; the turn before ends here. Returns how long it may execute. 0: it is not idle,
 * but it is another's turn: it must leave at once. An idle one executes nothing, whatever is returned. -1: there are more vCPUs than
 * ORDER_MAX_VCPUS.
 */
int64_t order_offer(struct order *o, void *id, int64_t now);
/* All vCPUs are idle, or the machine has stopped: nobody is owed anything, and the time that passes now is nobody's. */
void order_rest(struct order *o);
/* After an access to a device. True: it has woken another vCPU, and the turn is to be cut. */
bool order_woken(struct order *o);

#endif
