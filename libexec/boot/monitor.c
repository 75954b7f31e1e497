// SPDX-License-Identifier: GPL-2.0-only
/* Samples: see monitor.h. */
#include "libexec/boot/monitor.h"

struct monitor monitor_init(bool on, bool looks)
{
	return (struct monitor){ .on = on, .next_ns = on || looks, .phase = 1 };
}

json_t *monitor_sample(struct monitor *mon, struct target *t, const char *by, int64_t at_ns)
{
	json_t *record = KT_PACK("{ss sI ss si}", "kind", "sample", "at_ns", (json_int_t)at_ns, "by", by, "phase", (int)mon->phase);
	json_auto_t *values = sample_make(t);

	json_object_update(record, values);
	return record;
}
