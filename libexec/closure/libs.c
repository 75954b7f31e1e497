// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shared libraries of a program: see libs.h. The dynamic linker of this machine finds them: it lists what it would load,
 * and runs nothing of the program.
 *
 * Where the guest's dynamic linker looks is not quite the same. It has no cache of directories (ld.so.cache), so a library that
 * is found through that has a link beside libc. It may run on another CPU, so variants of a library for the CPU of this
 * machine (glibc-hwcaps) are not taken.
 */
#include "libexec/closure/libs.h"
#include "libexec/lib/strv.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char glibc_linker[] = "/lib64/ld-linux-x86-64.so.2", musl_linker[] = "/lib/ld-musl-x86_64.so.1";

enum { OUTPUT_MAX = 1 << 20 };

/* What is asked of the dynamic linker. */
struct query {
	const char *linker, *base, *host, *library_path;
	bool no_cache;
	const char *preload; /* a library to load besides, or NULL */
	bool debug;          /* say on stderr which file needs which */
};

/* The answer: libraries by the names that they are asked for by, and by the paths that they were found by. */
struct listing {
	struct strv names, paths;
};

static void listing_deinit(struct listing *l)
{
	strv_deinit(&l->names);
	strv_deinit(&l->paths);
}

static const char *listed_path(const struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->names.n; i++)
		if (streq(l->names.v[i], name))
			return l->paths.v[i];
	return NULL;
}

char *closure_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

/* The child that becomes the linker. Nothing of our environment decides what it loads. */
static _Noreturn void run_linker(const struct query *q, const struct strv *args, pid_t parent, int out, int said)
{
	char *env[] = { q->debug ? "LD_DEBUG=files" : NULL, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent || chdir(q->base) || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(said, STDERR_FILENO) < 0)
		_exit(KT_TROUBLE);
	execve(args->v[0], args->v, env);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(KT_NOT_FOUND);
}

static char *read_all(int fd)
{
	char *text = xcalloc(1, OUTPUT_MAX + 1);
	ssize_t n = pread(fd, text, OUTPUT_MAX, 0);

	text[MAX(n, 0)] = '\0';
	return text;
}

/* A line is "\tNAME => PATH (0x...)", or "\tPATH (0x...)" for what is asked for by its path. */
static void parse_line(char *line, const char *linker, struct listing *ret)
{
	char *name = line + strspn(line, "\t "), *arrow = strstr(name, " => "), *path = arrow ? arrow + 4 : name;
	char *end = strstr(path, " (0x");

	if (!end)
		return;
	*end = '\0';
	if (arrow)
		*arrow = '\0';
	else if (!strchr(name, '/') || streq(name, linker))
		return; /* the kernel's own (vdso), and the linker itself */
	strv_add(&ret->names, "%s", name);
	strv_add(&ret->paths, "%s", path);
}

