// SPDX-License-Identifier: GPL-2.0-only
/* The seeds' runs: so many processes at a time, each a ktstr-boot and then a ktstr-eval. See sweep.h. */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/lines.h"
#include "libexec/lib/spawn.h"
#include "libexec/report/report.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* How long the guests get to end in order when all is to end. */
enum { END_LIMIT_S = 10 };

struct slot {
	pid_t pid;     /* 0: free */
	int64_t seed;
	bool judging;
	char *dir;     /* what becomes the seed's directory */
};

struct pool {
	struct sweep *s;
	struct slot *slots;
	size_t next;   /* seeds before it are done or in a slot */
	sigset_t signals;
};

pid_t sweep_spawn(const struct strv *args, int in, int out, int err)
{
	struct spawn_fd fds[3] = { { in, STDIN_FILENO } };
	struct spawn s = { .argv = args->v, .fds = fds, .nr_fds = 1, .cgroup = -1 };
	struct kt_err why;

	if (out >= 0)
		fds[s.nr_fds++] = (struct spawn_fd){ out, STDOUT_FILENO };
	if (err >= 0)
		fds[s.nr_fds++] = (struct spawn_fd){ err, STDERR_FILENO };
	pid_t pid = spawn_program(&s, &why);
	if (pid < 0)
		die(why.code, "%s", why.msg);
	return pid;
}

int sweep_wait(pid_t pid)
{
	int status = spawn_wait(pid);

	return WIFEXITED(status) ? WEXITSTATUS(status) : KT_TROUBLE;
}

char *sweep_seed_dir(const struct sweep *s, int64_t seed)
{
	return xasprintf("%s/seeds/%lld", s->dir, (long long)seed);
}

/* The verdict kept in dir; NULL when there is none that can be read. */
static json_t *load_verdict(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/verdict.json", dir);
	json_t *j = kt_json_load(path, NULL);

	if (json_is_string(json_object_get(j, "verdict")))
		return j;
	json_decref(j);
	return NULL;
}

static int open_in(const char *dir, const char *name, int flags)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	return fd;
}

static void start_seed(struct sweep *s, struct slot *slot, int64_t seed)
{
	_cleanup_free_ char *dir = sweep_seed_dir(s, seed);
	struct strv args = { 0 };

	slot->seed = seed;
	slot->judging = false;
	slot->dir = xasprintf("%s/seeds/.%lld", s->dir, (long long)seed);
	cache_discard(dir); /* a lost machine's */
	cache_discard(slot->dir);
	if (mkdir(slot->dir, 0777))
		die(KT_TROUBLE, "cannot make '%s': %s", slot->dir, strerror(errno));
	_cleanup_close_ int report = open_in(slot->dir, "report.jsonl", O_WRONLY | O_CREAT);
	_cleanup_close_ int messages = open_in(slot->dir, "messages", O_WRONLY | O_CREAT);
	strv_add_all(&args, (char *[]){ "ktstr-boot", "--plan", NULL });
	strv_add(&args, "%s/plan.json", s->dir);
	strv_add_all(&args, s->exact.v);
	strv_add(&args, "--seed=%lld", (long long)seed);
	strv_add(&args, "%s/spec.json", s->dir);
	slot->pid = sweep_spawn(&args, -1, report, messages);
	strv_deinit(&args);
}

static void judge_seed(struct slot *slot)
{
	_cleanup_close_ int report = open_in(slot->dir, "report.jsonl", O_RDONLY);
	_cleanup_close_ int messages = open_in(slot->dir, "messages", O_WRONLY | O_APPEND);
	_cleanup_close_ int verdict = open_in(slot->dir, "verdict.json", O_WRONLY | O_CREAT);
	struct strv args = { 0 };

	strv_add_all(&args, (char *[]){ "ktstr-eval", "--format=json", NULL });
	slot->judging = true;
	slot->pid = sweep_spawn(&args, report, verdict, messages);
	strv_deinit(&args);
}

/* From the first worker's start to the end, in wall time, as the report's host record has it. */
static double guest_ms(const char *dir)
{
	static const char host[] = "{\"kind\":\"host\"";
	_cleanup_close_ int fd = open_in(dir, "report.jsonl", O_RDONLY);
	_cleanup_(lines_deinit) struct lines lines = lines_init(fd, 65536);
	double total = 0, first = 0;
	const char *line;
	size_t len;

	while (lines_next(&lines, &line, &len, NULL) > 0) {
		if (len < sizeof(host) || memcmp(line, host, sizeof(host) - 1))
			continue;
		_cleanup_json_ json_t *j = kt_json_loads(line, len, "host", NULL);
		json_t *ms = json_object_get(j, "wall_ms");
		total = json_number_value(json_object_get(ms, "total"));
		first = json_number_value(json_object_get(ms, "first_worker"));
	}
	return first > 0 && total > first ? total - first : 0;
}

/* Print what is done, in order. */
static void print_done(struct sweep *s)
{
	struct kt_err err;

	for (; s->printed < s->n && s->records[s->printed]; s->printed++) {
		if (s->reader_gone)
			continue;
		if (!s->json)
			text_record(s->records[s->printed], stdout);
		if ((s->json && kt_json_line(stdout, s->records[s->printed], &err)) || fflush(stdout)) {
			if (errno != EPIPE)
				die(KT_TROUBLE, "cannot write the results: %s", strerror(errno));
			s->reader_gone = true;
			clearerr(stdout);
		}
	}
}

