/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snap.h - what is in a snapshot: the parts of ktstr-snap. A snapshot is a record of a report, as ktstr-snap(5) has it.
 *
 *     find.c   values in it, by names and paths
 *     table.c  all of it at a glance
 *     diff.c   what differs between two
 */
#ifndef KT_SNAP_H
#define KT_SNAP_H

#include "libexec/lib/json.h"

/* References in all of these are borrowed from the snapshot, unless the function says "new". NULL and err: it is not there. */

/*
 * By a path: "cpus[0].scx.nr_running", "maps[vtime_bp.bss].variables". Members follow dots; in brackets are the index of a list, or the
 * name of a member that has dots in it. A string "0x..." that is the address of a task of the snapshot leads into the task.
 */
json_t *snap_get(const json_t *snapshot, const char *path, struct kt_err *err);
/* A variable of the scheduler; name may be "MAP:VARIABLE". */
json_t *snap_var(const json_t *snapshot, const char *name, struct kt_err *err);
json_t *snap_map(const json_t *snapshot, const char *name, struct kt_err *err);
/* The entry of a map with this key: as text, or as JSON. */
json_t *snap_entry(const json_t *map, const char *name, const char *key, struct kt_err *err);
/* New: the entries for which "PATH OP VALUE" holds; OP is =, != , < or >; PATH is one in the entry, as value.count. */
json_t *snap_entries(const json_t *map, const char *name, const char *condition, struct kt_err *err);
json_t *snap_cpu(const json_t *snapshot, const char *number, struct kt_err *err);
/* New: a list of the tasks of this name, or with this pid. */
json_t *snap_tasks(const json_t *snapshot, const char *which, struct kt_err *err);
/* By its id, decimal or hexadecimal. Local ones are with their CPU. */
json_t *snap_dsq(const json_t *snapshot, const char *id, struct kt_err *err);

/* New: when it was taken, "300.008 ms" from the begin of the first phase, or "-": that is not known. */
char *snap_moment(const json_t *snapshot);
/* At a glance, for people. */
void snap_print_table(const json_t *snapshot, FILE *f);

/*
 * New: [{"path", "was", "is"}]; without "was" it came, without "is" it went. CPUs are told apart by number, tasks by pid, dispatch
 * queues by id, entries of maps by key; other lists by place.
 */
json_t *snap_diff(const json_t *a, const json_t *b);

#endif
