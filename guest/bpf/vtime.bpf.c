// SPDX-License-Identifier: GPL-2.0-only
/* vtime - weighted fair queueing. */
#define CHARGE(p, ns) ((ns) * 100 / (p)->scx.weight)
#include "vtime.h"

SCHEDULER("vtime", VTIME_OPS);
