/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h - global variables of a BPF object as options: set by name before it is loaded, checked against their BTF
 * type. Any variable of .rodata, .data and .bss is one: integers and enums (a JSON integer in the type's range, or the
 * enumerator's name), bool, char arrays (a string that fits, with its NUL), and arrays of these (a JSON array that is not
 * longer).
 */
#ifndef SCHED_OPTIONS_H
#define SCHED_OPTIONS_H

#include "libexec/lib/json.h"
#include <bpf/libbpf.h>

/* Between open and load. The error names the option, what it wants, and for an unknown one what there is. */
int option_set(struct bpf_object *obj, const char *name, const json_t *value, struct kt_err *err);

/* Where a variable is in the memory of the object, and its size; NULL: there is none. */
void *option_at(struct bpf_object *obj, const char *name, size_t *size);

#endif
