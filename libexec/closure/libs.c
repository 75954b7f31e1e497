// SPDX-License-Identifier: GPL-2.0-only
/* The shared libraries of a program, found as ld.so finds them: see closure-libs.h. */
#include "libexec/closure/libs.h"
#include "libexec/lib/strv.h"

/* A loaded object. Both paths are those it was found by, as ld.so knows it: $ORIGIN is their directory. */
struct object {
	char *host, *guest;
	struct dynamic d;
	int loader;      /* index of the one that needs it, -1 */
};

struct search {
	struct closure *c;
	const char *library_path;
	struct object *objects;
	size_t n;
	struct strv names; /* that are loaded */
	char *looked;      /* directories, for the error */
};

static void search_deinit(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->objects[i].host);
		free(s->objects[i].guest);
		dynamic_deinit(&s->objects[i].d);
	}
	free(s->objects);
	free(s->looked);
	strv_deinit(&s->names);
}

static bool is_loaded(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->names.n; i++)
		if (streq(s->names.v[i], name))
			return true;
	return false;
}

char *closure_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

/* One entry of a path with its $ORIGIN; NULL when it has another variable, or none of its own and is relative. */
static char *expand_origin(const char *entry, size_t len, const char *object)
{
	_cleanup_free_ char *text = xasprintf("%.*s", (int)len, entry);
	_cleanup_free_ char *origin = closure_dir_of(object);
	char *at = strstr(text, "${ORIGIN}");
	size_t n = at ? 9 : 7;

	if (!at)
		at = strstr(text, "$ORIGIN");
	if (at) {
		char *out = xasprintf("%.*s%s%s", (int)(at - text), text, origin, at + n);
		if (!strchr(out, '$') && *out == '/')
			return out;
		free(out);
		return NULL;
	}
	return *text == '/' && !strchr(text, '$') ? take(text) : NULL;
}

/* Take it as the next object, if it is a library of this machine: ld.so too goes on looking when it is not. */
static int try_library(struct search *s, const char *host, const char *guest, int loader, struct kt_err *err)
{
	struct object o = { .loader = loader };

	if (access(host, R_OK))
		return 0;
	if (dynamic_read(host, &o.d, err))
		return -1;
	if (o.d.kind != DYNAMIC_OURS) {
		dynamic_deinit(&o.d);
		return 0;
	}
	o.host = xstrdup(host);
	o.guest = xstrdup(guest);
	s->objects = xrealloc(s->objects, s->n + 1, sizeof(*s->objects));
	s->objects[s->n++] = o;
	return closure_place(s->c, host, guest, NULL, err) ? -1 : 1;
}

static void note_directory(struct search *s, const char *text, size_t len)
{
	char *more = xasprintf("%s%s%.*s", s->looked ? s->looked : "", s->looked ? ":" : "", (int)len, text);

	free(s->looked);
	s->looked = more;
}

/* One directory. 1 found, 0 not, -1 and err. */
static int try_dir(struct search *s, const char *host_dir, const char *guest_dir, const char *name, int loader,
		   struct kt_err *err)
{
	_cleanup_free_ char *host = xasprintf("%s/%s", host_dir, name);
	_cleanup_free_ char *guest = xasprintf("%s/%s", guest_dir, name);

	note_directory(s, host_dir, strlen(host_dir));
	return try_library(s, host, guest, loader, err);
}

/* A RPATH or RUNPATH of an object. */
static int try_path(struct search *s, const char *path, size_t owner, const char *name, int loader, struct kt_err *err)
{
	for (const char *p = path; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *host = expand_origin(p, len, s->objects[owner].host);
		_cleanup_free_ char *guest = expand_origin(p, len, s->objects[owner].guest);
		int found = 0;

		if (host && guest)
			found = try_dir(s, host, guest, name, loader, err);
		else
			note_directory(s, p, len);
		if (found)
			return found;
	}
	return 0;
}

