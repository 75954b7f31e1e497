/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compute.h - modelled computing: the ports by which a guest's task says that it computes, and hears for how long it did.
 *
 * What a task computes between two interrupts no scheduler can tell. So on the virtual clock a worker that would spin writes to its
 * port, and its vCPU stands still, as after a HLT, but in user mode: until the next interrupt, or until a time. Nothing is executed
 * meanwhile, and the clock jumps when nothing else is to be. shim-compute.c is the host's side, guest/work/compute.c the guest's.
 *
 * Each worker has a slot of its own, so that tasks of one vCPU, or one task on several, are not mixed up. All accesses have 32 bits,
 * and count from 0, modulo 2^32, when QEMU starts. Slot s has the ports
 *
 *     COMPUTE_PORT + 4 * s     OUT: compute until the guest's clock (the TSC: ns, from the start of the machine) has this low
 *                              half. A time that has passed: do not. IN: ns for which this slot has computed
 *     COMPUTE_CHARGED + 4 * s  IN: of these, what a processor does that is as fast as those are that execute. While n vCPUs execute
 *                              in turn each has 1/n of the clock, and a computing one is charged 1/n of its time (shim-compute.c)
 *
 * and of all there are COMPUTE_IS_HERE, IN: COMPUTE_MAGIC, and COMPUTE_CLOCK, IN: the clock's low half.
 */
#ifndef KT_COMPUTE_H
#define KT_COMPUTE_H

enum {
	COMPUTE_SLOTS = 4096,
	/* Firmware and kernel put PCI's I/O BARs at 0xc000 and above. Where they do not, these ports lie over them. */
	COMPUTE_PORT = 0x2000,
	COMPUTE_CHARGED = COMPUTE_PORT + 4 * COMPUTE_SLOTS,
	COMPUTE_IS_HERE = COMPUTE_CHARGED + 4 * COMPUTE_SLOTS,
	COMPUTE_CLOCK = COMPUTE_IS_HERE + 4,
	COMPUTE_END = COMPUTE_CLOCK + 4,
	COMPUTE_MAGIC = 0x6b74736d,
	/* The longest stretch of computing that may be asked for. Where ticks are off (nohz_full) nothing else might end it. */
	COMPUTE_LONGEST_NS = 10000000,
};

#endif
