// SPDX-License-Identifier: GPL-2.0-only
/* Schbench: message threads and worker threads in one worker. What the threads do is in schbench.h. */
#include "guest/work/schbench.h"
#include "guest/work/matrix.h"
#include <fcntl.h>
#include <math.h>

/* For the parent: what the threads' books come to. Their wake-ups are in the worker's own wake_latency. */
struct result {
	struct histogram request, rps;
	unsigned threads[2]; /* message threads, worker threads */
	uint64_t delay_ns[2], slices[2];
	double mean_delay_ns[2];
	int64_t rps_goal;
};

/* The whole machine's, since boot; 0 when it is not known. */
struct busy { uint64_t total, idle; };

static struct bench bench;

static struct busy read_busy(void)
{
	_cleanup_close_ int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	struct busy b = { 0 };
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 4 || memcmp(text, "cpu ", 4))
		return b;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	char *p = text + 4, *end;
	for (unsigned i = 0;; i++, p = end) {
		uint64_t v = strtoull(p, &end, 10);

		if (end == p)
			return b;
		b.total += v;
		if (i == 3)
			b.idle = v;
	}
}

/*
 * The next rate for a machine that was busy to so many percent and shall be to target: in big steps far from it, in small
 * ones near it. True: it is as good as there.
 */
static bool scale_rate(int64_t *rps, double busy, double target)
{
	double step = busy > 0 ? target / busy : INFINITY;
	bool there = step > 0.95 && step < 1.05;

	if (step > 3)
		step = 3;
	else if (step > 1 && step < 1.5)
		step = 1 + (step - 1) / (step < 1.2 ? 8 : 4);
	else if (step < 0.3)
		step = 0.3;
	else if (step < 1 && step > 0.8)
		step += (1 - step) / (step > 0.9 ? 8 : 4);
	double next = step > 1 ? ceil(*rps * step) : floor(*rps * step);
	if (next < INT32_MAX) /* with too few threads no rate reaches the target */
		*rps = MAX(next, 1);
	return there;
}

/* Once a second, until the stop: what the rate was, and with auto_rps what it shall be. */
static void watch_rate(const struct worker *w, const struct schbench *a, struct result *r)
{
	uint64_t last = worker_start_ns(w), loops = 0, first = last;
	struct busy was = read_busy();
	bool there = !a->auto_rps;

	for (uint64_t next = last + NSEC_PER_SEC;; next += NSEC_PER_SEC) {
		struct timespec t = { .tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC };

		while (worker_running(w) && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		uint64_t now = now_ns(), n = bench_loops(&bench);
		/* A part of a second is no rate, unless it is all there is. */
		if (now > last && (worker_running(w) || last == first) && there)
			histogram_record(&r->rps, (double)(n - loops) * NSEC_PER_SEC / (double)(now - last));
		if (!worker_running(w))
			return;
		if (a->auto_rps) {
			struct busy is = read_busy();
			int64_t rps = atomic_load(&bench.rps);
			uint64_t total = is.total - was.total;

			if (is.total > was.total)
				there |= scale_rate(&rps, 100.0 * (double)(total - (is.idle - was.idle)) / (double)total, a->auto_rps);
			atomic_store(&bench.rps, rps);
			was = is;
		}
		last = now;
		loops = n;
	}
}

static void add_up_threads(struct worker *w, struct result *r)
{
	unsigned own = bench.args->pipe_bytes ? 0 : own_operations(bench.args);
	unsigned shared = bench.args->pipe_bytes ? 0 : bench.args->operations - own;

	for (unsigned i = 0; i < bench.n; i++) {
		const struct bench_thread *t = &bench.threads[i];
		bool is_worker = t->msg;

		w->migrations += t->self.migrations;
		w->cpus_used = cpumask_or(&w->cpus_used, &t->self.cpus_used);
		r->threads[is_worker]++;
		r->delay_ns[is_worker] += t->delay_ns;
		r->slices[is_worker] += t->slices;
		r->mean_delay_ns[is_worker] += t->slices ? (double)t->delay_ns / (double)t->slices : 0;
		if (!is_worker)
			continue;
		w->work_units += t->self.work_units;
		w->iterations += t->self.iterations;
		histogram_merge(&w->wake_latency, &t->self.wake_latency);
		histogram_merge(&r->request, &t->request);
		if (t->self.max_gap_ns > w->max_gap_ns) {
			w->max_gap_ns = t->self.max_gap_ns;
			w->max_gap_start_ns = t->self.max_gap_start_ns;
			w->max_gap_cpu = t->self.max_gap_cpu;
		}
		w->wrong |= t->data && t->self.work_units && own && !matrix_right(t->data, bench.dim);
	}
	w->wrong |= bench.shared && w->work_units && shared && !matrix_right(bench.shared, bench.shared_dim);
	r->rps_goal = atomic_load(&bench.rps) * bench.args->message_threads;
}

static void schbench_run(struct worker *w, const void *args)
{
	if (bench_start(&bench, &w->err))
		return;
	watch_rate(w, args, w->shared);
	bench_stop(&bench);
	add_up_threads(w, w->shared);
	w->last_ns = now_ns(); /* gaps are its threads' */
}

static int schbench_check(const void *args, const struct work_place *at, struct kt_err *err)
{
	const struct schbench *a = args;

	if (a->pipe_bytes && (a->rps || a->auto_rps))
		return kt_fail(err, "pipe_transfer_bytes goes with neither requests_per_sec nor auto_rps");
	if (a->rps && a->rps < a->message_threads)
		return kt_fail(err, "%d requests a second are less than one for each of %u message threads", (int)a->rps,
			       a->message_threads);
	return bench_count(a, cpumask_count(&at->cpus), err) ? 0 : -1;
}

static int schbench_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return work_share(group, n, sizeof(struct result), err);
}

