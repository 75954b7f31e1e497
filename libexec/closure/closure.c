// SPDX-License-Identifier: GPL-2.0-only
/* Programs with all they need: see closure.h. */
#include "libexec/closure/libs.h"
#include "libexec/lib/cpio.h"
#include "libexec/lib/path.h"
#include "libexec/spec/program.h"
#include <dirent.h>
#include <fcntl.h>
#include <sha2.h>
#include <sys/stat.h>

/* The kernel follows as many #! lines. */
enum { MAX_SCRIPTS = 5, MAX_FILES = 10000, MAX_DEPTH = 32, MAX_SHEBANG = 256 };

struct closure closure_init(const char *base)
{
	char *real = realpath(base, NULL);

	return (struct closure){ .base = real ? real : xstrdup(base) };
}

void closure_rebase(struct closure *c, const char *base)
{
	struct closure other = closure_init(base);

	free(c->base);
	c->base = other.base;
}

void closure_deinit(struct closure *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->files[i].guest);
		free(c->files[i].host);
		free(c->files[i].target);
	}
	free(c->files);
	free(c->base);
	free(c->std_dir);
	*c = (struct closure){ 0 };
}

char *closure_normal(const char *path)
{
	static const char *const merged[] = { "/bin", "/sbin", "/lib", "/lib64" };
	char *out = xcalloc(strlen(path) + 8, 1);
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2)) {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && *p == '.')) {
			out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p += len + (p[len] == '/');
	}
	out[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(merged); i++) {
		size_t len = strlen(merged[i]);

		if (!strncmp(out, merged[i], len) && (out[len] == '/' || !out[len])) {
			memmove(out + 4, out, n + 1);
			memcpy(out, "/usr", 4);
			break;
		}
	}
	return out;
}

char *closure_guest_path(const struct closure *c, const char *real)
{
	size_t n = strlen(c->base);

	if (n > 1 && !strncmp(real, c->base, n) && real[n] == '/') {
		_cleanup_free_ char *moved = xasprintf("%s%s", CLOSURE_BASE, real + n);
		return closure_normal(moved);
	}
	return closure_normal(real);
}

static const struct closure_file *find_file(const struct closure *c, const char *guest)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->files[i].guest, guest))
			return &c->files[i];
	return NULL;
}

/* Add one entry, a file or a link; the same twice is one. Takes guest. */
static int add_entry(struct closure *c, char *guest, const char *host, const char *target, unsigned mode,
		     struct kt_err *err)
{
	const struct closure_file *old = find_file(c, guest);
	bool same = old && !!old->host == !!host && streq(host ? old->host : old->target, host ? host : target);

	if (old) {
		if (!same)
			kt_fail(err, "both '%s' and '%s' would be '%s' in the guest", old->host ? old->host : old->target,
				host ? host : target, guest);
		free(guest);
		return same ? 0 : -1;
	}
	if (c->n == MAX_FILES) {
		free(guest);
		return kt_fail(err, "more than %d files", MAX_FILES);
	}
	c->files = xrealloc(c->files, c->n + 1, sizeof(*c->files));
	c->files[c->n++] = (struct closure_file){ .guest = guest, .host = host ? xstrdup(host) : NULL,
		.target = target ? xstrdup(target) : NULL, .mode = mode };
	return 0;
}

