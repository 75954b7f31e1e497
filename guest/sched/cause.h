/* SPDX-License-Identifier: GPL-2.0-only */
/* cause.h - why a scheduler did not load, from what its loader, libbpf and the verifier said: the known causes, by name. */
#ifndef SCHED_CAUSE_H
#define SCHED_CAUSE_H

#include "libexec/lib/json.h"

/* One line, to be freed; the last thing that was said when no known cause is in it; NULL when nothing was. */
char *sched_cause(const json_t *output);

#endif
