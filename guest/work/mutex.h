/* SPDX-License-Identifier: GPL-2.0-only */
/* mutex.h - a mutex on one futex word that processes share: no queue of its own, whoever comes first takes it. */
#ifndef KT_MUTEX_H
#define KT_MUTEX_H

#include "guest/work/worker.h"
#include "guest/work/futex.h"

enum { MUTEX_FREE, MUTEX_HELD, MUTEX_WAITED_FOR };

static inline bool mutex_trylock(_Atomic uint32_t *m)
{
	uint32_t free = MUTEX_FREE;

	return atomic_compare_exchange_strong(m, &free, MUTEX_HELD);
}

/* False when the worker must stop: then it does not hold it. */
static inline bool mutex_lock(struct worker *w, _Atomic uint32_t *m)
{
	if (mutex_trylock(m))
		return true;
	/* Who has waited does not know whether others still do, and says so. */
	while (atomic_exchange(m, MUTEX_WAITED_FOR) != MUTEX_FREE) {
		if (!worker_running(w))
			return false;
		futex_wait(m, MUTEX_WAITED_FOR);
	}
	return true;
}

static inline void mutex_unlock(_Atomic uint32_t *m)
{
	if (atomic_exchange(m, MUTEX_FREE) == MUTEX_WAITED_FOR)
		futex_wake(m, 1);
}

#endif
