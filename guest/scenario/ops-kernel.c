// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask the host for the ops on the kernel's memory, which libexec/boot/memory.c does from outside. libexec/spec/ops-kernel.c says
 * what they take. The host knows the spec: it needs to be told which op, and what only the guest knows: the addresses of
 * symbols, once and before anything runs, and the pid.
 */
#include "guest/scenario/engine.h"
#include "guest/request.h"
#include "guest/symbols.h"

static int add_symbol(json_t *symbols, const char *name, struct kt_err *err)
{
	uint64_t address;

	if (json_object_get(symbols, name))
		return 0;
	address = symbols_find(name, err);
	if (!address)
		return -1;
	json_object_set_new(symbols, name, json_sprintf("%llx", (unsigned long long)address));
	return 0;
}

/* With the kernel's page tables the host can tell memory from none. */
static int want_all(json_t *symbols, const struct kernel_args *a, struct kt_err *err)
{
	return add_symbol(symbols, "init_top_pgt", err) || (a->symbol && add_symbol(symbols, a->symbol, err)) ||
		(a->target == KERNEL_PER_CPU && add_symbol(symbols, "__per_cpu_offset", err)) ||
		(a->target == KERNEL_TASK && add_symbol(symbols, "init_task", err)) ? -1 : 0;
}

enum outcome kernel_symbols(struct engine *e, struct kt_err *err)
{
	json_auto_t *symbols = json_object();
	const struct op *op;

	for (size_t i = 0; (op = spec_op(e->spec, i)); i++) {
		if (!op_is_kernel(op) && op->kind != &op_snapshot && op->kind != &op_watch_snapshot)
			continue;
		if (!e->opts->guest) {
			kt_fail(err, "%s: %s: the kernel's memory is read and written from outside a guest: use ktstr-boot, or ktstr run",
				op->path, op->kind->name);
			return OUTCOME_UNSUPPORTED;
		}
		if (!op_is_kernel(op))
			continue; /* the host knows where all is that it reads */
		if (want_all(symbols, op->args, err)) {
			kt_context(err, "%s: %s", op->path, op->kind->name);
			return OUTCOME_ERROR;
		}
	}
	if (json_object_size(symbols))
		request_host(KT_PACK("{ss sO}", "event", "symbols", "symbols", symbols), e->opts->virtual_clock);
	return OUTCOME_DONE;
}

/* What comes of it is the host's to add. */
enum outcome op_run_read_kernel_hot(struct engine *e, const struct op *op, json_t **result, struct kt_err *err)
{
	const struct kernel_args *a = op->args;
	pid_t pid = getpid();

	(void)result;
	if (a->target == KERNEL_TASK && a->cgroup) {
		pid = e->crew.members[scene_worker(&e->scene, a->cgroup, a->group, a->index)].pid;
		if (pid <= 0) {
			kt_fail(err, "worker %u is not there any more", a->index);
			return OUTCOME_ERROR;
		}
	}
	request_host(KT_PACK("{ss ss si}", "event", "memory", "path", op->path, "pid", (int)pid), e->opts->virtual_clock);
	return OUTCOME_DONE;
}

op_run_fn op_run_read_kernel_cold __attribute__((alias("op_run_read_kernel_hot")));
op_run_fn op_run_write_kernel_hot __attribute__((alias("op_run_read_kernel_hot")));
op_run_fn op_run_write_kernel_cold __attribute__((alias("op_run_read_kernel_hot")));
