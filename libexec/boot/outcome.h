/* SPDX-License-Identifier: GPL-2.0-only */
/* outcome.h - how a run ended. */
#ifndef BOOT_OUTCOME_H
#define BOOT_OUTCOME_H

#include "libexec/lib/kt.h"

enum outcome { DONE, LOST, UNSUPPORTED, ERROR };
extern const char *const outcome_names[]; /* as the end record has them; NULL-terminated */
enum kt_exit outcome_exit(enum outcome o);

struct result {
	enum outcome outcome;
	struct kt_err why;       /* of all but DONE */
};

#endif
