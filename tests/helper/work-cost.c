// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: work-cost cost [TYPE...]
 *        work-cost calls TYPE CALL...
 *        work-cost makes TYPE CALL
 *        work-cost spins TYPE N
 *        work-cost tick
 *
 * tick prints what a worker_tick() takes, in ns. The others run one group of workers of a type, alone, without a scenario
 * around it. cost prints, of each type (all without one), the CPU time of a work unit in ns with telemetry and without: TYPE,
 * tabs, the two; or the reason why it cannot run so. calls runs the type and fails if a worker, from go to stop, makes another
 * system call than these and those of the clock; makes fails if it does without that one. spins
 * fails if there are fewer than N spins to a worker_tick(): a burst on the clock lasts as long without.
 *
 * Without telemetry means that worker_tick() only counts, and worker_woken() does nothing (linked with --wrap). Types that
 * look at the time of the last tick then see one that goes on by as much as a tick took with telemetry; a unit whose length is
 * on the clock, as of WakeChain, takes about what the clock says either way.
 */
#include "guest/work/futex.h"
#include "guest/work/worker.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { RUN_NS = 60 * NSEC_PER_MSEC, ROUNDS = 5, MAX_CALLS = 16 };

/* Shared with the workers. */
struct run {
	struct go go;
	_Atomic int bad_call; /* one that was not allowed */
	_Atomic uint64_t ticks, spins;
	struct worker workers[];
};

static bool telemetry = true;
static uint64_t tick_ns; /* what a tick takes, when there is no telemetry to tell */
static int calls[MAX_CALLS], nr_calls;
static struct run *run;
static uint64_t ticks, spins;

void __real_worker_tick(struct worker *w, uint64_t units);
void __wrap_worker_tick(struct worker *w, uint64_t units);
void __real_worker_spin(uint64_t n);
void __wrap_worker_spin(uint64_t n);
void __real_worker_woken(struct worker *w, uint64_t stamp_ns);
void __wrap_worker_woken(struct worker *w, uint64_t stamp_ns);
bool __real_worker_sleep_until(struct worker *w, uint64_t until);
bool __wrap_worker_sleep_until(struct worker *w, uint64_t until);
void __real_worker_sleep(struct worker *w, uint64_t ns);
void __wrap_worker_sleep(struct worker *w, uint64_t ns);

void __wrap_worker_tick(struct worker *w, uint64_t units)
{
	ticks++;
	if (telemetry) {
		__real_worker_tick(w, units);
		return;
	}
	w->work_units += units;
	w->last_ns += tick_ns;
}

void __wrap_worker_spin(uint64_t n)
{
	spins += n;
	__real_worker_spin(n);
}

void __wrap_worker_woken(struct worker *w, uint64_t stamp_ns)
{
	if (telemetry)
		__real_worker_woken(w, stamp_ns);
}

bool __wrap_worker_sleep_until(struct worker *w, uint64_t until)
{
	if (telemetry)
		return __real_worker_sleep_until(w, until);
	uint64_t ns = until - w->last_ns;
	nanosleep(&(struct timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC }, NULL);
	w->last_ns = until;
	return worker_running(w);
}

void __wrap_worker_sleep(struct worker *w, uint64_t ns)
{
	if (telemetry)
		__real_worker_sleep(w, ns);
	else
		__wrap_worker_sleep_until(w, w->last_ns + ns);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig != SIGSYS)
		return; /* the stop */
	atomic_store(&run->bad_call, info->si_syscall);
	_exit(1);
}

/* From here on only these calls; another one is a SIGSYS. */
static void allow_only_calls(void)
{
	struct sock_filter f[MAX_CALLS + 3] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	struct sock_fprog prog = { .len = (unsigned short)(nr_calls + 3), .filter = f };

	for (int i = 0; i < nr_calls; i++)
		f[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
							(uint8_t)(nr_calls - i), 0);
	f[1 + nr_calls] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	f[2 + nr_calls] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(2); /* no seccomp here */
}

static _Noreturn void be_worker(struct worker *w)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (worker_prepare(w, &w->err))
		_exit(1);
	atomic_fetch_add(&w->go->ready, 1);
	while (!atomic_load(&w->go->word))
		futex_wait(&w->go->word, 0);
	worker_begin(w);
	if (nr_calls)
		allow_only_calls();
	w->type->run(w, w->args);
	worker_end(w);
	atomic_fetch_add(&run->ticks, ticks);
	atomic_fetch_add(&run->spins, spins);
	_exit(worker_running(w));
}

