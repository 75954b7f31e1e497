// SPDX-License-Identifier: GPL-2.0-only
/* The newc archive: see cpio.h. The format is in the kernel's Documentation/driver-api/early-userspace/buffer-format. */
#include "libexec/lib/cpio.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* "070701", then 13 fields of 8 hex digits; name and data each padded to a multiple of 4 from the archive's start. */
enum { HEADER = 110, F_MODE = 1, F_FILESIZE = 6, F_NAMESIZE = 11 };

static size_t pad4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

int cpio_add(FILE *f, const char *name, unsigned mode, const void *data, size_t size, struct kt_err *err)
{
	size_t namesize = strlen(name) + 1;
	static const char zeros[4];

	if (size > UINT32_MAX)
		return kt_fail(err, "'%s' is too large for the payload", name);
	fprintf(f, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0,
		namesize, 0);
	fwrite(name, 1, namesize, f);
	fwrite(zeros, 1, pad4(HEADER + namesize) - HEADER - namesize, f);
	if (size)
		fwrite(data, 1, size, f);
	fwrite(zeros, 1, pad4(size) - size, f);
	return ferror(f) ? kt_fail(err, "cannot write the payload: %s", strerror(errno)) : 0;
}

int cpio_end(FILE *f, struct kt_err *err)
{
	return cpio_add(f, "TRAILER!!!", 0, NULL, 0, err);
}

static bool field(const char *header, int i, size_t *ret)
{
	char text[9] = { 0 };
	char *end;

	memcpy(text, header + 6 + 8 * i, 8);
	*ret = strtoul(text, &end, 16);
	return end == text + 8;
}

/* The archive as it comes. */
struct source {
	ssize_t (*next)(const char **data);
	const char *data;
	size_t left, at; /* of the piece; in the archive */
};

/* Up to max bytes of what comes next, however it is cut into pieces. */
static int take_some(struct source *s, size_t max, const char **data, size_t *n, struct kt_err *err)
{
	if (!s->left) {
		ssize_t more = s->next(&s->data);

		if (more <= 0)
			return kt_fail(err, more ? "payload: cannot read on at byte %zu" : "payload: cut short at byte %zu", s->at);
		s->left = (size_t)more;
	}
	*n = MIN(max, s->left);
	*data = s->data;
	s->data += *n;
	s->left -= *n;
	s->at += *n;
	return 0;
}

/* Exactly n bytes, into buf if there is one. */
static int take_all(struct source *s, char *buf, size_t n, struct kt_err *err)
{
	const char *data = NULL;

	for (size_t got = 0; n; n -= got) {
		if (take_some(s, n, &data, &got, err))
			return -1;
		if (buf)
			buf = mempcpy(buf, data, got);
	}
	return 0;
}

static bool name_ok(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return false;
	return true;
}

static int unpack_link(struct source *s, int dirfd, const char *name, size_t size, struct kt_err *err)
{
	char target[PATH_MAX];

	if (size >= sizeof(target))
		return kt_fail(err, "payload: '%s' links to a path that is too long", name);
	if (take_all(s, target, size, err))
		return -1;
	target[size] = '\0';
	if (unlinkat(dirfd, name, 0) && errno != ENOENT)
		return kt_fail(err, "payload: cannot replace '%s': %s", name, strerror(errno));
	if (symlinkat(target, dirfd, name))
		return kt_fail(err, "payload: cannot link '%s': %s", name, strerror(errno));
	return 0;
}

static int unpack_file(struct source *s, int dirfd, const char *name, unsigned mode, size_t size, struct kt_err *err)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
	const char *data = NULL;

	if (fd < 0 && errno == EEXIST && !unlinkat(dirfd, name, 0))
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
	if (fd < 0)
		return kt_fail(err, "payload: cannot write '%s': %s", name, strerror(errno));
	for (size_t n = 0; size; size -= n) {
		if (take_some(s, size, &data, &n, err))
			return -1;
		if (kt_write_all(fd, data, n))
			return kt_fail(err, "payload: cannot write '%s': %s", name, strerror(errno));
	}
	return 0;
}

static int unpack_one(struct source *s, int dirfd, const char *name, unsigned mode, size_t size, struct kt_err *err)
{
	if (!name_ok(name))
		return kt_fail(err, "payload: bad name '%s'", name);
	if (S_ISLNK(mode))
		return unpack_link(s, dirfd, name, size, err);
	if (!S_ISDIR(mode))
		return unpack_file(s, dirfd, name, mode, size, err);
	if (mkdirat(dirfd, name, mode & 07777) < 0 && errno != EEXIST)
		return kt_fail(err, "payload: cannot make '%s': %s", name, strerror(errno));
	return 0;
}

int cpio_unpack(ssize_t (*next)(const char **data), const char *dir, struct kt_err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct source s = { .next = next };
	char header[HEADER], name[PATH_MAX];
	size_t mode, size, namesize;

	if (dirfd < 0)
		return kt_fail(err, "cannot open '%s': %s", dir, strerror(errno));
	for (;;) {
		size_t at = s.at;

		if (take_all(&s, header, HEADER, err))
			return -1;
		if (memcmp(header, "070701", 6) || !field(header, F_MODE, &mode) || !field(header, F_FILESIZE, &size) ||
		    !field(header, F_NAMESIZE, &namesize) || !namesize || namesize > sizeof(name))
			return kt_fail(err, "payload: bad header at byte %zu", at);
		if (take_all(&s, name, namesize, err) ||
		    take_all(&s, NULL, pad4(HEADER + namesize) - HEADER - namesize, err))
			return -1;
		if (name[namesize - 1])
			return kt_fail(err, "payload: bad name at byte %zu", at);
		if (streq(name, "TRAILER!!!"))
			return 0;
		if (unpack_one(&s, dirfd, name, mode, size, err) || take_all(&s, NULL, pad4(size) - size, err))
			return -1;
	}
}
