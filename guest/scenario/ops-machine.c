// SPDX-License-Identifier: GPL-2.0-only
/* Do the ops on the machine. libexec/spec/ops-machine.c says what they take; engine_destroy() takes them back. */
#include "guest/scenario/engine.h"
#include "guest/files.h"

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

/* Write a value, remembered as it was, and read what came of it. */
static int set_value(struct engine *e, const char *path, const char *value, char *after, size_t size, struct kt_err *err)
{
	return saved_keep(&e->saved, path, err) || write_text(path, value, err) || read_text(path, after, size, err) ? -1 : 0;
}

enum outcome op_run_write_sysctl(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct sysctl_args *a = op->args;
	_cleanup_(strv_deinit) struct strv files = machine_files(op);
	char before[256], after[256];

	if (!files.n) {
		kt_fail(err, "this kernel has no sysctl %s", a->name);
		return OUTCOME_UNSUPPORTED;
	}
	if (read_text(files.v[0], before, sizeof(before), err) || set_value(e, files.v[0], a->value, after, sizeof(after), err))
		return OUTCOME_ERROR;
	*result = KT_PACK("{ss ss ss}", "name", a->name, "before", before, "after", after);
	return OUTCOME_DONE;
}

enum outcome op_run_steer_irq(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct irq_args *a = op->args;
	_cleanup_(strv_deinit) struct strv files = machine_files(op);
	char cpu[16], after[CPULIST_LEN];
	unsigned number;

	if (!files.n) {
		kt_fail(err, "there is no interrupt '%s' here", a->name);
		return OUTCOME_ERROR;
	}
	snprintf(cpu, sizeof(cpu), "%u", a->cpu);
	*result = KT_PACK("{ss s[] si}", "irq", a->name, "numbers", "cpu", (int)a->cpu);
	for (size_t i = 0; i < files.n; i++) {
		if (set_value(e, files.v[i], cpu, after, sizeof(after), err))
			return OUTCOME_ERROR;
		if (!streq(after, cpu)) {
			kt_fail(err, "'%s' is '%s' and not '%s'", files.v[i], after, cpu);
			return OUTCOME_ERROR;
		}
		if (sscanf(files.v[i], "/proc/irq/%u/", &number) == 1)
			json_array_append_new(json_object_get(*result, "numbers"), json_integer(number));
	}
	return OUTCOME_DONE;
}