/* A scheduler that is built anew meanwhile must not get among the results of the one before. */
static void check_programs(const struct sweep *s, const struct slot *slot)
{
	_cleanup_close_ int fd = open_in(slot->dir, "report.jsonl", O_RDONLY);
	_cleanup_(lines_deinit) struct lines lines = lines_init(fd, REPORT_LINE_MAX);
	const char *line;
	size_t len;

	if (lines_next(&lines, &line, &len, NULL) <= 0)
		return; /* a report that never began says nothing */
	_cleanup_json_ json_t *run = kt_json_loads(line, len, "run", NULL);
	json_t *began = json_object_get(s->run, "programs"), *ran = json_object_get(run, "programs");
	if ((began || ran) && !json_equal(began, ran))
		die(KT_USAGE, "seed %lld ran with a scheduler or program that has changed since the sweep began",
		    (long long)slot->seed);
}

static void finish(struct sweep *s, struct slot *slot)
{
	_cleanup_free_ char *dir = sweep_seed_dir(s, slot->seed);
	_cleanup_json_ json_t *verdict = load_verdict(slot->dir);

	check_programs(s, slot);
	s->guest_ms += guest_ms(slot->dir);
	s->ran++;
	if (rename(slot->dir, dir))
		die(KT_TROUBLE, "cannot rename '%s' to '%s': %s", slot->dir, dir, strerror(errno));
	s->records[slot->seed - s->first] = record_seed(slot->seed, verdict);
	free(slot->dir);
	*slot = (struct slot){ 0 };
	print_done(s);
}

static void fill_slots(struct pool *p)
{
	struct sweep *s = p->s;

	for (size_t i = 0; i < s->jobs; i++) {
		while (p->next < s->n && s->records[p->next])
			p->next++;
		if (p->next == s->n)
			return;
		if (!p->slots[i].pid)
			start_seed(s, &p->slots[i], s->first + (int64_t)p->next++);
	}
}

/* NULL: not a child of the pool. A program that starts others and then becomes this one leaves its children to it. */
static struct slot *find_slot(const struct pool *p, pid_t pid)
{
	for (size_t i = 0; i < p->s->jobs; i++)
		if (p->slots[i].pid == pid)
			return &p->slots[i];
	return NULL;
}

static void reap_seeds(struct pool *p)
{
	for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
		struct slot *slot = find_slot(p, pid);

		if (!slot)
			continue;
		if (slot->judging)
			finish(p->s, slot);
		else
			judge_seed(slot);
	}
}

static bool busy(const struct pool *p)
{
	for (size_t i = 0; i < p->s->jobs; i++)
		if (p->slots[i].pid)
			return true;
	return false;
}

/* Nobody outlives us; what was under way is as if it had never begun. */
static void end_all(struct pool *p)
{
	struct timespec limit = { .tv_sec = END_LIMIT_S };
	int sig = SIGTERM;

	for (size_t i = 0; i < p->s->jobs; i++)
		if (p->slots[i].pid)
			kill(p->slots[i].pid, sig);
	while (busy(p)) {
		/* Another signal, or the limit: no more patience. */
		if (sig == SIGTERM && sigtimedwait(&p->signals, NULL, &limit) != SIGCHLD)
			sig = SIGKILL;
		for (size_t i = 0; i < p->s->jobs; i++) {
			struct slot *slot = &p->slots[i];

			if (!slot->pid)
				continue;
			if (sig == SIGKILL)
				kill(slot->pid, sig);
			if (waitpid(slot->pid, NULL, sig == SIGKILL ? 0 : WNOHANG) != slot->pid)
				continue;
			cache_discard(slot->dir);
			*slot = (struct slot){ 0 };
		}
	}
}

/* What an earlier sweep left; a lost machine said nothing about its seed. */
static void load_done(struct sweep *s)
{
	size_t found = 0;

	for (size_t i = 0; i < s->n; i++) {
		_cleanup_free_ char *dir = sweep_seed_dir(s, s->first + (int64_t)i);
		_cleanup_json_ json_t *verdict = load_verdict(dir);

		if (!verdict)
			continue;
		_cleanup_json_ json_t *record = record_seed(s->first + (int64_t)i, verdict);
		if (record_is(record, "lost"))
			continue;
		s->records[i] = take(record);
		found++;
	}
	if (found)
		kt_warn("%zu of %zu seeds are done already", found, s->n);
}

int sweep_run(struct sweep *s)
{
	static const int wanted[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP };
	struct pool p = { .s = s, .slots = xcalloc(s->jobs, sizeof(*p.slots)) };
	struct timespec now;
	int sig = 0;

	sigemptyset(&p.signals);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&p.signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &p.signals, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->start_ns = (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	s->records = xcalloc(s->n, sizeof(json_t *));
	load_done(s);
	print_done(s);
	for (fill_slots(&p); busy(&p); fill_slots(&p)) {
		/* The lowest number first: SIGINT before the SIGCHLD of the children that it ended as well. */
		sig = sigwaitinfo(&p.signals, NULL);
		if (sig > 0 && sig != SIGCHLD) {
			end_all(&p);
			return sig;
		}
		reap_seeds(&p);
	}
	free(p.slots);
	return 0;
}
