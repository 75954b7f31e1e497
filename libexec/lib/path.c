// SPDX-License-Identifier: GPL-2.0-only
/* Lists of directories: see path.h. */
#include "libexec/lib/path.h"
#include <sys/stat.h>

const char *path_next(const char **list, size_t *len)
{
	const char *dir = *list;

	if (!dir)
		return NULL;
	*len = strcspn(dir, ":");
	*list = dir[*len] ? dir + *len + 1 : NULL;
	return dir;
}

char *path_find(const char *list, const char *name)
{
	size_t len;

	for (const char *dir; (dir = path_next(&list, &len));) {
		_cleanup_free_ char *file = xasprintf("%.*s/%s", (int)len, dir, name);
		struct stat st;

		if (*dir == '/' && !stat(file, &st) && S_ISREG(st.st_mode) && !access(file, X_OK))
			return take(file);
	}
	return NULL;
}
