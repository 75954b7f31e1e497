// SPDX-License-Identifier: GPL-2.0-only
/* unweighted - broken: vtime that charges everybody the same, whatever its weight. */
#define CHARGE(p, ns) (ns)
#include "vtime.h"

SCHEDULER("unweighted", VTIME_OPS);
