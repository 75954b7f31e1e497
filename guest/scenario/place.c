// SPDX-License-Identifier: GPL-2.0-only
/* Where a worker runs and as whom: affinity, scheduling policy, memory policy, ids. See engine.h. */
#include "libexec/spec/affinity.h"
#include "guest/scenario/engine.h"
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The kernel's struct sched_attr, as of its first version; <linux/sched/types.h> and <sched.h> do not go together. */
struct attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
};

static const struct scene_batch *batch_of(const struct engine *e, unsigned i)
{
	return &e->scene.batches[e->crew.workers[i].cgroup];
}

void place_resolve(struct engine *e, unsigned i, const struct affinity *a, unsigned time)
{
	struct member *m = &e->crew.members[i];
	struct cpumask pool = scene_cpus(&e->scene, batch_of(e, i)->cgroup);
	uint64_t random = affinity_random(e->seed, i, time);

	m->has_affinity = a->kind != AFFINITY_INHERIT;
	m->affinity = m->has_affinity ? affinity_resolve(a, e->plan, &pool, e->crew.workers[i].index, &random) :
		topo_all_cpus(e->plan);
}

static int set_affinity(pid_t pid, const struct cpumask *cpus, struct kt_err *err)
{
	enum { MAX_CPUS = 4096 };
	char list[CPULIST_LEN];
	cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
	size_t size = CPU_ALLOC_SIZE(MAX_CPUS);

	if (!set)
		return kt_fail(err, "out of memory");
	CPU_ZERO_S(size, set);
	for (unsigned cpu = cpumask_next(cpus, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(cpus, cpu + 1))
		CPU_SET_S(cpu, size, set);
	int ret = sched_setaffinity(pid, size, set);
	CPU_FREE(set);
	if (ret)
		return kt_fail(err, "cannot run on CPUs %s: %s", cpulist_format(cpus, list), strerror(errno));
	return 0;
}

int place_apply(struct engine *e, unsigned i, pid_t pid, struct kt_err *err)
{
	struct cpumask cpus = e->crew.members[i].affinity;

	if (!engine_root(e)) {
		struct cpumask pool = scene_cpus(&e->scene, batch_of(e, i)->cgroup), both = cpumask_and(&cpus, &pool);
		cpus = cpumask_count(&both) ? both : pool;
	}
	return set_affinity(pid, &cpus, err);
}

/* Only what was asked for is a system call. */
static int set_place(struct engine *e, const struct worker *w, struct kt_err *err)
{
	unsigned i = w - e->crew.workers;
	const struct scene_cgroup *cg = batch_of(e, i)->cgroup;
	bool confined = false;

	for (; cg && !engine_root(e); cg = cg->parent)
		confined |= cg->has_cpus;
	return e->crew.members[i].has_affinity || confined ? place_apply(e, i, 0, err) : 0;
}

static int set_policy(const struct work_spec *work, struct kt_err *err)
{
	static const struct { const char *name; unsigned policy; } policies[] = {
		[POLICY_NORMAL] = { "Normal", SCHED_OTHER }, [POLICY_BATCH] = { "Batch", SCHED_BATCH },
		[POLICY_IDLE] = { "Idle", SCHED_IDLE }, [POLICY_EXT] = { "Ext", 7 /* SCHED_EXT: newer than the headers */ },
		[POLICY_FIFO] = { "fifo", SCHED_FIFO }, [POLICY_RR] = { "rr", SCHED_RR },
		[POLICY_DEADLINE] = { "deadline", SCHED_DEADLINE },
	};
	const struct policy *p = &work->policy;
	struct attr attr = { .size = sizeof(attr), .sched_priority = p->priority,
				   .sched_runtime = (uint64_t)p->runtime_ns, .sched_deadline = (uint64_t)p->deadline_ns,
				   .sched_period = (uint64_t)p->period_ns };

	if (work->nice != SPEC_NO_NICE && setpriority(PRIO_PROCESS, 0, (int)work->nice))
		return kt_fail(err, "cannot have nice value %d: %s", (int)work->nice, strerror(errno));
	if (p->kind == POLICY_INHERIT)
		return 0;
	attr.sched_policy = policies[p->kind].policy;
	attr.sched_nice = getpriority(PRIO_PROCESS, 0);
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		return kt_fail(err, "the kernel refuses policy %s: %s", policies[p->kind].name, strerror(errno));
	return 0;
}

static int set_mem_policy(const struct mem_policy *mem, struct kt_err *err)
{
	unsigned long nodes[TOPO_MAX_NODES / (8 * sizeof(long))] = { mem->nodes.bits[0] };

	if (!mem->given)
		return 0;
	/* The kernel reads one bit less than it is told of. */
	if (syscall(SYS_set_mempolicy, mem->mode | mem->flags, nodes, TOPO_MAX_NODES + 1))
		return kt_fail(err, "the kernel refuses the memory policy: %s", strerror(errno));
	return 0;
}

static int set_ids(const struct work_spec *work, struct kt_err *err)
{
	gid_t gid = (gid_t)work->gid;
	uid_t uid = (uid_t)work->uid;

	if (work->gid >= 0 && (setgroups(0, NULL) || setresgid(gid, gid, gid)))
		return kt_fail(err, "cannot be group %u: %s", gid, strerror(errno));
	if (work->uid >= 0 && setresuid(uid, uid, uid))
		return kt_fail(err, "cannot be user %u: %s", uid, strerror(errno));
	return 0;
}

int place_worker(struct engine *e, const struct worker *w, struct kt_err *err)
{
	const struct work_spec *work = e->spec->batches[w->cgroup].work;

	if (work->comm)
		prctl(PR_SET_NAME, work->comm);
	/* Affinity before policy, for a deadline task must not have any; ids last, for they take rights away. */
	return set_place(e, w, err) || set_policy(work, err) || set_mem_policy(&work->mem, err) || set_ids(work, err) ?
		-1 : 0;
}
