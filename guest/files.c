// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's small files: see files.h. */
#include "guest/files.h"
#include <fcntl.h>

char *sysctl_path(const char *name)
{
	char *path = xasprintf("/proc/sys/%s", name);

	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		*p = *p == '.' ? '/' : *p;
	return path;
}

int write_text(const char *path, const char *text, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	ssize_t n = write(fd, text, strlen(text));
	if (n != (ssize_t)strlen(text))
		return kt_fail(err, "cannot write '%s' to '%s': %s", text, path, n < 0 ? strerror(errno) : "short write");
	return 0;
}

int read_text(const char *path, char *buf, size_t size, struct kt_err *err)
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
