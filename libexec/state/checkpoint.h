/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkpoint.h - boot a guest once, set a spec up once, and start every run from the saved state.
 *
 * There are two of them. The booted machine: its key is the SHA-256 of everything that this state depends on, kernel, guest image,
 * the QEMU program and its whole command line (so plan, memory and clock too); what a spec needs travels at start, so one
 * serves every spec of a topology. And, on the virtual clock, the ready machine: started from that one, with all that a
 * spec wants set up, and its workers at the start line. Its key is the SHA-256 of the booted state, of what the guest was
 * given, and of ktstr-boot; the seed is not among that, so one serves every seed.
 *
 * The booted machine waits for a spec. Its key is a hash of all that its state depends on: the kernel, the guest image, the QEMU
 * program, and QEMU's whole command line, which has the plan, the memory and the clock in it. The spec travels to the guest after
 * the start, so one booted machine serves every spec of a topology.
 *
 * The ready machine waits for a seed; only the virtual clock has one. It was started from the booted machine, has set a spec up,
 * and its workers wait for the start. Its key is a hash of the booted state, of what the guest was given, and of ktstr-boot. The
 * seed is not part of the key, so one ready machine serves every seed.
 *
 * A checkpoint is the directory checkpoints/KEY/ of the cache (cache.h). It holds
 *
 *     .lock         held by the process that builds the checkpoint; others wait for the lock
 *     .tmp.XXXXXX/  what a build is writing
 *     saved/        the state. A rename makes it appear whole. Its mtime is the time of its last use
 *       state       the state of the devices: a QEMU migration stream
 *       ram0 ...    the memory, one file for each node. A booted machine has sparse files, which every VM that starts from it
 *                   maps copy-on-write. A ready machine has the pages that differ from the booted machine's (changes.h)
 *       meta.json   one object of the kind "checkpoint", with
 *                   key       the name of the directory: a state that was saved under another key is damaged
 *                   topology, cpus, memory_mib, accel, clock, ns_per_insn
 *                   kernel    {release, sha256}
 *                   qemu      {program, version}
 *                   created   when, in UTC: 2026-11-24T02:16:00Z
 *                   files     {"state": {hash, identity}, "ram0": ...}
 *                   sum       hash of the other members
 *                 and, for a ready machine,
 *                   spec      the name of the spec
 *                   of        the key of the booted machine
 *                   said      {records, symbols, memory}: the report's records until then, and what the host looked up
 *
 * The identity of a file is its device, inode, size, mtime, ctime, and the host's boot ID. A file with the identity in meta.json
 * is taken as it is. Any other file is read and its hash compared. When a hash differs, the checkpoint is built again. So a crash or
 * a power cut can leave nothing behind that is taken for a good state. A file of another user, or one that others may write to, is
 * damaged.
 */
#ifndef KT_CHECKPOINT_H
#define KT_CHECKPOINT_H

#include "libexec/lib/digest.h"
#include "libexec/vm/vm.h"

struct checkpoint {
	char key[SHA256_HEX_SIZE];
	char contents[SHA256_HEX_SIZE]; /* hash of the hashes of its files */
	int state;           /* of the saved files */
	int ram[TOPO_MAX_NODES];
	unsigned nr_ram;
	json_t *said;        /* "said" of a ready machine; NULL for a booted one */
	bool built;          /* this call built it; false: it was found */
	int64_t find_ns, build_ns; /* wall time: to find it, with the wait for another process; to build it */
	char *log;           /* the end record of a guest that did not come up; NULL: it sent none */
};

/* What the key and the build depend on, beside the VM's configuration. */
struct checkpoint_opts {
	const char *kernel_release, *kernel_sha256;
	int signals;         /* as in struct vm */
	FILE *console_to[2];
	int64_t boot_limit_ns;    /* how long the guest may boot */
	int64_t deadline_ns;      /* until when to wait for another process that builds the same checkpoint */
	uint64_t cache_limit; /* bytes; see checkpoint_limit() */
};

/*
 * Find the booted machine, or build it. 0, or -1 and err. After a failed boot vm->console_tail has the end of that guest's
 * console, and c->log has its end record, if it sent one.
 */
int checkpoint_get(const struct vm_config *cfg, const struct checkpoint_opts *o, struct vm *vm, struct checkpoint *c,
		   struct kt_err *err);
/* Set c to a checkpoint without open files that will have nr_ram files of memory. */
void checkpoint_init(struct checkpoint *c, unsigned nr_ram);
void checkpoint_deinit(struct checkpoint *c);

/* How the caller turns a booted machine into a ready one. */
struct checkpoint_setup {
	const char *spec;    /* its name */
	const char *payload_sha256; /* of what the guest is given */
	/*
	 * Start a guest from the booted machine (VM_SET_UP), let it run until it is ready, save it with checkpoint_take(), and
	 * set c->said. 0; 1: the run ended during the set-up, so there is nothing to save; -1 and err.
	 */
	int (*run)(void *ctx, struct checkpoint *c, struct kt_err *err);
	void *ctx;
};

/* Find the ready machine, or build it. 0; 1: the run ended during the set-up, see run(); -1 and err. */
int checkpoint_set_up(const struct vm_config *cfg, const struct checkpoint_opts *o, const struct checkpoint *booted,
		      const struct checkpoint_setup *setup, struct checkpoint *c, struct kt_err *err);
/* Save the guest in vm, which is ready and stands still. */
int checkpoint_take(struct checkpoint *c, const struct checkpoint *booted, const struct topo *plan, struct vm *vm, int64_t deadline_ns,
		    struct kt_err *err);
/* Give a VM that was started with the memory of `booted` the memory of `ready`. The VM must not have begun to run. */
int checkpoint_apply(const struct checkpoint *ready, const struct checkpoint *booted, const struct topo *plan, pid_t qemu,
		     struct kt_err *err);

/* The size limit of the cache in bytes: KTSTR_CACHE_LIMIT (in MiB), or 8 GiB. */
int checkpoint_limit(uint64_t *ret, struct kt_err *err);

/* One entry of the cache as it lies there. Its contents have not been checked. */
struct checkpoint_entry {
	char key[SHA256_HEX_SIZE];
	json_t *meta;        /* NULL: nothing is saved, or it is damaged: error */
	char *error;
	uint64_t size;       /* allocated, in bytes, with what builds left behind */
	struct timespec used;
	bool has_stage;      /* a process builds the entry, or died while it did */
};

/* All entries, the most recently used first. A cache that does not exist is empty. A name that is no key is no entry. */
int checkpoint_list(struct checkpoint_entry **ret, size_t *n, struct kt_err *err);
void checkpoint_list_free(struct checkpoint_entry *list, size_t n);
/* Read all files of a checkpoint and compare their hashes. 0; 1: nothing is saved; -1 and err: damaged. */
int checkpoint_verify(const char *key, struct kt_err *err);
/* Remove an entry. A VM that was started from it runs on. CACHE_BUSY: another process is building the entry. */
int checkpoint_remove(const char *key, struct kt_err *err);
/*
 * Remove what builds left that have died. Then remove the least recently used entries until the cache has at most `limit` bytes.
 * The entries in keep (the second may be NULL) stay, and so does an entry that is being built.
 */
int checkpoint_evict(uint64_t limit, const char *const keep[2], struct kt_err *err);

#endif
