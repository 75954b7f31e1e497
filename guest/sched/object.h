/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * object.h - a BPF object as a scheduler, before it is loaded: opened, and looked at. Of ktstr-load in the guest, and of the
 * host, which says what is wrong before it starts one.
 */
#ifndef SCHED_OBJECT_H
#define SCHED_OBJECT_H

#include "libexec/lib/json.h"

struct bpf_map;
struct bpf_object;
struct btf_type;

/* Open it, and find its one struct_ops map of sched_ext_ops. 0; -1 and err, which names the file. */
int object_open(const char *path, struct bpf_object **obj, struct bpf_map **ops, struct kt_err *err);

/* Open it, and set these options (options.h), or NULL. 0; -1 and err, of one line. */
int object_check(const char *path, const json_t *options, struct kt_err *err);
/* The type of a map's values. */
const struct btf_type *object_value_type(const struct bpf_object *obj, const struct bpf_map *map);

#endif
