/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - a group as a ring: one token goes from each member to the next, the last one's to the first. Through pipes
 * where setup made some, which is a sync wake-up; else through futexes, a word for each member, which is not.
 *
 * The latency, where it is recorded: from just before the token is handed on to the return of the next one's wait, and only
 * when that one waited by then; otherwise nobody was woken.
 */
#ifndef KT_WORK_RING_H
#define KT_WORK_RING_H

#include "guest/work/worker.h"

/* For a ring with pipes: a type's setup(). */
int ring_pipes(struct worker *group, unsigned n, const void *args, struct kt_err *err);
/* Take the token, work, hand it on, until the stop: a type's run(). n is the group's size. */
void ring_run(struct worker *w, unsigned n, bool record, void (*work)(struct worker *w, const void *args));
/* Nobody is ahead by more than a turn: a type's verify(). */
int ring_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err);
/* A type's group_size(), when it is two. */
unsigned ring_pair(const void *args);

#endif
