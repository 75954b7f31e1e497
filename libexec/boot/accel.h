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
/* End the program when this kernel cannot run with so many CPUs on the virtual clock. */
void boot_check_virtual_clock(const char *kernel_release, unsigned nr_cpus);

#endif