int closure_place(struct closure *c, const char *host, const char *named, char **real_ret, struct kt_err *err)
{
	_cleanup_free_ char *real = realpath(host, NULL);
	_cleanup_free_ char *name = closure_normal(named);
	struct stat st;

	if (!real || stat(real, &st))
		return kt_fail(err, "cannot find '%s': %s", host, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return kt_fail(err, "'%s' is not a file", host);
	if (access(real, R_OK))
		return kt_fail(err, "cannot read '%s': %s", host, strerror(errno));
	_cleanup_free_ char *place = closure_guest_path(c, real);
	if (!streq(place, name) && add_entry(c, xstrdup(name), NULL, place, 0777, err))
		return -1;
	if (add_entry(c, xstrdup(place), real, NULL, st.st_mode & 07777, err))
		return -1;
	if (real_ret)
		*real_ret = take(real);
	return 0;
}

static int add_executable(struct closure *c, const char *host, const char *named, const char *library_path, int depth,
			  struct kt_err *err);

static int add_by_name(struct closure *c, const char *name, const char *library_path, int depth, char **guest,
		       struct kt_err *err)
{
	static const char places[] = ":" PROGRAM_PATH ":";
	const char *path = getenv("PATH") ? getenv("PATH") : PROGRAM_PATH;
	_cleanup_free_ char *host = path_find(path, name);

	if (!host)
		return kt_fail(err, "program '%s' is not in PATH (%s)", name, path);
	if (add_executable(c, host, host, library_path, depth, err))
		return -1;
	_cleanup_free_ char *dir = closure_dir_of(host);
	_cleanup_free_ char *word = xasprintf(":%s:", dir);
	if (!strstr(places, word)) {
		_cleanup_free_ char *link = xasprintf("/usr/bin/%s", name);
		if (closure_place(c, host, link, NULL, err))
			return -1;
	}
	if (guest)
		*guest = closure_normal(host);
	return 0;
}

/* What the first line of a script names: the interpreter; and, when that is env, the program that it is told to find. */
static int add_interpreter(struct closure *c, const char *host, char *line, const char *library_path, int depth,
			   struct kt_err *err)
{
	char *save = NULL, *interp = strtok_r(line + 2, " \t", &save), *arg = strtok_r(NULL, " \t", &save);

	if (!interp || *interp != '/')
		return kt_fail(err, "'%s' has no interpreter behind its #!", host);
	if (depth == MAX_SCRIPTS)
		return kt_fail(err, "'%s': more than %d scripts interpret each other", host, MAX_SCRIPTS);
	if (add_executable(c, interp, interp, library_path, depth + 1, err))
		return kt_context(err, "the interpreter of '%s'", host);
	if (!streq(basename(interp), "env"))
		return 0;
	while (arg && (*arg == '-' || strchr(arg, '=')))
		arg = strtok_r(NULL, " \t", &save);
	if (!arg)
		return 0;
	return add_by_name(c, arg, library_path, depth + 1, NULL, err) ? kt_context(err, "the interpreter of '%s'", host) : 0;
}

/* The first line of a script, without its end; "" when it is none. */
static int first_line(const char *path, char line[MAX_SHEBANG], struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, MAX_SHEBANG - 1);

	if (n < 0)
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	line[n] = '\0';
	line[strncmp(line, "#!", 2) ? 0 : strcspn(line, "\n")] = '\0';
	return 0;
}

static int add_executable(struct closure *c, const char *host, const char *named, const char *library_path, int depth,
			  struct kt_err *err)
{
	_cleanup_free_ char *real = NULL;
	char line[MAX_SHEBANG];
	struct dynamic d;

	if (access(host, F_OK))
		return kt_fail(err, "cannot find '%s': %s", host, strerror(errno));
	if (closure_place(c, host, named, &real, err))
		return -1;
	if (access(real, X_OK))
		return kt_fail(err, "'%s' is not executable", host);
	if (first_line(real, line, err))
		return -1;
	if (*line)
		return add_interpreter(c, host, line, library_path, depth, err);
	if (dynamic_read(real, &d, err))
		return -1;
	if (d.kind != DYNAMIC_OURS) {
		dynamic_deinit(&d);
		return kt_fail(err, "'%s' is not a program of this machine: neither ELF for x86-64 nor a script with #!", host);
	}
	/* The kernel resolves links before ld.so asks where the program is: its $ORIGIN is the real one. */
	return closure_add_libraries(c, real, d, library_path, err);
}

/* Where a path of the spec is here, and its name in the guest. */
static int resolve_links(const struct closure *c, const char *path, char **host, char **named, struct kt_err *err)
{
	if (*path == '/') {
		*host = xstrdup(path);
		*named = xstrdup(path);
		return 0;
	}
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return kt_fail(err, "'%s' leaves the directory of the spec: give it as an absolute path", path);
	*host = xasprintf("%s/%s", c->base, path);
	*named = xasprintf("%s/%s", CLOSURE_BASE, path);
	return 0;
}

int closure_add_program(struct closure *c, const char *program, const char *library_path, char **guest,
			struct kt_err *err)
{
	_cleanup_free_ char *host = NULL, *named = NULL;

	if (!strchr(program, '/'))
		return add_by_name(c, program, library_path, 0, guest, err);
	if (resolve_links(c, program, &host, &named, err) || add_executable(c, host, named, library_path, 0, err))
		return -1;
	if (guest)
		*guest = closure_normal(named);
	return 0;
}