static int schbench_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	return bench_prepare(&bench, w, args, err);
}

static void set_figure(json_t *j, const char *name, json_t *value)
{
	if (json_object_set_new(j, name, value))
		BUG("cannot build the figures");
}

/* name_p50unit and so on, of what the histogram counts in units of so many. */
static void set_quantiles(json_t *j, const char *name, const char *unit, const struct histogram *h,
			  const unsigned *millionths, double per)
{
	static const struct { unsigned millionths; const char *name; } known[] = {
		{ 200000, "p20" }, { 500000, "p50" }, { 900000, "p90" }, { 990000, "p99" }, { 999000, "p999" },
	};
	char key[64];

	for (; *millionths; millionths++) {
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			if (known[i].millionths != *millionths)
				continue;
			snprintf(key, sizeof(key), "%s_%s%s", name, known[i].name, unit);
			set_figure(j, key, json_real((double)histogram_quantile(h, *millionths) / per));
		}
	}
	snprintf(key, sizeof(key), "%s_min%s", name, unit);
	set_figure(j, key, json_real((double)h->min / per));
	snprintf(key, sizeof(key), "%s_max%s", name, unit);
	set_figure(j, key, json_real((double)h->max / per));
}

static json_t *sched_delay(const struct result *r, bool is_worker)
{
	return KT_PACK("{si sI sI}", "threads", (int)r->threads[is_worker], "delay_ns", (json_int_t)r->delay_ns[is_worker],
		       "slices", (json_int_t)r->slices[is_worker]);
}

