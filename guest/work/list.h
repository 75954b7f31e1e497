/* SPDX-License-Identifier: GPL-2.0-only */
/* Every work type, in the order in which they are listed: add a line here and a file beside it. */
#define WORK_TYPES(X) \
	X(spin_wait) \
	X(yield_heavy) \
	X(mixed) \
	X(alu_hot) \
	X(smt_sibling_spin) \
	X(ipc_variance) \
	X(io_sync_write) \
	X(io_rand_read) \
	X(io_convoy) \
	X(bursty) \
	X(idle_churn) \
	X(timer_latency) \
	X(cache_pressure) \
	X(cache_yield) \
	X(cache_pipe) \
	X(pipe_io) \
	X(futex_ping_pong) \
	X(futex_fan_out) \
	X(fan_out_compute) \
	X(asymmetric_waker) \
	X(wake_chain) \
	X(epoll_storm) \
	X(thundering_herd) \
	X(mutex_contention) \
	X(priority_inversion) \
	X(producer_consumer_imbalance) \
	X(signal_storm) \
	X(preempt_storm) \
	X(rt_starvation) \
	X(sequence) \
	X(fork_exit) \
	X(nice_sweep) \
	X(affinity_churn) \
	X(cross_affinity_churn) \
	X(policy_churn) \
	X(numa_migration_churn) \
	X(cgroup_churn) \
	X(cgroup_attach_storm) \
	X(page_fault_churn) \
	X(numa_working_set_sweep) \
	X(schbench) \
	X(exec)
