// SPDX-License-Identifier: GPL-2.0-only
/* What differs between two snapshots: see snap.h. */
#include "libexec/snap/snap.h"

/* What tells the elements of such a list apart; NULL: their places. */
static const char *identity(const json_t *list)
{
	static const char *const members[] = { "pid", "cpu", "id", "key", "what" };
	const json_t *first = json_array_get(list, 0);

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (json_object_get(first, members[i]))
			return members[i];
	return NULL;
}

static const json_t *find_member(const json_t *list, const char *member, const json_t *value)
{
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		if (json_equal(json_object_get(e, member), value))
			return e;
	}
	return NULL;
}

static void note_change(json_t *out, const char *path, const json_t *was, const json_t *is)
{
	json_array_append_new(out, KT_PACK("{ss sO* sO*}", "path", path, "was", (json_t *)was, "is", (json_t *)is));
}

static void compare_values(json_t *out, const char *path, const json_t *a, const json_t *b);

/* As the path has it: [0], or [pid=45]. */
static char *element_path(const char *path, const char *member, const json_t *value, size_t i)
{
	_cleanup_free_ char *text = !member ? NULL : json_is_string(value) ? xstrdup(json_string_value(value)) :
		json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	return member ? xasprintf("%s[%s=%s]", path, member, text) : xasprintf("%s[%zu]", path, i);
}

static void compare_lists(json_t *out, const char *path, const json_t *a, const json_t *b)
{
	const char *member = identity(json_array_size(a) ? a : b);
	const json_t *e;
	size_t i;

	json_array_foreach(a, i, e) {
		const json_t *id = member ? json_object_get(e, member) : NULL;
		_cleanup_free_ char *p = element_path(path, member, id, i);
		compare_values(out, p, e, member ? find_member(b, member, id) : json_array_get(b, i));
	}
	json_array_foreach(b, i, e) {
		const json_t *id = member ? json_object_get(e, member) : NULL;
		_cleanup_free_ char *p = element_path(path, member, id, i);
		if (member ? !find_member(a, member, id) : i >= json_array_size(a))
			note_change(out, p, NULL, e);
	}
}

static void compare_objects(json_t *out, const char *path, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)a, key, v) {
		_cleanup_free_ char *p = xasprintf(strchr(key, '.') ? "%s[%s]" : *path ? "%s.%s" : "%s%s", path, key);
		compare_values(out, p, v, json_object_get(b, key));
	}
	json_object_foreach((json_t *)b, key, v) {
		_cleanup_free_ char *p = xasprintf(strchr(key, '.') ? "%s[%s]" : *path ? "%s.%s" : "%s%s", path, key);
		if (!json_object_get(a, key))
			note_change(out, p, NULL, v);
	}
}

static void compare_values(json_t *out, const char *path, const json_t *a, const json_t *b)
{
	if (!b)
		note_change(out, path, a, NULL);
	else if (json_is_object(a) && json_is_object(b))
		compare_objects(out, path, a, b);
	else if (json_is_array(a) && json_is_array(b) && (json_is_object(json_array_get(a, 0)) || json_is_object(json_array_get(b, 0))))
		compare_lists(out, path, a, b);
	else if (!json_equal(a, b))
		note_change(out, path, a, b);
}

json_t *snap_diff(const json_t *a, const json_t *b)
{
	json_t *out = json_array();

	compare_objects(out, "", a, b);
	return out;
}
