// SPDX-License-Identifier: GPL-2.0-only
/* The cache of checkpoints as a whole: list, verify, remove, evict. See checkpoint.h. */
#include "libexec/lib/cache.h"
#include "libexec/state/entry.h"
#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

/* A shorter key is of another version of ktstr, which nothing finds any more: it is listed, and removed as others are. */
enum { DEFAULT_LIMIT_MIB = 8192, MIN_KEY_LENGTH = 32, KEY_LENGTH = SHA256_HEX_SIZE - 1 };

int checkpoint_limit(uint64_t *ret, struct kt_err *err)
{
	const char *text = getenv("KTSTR_CACHE_LIMIT");
	int64_t mib = DEFAULT_LIMIT_MIB;

	if (text && *text && kt_parse_i64(text, "KTSTR_CACHE_LIMIT", 0, INT32_MAX, &mib, err) < 0)
		return -1;
	*ret = (uint64_t)mib << 20;
	return 0;
}

static char *entry_path(const char *key, struct kt_err *err)
{
	_cleanup_free_ char *sub = xasprintf("checkpoints/%s", key);

	return cache_path(sub, err);
}

/* Of the entry that is looked at; nftw() has no way to pass them. */
static uint64_t tree_blocks;
static bool tree_has_stage;

static int add_blocks(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	tree_has_stage |= ftw->level == 1 && type == FTW_D && path[ftw->base] == '.';
	if (type != FTW_NS)
		tree_blocks += (uint64_t)st->st_blocks;
	return 0;
}

static void look_at(struct checkpoint_entry *e, const char *dir)
{
	_cleanup_free_ char *saved = xasprintf("%s/saved", dir);
	struct stat st;

	tree_blocks = 0;
	tree_has_stage = false;
	nftw(dir, add_blocks, 8, FTW_PHYS);
	e->size = tree_blocks * 512;
	e->has_stage = tree_has_stage;
	if (!stat(saved, &st) || !stat(dir, &st))
		e->used = st.st_mtim;
}

static int newest_entry_first(const void *a, const void *b)
{
	const struct checkpoint_entry *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? 1 : -1;
	return strcmp(x->key, y->key);
}

/* Without what meta.json says: a list of many is made at every build. */
static int list_entries(struct checkpoint_entry **ret, size_t *n, struct kt_err *err)
{
	_cleanup_free_ char *path = cache_path("checkpoints", err);
	DIR *d = path ? opendir(path) : NULL;

	*ret = NULL;
	*n = 0;
	if (path && !d && errno != ENOENT)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	if (!path)
		return -1;
	for (struct dirent *e; d && (e = readdir(d));) {
		size_t len = strlen(e->d_name);
		if (len < MIN_KEY_LENGTH || len > KEY_LENGTH || strspn(e->d_name, "0123456789abcdef") != len)
			continue;
		_cleanup_free_ char *dir = xasprintf("%s/%s", path, e->d_name);
		struct checkpoint_entry *list = *ret = xrealloc(*ret, *n + 1, sizeof(**ret));
		list[*n] = (struct checkpoint_entry){ 0 };
		memcpy(list[*n].key, e->d_name, len + 1);
		look_at(&list[(*n)++], dir);
	}
	if (d)
		closedir(d);
	if (*n)
		qsort(*ret, *n, sizeof(**ret), newest_entry_first);
	return 0;
}

int checkpoint_list(struct checkpoint_entry **ret, size_t *n, struct kt_err *err)
{
	struct kt_err why;

	if (list_entries(ret, n, err) < 0)
		return -1;
	for (struct checkpoint_entry *e = *ret; e < *ret + *n; e++) {
		_cleanup_free_ char *dir = entry_path(e->key, NULL), *saved = xasprintf("%s/saved", dir);

		e->meta = entry_meta(saved, &why);
		if (!e->meta)
			e->error = xstrdup(why.msg);
	}
	return 0;
}

void checkpoint_list_free(struct checkpoint_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_decref(list[i].meta);
		free(list[i].error);
	}
	free(list);
}

int checkpoint_verify(const char *key, struct kt_err *err)
{
	_cleanup_(checkpoint_deinit) struct checkpoint c;
	_cleanup_free_ char *dir = entry_path(key, err), *saved = xasprintf("%s/saved", dir ? dir : "");

	checkpoint_init(&c, 0);
	return dir ? entry_open(saved, key, true, &c, NULL, err) : -1;
}

/* With what dead builds left; of the entry itself only if `saved`. */
static int remove_entry(const char *key, bool saved, struct kt_err *err)
{
	_cleanup_free_ char *dir = entry_path(key, err), *path = xasprintf("%s/saved", dir ? dir : "");
	int lock = dir ? cache_trylock(dir, err) : -1;
	struct stat st;

	if (lock < 0)
		return lock;
	cache_sweep(dir);
	int r = saved && !lstat(path, &st) ? cache_remove(dir, "saved", err) : 0;
	if (!r && lstat(path, &st))
		cache_drop(dir);
	close(lock);
	return r;
}

int checkpoint_remove(const char *key, struct kt_err *err)
{
	return remove_entry(key, true, err);
}

static bool is_kept(const char *key, const char *const keep[2])
{
	return streq(key, keep[0]) || (keep[1] && streq(key, keep[1]));
}

int checkpoint_evict(uint64_t limit, const char *const keep[2], struct kt_err *err)
{
	struct checkpoint_entry *list;
	uint64_t total = 0;
	size_t n;
	int r = 0;

	if (list_entries(&list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *dir = entry_path(list[i].key, NULL);

		if (list[i].has_stage && !is_kept(list[i].key, keep)) {
			if (remove_entry(list[i].key, false, err) == -1)
				r = -1;
			look_at(&list[i], dir);
		}
		total += list[i].size;
	}
	for (size_t i = n; i-- && total > limit;) { /* from the least recently used */
		if (is_kept(list[i].key, keep))
			continue;
		int removed = remove_entry(list[i].key, true, err);
		if (removed == -1)
			r = -1;
		if (!removed)
			total -= list[i].size;
	}
	checkpoint_list_free(list, n);
	digest_forget();
	return r;
}
