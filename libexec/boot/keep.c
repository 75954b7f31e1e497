// SPDX-License-Identifier: GPL-2.0-only
/* What is kept of a run: see keep.h. */
#include "libexec/boot/keep.h"
#include <sys/mman.h>

FILE *keep_console(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/console.log", dir);
	FILE *f = fopen(path, "we");

	if (!f)
		die(KT_TROUBLE, "cannot write '%s': %s", path, strerror(errno));
	return f;
}

static void keep_file(const char *dir, const char *name, const void *data, size_t n)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	if (!f || fwrite(data, 1, n, f) != n || fflush(f))
		die(KT_TROUBLE, "cannot write '%s': %s", path, strerror(errno));
}

void keep_inputs(const char *dir, const struct strv *args, int payload)
{
	_cleanup_free_ char *line = strv_shell(args);
	off_t n = lseek(payload, 0, SEEK_END);
	void *data = mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, payload, 0);

	if (data == MAP_FAILED)
		die(KT_TROUBLE, "cannot read the payload: %s", strerror(errno));
	keep_file(dir, "qemu.cmd", line, strlen(line));
	keep_file(dir, "payload.cpio", data, (size_t)n);
	munmap(data, (size_t)n);
}
