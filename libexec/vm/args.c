// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's command line, the part of vm.h that is a string of measured choices. */
#include "libexec/vm/vm.h"

/*
 * Everything here is part of the checkpoint's key. What each piece is for:
 *   nokaslr norandmaps               the same addresses in every run
 *   panic=-1 and -no-reboot          a panic ends QEMU at once
 *   initcall_blacklist=cmos_init     no driver for the RTC, which nobody asks for the time
 *   cryptomgr.notests                a quarter off the boot
 *   mitigations=off                  page table isolation flushes the TLB at every system call: dear when emulated
 *   tsc=reliable                     no clocksource watchdog, which would wake every CPU in turn
 *   cpuhp.parallel=0                 (virtual clock) one CPU after the other starts: else all wait for the first, and each PAUSE is a turn
 *   -rdrand -rdseed in the CPU model (from the plan) and -seed: no host entropy
 *   LD_PRELOAD, KTSTR_*              how the vCPUs take turns, and wait for the host: libexec/vm/shim.c
 *   sleep=off, clock=vm, fixed base  guest time depends on instructions alone
 *   thread=single                    one vCPU at a time, in turn; and MTTCG of QEMU 7.2 oopses now and then
 *   announce-rounds=0                no self-announce timers waking the main loop in the first second after a load
 *   store-global-state=off           else the run state at the save ("guest-panicked") is refused at the load
 *
 * What is not there: skew_tick=1, with which CPUs tick one after the other, and not all at once. One modelled spinner on each CPU for 2 s,
 * warm, without and with it, at 4, 16 and 64 CPUs: CPU seconds of the run 1.05 and 1.12, 1.4 and 2.2, 3.9 and 7.7; mean of the workers'
 * worst gaps after the start 80 and 44, 112 and 35, 400 and 55 us; the worst 106 and 60, 245 and 178, 1552 and 1767 us, which at 64 is
 * one worker's once; work of the workers differs by 0.01 and 0.04, 0.11 and 0.03, 0.63 and 0.15 %. It has the clock jump once for each
 * CPU's tick, and is no answer to the worst gap. A spec may ask for it (kernel_args).
 */
static void kernel_args(const struct vm_config *c, struct strv *ret)
{
	strv_add(ret, "-kernel");
	strv_add(ret, "%s", c->vmlinux);
	strv_add(ret, "-initrd");
	strv_add(ret, "%s", c->initrd);
	strv_add(ret, "-append");
	strv_add(ret, "console=ttyS0 loglevel=6 panic=-1 nokaslr norandmaps cryptomgr.notests "
		      "initcall_blacklist=cmos_init mitigations=off tsc=reliable %sktstr_settle_ms=%d%s%s",
		 c->virtual_clock ? "cpuhp.parallel=0 " : "", c->virtual_clock ? 3000 : 200,
		 c->kernel_args ? " " : "", c->kernel_args ? c->kernel_args : "");
}

unsigned vm_shift(const struct vm_config *c, enum vm_start start)
{
	unsigned boot = VM_BOOT_SHIFT;

	while (boot && c->plan->nr_cpus << boot > VM_BOOT_LOAD)
		boot--;
	return start == VM_BOOT ? MAX(c->icount_shift, boot) : c->icount_shift;
}

