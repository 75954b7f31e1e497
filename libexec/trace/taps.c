// SPDX-License-Identifier: GPL-2.0-only
/* Where the taps of this kernel are: see taps.h. */
#include "libexec/trace/places.h"

/* What each function is called, what members its event needs, and what is absent without it. */
static const struct { const char *symbol, *event; } functions[TAP_KINDS] = {
	[TAP_SCHEDULE] = { "__schedule", "preempted" },
	[TAP_SWITCH] = { "__switch_to_asm", "switch" },
	[TAP_WAKING] = { "try_to_wake_up", "waking" },
	[TAP_ENQUEUE] = { "enqueue_task", "wakeup" },
	[TAP_MIGRATE] = { "set_task_cpu", "migrate" },
	[TAP_FORK] = { "wake_up_new_task", "fork" },
	[TAP_EXIT] = { "do_exit", "exit" },
	[TAP_TICK] = { "sched_tick", "tick" },
	[TAP_AFFINITY] = { "set_cpus_allowed_common", "affinity" },
	[TAP_THROTTLE] = { "tg_throttle_down", "throttle" },
	[TAP_UNTHROTTLE] = { "tg_unthrottle_up", "unthrottle" },
	[TAP_ACTIVATE] = { "sched_cpu_activate", "online" },
	[TAP_DEACTIVATE] = { "sched_cpu_deactivate", "offline" },
};

static void add_absent(json_t *absent, int tap, const char *has)
{
	_cleanup_free_ char *why = xasprintf("the kernel has %s '%s'", has, functions[tap].symbol);

	json_array_append_new(absent, KT_PACK("{ss ss}", "event", functions[tap].event, "why", why));
}

/* When several functions have the name, nobody knows which one is meant. */
static void find_functions(const struct kallsyms *symbols, struct taps *t, json_t *absent)
{
	for (int i = 0; i < TAP_KINDS; i++) {
		bool several = false;
		const struct symbol *s = kallsyms_find(symbols, functions[i].symbol, &several);

		if (s && !several)
			t->taps[i].at = s->address;
		else
			add_absent(absent, i, several ? "several functions" : "no function");
	}
}

static bool find_member(const struct kernel_types *types, struct member m, struct tap_member *ret)
{
	target_find_members(&(struct target){ .types = types }, &m, 1);
	*ret = (struct tap_member){ m.offset, m.size };
	return m.there;
}

static int find_members(const struct kernel_types *types, struct taps *t, struct kt_err *err)
{
#define X(name, type, path, older) \
	if (!find_member(types, (struct member){ type, path, older }, &t->members.name)) \
		return kt_fail(err, "the kernel's %s has no member '%s'", type, path);
	TAP_MEMBERS(X)
#undef X
#define X(name, type, path, older) find_member(types, (struct member){ type, path, older }, &t->members.name);
	TAP_MORE_MEMBERS(X)
#undef X
	return 0;
}

static int find_variables(const struct kallsyms *symbols, struct taps *t, struct kt_err *err)
{
	t->per_cpu_offsets = kallsyms_address(symbols, "__per_cpu_offset");
	t->runqueues = kallsyms_address(symbols, "runqueues");
	t->active = kallsyms_address(symbols, "__cpu_active_mask");
	if (!t->per_cpu_offsets || !t->runqueues || !t->active)
		return kt_fail(err, "the kernel has no symbol '%s'", !t->active ? "__cpu_active_mask" : t->runqueues ? "__per_cpu_offset" : "runqueues");
	return 0;
}

int taps_find(const struct kernel_types *types, struct taps *t, json_t *absent, struct kt_err *err)
{
	find_functions(&types->symbols, t, absent);
	return find_members(types, t, err) || find_variables(&types->symbols, t, err) ? -1 : 0;
}

json_t *taps_late(const struct taps *t)
{
	json_t *late = json_array();

	for (int i = 0; i < TAP_KINDS; i++)
		if (t->taps[i].late)
			json_array_append_new(late, json_string(functions[i].event));
	return late;
}
