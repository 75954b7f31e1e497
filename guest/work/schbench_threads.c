// SPDX-License-Identifier: GPL-2.0-only
/* The threads of Schbench: see schbench.h. */
#include "guest/work/schbench.h"
#include "guest/work/matrix.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { BLOCKED, RUNNING };
enum { MAX_THREADS = 4096, STACK = 256 * 1024, MAX_PENDING = 128, AUTO_START = 10 };

static bool must_quit(const struct bench *b)
{
	return atomic_load(&b->quit);
}

static bool by_rate(const struct bench *b)
{
	return b->args->rps || b->args->auto_rps;
}

/* Wake who waits, or keep it from waiting. */
static void post_futex(_Atomic uint32_t *futex)
{
	uint32_t blocked = BLOCKED;

	if (atomic_compare_exchange_strong(futex, &blocked, RUNNING))
		syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until it is posted, or until a time on the clock; 0: no limit. */
static void await_futex(_Atomic uint32_t *futex, uint64_t until)
{
	struct timespec t = { .tv_sec = until / NSEC_PER_SEC, .tv_nsec = until % NSEC_PER_SEC };
	uint32_t running = RUNNING;

	while (!atomic_compare_exchange_strong(futex, &running, BLOCKED)) {
		if (syscall(SYS_futex, futex, FUTEX_WAIT_BITSET_PRIVATE, BLOCKED, until ? &t : NULL, NULL,
			    FUTEX_BITSET_MATCH_ANY) && errno == ETIMEDOUT)
			return;
		running = RUNNING;
	}
}

static void ask_messenger(struct bench_thread *t)
{
	struct bench_thread *head = atomic_load(&t->msg->asked);

	do {
		t->next = head;
	} while (!atomic_compare_exchange_weak(&t->msg->asked, &head, t));
	post_futex(&t->msg->futex);
}

/* One time stamp for all: when the scheduler takes the CPU from the waker in the middle, the later ones' wake-ups show it. */
static void answer_all(struct bench_thread *m)
{
	struct bench_thread *list = atomic_exchange(&m->asked, NULL), *next;
	unsigned pipe_bytes = m->bench->args->pipe_bytes;
	uint64_t now = now_ns();

	for (; list; list = next) {
		next = list->next; /* once posted it may ask again */
		if (pipe_bytes) {
			memset(list->page, 1, pipe_bytes);
			now = now_ns();
		}
		atomic_store(&list->wake_ns, now);
		post_futex(&list->futex);
	}
}

static void answer_until_quit(struct bench_thread *m)
{
	while (!must_quit(m->bench)) {
		atomic_store(&m->futex, BLOCKED);
		answer_all(m);
		if (!must_quit(m->bench))
			await_futex(&m->futex, 0);
		worker_tick(&m->self, 0);
	}
}

/* The next second's requests. Too many that wait for one thread are a machine that is too slow: they are left out. */
static void give_out(struct bench_thread *m, unsigned *turn)
{
	struct bench *b = m->bench;
	uint64_t start = now_ns();

	for (int64_t i = 0; i < atomic_load(&b->rps) && !must_quit(b); i++) {
		struct bench_thread *t = m + 1 + (*turn)++ % b->per_message;
		uint64_t now = now_ns();

		if (atomic_load(&t->pending) > MAX_PENDING) {
			await_futex(&m->futex, now + 100 * NSEC_PER_USEC);
			continue;
		}
		atomic_fetch_add(&t->pending, 1);
		atomic_fetch_add(&t->requests, 1);
		atomic_store(&t->wake_ns, now);
		post_futex(&t->futex);
	}
	while (!must_quit(b) && now_ns() < start + NSEC_PER_SEC)
		await_futex(&m->futex, start + NSEC_PER_SEC);
	worker_tick(&m->self, 0);
}

static void *message_thread(void *arg)
{
	struct bench_thread *m = arg;
	unsigned turn = 0;

	worker_begin(&m->self);
	if (!by_rate(m->bench))
		answer_until_quit(m);
	while (!must_quit(m->bench))
		give_out(m, &turn);
	for (unsigned i = 1; i <= m->bench->per_message; i++)
		post_futex(&m[i].futex);
	return NULL;
}

/* The requests it has now; 0: it slept instead. */
static uint32_t ask_and_wait(struct bench_thread *t)
{
	if (t->bench->args->pipe_bytes)
		memset(t->page, 2, t->bench->args->pipe_bytes);
	atomic_store(&t->futex, BLOCKED);
	if (by_rate(t->bench)) {
		atomic_store(&t->pending, 0);
		uint32_t n = atomic_exchange(&t->requests, 0);
		if (n)
			return n;
	} else {
		ask_messenger(t);
	}
	/* Who sees no quit here is posted after it. */
	if (must_quit(t->bench))
		return 0;
	await_futex(&t->futex, 0);
	uint64_t stamp = atomic_load(&t->wake_ns), now = now_ns();
	/* Posted late, for a request that it has done by now, it was not woken for anything. */
	if (must_quit(t->bench) || (by_rate(t->bench) && !atomic_load(&t->requests)))
		return 0;
	if (now > stamp)
		histogram_record(&t->self.wake_latency, now - stamp);
	return !by_rate(t->bench);
}

static _Atomic bool *lock_this_cpu(struct bench *b)
{
	for (;;) {
		unsigned cpu = sched_getcpu();
		_Atomic bool *held = &b->cpu_locks[cpu % CPUMASK_MAX].held;

		while (atomic_exchange(held, true)) {
			if (must_quit(b))
				return NULL;
			__builtin_ia32_pause();
		}
		if (cpu == (unsigned)sched_getcpu())
			return held;
		atomic_store(held, false); /* of the CPU it was on */
	}
}

/* False: cut short by the stop. */
static bool multiply_matrices(struct bench_thread *t, uint64_t *m, unsigned dim, unsigned times)
{
	while (dim && times--)
		if (!matrix_multiply(&t->self, m, dim))
			return false;
	return true;
}

static bool multiply_locked(struct bench_thread *t)
{
	struct bench *b = t->bench;
	_Atomic bool *held = NULL;
	unsigned own = own_operations(b->args);

	if (!b->args->skip_locking && !(held = lock_this_cpu(b)))
		return false;
	bool done = multiply_matrices(t, b->shared, b->shared_dim, b->args->operations - own) &&
		multiply_matrices(t, t->data, b->dim, own);
	if (held)
		atomic_store(held, false);
	return done;
}

static bool do_request(struct bench_thread *t)
{
	const struct schbench *a = t->bench->args;

	worker_tick(&t->self, 0);
	uint64_t start = t->self.last_ns;
	if (!a->pipe_bytes) {
		if (a->sleep_ns)
			worker_sleep(&t->self, a->sleep_ns);
		if (!multiply_locked(t))
			return false;
	}
	t->self.iterations++;
	worker_tick(&t->self, 1);
	atomic_store_explicit(&t->loops, t->self.work_units, memory_order_relaxed);
	if (!a->pipe_bytes)
		histogram_record(&t->request, t->self.last_ns - start);
	return true;
}

static void read_own_schedstat(struct bench_thread *t)
{
	_cleanup_close_ int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = '\0';
	char *p = text;
	strtoull(p, &p, 10); /* time on a CPU */
	t->delay_ns = strtoull(p, &p, 10);
	t->slices = strtoull(p, &p, 10);
}

static void *worker_thread(void *arg)
{
	struct bench_thread *t = arg;

	worker_begin(&t->self);
	while (!must_quit(t->bench)) {
		uint32_t n = ask_and_wait(t);

		while (n-- && !must_quit(t->bench) && do_request(t))
			;
	}
	return NULL;
}

static void *thread_main(void *arg)
{
	struct bench_thread *t = arg;

	(t->msg ? worker_thread : message_thread)(t);
	worker_close_gap(&t->self, now_ns());
	read_own_schedstat(t);
	return NULL;
}

static void *map_memory(size_t size, struct kt_err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p != MAP_FAILED)
		return p;
	kt_fail(err, "cannot map %zu bytes to work on: %s", size, strerror(errno));
	return NULL;
}

