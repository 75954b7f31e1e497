/* SPDX-License-Identifier: GPL-2.0-only */
/* saved-clock.h - the virtual clock in a state that QEMU has saved. */
#ifndef KT_SAVED_CLOCK_H
#define KT_SAVED_CLOCK_H

#include "libexec/lib/kt.h"

/*
 * The state in fd was saved at 2^from ns an instruction, and will be loaded at 2^to. QEMU saves the number of instructions and an
 * offset, and adds the offset to the time that these instructions take. Change the offset, so that the guest's clock does not jump.
 */
int saved_clock_rescale(int fd, unsigned from, unsigned to, struct kt_err *err);

#endif
