/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every op: add a line here, its struct op_kind to one of the libexec/spec/ops-*.c (or one of your own), and its
 * op_run_NAME() to one of the guest/scenario/ops-*.c.
 */
#define OPS(X) \
	X(add_cgroup) \
	X(add_cgroup_def) \
	X(remove_cgroup) \
	X(stop_cgroup) \
	X(set_cpuset) \
	X(clear_cpuset) \
	X(swap_cpusets) \
	X(set_cpuset_mems) \
	X(set_limits) \
	X(spawn) \
	X(set_affinity) \
	X(move_all_tasks) \
	X(freeze_cgroup) \
	X(unfreeze_cgroup) \
	X(capture_cgroup_procs) \
	X(write_sysctl) \
	X(steer_irq) \
	X(cpu_offline) \
	X(cpu_online) \
	X(read_kernel_hot) \
	X(read_kernel_cold) \
	X(write_kernel_hot) \
	X(write_kernel_cold) \
	X(snapshot) \
	X(watch_snapshot) \
	X(run_payload) \
	X(wait_payload) \
	X(kill_payload) \
	X(attach_scheduler) \
	X(detach_scheduler) \
	X(restart_scheduler) \
	X(replace_scheduler)