static struct run *lay_out(const struct work_type *type, const void *args, unsigned n)
{
	struct run *r = mmap(NULL, sizeof(*r) + n * sizeof(struct worker), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (r == MAP_FAILED)
		die(KT_TROUBLE, "cannot map %u workers: %s", n, strerror(errno));
	r->go.workers = r->workers;
	r->go.n = n;
	for (unsigned i = 0; i < n; i++) {
		r->workers[i] = (struct worker){ .go = &r->go, .type = type, .args = args, .index = i, .member = i,
						 .group = r->workers, .random = i };
		for (unsigned f = 0; f < WORKER_FDS; f++)
			r->workers[i].fds[f] = -1;
	}
	return r;
}

/* Wait for all, signalling them until they are gone. 0, or -1 if one failed. */
static int stop_workers(pid_t *pids, unsigned n)
{
	int status, ret = 0;

	atomic_store(&run->go.stop_ns, now_ns());
	atomic_store(&run->go.stop, true);
	for (unsigned i = 0; i < n; i++) {
		pid_t gone;

		while (!(gone = waitpid(pids[i], &status, WNOHANG))) {
			for (unsigned k = i; k < n; k++)
				kill(pids[k], SIGUSR1);
			nanosleep(&(struct timespec){ 0, NSEC_PER_MSEC }, NULL);
		}
		if (gone != pids[i] || status)
			ret = -1;
	}
	return ret;
}

/* Run a group for RUN_NS; what it did is in run->workers until the next. 0, or -1 and err. */
static int run_group(const struct work_type *type, const void *args, struct kt_err *err)
{
	unsigned n = work_group_size(type, args), started = 0;
	_cleanup_free_ pid_t *pids = xcalloc(n, sizeof(*pids));

	if (run)
		munmap(run, sizeof(*run) + run->go.n * sizeof(struct worker));
	run = lay_out(type, args, n);
	int ret = type->setup ? type->setup(run->workers, n, args, err) : 0;
	for (; !ret && started < n; started++) {
		pids[started] = fork();
		if (!pids[started])
			be_worker(&run->workers[started]);
		run->workers[started].tid = pids[started];
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned f = 0; f < WORKER_FDS; f++)
			kt_closep(&run->workers[i].fds[f]);
	for (unsigned i = 0; !ret && run->go.ready < n && i < 5000; i++)
		nanosleep(&(struct timespec){ 0, NSEC_PER_MSEC }, NULL);
	run->go.start_ns = now_ns();
	atomic_store(&run->go.word, 1);
	futex_wake(&run->go.word, INT_MAX);
	if (!ret)
		nanosleep(&(struct timespec){ 0, RUN_NS }, NULL);
	if (stop_workers(pids, started) && !ret)
		ret = kt_fail(err, "a worker failed");
	for (unsigned i = 0; i < n; i++)
		if (run->workers[i].err.msg[0])
			ret = kt_fail(err, "%s", run->workers[i].err.msg);
	if (type->teardown && type->teardown(run->workers, n, args, NULL) && !ret)
		ret = kt_fail(err, "it cannot be torn down");
	return ret;
}

/* Its default parameters, but short sleeps; and what has no default. NULL: not without parameters. */
static void *args_of(const struct work_type *type)
{
	static const struct { const char *type, *args; } others[] = {
		{ "Sequence", "{\"first\": {\"spin_ms\": 1}, \"rest\": [{\"yield_ms\": 1}]}" },
		{ "Bursty", "{\"burst_ms\": 5, \"sleep_ms\": 1}" },
	};
	void *args = xcalloc(1, type->args_size + 1);
	struct kt_errs errs = { 0 };
	struct jdoc doc = { .file = type->name, .errs = &errs };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!streq(others[i].type, type->name))
			continue;
		struct jcur c = jcur_root(&doc, json_loads(others[i].args, 0, NULL));
		if (!rows_parse(&c, type->args, args, NULL))
			die(KT_TROUBLE, "the parameters of %s are wrong", type->name);
		return args;
	}
	for (const struct row *r = type->args; r && r->name; r++) {
		if (r->required) {
			free(args);
			return NULL;
		}
	}
	if (type->args)
		rows_default(type->args, args);
	return args;
}

/* The least CPU time of a unit in ROUNDS runs, in ns: what disturbs only adds to it. */
static int cost(const struct work_type *type, const void *args, bool with, double *ret, struct kt_err *err)
{
	*ret = 0;
	telemetry = with;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t cpu = 0, units = 0;

		if (run_group(type, args, err))
			return -1;
		for (unsigned i = 0; i < run->go.n; i++) {
			const struct worker *w = &run->workers[i];

			cpu += w->cpu_end_ns - w->cpu_start_ns;
			units += w->work_units;
		}
		if (!units)
			return kt_fail(err, "no unit was done in %d ms", (int)(RUN_NS / NSEC_PER_MSEC));
		if (!*ret || (double)cpu / (double)units < *ret)
			*ret = (double)cpu / (double)units;
		if (with)
			tick_ns = cpu / MAX(run->ticks, 1);
	}
	return 0;
}

