// SPDX-License-Identifier: GPL-2.0-only
/* Before the first seed: the plan, the checkpoint, and the directory that keeps it all. See sweep.h. */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/cache.h"
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int memfile(void)
{
	int fd = memfd_create("sweep", MFD_CLOEXEC);

	if (fd < 0)
		die(KT_TROUBLE, "cannot make a file in memory: %s", strerror(errno));
	return fd;
}

/* Run a program; what it says is enough when it fails. */
static void run_program(const struct strv *args, int in, int out)
{
	int code = sweep_wait(sweep_spawn(args, in, out, -1));

	if (code)
		exit(code);
	if (out >= 0 && lseek(out, 0, SEEK_SET) < 0)
		die(KT_TROUBLE, "cannot read what %s wrote: %s", args->v[0], strerror(errno));
}

static void add_option(struct strv *args, const char *option, const char *value)
{
	strv_add(args, "%s", option);
	strv_add(args, "%s", value);
}

static int make_plan(const struct sweep *s)
{
	struct strv args = { 0 };
	int plan = memfile();

	strv_add(&args, "ktstr-topo");
	strv_add(&args, "%s", s->topology ? "--" : "--spec");
	strv_add(&args, "%s", s->topology ? s->topology : s->spec);
	run_program(&args, -1, plan);
	strv_deinit(&args);
	return plan;
}

/* The next record of a report; NULL: there is none. */
static json_t *next_record(FILE *f)
{
	json_error_t e;

	return json_loadf(f, JSON_DISABLE_EOF_CHECK, &e);
}

/* The checkpoint, and with it the answer to whether any of this can be run. */
static void make_checkpoint(struct sweep *s, int plan, json_t **host)
{
	_cleanup_close_ int report = memfile();
	struct strv args = { 0 };

	strv_add_all(&args, (char *[]){ "ktstr-boot", "--prepare", NULL });
	strv_add_all(&args, s->options.v);
	if (s->scheduler)
		add_option(&args, "--scheduler", s->scheduler);
	if (s->timeout)
		add_option(&args, "--timeout", s->timeout);
	add_option(&args, "--", s->spec);
	run_program(&args, plan, report);
	strv_deinit(&args);
	_cleanup_fclose_ FILE *f = fdopen(dup(report), "r");
	s->run = f ? next_record(f) : NULL;
	*host = s->run ? next_record(f) : NULL;
	if (!*host || json_object_del(s->run, "seed") || !json_object_get(*host, "checkpoint_key"))
		die(KT_TROUBLE, "ktstr-boot --prepare did not say what a run depends on");
}

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

/* The kernel by the name of its cache entry, which means this one and no other; else by its path. */
static char *kernel_name(const char *vmlinux)
{
	struct kt_err err;
	_cleanup_free_ char *cache = cache_path("kernels", &err);
	size_t n = cache ? strlen(cache) : 0;

	if (!n || strncmp(vmlinux, cache, n) || vmlinux[n] != '/')
		return xstrdup(vmlinux);
	return strndup(vmlinux + n + 1, strcspn(vmlinux + n + 1, "/"));
}

/* Where files are that the spec names, of which a copy is run; and the scheduler, wherever the command is given. */
static void settle_paths(struct sweep *s)
{
	_cleanup_free_ char *copy = xstrdup(s->spec), *base = realpath(dirname(copy), NULL);

	if (json_object_get(s->run, "programs") && base)
		add_option(&s->exact, "--base", base);
	if (!s->scheduler)
		return;
	/* A name that is not here is one that ktstr-boot looks for elsewhere. */
	_cleanup_free_ char *path = streq(s->scheduler, "none") ? NULL : realpath(s->scheduler, NULL);
	add_option(&s->exact, "--scheduler", path ? path : s->scheduler);
}

