/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cause.h - why a scheduler did not load, from what the kernel, libbpf, the verifier and its loader said. The kernel's own words
 * come first, then the causes that libbpf's words are known for, then the verifier's verdict, then the loader's last word.
 */
#ifndef SCHED_CAUSE_H
#define SCHED_CAUSE_H

#include "libexec/lib/json.h"

/* One line, to be freed; NULL when nothing was said. Both are arrays of lines: the loader's, and what sched_ext logged. */
char *sched_cause(const json_t *output, const json_t *kernel_log);

#endif
