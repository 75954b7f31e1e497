// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payload's archive. The first byte of the input says in what pieces the rest comes. What is unpacked goes into a list instead of
 * the file system: an archive may make a link and write through it. Every name stays below the folder; what came out of an archive,
 * packed again, comes out the same; and so does what comes out in pieces of another size.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/lib/cpio.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { MAX_FILES = 64 };

struct tree {
	struct file { char *name; unsigned mode; char *data; size_t size; } files[MAX_FILES];
	size_t n;
};

static struct tree *into;
static int open_file = -1; /* a file in memory: the data of the last one in the list */

static void check_name(const char *name)
{
	size_t n = strlen(name);

	if (!n || *name == '/' || streq(name, "..") || !strncmp(name, "../", 3) || strstr(name, "/../") ||
	    (n > 2 && streq(name + n - 3, "/..")))
		BUG("unpacks '%s'", name);
}

static struct file *find_file(const char *name)
{
	for (size_t i = 0; i < into->n; i++)
		if (streq(into->files[i].name, name))
			return &into->files[i];
	return NULL;
}

static int add_file(const char *name, unsigned mode, const char *data)
{
	check_name(name);
	if (find_file(name) || into->n == MAX_FILES) {
		errno = into->n == MAX_FILES ? ENOSPC : EEXIST;
		return -1;
	}
	into->files[into->n++] = (struct file){ xstrdup(name), mode, data ? xstrdup(data) : NULL, data ? strlen(data) : 0 };
	return 0;
}

/* The bytes of the file that was written last are taken when the next one begins. */
static void close_file(void)
{
	struct file *f = into->n ? &into->files[into->n - 1] : NULL;
	struct stat st;

	if (open_file < 0)
		return;
	if (!f || fstat(open_file, &st))
		BUG("no file is open");
	f->size = (size_t)st.st_size;
	f->data = xcalloc(f->size + 1, 1);
	if (pread(open_file, f->data, f->size, 0) != st.st_size)
		BUG("memfd: %s", strerror(errno));
	close(take_fd(open_file));
}

int __wrap_openat(int dir, const char *name, int flags, unsigned mode);
int __wrap_openat(int dir, const char *name, int flags, unsigned mode)
{
	close_file();
	if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		BUG("opens '%s' in %d without O_EXCL: through a link, perhaps", name, dir);
	if (add_file(name, S_IFREG | mode, NULL))
		return -1;
	open_file = memfd_create("file", MFD_CLOEXEC);
	return fcntl(open_file, F_DUPFD_CLOEXEC, 0);
}

int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags)
{
	close_file();
	check_name(name);
	struct file *f = find_file(name);
	if (!f || flags || S_ISDIR(f->mode)) {
		errno = f ? EISDIR : ENOENT;
		return -1;
	}
	free(f->name);
	free(f->data);
	memmove(f, f + 1, sizeof(*f) * (size_t)(into->files + --into->n - f));
	return dir < 0 ? -1 : 0;
}

int __wrap_symlinkat(const char *target, int dir, const char *name);
int __wrap_symlinkat(const char *target, int dir, const char *name)
{
	close_file();
	return dir < 0 ? -1 : add_file(name, S_IFLNK | 0777, target);
}

int __wrap_mkdirat(int dir, const char *name, unsigned mode);
int __wrap_mkdirat(int dir, const char *name, unsigned mode)
{
	close_file();
	return dir < 0 ? -1 : add_file(name, S_IFDIR | mode, NULL);
}

static const char *archive;
static size_t left, piece;

static ssize_t next_piece(const char **data)
{
	size_t n = MIN(left, piece);

	*data = archive;
	archive += n;
	left -= n;
	return (ssize_t)n;
}

static int unpack(const char *data, size_t size, size_t pieces, struct tree *ret)
{
	struct kt_err err = { .msg = "" };

	archive = data;
	left = size;
	piece = pieces;
	into = ret;
	int rc = cpio_unpack(next_piece, ".", &err);
	close_file();
	if (!rc != !*err.msg)
		BUG("%d, and '%s'", rc, err.msg);
	return rc;
}

static void pack(const struct tree *t, char **ret, size_t *size)
{
	FILE *f = open_memstream(ret, size);
	struct kt_err err;

	for (size_t i = 0; i < t->n; i++)
		if (cpio_add(f, t->files[i].name, t->files[i].mode, t->files[i].data, t->files[i].size, &err))
			BUG("%s", err.msg);
	if (cpio_end(f, &err) || fclose(f))
		BUG("%s", err.msg);
}

static void check_same(const struct tree *a, const struct tree *b)
{
	if (a->n != b->n)
		BUG("%zu files, and %zu", a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct file *f = &a->files[i], *g = &b->files[i];

		if (!streq(f->name, g->name) || f->mode != g->mode || f->size != g->size ||
		    (f->size && memcmp(f->data, g->data, f->size)))
			BUG("'%s' is not the same", f->name);
	}
}

static void tree_deinit(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->files[i].name);
		free(t->files[i].data);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(tree_deinit) struct tree whole = { 0 }, pieces = { 0 }, again = { 0 };
	_cleanup_free_ char *packed = NULL;
	size_t packed_size;

	if (!size)
		return 0;
	int rc = unpack((const char *)data + 1, size - 1, SIZE_MAX, &whole);
	if (unpack((const char *)data + 1, size - 1, 4 * data[0] + 1U, &pieces) != rc)
		BUG("refused in pieces, or only as a whole");
	check_same(&whole, &pieces);
	if (rc)
		return 0;
	pack(&whole, &packed, &packed_size);
	if (unpack(packed, packed_size, SIZE_MAX, &again))
		BUG("refuses what was packed");
	check_same(&whole, &again);
	return 0;
}
