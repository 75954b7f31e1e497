/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watches.h - variables of the guest's kernel and its scheduler that are watched for writes: the op WatchSnapshot, and --watch. On the
 * virtual clock, where the guest stands behind the instruction that has written (libexec/vm/shim-watch.c). Each hit is a record
 * (ktstr-report(5), hit); the first ones have a snapshot, too.
 */
#ifndef BOOT_WATCHES_H
#define BOOT_WATCHES_H

#include "libexec/boot/snapshots.h"
#include "libexec/look/watch.h"
#include "libexec/spec/op.h"

enum { WATCHES_MAX = SNAPSHOTS_WATCHES_MAX + WATCHES_BY_SPEC };
_Static_assert((int)WATCHES_MAX < (int)SHIM_WATCHES, "the first of the shim's watches is on the exit kind of the scheduler");
/* Of one watch: hits with a snapshot, with a record, and hits that are counted before the watch ends. */
enum { WATCH_SNAPSHOTS_MAX = 64, WATCH_HITS_MAX = 1000, WATCH_COUNTS_MAX = 1000000 };

struct watches {
	struct watch {
		const char *text;        /* what it is on */
		const char *path;        /* of its op; NULL: it is one of --watch */
		struct place place;
		struct watch_place at;   /* where it is, or was last; its size 0: nowhere yet */
		bool wanted;             /* its op was done, or there is none */
		bool armed;              /* as far as the host knows */
		uint64_t before;         /* hits where it was before */
		uint64_t seen;           /* hits with a record */
		struct kt_err why_not;   /* wanted and not armed */
	} v[WATCHES_MAX];
	unsigned n;
	bool by_ops;                     /* there are some of the spec's */
};

/* All of them. Ends the program when the kernel says already that one cannot be watched, or the clock is real. */
struct watches watches_load(const struct boot_options *o, const struct spec *spec, struct snapshots *snapshots, bool virtual_clock);
/*
 * The op that the guest asks for was done: its variable is watched from now on; setting_up: from where the first phase begins. t NULL:
 * nothing can be read, as err says. -1 and err: it cannot be.
 */
int watches_do_op(struct watches *w, const json_t *request, bool setting_up, struct target *t, struct vm *vm, struct kt_err *err);
/*
 * The guest stands: the exit kind of a scheduler, 4 bytes at this address, is watched until the scheduler has got one; at 0: none is. It is
 * not one of the others.
 */
void watches_arm_exit(struct target *t, struct vm *vm, uint64_t at);
/* Whether the guest stands for a write to that exit kind. */
bool watches_is_exit(const struct vm *vm);
/* Arm all wanted watches, at their present addresses. The guest stands. */
void watches_arm(struct watches *w, struct target *t, struct vm *vm);
/*
 * The guest stands for a hit. Its record; NULL: what was watched is gone, and something else is there. *name: of the snapshot that is to
 * be taken, too, or NULL.
 */
json_t *watches_hit(struct watches *w, struct target *t, struct vm *vm, const char **name);
/* The record of all hits of a watch, at the end of the run. shim: of the guest that ran; NULL: none did. */
json_t *watches_total(const struct watches *w, unsigned i, const struct shim_page *shim);
/* Warn of watches that were never armed. */
void watches_warn(const struct watches *w);
/* The paths of the ops that were done in set-up. They are saved with the guest, for runs that start from there. */
json_t *watches_wanted(const struct watches *w);
void watches_want_all(struct watches *w, const json_t *paths);

#endif
