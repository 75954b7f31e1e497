/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshots.h - snapshots of the guest's kernel, taken from outside: ktstr-snap(5). Those of --snapshot-at and --periodic are of the
 * virtual clock, where the guest stands at a time that the shim stops it at (libexec/vm/shim-stop.c). Those of the op Snapshot are taken
 * while the guest waits for the host. What is read then leaves no trace.
 */
#ifndef BOOT_SNAPSHOTS_H
#define BOOT_SNAPSHOTS_H

#include "libexec/boot/options.h"
#include "libexec/look/snapshot.h"
#include "libexec/spec/spec.h"
#include "libexec/vm/vm.h"

struct snapshots {
	struct snapshot_stop { int64_t at_ns; char *name; } *stops; /* in their order */
	size_t n, next;
	unsigned nr_cpus;
	bool by_ops;             /* the spec has ops that take some */
	bool exits;              /* one is taken when a scheduler exits: the spec does not expect it to */
	unsigned nr_exits;       /* that were taken */
	json_t *names;           /* of those that came without a time: {"name": how many} */
	const char *vmlinux;
	struct kernel_types types;
	enum { TYPES_UNREAD, TYPES_READ, TYPES_BAD } have; /* of them */
	struct kt_err why_not;   /* TYPES_BAD */
};
enum { SNAPSHOTS_EXITS_MAX = 4 };

/* All times, and the kernel's symbols and types. Ends the program when an option is wrong, or asks for the virtual clock and has not got it. */
struct snapshots snapshots_load(const struct snapshot_options *o, const struct spec *spec, const struct vm_config *c);
/* When the guest is to stand next, as for vm_stop_at(). */
int64_t snapshots_next_ns(const struct snapshots *s);
/* The kernel's symbols and types, read now if they were not; NULL and err: they cannot be. */
const struct kernel_types *snapshots_types(struct snapshots *s, struct kt_err *err);
/*
 * Two functions that return the record of a snapshot. t NULL: nothing can be read, as err says. shim NULL: on the real clock. All vCPUs
 * stand.
 *
 * The snapshot that is due, in this phase.
 */
json_t *snapshots_take_due(struct snapshots *s, unsigned phase, struct target *t, const struct shim_page *shim, const struct kt_err *err);
/* A snapshot of this name, or NAME#2 if the name is taken. by: the member of the record. */
json_t *snapshots_take(struct snapshots *s, const char *name, const char *by, struct target *t, const struct shim_page *shim,
		       const struct kt_err *err);
/* The name in the op that the guest asks for; NULL: the spec has no such op. */
const char *snapshots_requested(const struct spec *spec, const json_t *request);

#endif
