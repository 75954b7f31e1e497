// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler under test, on the host's side: which one, where its file is, and what of it the guest gets. See boot.h.
 *
 * A path with a slash is relative to the file that says it, a spec or a scheduler's own. A name without is looked for
 * beside that file, in the directories of KTSTR_SCHEDULERS, among ktstr's own, and, a binary, in PATH.
 */
#include "libexec/boot/boot.h"
#include "libexec/lib/cpio.h"
#include "guest/sched/object.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sha2.h>
#include <sys/stat.h>

static char *dir_of(const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);

	return xstrdup(dirname(copy));
}

static bool is_program(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, 4) == 4 && (!memcmp(magic, "\177ELF", 4) || !memcmp(magic, "#!", 2));
}

/* Add dir/name to the places; true if it is there. */
static bool look(struct strv *places, const char *dir, size_t len, const char *name)
{
	struct stat st;

	strv_add(places, "%.*s%s%s", (int)len, dir, len ? "/" : "", name);
	return !stat(places->v[places->n - 1], &st) && S_ISREG(st.st_mode);
}

static bool look_in_path(struct strv *places, const char *path, const char *name)
{
	for (size_t n; path && *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if (n && look(places, path, n, name))
			return true;
	}
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

void boot_override_scheduler(struct boot *b, json_t *doc)
{
	struct kt_err err;
	bool from_file;

	b->spec_dir = b->base ? xstrdup(b->base) : dir_of(b->spec_path);
	b->scheduler_dir = xstrdup(b->spec_dir);
	if (!b->scheduler_arg)
		return;
	json_t *own = declared(b->scheduler_arg, &from_file, &err);
	if (!own)
		die(strncmp(err.msg, "cannot open", 11) ? KT_USAGE : KT_TROUBLE, "--scheduler: %s", err.msg);
	json_object_set_new(doc, "scheduler", own);
	free(b->scheduler_dir);
	/* What the command line names itself is where the user is; what a file names is beside it. */
	b->scheduler_dir = from_file ? dir_of(b->scheduler_arg) : xstrdup(".");
}

/* "a,b": the flags of these names. */
static uint32_t flags_of(const struct boot *b, const char *option, const char *names)
{
	const struct scheduler_def *def = &b->spec.scheduler;
	uint32_t all = 0;
	struct kt_err err;

	for (const char *p = names; p && def->kind != SCHEDULER_NONE;) {
		size_t n = strcspn(p, ",");
		_cleanup_free_ char *name = xasprintf("%.*s", (int)n, p);
		uint32_t flag = flags_find(&def->flags, name, &err);

		if (!flag)
			die(KT_USAGE, "%s: %s", option, err.msg);
		all |= flag;
		p = p[n] ? p + n + 1 : NULL;
	}
	return all;
}

static void add_wanted_flags(struct boot *b)
{
	struct flags_want *want = &b->spec.want;
	struct kt_err err;

	want->required |= flags_of(b, "--required-flags", b->required_arg);
	want->excluded |= flags_of(b, "--excluded-flags", b->excluded_arg);
	if (flags_settle(&b->spec.scheduler.flags, want, &err))
		die(KT_USAGE, "%s", err.msg);
}

void boot_choose_profile(struct boot *b)
{
	struct kt_err err;

	add_wanted_flags(b);
	b->profile = b->spec.want.required;
	if (b->profile_arg && flags_profile(&b->spec.scheduler.flags, &b->spec.want, b->profile_arg, &b->profile, &err))
		die(KT_USAGE, "--profile: %s", err.msg);
}

int boot_list_profiles(struct boot *b)
{
	json_auto_t *doc = boot_load_spec(b);
	uint32_t profiles[PROFILES_MAX];
	struct kt_errs errs = { 0 };
	struct kt_err err;

	if (spec_from_json(doc, b->spec_path, NULL, &b->spec, &errs) < 0) {
		kt_errs_print(&errs);
		return KT_USAGE;
	}
	add_wanted_flags(b);
	int n = flags_profiles(&b->spec.scheduler.flags, &b->spec.want, profiles, &err);
	if (n < 0)
		die(KT_USAGE, "%s", err.msg);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *name = flags_name(&b->spec.scheduler.flags, profiles[i]);
		puts(name);
	}
	return KT_OK;
}

