// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stops. At a time that the host has set (shim_page.stop_ns) the vCPU thread stands before it begins a turn, until the host has answered. No
 * vCPU executes then, no clock moves, and no turn is other than it would have been: the host may read the guest's memory, and leaves no
 * trace. A guest that is idle at that time stands when it wakes: what it has in memory is the same.
 *
 * Times count from the end of the first record of a phase, which the guest sends when it lets its workers go.
 *
 * environment: KTSTR_STOP_FD, an eventfd: the host hears there of each stop.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/shim-qemu.h"
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

static int stop_fd = -1;
static int64_t zero_ns = -1; /* -1: not known yet */

void shim_stop_init(void)
{
	stop_fd = shim_env_fd("KTSTR_STOP_FD");
}

void shim_stop_note_byte(char c)
{
	static const char start[] = "{\"kind\":\"phase\"";
	static size_t column, matched;

	if (zero_ns >= 0)
		return;
	if (c == '\n') {
		if (matched == sizeof(start) - 1)
			shim_trace_zero(zero_ns = qemu.now(CLOCK_OF_GUEST));
		column = matched = 0;
		return;
	}
	if (column == matched && matched < sizeof(start) - 1 && c == start[matched])
		matched++;
	column++;
}

static void note_registers(void)
{
	FILE *f = fmemopen(shim_page->registers, SHIM_REGISTERS_SIZE, "w");
	int cpu = 0;

	/* The guest counts those that there are. */
	for (int i = 0; f && i < SHIM_MAX_VCPUS; i++) {
		void *vcpu = qemu.get_vcpu(i);

		if (vcpu) {
			fprintf(f, "CPU#%d\n", cpu++);
			qemu.dump_vcpu(vcpu, f, 0);
		}
	}
	if (f)
		fclose(f);
	shim_page->registers[SHIM_REGISTERS_SIZE - 1] = '\0';
}

void shim_note_stand(enum shim_stop why, int64_t now)
{
	atomic_store(&shim_page->stopped_ns, zero_ns < 0 ? -1 : now - zero_ns);
	atomic_store(&shim_page->stopped_for, why);
	bool bare = why == SHIM_STOP_TIME ? atomic_load(&shim_page->stop_bare) : why == SHIM_STOP_HIT && shim_page->hit.bare;
	if (!bare)
		note_registers();
}

void shim_stand(enum shim_stop why, int64_t now)
{
	if (stop_fd < 0)
		return;
	shim_note_stand(why, now);
	if (!eventfd_write(stop_fd, 1))
		shim_wait_for_answer();
}

static bool is_due(int64_t now)
{
	int64_t at = atomic_load_explicit(&shim_page->stop_ns, memory_order_relaxed);

	if (!at || zero_ns < 0 || now - zero_ns < at)
		return false;
	atomic_store(&shim_page->stop_ns, 0);
	return true;
}

int64_t shim_stop_in(int64_t now)
{
	int64_t at = stop_fd >= 0 && zero_ns >= 0 ? atomic_load_explicit(&shim_page->stop_ns, memory_order_relaxed) : 0;

	return !at ? INT64_MAX : at > now - zero_ns ? at - (now - zero_ns) : 1;
}

void shim_stop_if_due(int64_t now)
{
	/* The host sets the next one before it answers. */
	while (stop_fd >= 0 && is_due(now))
		shim_stand(SHIM_STOP_TIME, now);
}
