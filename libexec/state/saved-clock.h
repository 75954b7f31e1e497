/* SPDX-License-Identifier: GPL-2.0-only */
/* saved-clock.h - the virtual clock in a state that QEMU has saved. */
#ifndef KT_SAVED_CLOCK_H
#define KT_SAVED_CLOCK_H

#include "libexec/lib/kt.h"

/*
 * The state in fd was saved at 2^from nanoseconds an instruction and is to be loaded at 2^to. QEMU saves the number of
 * instructions, and what has to be added to the time they took: change that, so that the guest's clock goes on where it was.
 */
int saved_clock_rescale(int fd, unsigned from, unsigned to, struct kt_err *err);

#endif