/* The linker's exit status, what it lists and what it says; -1 and err. */
static int ask_linker(const struct query *q, char **list, char **said, struct kt_err *err)
{
	_cleanup_close_ int out = memfd_create("list", MFD_CLOEXEC), errors = memfd_create("errors", MFD_CLOEXEC);
	struct strv args = { 0 };
	int status;

	if (out < 0 || errors < 0)
		return kt_fail(err, "cannot make a file in memory: %s", strerror(errno));
	strv_add(&args, "%s", q->linker);
	if (q->linker == glibc_linker)
		strv_add_all(&args, (char *[]){ "--glibc-hwcaps-mask", "none", q->no_cache ? "--inhibit-cache" : NULL, NULL });
	if (q->library_path)
		strv_add_all(&args, (char *[]){ "--library-path", (char *)q->library_path, NULL });
	if (q->preload)
		strv_add_all(&args, (char *[]){ "--preload", (char *)q->preload, NULL });
	strv_add_all(&args, (char *[]){ "--list", (char *)q->host, NULL });
	pid_t parent = getpid(), pid = fork();
	if (!pid)
		run_linker(q, &args, parent, out, errors);
	strv_deinit(&args);
	if (pid < 0)
		return kt_fail(err, "cannot fork: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return kt_fail(err, "waitpid: %s", strerror(errno));
	*list = read_all(out);
	*said = read_all(errors);
	return WIFEXITED(status) ? WEXITSTATUS(status) : KT_TROUBLE;
}

/* Who asks for a library, by what the linker says of each file: "file=NAME [0];  needed by PATH [0]". NULL: it does not say. */
static char *find_needer(struct query q, const char *name)
{
	_cleanup_free_ char *list = NULL, *said = NULL, *mark = xasprintf("file=%s [", name);

	q.debug = true;
	if (ask_linker(&q, &list, &said, NULL) < 0)
		return NULL;
	char *by = strstr(said, mark);
	by = by ? strstr(by, "needed by ") : NULL;
	char *end = by ? strstr(by, " [") : NULL;
	return end ? xasprintf("%.*s", (int)(end - by) - 10, by + 10) : NULL;
}

static int fail_to_load(const struct query *q, char *said, struct kt_err *err)
{
	static const char words[] = ": error while loading shared libraries: ";
	char *name = strstr(said, words), *reason;

	said[strcspn(said, "\n")] = '\0';
	name = name ? name + strlen(words) : NULL;
	reason = name ? strstr(name, ": ") : NULL;
	if (!reason || strncmp(reason + 2, "cannot open shared object file", 30))
		return kt_fail(err, "'%s' is not loaded by %s: %s", q->host, q->linker, *said ? said : "it does not say why");
	*reason = '\0';
	_cleanup_free_ char *by = find_needer(*q, name);
	return kt_fail(err, "'%s' needs the shared library '%s', which is in no place where %s looks%s%s%s", by ? by : q->host, name,
		       q->linker, q->library_path ? ", and not in LD_LIBRARY_PATH '" : "", q->library_path ? q->library_path : "",
		       q->library_path ? "'" : "");
}

static int list_libraries(const struct query *q, struct listing *ret, struct kt_err *err)
{
	_cleanup_free_ char *list = NULL, *said = NULL;
	char *save = NULL;
	int status = ask_linker(q, &list, &said, err);

	/* Without the cache much may be missing: what is not is what is asked for. */
	if (status < 0)
		return -1;
	if (status && !q->no_cache)
		return fail_to_load(q, said, err);
	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		parse_line(line, q->linker, ret);
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n > 1 && !strncmp(path, dir, n) && path[n] == '/';
}

/*
 * A file below the base is elsewhere in the guest. A search path that names it by $ORIGIN, or starts at the base, goes with
 * it; one that has the absolute path of the base in it must find it there too.
 */
static bool names_base(const struct closure *c, const struct dynamic *d, const char *library_path)
{
	return (d->rpath && strstr(d->rpath, c->base)) || (d->runpath && strstr(d->runpath, c->base)) ||
	       (library_path && strstr(library_path, c->base));
}

/* One library, as it was found. */
static int place_library(struct closure *c, const char *name, const char *path, bool by_base, bool by_cache, struct kt_err *err)
{
	_cleanup_free_ char *host = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", c->base, path);
	_cleanup_free_ char *guest = closure_guest_path(c, host), *real = NULL;

	if (closure_place(c, host, guest, &real, err))
		return -1;
	if (by_base && is_below(host, c->base) && closure_place(c, host, host, NULL, err))
		return -1;
	if (!by_cache || !c->std_dir)
		return 0;
	_cleanup_free_ char *link = xasprintf("%s/%s", c->std_dir, name);
	return closure_place(c, host, link, NULL, err);
}

/* Some library is where only the cache of directories, or a search path, leads. */
static bool is_scattered(const struct closure *c, const struct listing *l)
{
	for (size_t i = 0; i < l->paths.n; i++) {
		_cleanup_free_ char *dir = *l->paths.v[i] == '/' ? closure_dir_of(l->paths.v[i]) : NULL;
		_cleanup_free_ char *normal = dir ? closure_normal(dir) : NULL;

		if (normal && !is_below(normal, c->base) && !streq(normal, c->std_dir))
			return true;
	}
	return false;
}

static int place_all(struct closure *c, const struct query *q, const struct listing *l, struct dynamic *d, struct kt_err *err)
{
	_cleanup_(listing_deinit) struct listing uncached = { 0 };
	bool glibc = q->linker == glibc_linker, by_base = names_base(c, d, q->library_path);
	const char *libc = listed_path(l, "libc.so.6");
	struct query again = *q;

	if (libc && !c->std_dir) {
		_cleanup_free_ char *dir = closure_dir_of(libc);
		c->std_dir = closure_normal(dir);
	}
	again.no_cache = true;
	bool scattered = glibc && c->std_dir && is_scattered(c, l);
	if (scattered && list_libraries(&again, &uncached, err))
		return -1;
	for (size_t i = 0; i < l->names.n && !by_base; i++) {
		struct dynamic lib;

		if (!is_below(l->paths.v[i], c->base))
			continue;
		if (dynamic_read(l->paths.v[i], &lib, err))
			return -1;
		by_base = names_base(c, &lib, NULL);
		dynamic_deinit(&lib);
	}
	for (size_t i = 0; i < l->names.n; i++) {
		const char *name = l->names.v[i], *without = listed_path(&uncached, name);
		bool by_cache = scattered && !strchr(name, '/') && !(without && streq(without, l->paths.v[i]));

		if (place_library(c, name, l->paths.v[i], by_base, by_cache, err))
			return kt_context(err, "'%s' needs '%s'", q->host, name);
	}
	return 0;
}

/*
 * glibc opens libgcc_s.so.1 when a thread ends by pthread_exit() or is cancelled, and for a backtrace; without it that
 * is an abort. A library that is not here either is not missed.
 */
static int place_unwinder(struct closure *c, const struct query *q, const struct listing *l, struct dynamic *d, struct kt_err *err)
{
	_cleanup_(listing_deinit) struct listing more = { 0 };
	bool unwinds = d->unwinds;
	struct query with = *q;

	if (!listed_path(l, "libc.so.6") || listed_path(l, "libgcc_s.so.1"))
		return 0;
	for (size_t i = 0; i < l->names.n && !unwinds; i++) {
		_cleanup_free_ char *path = *l->paths.v[i] == '/' ? xstrdup(l->paths.v[i]) : xasprintf("%s/%s", c->base, l->paths.v[i]);
		struct dynamic lib;

		if (streq(l->names.v[i], "libc.so.6"))
			continue;
		if (dynamic_read(path, &lib, err))
			return -1;
		unwinds = lib.unwinds;
		dynamic_deinit(&lib);
	}
	with.preload = "libgcc_s.so.1";
	return unwinds && (list_libraries(&with, &more, err) || place_all(c, &with, &more, d, err)) ? -1 : 0;
}

int closure_add_libraries(struct closure *c, const char *host, struct dynamic d, const char *library_path, struct kt_err *err)
{
	_cleanup_(dynamic_deinit) struct dynamic owned = d;
	_cleanup_(listing_deinit) struct listing l = { 0 };
	struct query q = { .linker = glibc_linker, .base = c->base, .host = host, .library_path = library_path };

	if (d.interp && closure_place(c, d.interp, d.interp, NULL, err))
		return kt_context(err, "'%s' needs the dynamic linker '%s'", host, d.interp);
	if (!*d.needed)
		return 0;
	/* Another glibc's linker, at a place of its own, is not run: ours finds the same. */
	if (d.interp && streq(d.interp, musl_linker))
		q.linker = musl_linker;
	if (list_libraries(&q, &l, err) || place_all(c, &q, &l, &owned, err))
		return -1;
	return q.linker == glibc_linker ? place_unwinder(c, &q, &l, &owned, err) : 0;
}

int closure_add_opened(struct closure *c, const char *name, struct kt_err *err)
{
	/* The linker wants a program; this one has glibc. */
	_cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
	struct query q = { .linker = glibc_linker, .base = c->base, .host = self, .preload = name };
	_cleanup_(listing_deinit) struct listing l = { 0 };
	struct dynamic d;

	if (!self)
		return kt_fail(err, "cannot read /proc/self/exe: %s", strerror(errno));
	if (list_libraries(&q, &l, err))
		return -1;
	const char *path = listed_path(&l, name);
	if (!path)
		return 0;
	_cleanup_free_ char *real = realpath(path, NULL), *dir = closure_dir_of(path), *normal = closure_normal(dir);
	if (!real)
		return kt_fail(err, "cannot find '%s': %s", path, strerror(errno));
	if (dynamic_read(real, &d, err) || closure_add_libraries(c, real, d, NULL, err))
		return -1;
	return place_library(c, name, path, false, !c->std_dir || !streq(normal, c->std_dir), err);
}
