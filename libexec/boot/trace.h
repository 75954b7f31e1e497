/* SPDX-License-Identifier: GPL-2.0-only */
/* trace.h - the trace of a run: ktstr-trace(5). ktstr-turns.so writes the blocks, and the host the header and the last block. */
#ifndef BOOT_TRACE_H
#define BOOT_TRACE_H

#include "libexec/boot/snapshots.h"
#include "libexec/trace/taps.h"

struct trace {
	const char *path;
	json_t *header;
	struct taps *taps;       /* shared with QEMU */
};

/*
 * Make the file, with the header of a trace that has not ended, and tell c of it. Ends the program when the file cannot be made, or this
 * kernel or clock has no traces.
 */
void trace_open(struct trace *t, const char *path, struct snapshots *snapshots, const char *release, struct vm_config *c);
/* QEMU is gone. Add what it had not written yet, and the end. */
void trace_close(struct trace *t);

#endif
