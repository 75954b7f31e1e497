// SPDX-License-Identifier: GPL-2.0-only
/* What a worker does besides its work: see worker.h. */
#include "guest/work/worker.h"
#include "guest/work/affinity.h"
#include "libexec/lib/random.h"
#include <sched.h>
#include <sys/mman.h>

/* In assembly, so that no compiler and no caller changes what a spin costs. No pause instruction: an emulator takes
 * it for a wish to give the CPU to another virtual CPU. */
__attribute__((noinline)) void worker_spin(uint64_t n)
{
	uint64_t acc = n;

	if (!n)
		return;
#ifdef __x86_64__
	__asm__ volatile(".p2align 6\n"
			 "1:	imulq $1103515245, %0, %0\n"
			 "	addq %1, %0\n"
			 "	decq %1\n"
			 "	jnz 1b\n"
			 : "+r"(acc), "+r"(n) : : "cc");
#else
	for (; n; n--) {
		acc = acc * 1103515245 + n;
		__asm__ volatile("" : "+r"(acc));
	}
#endif
}

/* Nothing after the stop counts. Whether it has come is asked only where it matters: this is in every loop. */
static inline void gap_until(struct worker *w, uint64_t now)
{
	if (now <= w->last_ns || now - w->last_ns <= w->max_gap_ns)
		return;
	uint64_t stop = atomic_load(&w->go->stop_ns);
	if (stop && stop < now)
		now = stop;
	if (now > w->last_ns && now - w->last_ns > w->max_gap_ns) {
		w->max_gap_ns = now - w->last_ns;
		w->max_gap_start_ns = w->last_ns;
		w->max_gap_cpu = w->last_cpu;
	}
}

static inline void note_cpu(struct worker *w)
{
	unsigned cpu = sched_getcpu();

	if (cpu == w->last_cpu || cpu >= CPUMASK_MAX)
		return;
	w->migrations++;
	w->last_cpu = cpu;
	cpumask_set(&w->cpus_used, cpu);
}

__attribute__((noinline)) void worker_tick(struct worker *w, uint64_t units)
{
	uint64_t now = now_ns();

	gap_until(w, now);
	note_cpu(w);
	w->work_units += units;
	w->last_ns = now;
}

bool worker_sleep_until(struct worker *w, uint64_t until)
{
	struct timespec t = { .tv_sec = until / NSEC_PER_SEC, .tv_nsec = until % NSEC_PER_SEC };

	/* EINTR is the stop, or a stranger's signal: either way the loop of the work type looks again. */
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	w->last_ns = MAX(w->last_ns, MIN(now_ns(), until));
	worker_tick(w, 0);
	return w->last_ns >= until;
}

void worker_sleep(struct worker *w, uint64_t ns)
{
	worker_tick(w, 0);
	worker_sleep_until(w, w->last_ns + ns);
}

void worker_woken(struct worker *w, uint64_t stamp_ns)
{
	uint64_t now = now_ns();

	/* A stamp from before the wait was there to be taken: nobody was woken. */
	if (stamp_ns >= w->last_ns && now >= stamp_ns)
		histogram_record(&w->wake_latency, now - stamp_ns);
}

void worker_wait_stop(const struct worker *w)
{
	while (worker_running(w))
		pause();
}

void worker_fail(struct worker *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->err.msg, sizeof(w->err.msg), fmt, ap);
	va_end(ap);
}

void worker_rest(struct worker *w)
{
	worker_wait_stop(w);
	w->last_ns = now_ns();
}

uint64_t worker_random(struct worker *w)
{
	return random_next(&w->random);
}

static void await_start(const struct worker *w)
{
	uint64_t start = worker_start_ns(w);
	struct timespec t = { .tv_sec = start / NSEC_PER_SEC, .tv_nsec = start % NSEC_PER_SEC };

	while (w->delay_ns && worker_running(w) && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int work_share(struct worker *group, unsigned n, size_t size, struct kt_err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes to share: %s", size, strerror(errno));
	for (unsigned i = 0; i < n; i++)
		group[i].shared = p;
	return 0;
}

int work_alloc(struct worker *w, size_t size, struct kt_err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes to work on: %s", size, strerror(errno));
	w->own = p;
	return 0;
}

int work_verify_right(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	for (unsigned i = 0; i < n; i++)
		if (group[i].wrong)
			return kt_fail(err, "the result of worker %u is wrong", group[i].index);
	return 0;
}

int worker_prepare(struct worker *w, struct kt_err *err)
{
	size_t end = w->type->latency ? sizeof(*w) : offsetof(struct worker, wake_latency);

	for (size_t i = 0; i < end; i += 4096) {
		volatile char *p = (char *)w + i;
		char c = *p;
		*p = c;
	}
	if (affinity_get(&w->cpus_allowed, err))
		return -1;
	if (!w->type->prepare || !w->type->prepare(w, w->args, err))
		return 0;
	return kt_context(err, "cannot prepare %s", w->type->name);
}

void worker_begin(struct worker *w)
{
	await_start(w);
	unsigned cpu = sched_getcpu();

	w->cpu_start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	w->last_cpu = w->max_gap_cpu = cpu;
	if (cpu < CPUMASK_MAX)
		cpumask_set(&w->cpus_used, cpu);
	w->last_ns = worker_start_ns(w);
	w->started = true;
	compute_begin(w);
	worker_tick(w, 0);
}

void worker_close_gap(struct worker *w, uint64_t now)
{
	gap_until(w, now);
}

void worker_end(struct worker *w)
{
	w->cpu_end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	w->end_ns = now_ns();
	worker_close_gap(w, w->end_ns);
	note_cpu(w);
	w->finished = true;
}
