/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fan_out.h - a group of a messenger, its first member, and receivers. In rounds: the messenger wakes them all at once
 * through one futex; the next round waits until all have done with this one, so a receiver that is late is seen being
 * late, instead of missing a round.
 *
 * The latency is the receivers': from just before the messenger's wake-up to the return from the wait, and only when the
 * receiver waited by then.
 */
#ifndef KT_WORK_FAN_OUT_H
#define KT_WORK_FAN_OUT_H

#include "guest/work/worker.h"

static inline bool fan_out_is_messenger(const struct worker *w)
{
	return w->member == 0;
}

/* The messenger: start a round; wait until all receivers have done with it. False: the stop. */
void fan_out_send(struct worker *w);
bool fan_out_gather(struct worker *w, unsigned receivers);
/* A receiver: wait for a round, *round being the last one it saw (0 before the first). False: the stop. */
bool fan_out_receive(struct worker *w, uint32_t *round);
void fan_out_done(struct worker *w, unsigned receivers);
/* A type's role(). */
const char *fan_out_role(const struct worker *w, const void *args);
/* A type's verify(), where every round is a unit: the receivers are at the messenger's round or at the one that the stop
 * cut short. */
int fan_out_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err);

#endif
