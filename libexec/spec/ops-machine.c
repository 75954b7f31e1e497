// SPDX-License-Identifier: GPL-2.0-only
/* Ops on the machine: CPUs, interrupts, sysctls. guest/scenario/ops-machine.c does them; all is undone at the end of the run. */
#include "libexec/spec/scene.h"

bool op_parse_cpu(const struct jcur *c, const struct spec_reader *rd, unsigned *ret)
{
	int64_t cpu;

	if (!jcur_int(c, 0, CPUMASK_MAX - 1, &cpu))
		return false;
	*ret = cpu;
	if (!rd->plan)
		return true;
	struct cpumask all = topo_all_cpus(rd->plan);
	char list[CPULIST_LEN];
	return cpumask_test(&all, cpu) || jcur_error(c, "there is no CPU %u: plan %s has %s", *ret, rd->plan->name,
						     cpulist_format(&all, list));
}

static bool parse_cpu(const struct jcur *c, void *args, struct spec_reader *rd)
{
	return op_parse_cpu(c, rd, &((struct cpu_args *)args)->cpu);
}

static bool parse_offline(const struct jcur *c, void *args, struct spec_reader *rd)
{
	if (!parse_cpu(c, args, rd))
		return false;
	return ((struct cpu_args *)args)->cpu || jcur_error(c, "CPU 0 cannot go offline");
}

static bool check_offline(struct scene *sc, const struct op *op)
{
	unsigned cpu = ((struct cpu_args *)op->args)->cpu;

	if (!cpumask_test(&sc->online, cpu))
		return scene_error(sc, op, NULL, "CPU %u is offline already", cpu);
	for (size_t i = 0; i < sc->nr_batches; i++)
		if (sc->batches[i].running && work_is_deadline(sc->batches[i].b.work))
			return scene_error(sc, op, NULL, "no CPU can go offline while there are workers of policy deadline");
	cpumask_clear(&sc->online, cpu);
	return true;
}

const struct op_kind op_cpu_offline = {
	.name = "CpuOffline", .type = "integer", .args_size = sizeof(struct cpu_args), .parse = parse_offline,
	.check = check_offline, .help = "take a CPU, other than CPU 0, offline",
};

static bool check_online(struct scene *sc, const struct op *op)
{
	unsigned cpu = ((struct cpu_args *)op->args)->cpu;

	if (cpumask_test(&sc->online, cpu))
		return scene_error(sc, op, NULL, "CPU %u is online already", cpu);
	cpumask_set(&sc->online, cpu);
	return true;
}

const struct op_kind op_cpu_online = {
	.name = "CpuOnline", .type = "integer", .args_size = sizeof(struct cpu_args), .parse = parse_cpu,
	.check = check_online, .help = "bring a CPU back",
};

static bool parse_irq(const struct jcur *c, void *out, void *ctx)
{
	struct irq_args *a = out;
	int64_t number;

	(void)ctx;
	if (json_is_integer(c->j)) {
		if (!jcur_int(c, 0, 1 << 20, &number))
			return false;
		a->name = a->text = xasprintf("%lld", (long long)number);
		a->is_number = true;
		return true;
	}
	if (!json_is_string(c->j))
		return jcur_error(c, "must be a string or a whole number");
	if (!jcur_str(c, &a->name))
		return false;
	return (*a->name != '.' && !strchr(a->name, '/')) || jcur_error(c, "'%s' is no name of an interrupt", a->name);
}

static bool parse_irq_cpu(const struct jcur *c, void *out, void *ctx)
{
	return op_parse_cpu(c, ctx, &((struct irq_args *)out)->cpu);
}

static const struct row irq_rows[] = {
	{ .name = "irq", .kind = ROW_CUSTOM, .required = true, .type = "string, or integer", .parse = parse_irq,
	  .help = "its number, or its name as /proc/interrupts has it: then all that are called so" },
	{ .name = "cpu", .kind = ROW_CUSTOM, .required = true, .type = "integer", .parse = parse_irq_cpu,
	  .help = "the CPU that handles it from now on" },
	{ 0 }
};

static void irq_deinit(void *args)
{
	free(((struct irq_args *)args)->text);
}

static bool check_steer(struct scene *sc, const struct op *op)
{
	unsigned cpu = ((struct irq_args *)op->args)->cpu;

	return cpumask_test(&sc->online, cpu) || scene_error(sc, op, "cpu", "CPU %u is offline at this point", cpu);
}

const struct op_kind op_steer_irq = {
	.name = "SteerIrq", .type = "object", .rows = irq_rows, .args_size = sizeof(struct irq_args),
	.deinit = irq_deinit, .check = check_steer, .help = "have an interrupt handled by one CPU",
};

static bool parse_sysctl_name(const struct jcur *c, void *out, void *ctx)
{
	struct sysctl_args *a = out;

	(void)ctx;
	if (!jcur_str(c, &a->name))
		return false;
	if (a->name[strspn(a->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")] ||
	    a->name[0] == '.' || strstr(a->name, ".."))
		return jcur_error(c, "'%s' is no name of a sysctl, such as kernel.sched_rt_runtime_us", a->name);
	return true;
}

static bool parse_sysctl_value(const struct jcur *c, void *out, void *ctx)
{
	struct sysctl_args *a = out;

	(void)ctx;
	if (json_is_integer(c->j)) {
		a->value = a->text = xasprintf("%lld", (long long)json_integer_value(c->j));
		return true;
	}
	if (!json_is_string(c->j))
		return jcur_error(c, "must be a string or a whole number");
	return jcur_str(c, &a->value);
}

static const struct row sysctl_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_sysctl_name,
	  .help = "with dots, as kernel.sched_rt_runtime_us" },
	{ .name = "value", .kind = ROW_CUSTOM, .required = true, .type = "string, or integer", .parse = parse_sysctl_value,
	  .help = "what is written" },
	{ 0 }
};

static void sysctl_deinit(void *args)
{
	free(((struct sysctl_args *)args)->text);
}

static bool check_sysctl(struct scene *sc, const struct op *op)
{
	(void)sc, (void)op; /* what sysctls there are is the kernel's business */
	return true;
}

const struct op_kind op_write_sysctl = {
	.name = "WriteSysctl", .type = "object", .rows = sysctl_rows, .args_size = sizeof(struct sysctl_args),
	.deinit = sysctl_deinit, .check = check_sysctl, .help = "set a sysctl",
};
