// SPDX-License-Identifier: GPL-2.0-only
/* The disk of the I/O work types: see io.h. */
#include "guest/work/io.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { FILE_BLOCKS = 1024, MIN_DEVICE_BLOCKS = 256 };

static const char magic[8] = "ktstr-io";

/* Opened once, in the parent; the workers inherit what they need to know of it. */
static struct {
	bool open, is_device;
	int fd[2];       /* by enum io_cache; without direct I/O both are the same file through the cache */
	bool direct;
	uint64_t blocks;
	char name[48];
} disk;

static const char *file_system(long type, char *buf, size_t size)
{
	switch (type) {
	case TMPFS_MAGIC: return "tmpfs";
	case EXT4_SUPER_MAGIC: return "ext4";
	case BTRFS_SUPER_MAGIC: return "btrfs";
	case XFS_SUPER_MAGIC: return "xfs";
	case OVERLAYFS_SUPER_MAGIC: return "overlay";
	}
	snprintf(buf, size, "file system %lx", type);
	return buf;
}

static int open_device(const char *path, struct kt_err *err)
{
	struct stat st;
	uint64_t size;
	/* O_EXCL: not one that is mounted, or otherwise in use. */
	_cleanup_close_ int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s' (KTSTR_IO_DEVICE): %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISBLK(st.st_mode))
		return kt_fail(err, "'%s' (KTSTR_IO_DEVICE) is not a block device", path);
	if (ioctl(fd, BLKGETSIZE64, &size))
		return kt_fail(err, "cannot tell the size of '%s': %s", path, strerror(errno));
	disk.blocks = size / IO_BLOCK;
	if (disk.blocks < MIN_DEVICE_BLOCKS)
		return kt_fail(err, "'%s' (KTSTR_IO_DEVICE) has %ju bytes, fewer than %d", path, (uintmax_t)size,
			       MIN_DEVICE_BLOCKS * IO_BLOCK);
	snprintf(disk.name, sizeof(disk.name), "%s", path);
	disk.is_device = true;
	disk.fd[IO_CACHED] = take_fd(fd);
	return 0;
}

/* Written whole, so that no write finds the file system full later and no read finds a hole. */
static int fill_file(int fd, struct kt_err *err)
{
	static union { struct io_tag tag; char bytes[IO_BLOCK]; } block;

	memcpy(block.tag.magic, magic, sizeof(magic));
	block.tag.cgroup = block.tag.index = UINT32_MAX;
	for (block.tag.block = 0; block.tag.block < FILE_BLOCKS; block.tag.block++)
		if (pwrite(fd, &block, sizeof(block), (off_t)(block.tag.block * IO_BLOCK)) != sizeof(block))
			return kt_fail(err, "cannot write a file of %d bytes: %s", FILE_BLOCKS * IO_BLOCK, strerror(errno));
	return 0;
}

static int open_file(struct kt_err *err)
{
	const char *dir = getenv("TMPDIR");
	char type[32];
	struct statfs fs;
	_cleanup_close_ int fd = open(dir && dir[0] ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = memfd_create("ktstr-io", MFD_CLOEXEC);
	if (fd < 0)
		return kt_fail(err, "cannot make a file in memory: %s", strerror(errno));
	if (fill_file(fd, err))
		return -1;
	if (fdatasync(fd) || fstatfs(fd, &fs))
		return kt_fail(err, "cannot sync a file: %s", strerror(errno));
	disk.blocks = FILE_BLOCKS;
	snprintf(disk.name, sizeof(disk.name), "a file on %s", file_system(fs.f_type, type, sizeof(type)));
	/* There direct I/O is a word: the page cache is the file. */
	disk.direct = fs.f_type != TMPFS_MAGIC;
	disk.fd[IO_CACHED] = take_fd(fd);
	return 0;
}

static int open_disk(struct kt_err *err)
{
	const char *device = getenv("KTSTR_IO_DEVICE");
	char path[32];

	if (device ? open_device(device, err) : open_file(err))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk.fd[IO_CACHED]);
	disk.fd[IO_DIRECT] = -1;
	if (disk.is_device || disk.direct)
		disk.fd[IO_DIRECT] = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	disk.direct = disk.fd[IO_DIRECT] >= 0;
	disk.open = true;
	return 0;
}

int io_open(struct worker *group, unsigned n, enum io_cache cache, struct kt_err *err)
{
	if (!disk.open && open_disk(err))
		return -1;
	for (unsigned i = 0; i < n; i++) {
		int fd = cache == IO_DIRECT && disk.direct ? disk.fd[IO_DIRECT] : disk.fd[IO_CACHED];

		group[i].fds[0] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (group[i].fds[0] < 0)
			return kt_fail(err, "cannot duplicate a descriptor: %s", strerror(errno));
		snprintf(group[i].detail, sizeof(group[i].detail), "%s, %s", disk.name,
			 cache == IO_CACHED ? "through the page cache" :
			 disk.direct ? "past the page cache" : "which has no direct I/O");
	}
	return 0;
}

int io_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)args;
	return work_alloc(w, IO_BLOCK, err);
}

uint64_t io_blocks(void)
{
	return disk.blocks;
}

uint64_t io_stripe(const struct worker *w)
{
	enum { STEP = 61 }; /* cgroups begin apart; prime to any number of stripes that is a power of two */
	uint64_t stripes = disk.blocks / IO_STRIPE_BLOCKS;

	return ((uint64_t)w->cgroup * STEP + w->index) % stripes * IO_STRIPE_BLOCKS;
}

/* After a system call that did not do all that it was to do: once more? */
static bool retry_io(struct worker *w, const char *what, ssize_t n)
{
	if (n < 0 && errno == EINTR)
		return worker_running(w);
	worker_fail(w, "cannot %s %s: %s", what, disk.name, n < 0 ? strerror(errno) : "cut short");
	return false;
}

bool io_write(struct worker *w, uint64_t block)
{
	struct io_tag *tag = w->own;

	memcpy(tag->magic, magic, sizeof(magic));
	tag->block = block;
	tag->cgroup = w->cgroup;
	tag->index = w->index;
	tag->iteration = w->iterations;
	for (ssize_t n; (n = pwrite(w->fds[0], tag, IO_BLOCK, (off_t)(block * IO_BLOCK))) != IO_BLOCK;)
		if (!retry_io(w, "write", n))
			return false;
	return true;
}

bool io_read(struct worker *w, uint64_t block)
{
	const struct io_tag *tag = w->own;

	for (ssize_t n; (n = pread(w->fds[0], w->own, IO_BLOCK, (off_t)(block * IO_BLOCK))) != IO_BLOCK;)
		if (!retry_io(w, "read", n))
			return false;
	w->wrong |= !disk.is_device && (memcmp(tag->magic, magic, sizeof(magic)) || tag->block != block);
	return true;
}

bool io_flush(struct worker *w)
{
	while (fdatasync(w->fds[0]))
		if (!retry_io(w, "sync", -1))
			return false;
	return true;
}

int io_read_tag(uint64_t block, struct io_tag *ret, struct kt_err *err)
{
	if (pread(disk.fd[IO_CACHED], ret, sizeof(*ret), (off_t)(block * IO_BLOCK)) != sizeof(*ret))
		return kt_fail(err, "cannot read block %ju of %s: %s", (uintmax_t)block, disk.name, strerror(errno));
	return 0;
}

bool io_is_others(const struct worker *w, const struct io_tag *tag)
{
	return !memcmp(tag->magic, magic, sizeof(magic)) && tag->index != UINT32_MAX &&
	       (tag->cgroup != w->cgroup || tag->index != w->index);
}
