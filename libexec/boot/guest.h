/* SPDX-License-Identifier: GPL-2.0-only */
/* guest.h - the machine under test: a QEMU process, the guest's memory, and the payload. */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "libexec/look/guestmem.h"
#include "libexec/state/checkpoint.h"

struct guest {
	struct vm vm;
	const struct vm_config *config;
	int payload;             /* the archive that the guest unpacks: a file */
	const char *payload_sha256; /* of what is in the archive: see inputs.h */
	bool asks;               /* the guest will send requests and wait for the host's answers */
	int signals;             /* a signalfd: a signal ends every wait */
	FILE *console_to[2];     /* copies of the console; NULL: none */
	const char *keep;        /* the directory in which its inputs are kept; NULL: they are not */
	int64_t stop_ns;         /* when it first stands still, as for vm_stop_at(); 0: at no time */
	bool stop_bare;
	int ram[TOPO_MAX_NODES]; /* descriptors of its memory while it runs; the checkpoint closes them */
	int64_t started_ns;      /* wall time at which the guest was let run, the last time */
};

/*
 * Kill the guest that runs, if there is one. Then boot a guest (VM_COLD), or start one from the checkpoint `booted`, or from `ready`
 * unless that is NULL. 0, or -1 and err.
 */
int guest_start(struct guest *g, enum vm_start start, const struct checkpoint *booted, const struct checkpoint *ready,
		int64_t deadline_ns, struct kt_err *err);
/* Open the memory of the guest for reading and writing from outside. 0, or -1 and err. */
int guest_memory(const struct guest *g, struct guestmem *ret, struct kt_err *err);
/* Whether QEMU or ktstr-turns.so has said that this QEMU cannot run such a guest. */
bool guest_is_unsuitable(const struct guest *g);

#endif
