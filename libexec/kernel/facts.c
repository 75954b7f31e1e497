// SPDX-License-Identifier: GPL-2.0-only
/* What is known of a kernel: its JSON, what was remembered of files already examined, the order of releases. */
#include "libexec/kernel/cache.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/json.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

void kernel_deinit(struct kernel *k)
{
	free(k->name);
	free(k->vmlinux);
	free(k->release);
	free(k->origin);
	free(k->added);
	free(k->why);
	*k = (struct kernel){ 0 };
}

int release_cmp(const char *a, const char *b)
{
	char x[NAME_MAX + 2], y[NAME_MAX + 2], *buf[] = { x, y };
	const char *src[] = { a, b };

	/*
	 * strverscmp() with a release candidate before its release: a byte that sorts before all others is put
	 * in the place of "-rc", one that sorts before all but that at the end.
	 */
	for (int i = 0; i < 2; i++) {
		const char *rc = strstr(src[i], "-rc");
		snprintf(buf[i], sizeof(x), "%.*s%s%s\002", rc ? (int)(rc - src[i]) : INT_MAX, src[i], rc ? "\001" : "",
			 rc ? rc + 1 : "");
	}
	return strverscmp(x, y);
}

static json_t *tri_json(enum tri t)
{
	return t == TRI_UNKNOWN ? json_null() : json_boolean(t == TRI_YES);
}

static bool tri_read(const json_t *j, enum tri *ret)
{
	*ret = json_is_null(j) ? TRI_UNKNOWN : json_is_true(j) ? TRI_YES : TRI_NO;
	return json_is_null(j) || json_is_boolean(j);
}

json_t *kernel_facts(const struct kernel *k)
{
	return KT_PACK("{ss so sb so ss ss ss}", "release", k->release, "sched_ext", tri_json(k->sched_ext),
		       "btf", k->btf, "cgroup2", tri_json(k->cgroup2), "origin", k->origin, "sha256", k->sha256,
		       "added", k->added);
}

int kernel_read_facts(json_t *j, const char *name, struct kernel *ret, struct kt_err *err)
{
	const char *release, *origin, *sha256, *added;
	json_t *sched_ext, *cgroup2;
	int btf;

	if (json_unpack(j, "{ss so sb so ss ss ss}", "release", &release, "sched_ext", &sched_ext, "btf", &btf,
			"cgroup2", &cgroup2, "origin", &origin, "sha256", &sha256, "added", &added) ||
	    !tri_read(sched_ext, &ret->sched_ext) || !tri_read(cgroup2, &ret->cgroup2) ||
	    strlen(sha256) != SHA256_HEX_SIZE - 1)
		return kt_fail(err, "'%s' does not hold the facts of a kernel", name);
	ret->release = xstrdup(release);
	ret->origin = xstrdup(origin);
	ret->added = xstrdup(added);
	memcpy(ret->sha256, sha256, SHA256_HEX_SIZE);
	ret->btf = btf;
	return 0;
}

/* Of the file that is open now, not of one that took its name since. */
static char *seen_path(const struct stat *st)
{
	_cleanup_free_ char *dir = cache_path("kernels/.seen", NULL);

	return dir ? xasprintf("%s/%llx-%llx-%llx-%llx.%lx-%llx.%lx", dir, (unsigned long long)st->st_dev,
			       (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
			       (unsigned long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			       (unsigned long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec) : NULL;
}

bool kernel_recall(const struct stat *st, const char *path, struct kernel *ret)
{
	_cleanup_free_ char *seen = seen_path(st);
	_cleanup_json_ json_t *j = seen && !access(seen, R_OK) ? kt_json_load(seen, NULL) : NULL;
	const char *name = json_string_value(json_object_get(j, "name"));

	if (!j)
		return false;
	if (name) /* the name is ours, but the entry may be gone */
		return !strchr(name, '/') && !kernel_load_checked(name, ret, NULL);
	if (kernel_read_facts(j, seen, ret, NULL))
		return false;
	ret->vmlinux = xstrdup(path);
	return true;
}

void kernel_remember(int fd, const struct stat *before, const char *path, const struct kernel *k)
{
	/* A change within one tick of the clock that stamps files leaves no trace: let that tick pass. */
	static const struct timespec tick = { .tv_nsec = 20 * NSEC_PER_MSEC };
	_cleanup_free_ char *dir = cache_dir("kernels/.seen", NULL), *seen = seen_path(before);
	struct timespec now;
	struct stat after;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec - before->st_ctim.tv_sec <= 1)
		nanosleep(&tick, NULL);
	if (!dir || !seen || fstat(fd, &after) || after.st_size != before->st_size ||
	    memcmp(&after.st_mtim, &before->st_mtim, sizeof(after.st_mtim)) ||
	    memcmp(&after.st_ctim, &before->st_ctim, sizeof(after.st_ctim)))
		return;
	_cleanup_json_ json_t *j = k->name ? KT_PACK("{ss}", "name", k->name) : kernel_facts(k);
	json_object_set_new(j, "path", json_string(path));
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);
	/* Not remembered is not wrong, only slow the next time. */
	if (text)
		cache_write(seen, text, strlen(text), NULL);
}

/* What is remembered of a file ends with the file, or with its entry. */
static bool is_stale(const char *seen)
{
	_cleanup_json_ json_t *j = kt_json_load(seen, NULL);
	const char *path = json_string_value(json_object_get(j, "path")), *name = json_string_value(json_object_get(j, "name"));
	_cleanup_free_ char *now = NULL;
	_cleanup_(kernel_deinit) struct kernel k = { 0 };
	struct stat st;

	if (!path || stat(path, &st) || (name && kernel_load(name, &k, NULL)))
		return true;
	now = seen_path(&st);
	return !now || !streq(now, seen);
}

void kernel_forget(void)
{
	_cleanup_free_ char *dir = cache_path("kernels/.seen", NULL);
	DIR *d = dir ? opendir(dir) : NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_free_ char *seen = xasprintf("%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.' && is_stale(seen))
			unlink(seen);
	}
	if (d)
		closedir(d);
	digest_forget();
}
