/* SPDX-License-Identifier: GPL-2.0-only */
/* guest.h - the machine under test: a QEMU, the guest's memory, and what it is given. */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "libexec/look/guestmem.h"
#include "libexec/state/checkpoint.h"

struct guest {
	struct vm vm;
	const struct vm_config *config;
	int payload;             /* what it is given: a file */
	const char *payload_sha256; /* of what is in the payload: see inputs.h */
	bool asks;               /* it will wait for the host now and then */
	int signals;             /* a signalfd: ends waits */
	FILE *console_to[2];     /* copies of the console; NULL: none */
	const char *keep;        /* a directory for its inputs; NULL: they are not kept */
	int ram[TOPO_MAX_NODES]; /* its memory, while it runs; not ours to close */
	int64_t started_ns;      /* wall: it was let run, the last time */
};

/*
 * Boot it, or start it from booted; or, if that is there, from ready. A guest that was there before is killed. 0, or -1 and
 * err.
 */
int guest_start(struct guest *g, enum vm_start start, const struct checkpoint *booted, const struct checkpoint *ready,
		int64_t deadline_ns, struct kt_err *err);
/* Its memory, as its kernel has it. 0, or -1 and err. */
int guest_memory(const struct guest *g, struct guestmem *ret, struct kt_err *err);
/* QEMU has said, or ktstr-turns.so has, that it cannot run such a guest. */
bool guest_is_unsuitable(const struct guest *g);

#endif
