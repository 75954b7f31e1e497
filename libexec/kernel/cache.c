// SPDX-License-Identifier: GPL-2.0-only
/* The entries of the cache of kernels: see kernel.h. */
#include "libexec/kernel/cache.h"
#include "libexec/kernel/bzimage.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

int kernel_load(const char *name, struct kernel *ret, struct kt_err *err)
{
	_cleanup_free_ char *dir = cache_path("kernels", err);

	if (!dir)
		return -1;
	_cleanup_free_ char *facts = xasprintf("%s/%s/kernel.json", dir, name);
	_cleanup_(kernel_deinit) struct kernel k = {
		.name = xstrdup(name), .vmlinux = xasprintf("%s/%s/vmlinux", dir, name),
	};
	struct kt_err why;
	_cleanup_json_ json_t *j = kt_json_load(facts, &why);
	if (!j || kernel_read_facts(j, facts, &k, &why))
		return kt_fail(err, "cached kernel '%s' is damaged: %s", name, why.msg);
	if (access(k.vmlinux, R_OK))
		return kt_fail(err, "cached kernel '%s' is damaged: cannot read '%s': %s", name, k.vmlinux, strerror(errno));
	*ret = k;
	k = (struct kernel){ 0 };
	return 0;
}

/* A directory of the cache, or a file in one. */
static int check_owner_of(const char *path, mode_t type, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	return cache_check_owner(fd, type, err) ? kt_context(err, "'%s'", path) : 0;
}

static int check_vmlinux(const struct kernel *k, struct kt_err *err)
{
	_cleanup_close_ int fd = open(k->vmlinux, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char sha256[SHA256_HEX_SIZE];

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", k->vmlinux, strerror(errno));
	if (cache_check_owner(fd, S_IFREG, err) || digest_known_file(fd, sha256, err))
		return kt_context(err, "'%s'", k->vmlinux);
	return streq(sha256, k->sha256) ? 0 : kt_fail(err, "'%s' has changed since it was added", k->vmlinux);
}

int kernel_load_checked(const char *name, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(kernel_deinit) struct kernel k = { 0 };

	if (kernel_load(name, &k, err))
		return -1;
	_cleanup_free_ char *dir = xasprintf("%.*s", (int)(strrchr(k.vmlinux, '/') - k.vmlinux), k.vmlinux);
	_cleanup_free_ char *facts = xasprintf("%s/kernel.json", dir), *all = cache_path("kernels", err);
	if (!all || check_owner_of(all, S_IFDIR, err) || check_owner_of(dir, S_IFDIR, err) || check_owner_of(facts, S_IFREG, err) ||
	    check_vmlinux(&k, err))
		return kt_context(err, "cached kernel '%s' is damaged", name);
	*ret = k;
	k = (struct kernel){ 0 };
	return 0;
}

static int newest_image_first(const void *a, const void *b)
{
	return release_cmp(*(char *const *)b, *(char *const *)a);
}

char **kernel_names(struct kt_err *err)
{
	_cleanup_free_ char *dir = cache_path("kernels", err);
	char **names = xcalloc(1, sizeof(*names));
	size_t n = 0;

	if (!dir) {
		free(names);
		return NULL;
	}
	DIR *d = opendir(dir);
	if (!d && errno != ENOENT) {
		kt_fail(err, "cannot open '%s': %s", dir, strerror(errno));
		free(names);
		return NULL;
	}
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		names = xrealloc(names, n + 2, sizeof(*names));
		names[n++] = xstrdup(e->d_name);
		names[n] = NULL;
	}
	if (d)
		closedir(d);
	qsort(names, n, sizeof(*names), newest_image_first);
	return names;
}

void kernel_names_free(char **names)
{
	for (char **n = names; n && *n; n++)
		free(*n);
	free(names);
}

enum { COPY_CHUNK = 1 << 16 };

static void kernel_names_freep(char ***names) { kernel_names_free(*names); }

static int copy_file(int in, const char *from, const char *to, struct kt_err *err)
{
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	_cleanup_free_ char *buf = xcalloc(1, COPY_CHUNK);
	off_t off = 0;
	ssize_t n;

	if (out < 0)
		return kt_fail(err, "cannot make '%s': %s", to, strerror(errno));
	while ((n = pread(in, buf, COPY_CHUNK, off)) > 0) {
		if (kt_write_all(out, buf, n))
			return kt_fail(err, "cannot write '%s': %s", to, strerror(errno));
		off += n;
	}
	return n < 0 ? kt_fail(err, "cannot read '%s': %s", from, strerror(errno)) : 0;
}

