// SPDX-License-Identifier: GPL-2.0-only
/* cgroups of a scenario: see cgroup.h. */
#include "cgroup.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static int write_text(const char *path, const char *text, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	ssize_t n = write(fd, text, strlen(text));
	if (n != (ssize_t)strlen(text))
		return kt_fail(err, "cannot write '%s' to '%s': %s", text, path, n < 0 ? strerror(errno) : "short write");
	return 0;
}

static int read_text(const char *path, char *buf, size_t size, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	ssize_t n = read(fd, buf, size - 1);
	if (n < 0)
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static bool wants_cpuset(const struct spec *spec)
{
	for (size_t i = 0; i < spec->nr_cgroups; i++)
		if (spec->cgroups[i].cpuset_kind != CPUSET_NONE)
			return true;
	return false;
}

static enum outcome enable_controllers(const char *root, const struct spec *spec, struct kt_err *err)
{
	static const char *const wanted[] = { "cpuset", "cpu", "memory", "pids", "io" };
	_cleanup_free_ char *available = xasprintf("%s/cgroup.controllers", root);
	_cleanup_free_ char *enable = xasprintf("%s/cgroup.subtree_control", root);
	char have[256];

	if (read_text(available, have, sizeof(have), err))
		return OUTCOME_ERROR;
	if (wants_cpuset(spec) && !has_word(have, "cpuset")) {
		kt_fail(err, "the cpuset controller is not available in '%s' (it has: %s)", root, *have ? have : "none");
		return OUTCOME_UNSUPPORTED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char text[32];

		if (!has_word(have, wanted[i]))
			continue;
		snprintf(text, sizeof(text), "+%s", wanted[i]);
		if (write_text(enable, text, err))
			return OUTCOME_ERROR;
	}
	return OUTCOME_DONE;
}

static int set_cpuset(const char *dir, const struct cgroup_def *def, struct kt_err *err)
{
	_cleanup_free_ char *cpus = xasprintf("%s/cpuset.cpus", dir);
	_cleanup_free_ char *effective = xasprintf("%s/cpuset.cpus.effective", dir);
	char list[CPULIST_LEN], seen[CPULIST_LEN];
	struct cpumask mask;

	if (write_text(cpus, cpulist_format(&def->cpus, list), err) || read_text(effective, seen, sizeof(seen), err) ||
	    cpulist_parse(seen, &mask, err))
		return -1;
	if (!cpumask_equal(&mask, &def->cpus))
		return kt_fail(err, "'%s' is '%s' after '%s' was asked for", effective, seen, list);
	return 0;
}

static int create_one(struct cgroups *c, const struct cgroup_def *def, struct kt_err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", c->root, def->name);

	if (mkdir(dir, 0755))
		return kt_fail(err, "cannot make cgroup '%s': %s", dir, strerror(errno));
	c->nr_made++;
	return def->cpuset_kind == CPUSET_NONE ? 0 : set_cpuset(dir, def, err);
}

enum outcome cgroups_create(struct cgroups *c, const char *root, const struct spec *spec, struct kt_err *err)
{
	struct statfs fs;

	*c = (struct cgroups){ .root = root, .spec = spec };
	if (statfs(root, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		kt_fail(err, "no cgroup2 file system is mounted at '%s'", root);
		return OUTCOME_UNSUPPORTED;
	}
	enum outcome o = enable_controllers(root, spec, err);
	for (size_t i = 0; o == OUTCOME_DONE && i < spec->nr_cgroups; i++)
		if (create_one(c, &spec->cgroups[i], err))
			o = OUTCOME_ERROR;
	if (o != OUTCOME_DONE)
		cgroups_destroy(c, NULL);
	return o;
}

/* A cgroup stays busy for a moment after its last process was reaped. */
static int remove_dir(const char *dir)
{
	enum { TRIES = 200 };
	const struct timespec pause = { .tv_nsec = 5 * NSEC_PER_MSEC };

	for (int i = 0; rmdir(dir); i++) {
		if (errno != EBUSY || i == TRIES)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int cgroups_destroy(struct cgroups *c, struct kt_err *err)
{
	int ret = 0;

	while (c->nr_made) {
		_cleanup_free_ char *dir = xasprintf("%s/%s", c->root, c->spec->cgroups[--c->nr_made].name);

		if (remove_dir(dir))
			ret = kt_fail(err, "cannot remove cgroup '%s': %s", dir, strerror(errno));
	}
	return ret;
}

pid_t cgroups_fork(const struct cgroups *c, size_t i, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", c->root, c->spec->cgroups[i].name);
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
