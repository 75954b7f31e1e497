// SPDX-License-Identifier: GPL-2.0-only
/* cgroups of a scenario: see cgroup.h. */
#include "guest/scenario/cgroup.h"
#include "guest/files.h"
#include "guest/work/cgroup_file.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static char *file_of(const char *root, const char *name, const char *file)
{
	return *name ? xasprintf("%s/%s/%s", root, name, file) : xasprintf("%s/%s", root, file);
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

int cgroup_delegate(const char *root, const char *name, struct kt_err *err)
{
	static const char *const wanted[] = { "cpuset", "cpu", "memory", "pids", "io" };
	_cleanup_free_ char *available = file_of(root, name, "cgroup.controllers");
	_cleanup_free_ char *enable = file_of(root, name, "cgroup.subtree_control");
	char have[256];

	if (read_text(available, have, sizeof(have), err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char text[32];

		if (!has_word(have, wanted[i]))
			continue;
		snprintf(text, sizeof(text), "+%s", wanted[i]);
		if (write_text(enable, text, err))
			return -1;
	}
	return 0;
}

int cgroup_undelegate(const char *root, const char *name, const char *keep, struct kt_err *err)
{
	_cleanup_free_ char *enabled = file_of(root, name, "cgroup.subtree_control");
	char have[256];

	if (read_text(enabled, have, sizeof(have), err))
		return -1;
	for (char *rest = have, *word; (word = strsep(&rest, " "));) {
		_cleanup_free_ char *off = xasprintf("-%s", word);

		if (*word && !(keep && has_word(keep, word)) && write_text(enabled, off, err) && errno != EBUSY)
			return -1;
	}
	return 0;
}

enum outcome cgroup_open_root(const char *root, struct kt_err *err)
{
	struct statfs fs;

	if (statfs(root, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		kt_fail(err, "no cgroup2 file system is mounted at '%s'", root);
		return OUTCOME_UNSUPPORTED;
	}
	return cgroup_delegate(root, "", err) ? OUTCOME_ERROR : OUTCOME_DONE;
}

int cgroup_make(const char *root, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", root, name);

	if (mkdir(dir, 0755))
		return kt_fail(err, "cannot make cgroup '%s': %s", dir, strerror(errno));
	return 0;
}

int cgroup_remove(const char *root, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", root, name);

	return cgroup_rmdir(dir) ? kt_fail(err, "cannot remove cgroup '%s': %s", dir, strerror(errno)) : 0;
}

pid_t cgroup_fork(const char *root, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", root, name);
	_cleanup_close_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)dir };

	if (dir < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	/* Not through libc, which has no such fork; what libc remembers of the thread's id is not used by workers. */
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return kt_fail(err, "cannot fork into '%s': %s", path, strerror(errno));
	return pid;
}

/* Write a file of a controller; that there is none is the kernel's lack. */
static enum outcome set_knob(const char *root, const char *name, const char *file, const char *value, struct kt_err *err)
{
	_cleanup_free_ char *path = file_of(root, name, file), *controllers = file_of(root, name, "cgroup.controllers");
	_cleanup_free_ char *controller = xasprintf("%.*s", (int)strcspn(file, "."), file);
	char have[256];

	if (!access(path, F_OK))
		return write_text(path, value, err) ? OUTCOME_ERROR : OUTCOME_DONE;
	if (read_text(controllers, have, sizeof(have), err))
		return OUTCOME_ERROR;
	if (has_word(have, controller))
		kt_fail(err, "this kernel has no %s", file);
	else
		kt_fail(err, "the %s controller is not available in '%s' (it has: %s)", controller, root,
			*have ? have : "none");
	return OUTCOME_UNSUPPORTED;
}

static enum outcome expect(const char *root, const char *name, const char *file, const char *asked, const char *want,
			   struct kt_err *err)
{
	_cleanup_free_ char *path = file_of(root, name, file);
	char seen[CPULIST_LEN];

	if (read_text(path, seen, sizeof(seen), err))
		return OUTCOME_ERROR;
	if (streq(seen, want))
		return OUTCOME_DONE;
	kt_fail(err, "'%s' is '%s' and not '%s' after '%s' was asked for", path, seen, want, asked);
	return OUTCOME_ERROR;
}

static enum outcome set_mask(const char *root, const char *name, const char *file, const struct cpumask *mask,
			     const struct cpumask *effective, struct kt_err *err)
{
	_cleanup_free_ char *result = xasprintf("%s.effective", file);
	char list[CPULIST_LEN] = "", want[CPULIST_LEN];
	enum outcome o;

	if (mask)
		cpulist_format(mask, list);
	/* A line break, for an empty write is no write. */
	o = set_knob(root, name, file, mask ? list : "\n", err);
	return o == OUTCOME_DONE ? expect(root, name, result, list, cpulist_format(effective, want), err) : o;
}

enum outcome cgroup_set_cpus(const char *root, const char *name, const struct cpumask *cpus,
			     const struct cpumask *effective, struct kt_err *err)
{
	return set_mask(root, name, "cpuset.cpus", cpus, effective, err);
}

enum outcome cgroup_set_mems(const char *root, const char *name, const struct cpumask *mems,
			     const struct cpumask *effective, struct kt_err *err)
{
	return set_mask(root, name, "cpuset.mems", mems, effective, err);
}

static const char *limit_text(int64_t value, char buf[32])
{
	if (value == LIMIT_MAX)
		return "max";
	snprintf(buf, 32, "%lld", (long long)value);
	return buf;
}

static enum outcome set_limit(const char *root, const char *name, const char *file, const char *value, const char *reads,
			      struct kt_err *err)
{
	enum outcome o = set_knob(root, name, file, value, err);

	return o == OUTCOME_DONE ? expect(root, name, file, value, reads, err) : o;
}

static enum outcome set_cpu_max(const char *root, const char *name, const struct limits *l, struct kt_err *err)
{
	enum { PERIOD_US = 100000 };
	bool pct = l->cpu_quota_pct != LIMIT_NONE;
	int64_t period = pct ? PERIOD_US : l->cpu_period_us, quota = pct ? l->cpu_quota_pct * PERIOD_US / 100 : l->cpu_quota_us;
	char buf[32], text[64];

	if (quota == LIMIT_NONE)
		return OUTCOME_DONE;
	snprintf(text, sizeof(text), "%s %lld", limit_text(quota, buf), (long long)period);
	return set_limit(root, name, "cpu.max", text, text, err);
}

enum outcome cgroup_set_limits(const char *root, const char *name, const struct limits *l, struct kt_err *err)
{
	const struct { const char *file; int64_t value; const char *before; } files[] = {
		{ "cpu.weight", l->cpu_weight, "" }, { "memory.max", l->memory_max, "" }, { "memory.high", l->memory_high, "" },
		{ "memory.low", l->memory_low, "" }, { "memory.swap.max", l->memory_swap_max, "" },
		{ "io.weight", l->io_weight, "default " }, { "pids.max", l->pids_max, "" },
	};
	enum outcome o = set_cpu_max(root, name, l, err);

	for (size_t i = 0; o == OUTCOME_DONE && i < ARRAY_SIZE(files); i++) {
		char buf[32], reads[64];

		if (files[i].value == LIMIT_NONE)
			continue;
		const char *text = limit_text(files[i].value, buf);
		snprintf(reads, sizeof(reads), "%s%s", files[i].before, text);
		o = set_limit(root, name, files[i].file, text, reads, err);
	}
	return o;
}

int cgroup_await_frozen(const char *root, const char *name, int limit_ms, struct kt_err *err)
{
	_cleanup_free_ char *path = file_of(root, name, "cgroup.events");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char text[256];

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	for (;;) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
		text[n] = '\0';
		if (strstr(text, "frozen 1"))
			return 0;
		if (!poll(&p, 1, limit_ms))
			return 1;
	}
}

enum outcome cgroup_freeze(const char *root, const char *name, struct kt_err *err)
{
	return set_knob(root, name, "cgroup.freeze", "1", err);
}

enum outcome cgroup_thaw(const char *root, const char *name, struct kt_err *err)
{
	return set_knob(root, name, "cgroup.freeze", "0", err);
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

pid_t *cgroup_procs(const char *root, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *path = file_of(root, name, "cgroup.procs");
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	pid_t *pids = xcalloc(1, sizeof(*pids));
	size_t n = 0;
	int pid;

	if (!f) {
		free(pids);
		kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	while (fscanf(f, "%d", &pid) == 1) {
		pids = xrealloc(pids, n + 2, sizeof(*pids));
		pids[n++] = pid;
	}
	qsort(pids, n, sizeof(*pids), by_number);
	pids[n] = -1;
	return pids;
}

int cgroup_attach(const char *root, const char *name, pid_t pid, struct kt_err *err)
{
	_cleanup_free_ char *path = file_of(root, name, "cgroup.procs");
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return write_text(path, text, err) && errno != ESRCH ? -1 : 0;
}