void vm_args(const struct vm_config *c, enum vm_start start, struct strv *ret)
{
	const struct topo *plan = c->plan;
	bool saves = start == VM_BOOT || start == VM_SET_UP;
	uint64_t total = 0;

	if (c->virtual_clock) {
		strv_add(ret, "LD_PRELOAD=/proc/self/fd/%d", VM_FD_TURNS);
		strv_add(ret, "KTSTR_TURN_NS=%d", VM_TURN_NS);
		strv_add(ret, "KTSTR_SHIM_FD=%d", VM_FD_SHIM);
		strv_add(ret, "KTSTR_OUT_FD=%d", VM_FD_OUT);
		strv_add(ret, "KTSTR_ANSWER_FD=%d", VM_FD_ANSWER);
		strv_add(ret, "KTSTR_STOP_FD=%d", VM_FD_STOP);
		if (saves)
			strv_add(ret, "KTSTR_SAVES=%s", start == VM_BOOT ? "all" : "changes");
		if (start == VM_RUN && c->fingerprint_ns)
			strv_add(ret, "KTSTR_FINGERPRINT=%d %lld %d %u", VM_FD_FINGERPRINT, (long long)c->fingerprint_ns, VM_FD_RAM0,
				 plan->nr_nodes);
		if (start == VM_RUN && c->traces)
			strv_add(ret, "KTSTR_TRACE=%d %d %d %u", VM_FD_TAPS, VM_FD_TRACE, VM_FD_RAM0, plan->nr_nodes);
	}
	strv_add(ret, "%s", c->qemu);
	if (start == VM_RUN && c->traces) {
		strv_add(ret, "-plugin");
		strv_add(ret, "/proc/self/fd/%d", VM_FD_TURNS);
	}
	for (const char *const *flag = (const char *const[]){ "-nodefaults", "-no-user-config", "-no-reboot", NULL }; *flag;
	     flag++)
		strv_add(ret, "%s", *flag);
	strv_add(ret, "-display");
	strv_add(ret, "none");
	for (unsigned i = 0; i < plan->nr_nodes; i++) {
		total += plan->nodes[i].memory_mib;
		if (!plan->nodes[i].memory_mib)
			continue;
		strv_add(ret, "-object");
		strv_add(ret, "memory-backend-file,id=ram%u,size=%lluM,mem-path=/proc/self/fd/%u,share=%s", i,
			 (unsigned long long)plan->nodes[i].memory_mib, VM_FD_RAM0 + i, start == VM_RUN ? "off" : "on");
	}
	strv_add(ret, "-machine");
	strv_add(ret, "q35%s", plan->nr_nodes == 1 ? ",memory-backend=ram0" : "");
	strv_add(ret, "-m");
	strv_add(ret, "%llu", (unsigned long long)total);
	strv_add_all(ret, plan->qemu_args);
	strv_add(ret, "-accel");
	strv_add(ret, "%s", c->accel == VM_KVM ? "kvm" : "tcg,thread=single");
	if (c->virtual_clock) {
		strv_add(ret, "-icount");
		strv_add(ret, "shift=%u,sleep=off", vm_shift(c, start));
		strv_add(ret, "-seed");
		strv_add(ret, "1");
		strv_add(ret, "-rtc");
		strv_add(ret, "base=2026-01-01,clock=vm");
	}
	kernel_args(c, ret);
	strv_add(ret, "-chardev");
	strv_add(ret, "file,id=out,path=/proc/self/fd/%d", VM_FD_OUT);
	strv_add(ret, "-device");
	strv_add(ret, "isa-debugcon,iobase=0xe9,chardev=out");
	strv_add(ret, "-chardev");
	strv_add(ret, "file,id=console,path=/proc/self/fd/%d", VM_FD_CONSOLE);
	strv_add(ret, "-serial");
	strv_add(ret, "chardev:console");
	strv_add(ret, "-fw_cfg");
	strv_add(ret, "name=opt/ktstr/payload,file=/proc/self/fd/%d", VM_FD_PAYLOAD);
	strv_add(ret, "-fw_cfg");
	strv_add(ret, "name=opt/ktstr/seed,string=%lld", (long long)(saves ? 0 : c->seed));
	strv_add(ret, "-device");
	strv_add(ret, "pvpanic");
	strv_add(ret, "-device");
	strv_add(ret, "ib700");
	strv_add(ret, "-action");
	strv_add(ret, "panic=%s,watchdog=pause", saves && !c->virtual_clock ? "pause" : "none");
	strv_add(ret, "-global");
	strv_add(ret, "migration.store-global-state=off");
	strv_add(ret, "-global");
	strv_add(ret, "migration.announce-rounds=0");
	strv_add(ret, "-chardev");
	strv_add(ret, "socket,id=qmp,fd=%d", VM_FD_QMP);
	strv_add(ret, "-mon");
	strv_add(ret, "chardev=qmp,mode=control");
	if (start != VM_COLD)
		strv_add(ret, "-S"); /* until `cont`; QEMU 10 starts by itself what it has loaded */
	if (start == VM_SET_UP || start == VM_RUN) {
		strv_add(ret, "-incoming");
		strv_add(ret, "defer");
	}
}
