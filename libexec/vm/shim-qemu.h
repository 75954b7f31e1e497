/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim-qemu.h - what QEMU exports for its modules, and the shim uses. QEMU does not promise to keep these names: 7.2 and 10.0 have
 * them. One table, so that a QEMU in which a name is missing is refused by that name.
 */
#ifndef KT_SHIM_QEMU_H
#define KT_SHIM_QEMU_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_OF_HOST, CLOCK_OF_GUEST }; /* QEMU_CLOCK_REALTIME, QEMU_CLOCK_VIRTUAL */
enum { ALL_TIMERS = -1, SCALE_NS = 1 };

/* X(member, name, name before 9.0 or NULL, type) */
#define SHIM_QEMU_FUNCTIONS(X) \
	X(timerlist_new, "timerlist_new", NULL, void *(*)(int clock, void (*notify)(void *, int), void *opaque)) \
	X(timer_init, "timer_init_full", NULL, void (*)(void *timer, void *group, int clock, int scale, int attributes, \
							void (*fire)(void *), void *opaque)) \
	X(timer_mod, "timer_mod_ns", NULL, void (*)(void *timer, int64_t ns)) \
	X(deadline, "qemu_clock_deadline_ns_all", NULL, int64_t (*)(int clock, int attributes)) \
	X(now, "qemu_clock_get_ns", NULL, int64_t (*)(int clock)) \
	X(run_timers, "qemu_clock_run_timers", NULL, bool (*)(int clock)) \
	X(vm_runs, "runstate_is_running", NULL, bool (*)(void)) \
	X(shutdown_cause, "qemu_shutdown_requested_get", NULL, int (*)(void)) \
	X(is_idle, "cpu_thread_is_idle", NULL, bool (*)(void *vcpu)) \
	X(can_run, "cpu_can_run", NULL, bool (*)(void *vcpu)) \
	X(has_no_work, "cpu_work_list_empty", NULL, bool (*)(void *vcpu)) \
	X(exit, "cpu_exit", NULL, void (*)(void *vcpu)) \
	X(debugged, "cpu_handle_guest_debug", NULL, void (*)(void *vcpu)) \
	X(interrupt, "cpu_interrupt", NULL, void (*)(void *vcpu, int mask)) \
	X(accel, "cpus_get_accel", NULL, void **(*)(void)) \
	X(timer_del, "timer_del", NULL, void (*)(void *timer)) \
	X(region_init, "memory_region_init_io", NULL, void (*)(void *region, void *owner, const void *ops, void *opaque, \
							       const char *name, uint64_t size)) \
	X(region_add, "memory_region_add_subregion_overlap", NULL, void (*)(void *parent, uint64_t at, void *region, int priority)) \
	X(ports, "get_system_io", NULL, void *(*)(void)) \
	X(lock, "bql_lock_impl", "qemu_mutex_lock_iothread_impl", void (*)(const char *file, int line)) \
	X(unlock, "bql_unlock", "qemu_mutex_unlock_iothread", void (*)(void)) \
	X(notify, "qemu_timer_notify_cb", NULL, void (*)(void *, int clock)) \
	X(get_vcpu, "qemu_get_cpu", NULL, void *(*)(int index)) \
	X(watch, "cpu_watchpoint_insert", NULL, int (*)(void *vcpu, uint64_t at, uint64_t size, int flags, void **ret)) \
	X(unwatch, "cpu_watchpoint_remove_by_ref", NULL, void (*)(void *vcpu, void *watchpoint)) \
	X(dump_vcpu, "cpu_dump_state", NULL, void (*)(void *vcpu, void *file, int flags)) /* a FILE */ \
	X(timers, "main_loop_tlg", NULL, void ***) /* of the main loop: a list for each clock */ \
	X(vcpu, "current_cpu", NULL, void **) /* whose turn it is, in the thread that asks */

/* The same, of TCG: QEMU itself, or a module that it loads when it makes the first vCPU. prepare's budget is new in 8.1. */
#define SHIM_TCG_FUNCTIONS(X) \
	X(prepare, "icount_prepare_for_run", NULL, void (*)(void *vcpu, int64_t budget)) \
	X(execute, "tcg_cpu_exec", "tcg_cpus_exec", int (*)(void *vcpu)) \
	X(account, "icount_process_data", NULL, void (*)(void *vcpu)) \
	X(handle_interrupt, "icount_handle_interrupt", NULL, void (*)(void *vcpu, int mask))

struct shim_qemu {
#define X(member, name, old_name, type) __typeof__(type) member;
	SHIM_QEMU_FUNCTIONS(X)
	SHIM_TCG_FUNCTIONS(X)
#undef X
};

extern struct shim_qemu qemu;

#endif
