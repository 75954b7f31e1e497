// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's file, as a bzImage and as a vmlinux. No decompressor is run: fork() fails. A release that is found is the name of a
 * directory; what is no kernel is refused with a word.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/kernel/bzimage.h"

pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return -1;
}

static void check_release(const char *release)
{
	if (strlen(release) >= RELEASE_SIZE || strchr(release, '/') || *release == '.')
		BUG("the release is '%s'", release);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmlinux v = { .release = "" }, again = { .release = "" };
	struct kt_err err = { .msg = "" };
	char release[RELEASE_SIZE] = "";
	int fd = fuzz_file(data, size);
	_cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC);

	if (!bzimage_extract(fd, "image", out, release, &err) || !*err.msg)
		BUG("unpacked without a process, or refused without a word");
	check_release(release);
	err.msg[0] = '\0';
	int rc = vmlinux_probe(fd, "vmlinux", &v, &err);
	if (rc && (!*err.msg || (err.code != KT_TROUBLE && err.code != KT_CANNOT_TELL)))
		BUG("refused without a word, or with code %d", err.code);
	if (vmlinux_probe(fd, "vmlinux", &again, NULL) != rc || !streq(v.release, again.release) || !streq(v.sha256, again.sha256) ||
	    v.btf != again.btf || v.sched_ext != again.sched_ext || v.cgroup2 != again.cgroup2)
		BUG("another kernel when it is looked at again");
	check_release(v.release);
	if (!rc && (!*v.release || strspn(v.sha256, "0123456789abcdef") != SHA256_HEX_SIZE - 1))
		BUG("no release, or no hash");
	return 0;
}
