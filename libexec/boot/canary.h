/* SPDX-License-Identifier: GPL-2.0-only */
/* canary.h - whether the virtual clock repeats with this QEMU on this machine: a small guest is run several times, and compared. */
#ifndef BOOT_CANARY_H
#define BOOT_CANARY_H

#include "libexec/boot/inputs.h"

/*
 * End the program, with KT_CANNOT_TELL and the reason, when runs of the canary guest differ. The answer is taken from the cache, if it
 * is there. When the canary itself fails, nothing is known: a warning says why, and the run will say more. in has been loaded for the
 * virtual clock. A signal (signals is a signalfd) ends the canary and the program.
 */
void boot_check_repeats(const struct boot_options *o, const struct boot_inputs *in, int signals);

#endif
