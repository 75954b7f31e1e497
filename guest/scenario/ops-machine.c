// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on the machine. libexec/lib/ops-machine.c says what they take; engine_destroy() takes them back. */
#include "engine.h"
#include "files.h"

static enum outcome set_online(unsigned cpu, bool on, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("/sys/devices/system/cpu/cpu%u/online", cpu);

	if (access(path, F_OK)) {
		kt_fail(err, "this kernel has no CPU hotplug: there is no '%s'", path);
		return OUTCOME_UNSUPPORTED;
	}
	return write_text(path, on ? "1" : "0", err) ? OUTCOME_ERROR : OUTCOME_DONE;
}

enum outcome op_run_cpu_offline(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	unsigned cpu = ((const struct cpu_args *)op->args)->cpu;

	(void)result;
	cpumask_set(&e->offline, cpu);
	return set_online(cpu, false, err);
}

enum outcome op_run_cpu_online(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	unsigned cpu = ((const struct cpu_args *)op->args)->cpu;
	enum outcome o = set_online(cpu, true, err);

	(void)result;
	if (o == OUTCOME_DONE)
		cpumask_clear(&e->offline, cpu);
	return o;
}

static void save(struct engine *e, const char *path, const char *value)
{
	for (size_t i = 0; i < e->nr_sysctls; i++)
		if (streq(e->sysctls[i].path, path))
			return;
	e->sysctls = xrealloc(e->sysctls, e->nr_sysctls + 1, sizeof(*e->sysctls));
	e->sysctls[e->nr_sysctls++] = (struct saved){ xstrdup(path), xstrdup(value) };
}

enum outcome op_run_write_sysctl(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct sysctl_args *a = op->args;
	_cleanup_free_ char *path = xasprintf("/proc/sys/%s", a->name);
	char before[256], after[256];

	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	if (access(path, F_OK)) {
		kt_fail(err, "this kernel has no sysctl %s", a->name);
		return OUTCOME_UNSUPPORTED;
	}
	if (read_text(path, before, sizeof(before), err))
		return OUTCOME_ERROR;
	save(e, path, before);
	if (write_text(path, a->value, err) || read_text(path, after, sizeof(after), err))
		return OUTCOME_ERROR;
	*result = KT_PACK("{ss ss ss}", "name", a->name, "before", before, "after", after);
	return OUTCOME_DONE;
}