static void print_cost(const struct work_type *type)
{
	_cleanup_free_ void *args = args_of(type);
	struct kt_err err = { 0 };
	double with, without;

	if (!args)
		printf("%s\t-\t-\tit needs parameters\n", type->name);
	else if (type->traits & WORK_OTHERS)
		printf("%s\t-\t-\tit needs other workers\n", type->name);
	else if (cost(type, args, true, &with, &err) || cost(type, args, false, &without, &err))
		printf("%s\t-\t-\t%s\n", type->name, err.msg);
	else
		printf("%s\t%.0f\t%.0f\n", type->name, with, without);
	fflush(stdout);
}

/* The least of many, in ns. */
static double cost_of_tick(void)
{
	enum { TICKS = 100000, TIMES = 20 };
	double least = 0;

	run = lay_out(work_types[0], NULL, 1);
	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t start = now_ns();

		for (unsigned k = 0; k < TICKS; k++)
			__real_worker_tick(run->workers, 1);
		double each = (double)(now_ns() - start) / TICKS;
		if (!least || each < least)
			least = each;
	}
	return least;
}

static const struct work_type *find_type(const char *name)
{
	const struct work_type *type = work_type_find(name);

	if (!type)
		die_usage("no work type '%s'", name);
	return type;
}

static const struct { const char *name; int number; } known[] = {
	{ "futex", SYS_futex }, { "read", SYS_read }, { "write", SYS_write }, { "epoll_wait", SYS_epoll_wait },
	{ "pread64", SYS_pread64 }, { "pwrite64", SYS_pwrite64 }, { "fdatasync", SYS_fdatasync },
	{ "clock_nanosleep", SYS_clock_nanosleep }, { "sched_yield", SYS_sched_yield }, { "pause", SYS_pause },
};

static int call_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].name, name))
			return known[i].number;
	die_usage("no system call '%s' is known here", name);
}

static void allow_always(void)
{
	/* A clock without vDSO is a system call; the last three are the end, of sanitizers too. */
	static const int always[] = { SYS_clock_gettime, SYS_getcpu, SYS_rt_sigreturn, SYS_exit_group,
					SYS_sigaltstack };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		calls[nr_calls++] = always[i];
}

/* With every call allowed but that one it comes to grief. */
static int check_makes(const struct work_type *type, const char *name)
{
	_cleanup_free_ void *args = args_of(type);
	int number = call_number(name);
	struct kt_err err = { 0 };

	allow_always();
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].number != number)
			calls[nr_calls++] = known[i].number;
	if (!args)
		die_usage("%s needs parameters", type->name);
	if (!run_group(type, args, &err))
		die(KT_NO, "%s does not make system call %s", type->name, name);
	if (run->bad_call == number)
		return KT_OK;
	die(KT_TROUBLE, "%s: system call %d: %s", type->name, run->bad_call, err.msg);
}

static int check_calls(const struct work_type *type, char **names)
{
	_cleanup_free_ void *args = args_of(type);
	struct kt_err err = { 0 };

	allow_always();
	for (; *names && nr_calls < MAX_CALLS; names++)
		calls[nr_calls++] = call_number(*names);
	if (!args)
		die_usage("%s needs parameters", type->name);
	if (!run_group(type, args, &err))
		return KT_OK;
	if (run->bad_call)
		die(KT_NO, "%s makes system call %d", type->name, run->bad_call);
	die(KT_TROUBLE, "%s: %s", type->name, err.msg);
}

static int check_spins(const struct work_type *type, const char *least)
{
	_cleanup_free_ void *args = args_of(type);
	struct kt_err err;
	int64_t n;

	if (kt_parse_i64(least, "N", 1, INT32_MAX, &n, &err))
		die_usage("%s", err.msg);
	if (!args)
		die_usage("%s needs parameters", type->name);
	if (run_group(type, args, &err))
		die(KT_TROUBLE, "%s: %s", type->name, err.msg);
	if (!run->ticks || run->spins / run->ticks < (uint64_t)n)
		die(KT_NO, "%s spins %ju times in %ju ticks", type->name, (uintmax_t)run->spins, (uintmax_t)run->ticks);
	return KT_OK;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	kt_init("work-cost");
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGSYS, &act, NULL);
	if (argc >= 3 && streq(argv[1], "calls"))
		return check_calls(find_type(argv[2]), argv + 3);
	if (argc == 4 && streq(argv[1], "makes"))
		return check_makes(find_type(argv[2]), argv[3]);
	if (argc == 4 && streq(argv[1], "spins"))
		return check_spins(find_type(argv[2]), argv[3]);
	if (argc == 2 && streq(argv[1], "tick"))
		return printf("%.1f\n", cost_of_tick()) < 0;
	if (argc < 2 || !streq(argv[1], "cost"))
		die_usage("cost, calls, makes, spins or tick?");
	for (int i = 2; i < argc; i++)
		print_cost(find_type(argv[i]));
	for (size_t i = 0; argc == 2 && work_types[i]; i++)
		print_cost(work_types[i]);
	return KT_OK;
}