/* What the config says of an option: a line CONFIG_X=y, or "# CONFIG_X is not set". */
static void read_config(const char *path, struct kernel *k)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (streq(line, "CONFIG_CGROUPS=y"))
			k->cgroup2 = TRI_YES;
		else if (streq(line, "# CONFIG_CGROUPS is not set"))
			k->cgroup2 = TRI_NO;
		else if (streq(line, "CONFIG_SCHED_CLASS_EXT=y") && k->sched_ext == TRI_UNKNOWN)
			k->sched_ext = TRI_YES;
	}
}

/* ~/.config is a directory, and people have images in ~. */
static bool is_readable_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, R_OK);
}

static char *find_config(const char *image, const char *release)
{
	static const char boot[] = "/arch/x86/boot/";
	const char *base = strrchr(image, '/') + 1; /* the path is absolute */
	int dir = base - image;
	bool in_boot = (size_t)dir >= strlen(boot) && !strncmp(base - strlen(boot), boot, strlen(boot));
	char *try[] = {
		xasprintf("%.*sconfig-%s", dir, image, release),                             /* /boot */
		in_boot ? xasprintf("%.*s../../../.config", dir, image) : NULL,              /* a build tree's bzImage */
		streq(base, "vmlinuz") ? xasprintf("%.*sconfig", dir, image) : NULL,         /* /usr/lib/modules/RELEASE */
		xasprintf("%.*s.config", dir, image),                                        /* a build tree's vmlinux */
	};
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(try); i++) {
		if (!found && try[i] && is_readable_file(try[i]))
			found = take(try[i]);
		free(try[i]);
	}
	return found;
}

void image_deinit(struct image *im)
{
	kt_closep(&im->fd);
	free(im->path);
	free(im->origin);
	*im = (struct image){ .fd = -1 };
}

