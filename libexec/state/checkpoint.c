// SPDX-License-Identifier: GPL-2.0-only
/* Finding a checkpoint, and building one: see checkpoint.h. */
#include "libexec/lib/cache.h"
#include "libexec/state/changes.h"
#include "libexec/state/entry.h"
#include "libexec/state/saved-clock.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SAVE_LIMIT_S = 60 };

/* Goes with every key: of another version of what is saved, nothing is found. */
#define FORMAT "5"

void checkpoint_init(struct checkpoint *c, unsigned nr_ram)
{
	*c = (struct checkpoint){ .state = -1, .nr_ram = nr_ram };
	for (unsigned i = 0; i < TOPO_MAX_NODES; i++)
		c->ram[i] = -1;
}

static void close_files(struct checkpoint *c)
{
	kt_closep(&c->state);
	c->state = -1;
	for (unsigned i = 0; i < TOPO_MAX_NODES; i++) {
		kt_closep(&c->ram[i]);
		c->ram[i] = -1;
	}
}

void checkpoint_deinit(struct checkpoint *c)
{
	close_files(c);
	free(c->log);
	c->log = NULL;
	json_decref(c->said);
	c->said = NULL;
}

/* Everything the saved state depends on, as text: contents in place of paths. */
static int key_of(const struct vm_config *c, const struct checkpoint_opts *o, char ret[SHA256_HEX_SIZE], struct kt_err *err)
{
	_cleanup_close_ int image = open(c->initrd, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *qemu = vm_qemu_identity(c);
	struct vm_config named = *c;
	struct strv args = { 0 };
	char image_hash[SHA256_HEX_SIZE], turns_hash[SHA256_HEX_SIZE];

	if (image < 0)
		return kt_fail(err, "cannot open the guest image '%s': %s", c->initrd, strerror(errno));
	if (digest_known_file(image, image_hash, err) < 0)
		return kt_context(err, "cannot read the guest image '%s'", c->initrd);
	named.qemu = qemu;
	named.vmlinux = o->kernel_sha256;
	named.initrd = image_hash;
	strv_add(&args, "%s", FORMAT);
	if (c->virtual_clock) {
		if (digest_known_file(c->turns, turns_hash, err) < 0)
			return kt_context(err, "cannot read ktstr-turns.so");
		strv_add(&args, "%s", turns_hash);
		strv_add(&args, "shift %u", c->icount_shift);
	}
	vm_args(&named, VM_BOOT, &args);
	_cleanup_free_ char *text = strv_shell(&args);
	strv_deinit(&args);
	digest_text(text, ret);
	return 0;
}

static json_t *facts(const struct vm_config *c, const struct checkpoint_opts *o, const char *key)
{
	char created[sizeof("2026-11-24T02:16:00Z")];
	_cleanup_free_ char *program = vm_find_qemu(c);
	uint64_t memory = 0;
	time_t now = time(NULL);

	strftime(created, sizeof(created), "%FT%TZ", gmtime(&now));
	for (unsigned i = 0; i < c->plan->nr_nodes; i++)
		memory += c->plan->nodes[i].memory_mib;
	return KT_PACK("{ss,ss,ss,si,sI,s{ss,ss},s{ss,ss},ss,ss,si,ss}", "kind", "checkpoint", "key", key, "topology", c->plan->name,
		       "cpus", (int)c->plan->nr_cpus, "memory_mib", (json_int_t)memory, "kernel", "release", o->kernel_release, "sha256",
		       o->kernel_sha256, "qemu", "program", program, "version", c->plan->qemu_version,
		       "accel", c->accel == VM_KVM ? "kvm" : "tcg", "clock", c->virtual_clock ? "virtual" : "real",
		       "ns_per_insn", 1 << c->icount_shift, "created", created);
}

static int memory_file(const char *name, uint64_t size)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);

	return fd < 0 || ftruncate(fd, (off_t)size) < 0 ? -1 : take_fd(fd);
}

/* QEMU opens the memory for writing even where it never writes: where that cannot be, give it a copy. */
static int make_ram_writable(struct checkpoint *c, struct kt_err *err)
{
	for (unsigned i = 0; i < c->nr_ram; i++) {
		_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", c->ram[i]);
		_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
		char hash[HASH_HEX_SIZE];

		if (fd >= 0 || (errno != EROFS && errno != EACCES))
			continue; /* other trouble is QEMU's to report */
		_cleanup_close_ int copy = memory_file("ram", 0);
		if (copy < 0 || hash_file(c->ram[i], copy, hash, err) < 0)
			return kt_fail(err, "cannot copy the checkpoint's memory: %s", strerror(errno));
		close(c->ram[i]);
		c->ram[i] = take_fd(copy);
	}
	return 0;
}

static int open_saved(const char *saved, struct checkpoint *c, struct kt_err *err)
{
	unsigned nr_ram = c->nr_ram;
	int r = entry_open(saved, c->key, false, c, NULL, err);

	if (!r && c->nr_ram != nr_ram) {
		close_files(c);
		r = kt_fail(err, "it has %u memory files, and the plan has %u nodes", c->nr_ram, nr_ram);
	}
	c->nr_ram = nr_ram;
	if (!r)
		utimensat(AT_FDCWD, saved, NULL, 0); /* last used: now */
	return r;
}

