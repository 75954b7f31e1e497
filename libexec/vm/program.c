// SPDX-License-Identifier: GPL-2.0-only
/* Which QEMU program it is: see vm.h. */
#include "libexec/vm/vm.h"
#include "libexec/lib/path.h"
#include <sys/stat.h>

char *vm_find_qemu(const struct vm_config *c)
{
	const char *dirs = getenv("PATH");
	char *path = strchr(c->qemu, '/') ? NULL : path_find(dirs ? dirs : "/bin:/usr/bin", c->qemu);

	return path ? path : xstrdup(c->qemu);
}

char *vm_qemu_identity(const struct vm_config *c)
{
	_cleanup_free_ char *path = vm_find_qemu(c);
	struct stat st;

	if (stat(path, &st) < 0)
		return xasprintf("%s none", c->plan->qemu_version);
	/* Neither path nor inode: the same package in the next container is the same QEMU. */
	return xasprintf("%s %llu %lld.%09ld", c->plan->qemu_version, (unsigned long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}