static json_t *schbench_figures(const struct worker *w, const void *args)
{
	static const unsigned latencies[] = { 500000, 900000, 990000, 999000, 0 }, rates[] = { 200000, 500000, 900000, 0 };
	const struct schbench *a = args;
	const struct result *r = w->shared;
	json_t *j = KT_PACK("{sI}", "loop_count", (json_int_t)w->work_units), *rps = histogram_to_json(&r->rps);
	double wall_ns = w->end_ns > worker_start_ns(w) ? (double)(w->end_ns - worker_start_ns(w)) : 0;

	set_quantiles(j, "wakeup", "_latency_us", &w->wake_latency, latencies, NSEC_PER_USEC);
	if (a->pipe_bytes) {
		set_figure(j, "pipe_bytes_per_s",
		    json_real(wall_ns > 0 ? (double)w->work_units * a->pipe_bytes * NSEC_PER_SEC / wall_ns : 0));
	} else {
		set_quantiles(j, "request", "_latency_us", &r->request, latencies, NSEC_PER_USEC);
		set_quantiles(j, "rps", "", &r->rps, rates, 1);
		set_figure(j, "request_latency", histogram_to_json(&r->request));
		set_figure(rps, "unit", json_string("1/s"));
		set_figure(j, "rps", json_incref(rps));
	}
	json_decref(rps);
	if (a->auto_rps)
		set_figure(j, "rps_goal", json_integer(r->rps_goal));
	for (int worker = 0; worker < 2; worker++) {
		double mean = r->threads[worker] ? r->mean_delay_ns[worker] / r->threads[worker] : 0;

		set_figure(j, worker ? "sched_delay_worker_us" : "sched_delay_msg_us", json_real(mean / NSEC_PER_USEC));
	}
	set_figure(j, "sched_delay", KT_PACK("{so so}", "msg", sched_delay(r, false), "worker", sched_delay(r, true)));
	return KT_PACK("{so}", "schbench", j);
}

#define UINT(key, field, least, most, dflt, text) \
	{ .name = key, .kind = ROW_UINT, .offset = offsetof(struct schbench, field), .min = least, .max = most, \
	  .def = dflt, .help = text }

static const struct row rows[] = {
	UINT("message_threads", message_threads, 1, 1024, 1, "schbench -m: message threads"),
	UINT("worker_threads", worker_threads, 0, 1024, 0,
	     "schbench -t: worker threads of each; 0: so many that there is one for each CPU it may use"),
	UINT("cache_footprint_kib", footprint_kib, 1, 1 << 20, 256, "schbench -F: three matrices take this"),
	UINT("operations", operations, 0, 1000000, 5, "schbench -n: matrix products of a request"),
	{ .name = "sleep_us", .alias = "sleep_usec", .kind = ROW_NS, .offset = offsetof(struct schbench, sleep_ns),
	  .max = 1e9, .def = 100, .help = "schbench -s: sleep of a request, before its matrices" },
	{ .name = "skip_locking", .kind = ROW_BOOL, .offset = offsetof(struct schbench, skip_locking),
	  .help = "schbench -L: no lock for each CPU around the matrices" },
	{ .name = "requests_per_sec", .kind = ROW_INT, .offset = offsetof(struct schbench, rps), .max = 1e6,
	  .help = "schbench -R: requests come at this rate, instead of when a thread asks; 0: they do not" },
	UINT("auto_rps", auto_rps, 0, 100, 0,
	     "schbench -A: find the rate with which the machine is busy to so many percent; 0: do not"),
	{ .name = "split_percent", .kind = ROW_INT, .offset = offsetof(struct schbench, split_percent), .max = 100,
	  .def = -1,
	  .help = "schbench --split: part of footprint and products that is a thread's own, the rest is shared; all when not "
		  "given" },
	UINT("pipe_transfer_bytes", pipe_bytes, 0, 1 << 20, 0,
	     "schbench -p: hand over so many bytes with each message, and no matrices; 0: do not"),
	{ 0 }
};

const struct work_type work_schbench = {
	.name = "Schbench",
	.summary = "The benchmark schbench, in one worker: message threads wake worker threads, which sleep and multiply matrices "
		   "under a lock for each CPU: wake-up latency, request latency and throughput of a loaded server.",
	.unit = "one request",
	.gap = "the sleep of a request; gaps are those of worker threads, and waiting for a message counts",
	.latency = "of worker threads, from the message thread's time stamp before it wakes all who asked to running",
	.args = rows,
	.args_size = sizeof(struct schbench),
	.traits = WORK_FORKS,
	.check = schbench_check,
	.setup = schbench_setup,
	.prepare = schbench_prepare,
	.run = schbench_run,
	.verify = work_verify_right,
	.figures = schbench_figures,
};
