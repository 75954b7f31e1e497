// SPDX-License-Identifier: GPL-2.0-only
/* The schedulers under test, on the host's side: see sched.h. */
#include "libexec/boot/sched.h"
#include "libexec/boot/own-path.h"
#include "libexec/lib/cpio.h"
#include "libexec/lib/path.h"
#include "libexec/lib/strv.h"
#include "guest/sched/object.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sha2.h>
#include <sys/stat.h>

static bool is_program(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, 4) == 4 && (!memcmp(magic, "\177ELF", 4) || !memcmp(magic, "#!", 2));
}

/* Add dir/name to the places; true if it is there. */
static bool look_at(struct strv *places, const char *dir, size_t len, const char *name)
{
	struct stat st;

	strv_add(places, "%.*s%s%s", (int)len, dir, len ? "/" : "", name);
	return !stat(places->v[places->n - 1], &st) && S_ISREG(st.st_mode);
}

static bool look_in_path(struct strv *places, const char *path, const char *name)
{
	size_t n;

	for (const char *dir; (dir = path_next(&path, &n));)
		if (n && look_at(places, dir, n, name))
			return true;
	return false;
}

/* One of ktstr's own objects, by its bare name; NULL: there is none, or a file of that name comes before it. */
static char *own_object(const char *name)
{
	_cleanup_free_ char *dir = boot_own_path("../guest/bpf", "bpf"), *file = xasprintf("%s.bpf.o", name);
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);
	struct strv places = { 0 };
	bool other = look_in_path(&places, getenv("KTSTR_SCHEDULERS"), name);

	strv_deinit(&places);
	return other || access(path, R_OK) ? NULL : take(file);
}

/* A declaration by --scheduler: one of ktstr's, a BPF object by its name, a binary, or else a file of JSON. */
static json_t *declared(const char *arg, bool *from_file, struct kt_err *err)
{
	const char *slash = strrchr(arg, '/');
	size_t n = strlen(arg);

	*from_file = false;
	if (streq(arg, "none"))
		return json_string("none");
	if (n > 2 && streq(arg + n - 2, ".o"))
		return KT_PACK("{ss}", "bpf", arg);
	_cleanup_free_ char *own = slash || strchr(arg, '.') || is_program(arg) ? NULL : own_object(arg);
	if (own)
		return KT_PACK("{ss}", "bpf", own);
	if (is_program(arg) || !strchr(slash ? slash : arg, '.'))
		return KT_PACK("{ss}", "binary", arg);
	*from_file = true;
	return kt_json_load(arg, err);
}

void boot_override_scheduler(const char *arg, json_t *spec, struct spec_dirs *dirs)
{
	struct kt_err err;
	bool from_file;
	json_t *own = declared(arg, &from_file, &err);

	if (!own)
		die(err.code, "--scheduler: %s", err.msg);
	json_object_set_new(spec, "scheduler", own);
	free(dirs->scheduler);
	/* What the command line names itself is where the user is; what a file names is beside it. */
	_cleanup_free_ char *copy = xstrdup(arg);
	dirs->scheduler = xstrdup(from_file ? dirname(copy) : ".");
}

/* Where the object or binary is; the places that were looked at are in the error. */
static char *find_scheduler(const struct scheduler_def *def, const char *dir)
{
	_cleanup_free_ char *own = boot_own_path("../guest/bpf", "bpf");
	const char *name = def->path;
	struct strv places = { 0 };
	bool found;

	if (*name == '/')
		found = look_at(&places, "", 0, name);
	else if (look_at(&places, dir, strlen(dir), name))
		found = true;
	else if (strchr(name, '/'))
		found = false;
	else
		found = look_in_path(&places, getenv("KTSTR_SCHEDULERS"), name) || look_at(&places, own, strlen(own), name) ||
			(def->kind == SCHEDULER_BINARY && look_in_path(&places, getenv("PATH"), name));
	if (found) {
		char *path = realpath(places.v[places.n - 1], NULL);
		if (!path)
			die(KT_TROUBLE, "cannot find '%s': %s", places.v[places.n - 1], strerror(errno));
		strv_deinit(&places);
		return path;
	}
	_cleanup_free_ char *all = join_names((const char *const *)places.v);
	die(KT_TROUBLE, "cannot find the scheduler '%s'; looked for %s", def->name, all);
}

