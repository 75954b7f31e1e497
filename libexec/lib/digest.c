// SPDX-License-Identifier: GPL-2.0-only
/* SHA-256, and what is remembered of files: see digest.h. */
#include "libexec/lib/digest.h"
#include "libexec/lib/cache.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sha2.h>
#include <sys/stat.h>
#include <time.h>

enum { CHUNK = 1 << 18, NOTE_MAX = 8192, SETTLED_S = 2 };

void digest_text(const char *text, char ret[SHA256_HEX_SIZE])
{
	SHA256Data((const uint8_t *)text, strlen(text), ret);
}

int digest_file(int fd, char ret[SHA256_HEX_SIZE], struct kt_err *err)
{
	_cleanup_free_ uint8_t *buf = xcalloc(1, CHUNK);
	off_t at = 0;
	SHA2_CTX ctx;
	ssize_t n;

	SHA256Init(&ctx);
	for (; (n = pread(fd, buf, CHUNK, at)) > 0; at += n)
		SHA256Update(&ctx, buf, (size_t)n);
	SHA256End(&ctx, ret);
	return n || lseek(fd, 0, SEEK_SET) < 0 ? kt_fail(err, "%s", strerror(errno)) : 0;
}

static const char *boot_id(void)
{
	static char id[64];

	if (!*id) {
		_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
		if (!f || !fgets(id, sizeof(id), f))
			snprintf(id, sizeof(id), "unknown");
		id[strcspn(id, "\n")] = '\0';
	}
	return id;
}

static char *identity_of(const struct stat *st)
{
	return xasprintf("%s %llx:%llu %llu %lld.%09ld %lld.%09ld", boot_id(), (unsigned long long)st->st_dev,
			 (unsigned long long)st->st_ino, (unsigned long long)st->st_size, (long long)st->st_mtim.tv_sec,
			 st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

char *digest_identity(int fd, struct kt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		kt_fail(err, "%s", strerror(errno));
		return NULL;
	}
	return identity_of(&st);
}

static char *note_name(const struct stat *st)
{
	return xasprintf("%llx-%llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

/* The note's lines: identity, digest, path. Whoever can write a note decides what is taken for what. */
static bool read_note(const char *note, char buf[NOTE_MAX], char *line[3])
{
	_cleanup_close_ int fd = open(note, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct kt_err ignored;

	if (fd < 0 || cache_check_owner(fd, S_IFREG, &ignored))
		return false;
	ssize_t n = read(fd, buf, NOTE_MAX - 1);
	buf[MAX(n, 0)] = '\0';
	for (int i = 0; i < 3; i++) {
		line[i] = i ? line[i - 1] + strlen(line[i - 1]) + 1 : buf;
		char *end = line[i] < buf + MAX(n, 0) ? strchr(line[i], '\n') : NULL;
		if (!end)
			return false;
		*end = '\0';
	}
	return strlen(line[1]) == SHA256_HEX_SIZE - 1;
}

static void remember_digest(int fd, const struct stat *before, const char *identity, const char *digest)
{
	_cleanup_free_ char *dir = cache_dir("digests", NULL), *name = note_name(before);
	_cleanup_free_ char *note = xasprintf("%s/%s", dir ? dir : "", name), *self = xasprintf("/proc/self/fd/%d", fd);
	_cleanup_free_ char *now = digest_identity(fd, NULL);
	char path[PATH_MAX];
	ssize_t n = readlink(self, path, sizeof(path));

	if (!dir || !now || !streq(now, identity) || n < 0 || time(NULL) - before->st_ctim.tv_sec <= SETTLED_S)
		return;
	_cleanup_free_ char *text = xasprintf("%s\n%s\n%.*s\n", identity, digest, (int)n, path);
	/* Not remembered is not wrong, only slow the next time. */
	cache_write(note, text, strlen(text), NULL);
}

int digest_known_file(int fd, char ret[SHA256_HEX_SIZE], struct kt_err *err)
{
	_cleanup_free_ char *dir = cache_path("digests", NULL);
	char buf[NOTE_MAX], *line[3];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return kt_fail(err, "%s", strerror(errno));
	_cleanup_free_ char *identity = identity_of(&st), *name = note_name(&st);
	_cleanup_free_ char *note = xasprintf("%s/%s", dir ? dir : "", name);
	if (dir && read_note(note, buf, line) && streq(line[0], identity)) {
		memcpy(ret, line[1], SHA256_HEX_SIZE);
		return 0;
	}
	if (digest_file(fd, ret, err) < 0)
		return -1;
	remember_digest(fd, &st, identity, ret);
	return 0;
}

void digest_forget(void)
{
	_cleanup_free_ char *dir = cache_path("digests", NULL);
	DIR *d = dir ? opendir(dir) : NULL;
	char buf[NOTE_MAX], *line[3];
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_free_ char *note = xasprintf("%s/%s", dir, e->d_name), *name = NULL;

		if (e->d_name[0] == '.')
			continue;
		if (read_note(note, buf, line) && !stat(line[2], &st))
			name = note_name(&st);
		if (!name || !streq(name, e->d_name))
			unlink(note);
	}
	if (d)
		closedir(d);
}