/* Boot until the guest rings, then save. From `cont` until it has rung nothing is sent (vm.h, THE RULE). */
static int boot_and_save(struct vm *vm, const struct vm_config *cfg, const struct checkpoint *c, int64_t boot_limit_ns,
			 struct kt_err *err)
{
	int64_t soon = kt_now_ns() + (int64_t)SAVE_LIMIT_S * NSEC_PER_SEC;

	if (vm_qmp_hello(vm, cfg->plan->qemu_version, soon, err) < 0 || vm_qmp_cont(vm, soon, err) < 0)
		return -1;
	if (vm_qmp_event(vm, "GUEST_PANICKED", kt_now_ns() + boot_limit_ns, err) < 0)
		return kt_context(err, "the guest did not come up");
	return vm_save(vm, c->state, kt_now_ns() + (int64_t)SAVE_LIMIT_S * NSEC_PER_SEC, err);
}

/*
 * QEMU writes to memory, not to the disk: a disk that is full would kill it (SIGBUS), and an error met while the files are
 * written here has a name.
 */
static int make_files(const struct vm_config *cfg, struct checkpoint *c, struct kt_err *err)
{
	c->state = memory_file("state", 0);
	bool ok = c->state >= 0;

	for (unsigned i = 0; ok && i < c->nr_ram; i++) {
		c->ram[i] = memory_file("ram", cfg->plan->nodes[i].memory_mib << 20);
		ok = c->ram[i] >= 0;
	}
	return ok ? 0 : kt_fail(err, "cannot make the guest's memory: %s", strerror(errno));
}

static int run_to_checkpoint(const struct vm_config *cfg, const struct checkpoint_opts *o, struct vm *vm, struct checkpoint *c,
			     struct kt_err *err)
{
	_cleanup_close_ int payload = memory_file("payload", 0);
	struct strv args = { 0 };

	vm_init(vm);
	vm->turns = cfg->virtual_clock ? cfg->turns : -1;
	vm->ns_per_insn = 1U << vm_shift(cfg, VM_BOOT);
	vm->signals = o->signals;
	memcpy(vm->console_to, o->console_to, sizeof(vm->console_to));
	if (payload < 0)
		return kt_fail(err, "cannot make a payload: %s", strerror(errno));
	vm_args(cfg, VM_BOOT, &args);
	int r = make_files(cfg, c, err);
	if (!r)
		r = vm_spawn(vm, &args, payload, -1, c->ram, c->nr_ram, err);
	if (!r)
		r = boot_and_save(vm, cfg, c, o->boot_limit_ns, err);
	if (!r && cfg->virtual_clock)
		r = saved_clock_rescale(c->state, vm_shift(cfg, VM_BOOT), cfg->icount_shift, err);
	strv_deinit(&args);
	vm_kill(vm);
	return r;
}

/* The guest's own last words, if it gave up before it was ready. */
static char *last_record(struct vm *vm)
{
	static char buf[65536];
	ssize_t n = vm->out < 0 ? -1 : read(vm->out, buf, sizeof(buf) - 1);

	return n > 0 ? strndup(buf, (size_t)n) : NULL;
}

/* How a checkpoint that is not there comes about. */
struct source {
	const struct vm_config *cfg;
	const struct checkpoint_opts *o;
	struct vm *vm;                    /* a booted machine's */
	const struct checkpoint *booted;  /* NULL: it is one */
	const struct checkpoint_setup *setup;
};

static int run_to_booted(const struct source *s, struct checkpoint *c, struct kt_err *err)
{
	int r = run_to_checkpoint(s->cfg, s->o, s->vm, c, err);

	if (r < 0)
		c->log = last_record(s->vm);
	else
		vm_deinit(s->vm);
	return r;
}

/* With the lock of dir held. The stage comes first: a cache that cannot be written to is not worth a boot. */
static int build(const char *dir, const struct source *s, struct checkpoint *c, struct kt_err *err)
{
	_cleanup_free_ char *stage = cache_stage(dir, err);
	json_auto_t *about = facts(s->cfg, s->o, c->key);
	struct kt_err ignored;

	if (!stage)
		return -1;
	if (s->booted)
		json_object_update_new(about, KT_PACK("{ss,ss}", "spec", s->setup->spec, "of", s->booted->key));
	int r = s->booted ? s->setup->run(s->setup->ctx, c, err) : run_to_booted(s, c, err);
	if (!r)
		r = entry_write(stage, c, about, err);
	if (!r)
		r = cache_publish(stage, dir, "saved", err);
	close_files(c); /* the caller opens them again, by the way every run takes */
	if (r) {
		cache_discard(stage);
		return r;
	}
	if (checkpoint_evict(s->o->cache_limit, (const char *[]){ c->key, s->booted ? s->booted->key : NULL }, &ignored) < 0)
		kt_warn("%s", ignored.msg);
	return 0;
}

