/* SPDX-License-Identifier: GPL-2.0-only */
/* boot.h - one run, from its inputs to the end record. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "libexec/boot/inputs.h"

/* Run the guest and write the report. Returns the exit code. signals is a signalfd; start_ns is when the program began. */
int boot_run(const struct boot_options *o, struct boot_inputs *in, int signals, int64_t start_ns);
/* Print QEMU's command line and the names in the payload. Returns the exit code. */
int boot_dry_run(bool cold, const struct boot_inputs *in);
/* Print the profiles that the spec's scheduler can be run with. Returns the exit code. */
int boot_list_profiles(const struct boot_options *o);

#endif
