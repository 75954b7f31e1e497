/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h - the ops on the guest kernel's memory. The host does them from outside while the guest waits (guestlink.h). The guest's
 * request has the number of the op, and the spec has the op itself. What an op finds becomes the result in the op's record.
 */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "libexec/kernel/kernel.h"
#include "libexec/look/guestmem.h"
#include "libexec/spec/spec.h"

struct memory_ops {
	const struct spec *spec;
	uint64_t task_next, task_pid; /* offsets of these members in a task_struct */
	json_t *symbols;         /* {"name": "hexadecimal address"}: the symbols that the ops need, from the guest; NULL: not yet */
	json_t *found;           /* what the ops found, in order; NULL: the spec has no such op */
	size_t used;             /* how many of these have gone into records */
};

/* Look up in the kernel's BTF the members that the spec's ops name. Ends the program when the kernel lacks one. */
struct memory_ops memory_ops_settle(const struct spec *spec, const char *spec_file, const struct kernel *kernel);
/* Whether the op of this request is a cold one, which all CPUs must stand still for. */
bool memory_op_is_cold(const struct memory_ops *m, const json_t *request);
/* Keep the symbols that this request brings. */
void memory_ops_take_symbols(struct memory_ops *m, const json_t *request);
/* Do the op of this request. 0; -1 and err: the op cannot be done, which ends the run. */
int memory_op_do(struct memory_ops *m, struct guestmem *memory, const json_t *request, struct kt_err *err);
/* Add the result to the record of an op, if the op is one on memory. */
void memory_op_result(struct memory_ops *m, json_t *record);

#endif
