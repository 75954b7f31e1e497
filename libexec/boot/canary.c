// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the virtual clock repeat here? A version of QEMU that is known to repeat says little about a build of it that is not Debian's,
 * or about a host that nobody has tried, so each QEMU has to show it once on each machine. See canary.h.
 *
 * The canary is one small guest. Its first run has the machine as it is, and makes the checkpoints. Three more runs go side by side,
 * beside busy loops, on two CPUs: a QEMU whose turns depend on the host's scheduler may repeat for as long as it is alone. On two
 * CPUs, however many the host has, the load is the same everywhere, and a container's share of CPU time lasts.
 *
 * A run is a child of this process that does what ktstr-boot does with the canary's spec and plan. Children die with their parent.
 */
#include "libexec/boot/accel.h"
#include "libexec/boot/boot.h"
#include "libexec/boot/canary.h"
#include "libexec/boot/signals.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/digest.h"
#include "libexec/lib/spawn.h"
#include "libexec/topo/qemu.h"
#include "libexec/topo/shape.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum { RUNS = 4, QUIET_RUNS = 1, LOADED_CPUS = 2, LOOPS = 2 * LOADED_CPUS, MEMORY_MIB = 256 };

#define TOPOLOGY "1n1l2c1t"

/* Two vCPUs that wake each other all the time, beside two that compute and sleep: each turn ends in another way. */
static const char canary_spec[] =
	"{\"name\":\"canary\",\"memory_mb\":256,\"duration_s\":0.05,\"cgroups\":["
	"{\"name\":\"a\",\"workers\":2,\"work\":\"FutexPingPong\"},{\"name\":\"b\",\"workers\":2,\"work\":\"Mixed\"}]}";

struct child {
	pid_t pid;           /* 0: there is none */
	int report, said, fingerprint; /* files in memory: what it writes to stdout, to stderr, and as --fingerprint */
};

struct canary {
	const struct boot_options *options;
	int signals;
	int spec, plan;      /* files in memory */
	struct child runs[RUNS];
	pid_t loops[LOOPS];
};

/* What the answer is for: with other hardware, another kernel of the host, QEMU or shim it is asked again. */
static char *describe_setup(const struct vm_config *c, struct kt_err *err)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
	_cleanup_free_ char *qemu = vm_qemu_identity(c), *line = NULL;
	char turns[SHA256_HEX_SIZE];
	const char *model = "unknown";
	size_t size = 0;
	struct utsname uts;

	while (f && getline(&line, &size, f) > 0)
		if (!strncmp(line, "model name", strlen("model name")) && strchr(line, ':')) {
			line[strcspn(line, "\n")] = '\0';
			model = strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " ");
			break;
		}
	if (digest_known_file(c->turns, turns, err) < 0) {
		kt_context(err, "cannot read ktstr-turns.so");
		return NULL;
	}
	uname(&uts);
	return xasprintf("Linux %s, %ld of %s, QEMU %s, ktstr-turns.so %s", uts.release, sysconf(_SC_NPROCESSORS_CONF), model, qemu, turns);
}

static int memory_file(const char *name, const char *text, struct kt_err *err)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || kt_write_all(fd, text, strlen(text)))
		return kt_fail(err, "cannot make a file in memory: %s", strerror(errno));
	return take_fd(fd);
}

static int write_plan(const char *qemu_version, struct kt_err *err)
{
	struct qemu_version v = { 0 };
	struct topo_shape shape;
	struct topo plan;

	snprintf(v.text, sizeof(v.text), "%s", qemu_version);
	if (sscanf(qemu_version, "%u.%u", &v.major, &v.minor) != 2)
		return kt_fail(err, "'%s' is no version", qemu_version);
	if (topo_shape_parse(TOPOLOGY, NULL, NULL, &shape, err))
		return -1;
	topo_from_shape(&shape, &plan);
	topo_set_memory(&plan, MEMORY_MIB);
	int fd = -1;
	if (!topo_qemu_can(&plan, &v, err)) {
		topo_qemu_args(&plan, &v);
		json_auto_t *j = topo_to_json(&plan);
		_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
		fd = memory_file("plan", text, err);
	}
	topo_deinit(&plan);
	return fd;
}

/* Those of the first CPUs that this process may use: what it starts then runs there. */
static void move_to_few_cpus(void)
{
	cpu_set_t all, few;

	CPU_ZERO(&few);
	if (sched_getaffinity(0, sizeof(all), &all))
		return; /* more CPUs than fit in there: the load is spread */
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&few) < LOADED_CPUS; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &few);
	sched_setaffinity(0, sizeof(few), &few);
}

