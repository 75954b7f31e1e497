// SPDX-License-Identifier: GPL-2.0-only
/* The newc archive: see cpio.h. The format is in the kernel's Documentation/driver-api/early-userspace/buffer-format. */
#include "cpio.h"
#include <fcntl.h>
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

static bool name_ok(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return false;
	return true;
}

static int unpack_link(int dirfd, const char *name, const char *data, size_t size, struct kt_err *err)
{
	_cleanup_free_ char *target = xasprintf("%.*s", (int)size, data);

	if (unlinkat(dirfd, name, 0) && errno != ENOENT)
		return kt_fail(err, "payload: cannot replace '%s': %s", name, strerror(errno));
	if (symlinkat(target, dirfd, name))
		return kt_fail(err, "payload: cannot link '%s': %s", name, strerror(errno));
	return 0;
}

static int unpack_one(int dirfd, const char *name, unsigned mode, const char *data, size_t size, struct kt_err *err)
{
	_cleanup_close_ int fd = -1;

	if (!name_ok(name))
		return kt_fail(err, "payload: bad name '%s'", name);
	if (S_ISLNK(mode))
		return unpack_link(dirfd, name, data, size, err);
	if (S_ISDIR(mode)) {
		if (mkdirat(dirfd, name, mode & 07777) < 0 && errno != EEXIST)
			return kt_fail(err, "payload: cannot make '%s': %s", name, strerror(errno));
		return 0;
	}
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 07777);
	if (fd < 0 || kt_write_all(fd, data, size) || fchmod(fd, mode & 07777))
		return kt_fail(err, "payload: cannot write '%s': %s", name, strerror(errno));
	return 0;
}

int cpio_unpack(const char *buf, size_t size, const char *dir, struct kt_err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t at = 0, mode, filesize, namesize;

	if (dirfd < 0)
		return kt_fail(err, "cannot open '%s': %s", dir, strerror(errno));
	for (;;) {
		const char *h = buf + at;

		if (size - at < HEADER || memcmp(h, "070701", 6) || !field(h, F_MODE, &mode) ||
		    !field(h, F_FILESIZE, &filesize) || !field(h, F_NAMESIZE, &namesize))
			return kt_fail(err, "payload: bad header at byte %zu", at);
		size_t data = pad4(HEADER + namesize);
		if (!namesize || namesize > size - at || data > size - at || filesize > size - at - data ||
		    h[HEADER + namesize - 1])
			return kt_fail(err, "payload: cut short at byte %zu", at);
		if (streq(h + HEADER, "TRAILER!!!"))
			return 0;
		if (unpack_one(dirfd, h + HEADER, mode, h + data, filesize, err) < 0)
			return -1;
		at += data + pad4(filesize);
		if (at > size)
			return kt_fail(err, "payload: cut short at byte %zu", at);
	}
}