/* Every choice made once, so that no seed and no replay can make another. */
static void settle_host(struct sweep *s, const json_t *host)
{
	_cleanup_free_ char *kernel = kernel_name(str(host, "kernel"));
	_cleanup_json_ json_t *spec = kt_json_load(s->spec, NULL);
	const char *named = *str(spec, "topology") ? str(spec, "topology") : str(json_object_get(s->run, "plan"), "name");
	json_t *ns_per_insn = json_object_get(s->run, "ns_per_insn");

	s->topology_name = xstrdup(s->topology ? s->topology : named);
	add_option(&s->exact, "--kernel", kernel);
	add_option(&s->exact, "--clock", str(s->run, "clock"));
	add_option(&s->exact, "--accel", str(s->run, "accel"));
	if (streq(str(s->run, "clock"), "virtual")) {
		add_option(&s->exact, "--compute", str(s->run, "compute"));
		strv_add(&s->exact, "--ns-per-insn");
		strv_add(&s->exact, "%lld", (long long)json_integer_value(ns_per_insn));
	}
	settle_paths(s);
	if (*str(s->run, "profile"))
		add_option(&s->exact, "--profile", str(s->run, "profile"));
	if (s->timeout)
		add_option(&s->exact, "--timeout", s->timeout);
}

static void make_dirs(const char *path)
{
	struct strv args = { 0 };

	strv_add_all(&args, (char *[]){ "mkdir", "-p", "--", (char *)path, NULL });
	if (sweep_wait(sweep_spawn(&args, -1, -1, -1)))
		exit(KT_TROUBLE);
	strv_deinit(&args);
}

/* A directory of its own where ktstr run has them. */
static void new_dir(struct sweep *s)
{
	const char *runs = getenv("KTSTR_RUNS"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const char *slash = strrchr(s->spec, '/'), *stem = slash ? slash + 1 : s->spec;
	const char *suffix = strrchr(stem, '.');
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	if (!(runs && *runs) && !(state && *state == '/') && !(home && *home))
		die(KT_TROUBLE, "no place for the results: set KTSTR_RUNS or HOME, or use --dir");
	_cleanup_free_ char *parent = runs && *runs ? xstrdup(runs) : state && *state == '/' ?
		xasprintf("%s/ktstr/runs", state) : xasprintf("%s/.local/state/ktstr/runs", home);
	make_dirs(parent);
	_cleanup_free_ char *root = realpath(parent, NULL);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	_cleanup_free_ char *base = xasprintf("%s/%s-%.*s-sweep", root ? root : parent, stamp,
					      (int)(suffix ? suffix - stem : (ssize_t)strlen(stem)), stem);
	char *dir = xstrdup(base);
	for (int i = 2; mkdir(dir, 0777); i++) {
		if (errno != EEXIST)
			die(KT_TROUBLE, "cannot make '%s': %s", dir, strerror(errno));
		free(dir);
		dir = xasprintf("%s-%d", base, i);
	}
	s->dir = dir;
}

static char *dump(const json_t *j)
{
	return j ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : xstrdup("absent");
}

static void add_difference(struct strv *out, const char *path, const json_t *there, const json_t *now)
{
	_cleanup_free_ char *a = dump(there), *b = dump(now);

	strv_add(out, "%s is %.100s there and %.100s now", path, a, b);
}

static void differences(struct strv *out, const char *path, json_t *there, json_t *now)
{
	const char *key;
	json_t *v;

	if (json_equal(there, now))
		return;
	if (json_is_array(there) && json_is_array(now) && json_array_size(there) == json_array_size(now)) {
		for (size_t i = 0; i < json_array_size(there); i++) {
			_cleanup_free_ char *at = xasprintf("%s[%zu]", path, i);
			differences(out, at, json_array_get(there, i), json_array_get(now, i));
		}
		return;
	}
	if (!json_is_object(there) || !json_is_object(now)) {
		add_difference(out, path, there, now);
		return;
	}
	json_object_foreach(there, key, v) {
		_cleanup_free_ char *at = xasprintf("%s.%s", path, key);
		differences(out, at, v, json_object_get(now, key));
	}
	json_object_foreach(now, key, v) {
		_cleanup_free_ char *at = xasprintf("%s.%s", path, key);
		if (!json_object_get(there, key))
			add_difference(out, at, NULL, v);
	}
}

/* Results of other inputs must not be counted in. */
static void compare_sweeps(const struct sweep *s, json_t *there, json_t *now)
{
	enum { SAY = 3 };
	struct strv diff = { 0 };

	differences(&diff, "$.run", json_object_get(there, "run"), s->run);
	if (!diff.n && !json_equal(there, now))
		strv_add(&diff, "the guest image has changed");
	for (size_t i = 0; i < MIN(diff.n, SAY); i++)
		kt_warn("%s", diff.v[i]);
	if (diff.n > SAY)
		kt_warn("and %zu more", diff.n - SAY);
	if (diff.n)
		die(KT_USAGE, "'%s' holds a sweep of other inputs: use another --dir", s->dir);
}

/* Only what a preparation leaves that was killed; anything else is somebody's. */
static bool is_nobodys(const char *dir)
{
	static const char *const ours[] = { ".", "..", ".lock", "spec.json", "plan.json" };
	DIR *d = opendir(dir);
	bool ok = d;

	for (struct dirent *e; ok && (e = readdir(d));) {
		ok = !strncmp(e->d_name, "sweep.json.", 11);
		for (size_t i = 0; !ok && i < ARRAY_SIZE(ours); i++)
			ok = streq(e->d_name, ours[i]);
	}
	if (d)
		closedir(d);
	return ok;
}

static void lock_dir(struct sweep *s)
{
	_cleanup_free_ char *path = xasprintf("%s/.lock", s->dir);

	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (s->lock < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB))
		die(KT_TROUBLE, "another sweep is running in '%s'", s->dir);
}

