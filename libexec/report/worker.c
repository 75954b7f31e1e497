// SPDX-License-Identifier: GPL-2.0-only
/* Worker records: see read.h. */
#include "libexec/report/read.h"

enum { MAX_TID = 1 << 22 };

static bool read_exit(const struct jcur *c, struct report_worker *w)
{
	struct jcur params;
	const char *name, *signal;
	int64_t code;

	if (!jcur_variant(c, &name, &params))
		return false;
	if (streq(name, "timed_out") && !params.j) {
		w->end = WORKER_TIMED_OUT;
	} else if (streq(name, "exited") && params.j) {
		if (!jcur_int(&params, 0, 255, &code))
			return false;
		w->end = WORKER_EXITED;
		w->exit_code = code;
	} else if (streq(name, "signaled") && json_is_integer(params.j)) {
		if (!jcur_int(&params, 1, 64, &code)) /* a real-time signal, which has no name */
			return false;
		w->end = WORKER_SIGNALED;
		snprintf(w->signal, sizeof(w->signal), "signal %d", (int)code);
	} else if (streq(name, "signaled") && params.j) {
		if (!jcur_str(&params, &signal))
			return false;
		if (strlen(signal) >= sizeof(w->signal))
			return jcur_error(&params, "is not the name of a signal");
		w->end = WORKER_SIGNALED;
		memcpy(w->signal, signal, strlen(signal) + 1);
	} else {
		return jcur_error(c, "must be {\"exited\": CODE}, {\"signaled\": NAME} or \"timed_out\"");
	}
	return true;
}

/*
 * The worker's place, from the spec: a record for a worker nobody asked for, or a second one, is a
 * defect.
 */
static struct report_worker *worker_slot(const struct jcur *c, struct report *r)
{
	int64_t cgroup_index, index;
	const char *name;

	if (!report_need_str(c, "cgroup", &name) ||
	    !report_need_int(c, "cgroup_index", 0, SPEC_MAX_WORKERS - 1, &cgroup_index) ||
	    !report_need_int(c, "index", 0, SPEC_MAX_WORKERS - 1, &index))
		return NULL;
	struct report_cgroup *cg = (size_t)cgroup_index < r->nr_cgroups ? &r->cgroups[cgroup_index] : NULL;
	if (!cg || !streq(cg->name, name)) {
		jcur_error(c, "the spec has no cgroup %lld named '%s'", (long long)cgroup_index, name);
		return NULL;
	}
	if (index >= cg->nr_workers) {
		jcur_error(c, "worker %lld of cgroup '%s', which has %u", (long long)index, name,
			   cg->nr_workers);
		return NULL;
	}
	if (cg->workers[index].present) {
		jcur_error(c, "a second record of worker %lld of cgroup '%s'", (long long)index, name);
		return NULL;
	}
	cg->workers[index].cgroup = cg;
	cg->workers[index].index = index;
	return &cg->workers[index];
}

static bool read_wake_latency(const struct jcur *c, struct report_cgroup *cg)
{
	struct histogram h;

	if (!histogram_from_json(c, &h))
		return false;
	if (!cg->wake_latency)
		cg->wake_latency = xcalloc(1, sizeof(*cg->wake_latency));
	histogram_merge(cg->wake_latency, &h);
	return true;
}

static bool read_phase(const struct jcur *phases, size_t i, int64_t *ret)
{
	struct jcur phase = jcur_at(phases, i);

	return jcur_int(&phase, 1, REPORT_INT_MAX, ret);
}

bool report_read_worker(const struct jcur *c, struct report *r)
{
	if (!r->workers)
		return false; /* no run record to hold it against, or a bad one, which has been said */
	struct report_worker *w = worker_slot(c, r);
	struct jcur completed, exit, wake, delay, modelled, own, phases;
	const char *work, *role = "";

	if (!w || !report_need_int(c, "tid", 1, MAX_TID, &w->tid) || !report_need_str(c, "work", &work) ||
	    !report_need_cpus(c, "cpuset", &w->cpuset) || !report_need_cpus(c, "cpus_used", &w->cpus_used) ||
	    !report_need_int(c, "work_units", 0, REPORT_INT_MAX, &w->work_units) ||
	    !report_need_int(c, "iterations", 0, REPORT_INT_MAX, &w->iterations) ||
	    !report_need_int(c, "migrations", 0, REPORT_INT_MAX, &w->migrations) ||
	    !report_need_int(c, "cpu_time_ns", 0, REPORT_INT_MAX, &w->cpu_time_ns) ||
	    !report_need_int(c, "wall_time_ns", 0, REPORT_INT_MAX, &w->wall_time_ns) ||
	    !report_need_int(c, "off_cpu_ns", 0, w->wall_time_ns, &w->off_cpu_ns) ||
	    !report_need_int(c, "max_gap_ns", 0, REPORT_INT_MAX, &w->max_gap_ns) ||
	    !report_need_int(c, "max_gap_at_ns", 0, REPORT_INT_MAX, &w->max_gap_at_ns) ||
	    !report_need_int(c, "max_gap_cpu", -1, CPUMASK_MAX - 1, &w->max_gap_cpu) ||
	    !jcur_need(c, "completed", &completed) || !jcur_bool(&completed, &w->completed) ||
	    !jcur_need(c, "exit", &exit) || !read_exit(&exit, w))
		return false;
	if (strlen(work) >= sizeof(w->work))
		return jcur_error(c, "work '%.40s...' is no work type", work);
	memcpy(w->work, work, strlen(work) + 1);
	if (jcur_get(c, "role", &own) && (!jcur_str(&own, &role) || strlen(role) >= sizeof(w->role)))
		return jcur_error(&own, "is no role");
	memcpy(w->role, role, strlen(role) + 1);
	if (jcur_get(c, "wake_latency", &wake) && !read_wake_latency(&wake, &r->cgroups[w->cgroup->index]))
		return false;
	if (jcur_get(c, "phases", &phases) && (!jcur_is_array(&phases, 2) || !read_phase(&phases, 0, &w->first_phase) ||
					       !read_phase(&phases, 1, &w->last_phase)))
		return false;
	w->run_delay_ns = -1;
	if (jcur_get(c, "run_delay_ns", &delay) && !jcur_int(&delay, 0, REPORT_INT_MAX, &w->run_delay_ns))
		return false;
	w->modelled_ns = 0;
	if (jcur_get(c, "modelled_ns", &modelled) && !jcur_int(&modelled, 0, REPORT_INT_MAX, &w->modelled_ns))
		return false;
	w->present = true;
	return true;
}
