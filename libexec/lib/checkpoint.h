/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkpoint.h - boot once, then start every test from the saved state.
 *
 * A checkpoint is a directory in the cache, checkpoints/<key>/: "state" (device state, a QEMU migration stream),
 * "ram0".. (one file a node, sparse, mapped copy-on-write by every VM that starts from it) and "meta.json". The key is a
 * hash of everything the state depends on: kernel, guest image, QEMU, and its whole command line (so plan, memory and
 * clock too). What a spec needs travels at start, so one checkpoint serves every spec of a topology.
 *
 * An entry appears whole (rename) or not at all; one process builds it while others wait (flock on <key>.lock). meta.json
 * keeps, for each file, its content's hash and its identity (inode, size, mtime, ctime, boot): a file whose identity
 * still holds is taken as it is, any other is read and compared, and one that differs has the entry built again.
 */
#ifndef KT_CHECKPOINT_H
#define KT_CHECKPOINT_H

#include "vm.h"

struct checkpoint {
	char key[33];
	int state;
	int ram[TOPO_MAX_NODES];
	unsigned nr_ram;
	bool built;          /* by this call, not found */
	int64_t build_ns;    /* wall time of that */
	char *log;           /* when the guest could not be brought up: its own end record, or NULL */
};

/* What a build shows and obeys. */
struct checkpoint_opts {
	int signals;         /* as in struct vm */
	FILE *console_to[2];
	int64_t boot_limit_ns;
};

/*
 * Find the checkpoint, or build it. kernel_hash: hash of the kernel, as text. 0; or -1 and err, with vm telling why: its
 * console tail is that of the failed boot. c->log is the guest's last record then, if it sent one.
 */
int checkpoint_get(const struct vm_config *cfg, const char *kernel_hash, const struct checkpoint_opts *o, struct vm *vm,
		   struct checkpoint *c, struct kt_err *err);
void checkpoint_deinit(struct checkpoint *c);

#endif
