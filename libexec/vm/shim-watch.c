// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches. The host names places in the guest's kernel (shim_page.watches); after an instruction that has written there, the vCPU thread
 * stands until the host has answered.
 *
 * QEMU's own watchpoints do it, without its gdbstub. When a vCPU is about to write there, QEMU takes back what it has counted of the
 * block of code, has the instruction executed in a block of its own, and ends the vCPU's turn behind it, for a debugger. Here the turn
 * goes on where it was, with what is left of it, once the host has looked: no other vCPU has executed, and each instruction has been
 * counted once. So a run with hits is the run without. Where blocks of code begin is nothing that a guest can see under icount:
 * interrupts come between the same two instructions.
 *
 * QEMU has to be told that the watchpoint is dealt with, by a member of its CPUState. It lies behind the list of watchpoints, whose head is
 * found by what it points to. Where that is not as it was in 7.2 and 10.0, QEMU ends with status 125.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <malloc.h>
#include <stdio.h>
#include <string.h>

/* QEMU's, the same in 7.2 and 10.0: on writes; ours go into the list first, and are no breakpoints of the guest's own. */
enum { ON_WRITE = 0x02, OF_DEBUGGER = 0x10 };
enum { VCPU_SIZE = 32768, WATCHPOINT_SIZE = 128, HEAD_WORDS = 2 };

static struct {
	uint64_t address;
	uint32_t size; /* 0: not armed */
	void *points[ORDER_MAX_VCPUS]; /* QEMU's watchpoints, by vCPU */
} armed[SHIM_WATCHES];
static size_t hit_word; /* of a vCPU: which of its watchpoints is hit; 0: not known yet */

static void find_hit_word(void *vcpu, const char *watchpoint)
{
	size_t words = malloc_usable_size(vcpu);
	void *const *v = vcpu;

	words = (words < VCPU_SIZE ? words : VCPU_SIZE) / sizeof(*v);
	for (size_t i = 0; i + HEAD_WORDS < words; i++) {
		if (v[i] != watchpoint)
			continue;
		/* The head of a list of one: its first, its last (an address within the first), and behind it nothing that is hit. */
		if ((uintptr_t)v[i + 1] - (uintptr_t)watchpoint >= WATCHPOINT_SIZE || v[i + HEAD_WORDS])
			break;
		hit_word = i + HEAD_WORDS;
		return;
	}
	shim_cannot("its watchpoints are not where they should be", "");
}

static void **find_hit(void *vcpu)
{
	return (void **)vcpu + hit_word;
}

static void disarm(unsigned w)
{
	for (unsigned i = 0; armed[w].size && i < shim_order.nr_vcpus; i++) {
		void *vcpu = shim_order.vcpus[i].id;

		if (*find_hit(vcpu) == armed[w].points[i])
			*find_hit(vcpu) = NULL;
		qemu.unwatch(vcpu, armed[w].points[i]);
	}
	armed[w].size = 0;
}

static void arm(unsigned w, uint64_t address, uint32_t size)
{
	for (unsigned i = 0; i < shim_order.nr_vcpus; i++) {
		void *vcpu = shim_order.vcpus[i].id;

		if (qemu.watch(vcpu, address, size, ON_WRITE | OF_DEBUGGER, &armed[w].points[i]))
			shim_cannot("it sets no watchpoint", "");
		if (!hit_word)
			find_hit_word(vcpu, armed[w].points[i]);
	}
	armed[w].address = address;
	armed[w].size = size;
}

void shim_watch_settle(void)
{
	static uint32_t seen;
	uint32_t set = atomic_load(&shim_page->watches_set);

	if (set == seen)
		return;
	seen = set;
	for (unsigned w = 0; w < SHIM_WATCHES; w++) {
		const struct shim_watch *want = &shim_page->watches[w];
		bool wanted = want->size && atomic_load(&want->hits) < want->counts;

		if (wanted && armed[w].size == want->size && armed[w].address == want->address)
			continue;
		disarm(w);
		if (wanted)
			arm(w, want->address, want->size);
	}
}

/* Which of the watches is hit by this vCPU, with its number; SHIM_WATCHES: none. */
static unsigned find_watch(void *vcpu, int *number)
{
	const void *hit = hit_word ? *find_hit(vcpu) : NULL;
	unsigned w = 0;

	*number = order_number(&shim_order, vcpu);
	while (w < SHIM_WATCHES && !(hit && *number >= 0 && armed[w].size && armed[w].points[*number] == hit))
		w++;
	return w;
}

static bool stands(const struct shim_watch *w)
{
	return atomic_load_explicit(&w->hits, memory_order_relaxed) < w->stands;
}

static void copy_bytes(unsigned char *to, const struct shim_watch *w)
{
	memcpy(to, (const void *)w->at, w->size);
}

void shim_watch_note(void *vcpu)
{
	int number;
	unsigned w = shim_vcpu_thread ? find_watch(vcpu, &number) : SHIM_WATCHES;
	struct shim_hit *hit = &shim_page->hit;

	if (w == SHIM_WATCHES || !stands(&shim_page->watches[w]))
		return;
	copy_bytes(hit->before, &shim_page->watches[w]);
	FILE *f = fmemopen(hit->registers, sizeof(hit->registers), "w");
	if (f) {
		qemu.dump_vcpu(vcpu, f, 0);
		fclose(f);
	}
	hit->registers[sizeof(hit->registers) - 1] = '\0';
}

bool shim_watch_hit(void *vcpu)
{
	int number;
	unsigned w = find_watch(vcpu, &number);
	struct shim_watch *watch = &shim_page->watches[w];
	int64_t now = qemu.now(CLOCK_OF_GUEST);

	if (w == SHIM_WATCHES)
		return false;
	*find_hit(vcpu) = NULL;
	order_break(&shim_order, now);
	bool stand = stands(watch);
	if (atomic_fetch_add(&watch->hits, 1) + 1 >= watch->counts)
		disarm(w);
	if (stand) {
		shim_page->hit.watch = w;
		shim_page->hit.bare = atomic_load(&watch->hits) > watch->snapshots;
		shim_page->hit.cpu = (uint32_t)number;
		copy_bytes(shim_page->hit.after, watch);
		shim_stand(SHIM_STOP_HIT, now);
	}
	return true;
}
