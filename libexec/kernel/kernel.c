// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kernel to boot: see kernel.h. This is on the way of every run, so a kernel met before costs a few system calls
 * and one small JSON file: no child, no hash.
 */
#include "libexec/kernel/cache.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/rows.h"

#include <ctype.h>
#include <glob.h>

static void kernel_names_freep(char ***names) { kernel_names_free(*names); }

static int by_path(const char *path, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(image_deinit) struct image im = { .fd = -1 };
	_cleanup_(kernel_deinit) struct kernel k = { 0 };

	if (image_open(path, &im, err))
		return -1;
	if (!kernel_recall(&im.st, im.path, &k)) {
		if (im.elf ? image_examine(&im, &k, err) : image_add(&im, NULL, NULL, &k, err))
			return -1;
		kernel_remember(im.fd, &im.st, im.path, &k);
	}
	if (kernel_usable(&k, im.path, err))
		return -1;
	*ret = k;
	k = (struct kernel){ 0 };
	return 0;
}

static int by_name(const char *name, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(kernel_deinit) struct kernel k = { 0 };

	if (kernel_load_checked(name, &k, err) || kernel_usable(&k, name, err))
		return -1;
	*ret = k;
	k = (struct kernel){ 0 };
	return 0;
}

/* Whether a name starts with these parts of a version: 7.1 is not the start of 7.10. */
static bool starts_with(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && !(isdigit((unsigned char)prefix[n - 1]) && isdigit((unsigned char)name[n]));
}

/* A name or the start of one; NULL when the cache has none such. The name itself comes before what it is a start of. */
static const char *match_release(char *const *names, const char *prefix)
{
	const char *found = NULL;

	for (; *names; names++) {
		if (streq(*names, prefix))
			return *names;
		if (!found && starts_with(*names, prefix))
			found = *names;
	}
	return found;
}

/* What a person typed, at the place that given names. */
static int by_arg(const char *arg, const char *given, struct kernel *ret, struct kt_err *err)
{
	_cleanup_(kernel_names_freep) char **names = NULL;
	bool release_like = isdigit((unsigned char)arg[0]) && !strchr(arg, '/');

	if (release_like && !(names = kernel_names(err)))
		return -1;
	const char *name = names ? match_release(names, arg) : NULL;
	if (name) {
		if (by_name(name, ret, err))
			return -1;
		ret->why = streq(name, arg) ? xasprintf("%s: from the cache, by %s", name, given) :
			   xasprintf("%s: newest %s in the cache, by %s", name, arg, given);
		return 0;
	}
	if (release_like && access(arg, F_OK)) {
		_cleanup_free_ char *list = *names ? join_names((const char *const *)names) : xstrdup("nothing");
		return kt_fail(err, "no kernel '%s' (%s): there is no such file, and the cache holds %s; "
			       "to get it, type: ktstr kernel fetch --version %s", arg, given, list, arg);
	}
	if (by_path(arg, ret, err))
		return kt_context(err, "%s", given);
	ret->why = xasprintf("%s: '%s', by %s", ret->release, arg, given);
	return 0;
}

/* What was looked at in vain, for the message. */
struct search {
	char *looked;
	bool unusable;  /* there was a kernel, but none we can work with */
};

static void looked_at(struct search *s, const char *what, const char *found)
{
	char *more = xasprintf("%s%s%s (%s)", s->looked ? s->looked : "", s->looked ? ", " : "", what, found);

	free(s->looked);
	s->looked = more;
}

/* There is something, and it will not do. */
static void note_tried(struct search *s, const char *what, const struct kt_err *why)
{
	looked_at(s, what, why->msg);
	s->unusable |= why->code == KT_CANNOT_TELL;
}

static bool search_cache(struct search *s, struct kernel *ret)
{
	struct kt_err why = { .msg = "empty" };
	_cleanup_(kernel_names_freep) char **names = kernel_names(&why);
	_cleanup_free_ char *dir = cache_path("kernels", NULL), *what = xasprintf("the cache '%s'", dir ? dir : "");

	for (char **n = names; n && *n; n++) {
		if (!by_name(*n, ret, &why)) {
			ret->why = xasprintf("%s: %s in the cache", *n, n == names ? "newest" : "newest usable");
			return true;
		}
		note_tried(s, what, &why);
	}
	if (!names || !*names)
		looked_at(s, what, why.msg);
	return false;
}

static bool search_path(struct search *s, const char *path, const char *why, struct kernel *ret)
{
	struct kt_err e;

	if (access(path, F_OK)) {
		looked_at(s, path, "not there");
		return false;
	}
	if (by_path(path, ret, &e)) {
		note_tried(s, path, &e);
		return false;
	}
	ret->why = xasprintf("%s: '%s', %s", ret->release, path, why);
	return true;
}

static int newest_kernel_first(const void *a, const void *b)
{
	return release_cmp(*(char *const *)b, *(char *const *)a);
}

static bool search_boot(struct search *s, struct kernel *ret)
{
	bool found = false;
	glob_t g;

	if (glob("/boot/vmlinuz*", 0, NULL, &g)) {
		looked_at(s, "/boot/vmlinuz*", "none");
		return false;
	}
	qsort(g.gl_pathv, g.gl_pathc, sizeof(*g.gl_pathv), newest_kernel_first);
	for (size_t i = 0; i < g.gl_pathc && !found; i++)
		found = search_path(s, g.gl_pathv[i], "as nothing is in the cache", ret);
	globfree(&g);
	return found;
}

int kernel_resolve(const char *arg, struct kernel *ret, struct kt_err *err)
{
	const char *env = getenv("KTSTR_KERNEL");
	struct search s = { 0 };

	if (arg && *arg)
		return by_arg(arg, "--kernel", ret, err);
	if (env && *env)
		return by_arg(env, "KTSTR_KERNEL", ret, err);
	looked_at(&s, "KTSTR_KERNEL", "not set");
	bool found = search_cache(&s, ret) || search_path(&s, "./linux", "as nothing is in the cache", ret) ||
		     search_path(&s, "../linux", "as nothing is in the cache", ret) || search_boot(&s, ret);
	if (!found)
		kt_fail_as(err, s.unusable ? KT_CANNOT_TELL : KT_TROUBLE, "no kernel to boot; looked at %s; to get one, type: ktstr kernel fetch", s.looked);
	free(s.looked);
	return found ? 0 : -1;
}
