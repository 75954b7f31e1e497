/* SPDX-License-Identifier: GPL-2.0-only */
/* outcome.h - how a run ended, and why. */
#ifndef BOOT_OUTCOME_H
#define BOOT_OUTCOME_H

#include "libexec/lib/outcome.h"

struct result {
	enum outcome outcome;
	struct kt_err why;       /* of all but OUTCOME_DONE */
};

#endif
