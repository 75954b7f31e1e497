/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshots.h - snapshots of the guest's kernel, taken from outside: ktstr-snap(5). On the virtual clock the guest stands where the shim
 * stops it (libexec/vm/shim-stop.c). What is read then leaves no trace.
 */
#ifndef BOOT_SNAPSHOTS_H
#define BOOT_SNAPSHOTS_H

#include "libexec/boot/options.h"
#include "libexec/look/snapshot.h"
#include "libexec/vm/vm.h"

struct snapshots {
	struct snapshot_stop { int64_t at_ns; char *name; } *stops; /* in their order */
	size_t n, next;
	unsigned nr_cpus;
	struct kernel_types types; /* only when there are stops */
};

/* All times, and the kernel's symbols and types. Ends the program when an option is wrong, or the clock is not the virtual one. */
struct snapshots snapshots_load(const struct snapshot_options *o, int64_t run_ns, const struct vm_config *c);
/* When the guest is to stand next, as for vm_stop_at(). */
int64_t snapshots_next_ns(const struct snapshots *s);
/* The record of the snapshot that the guest stands for. m NULL: its memory is not to be had, as err says. */
json_t *snapshots_take(struct snapshots *s, struct guestmem *m, const struct shim_page *shim, const struct kt_err *err);

#endif
