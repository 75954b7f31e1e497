// SPDX-License-Identifier: GPL-2.0-only
/* One saved state on the disk: see entry.h. */
#include "libexec/state/entry.h"
#include "libexec/lib/cache.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { PAGE = 4096, CHUNK = 64 * PAGE, META_MAX = 1 << 28 };

static void hex(XXH128_hash_t h, char ret[HASH_HEX_SIZE])
{
	snprintf(ret, HASH_HEX_SIZE, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static bool is_zero(const char *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

/* Hash n bytes that are at `at` in their file, and write to fd (-1: nowhere) those of their pages that are not zero. */
static int take_chunk(XXH3_state_t *state, const char *buf, size_t n, off_t at, int fd, struct kt_err *err)
{
	size_t start = 0; /* of the pages to be written together */

	for (size_t off = 0; off < n; off += PAGE) {
		size_t len = MIN(PAGE, n - off);
		bool zero = is_zero(buf + off, len);
		uint64_t where = (uint64_t)at + off;

		if (!zero) {
			XXH3_128bits_update(state, &where, sizeof(where));
			XXH3_128bits_update(state, buf + off, len);
		}
		if (!zero && off + len < n)
			continue;
		size_t end = zero ? off : off + len;
		if (fd >= 0 && end > start && (lseek(fd, at + (off_t)start, SEEK_SET) < 0 ||
					       kt_write_all(fd, buf + start, end - start)))
			return kt_fail(err, "%s", strerror(errno));
		start = off + PAGE;
	}
	return 0;
}

static int hash_with(XXH3_state_t *state, int from, int to, struct kt_err *err)
{
	_cleanup_free_ char *buf = xcalloc(1, CHUNK);
	off_t end = lseek(from, 0, SEEK_END);
	ssize_t n;

	if (end < 0 || (to >= 0 && ftruncate(to, end) < 0))
		return kt_fail(err, "%s", strerror(errno));
	XXH3_128bits_reset(state);
	for (off_t at = 0; at < end; at += n) {
		off_t data = lseek(from, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break; /* the rest is a hole */
		if (data > at)
			at = data - data % PAGE;
		n = pread(from, buf, CHUNK, at);
		if (n <= 0)
			return kt_fail(err, "%s", n ? strerror(errno) : "it became shorter");
		if (take_chunk(state, buf, (size_t)n, at, to, err) < 0)
			return -1;
	}
	XXH3_128bits_update(state, &end, sizeof(end));
	return lseek(from, 0, SEEK_SET) < 0 ? kt_fail(err, "%s", strerror(errno)) : 0;
}

int hash_file(int from, int to, char ret[HASH_HEX_SIZE], struct kt_err *err)
{
	XXH3_state_t *state = XXH3_createState();

	if (!state)
		BUG("no memory");
	int r = hash_with(state, from, to, err);
	hex(XXH3_128bits_digest(state), ret);
	XXH3_freeState(state);
	return r;
}

static char *file_name(int i)
{
	return i < 0 ? xstrdup("state") : xasprintf("ram%d", i);
}

static int open_file(int dir, const char *name, struct kt_err *err)
{
	/* Non-blocking: it might be a FIFO. */
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "%s: %s", name, strerror(errno));
	if (cache_check_owner(fd, S_IFREG, err) < 0)
		return kt_context(err, "%s", name);
	return take_fd(fd);
}

/* Against damage, not against somebody. */
static void sum_of(json_t *meta, char ret[HASH_HEX_SIZE])
{
	json_auto_t *rest = json_copy(meta);

	json_object_del(rest, "sum");
	_cleanup_free_ char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
	hex(XXH3_128bits(text ? text : "", text ? strlen(text) : 0), ret);
}

static json_t *load_meta(int dir, struct kt_err *err)
{
	_cleanup_close_ int fd = open_file(dir, "meta.json", err);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	char sum[HASH_HEX_SIZE];
	struct kt_err why;

	if (fd < 0)
		return NULL;
	_cleanup_free_ char *buf = size > 0 && size <= META_MAX ? xcalloc(1, (size_t)size) : NULL;
	ssize_t n = buf ? pread(fd, buf, (size_t)size, 0) : 0;
	json_auto_t *meta = n > 0 ? kt_json_loads(buf, (size_t)n, "meta.json", &why) : NULL;
	const char *want = json_string_value(json_object_get(meta, "sum"));
	if (want)
		sum_of(meta, sum);
	if (!want || !streq(want, sum)) {
		kt_fail(err, "meta.json is damaged");
		return NULL;
	}
	return json_incref(meta);
}

static int write_meta(const char *path, json_t *meta, struct kt_err *err)
{
	_cleanup_free_ char *file = xasprintf("%s/meta.json", path);
	char sum[HASH_HEX_SIZE];

	sum_of(meta, sum);
	json_object_set_new(meta, "sum", json_string(sum));
	_cleanup_free_ char *text = json_dumps(meta, JSON_INDENT(1));
	if (!text)
		BUG("json_dumps failed");
	return cache_write(file, text, strlen(text), err);
}

/* One file against what meta.json says of it; *changed when its identity had to be noted anew. */
static int check_file(int fd, json_t *m, bool full, bool *changed, struct kt_err *err)
{
	const char *want_hash = json_string_value(json_object_get(m, "hash"));
	const char *want_id = json_string_value(json_object_get(m, "identity"));
	_cleanup_free_ char *id = digest_identity(fd, err); /* before the contents: a change meanwhile shows the next time */
	char hash[HASH_HEX_SIZE];

	if (!id)
		return -1;
	if (!want_hash || !want_id)
		return kt_fail(err, "meta.json has no entry for this file");
	bool same = streq(id, want_id);
	if (same && !full)
		return 0;
	if (hash_file(fd, -1, hash, err) < 0)
		return -1;
	if (!streq(hash, want_hash))
		return kt_fail(err, "the file has changed since it was saved");
	json_object_set_new(m, "identity", json_string(id));
	*changed |= !same;
	return 0;
}

static void note_contents(const json_t *files, char ret[SHA256_HEX_SIZE])
{
	_cleanup_free_ char *all = xstrdup("");
	const char *name;
	json_t *file;

	json_object_foreach((json_t *)files, name, file) {
		char *more = xasprintf("%s %s %s", all, name, json_string_value(json_object_get(file, "hash")));
		free(all);
		all = more;
	}
	digest_text(all, ret);
}

static int open_dir(const char *path, struct kt_err *err)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? -2 : kt_fail(err, "%s", strerror(errno));
	return cache_check_owner(dir, S_IFDIR, err) < 0 ? -1 : take_fd(dir);
}

json_t *entry_meta(const char *path, struct kt_err *err)
{
	_cleanup_close_ int dir = open_dir(path, err);

	if (dir < -1)
		kt_fail(err, "nothing is saved");
	return dir < 0 ? NULL : load_meta(dir, err);
}

int entry_open(const char *path, const char *key, bool full, struct checkpoint *c, json_t **ret, struct kt_err *err)
{
	_cleanup_close_ int dir = open_dir(path, err);
	bool changed = false;

	if (dir < 0)
		return dir == -2 ? 1 : -1;
	json_auto_t *meta = load_meta(dir, err);
	json_t *files = json_object_get(meta, "files");
	const char *of = json_string_value(json_object_get(meta, "key"));
	if (!meta)
		return -1;
	if (!of || !streq(of, key))
		return kt_fail(err, "it is the state of checkpoint %s", of ? of : "(none)");
	c->nr_ram = (unsigned)json_object_size(files) - 1;
	if (c->nr_ram < 1 || c->nr_ram > TOPO_MAX_NODES)
		return kt_fail(err, "meta.json is damaged");
	for (int i = -1; i < (int)c->nr_ram; i++) {
		_cleanup_free_ char *name = file_name(i);
		int *fd = i < 0 ? &c->state : &c->ram[i];

		*fd = open_file(dir, name, err);
		if (*fd < 0 || check_file(*fd, json_object_get(files, name), full, &changed, err) < 0) {
			if (*fd >= 0)
				kt_context(err, "%s", name);
			checkpoint_deinit(c);
			return -1;
		}
	}
	note_contents(files, c->contents);
	c->said = json_incref(json_object_get(meta, "said"));
	if (changed)
		write_meta(path, meta, NULL); /* where that cannot be, they are compared again the next time */
	if (ret)
		*ret = json_incref(meta);
	return 0;
}

int entry_write(const char *path, const struct checkpoint *c, json_t *facts, struct kt_err *err)
{
	json_auto_t *meta = json_copy(facts), *files = json_object();

	for (int i = -1; i < (int)c->nr_ram; i++) {
		_cleanup_free_ char *name = file_name(i), *file = xasprintf("%s/%s", path, name), *id = NULL;
		_cleanup_close_ int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		char hash[HASH_HEX_SIZE];

		if (fd < 0)
			return kt_fail(err, "cannot make '%s': %s", file, strerror(errno));
		if (hash_file(i < 0 ? c->state : c->ram[i], fd, hash, err) < 0)
			return kt_context(err, "cannot write '%s'", file);
		id = digest_identity(fd, err);
		if (!id)
			return kt_context(err, "cannot write '%s'", file);
		json_object_set_new(files, name, KT_PACK("{ss,ss}", "hash", hash, "identity", id));
	}
	json_object_set(meta, "files", files);
	if (c->said)
		json_object_set(meta, "said", c->said);
	return write_meta(path, meta, err);
}
