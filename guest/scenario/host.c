// SPDX-License-Identifier: GPL-2.0-only
/* A scenario on a bare host: see host.h. */
#include "guest/scenario/host.h"
#include "guest/scenario/cgroup.h"
#include "guest/files.h"
#include "guest/scenario/machine.h"
#include "guest/scenario/record.h"
#include "libexec/lib/spawn.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PREFIX "ktstr-"

struct host {
	char *mount, *root;   /* of cgroup2; of this run, below it */
	int lock;             /* on root: somebody lives */
	char controllers[256]; /* that the mount's own cgroups had before */
	struct saved_values saved;
};

static char *find_mount(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	char *dir = NULL;

	for (struct mntent *m; f && !dir && (m = getmntent(f));)
		if (streq(m->mnt_type, "cgroup2"))
			dir = xstrdup(m->mnt_dir);
	if (f)
		endmntent(f);
	return dir;
}

/* For nftw(), which has no context. */
static const char *tree_root;
static struct kt_err *tree_err;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type != FTW_DP)
		return 0;
	const char *name = path + strlen(tree_root);
	return cgroup_remove(tree_root, *name ? name + 1 : "", tree_err);
}

static int remove_tree(const char *root, struct kt_err *err)
{
	_cleanup_free_ char *kill = xasprintf("%s/cgroup.kill", root);

	if (access(root, F_OK))
		return 0;
	if (!access(kill, F_OK) && write_text(kill, "1", err))
		return -1;
	tree_root = root;
	tree_err = err;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? -1 : 0;
}

static int open_locked(const char *dir, int how)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || flock(fd, how) ? -1 : take_fd(fd);
}

/* What runs have left that were killed with all who looked after them. The caller holds the mount's lock. */
static void remove_stale(const char *mount)
{
	DIR *d = opendir(mount);
	struct kt_err err;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) || strspn(e->d_name + strlen(PREFIX), "0123456789") !=
		    strlen(e->d_name + strlen(PREFIX)))
			continue;
		_cleanup_free_ char *root = xasprintf("%s/%s", mount, e->d_name);
		_cleanup_close_ int lock = open_locked(root, LOCK_EX | LOCK_NB);
		if (lock < 0)
			continue;
		if (remove_tree(root, &err))
			kt_warn("cannot remove what a killed run left: %s", err.msg);
		else
			kt_warn("removed '%s', which a killed run left", root);
	}
	if (d)
		closedir(d);
}

static int make_root(struct host *h, struct kt_err *err)
{
	_cleanup_close_ int all = open_locked(h->mount, LOCK_EX);
	_cleanup_free_ char *enabled = xasprintf("%s/cgroup.subtree_control", h->mount);

	if (all < 0)
		return kt_fail(err, "cannot lock '%s': %s", h->mount, strerror(errno));
	remove_stale(h->mount);
	if (read_text(enabled, h->controllers, sizeof(h->controllers), err) || cgroup_delegate(h->mount, "", err))
		return -1;
	if (mkdir(h->root, 0755) || (h->lock = open_locked(h->root, LOCK_EX | LOCK_NB)) < 0)
		return kt_fail(err, "cannot make cgroup '%s': %s", h->root, strerror(errno));
	return 0;
}

static int save_values(struct host *h, const struct spec *spec, struct kt_err *err)
{
	const struct op *op;
	int ret = 0;

	for (size_t i = 0; (op = spec_op(spec, i)) && !ret; i++) {
		_cleanup_(strv_deinit) struct strv files = machine_files(op);

		for (size_t k = 0; k < files.n && !ret; k++)
			ret = saved_keep(&h->saved, files.v[k], err);
	}
	return ret;
}

/* As the child does when it can. */
static void restore_machine(struct host *h, const struct topo *plan)
{
	struct kt_err err;
	char now[256];

	for (unsigned i = 0; i < plan->nr_cpus; i++) {
		_cleanup_free_ char *path = xasprintf("/sys/devices/system/cpu/cpu%u/online", plan->cpus[i].cpu);

		if (!access(path, F_OK) && !read_text(path, now, sizeof(now), &err) && streq(now, "0") &&
		    write_text(path, "1", &err))
			kt_warn("%s", err.msg);
	}
	if (saved_restore(&h->saved, &err))
		kt_warn("%s", err.msg);
}