static int try_library_path(struct search *s, const char *name, int loader, struct kt_err *err)
{
	for (const char *p = s->library_path; p && *p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		int len = (int)strcspn(p, ":");
		_cleanup_free_ char *host = *p == '/' ? xasprintf("%.*s", len, p) : xasprintf("%s/%.*s", s->c->base, len, p);
		_cleanup_free_ char *guest = *p == '/' ? xstrdup(host) : xasprintf("%s/%.*s", CLOSURE_BASE, len, p);
		int found = len ? try_dir(s, host, guest, name, loader, err) : 0;

		if (found)
			return found;
	}
	return 0;
}

/* In the guest ld.so has no cache: what it finds through that here has a link where it looks anyway, beside libc. */
static int try_system(struct search *s, const char *name, int loader, struct kt_err *err)
{
	int found = 0;

	for (char *const *dir = dynamic_system_dirs(); *dir && !found; dir++) {
		found = try_dir(s, *dir, *dir, name, loader, err);
		if (found <= 0)
			continue;
		_cleanup_free_ char *normal_dir = closure_normal(*dir);
		if (streq(normal_dir, s->c->std_dir))
			continue;
		_cleanup_free_ char *link = xasprintf("%s/%s", s->c->std_dir, name);
		if (closure_place(s->c, s->objects[s->n - 1].host, link, NULL, err))
			return -1;
	}
	return found;
}

static int load_needed(struct search *s, size_t i, const char *name, struct kt_err *err)
{
	const struct object *o = &s->objects[i];
	int found = 0;

	free(s->looked);
	s->looked = NULL;
	if (strchr(name, '/'))
		found = *name == '/' ? try_library(s, name, name, (int)i, err) : 0;
	else {
		for (int k = (int)i; !found && !s->objects[i].d.runpath && k >= 0; k = s->objects[k].loader)
			if (s->objects[k].d.rpath)
				found = try_path(s, s->objects[k].d.rpath, (size_t)k, name, (int)i, err);
		if (!found)
			found = try_library_path(s, name, (int)i, err);
		if (!found && s->objects[i].d.runpath)
			found = try_path(s, s->objects[i].d.runpath, i, name, (int)i, err);
		if (!found)
			found = try_system(s, name, (int)i, err);
	}
	o = &s->objects[i];
	if (found < 0)
		return kt_context(err, "'%s' needs '%s'", o->host, name);
	if (!found)
		return kt_fail(err, "'%s' needs the shared library '%s', which is not in %s", o->host, name,
			       s->looked ? s->looked : "its place");
	return 0;
}

int closure_add_libraries(struct closure *c, const char *host, const char *guest, struct dynamic d,
			 const char *library_path, struct kt_err *err)
{
	_cleanup_(search_deinit) struct search s = { .c = c, .library_path = library_path };
	_cleanup_free_ char *interp = d.interp ? xstrdup(d.interp) : NULL;

	s.objects = xcalloc(1, sizeof(*s.objects));
	s.objects[s.n++] = (struct object){ .host = xstrdup(host), .guest = xstrdup(guest), .d = d, .loader = -1 };
	if (interp) {
		if (closure_place(c, interp, interp, NULL, err))
			return kt_context(err, "'%s' needs the dynamic linker '%s'", host, interp);
		strv_add(&s.names, "%s", basename(interp)); /* libc needs it by name: it is there */
	}
	for (char *const *dir = dynamic_system_dirs(); *dir && !c->std_dir; dir++) {
		_cleanup_free_ char *libc = xasprintf("%s/libc.so.6", *dir);
		struct dynamic probe;

		if (access(libc, R_OK) || dynamic_read(libc, &probe, err))
			continue;
		if (probe.kind == DYNAMIC_OURS)
			c->std_dir = closure_normal(*dir);
		dynamic_deinit(&probe);
	}
	if (!c->std_dir)
		c->std_dir = xstrdup("/usr/lib");
	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; s.objects[i].d.needed[k]; k++) {
			const char *name = s.objects[i].d.needed[k];

			if (is_loaded(&s, name))
				continue;
			strv_add(&s.names, "%s", name);
			if (load_needed(&s, i, name, err))
				return -1;
		}
	return 0;
}
