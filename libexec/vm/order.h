/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * order.h - the order of turns: which vCPU executes next, and for how long at most.
 *
 * Pure: guest time in, a decision out. The one question it asks is whether a vCPU is idle, and it asks that of the vCPU whose turn
 * has ended and of those that it has heard of. So a turn costs nothing for each vCPU that sleeps. tests/helper/order.c runs it
 * without QEMU.
 *
 * The rules:
 *  - The vCPU that has executed least goes next. Of several the one whose number comes next.
 *  - A vCPU that wakes goes at once, as a processor does, unless it has executed more than the current one. The current one
 *    then has the rest of its turn later.
 *  - Idle time earns nothing beyond one turn.
 *  - A vCPU that relaxes (PAUSE) with next to nothing executed in between waits for another vCPU. It keeps its turn for as many
 *    PAUSEs in a row as there are vCPUs: the kernel relaxes once for each CPU when it sums up counters. Then it gives the rest up.
 *  - A vCPU beside which all others are idle keeps nobody waiting. Its turn is longer.
 */
#ifndef KT_ORDER_H
#define KT_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ORDER_MAX_VCPUS = 1024, ORDER_SLOTS = 2 * ORDER_MAX_VCPUS, ORDER_WORD = 64 };

struct order_vcpu {
	void *id;       /* QEMU's CPUState, or what the test likes */
	int64_t had_ns; /* guest time in which it executed since the last rest; only differences count */
	uint64_t rest;  /* the last that it has heard of */
	bool idle;      /* as far as is known */
	bool woke;      /* since its last turn */
	bool busy;      /* it has executed for a turn, and was not seen idle since */
};

struct order {
	int64_t turn_ns, alone_ns; /* the longest turn: beside others, and beside nobody */
	bool (*is_idle)(void *id);
	struct order_vcpu vcpus[ORDER_MAX_VCPUS];
	uint16_t slots[ORDER_SLOTS]; /* a hash of the ids: numbers, from 1 */
	unsigned nr_vcpus, nr_busy;
	unsigned awake[ORDER_MAX_VCPUS], nr_awake; /* the numbers of those that are not idle, in no order */
	struct {
		struct order_vcpu *vcpu; /* NULL: nobody's */
		int64_t start_ns, end_ns;
		unsigned spins; /* PAUSEs in a row with next to nothing in between */
		bool cut;       /* interrupted: by a timer, or for a vCPU that woke */
		int64_t pause_ns; /* the caller has asked for a break then */
	} turn;
	unsigned last;          /* number of the vCPU that had the last turn */
	uint64_t rests;
	bool look;              /* at all of them: any may be idle no more */
	_Atomic bool heard;
	_Atomic uint64_t heard_of[ORDER_MAX_VCPUS / ORDER_WORD];
	uint64_t turns;         /* given out */
	int64_t overrun_ns;     /* the longest by which a turn went on beyond its end */
};

void order_init(struct order *o, int64_t turn_ns, int64_t alone_ns, bool (*is_idle)(void *id));
/* The next vCPU. False: there are ORDER_MAX_VCPUS. */
bool order_add(struct order *o, void *id);
/* The number of a vCPU; -1: it is none that was added. */
int order_number(const struct order *o, const void *id);
/* A vCPU has been told something: it may be idle no more. By any thread. */
void order_hear(struct order *o, const void *id);
/*
 * The turn ends at guest time `now`. The vCPU whose turn is next, with *ns for how long at most. NULL: all are idle. Nobody is owed
 * anything then, and the time that passes now is nobody's. A turn that would go on for more than most_ns has a break then, and goes on
 * as if there had been none.
 */
struct order_vcpu *order_next(struct order *o, int64_t now, int64_t most_ns, int64_t *ns);
/* The turn stops here for a moment, and order_next() gives out the rest of it. */
void order_break(struct order *o, int64_t now);
/* That turn is not taken. */
void order_decline(struct order *o);
/* The machine has stopped: as if all were idle, and any may not be any more. */
void order_rest(struct order *o);
/* After an access to a device. True: it has woken another vCPU, and the turn is to be cut. */
bool order_woken(struct order *o);

#endif
