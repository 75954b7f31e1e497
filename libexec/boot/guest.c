// SPDX-License-Identifier: GPL-2.0-only
/* The machine under test: see guest.h. */
#include "libexec/boot/guest.h"
#include "libexec/boot/keep.h"
#include "libexec/vm/guestlink.h"
#include <sys/wait.h>

int guest_start(struct guest *g, enum vm_start start, const struct checkpoint *booted, const struct checkpoint *ready,
		int64_t deadline_ns, struct kt_err *err)
{
	const struct vm_config *c = g->config;
	const char *version = c->plan->qemu_version;
	struct strv args = { 0 };

	vm_deinit(&g->vm);
	vm_init(&g->vm);
	g->vm.turns = c->virtual_clock ? c->turns : -1;
	g->vm.ns_per_insn = 1U << vm_shift(c, start);
	g->vm.fingerprint = start == VM_RUN && c->fingerprint_ns ? c->fingerprint : -1;
	g->vm.trace = start == VM_RUN && c->traces ? c->trace : -1;
	g->vm.taps = start == VM_RUN && c->traces ? c->taps : -1;
	g->vm.signals = g->signals;
	memcpy(g->vm.console_to, g->console_to, sizeof(g->vm.console_to));
	if (!c->virtual_clock && g->asks)
		g->vm.out_size = VM_OUT_SMALL; /* GUESTLINK_PADDING */
	vm_args(c, start, &args);
	if (g->keep)
		keep_inputs(g->keep, &args, g->payload);
	memcpy(g->ram, booted->ram, sizeof(g->ram));
	int r = vm_spawn(&g->vm, &args, g->payload, ready ? ready->state : booted->state, booted->ram, booted->nr_ram, err);
	strv_deinit(&args);
	if (!r && start != VM_SET_UP)
		vm_stop_at(&g->vm, g->stop_ns, g->stop_bare);
	if (!r && start == VM_COLD)
		r = vm_qmp_greeting(&g->vm, version, deadline_ns, err);
	else if (!r)
		r = vm_qmp_hello(&g->vm, version, deadline_ns, err) ||
			(ready && checkpoint_apply(ready, booted, c->plan, g->vm.pid, err)) ||
			vm_load(&g->vm, deadline_ns, err) || vm_qmp_cont(&g->vm, deadline_ns, err) ? -1 : 0;
	g->started_ns = kt_now_ns();
	return r;
}

int guest_memory(const struct guest *g, struct guestmem *ret, struct kt_err *err)
{
	return guestmem_open(ret, g->vm.pid, g->config->plan, g->ram, err);
}

bool guest_is_unsuitable(const struct guest *g)
{
	const char *wanted = g->config->plan->qemu_version;
	const struct vm *vm = &g->vm;

	if (!vm->pid && WIFEXITED(vm->status) && WEXITSTATUS(vm->status) == KT_CANNOT_TELL)
		return true;
	if (!*vm->qemu_version)
		return false;
	return (*wanted && !streq(vm->qemu_version, wanted)) || vm->no_clock;
}
