// SPDX-License-Identifier: GPL-2.0-only
/* Entries that appear complete or not at all: see cache.h. */
#include "cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>

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

int cache_lock(const char *dir, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/.lock", dir);
	/* Close-on-exec, or a child that outlives us would keep the lock. */
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return kt_fail(err, "cannot lock '%s': %s", path, strerror(errno));
	return take_fd(fd);
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

static void sweep(const char *dir)
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

	sweep(dir);
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
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name), *stage = cache_stage(dir, err);

	if (!stage)
		return -1;
	/* A directory takes the place of an empty one. */
	if (rename(path, stage)) {
		rmdir(stage);
		return kt_fail(err, "cannot remove '%s': %s", path, strerror(errno));
	}
	cache_discard(stage);
	return 0;
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
