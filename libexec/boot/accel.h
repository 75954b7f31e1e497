/* SPDX-License-Identifier: GPL-2.0-only */
/* accel.h - which accelerator, and which clock. */
#ifndef BOOT_ACCEL_H
#define BOOT_ACCEL_H

#include "libexec/boot/options.h"
#include "libexec/vm/vm.h"

/*
 * Set them in c, whose other members are set; returns the reason, in words. A canary guest is booted to know about KVM where
 * nothing is known yet; a signal (a signalfd) ends that, and the program.
 */
char *boot_choose_accel(const struct accel_options *o, int signals, struct vm_config *c);
/* This kernel cannot run on the virtual clock with so many CPUs: that ends the program. */
void boot_check_virtual_clock(const char *kernel_release, unsigned nr_cpus);

#endif
