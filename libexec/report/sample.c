// SPDX-License-Identifier: GPL-2.0-only
/* Sample records: see read.h. What checks need of them is kept; the CPUs' clocks are compared as they come. */
#include "libexec/report/read.h"

enum { NOT_COUNTED = -1 };

/* Numbers by CPU. A list that is not there, of a kernel without sched_ext, is empty. */
static bool read_list(const struct jcur *c, const char *key, bool needed, int64_t *ret, size_t *n)
{
	struct jcur list;

	*n = 0;
	if (!(needed ? jcur_need(c, key, &list) : jcur_get(c, key, &list)))
		return !needed;
	if (!jcur_is_array(&list, 0))
		return false;
	if (json_array_size(list.j) > CPUMASK_MAX)
		return jcur_error(&list, "has more than %d CPUs", CPUMASK_MAX);
	for (size_t i = 0; i < json_array_size(list.j); i++) {
		struct jcur e = jcur_at(&list, i);

		if (!jcur_int(&e, 0, REPORT_INT_MAX, &ret[i]))
			return false;
	}
	*n = json_array_size(list.j);
	return true;
}

static int64_t event_count(const json_t *record, const char *name)
{
	const json_t *n = json_object_get(json_object_get(record, "events"), name);

	return json_is_integer(n) ? json_integer_value(n) : NOT_COUNTED;
}

/*
 * A CPU's clock stands still although a task was there all the time. Only whole intervals count: a sample at the end of a phase may come
 * right behind another.
 */
static void note_stuck(struct report_samples *s, size_t n, const int64_t *running, const int64_t *clock)
{
	for (size_t cpu = 0; cpu < n; cpu++) {
		struct report_cpu *c = &s->cpus[cpu];
		bool stuck = s->n && c->seen && c->clock_ns == clock[cpu] && c->running && running[cpu];

		c->stuck = stuck ? c->stuck + 1 : 0;
		if (c->stuck > s->stuck.samples) {
			s->stuck.samples = c->stuck;
			s->stuck.cpu = (unsigned)cpu;
			s->stuck.ends = s->n;
			s->stuck.clock_ns = clock[cpu];
		}
		*c = (struct report_cpu){ .seen = true, .running = running[cpu], .clock_ns = clock[cpu], .stuck = c->stuck };
	}
}

/* A scheduler that was loaded in between counts from 0. */
static double fallback_rate(const struct report_samples *s, const struct report_sample *now)
{
	size_t i = s->n;

	while (i && !s->v[i - 1].by_time)
		i--;
	const struct report_sample *last = i && now->by_time ? &s->v[i - 1] : NULL;
	if (!last || last->fallback < 0 || now->fallback < last->fallback || now->at_ns <= last->at_ns)
		return -1;
	return (double)(now->fallback - last->fallback) * NSEC_PER_SEC / (double)(now->at_ns - last->at_ns);
}

bool report_read_sample(const struct jcur *c, struct report *r)
{
	int64_t running[CPUMASK_MAX], clock[CPUMASK_MAX], local[CPUMASK_MAX], sum = 0;
	struct report_samples *s = &r->samples;
	struct report_sample now = { .fallback = event_count(c->j, "select_cpu_fallback"), .keep_last = event_count(c->j, "dispatch_keep_last"),
				     .offline = event_count(c->j, "dispatch_local_dsq_offline") };
	size_t nr_running, nr_clock, nr_local;
	const char *by;
	struct jcur imbalance;

	if (!report_need_int(c, "at_ns", 0, REPORT_INT_MAX, &now.at_ns) || !report_need_str(c, "by", &by) ||
	    !report_need_int(c, "phase", 1, REPORT_INT_MAX, &now.phase) || !jcur_need(c, "imbalance", &imbalance) ||
	    !read_list(c, "nr_running", true, running, &nr_running) || !read_list(c, "clock_ns", true, clock, &nr_clock) ||
	    !read_list(c, "local_dsq", false, local, &nr_local))
		return false;
	if (!json_is_number(imbalance.j) || json_number_value(imbalance.j) < 0)
		return jcur_error(&imbalance, "must be a number from 0 on");
	if (nr_clock != nr_running)
		return jcur_error(c, "has %zu CPUs in nr_running, and %zu in clock_ns", nr_running, nr_clock);
	if (s->n && now.at_ns < s->v[s->n - 1].at_ns)
		return jcur_error(c, "comes before the sample before it");
	if (s->n == REPORT_SAMPLES)
		return jcur_error(c, "is one of more than %d samples", REPORT_SAMPLES);
	now.by_time = streq(by, "time");
	now.fallback_rate = fallback_rate(s, &now);
	now.imbalance = json_number_value(imbalance.j);
	for (size_t i = 0; i < nr_running; i++)
		sum += MIN(running[i], INT64_C(1) << 20);
	now.running_per_cpu = nr_running ? (double)sum / (double)nr_running : 0;
	sum = 0;
	for (size_t i = 0; i < nr_local; i++) {
		sum += MIN(local[i], INT64_C(1) << 20);
		if (local[i] > now.dsq) {
			now.dsq = local[i];
			now.dsq_cpu = (unsigned)i;
		}
	}
	now.dsq_per_cpu = nr_local ? (double)sum / (double)nr_local : 0;
	s->cpus = s->cpus ? s->cpus : xcalloc(CPUMASK_MAX, sizeof(*s->cpus));
	if (now.by_time)
		note_stuck(s, nr_running, running, clock);
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = now;
	return true;
}

void report_samples_deinit(struct report_samples *s)
{
	free(s->v);
	free(s->cpus);
}