static void *read_file(const char *path, size_t *size)
{
	enum { MAX_FILE = 64 << 20 };
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	if (st.st_size > MAX_FILE)
		die(KT_USAGE, "'%s' has more than %d MiB", path, MAX_FILE >> 20);
	char *data = xcalloc((size_t)st.st_size + 1, 1);
	*size = fread(data, 1, (size_t)st.st_size, f);
	if (*size != (size_t)st.st_size)
		die(KT_TROUBLE, "cannot read '%s': %s", path, strerror(errno));
	return data;
}

/* A binary with its libraries, and the files it wants, which are found in its working directory. */
static void add_programs(struct boot_scheduler *s, struct closure *programs)
{
	const char *library_path = json_string_value(json_object_get(s->def->env, "LD_LIBRARY_PATH"));
	struct kt_err err;

	if (s->def->kind == SCHEDULER_BINARY && closure_add_program(programs, s->path, library_path, &s->in_guest, &err))
		die(KT_USAGE, "the scheduler '%s': %s", s->def->name, err.msg);
	for (size_t i = 0; i < json_array_size(s->def->files); i++)
		if (closure_add_file(programs, json_string_value(json_array_get(s->def->files, i)), &err))
			die(KT_USAGE, "the scheduler '%s': %s", s->def->name, err.msg);
}

static void add_scheduler(struct boot_schedulers *all, const struct scheduler_def *def, const char *dir, struct closure *programs)
{
	struct boot_scheduler *s = &all->v[all->n];

	if (def->kind == SCHEDULER_NONE)
		return;
	all->n++;
	s->def = def;
	if (def->kind != SCHEDULER_BUILTIN)
		s->path = find_scheduler(def, dir);
	if (def->kind == SCHEDULER_BPF)
		s->in_guest = xasprintf("%s.bpf.o", def->name);
	closure_rebase(programs, dir);
	add_programs(s, programs);
}

/* The newest kernel of the cache that will do; NULL: none. */
static char *kernel_with_sched_ext(void)
{
	struct kt_err err;
	char **names = kernel_names(&err), *ret = NULL;
	struct kernel k;

	for (char **name = names; name && *name && !ret; name++) {
		if (kernel_load(*name, &k, &err))
			continue;
		ret = k.sched_ext == TRI_YES ? xstrdup(*name) : NULL;
		kernel_deinit(&k);
	}
	kernel_names_free(names);
	return ret;
}

void boot_check_sched_ext(const struct spec *spec, const struct kernel *kernel)
{
	const struct scheduler_def *def = &spec->scheduler;

	for (size_t i = 0; i < spec->nr_staged && (def->kind == SCHEDULER_NONE || def->kind == SCHEDULER_BUILTIN); i++)
		def = &spec->staged[i];
	const struct batch *ext = spec_ext_batch(spec);
	bool by_scheduler = def->kind != SCHEDULER_NONE && def->kind != SCHEDULER_BUILTIN;

	if ((!by_scheduler && !ext) || kernel->sched_ext != TRI_NO)
		return;
	_cleanup_free_ char *who = by_scheduler ? xasprintf("the scheduler '%s'", def->name) :
		xasprintf("policy Ext of %s%s", ext->path, ext->group ? ".groups" : "");
	_cleanup_free_ char *other = kernel_with_sched_ext();
	_cleanup_free_ char *use = other ? xasprintf("use --kernel %s, or another that ", other) : xstrdup("one that has it is what ");
	die(KT_CANNOT_TELL, "kernel %s has no sched_ext (CONFIG_SCHED_CLASS_EXT), which %s needs: %s'ktstr kernel fetch' gets",
	    kernel->release, who, use);
}

struct boot_schedulers boot_find_schedulers(const struct spec *spec, const struct spec_dirs *dirs, struct closure *programs)
{
	struct boot_schedulers all = { .v = xcalloc(spec->nr_staged + 1, sizeof(*all.v)) };

	add_scheduler(&all, &spec->scheduler, dirs->scheduler, programs);
	for (size_t i = 0; i < spec->nr_staged; i++)
		add_scheduler(&all, &spec->staged[i], dirs->spec, programs);
	return all;
}