static void write_file(const struct sweep *s, const char *name, json_t *j)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", s->dir, name);
	_cleanup_free_ char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	struct kt_err err;

	if (!text)
		BUG("json_dumps failed");
	if (cache_write(path, text, strlen(text), &err))
		die(KT_TROUBLE, "%s", err.msg);
}

static void open_dir(struct sweep *s, const json_t *host)
{
	_cleanup_json_ json_t *inputs = KT_PACK("{ss,si,sO,sO}", "kind", "sweep_inputs", "ktstr", 1, "run", s->run,
						"checkpoint", json_object_get(host, "checkpoint_key"));
	struct kt_err err;

	if (!s->dir)
		new_dir(s);
	else
		make_dirs(s->dir);
	char *dir = realpath(s->dir, NULL);
	if (!dir)
		die(KT_TROUBLE, "cannot open '%s': %s", s->dir, strerror(errno));
	_cleanup_free_ char *path = xasprintf("%s/sweep.json", s->dir), *seeds = xasprintf("%s/seeds", dir);
	bool there = !access(path, F_OK);
	if (!there && !is_nobodys(dir))
		die(KT_USAGE, "'%s' has files in it and is no sweep's directory: use another --dir", s->dir);
	lock_dir(s);
	if (there) {
		_cleanup_json_ json_t *old = kt_json_load(path, &err);
		if (!old)
			die(KT_TROUBLE, "%s", err.msg);
		compare_sweeps(s, old, inputs);
	} else {
		write_file(s, "spec.json", json_object_get(s->run, "spec"));
		write_file(s, "plan.json", json_object_get(s->run, "plan"));
		write_file(s, "sweep.json", inputs);
	}
	if (mkdir(seeds, 0777) && errno != EEXIST)
		die(KT_TROUBLE, "cannot make '%s': %s", seeds, strerror(errno));
	s->dir = dir;
}

static void interrupted(int sig)
{
	(void)sig;
	_exit(KT_TROUBLE); /* children go with us, and nothing is half done */
}

void sweep_prepare(struct sweep *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	json_t *host;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], interrupted);
	_cleanup_close_ int plan = make_plan(s);
	make_checkpoint(s, plan, &host);
	settle_host(s, host);
	open_dir(s, host);
	json_decref(host);
}
