// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzImage -> vmlinux. The layout is the x86 boot protocol's (Documentation/arch/x86/boot.rst in the kernel): a setup
 * header at 0x1f1, then setup_sects sectors of 512 bytes, then the part that holds the compressed ELF. Every number
 * in the header is checked against the file before it is used.
 */
#include "libexec/kernel/bzimage.h"
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	SETUP_SECTS = 0x1f1, BOOT_FLAG = 0x1fe, MAGIC = 0x202, VERSION = 0x206, KERNEL_VERSION = 0x20e,
	PAYLOAD_OFFSET = 0x248, PAYLOAD_LENGTH = 0x24c, HEADER_END = 0x250,
	SECTOR = 512,
	PROTOCOL_MIN = 0x208, /* the first with a payload offset */
	SIZE_TAIL = 4,        /* the payload ends in its unpacked size */
	UNPACKED_MAX = 1 << 30,
};

/* The tool of each compression, by the first bytes of its streams. */
static const struct format {
	const char *magic;
	size_t magic_len;
	bool owns_tail; /* the size at the end is part of the stream: gzip's last field */
	const char *argv[5];
} formats[] = {
	{ "\x28\xb5\x2f\xfd", 4, false, { "zstd", "-dcq" } },
	{ "\x1f\x8b", 2, true, { "gzip", "-dcq" } },
	{ "\xfd" "7zXZ", 5, false, { "xz", "-dcq" } },
	{ "\x02\x21\x4c\x18", 4, false, { "lz4", "-dcq" } },
	{ "BZh", 3, false, { "bzip2", "-dcq" } },
	{ "\x5d\x00\x00", 3, false, { "xz", "-dcq", "--format=lzma" } },
};

struct payload {
	uint64_t start, len;
	uint32_t unpacked;
	const struct format *format;
};

static uint32_t le(const unsigned char *p, int n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static int read_all(int fd, const char *name, void *buf, size_t len, off_t off, struct kt_err *err)
{
	ssize_t n = pread(fd, buf, len, off);

	if (n < 0)
		return kt_fail(err, "cannot read '%s': %s", name, strerror(errno));
	return (size_t)n == len ? 0 : kt_fail(err, "'%s' is not a kernel: cut short", name);
}

static int find_payload(int fd, const char *name, struct payload *ret, char release[RELEASE_SIZE], struct kt_err *err)
{
	unsigned char h[HEADER_END] = { 0 }, magic[8], tail[SIZE_TAIL];
	struct stat st;

	if (fstat(fd, &st))
		return kt_fail(err, "cannot stat '%s': %s", name, strerror(errno));
	if (pread(fd, h, sizeof(h), 0) < 0)
		return kt_fail(err, "cannot read '%s': %s", name, strerror(errno));
	if (le(h + BOOT_FLAG, 2) != 0xaa55 || memcmp(h + MAGIC, "HdrS", 4))
		return kt_fail(err, "'%s' is not a kernel: neither a bzImage nor an ELF file", name);
	if (st.st_size < HEADER_END)
		return kt_fail(err, "'%s' is not a kernel: a bzImage cut short in its header", name);
	if (le(h + VERSION, 2) < PROTOCOL_MIN)
		return kt_fail(err, "'%s' is a bzImage of boot protocol %d.%02d; 2.08 is needed", name, h[VERSION + 1], h[VERSION]);

	uint64_t size = st.st_size, setup = (uint64_t)((h[SETUP_SECTS] ? h[SETUP_SECTS] : 4) + 1) * SECTOR;
	struct payload p = { .start = setup + le(h + PAYLOAD_OFFSET, 4), .len = le(h + PAYLOAD_LENGTH, 4) };
	if (p.len < sizeof(magic) + SIZE_TAIL || p.start + p.len > size)
		return kt_fail(err, "'%s' is not a kernel: its payload, %llu bytes at %llu, is not within its %llu bytes: cut short?",
			       name, (unsigned long long)p.len, (unsigned long long)p.start, (unsigned long long)size);
	if (read_all(fd, name, magic, sizeof(magic), p.start, err) ||
	    read_all(fd, name, tail, sizeof(tail), p.start + p.len - SIZE_TAIL, err))
		return -1;
	p.unpacked = le(tail, SIZE_TAIL);
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !p.format; i++)
		if (!memcmp(magic, formats[i].magic, formats[i].magic_len))
			p.format = &formats[i];
	if (!p.format)
		return kt_fail(err, "'%s' has a compression that ktstr does not know: its payload starts with %02x %02x %02x %02x",
			       name, magic[0], magic[1], magic[2], magic[3]);
	if (p.unpacked > UNPACKED_MAX)
		return kt_fail(err, "'%s' is not a kernel: it claims to unpack to %u bytes", name, p.unpacked);
	if (!p.format->owns_tail)
		p.len -= SIZE_TAIL;

	char text[RELEASE_SIZE] = "";
	uint64_t at = MAGIC - 2 + le(h + KERNEL_VERSION, 2);
	release[0] = '\0';
	if (le(h + KERNEL_VERSION, 2) && at + sizeof(text) <= setup && setup <= size) {
		if (read_all(fd, name, text, sizeof(text), at, err))
			return -1;
		release_copy(text, sizeof(text), release);
	}
	*ret = p;
	return 0;
}

/* The stream in a file of its own: what a child can have as its stdin without anybody feeding a pipe. */
static int copy_payload(int fd, const char *name, const struct payload *p, struct kt_err *err)
{
	_cleanup_close_ int mem = memfd_create("payload", MFD_CLOEXEC);
	char buf[1 << 16];

	if (mem < 0)
		return kt_fail(err, "cannot make a memory file: %s", strerror(errno));
	for (uint64_t done = 0; done < p->len;) {
		size_t n = MIN(sizeof(buf), p->len - done);
		if (read_all(fd, name, buf, n, p->start + done, err))
			return -1;
		if (kt_write_all(mem, buf, n))
			return kt_fail(err, "cannot write a memory file: %s", strerror(errno));
		done += n;
	}
	lseek(mem, 0, SEEK_SET);
	return take_fd(mem);
}

int bzimage_extract(int fd, const char *name, int out, char release[RELEASE_SIZE], struct kt_err *err)
{
	struct payload p;
	struct stat st;

	if (find_payload(fd, name, &p, release, err))
		return -1;
	_cleanup_close_ int in = copy_payload(fd, name, &p, err);
	if (in < 0)
		return -1;

	const char *tool = p.format->argv[0];
	const struct spawn_fd fds[] = { { in, STDIN_FILENO }, { out, STDOUT_FILENO } };
	/* A payload that lies about its size fails at the size it claimed, before it fills the disk. */
	const struct spawn unpack = {
		.argv = (char *const *)p.format->argv, .fds = fds, .nr_fds = ARRAY_SIZE(fds), .cgroup = -1, .max_file = p.unpacked,
	};
	struct kt_err why;
	pid_t pid = spawn_program(&unpack, &why);
	if (pid < 0)
		return why.code == KT_NOT_FOUND ? kt_fail(err, "cannot unpack '%s': %s is not installed", name, tool) :
			kt_fail(err, "cannot unpack '%s': %s", name, why.msg);
	int status = spawn_wait(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) || fstat(out, &st) || st.st_size != p.unpacked)
		return kt_fail(err, "cannot unpack '%s': %s failed, or did not yield the %u bytes that the file announces",
			       name, tool, p.unpacked);
	return 0;
}
