// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace: the blocks are the input, behind a header of ours. What is read of it is in order and within the plan, and what is made of
 * that holds together.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/trace/conserve.h"

enum { CPUS = 4 };

static int trace_file(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *file = xcalloc(1, TRACE_HEADER_SIZE + size);
	int n = snprintf(file, TRACE_HEADER_SIZE, "{\"kind\":\"trace\",\"ktstr\":1,\"version\":%d,\"cpus\":%d,\"zero_ns\":0,\"events\":3}",
			 TRACE_VERSION, CPUS);

	memset(file + n, ' ', (size_t)(TRACE_HEADER_SIZE - n - 1));
	file[TRACE_HEADER_SIZE - 1] = '\n';
	memcpy(file + TRACE_HEADER_SIZE, data, size);
	return fuzz_file((const uint8_t *)file, TRACE_HEADER_SIZE + size);
}

static void check_event(const struct trace_event *e, int64_t last_ns)
{
	if (e->ns < last_ns)
		BUG("time goes back");
	if (e->cpu >= CPUS || e->to_cpu >= CPUS)
		BUG("a CPU beyond the plan");
	if (e->kind == RECORD_SWITCH && (!e->prev || !e->task))
		BUG("a switch without its tasks");
	if (e->task && strnlen(e->task->comm, sizeof(e->task->comm)) == sizeof(e->task->comm))
		BUG("a name without an end");
	if (cpumask_next(&e->allowed, CPUS) != CPUMASK_MAX || (e->task && cpumask_next(&e->task->allowed, CPUS) != CPUMASK_MAX))
		BUG("a set of CPUs beyond the plan");
}

static void check_sums(const struct tracked_tasks *tasks, const struct conserve *c, int64_t span)
{
	for (size_t i = 0; i < tasks->n; i++)
		if (tasks->v[i].run_ns < 0 || tasks->v[i].wait_ns < 0 || tasks->v[i].worst_wait_ns > tasks->v[i].wait_ns)
			BUG("the times of a task do not hold together");
	for (unsigned i = 0; i < CPUS; i++)
		if (c->cpus[i].sum_ns < c->cpus[i].longest_ns || c->cpus[i].sum_ns > span || c->cpus[i].waiting > tasks->n)
			BUG("CPU %u was idle for %lld of %lld ns", i, (long long)c->cpus[i].sum_ns, (long long)span);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", trace_file(data, size));
	struct tracked_tasks tasks;
	struct trace_reader r;
	struct trace_event e;
	struct conserve c;
	struct kt_err err;
	int64_t last_ns = 0;
	int more;

	if (trace_read_open(path, &r, &err))
		BUG("%s", err.msg);
	tracked_init(&tasks, r.nr_cpus);
	conserve_init(&c, r.nr_cpus, 0, INT64_MAX);
	while ((more = trace_read_next(&r, &e, &err)) > 0) {
		check_event(&e, last_ns);
		last_ns = e.ns;
		tracked_apply(&tasks, &e, NULL);
		conserve_apply(&c, &tasks, &e);
	}
	conserve_end(&c, &tasks, last_ns);
	if (!more && r.events != 3)
		BUG("whole, with %llu events of 3", (unsigned long long)r.events);
	check_sums(&tasks, &c, last_ns);
	conserve_deinit(&c);
	tracked_deinit(&tasks);
	trace_read_close(&r);
	return 0;
}
