// SPDX-License-Identifier: GPL-2.0-only
/* How a run ended: see outcome.h. */
#include "libexec/boot/outcome.h"

const char *const outcome_names[] = { "done", "lost", "unsupported", "error", NULL };

enum kt_exit outcome_exit(enum outcome o)
{
	static const enum kt_exit codes[] = { KT_OK, KT_TROUBLE, KT_CANNOT_TELL, KT_TROUBLE };

	return codes[o];
}