/*
 * What libbpf reads when an object has extern variables that are named after options of the kernel's configuration. Each byte that
 * the guest reads takes time there, so only objects with such variables get it: they have a section for them.
 */
static int add_kernel_config(const struct kernel *kernel, FILE *cpio, struct kt_err *err)
{
	_cleanup_free_ char *copy = xstrdup(kernel->vmlinux), *path = xasprintf("%s/config", dirname(copy));
	_cleanup_free_ char *name = xasprintf("boot/config-%s", kernel->release);
	size_t size;

	if (!kernel->name || access(path, R_OK))
		return 0; /* libbpf will complain, and the guest say what that means */
	_cleanup_free_ void *data = read_file(path, &size);
	return cpio_add(cpio, "boot", 040755, NULL, 0, err) || cpio_add(cpio, name, 0100644, data, size, err) ? -1 : 0;
}

static bool asks_for_config(const char *path)
{
	static const char section[] = ".kconfig";
	size_t size;
	_cleanup_free_ void *data = read_file(path, &size);

	return memmem(data, size, section, sizeof(section) - 1);
}

/* Put the flags of the profile into a declaration: the guest knows of none. */
static void apply_profile(const struct flags *f, uint32_t profile, json_t *own)
{
	json_t *args = json_copy(json_object_get(own, "args")), *options = json_copy(json_object_get(own, "options"));

	json_object_del(own, "flags");
	for (size_t i = 0; i < f->n; i++) {
		if (!(profile >> i & 1))
			continue;
		if (f->v[i].args)
			json_array_extend(args ? args : (args = json_array()), f->v[i].args);
		if (f->v[i].options)
			json_object_update(options ? options : (options = json_object()), f->v[i].options);
	}
	if (args)
		json_object_set_new(own, "args", args);
	if (options)
		json_object_set_new(own, "options", options);
}

static int pack_object(struct boot_scheduler *s, const json_t *options, FILE *cpio, struct kt_err *err)
{
	size_t size;

	if (object_check(s->path, options, err))
		return kt_context(err, "the scheduler '%s'", s->def->name);
	_cleanup_free_ void *data = read_file(s->path, &size);
	SHA256Data(data, size, s->sha256);
	_cleanup_free_ char *name = xasprintf("run/ktstr/%s", s->in_guest);
	return cpio_add(cpio, name, 0100644, data, size, err);
}

int boot_pack_schedulers(struct boot_schedulers *all, const struct spec *spec, uint32_t profile, const struct kernel *kernel,
			 json_t *guest_spec, FILE *cpio, struct kt_err *err)
{
	json_t *staged = json_object_get(guest_spec, "staged_schedulers");
	bool config = false;

	if (staged)
		json_object_set_new(guest_spec, "staged_schedulers", json_copy(staged)); /* the original is the report's */
	staged = json_object_get(guest_spec, "staged_schedulers");
	for (struct boot_scheduler *s = all->v; s < all->v + all->n; s++) {
		if (s->def->kind == SCHEDULER_BUILTIN)
			continue;
		config |= asks_for_config(s->path);
		json_t *own = json_copy(s->def->json);
		json_object_set_new(own, scheduler_kind_name(s->def->kind), json_string(s->in_guest));
		if (s->def == &spec->scheduler) {
			json_object_set_new(own, "name", json_string(s->def->name));
			apply_profile(&s->def->flags, profile, own);
			json_object_set_new(guest_spec, "scheduler", own);
		} else {
			json_object_set_new(staged, s->def->name, own);
		}
		/* A binary is among the programs. */
		if (s->def->kind == SCHEDULER_BPF && pack_object(s, json_object_get(own, "options"), cpio, err))
			return -1;
	}
	return config ? add_kernel_config(kernel, cpio, err) : 0;
}

void boot_list_objects(const struct boot_schedulers *all, json_t *files)
{
	for (const struct boot_scheduler *s = all->v; s < all->v + all->n; s++) {
		_cleanup_free_ char *path = xasprintf("/run/ktstr/%s", s->in_guest);

		if (s->def->kind == SCHEDULER_BPF)
			json_array_append_new(files, KT_PACK("{ss ss}", "path", path, "sha256", s->sha256));
	}
}