/* Nothing usable was found: look again with the lock held, and build. */
static int make_checkpoint(const char *dir, const char *saved, const struct source *s, struct checkpoint *c, struct kt_err *err)
{
	struct cache_wait wait = {
		.say = "another process is building this checkpoint: waiting for it", .signals = s->o->signals,
		.timeout_ns = MAX(0, s->o->deadline_ns - kt_now_ns()),
	};
	_cleanup_free_ char *all = cache_dir("checkpoints", err);
	_cleanup_close_ int lock = all ? cache_lock_watched(dir, &wait, err) : -1;
	struct kt_err bad;

	if (lock < 0)
		return -1;
	switch (open_saved(saved, c, &bad)) {
	case 0:
		return 0;
	case -1:
		kt_warn("checkpoint %s: %s: building it again", c->key, bad.msg);
		if (cache_remove(dir, "saved", err) < 0)
			return -1;
	}
	c->built = true;
	int r = build(dir, s, c, err);
	if (r) {
		cache_drop(dir);
		return r;
	}
	json_decref(c->said);
	c->said = NULL;
	if (open_saved(saved, c, err))
		return kt_context(err, "checkpoint %s does not open after it was built", c->key);
	return 0;
}

/* By its key. */
static int get_checkpoint(const struct source *s, struct checkpoint *c, struct kt_err *err)
{
	int64_t start = kt_now_ns();
	_cleanup_free_ char *sub = xasprintf("checkpoints/%s", c->key), *dir = cache_path(sub, err);
	_cleanup_free_ char *saved = xasprintf("%s/saved", dir ? dir : ""), *all = cache_path("checkpoints", err);

	if (!dir)
		return -1;
	int r = open_saved(saved, c, NULL);
	c->find_ns = kt_now_ns() - start;
	if (!r)
		return 0;
	/* A cache that cannot be written to serves what is in it: this state serves this run. */
	c->built = s->booted && access(all, W_OK);
	r = c->built ? s->setup->run(s->setup->ctx, c, err) : make_checkpoint(dir, saved, s, c, err);
	*(c->built ? &c->build_ns : &c->find_ns) = kt_now_ns() - start;
	return r;
}

int checkpoint_get(const struct vm_config *cfg, const struct checkpoint_opts *o, struct vm *vm, struct checkpoint *c,
		   struct kt_err *err)
{
	struct source s = { .cfg = cfg, .o = o, .vm = vm };

	checkpoint_init(c, cfg->plan->nr_nodes);
	return key_of(cfg, o, c->key, err) < 0 || get_checkpoint(&s, c, err) < 0 ? -1 : make_ram_writable(c, err);
}

int checkpoint_set_up(const struct vm_config *cfg, const struct checkpoint_opts *o, const struct checkpoint *booted,
		      const struct checkpoint_setup *setup, struct checkpoint *c, struct kt_err *err)
{
	struct source s = { .cfg = cfg, .o = o, .booted = booted, .setup = setup };
	_cleanup_close_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char program[SHA256_HEX_SIZE];

	checkpoint_init(c, cfg->plan->nr_nodes);
	/* What the guest said is kept as this program made records of it, and what it asked for as this program did it. */
	if (digest_known_file(self, program, err) < 0)
		return kt_context(err, "cannot read this program");
	_cleanup_free_ char *text = xasprintf("%s %s %s %s %s", FORMAT, program, booted->key, booted->contents,
					      setup->payload_sha256);
	digest_text(text, c->key);
	return get_checkpoint(&s, c, err);
}

int checkpoint_take(struct checkpoint *c, const struct checkpoint *booted, const struct topo *plan, struct vm *vm, int64_t deadline_ns,
		    struct kt_err *err)
{
	struct guestmem m;

	c->state = memory_file("state", 0);
	if (c->state < 0)
		return kt_fail(err, "cannot keep the guest's state: %s", strerror(errno));
	if (vm_save(vm, c->state, deadline_ns, err) || guestmem_open(&m, vm->pid, plan, booted->ram, err))
		return -1;
	for (unsigned i = 0; i < c->nr_ram; i++) {
		c->ram[i] = memory_file("changes", 0);
		if (c->ram[i] < 0)
			return kt_fail(err, "cannot keep the guest's memory: %s", strerror(errno));
		if (changes_write(&m, i, c->ram[i], err))
			return -1;
	}
	return lseek(c->state, 0, SEEK_SET) < 0 ? kt_fail(err, "%s", strerror(errno)) : 0;
}

int checkpoint_apply(const struct checkpoint *ready, const struct checkpoint *booted, const struct topo *plan, pid_t qemu,
		     struct kt_err *err)
{
	struct guestmem m;

	if (guestmem_open(&m, qemu, plan, booted->ram, err))
		return -1;
	for (unsigned i = 0; i < ready->nr_ram; i++)
		if (changes_apply(ready->ram[i], &m, i, err))
			return kt_context(err, "checkpoint %s: ram%u", ready->key, i);
	return 0;
}
