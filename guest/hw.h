/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hw.h - the machine's side doors, used from user space by port I/O: no guest driver is needed, so every kernel works.
 *
 * Out: isa-debugcon, port 0xe9: bytes to the host, synchronous. In: fw_cfg, ports 0x510 and 0x511. Ready: the
 * watchdog, or pvpanic, port 0x505. Metronome: the RTC's periodic interrupt, ports 0x70 and 0x71. Watchdog: ib700, ports
 * 0x441 and 0x443.
 */
#ifndef GUEST_HW_H
#define GUEST_HW_H

#include "kt.h"

/* Allow port I/O in this process. */
int hw_init(struct kt_err *err);
void hw_say(const void *buf, size_t n);
/* The fw_cfg file called name, or NULL: not there. The caller frees it. */
char *hw_fw_cfg(const char *name, size_t *size);
/*
 * The host saves a checkpoint here, or just goes on. pvpanic stops the VM at that very instruction. But once no vCPU has
 * anything to do, the virtual clock jumps to the next timer, and whether it does that once more before QEMU has taken note
 * of the stop is a race between QEMU's threads: some ms more or less, and all runs from this checkpoint differ from those
 * of the next one. So on the virtual clock (ktstr_save_idle in the environment) it is the watchdog that stops the VM,
 * 2 s later, while all vCPUs are idle: then the clock jumps exactly once, in whatever order the threads come.
 */
void hw_ready(void);
/*
 * Run the RTC's periodic interrupt at 32768 >> (rate - 1) Hz, rate 3 to 15; 0 turns it off. On the virtual clock every
 * timer of the machine ends the running vCPU's turn, so at 8192 Hz (rate 3) a turn lasts 122 us at most. The kernel
 * must not own the RTC (initcall_blacklist=cmos_init): the line stays masked and nobody in the guest sees the
 * interrupt. It costs the guest nothing, but the host about 60 us a tick, idle or not: on only while workers run.
 *
 * Known hole, measured on QEMU 7.2: with just two busy vCPUs, one that ends its turn early (PAUSE, HLT, a write to its APIC
 * timer) can come next when the turn's budget is zero. QEMU then runs the timers on the way into that empty turn and
 * clears the vCPU's exit request at its end, the other one gets the whole next turn, and so on: the two keep that step until
 * one of them happens to end a turn early again, up to 100 ms and now and then much more. Three or more busy vCPUs fall out
 * of it by themselves within a few ms.
 */
void hw_metronome(int rate);
/*
 * Arm the watchdog (ib700, ports 0x441 and 0x443) or arm it anew: unless that happens again within so many seconds of
 * guest time (2 to 30, even), the machine is stopped and the host takes it for lost. 0 disarms it.
 */
void hw_watchdog(int seconds);

#endif
