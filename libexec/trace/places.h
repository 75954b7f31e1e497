/* SPDX-License-Identifier: GPL-2.0-only */
/* places.h - where a kernel has what taps.h needs. */
#ifndef TRACE_PLACES_H
#define TRACE_PLACES_H

#include "libexec/look/target.h"
#include "libexec/trace/taps.h"

/*
 * Functions, members and variables, into t. Events that this kernel cannot have are added to absent: {"event", "why"}. -1 and err: it
 * can have none.
 */
int taps_find(const struct kernel_types *types, struct taps *t, json_t *absent, struct kt_err *err);

/* The names of the events whose times may be late by an instruction. */
json_t *taps_late(const struct taps *t);

#endif