/* Where the object or binary is; the places that were looked at are in the error. */
static char *find(const struct scheduler_def *def, const char *dir)
{
	_cleanup_free_ char *own = boot_own_path("../guest/bpf", "bpf");
	const char *name = def->path;
	struct strv places = { 0 };
	bool found;

	if (*name == '/')
		found = look(&places, "", 0, name);
	else if (look(&places, dir, strlen(dir), name))
		found = true;
	else if (strchr(name, '/'))
		found = false;
	else
		found = look_in_path(&places, getenv("KTSTR_SCHEDULERS"), name) || look(&places, own, strlen(own), name) ||
			(def->kind == SCHEDULER_BINARY && look_in_path(&places, getenv("PATH"), name));
	if (found) {
		char *path = realpath(places.v[places.n - 1], NULL);
		if (!path)
			die(KT_TROUBLE, "cannot find '%s': %s", places.v[places.n - 1], strerror(errno));
		strv_deinit(&places);
		return path;
	}
	_cleanup_free_ char *all = join_names((const char *const *)places.v);
	die(KT_TROUBLE, "the scheduler '%s' is not there; looked for %s", def->name, all);
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
static void add_programs(struct boot *b, struct boot_scheduler *s)
{
	const char *library_path = json_string_value(json_object_get(s->def->env, "LD_LIBRARY_PATH"));
	struct kt_err err;

	if (s->def->kind == SCHEDULER_BINARY && closure_add_program(&b->programs, s->path, library_path, &s->in_guest, &err))
		die(KT_USAGE, "the scheduler '%s': %s", s->def->name, err.msg);
	for (size_t i = 0; i < json_array_size(s->def->files); i++)
		if (closure_add_file(&b->programs, json_string_value(json_array_get(s->def->files, i)), &err))
			die(KT_USAGE, "the scheduler '%s': %s", s->def->name, err.msg);
}

static void load(struct boot *b, const struct scheduler_def *def, const char *dir)
{
	struct boot_scheduler *s = &b->schedulers[b->nr_schedulers];

	if (def->kind == SCHEDULER_NONE)
		return;
	b->nr_schedulers++;
	s->def = def;
	if (def->kind != SCHEDULER_BUILTIN)
		s->path = find(def, dir);
	if (def->kind == SCHEDULER_BPF)
		s->in_guest = xasprintf("%s.bpf.o", def->name);
	closure_rebase(&b->programs, dir);
	add_programs(b, s);
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

void boot_check_sched_ext(const struct boot *b)
{
	const struct scheduler_def *def = &b->spec.scheduler;

	for (size_t i = 0; i < b->spec.nr_staged && (def->kind == SCHEDULER_NONE || def->kind == SCHEDULER_BUILTIN); i++)
		def = &b->spec.staged[i];
	const struct batch *ext = spec_ext_batch(&b->spec);
	bool by_scheduler = def->kind != SCHEDULER_NONE && def->kind != SCHEDULER_BUILTIN;

	if ((!by_scheduler && !ext) || b->kernel.sched_ext != TRI_NO)
		return;
	_cleanup_free_ char *who = by_scheduler ? xasprintf("the scheduler '%s'", def->name) :
		xasprintf("policy Ext of %s%s", ext->path, ext->group ? ".groups" : "");
	_cleanup_free_ char *other = kernel_with_sched_ext();
	_cleanup_free_ char *use = other ? xasprintf("use --kernel %s, or another that ", other) : xstrdup("one that has it is what ");
	die(KT_CANNOT_TELL, "kernel %s has no sched_ext (CONFIG_SCHED_CLASS_EXT), which %s needs: %s'ktstr kernel fetch' gets",
	    b->kernel.release, who, use);
}

void boot_load_schedulers(struct boot *b)
{
	b->schedulers = xcalloc(b->spec.nr_staged + 1, sizeof(*b->schedulers));
	load(b, &b->spec.scheduler, b->scheduler_dir);
	for (size_t i = 0; i < b->spec.nr_staged; i++)
		load(b, &b->spec.staged[i], b->spec_dir);
}

/*
 * What libbpf reads when an object has extern variables called by options of the kernel's configuration. Each byte that the
 * guest reads takes time there: only those who ask get it, who are known by the name of the section of such variables.
 */
static int add_kernel_config(const struct boot *b, FILE *f, struct kt_err *err)
{
	_cleanup_free_ char *copy = xstrdup(b->kernel.vmlinux), *path = xasprintf("%s/config", dirname(copy));
	_cleanup_free_ char *name = xasprintf("boot/config-%s", b->kernel.release);
	size_t size;

	if (!b->kernel.name || access(path, R_OK))
		return 0; /* libbpf will complain, and the guest say what that means */
	_cleanup_free_ void *data = read_file(path, &size);
	return cpio_add(f, "boot", 040755, NULL, 0, err) || cpio_add(f, name, 0100644, data, size, err) ? -1 : 0;
}

static bool asks_for_config(const char *path)
{
	static const char section[] = ".kconfig";
	size_t size;
	_cleanup_free_ void *data = read_file(path, &size);

	return memmem(data, size, section, sizeof(section) - 1);
}

/* Put the flags of the profile into a declaration: the guest knows of none. */
static void apply_profile(const struct boot *b, json_t *own)
{
	const struct flags *f = &b->spec.scheduler.flags;
	json_t *args = json_copy(json_object_get(own, "args")), *options = json_copy(json_object_get(own, "options"));

	json_object_del(own, "flags");
	for (size_t i = 0; i < f->n; i++) {
		if (!(b->profile >> i & 1))
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

int boot_payload_schedulers(struct boot *b, json_t *spec, FILE *f, struct kt_err *err)
{
	json_t *staged = json_object_get(spec, "staged_schedulers");
	bool config = false;

	if (staged)
		json_object_set_new(spec, "staged_schedulers", json_copy(staged)); /* the original is the report's */
	staged = json_object_get(spec, "staged_schedulers");
	for (struct boot_scheduler *s = b->schedulers; s < b->schedulers + b->nr_schedulers; s++) {
		size_t size;

		if (s->def->kind == SCHEDULER_BUILTIN)
			continue;
		config |= asks_for_config(s->path);
		json_t *own = json_copy(s->def->json);
		json_object_set_new(own, scheduler_kind_name(s->def->kind), json_string(s->in_guest));
		if (s->def == &b->spec.scheduler) {
			json_object_set_new(own, "name", json_string(s->def->name));
			apply_profile(b, own);
			json_object_set_new(spec, "scheduler", own);
		} else {
			json_object_set_new(staged, s->def->name, own);
		}
		if (s->def->kind == SCHEDULER_BINARY)
			continue; /* among the programs */
		if (object_check(s->path, json_object_get(own, "options"), err))
			return kt_context(err, "the scheduler '%s'", s->def->name);
		_cleanup_free_ void *data = read_file(s->path, &size);
		SHA256Data(data, size, s->sha256);
		_cleanup_free_ char *name = xasprintf("run/ktstr/%s", s->in_guest);
		if (cpio_add(f, name, 0100644, data, size, err))
			return -1;
	}
	return config ? add_kernel_config(b, f, err) : 0;
}

json_t *boot_programs(const struct boot *b)
{
	json_auto_t *all = closure_to_json(&b->programs);

	for (const struct boot_scheduler *s = b->schedulers; s < b->schedulers + b->nr_schedulers; s++) {
		_cleanup_free_ char *path = xasprintf("/run/ktstr/%s", s->in_guest);

		if (s->def->kind == SCHEDULER_BPF)
			json_array_append_new(all, KT_PACK("{ss ss}", "path", path, "sha256", s->sha256));
	}
	return json_array_size(all) ? json_incref(all) : NULL;
}