static int add_any(struct closure *c, const char *host, const char *named, int depth, struct kt_err *err)
{
	_cleanup_free_ char *real = NULL;
	struct dynamic d;
	struct stat st;
	DIR *dir;
	int ret = 0;

	if (stat(host, &st))
		return kt_fail(err, "cannot find '%s': %s", host, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		if (closure_place(c, host, named, &real, err) || dynamic_read(real, &d, err))
			return -1;
		if (d.kind == DYNAMIC_OURS)
			return closure_add_libraries(c, real, d, NULL, err);
		dynamic_deinit(&d);
		return streq(named, "/etc/nsswitch.conf") ? closure_add_name_services(c, real, err) : 0;
	}
	if (depth == MAX_DEPTH)
		return kt_fail(err, "'%s' is more than %d directories deep", host, MAX_DEPTH);
	dir = opendir(host);
	if (!dir)
		return kt_fail(err, "cannot read '%s': %s", host, strerror(errno));
	for (struct dirent *e; !ret && (e = readdir(dir));) {
		_cleanup_free_ char *below = xasprintf("%s/%s", host, e->d_name);
		_cleanup_free_ char *name = xasprintf("%s/%s", named, e->d_name);

		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			ret = add_any(c, below, name, depth + 1, err);
	}
	closedir(dir);
	return ret;
}

int closure_add_file(struct closure *c, const char *path, struct kt_err *err)
{
	_cleanup_free_ char *host = NULL, *named = NULL;

	return resolve_links(c, path, &host, &named, err) ? -1 : add_any(c, host, named, 0, err);
}

static int by_guest(const void *a, const void *b)
{
	return strcmp(((const struct closure_file *)a)->guest, ((const struct closure_file *)b)->guest);
}

/* The directories of path that the one before it, sorted, has not brought along. */
static int pack_dirs(FILE *cpio, const char *path, const char *before, struct kt_err *err)
{
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		size_t n = (size_t)(p - path);

		if (!strncmp(before, path, n) && before[n] == '/')
			continue;
		_cleanup_free_ char *dir = xasprintf("%.*s", (int)n - 1, path + 1);
		if (cpio_add(cpio, dir, 0040755, NULL, 0, err))
			return -1;
	}
	return 0;
}

static int pack_file(FILE *cpio, struct closure_file *f, struct kt_err *err)
{
	_cleanup_fclose_ FILE *in = fopen(f->host, "re");
	_cleanup_free_ char *data = NULL;
	struct stat st;

	if (!in || fstat(fileno(in), &st))
		return kt_fail(err, "cannot open '%s': %s", f->host, strerror(errno));
	size_t size = (size_t)st.st_size;
	data = xcalloc(size + 1, 1);
	if (fread(data, 1, size, in) != size)
		return kt_fail(err, "cannot read '%s': %s", f->host, ferror(in) ? strerror(errno) : "it got shorter");
	SHA256Data((const uint8_t *)data, size, f->sha256);
	return cpio_add(cpio, f->guest + 1, 0100000 | f->mode, data, size, err);
}

int closure_pack(struct closure *c, FILE *cpio, struct kt_err *err)
{
	const char *before = "/";

	if (c->n)
		qsort(c->files, c->n, sizeof(*c->files), by_guest);
	for (size_t i = 0; i < c->n; before = c->files[i++].guest) {
		struct closure_file *f = &c->files[i];

		if (pack_dirs(cpio, f->guest, before, err))
			return -1;
		if (f->host ? pack_file(cpio, f, err) :
			      cpio_add(cpio, f->guest + 1, 0120777, f->target, strlen(f->target), err))
			return -1;
	}
	return 0;
}

char *closure_manifest(const struct closure *c)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; f && i < c->n; i++)
		fprintf(f, "%s %o %s\n", c->files[i].guest, c->files[i].mode, c->files[i].host ? c->files[i].sha256 : c->files[i].target);
	if (!f || fclose(f))
		BUG("no memory");
	return text;
}

json_t *closure_to_json(const struct closure *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++)
		if (c->files[i].host)
			json_array_append_new(list, KT_PACK("{ss ss}", "path", c->files[i].guest, "sha256",
							    c->files[i].sha256));
	return list;
}
