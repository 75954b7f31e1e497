/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h - ops on the guest kernel's memory, done from outside while the guest waits (guestlink.h): which op, the request
 * says, and the spec what that is. What was found becomes the result of the op's record.
 */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "libexec/kernel/kernel.h"
#include "libexec/look/guestmem.h"
#include "libexec/spec/spec.h"

struct memory_ops {
	const struct spec *spec;
	uint64_t task_next, task_pid; /* of a task_struct: where in it these members are */
	json_t *symbols;         /* {"name": "hexadecimal address"}: the guest's word for where what the ops need is; NULL: not said yet */
	json_t *found;           /* what they found, in order; NULL: the spec has none */
	size_t used;             /* so many have become results */
};

/* Find in the kernel's BTF the members that the spec's ops name; ends the program when there is one that it does not have. */
struct memory_ops memory_ops_settle(const struct spec *spec, const char *spec_file, const struct kernel *kernel);
/* The op that the guest waits with reads or writes at one moment of all CPUs. */
bool memory_op_is_cold(const struct memory_ops *m, const json_t *request);
/* Take in the symbols that a request has. */
void memory_ops_take_symbols(struct memory_ops *m, const json_t *request);
/* Do the op that the guest waits with. -1 and err: it cannot be done, and the run is over. */
int memory_op_do(struct memory_ops *m, struct guestmem *memory, const json_t *request, struct kt_err *err);
/* Into the record of an op, if it is one on memory. */
void memory_op_result(struct memory_ops *m, json_t *record);

#endif
