// SPDX-License-Identifier: GPL-2.0-only
/* fifo - one queue for all CPUs, first come, first served. An idle CPU is used at once. */
#include "fifo.h"

SCHEDULER("fifo", FIFO_OPS);
