/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkpoint.h - boot once and set up once, then start every run from the saved state.
 *
 * There are two of them. The booted machine: its key is the SHA-256 of everything that this state depends on, kernel, guest image,
 * the QEMU program and its whole command line (so plan, memory and clock too); what a spec needs travels at start, so one
 * serves every spec of a topology. And, on the virtual clock, the ready machine: started from that one, with all that a
 * spec wants set up, and its workers at the start line. Its key is the SHA-256 of the booted state, of what the guest was
 * given, and of ktstr-boot; the seed is not among that, so one serves every seed.
 *
 * A checkpoint is the directory checkpoints/KEY/ of the cache (cache.h). In it are
 *
 *     .lock         held by the one process that builds it while others wait
 *     .tmp.XXXXXX/  what a build is writing
 *     saved/        the state; appears whole, by a rename, or not at all; its mtime is when it was last used
 *       state       of the devices: a QEMU migration stream
 *       ram0 ...    of the memory, one file a node. Of a booted machine: sparse, mapped copy-on-write by every VM that starts
 *                   from it, whatever its spec. Of a ready one: what is not as in the booted one (changes.h)
 *       meta.json   one object; kind "checkpoint", and
 *                   key       the directory's own: what was saved for another is not taken
 *                   topology, cpus, memory_mib, accel, clock, ns_per_insn
 *                   kernel    {release, sha256}
 *                   qemu      {program, version}
 *                   created   when, in UTC: 2026-11-24T02:16:00Z
 *                   files     {"state": {hash, identity}, "ram0": ...}
 *                   sum       hash of the other members
 *                 and of a ready machine
 *                   spec      its name
 *                   of        the key of the booted machine
 *                   said      {records, symbols, memory}: of the report until then, and what was looked up for it
 *
 * The identity of a file is its device, inode, size, mtime, ctime, and the host's boot: a file whose identity still holds is
 * taken as it is, any other is read and compared, and one that differs has the state built again. So nothing depends
 * on what a crash or a power cut leaves. Files of other users, or that others may write to, count as damaged.
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
	json_t *said;        /* of a ready machine; else NULL */
	bool built;          /* by this call, not found */
	int64_t find_ns, build_ns; /* wall time of finding it, waiting for another process included; or of building it */
	char *log;           /* when the guest could not be brought up: its own end record, or NULL */
};

/* What a key and a build need beside the VM's configuration. */
struct checkpoint_opts {
	const char *kernel_release, *kernel_sha256;
	int signals;         /* as in struct vm */
	FILE *console_to[2];
	int64_t boot_limit_ns, deadline_ns; /* of the guest's boot; of waiting for another process' build */
	uint64_t cache_limit; /* bytes; see checkpoint_limit() */
};

/*
 * Find the booted machine, or build it. 0; or -1 and err, with vm telling why: its console tail is that of the failed boot.
 * c->log is the guest's last record then, if it sent one.
 */
int checkpoint_get(const struct vm_config *cfg, const struct checkpoint_opts *o, struct vm *vm, struct checkpoint *c,
		   struct kt_err *err);
/* No descriptors; nr_ram files are to come. */
void checkpoint_init(struct checkpoint *c, unsigned nr_ram);
void checkpoint_deinit(struct checkpoint *c);

/* How a booted machine becomes a ready one. */
struct checkpoint_setup {
	const char *spec;    /* its name */
	const char *payload_sha256; /* of what the guest is given */
	/*
	 * Start from booted (VM_SET_UP), run it until it stands ready, and take that: checkpoint_take(), and c->said. 0; 1: the run is over
	 * already, and there is nothing to take; -1 and err.
	 */
	int (*run)(void *ctx, struct checkpoint *c, struct kt_err *err);
	void *ctx;
};

/* Find the ready machine, or build it. 0; 1: run() had nothing to save; -1 and err. */
int checkpoint_set_up(const struct vm_config *cfg, const struct checkpoint_opts *o, const struct checkpoint *booted,
		      const struct checkpoint_setup *setup, struct checkpoint *c, struct kt_err *err);
/* Save what stands ready in vm. */
int checkpoint_take(struct checkpoint *c, const struct checkpoint *booted, const struct topo *plan, struct vm *vm, int64_t deadline_ns,
		    struct kt_err *err);
/* Make the memory of a VM, which has that of booted, that of ready. It must not have begun to run. */
int checkpoint_apply(const struct checkpoint *ready, const struct checkpoint *booted, const struct topo *plan, pid_t qemu,
		     struct kt_err *err);

/* What the cache may hold, in bytes: KTSTR_CACHE_LIMIT (MiB), by default 8 GiB. */
int checkpoint_limit(uint64_t *ret, struct kt_err *err);

/* One entry of the cache, as it is found: nothing in it was verified. */
struct checkpoint_entry {
	char key[SHA256_HEX_SIZE];
	json_t *meta;        /* NULL: nothing is saved, or it is damaged: error */
	char *error;
	uint64_t size;       /* allocated, in bytes, with what builds left behind */
	struct timespec used;
	bool has_stage;      /* somebody builds it, or died building it */
};

/* All entries, the most recently used first. A cache that is not there is empty; what does not look like a key is no entry. */
int checkpoint_list(struct checkpoint_entry **ret, size_t *n, struct kt_err *err);
void checkpoint_list_free(struct checkpoint_entry *list, size_t n);
/* Read all of a saved state and compare. 0; 1: nothing is saved; -1 and err: it is damaged. */
int checkpoint_verify(const char *key, struct kt_err *err);
/* Remove an entry; a VM that runs from it runs on. CACHE_BUSY: another process builds it right now. */
int checkpoint_remove(const char *key, struct kt_err *err);
/*
 * Remove what dead builds left, and the least recently used entries while there is more than limit bytes; never the
 * ones called keep (the second may be NULL), nor one that is being built.
 */
int checkpoint_evict(uint64_t limit, const char *const keep[2], struct kt_err *err);

#endif
