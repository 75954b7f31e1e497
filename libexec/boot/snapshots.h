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
	struct kernel_types types; /* only when a snapshot may be taken */
	bool by_ops;             /* the spec has ops that take some */
	json_t *names;           /* of those that ops took: {"name": how many} */
};

/* All times, and the kernel's symbols and types. Ends the program when an option is wrong, or asks for the virtual clock and has not got it. */
struct snapshots snapshots_load(const struct snapshot_options *o, const struct spec *spec, const struct vm_config *c);
/* When the guest is to stand next, as for vm_stop_at(). */
int64_t snapshots_next_ns(const struct snapshots *s);
/* The record of the snapshot that the guest stands for. m NULL: its memory is not to be had, as err says. */
json_t *snapshots_take(struct snapshots *s, struct guestmem *m, const struct shim_page *shim, const struct kt_err *err);
/* The name in the op that the guest asks for; NULL: the spec has no such op. */
const char *snapshots_requested(const struct spec *spec, const json_t *request);
/* The record of the op's snapshot. All vCPUs stand; shim NULL: on the real clock. */
json_t *snapshots_take_op(struct snapshots *s, const char *name, struct guestmem *m, const struct shim_page *shim, const struct kt_err *err);

#endif