static _Noreturn void child(const struct host *h, pid_t parent, const struct spec *spec, const struct topo *plan,
			    const struct scenario_opts *opts, FILE *out)
{
	struct scenario_opts mine = *opts;
	struct kt_err err, left;

	/* In its own process group: what a terminal sends comes to it once, from its parent. */
	setpgid(0, 0);
	if (spawn_bind(parent, SIGTERM))
		_exit(KT_TROUBLE);
	mine.cgroup_root = h->root;
	enum outcome o = scenario_run(spec, plan, &mine, out, &err);
	if (o != OUTCOME_DONE)
		kt_warn("%s", err.msg);
	if (fflush(out)) {
		kt_warn("cannot write a record: %s", strerror(errno));
		o = OUTCOME_ERROR;
	}
	if (getppid() != parent && remove_tree(h->root, &left))
		kt_warn("%s", left.msg);
	_exit(outcome_exit(o));
}

/* Until it is gone; what should end this program ends it. */
static int await_child(pid_t pid)
{
	sigset_t set;
	int status;

	sigemptyset(&set);
	for (const int *s = (const int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 }; *s; s++)
		sigaddset(&set, *s);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig > 0 && sig != SIGCHLD)
			kill(pid, sig);
	}
	return status;
}

static enum outcome run_scenario(struct host *h, const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts,
			FILE *out, struct kt_err *err)
{
	pid_t self = getpid(), pid;
	sigset_t set;

	sigemptyset(&set);
	for (const int *s = (const int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 }; *s; s++)
		sigaddset(&set, *s);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		kt_fail(err, "cannot fork: %s", strerror(errno));
		return OUTCOME_ERROR;
	}
	if (!pid)
		child(h, self, spec, plan, opts, out);
	int status = await_child(pid);
	if (WIFEXITED(status)) { /* it said why */
		*err->msg = '\0';
		return WEXITSTATUS(status) == KT_OK ? OUTCOME_DONE :
			WEXITSTATUS(status) == KT_CANNOT_TELL ? OUTCOME_UNSUPPORTED : OUTCOME_ERROR;
	}
	restore_machine(h, plan);
	kt_fail(err, "the run was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	_cleanup_json_ json_t *end = record_end(OUTCOME_ERROR, err->msg);
	kt_json_line(out, end, NULL);
	return OUTCOME_ERROR;
}

enum outcome host_run(const struct spec *spec, const struct topo *plan, const struct scenario_opts *opts, FILE *out,
		      struct kt_err *err)
{
	struct host h = { .lock = -1 };
	struct kt_err left;
	enum outcome o = OUTCOME_ERROR;

	if (geteuid()) {
		kt_fail(err, "--host makes cgroups and sets policies: it has to be root");
		return OUTCOME_UNSUPPORTED;
	}
	h.mount = find_mount();
	if (!h.mount) {
		kt_fail(err, "--host needs cgroup2, and no such file system is mounted");
		return OUTCOME_UNSUPPORTED;
	}
	h.root = xasprintf("%s/" PREFIX "%d", h.mount, (int)getpid());
	if (make_root(&h, err))
		o = OUTCOME_UNSUPPORTED;
	if (o != OUTCOME_UNSUPPORTED && !save_values(&h, spec, err))
		o = run_scenario(&h, spec, plan, opts, out, err);
	if (h.lock >= 0 && (remove_tree(h.root, &left) || cgroup_undelegate(h.mount, "", h.controllers, &left))) {
		kt_warn("%s", left.msg);
		o = OUTCOME_ERROR;
	}
	kt_closep(&h.lock);
	saved_deinit(&h.saved);
	free(h.root);
	free(h.mount);
	return o;
}
