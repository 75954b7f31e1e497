/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hw.h - the machine's side doors, used from user space by port I/O: no guest driver is needed, so every kernel works.
 *
 * Out: isa-debugcon, port 0xe9: bytes to the host, synchronous. In: fw_cfg, ports 0x510 to 0x51b. Ready: pvpanic, port
 * 0x505. Watchdog: ib700, ports 0x441 and 0x443.
 */
#ifndef GUEST_HW_H
#define GUEST_HW_H

#include "libexec/lib/kt.h"

/* Allow port I/O in this process. */
int hw_init(struct kt_err *err);
void hw_say(const void *buf, size_t n);
/* The same as a stream. It asks the kernel for nothing. */
FILE *hw_stream(void);
/* Once, before the checkpoint: the pages that fw_cfg files are read into. It takes some thousand blocks of kernel code. */
int hw_fw_cfg_prepare(struct kt_err *err);
/*
 * Open the fw_cfg file called name, one at a time; false: not there. Then piece by piece: the next one, valid until the
 * one after it; 0 at the end, -1 when the device fails. By DMA, which takes the guest no time, where the device has it
 * and the kernel tells where pages are; else byte by byte.
 */
bool hw_fw_cfg_open(const char *name, size_t *size);
ssize_t hw_fw_cfg_next(const char **data);
/* The number, 0 or more, that the fw_cfg file called name has as text. */
int hw_fw_cfg_number(const char *name, int64_t *ret, struct kt_err *err);
/* The host saves a checkpoint here, or just goes on: the VM stops when the turn of this vCPU is over (libexec/vm/shim-ask.c). */
void hw_ready(void);
/*
 * Arm the watchdog (ib700, ports 0x441 and 0x443) or arm it anew: unless that happens again within so many seconds of
 * guest time (2 to 30, even), the machine is stopped and the host takes it for lost. 0 disarms it.
 */
void hw_watchdog(int seconds);

#endif
