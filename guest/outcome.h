/* SPDX-License-Identifier: GPL-2.0-only */
/* outcome.h - how a scenario went; the "outcome" of the record that ends its output. */
#ifndef KT_OUTCOME_H
#define KT_OUTCOME_H

#include "libexec/lib/kt.h"

enum outcome {
	OUTCOME_DONE,        /* it ran, whatever the verdict will be */
	OUTCOME_UNSUPPORTED, /* this kernel or machine cannot run it */
	OUTCOME_ERROR,       /* something failed that should have worked */
};

static inline const char *outcome_name(enum outcome o)
{
	static const char *const names[] = { "done", "unsupported", "error" };

	return names[o];
}

static inline int outcome_exit(enum outcome o)
{
	static const int codes[] = { KT_OK, KT_CANNOT_TELL, KT_TROUBLE };

	return codes[o];
}

#endif