/* A build tree stands for the image in it. */
static char *image_path(const char *path, bool *is_tree, struct kt_err *err)
{
	static const char *const in_tree[] = { "vmlinux", "arch/x86/boot/bzImage" };
	struct stat st;

	if (stat(path, &st)) {
		kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	*is_tree = S_ISDIR(st.st_mode);
	if (S_ISREG(st.st_mode))
		return xstrdup(path);
	for (size_t i = 0; *is_tree && i < ARRAY_SIZE(in_tree); i++) {
		_cleanup_free_ char *image = xasprintf("%s/%s", path, in_tree[i]);
		if (!access(image, F_OK))
			return take(image);
	}
	if (*is_tree)
		kt_fail(err, "'%s' is not the tree of a built kernel: it has neither %s nor %s", path, in_tree[0], in_tree[1]);
	else
		kt_fail(err, "'%s' is not a kernel: neither a file nor a directory", path);
	return NULL;
}

int image_open(const char *path, struct image *ret, struct kt_err *err)
{
	_cleanup_(image_deinit) struct image im = { .fd = -1 };
	char magic[4] = "";
	bool is_tree;
	_cleanup_free_ char *image = image_path(path, &is_tree, err), *full = NULL;

	if (!image)
		return -1;
	full = realpath(path, NULL);
	im.path = realpath(image, NULL);
	im.fd = open(image, O_RDONLY | O_CLOEXEC);
	if (!full || !im.path || im.fd < 0 || fstat(im.fd, &im.st) || pread(im.fd, magic, sizeof(magic), 0) < 0)
		return kt_fail(err, "cannot open '%s': %s", image, strerror(errno));
	im.elf = !memcmp(magic, "\177ELF", sizeof(magic));
	im.origin = xasprintf("%s:%s", is_tree ? "tree" : "file", full);
	*ret = im;
	im = (struct image){ .fd = -1 };
	return 0;
}

/* The facts of the vmlinux that is open as fd. config: NULL to look for it beside the image. */
static int examine_image(const struct image *im, int fd, const char *origin, char **config, struct kernel *ret, struct kt_err *err)
{
	struct vmlinux v;
	char added[sizeof("2026-11-24T02:16:00Z")];
	time_t now = time(NULL);

	if (vmlinux_probe(fd, im->path, &v, err))
		return -1;
	strftime(added, sizeof(added), "%FT%TZ", gmtime(&now));
	*ret = (struct kernel){
		.release = xstrdup(v.release), .origin = xstrdup(origin ? origin : im->origin), .added = xstrdup(added),
		.btf = v.btf, .sched_ext = v.sched_ext, .cgroup2 = v.cgroup2,
	};
	memcpy(ret->sha256, v.sha256, SHA256_HEX_SIZE);
	if (!*config)
		*config = find_config(im->path, ret->release);
	if (*config)
		read_config(*config, ret);
	return 0;
}

int image_examine(const struct image *im, struct kernel *ret, struct kt_err *err)
{
	_cleanup_free_ char *config = NULL;

	if (examine_image(im, im->fd, NULL, &config, ret, err))
		return -1;
	ret->vmlinux = xstrdup(im->path);
	return 0;
}

int kernel_usable(const struct kernel *k, const char *what, struct kt_err *err)
{
	if (!k->btf)
		return kt_fail_as(err, KT_CANNOT_TELL, "kernel %s ('%s') has no BTF: one built with CONFIG_DEBUG_INFO_BTF=y is needed",
				  k->release, what);
	if (k->cgroup2 == TRI_NO)
		return kt_fail_as(err, KT_CANNOT_TELL, "kernel %s ('%s') has no cgroup2: one built with CONFIG_CGROUPS=y is needed",
				  k->release, what);
	return 0;
}

/* The entry that holds the same vmlinux, or NULL. */
static char *find_same(char *const *names, const char *sha256)
{
	for (; *names; names++) {
		_cleanup_(kernel_deinit) struct kernel k = { 0 };
		if (!kernel_load_checked(*names, &k, NULL) && streq(k.sha256, sha256))
			return xstrdup(*names);
	}
	return NULL;
}

/* The release, or the first of RELEASE-2, RELEASE-3 ... that is free. The lock is held. */
static char *free_name(char *const *names, const char *release)
{
	for (int n = 1;; n++) {
		char *name = n == 1 ? xstrdup(release) : xasprintf("%s-%d", release, n);
		char *const *same = names;
		while (*same && !streq(*same, name))
			same++;
		if (!*same)
			return name;
		free(name);
	}
}

/* Fill the stage with all but the facts. */
static int fill_entry(const struct image *im, const char *stage, const char *origin, const char *config, struct kernel *ret,
		struct kt_err *err)
{
	_cleanup_free_ char *vmlinux = xasprintf("%s/vmlinux", stage), *bzimage = xasprintf("%s/bzImage", stage);
	_cleanup_free_ char *from = config ? xstrdup(config) : NULL, *to = xasprintf("%s/config", stage);
	char release[RELEASE_SIZE] = "";

	if (copy_file(im->fd, im->path, im->elf ? vmlinux : bzimage, err))
		return -1;
	_cleanup_close_ int fd = open(vmlinux, im->elf ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", vmlinux, strerror(errno));
	if (!im->elf && bzimage_extract(im->fd, im->path, fd, release, err))
		return -1;
	if (examine_image(im, fd, origin, &from, ret, err))
		return -1;
	if (release[0]) {
		free(ret->release);
		ret->release = xstrdup(release);
	}
	if (from) {
		_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
		if (in < 0)
			return kt_fail(err, "cannot open '%s': %s", from, strerror(errno));
		if (copy_file(in, from, to, err))
			return -1;
	}
	return kernel_usable(ret, im->path, err);
}

static void discardp(char **stage)
{
	if (*stage)
		cache_discard(*stage);
	free(*stage);
}

int image_add(const struct image *im, const char *origin, const char *config, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(kernel_deinit) struct kernel k = { 0 };
	_cleanup_free_ char *dir = cache_dir("kernels", err), *name = NULL;
	_cleanup_close_ int lock = dir ? cache_lock(dir, err) : -1;
	_cleanup_(discardp) char *stage = lock >= 0 ? cache_stage(dir, err) : NULL;
	bool filled = stage && !fill_entry(im, stage, origin, config, &k, err);
	_cleanup_(kernel_names_freep) char **names = filled ? kernel_names(err) : NULL;

	if (!names)
		return -1;
	name = find_same(names, k.sha256);
	if (!name) {
		_cleanup_json_ json_t *j = kernel_facts(&k);
		_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT), *path = xasprintf("%s/kernel.json", stage);
		name = free_name(names, k.release);
		if (cache_write(path, text, strlen(text), err) || cache_publish(stage, dir, name, err))
			return -1;
	}
	return kernel_load(name, ret, err);
}

int kernel_add(const char *path, const char *origin, const char *config, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(image_deinit) struct image im = { .fd = -1 };

	return image_open(path, &im, err) ? -1 : image_add(&im, origin, config, ret, err);
}

int kernel_clean(size_t keep, struct kt_err *err)
{
	_cleanup_free_ char *dir = cache_dir("kernels", err);
	_cleanup_close_ int lock = dir ? cache_lock(dir, err) : -1;
	_cleanup_(kernel_names_freep) char **names = lock >= 0 ? kernel_names(err) : NULL;

	if (!names)
		return -1;
	for (char **n = names; *n; n++) {
		_cleanup_(kernel_deinit) struct kernel k = { 0 };
		if (keep && !kernel_load_checked(*n, &k, NULL))
			keep--;
		else if (cache_remove(dir, *n, err))
			return -1;
	}
	kernel_forget();
	return 0;
}