static int prepare_thread(struct bench *b, struct bench_thread *t, struct bench_thread *msg, const struct worker *w,
			  struct kt_err *err)
{
	t->bench = b;
	t->msg = msg;
	t->self.go = w->go;
	t->self.type = w->type;
	t->self.args = w->args;
	t->self.delay_ns = w->delay_ns;
	if (!msg)
		return 0;
	if (b->dim) {
		t->data = map_memory(matrix_bytes(b->dim), err);
		if (!t->data)
			return -1;
		matrix_fill(t->data, b->dim);
	}
	if (b->args->pipe_bytes && !(t->page = map_memory(b->args->pipe_bytes, err)))
		return -1;
	return 0;
}

/* A share of the footprint, in whole KiB. */
static unsigned dim_of(const struct schbench *a, unsigned percent)
{
	unsigned kib = (uint64_t)a->footprint_kib * percent / 100;

	return kib ? matrix_dim(kib) : 0;
}

unsigned bench_count(const struct schbench *a, unsigned cpus, struct kt_err *err)
{
	unsigned per_message = a->worker_threads ? a->worker_threads : (cpus + a->message_threads - 1) / a->message_threads;
	unsigned n = a->message_threads * (1 + per_message);

	if (n <= MAX_THREADS)
		return n;
	kt_fail(err, "%u threads, more than %d", n, MAX_THREADS);
	return 0;
}

