// SPDX-License-Identifier: GPL-2.0-only
/* llc - tasks stay in their last-level cache while its CPUs have work, and no CPU idles while another LLC has too much. */
#include "llc.h"

SCHEDULER("llc", LLC_OPS);
