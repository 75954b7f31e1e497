/* SPDX-License-Identifier: GPL-2.0-only */
/* accel.h - choose the accelerator and the clock. */
#ifndef BOOT_ACCEL_H
#define BOOT_ACCEL_H

#include "libexec/boot/options.h"
#include "libexec/vm/vm.h"

/*
 * Set the accelerator and the clock in c, whose other members are set already. Returns the reason, for people. Boots a canary guest
 * when it is not known yet whether KVM works here. A signal (signals is a signalfd) ends the canary and the program.
 */
char *boot_choose_accel(const struct accel_options *o, int signals, struct vm_config *c);
/*
 * End the program when this QEMU or this kernel, with so many CPUs, cannot run on the virtual clock. by_name: --clock virtual was given,
 * so a QEMU that is not tested will do.
 */
void boot_check_virtual_clock(const char *qemu_version, bool by_name, const char *kernel_release, unsigned nr_cpus);
/* Whether a kernel of this release can bring up more than one CPU on the virtual clock. */
bool boot_kernel_starts_cpus(const char *release);

#endif