static _Noreturn void run_child(const struct canary *c, const struct child *child)
{
	char spec[32], plan[32], fingerprint[32];
	struct boot_inputs in = { 0 };

	if (dup2(child->report, STDOUT_FILENO) < 0 || dup2(child->said, STDERR_FILENO) < 0)
		_exit(KT_TROUBLE);
	snprintf(spec, sizeof(spec), "/proc/self/fd/%d", c->spec);
	snprintf(plan, sizeof(plan), "/proc/self/fd/%d", c->plan);
	snprintf(fingerprint, sizeof(fingerprint), "/proc/self/fd/%d", child->fingerprint);
	struct boot_options o = {
		.spec.path = spec, .plan = plan, .kernel = c->options->kernel, .seed = -1, .compute = COMPUTE_EXECUTE,
		.accel = { .clock = c->options->accel.clock, .accel = ACCEL_TCG },
		.fingerprint = fingerprint, .fingerprint_ns = 10 * NSEC_PER_MSEC,
	};
	boot_load(&o, c->signals, &in);
	exit(boot_run(&o, &in, c->signals, kt_now_ns()));
}

static int start_child(struct canary *c, unsigned i, struct kt_err *err)
{
	struct child *child = &c->runs[i];
	pid_t self = getpid();

	if ((child->report = memory_file("report", "", err)) < 0 || (child->said = memory_file("said", "", err)) < 0 ||
	    (child->fingerprint = memory_file("fingerprint", "", err)) < 0)
		return -1;
	fflush(NULL);
	child->pid = fork();
	if (child->pid < 0) {
		child->pid = 0;
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	}
	if (child->pid)
		return 0;
	if (spawn_bind(self, SIGKILL))
		_exit(KT_TROUBLE);
	if (i >= QUIET_RUNS)
		move_to_few_cpus();
	run_child(c, child);
}

static int start_loops(struct canary *c, struct kt_err *err)
{
	pid_t self = getpid();

	for (unsigned i = 0; i < LOOPS; i++) {
		c->loops[i] = fork();
		if (c->loops[i] < 0) {
			c->loops[i] = 0;
			return kt_fail(err, "cannot fork: %s", strerror(errno));
		}
		if (c->loops[i])
			continue;
		if (spawn_bind(self, SIGKILL))
			_exit(KT_TROUBLE);
		move_to_few_cpus();
		for (volatile unsigned n = 0;; n++)
			;
	}
	return 0;
}

/* The last line that a child wrote to stderr, without the name of the program. */
static char *last_words(const struct child *child)
{
	char buf[4096];
	ssize_t n = pread(child->said, buf, sizeof(buf) - 1, MAX(0, lseek(child->said, 0, SEEK_END) - (off_t)sizeof(buf) + 1));

	buf[MAX(n, 0)] = '\0';
	while (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	const char *line = strrchr(buf, '\n') ? strrchr(buf, '\n') + 1 : buf, *text = strstr(line, ": ");
	return xstrdup(text ? text + 2 : line);
}

/* Until the child has ended. 0 if its run was whole. */
static int wait_for_child(const struct canary *c, struct child *child, struct kt_err *err)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	struct pollfd p[] = { { .fd = pidfd, .events = POLLIN }, { .fd = c->signals, .events = POLLIN } };

	if (pidfd < 0)
		return kt_fail(err, "pidfd_open: %s", strerror(errno));
	while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		return kt_fail(err, "interrupted");
	int status = spawn_wait(child->pid);
	child->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KT_OK)
		return 0;
	_cleanup_free_ char *words = last_words(child);
	return kt_fail(err, "%s", *words ? words : "its process ended without a word");
}

/* Whatever is still there is gone afterwards. A run ends QEMU, and removes what it has begun to write. */
static void end_children(struct canary *c)
{
	for (unsigned i = 0; i < LOOPS; i++)
		if (c->loops[i]) {
			kill(c->loops[i], SIGKILL);
			spawn_wait(c->loops[i]);
		}
	for (unsigned i = 0; i < RUNS; i++)
		if (c->runs[i].pid)
			kill(c->runs[i].pid, SIGTERM);
	for (unsigned i = 0; i < RUNS; i++) {
		if (c->runs[i].pid)
			spawn_wait(c->runs[i].pid);
		kt_closep(&c->runs[i].report);
		kt_closep(&c->runs[i].said);
		kt_closep(&c->runs[i].fingerprint);
	}
}

static char *read_text(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END), n = 0;
	char *text = xcalloc((size_t)size + 1, 1);

	for (ssize_t r; n < size && (r = pread(fd, text + n, (size_t)(size - n), n)) > 0; n += r)
		;
	return text;
}

/* Of all that must repeat: the records but for the host's, and the fingerprint. */
static void hash_run(const struct child *child, char ret[SHA256_HEX_SIZE])
{
	static const char host[] = "{\"kind\":\"host\",";
	_cleanup_free_ char *report = read_text(child->report), *fingerprint = read_text(child->fingerprint);
	char *line = strncmp(report, host, strlen(host)) ? strstr(report, "\n{\"kind\":\"host\",") : report;
	char *rest = line ? strchr(line + 1, '\n') : NULL;

	if (rest)
		memmove(line, rest, strlen(rest) + 1);
	_cleanup_free_ char *all = xasprintf("%s%s", report, fingerprint);
	digest_text(all, ret);
}

