/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enums.h - the kernel's constants in a BPF object. Where a constant's value may differ from kernel to kernel, schedulers have
 * a variable in .rodata in its place, __SCX_DSQ_LOCAL for SCX_DSQ_LOCAL, and leave it to their loader to set it.
 */
#ifndef SCHED_ENUMS_H
#define SCHED_ENUMS_H

#include <bpf/libbpf.h>

/* Between open and load. What the kernel does not have stays what it is. */
void enums_set(struct bpf_object *obj);

#endif
