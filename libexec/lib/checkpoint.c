// SPDX-License-Identifier: GPL-2.0-only
/* The checkpoint cache: see checkpoint.h. */
#include "checkpoint.h"
#include "cache.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <xxhash.h>

enum { SAVE_LIMIT_S = 60 };

static void hex128(XXH128_hash_t h, char ret[33])
{
	snprintf(ret, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* Hash of a file's data: position and bytes of every part that is not a hole. */
static int hash_fd(int fd, char ret[33], struct kt_err *err)
{
	XXH3_state_t *state = XXH3_createState();
	off_t end = lseek(fd, 0, SEEK_END);
	char *map = end > 0 ? mmap(NULL, (size_t)end, PROT_READ, MAP_SHARED, fd, 0) : NULL;

	if (!state || end < 0 || map == MAP_FAILED) {
		XXH3_freeState(state);
		return kt_fail(err, "cannot read: %s", strerror(errno));
	}
	XXH3_128bits_reset(state);
	for (off_t at = 0; at < end;) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			break; /* ENXIO: the rest is a hole */
		off_t hole = lseek(fd, data, SEEK_HOLE);
		XXH3_128bits_update(state, &data, sizeof(data));
		XXH3_128bits_update(state, map + data, (size_t)(hole - data));
		at = hole;
	}
	hex128(XXH3_128bits_digest(state), ret);
	XXH3_freeState(state);
	if (map)
		munmap(map, (size_t)end);
	return 0;
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

/* What stays the same while nobody touches a file. After a crash of the host its data may not be what it was: boot id. */
static char *identity(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return xstrdup("");
	return xasprintf("%s %llu %llu %lld.%09ld %lld.%09ld", boot_id(), (unsigned long long)st.st_ino,
			 (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			 (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static char *file_name(int i) /* -1: state */
{
	return i < 0 ? xstrdup("state") : xasprintf("ram%d", i);
}

/* Everything the saved state depends on, as text. */
static int key_of(const struct vm_config *c, const char *kernel_hash, char ret[33], struct kt_err *err)
{
	_cleanup_close_ int image = open(c->initrd, O_RDONLY | O_CLOEXEC);
	struct vm_config named = *c;
	struct strv args = { 0 };
	char image_hash[33];

	if (image < 0)
		return kt_fail(err, "cannot open the guest image '%s': %s", c->initrd, strerror(errno));
	if (hash_fd(image, image_hash, err) < 0)
		return kt_context(err, "'%s'", c->initrd);
	/* Contents, not paths; QEMU by its version, which decides the machine it makes. */
	named.qemu = c->plan->qemu_version;
	named.vmlinux = kernel_hash;
	named.initrd = image_hash;
	vm_args(&named, VM_SAVE, &args);
	_cleanup_free_ char *text = strv_shell(&args);
	strv_deinit(&args);
	hex128(XXH3_128bits(text, strlen(text)), ret);
	return 0;
}

static void close_files(struct checkpoint *c)
{
	kt_closep(&c->state);
	c->state = -1;
	for (unsigned i = 0; i < c->nr_ram; i++) {
		kt_closep(&c->ram[i]);
		c->ram[i] = -1;
	}
}

static int write_meta(int dir, json_t *meta, struct kt_err *err)
{
	_cleanup_close_ int fd = openat(dir, "meta.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || json_dumpfd(meta, fd, JSON_INDENT(1)) < 0 || renameat(dir, "meta.json.new", dir, "meta.json") < 0)
		return kt_fail(err, "cannot write meta.json: %s", strerror(errno));
	return 0;
}

/* One file against what meta.json says of it; *changed when its identity had to be noted anew. */
static int check_file(int dir, int i, json_t *meta, int *fd, bool *changed, struct kt_err *err)
{
	_cleanup_free_ char *name = file_name(i);
	json_t *m = json_object_get(meta, name);
	const char *want_hash = json_string_value(json_object_get(m, "hash"));
	const char *want_id = json_string_value(json_object_get(m, "identity"));
	char hash[33];

	*fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return kt_fail(err, "%s: %s", name, strerror(errno));
	_cleanup_free_ char *id = identity(*fd);
	if (!want_hash || !want_id)
		return kt_fail(err, "meta.json does not know %s", name);
	if (streq(id, want_id))
		return 0;
	if (hash_fd(*fd, hash, err) < 0)
		return kt_context(err, "%s", name);
	if (!streq(hash, want_hash))
		return kt_fail(err, "%s is not what was saved", name);
	json_object_set_new(m, "identity", json_string(id));
	*changed = true;
	return 0;
}

/* Open a finished entry. 1: there is none; -1: there is one, and it is bad. */
static int open_entry(int root, struct checkpoint *c, struct kt_err *err)
{
	_cleanup_close_ int dir = openat(root, c->key, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool changed = false;

	if (dir < 0)
		return 1;
	_cleanup_close_ int fd = openat(dir, "meta.json", O_RDONLY | O_CLOEXEC);
	json_error_t e;
	json_auto_t *meta = fd < 0 ? NULL : json_loadfd(fd, 0, &e);
	if (!meta)
		return kt_fail(err, "meta.json is missing or damaged");
	for (int i = -1; i < (int)c->nr_ram; i++)
		if (check_file(dir, i, meta, i < 0 ? &c->state : &c->ram[i], &changed, err) < 0) {
			close_files(c);
			return -1;
		}
	if (changed)
		write_meta(dir, meta, NULL);
	futimens(dir, NULL); /* last used: now */
	return 0;
}

static void remove_tree(int root, const char *name)
{
	_cleanup_close_ int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));
	for (struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.')
			unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
	unlinkat(root, name, AT_REMOVEDIR);
}

/* Boot until the guest rings, then save. From `cont` to the ring nothing is sent (vm.h, THE RULE). */
static int boot_and_save(struct vm *vm, const struct checkpoint *c, int64_t boot_limit_ns, struct kt_err *err)
{
	int64_t soon = now_ns() + (int64_t)SAVE_LIMIT_S * NSEC_PER_SEC;

	if (vm_qmp_hello(vm, soon, err) < 0 ||
	    vm_qmp(vm, "cont", NULL, soon, err) < 0)
		return -1;
	if (vm_qmp_event(vm, "GUEST_PANICKED", now_ns() + boot_limit_ns, err) < 0)
		return kt_context(err, "the guest did not come up");
	soon = now_ns() + (int64_t)SAVE_LIMIT_S * NSEC_PER_SEC;
	if (vm_qmp_fd(vm, "getfd", KT_PACK("{ss}", "fdname", "state"), c->state, soon, err) < 0 ||
	    vm_qmp(vm, "migrate", KT_PACK("{ss}", "uri", "fd:state"), soon, err) < 0 ||
	    vm_qmp_event(vm, "MIGRATION:completed", soon, err) < 0)
		return kt_context(err, "cannot save the guest's state");
	return 0;
}

static int make_files(int dir, const struct vm_config *cfg, struct checkpoint *c, struct kt_err *err)
{
	for (int i = -1; i < (int)c->nr_ram; i++) {
		_cleanup_free_ char *name = file_name(i);
		int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		*(i < 0 ? &c->state : &c->ram[i]) = fd;
		if (fd < 0 || (i >= 0 && ftruncate(fd, (off_t)(cfg->plan->nodes[i].memory_mib << 20)) < 0))
			return kt_fail(err, "cannot make '%s' in the checkpoint cache: %s", name, strerror(errno));
	}
	return 0;
}

static int describe(int dir, const struct vm_config *cfg, const char *kernel_hash, const struct checkpoint *c,
		    struct kt_err *err)
{
	json_auto_t *meta = KT_PACK("{ss,ss,ss,ss}", "kind", "checkpoint", "topology", cfg->plan->name, "kernel",
				    kernel_hash, "qemu", cfg->plan->qemu_version);
	char hash[33];

	for (int i = -1; i < (int)c->nr_ram; i++) {
		int fd = i < 0 ? c->state : c->ram[i];
		_cleanup_free_ char *name = file_name(i), *id = NULL;

		if (hash_fd(fd, hash, err) < 0)
			return kt_context(err, "%s", name);
		id = identity(fd);
		json_object_set_new(meta, name, KT_PACK("{ss,ss}", "hash", hash, "identity", id));
	}
	return write_meta(dir, meta, err);
}

/* The guest's own last words, if it gave up before it was ready. */
static char *last_record(struct vm *vm)
{
	static char buf[65536];
	ssize_t n = vm->out < 0 ? -1 : read(vm->out, buf, sizeof(buf) - 1);

	return n > 0 ? strndup(buf, (size_t)n) : NULL;
}

static int build(int root, const struct vm_config *cfg, const char *kernel_hash, const struct checkpoint_opts *o,
		 struct vm *vm, struct checkpoint *c, struct kt_err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp", c->key);
	_cleanup_close_ int payload = memfd_create("payload", MFD_CLOEXEC);
	int64_t start = now_ns();
	struct strv args = { 0 };
	struct statvfs fs;

	remove_tree(root, tmp); /* of a build that was killed */
	if (payload < 0 || mkdirat(root, tmp, 0700) < 0)
		return kt_fail(err, "cannot make '%s' in the checkpoint cache: %s", tmp, strerror(errno));
	_cleanup_close_ int dir = openat(root, tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? kt_fail(err, "cannot open '%s' in the checkpoint cache: %s", tmp, strerror(errno)) : 0;

	vm_init(vm);
	vm->signals = o->signals;
	memcpy(vm->console_to, o->console_to, sizeof(vm->console_to));
	vm_args(cfg, VM_SAVE, &args);
	if (!r)
		r = make_files(dir, cfg, c, err);
	if (!r)
		r = vm_spawn(vm, &args, payload, -1, c->ram, c->nr_ram, err);
	if (!r)
		r = boot_and_save(vm, c, o->boot_limit_ns, err);
	strv_deinit(&args);
	vm_kill(vm);
	if (!r)
		r = describe(dir, cfg, kernel_hash, c, err);
	if (!r && renameat(root, tmp, root, c->key) < 0)
		r = kt_fail(err, "cannot finish the checkpoint: %s", strerror(errno));
	close_files(c); /* the caller opens them again, by the way every run takes */
	c->built = true;
	c->build_ns = now_ns() - start;
	if (!r) {
		vm_deinit(vm);
		return 0;
	}
	c->log = last_record(vm);
	if (dir >= 0 && !fstatvfs(dir, &fs) && fs.f_bavail < (256 << 20) / fs.f_frsize)
		kt_context(err, "the disk of the checkpoint cache is full");
	remove_tree(root, tmp);
	return -1;
}

int checkpoint_get(const struct vm_config *cfg, const char *kernel_hash, const struct checkpoint_opts *o, struct vm *vm,
		   struct checkpoint *c, struct kt_err *err)
{
	struct kt_err bad;

	*c = (struct checkpoint){ .state = -1, .nr_ram = cfg->plan->nr_nodes };
	for (unsigned i = 0; i < TOPO_MAX_NODES; i++)
		c->ram[i] = -1;
	_cleanup_free_ char *path = cache_dir("checkpoints", err);
	_cleanup_close_ int root = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (path && root < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	if (!path || key_of(cfg, kernel_hash, c->key, err) < 0)
		return -1;
	if (!open_entry(root, c, &bad))
		return 0;

	_cleanup_free_ char *lock_name = xasprintf("%s.lock", c->key);
	_cleanup_close_ int lock = openat(root, lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return kt_fail(err, "cannot lock '%s' in the checkpoint cache: %s", lock_name, strerror(errno));
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		kt_warn("another process is building this checkpoint: waiting for it");
		/* Nothing is running yet and nothing half done, so a signal may simply end the wait and the program. */
		sigset_t none, old;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, &old);
		int r = flock(lock, LOCK_EX);
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (r < 0)
			return kt_fail(err, "cannot lock '%s' in the checkpoint cache: %s", lock_name, strerror(errno));
	}
	switch (open_entry(root, c, &bad)) {
	case 0:
		return 0;
	case -1:
		kt_warn("checkpoint %s: %s: building it again", c->key, bad.msg);
		remove_tree(root, c->key);
	}
	if (build(root, cfg, kernel_hash, o, vm, c, err) < 0)
		return -1;
	if (open_entry(root, c, err))
		return kt_context(err, "checkpoint %s does not open after it was built", c->key);
	return 0;
}

void checkpoint_deinit(struct checkpoint *c)
{
	close_files(c);
	free(c->log);
	c->log = NULL;
}
