// SPDX-License-Identifier: GPL-2.0-only
/* Where ktstr's own files are: see own-path.h. */
#include "libexec/boot/own-path.h"
#include <libgen.h>
#include <limits.h>

char *boot_own_path(const char *in_tree, const char *installed)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		die(KT_TROUBLE, "cannot read /proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	const char *dir = dirname(self);
	char *path = xasprintf("%s/%s", dir, in_tree);
	if (!access(path, R_OK))
		return path;
	_cleanup_free_ char *other = xasprintf("%s/../libexec/ktstr/%s", dir, installed);
	if (access(other, R_OK))
		die(KT_TROUBLE, "cannot find %s: run make", path);
	free(path);
	return take(other);
}
