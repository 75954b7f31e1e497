/* SPDX-License-Identifier: GPL-2.0-only */
/* machine.h - values of the machine, each a file of the kernel's, that ops change and that are put back at the end. */
#ifndef KT_MACHINE_H
#define KT_MACHINE_H

#include "libexec/spec/op.h"
#include "libexec/lib/strv.h"

/* The files that an op writes: none when it writes no such value, or when the machine does not have it. */
struct strv machine_files(const struct op *op);

struct saved_values {
	struct saved { char *path, *value; } *v; /* as they were, in the order in which they were saved */
	size_t n;
};

/* Read one and remember it, unless it is remembered. 0, or -1 and err. */
int saved_keep(struct saved_values *s, const char *path, struct kt_err *err);
/* Put all back, the last one first, and forget them. -1 and err when one could not be. */
int saved_restore(struct saved_values *s, struct kt_err *err);
void saved_deinit(struct saved_values *s);

#endif