int bench_prepare(struct bench *b, struct worker *w, const struct schbench *a, struct kt_err *err)
{
	unsigned cpus = cpumask_count(&w->cpus_allowed), own = a->split_percent < 0 ? 100 : a->split_percent;

	b->args = a;
	b->n = bench_count(a, cpus, err);
	if (!b->n)
		return -1;
	b->per_message = b->n / a->message_threads - 1;
	atomic_store(&b->rps, MAX((a->rps ? a->rps : AUTO_START) / a->message_threads, 1));
	b->dim = dim_of(a, own);
	b->shared_dim = dim_of(a, 100 - own);
	if (b->shared_dim) {
		b->shared = map_memory(matrix_bytes(b->shared_dim), err);
		if (!b->shared)
			return -1;
		matrix_fill(b->shared, b->shared_dim);
	}
	b->threads = map_memory(b->n * sizeof(*b->threads), err);
	if (!b->threads)
		return -1;
	for (unsigned i = 0; i < b->n; i++) {
		unsigned place = i % (1 + b->per_message);

		if (prepare_thread(b, &b->threads[i], place ? &b->threads[i - place] : NULL, w, err))
			return -1;
	}
	return 0;
}

static void join_threads(struct bench *b, unsigned n)
{
	atomic_store(&b->quit, true);
	for (unsigned i = 0; i < b->n; i++)
		post_futex(&b->threads[i].futex);
	for (unsigned i = 0; i < n; i++)
		pthread_join(b->threads[i].id, NULL);
}

int bench_start(struct bench *b, struct kt_err *err)
{
	pthread_attr_t attr;
	sigset_t all, before;
	unsigned n = 0;
	int e = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	/* Signals are for the first thread: the stop wakes it, and it wakes the others. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (n < b->n && !e) {
		struct bench_thread *t = &b->threads[n];

		e = pthread_create(&t->id, &attr, thread_main, t);
		n += !e;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!e)
		return 0;
	join_threads(b, n);
	return kt_fail(err, "cannot start thread %u of %u: %s", n, b->n, strerror(e));
}

void bench_stop(struct bench *b)
{
	join_threads(b, b->n);
}

uint64_t bench_loops(const struct bench *b)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < b->n; i++)
		n += atomic_load_explicit(&b->threads[i].loops, memory_order_relaxed);
	return n;
}
