// SPDX-License-Identifier: GPL-2.0-only
/* The order of turns: see order.h. */
#include "libexec/vm/order.h"
#include <stddef.h>

/* Between two PAUSEs of a vCPU that waits for another there is less than this. */
enum { SPIN_NS = 1000 };
#define MIN(a, b) ((a) < (b) ? (a) : (b))

void order_init(struct order *o, int64_t turn_ns, int64_t alone_ns, bool (*is_idle)(void *id))
{
	*o = (struct order){ .turn_ns = turn_ns, .alone_ns = alone_ns, .is_idle = is_idle, .look = true };
}

/* Where the number of this id is, or would be. */
static unsigned find_slot(const struct order *o, const void *id)
{
	unsigned at = (unsigned)(((uintptr_t)id >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 53) % ORDER_SLOTS;

	while (o->slots[at] && o->vcpus[o->slots[at] - 1].id != id)
		at = (at + 1) % ORDER_SLOTS;
	return at;
}

bool order_add(struct order *o, void *id)
{
	if (o->nr_vcpus == ORDER_MAX_VCPUS)
		return false;
	o->vcpus[o->nr_vcpus] = (struct order_vcpu){ .id = id, .idle = true };
	o->slots[find_slot(o, id)] = (uint16_t)++o->nr_vcpus;
	o->last = o->nr_vcpus - 1;
	o->look = true;
	return true;
}

int order_number(const struct order *o, const void *id)
{
	return o->slots[find_slot(o, id)] - 1;
}

void order_hear(struct order *o, const void *id)
{
	int n = order_number(o, id);

	if (n < 0)
		return;
	atomic_fetch_or(&o->heard_of[n / ORDER_WORD], UINT64_C(1) << n % ORDER_WORD);
	atomic_store(&o->heard, true);
}

static void note_idle(struct order *o, struct order_vcpu *v)
{
	unsigned n = (unsigned)(v - o->vcpus);

	v->idle = true;
	v->woke = false;
	o->nr_busy -= v->busy;
	v->busy = false;
	for (unsigned i = 0; i < o->nr_awake; i++)
		if (o->awake[i] == n) {
			o->awake[i] = o->awake[--o->nr_awake];
			break;
		}
}

static void note_awake(struct order *o, struct order_vcpu *v)
{
	int64_t least = INT64_MAX;

	if (v->rest != o->rests)
		v->had_ns = 0;
	v->rest = o->rests;
	v->idle = false;
	v->woke = true;
	for (unsigned i = 0; i < o->nr_awake; i++) {
		const struct order_vcpu *other = &o->vcpus[o->awake[i]];
		if (!other->woke && other->had_ns < least)
			least = other->had_ns;
	}
	if (least != INT64_MAX && v->had_ns < least - o->turn_ns)
		v->had_ns = least - o->turn_ns;
	o->awake[o->nr_awake++] = (unsigned)(v - o->vcpus);
}

static bool see_whether_woke(struct order *o, unsigned n)
{
	struct order_vcpu *v = &o->vcpus[n];

	if (!v->idle || o->is_idle(v->id))
		return false;
	note_awake(o, v);
	return true;
}

/* In the order of their numbers, whichever was heard of first: that may depend on the host. */
static bool see_who_woke(struct order *o)
{
	bool woke = false, look = o->look;

	if (!look && !atomic_load_explicit(&o->heard, memory_order_relaxed))
		return false;
	atomic_store(&o->heard, false);
	o->look = false;
	for (unsigned word = 0; word * ORDER_WORD < o->nr_vcpus; word++) {
		uint64_t bits = atomic_exchange(&o->heard_of[word], 0);

		if (look)
			bits = UINT64_MAX;
		for (unsigned n; bits; bits &= bits - 1)
			if ((n = word * ORDER_WORD + (unsigned)__builtin_ctzll(bits)) < o->nr_vcpus)
				woke |= see_whether_woke(o, n);
	}
	return woke;
}

/* Returns what is left of the turn; 0 when it is over. */
static int64_t end_turn(struct order *o, int64_t now)
{
	struct order_vcpu *v = o->turn.vcpu;
	int64_t ns = now - o->turn.start_ns, left = o->turn.end_ns - now;

	o->turn.vcpu = NULL;
	v->had_ns += ns;
	if (-left > o->overrun_ns)
		o->overrun_ns = -left;
	if (left > 0 && o->is_idle(v->id)) {
		note_idle(o, v);
		return 0;
	}
	if ((left <= 0 || ns >= o->turn_ns) && !v->busy) {
		v->busy = true;
		o->nr_busy++;
	}
	if (!o->turn.cut && left > 0 && ns > 0 && ns < SPIN_NS && ++o->turn.spins > o->nr_vcpus) {
		v->had_ns += MIN(left, o->turn_ns);
		return 0;
	}
	return left > 0 ? left : 0;
}

/* Of those that are not idle (and woke) the one that has had least; of several the next after the last. NULL: there is none. */
static struct order_vcpu *needs_most(struct order *o, bool woke)
{
	struct order_vcpu *best = NULL;
	unsigned best_at = 0;

	for (unsigned i = 0; i < o->nr_awake; i++) {
		unsigned n = o->awake[i], at = n > o->last ? n - o->last : n + o->nr_vcpus - o->last;
		struct order_vcpu *v = &o->vcpus[n];

		if ((woke && !v->woke) || (best && (v->had_ns > best->had_ns || (v->had_ns == best->had_ns && at > best_at))))
			continue;
		best = v;
		best_at = at;
	}
	return best;
}

static struct order_vcpu *choose(struct order *o, struct order_vcpu *current)
{
	struct order_vcpu *woke = needs_most(o, true);

	if (woke && (!current || woke->had_ns < current->had_ns))
		return woke;
	return current ? current : needs_most(o, false);
}

static struct order_vcpu *give(struct order *o, int64_t now, int64_t most_ns, int64_t *ns)
{
	*ns = MIN(o->turn.end_ns - now, most_ns);
	o->turn.pause_ns = now + *ns;
	return o->turn.vcpu;
}

struct order_vcpu *order_next(struct order *o, int64_t now, int64_t most_ns, int64_t *ns)
{
	struct order_vcpu *current = o->turn.vcpu;

	if (current && !o->turn.cut && now >= o->turn.pause_ns && now < o->turn.end_ns)
		return give(o, now, most_ns, ns);
	int64_t left = current ? end_turn(o, now) : 0;

	see_who_woke(o);
	struct order_vcpu *v = choose(o, left ? current : NULL);
	if (!v) {
		o->rests++;
		return NULL;
	}
	int64_t longest = o->nr_awake > 1 ? o->turn_ns : o->alone_ns;
	bool goes_on = left && v == current;
	if (!goes_on)
		o->turn.spins = 0;
	o->turn.vcpu = v;
	o->turn.start_ns = now;
	o->turn.end_ns = now + (goes_on ? MIN(left, longest) : longest);
	o->turn.cut = v->woke = false;
	o->last = (unsigned)(v - o->vcpus);
	o->turns++;
	return give(o, now, most_ns, ns);
}

void order_break(struct order *o, int64_t now)
{
	o->turn.pause_ns = now;
}

void order_decline(struct order *o)
{
	o->turn.vcpu = NULL;
	o->turns--;
	o->look = true;
}

void order_rest(struct order *o)
{
	while (o->nr_awake)
		note_idle(o, &o->vcpus[o->awake[0]]);
	o->rests++;
	o->turn.vcpu = NULL;
	o->look = true;
}

bool order_woken(struct order *o)
{
	if (!o->turn.vcpu || o->turn.cut || !see_who_woke(o))
		return false;
	return o->turn.cut = true;
}
