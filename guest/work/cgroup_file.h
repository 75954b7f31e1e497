/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup_file.h - the cgroup file system: what work types that move tasks need, and in part the scenario. */
#ifndef KT_CGROUP_FILE_H
#define KT_CGROUP_FILE_H

#include "libexec/lib/kt.h"
#include <fcntl.h>

static inline int cgroup_open(const char *dir, const char *file, int *ret, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);

	*ret = open(path, O_WRONLY | O_CLOEXEC);
	return *ret < 0 ? kt_fail(err, "cannot open '%s': %s", path, strerror(errno)) : 0;
}

/* Is process pid ("self": this one) in a cgroup whose path ends like that? */
static inline bool cgroup_is_in(const char *pid, const char *end)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	/* "0::/path": beside it there may be cgroups of version 1. */
	for (char *line = text, *next; line; line = next) {
		if ((next = strchr(line, '\n')))
			*next++ = '\0';
		size_t len = strlen(line);
		if (!strncmp(line, "0::", 3) && len > strlen(end) && streq(line + len - strlen(end), end))
			return true;
	}
	return false;
}

static inline int cgroup_write(const char *dir, const char *file, const char *text, struct kt_err *err)
{
	_cleanup_close_ int fd = -1;

	if (cgroup_open(dir, file, &fd, err))
		return -1;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return kt_fail(err, "cannot write '%s' to '%s/%s': %s", text, dir, file, strerror(errno));
	return 0;
}

/*
 * rmdir(), again while the cgroup is busy, as it is for a moment after its last process was reaped. What stays in it
 * for longer, such as a worker's child, is killed, but in a threaded one: the kernel refuses that. -1 and errno.
 */
static inline int cgroup_rmdir(const char *dir)
{
	enum { TRIES = 200, PATIENCE = 20 };
	const struct timespec pause = { .tv_nsec = 5 * NSEC_PER_MSEC };

	for (int i = 0; rmdir(dir); i++) {
		if (errno != EBUSY || i == TRIES)
			return -1;
		if (i == PATIENCE)
			cgroup_write(dir, "cgroup.kill", "1", NULL);
		nanosleep(&pause, NULL);
	}
	return 0;
}

#endif