/* How many runs differ from the first; -1 and err. */
static int run_canaries(struct canary *c, struct kt_err *err)
{
	char first[SHA256_HEX_SIZE], hash[SHA256_HEX_SIZE];
	int differ = 0;

	for (unsigned i = 0; i < QUIET_RUNS; i++)
		if (start_child(c, i, err) || wait_for_child(c, &c->runs[i], err))
			return -1;
	if (start_loops(c, err))
		return -1;
	for (unsigned i = QUIET_RUNS; i < RUNS; i++)
		if (start_child(c, i, err))
			return -1;
	for (unsigned i = QUIET_RUNS; i < RUNS; i++)
		if (wait_for_child(c, &c->runs[i], err))
			return -1;
	hash_run(&c->runs[0], first);
	for (unsigned i = 1; i < RUNS; i++) {
		hash_run(&c->runs[i], hash);
		differ += !streq(first, hash);
	}
	return differ;
}

static int try_qemu(const struct boot_options *o, const char *qemu_version, int signals, struct kt_err *err)
{
	_cleanup_close_ int spec = memory_file("spec", canary_spec, err), plan = write_plan(qemu_version, err);
	struct canary c = { .options = o, .signals = signals, .spec = spec, .plan = plan };

	if (spec < 0 || plan < 0)
		return -1;
	for (unsigned i = 0; i < RUNS; i++)
		c.runs[i] = (struct child){ .report = -1, .said = -1, .fingerprint = -1 };
	int r = run_canaries(&c, err);
	end_children(&c);
	const char *sig = r < 0 ? signals_next(signals) : NULL;
	if (sig)
		die(KT_TROUBLE, "interrupted by SIG%s", sig);
	return r;
}

/* The answer that is kept; NULL: none. */
static json_t *kept_answer(const char *file, const char *setup)
{
	json_t *answer = json_load_file(file, 0, NULL);
	const char *of = json_string_value(json_object_get(answer, "setup"));

	if (of && streq(of, setup) && json_is_boolean(json_object_get(answer, "repeats")))
		return answer;
	json_decref(answer);
	return NULL;
}

static void obey_answer(const json_t *answer, const char *file)
{
	if (!json_is_true(json_object_get(answer, "repeats")))
		die(KT_CANNOT_TELL, "%s: use another QEMU, or --clock real ('%s' keeps this answer)",
		    json_string_value(json_object_get(answer, "reason")), file);
}

/* With the lock held, unless the cache cannot be written to. */
static void ask_canary(const struct boot_options *o, const char *version, const char *setup, const char *file, int signals)
{
	struct kt_err err;

	kt_warn("QEMU %s is new on this machine: running a small guest %d times, to see whether the virtual clock repeats", version, RUNS);
	int differ = try_qemu(o, version, signals, &err);
	if (differ < 0) {
		kt_warn("cannot see whether the virtual clock repeats with QEMU %s: the small guest: %s", version, err.msg);
		return;
	}
	_cleanup_free_ char *reason = differ ?
		xasprintf("the virtual clock does not repeat with QEMU %s on this machine: %d of %d runs of one guest differ from the first",
			  version, differ, RUNS) :
		xasprintf("%d runs of one guest were equal", RUNS);
	json_auto_t *answer = KT_PACK("{ss,sb,ss}", "setup", setup, "repeats", !differ, "reason", reason);
	_cleanup_free_ char *text = json_dumps(answer, JSON_INDENT(1));
	if (!text || cache_write(file, text, strlen(text), &err) < 0)
		kt_warn("cannot keep this answer in the cache: %s", err.msg);
	obey_answer(answer, file);
}

void boot_check_repeats(const struct boot_options *o, const struct boot_inputs *in, int signals)
{
	const char *version = in->plan.qemu_version;
	char name[SHA256_HEX_SIZE];
	const char *trust = getenv("KTSTR_TRUST_QEMU");
	struct kt_err err;

	if (trust && *trust && !streq(trust, "yes"))
		die_usage("KTSTR_TRUST_QEMU: '%s' is not 'yes'", trust);
	/* A kernel that cannot start this guest's second CPU cannot start the canary's. */
	if ((trust && *trust) || !boot_kernel_starts_cpus(in->kernel.release))
		return;
	_cleanup_free_ char *setup = describe_setup(&in->vm_config, &err), *dir = cache_path("clock", &err);
	if (!setup || !dir)
		die(KT_TROUBLE, "%s", err.msg);
	digest_text(setup, name);
	_cleanup_free_ char *file = xasprintf("%s/%s.json", dir, name);
	json_auto_t *known = kept_answer(file, setup);
	if (known) {
		obey_answer(known, file);
		return;
	}
	const struct cache_wait wait = {
		.say = "another process is trying a QEMU: waiting for it", .signals = signals, .timeout_ns = -1,
	};
	_cleanup_free_ char *made = cache_dir("clock", &err);
	_cleanup_close_ int lock = made ? cache_lock_watched(dir, &wait, &err) : -1;
	const char *sig = lock < 0 ? signals_next(signals) : NULL;
	if (sig)
		die(KT_TROUBLE, "interrupted by SIG%s", sig);
	json_auto_t *now = lock < 0 ? NULL : kept_answer(file, setup);
	if (now)
		obey_answer(now, file);
	else
		ask_canary(o, version, setup, file, signals);
}
