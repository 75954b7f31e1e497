// SPDX-License-Identifier: GPL-2.0-only
/* The order of turns: see order.h. */
#include "libexec/vm/order.h"
#include <stddef.h>

/* Between two PAUSEs of a vCPU that waits for another there is less than this. */
enum { SPIN_NS = 1000 };
#define MIN(a, b) ((a) < (b) ? (a) : (b))

void order_init(struct order *o, int64_t turn_ns, bool (*is_idle)(void *id))
{
	*o = (struct order){ .turn_ns = turn_ns, .is_idle = is_idle, .share_ns = INT64_MAX };
}

static struct order_vcpu *find_vcpu(struct order *o, void *id)
{
	for (unsigned i = 0; i < o->nr_vcpus; i++)
		if (o->vcpus[i].id == id)
			return &o->vcpus[i];
	if (o->nr_vcpus == ORDER_MAX_VCPUS)
		return NULL;
	o->vcpus[o->nr_vcpus].id = id;
	o->look = true;
	return &o->vcpus[o->nr_vcpus++];
}

static void set_idle(struct order *o, struct order_vcpu *v, bool idle)
{
	v->idle = idle;
	if (idle && v->busy) {
		v->busy = false;
		o->nr_busy--;
	}
}

/* Returns what is left of the turn. */
static int64_t end_turn(struct order *o, int64_t now)
{
	struct order_vcpu *v = o->turn.vcpu;
	int64_t ns = now - o->turn.start_ns, left = o->turn.end_ns - now;

	v->had_ns += ns;
	set_idle(o, v, left > 0 && o->is_idle(v->id));
	if (left <= 0 && !v->busy) {
		v->busy = true;
		o->nr_busy++;
	}
	if (-left > o->overrun_ns)
		o->overrun_ns = -left;
	if (!o->turn.cut && left > 0 && ns > 0 && ns < MIN(SPIN_NS, o->share_ns / 2) && !v->idle && ++o->turn.spins > o->nr_vcpus) {
		v->had_ns += left;
		left = 0;
	}
	return left;
}

/* To ask QEMU costs much: only when a vCPU may have woken. */
static void see_who_woke(struct order *o)
{
	struct order_vcpu *end = o->vcpus + o->nr_vcpus;
	int64_t least = INT64_MAX;

	o->look = false;
	for (struct order_vcpu *v = o->vcpus; v < end; v++) {
		bool idle = o->is_idle(v->id);

		v->woke = !idle && (v->woke || v->idle);
		set_idle(o, v, idle);
		if (!idle && !v->woke && v->had_ns < least)
			least = v->had_ns;
	}
	for (struct order_vcpu *v = o->vcpus; v < end; v++)
		if (v->woke && least != INT64_MAX && v->had_ns < least - o->turn_ns)
			v->had_ns = least - o->turn_ns;
}

/* Of those that are not idle (and woke) the one that has had least; of several the next in QEMU's list. NULL: there is none. */
static struct order_vcpu *needs_most(struct order *o, const struct order_vcpu *next, bool woke)
{
	struct order_vcpu *best = NULL;

	for (unsigned i = 0, at = (unsigned)(next - o->vcpus); i < o->nr_vcpus; i++) {
		struct order_vcpu *v = &o->vcpus[(at + i) % o->nr_vcpus];

		if (!v->idle && (v->woke || !woke) && (!best || v->had_ns < best->had_ns))
			best = v;
	}
	return best;
}

static struct order_vcpu *choose(struct order *o, struct order_vcpu *current, const struct order_vcpu *next)
{
	struct order_vcpu *woke = needs_most(o, next, true), *v = current && !current->idle ? current : NULL;

	if (woke && (!v || woke->had_ns < v->had_ns))
		return woke;
	return v ? v : needs_most(o, next, false);
}

int64_t order_offer(struct order *o, void *id, int64_t now)
{
	int64_t left = o->turn.vcpu ? end_turn(o, now) : 0;
	struct order_vcpu *v = find_vcpu(o, id);

	if (!v)
		return -1;
	if (!o->chosen.vcpu) {
		if (o->look)
			see_who_woke(o);
		o->chosen.vcpu = choose(o, left > 0 ? o->turn.vcpu : NULL, v);
		bool goes_on = left > 0 && o->chosen.vcpu == o->turn.vcpu;
		o->chosen.ns = goes_on ? left : o->turn_ns;
		o->turn.spins = goes_on ? o->turn.spins : 0;
	}
	o->turn.vcpu = NULL;
	o->turn.start_ns = o->turn.end_ns = now;
	if (o->chosen.vcpu && v != o->chosen.vcpu)
		return v->idle ? o->turn_ns : 0;
	o->turn.vcpu = v;
	o->turn.end_ns += o->chosen.ns;
	o->turn.cut = v->woke = false;
	o->chosen.vcpu = NULL;
	o->turns++;
	return o->turn.end_ns - now;
}

void order_rest(struct order *o)
{
	for (unsigned i = 0; i < o->nr_vcpus; i++) {
		o->vcpus[i].had_ns = 0;
		o->vcpus[i].busy = false;
	}
	o->nr_busy = 0;
	o->turn.vcpu = o->chosen.vcpu = NULL;
	o->turn.end_ns = 0;
	o->look = true;
}

bool order_woken(struct order *o)
{
	if (!o->turn.vcpu || o->turn.cut)
		return false;
	for (struct order_vcpu *v = o->vcpus; v < o->vcpus + o->nr_vcpus; v++)
		if (v->idle && !o->is_idle(v->id))
			return o->look = o->turn.cut = true;
	return false;
}
