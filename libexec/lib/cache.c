// SPDX-License-Identifier: GPL-2.0-only
/* Entries that appear complete or not at all: see cache.h. */
#include "libexec/lib/cache.h"
#include "libexec/lib/spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STAGE_PREFIX ".tmp."

char *cache_path(const char *sub, struct kt_err *err)
{
	const char *dir = getenv("KTSTR_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (dir && *dir) {
		_cleanup_free_ char *cwd = *dir == '/' ? xstrdup("") : getcwd(NULL, 0);
		if (!cwd) {
			kt_fail(err, "cannot name the working directory: %s", strerror(errno));
			return NULL;
		}
		return xasprintf("%s%s%s/%s", cwd, *cwd ? "/" : "", dir, sub);
	}
	/* A relative XDG_CACHE_HOME is to be ignored: its specification says so. */
	if (xdg && *xdg == '/')
		return xasprintf("%s/ktstr/%s", xdg, sub);
	if (home && *home == '/')
		return xasprintf("%s/.cache/ktstr/%s", home, sub);
	kt_fail(err, "no place for a cache: set KTSTR_CACHE_DIR or HOME");
	return NULL;
}

char *cache_dir(const char *sub, struct kt_err *err)
{
	_cleanup_free_ char *path = cache_path(sub, err);

	if (!path)
		return NULL;
	for (char *slash = path; slash; ) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST) {
			kt_fail(err, "cannot make '%s': %s", path, strerror(errno));
			return NULL;
		}
		if (slash)
			*slash = '/';
	}
	return take(path);
}

int cache_check_owner(int fd, mode_t type, struct kt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return kt_fail(err, "%s", strerror(errno));
	if ((st.st_mode & S_IFMT) != type)
		return kt_fail(err, "not a %s", type == S_IFDIR ? "directory" : "file");
	if (st.st_uid != geteuid() && st.st_uid)
		return kt_fail(err, "belongs to user %u", st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return kt_fail(err, "others may write to it");
	return 0;
}

/*
 * Open the lock file and take it. An entry's directory may be removed, its lock with it, by whoever holds the lock: what
 * was waited for is then a lock that nobody else will find, and all begins again. wait: returns 0 with the lock held.
 */
static int take_lock(const char *dir, int (*wait)(int fd, const void *arg, struct kt_err *err), const void *arg,
		     struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/.lock", dir);

	for (;;) {
		/* Close-on-exec, or a child that outlives us would keep the lock. */
		_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		struct stat st;

		if (fd < 0 && (errno != ENOENT || (mkdir(dir, 0700) && errno != EEXIST)))
			return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		if (fd < 0)
			continue;
		int r = wait(fd, arg, err);
		if (r < 0) {
			kt_context(err, "cannot lock '%s'", path);
			return r;
		}
		if (fstat(fd, &st))
			return kt_fail(err, "cannot lock '%s': %s", path, strerror(errno));
		if (st.st_nlink)
			return take_fd(fd);
	}
}

static int wait_for_ever(int fd, const void *arg, struct kt_err *err)
{
	(void)arg;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return kt_fail(err, "%s", strerror(errno));
	return 0;
}

int cache_lock(const char *dir, struct kt_err *err)
{
	return take_lock(dir, wait_for_ever, NULL, err);
}

static int do_not_wait(int fd, const void *arg, struct kt_err *err)
{
	(void)arg;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	bool busy = errno == EWOULDBLOCK;
	kt_fail(err, "%s", busy ? "another process is at it" : strerror(errno));
	return busy ? CACHE_BUSY : -1;
}

int cache_trylock(const char *dir, struct kt_err *err)
{
	return take_lock(dir, do_not_wait, NULL, err);
}

/*
 * flock() cannot be waited for together with signals and a deadline, so a child waits: the lock belongs to the open
 * file, which parent and child share.
 */
static int wait_in_child(int fd, const void *arg, struct kt_err *err)
{
	const struct cache_wait *w = arg;
	int status;

	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return kt_fail(err, "%s", strerror(errno));
	kt_warn("%s", w->say);
	pid_t self = getpid(), pid = fork();
	if (pid < 0)
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	if (!pid) {
		if (spawn_bind(self, SIGKILL))
			_exit(EINTR);
		while (flock(fd, LOCK_EX))
			if (errno != EINTR)
				_exit(errno);
		_exit(0);
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p[] = { { .fd = pidfd, .events = POLLIN }, { .fd = w->signals, .events = POLLIN } };
	struct timespec left = { w->timeout_ns / NSEC_PER_SEC, w->timeout_ns % NSEC_PER_SEC };
	int n = ppoll(p, ARRAY_SIZE(p), w->timeout_ns < 0 ? NULL : &left, NULL);
	if (n <= 0 || p[1].revents)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return kt_fail(err, "%s", n ? "interrupted" : "time is up");
	return WEXITSTATUS(status) ? kt_fail(err, "%s", strerror(WEXITSTATUS(status))) : 0;
}

int cache_lock_watched(const char *dir, const struct cache_wait *w, struct kt_err *err)
{
	return take_lock(dir, wait_in_child, w, err);
}

static int discard_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

void cache_discard(const char *path)
{
	nftw(path, discard_one, 8, FTW_DEPTH | FTW_PHYS);
}

void cache_sweep(const char *dir)
{
	DIR *d = opendir(dir);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		if (strncmp(e->d_name, STAGE_PREFIX, strlen(STAGE_PREFIX)))
			continue;
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, e->d_name);
		cache_discard(path);
	}
	closedir(d);
}

char *cache_stage(const char *dir, struct kt_err *err)
{
	_cleanup_free_ char *stage = xasprintf("%s/" STAGE_PREFIX "XXXXXX", dir);

	cache_sweep(dir);
	if (!mkdtemp(stage)) {
		kt_fail(err, "cannot make a directory in '%s': %s", dir, strerror(errno));
		return NULL;
	}
	return take(stage);
}

static int sync_path(const char *path, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return kt_fail(err, "cannot write '%s' to the disk: %s", path, strerror(errno));
	return 0;
}

static int sync_files(const char *dir, struct kt_err *err)
{
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return kt_fail(err, "cannot open '%s': %s", dir, strerror(errno));
	for (struct dirent *e; !r && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, e->d_name);
		r = sync_path(path, err);
	}
	closedir(d);
	return r ? r : sync_path(dir, err);
}

int cache_publish(const char *stage, const char *dir, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	/* Contents before name: after a power cut the name must not lead to empty files. */
	if (sync_files(stage, err))
		return -1;
	if (rename(stage, path))
		return kt_fail(err, "cannot rename '%s' to '%s': %s", stage, path, strerror(errno));
	return 0;
}

int cache_remove(const char *dir, const char *name, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name), *gone = xasprintf("%s/" STAGE_PREFIX "gone", dir);

	cache_sweep(dir);
	/* No directory is made to move it into: that needs room, and this must work on a full disk. */
	if (rename(path, gone))
		return kt_fail(err, "cannot remove '%s': %s", path, strerror(errno));
	cache_discard(gone);
	return 0;
}

void cache_drop(const char *dir)
{
	_cleanup_free_ char *lock = xasprintf("%s/.lock", dir);

	cache_sweep(dir);
	unlink(lock);
	rmdir(dir);
}

int cache_write(const char *path, const char *text, size_t len, struct kt_err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot make '%s': %s", tmp, strerror(errno));
	if (kt_write_all(fd, text, len) || rename(tmp, path)) {
		kt_fail(err, "cannot write '%s': %s", path, strerror(errno));
		unlink(tmp);
		return -1;
	}
	return 0;
}
