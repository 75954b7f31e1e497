// SPDX-License-Identifier: GPL-2.0-only
/* Values in a snapshot, by names and paths: see snap.h. An error lists what there was. */
#include "libexec/snap/snap.h"
#include "libexec/lib/rows.h"
#include "libexec/lib/strv.h"

enum { LISTED_MAX = 30 };

/* "a, b, c, ..." of an object's keys, or of what is this member of each in a list. */
static char *list_names(const json_t *j, const char *member)
{
	struct strv names = { 0 };
	const char *key;
	json_t *v;
	size_t n = 0, i;

	json_object_foreach((json_t *)j, key, v) {
		if (n++ < LISTED_MAX)
			strv_add(&names, "%s", key);
	}
	json_array_foreach(j, i, v) {
		v = json_object_get(v, member);
		if (v && n++ < LISTED_MAX) {
			_cleanup_free_ char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
			strv_add(&names, "%s", text ? text : json_string_value(v));
		}
	}
	if (n > LISTED_MAX)
		strv_add(&names, "and %zu more", n - LISTED_MAX);
	char *all = n ? join_names((const char *const *)names.v) : xstrdup("none");
	strv_deinit(&names);
	return all;
}

static const char *type_name(const json_t *j)
{
	static const char *const names[] = { "an object", "a list", "a string", "a number", "a number", "true", "false", "null" };

	return names[json_typeof(j)];
}

static json_t *not_found(struct kt_err *err, const char *path, size_t at, const char *component, const json_t *in)
{
	_cleanup_free_ char *members = json_is_object(in) ? list_names(in, NULL) : NULL;
	size_t walked = at && strchr(".[", path[at - 1]) ? at - 1 : at;

	if (json_is_object(in))
		kt_fail(err, "path '%s': '%s' is not in %s%.*s%s (members at this depth: %s)", path, component, walked ? "'" : "the snapshot",
			(int)walked, path, walked ? "'" : "", members);
	else if (json_is_array(in))
		kt_fail(err, "path '%s': '%s' is not in '%.*s', a list of %zu", path, component, (int)walked, path, json_array_size(in));
	else
		kt_fail(err, "path '%s': '%.*s' is %s, which has no members", path, (int)walked, path, type_name(in));
	return NULL;
}

/* What a pointer leads to, as far as that was captured. */
static const json_t *follow(const json_t *snapshot, const json_t *j)
{
	const json_t *task;
	size_t i;

	if (!json_is_string(j) || strncmp(json_string_value(j), "0x", 2))
		return j;
	json_array_foreach(json_object_get(snapshot, "tasks"), i, task) {
		if (json_equal(json_object_get(task, "address"), j))
			return task;
	}
	return j;
}

static json_t *get_path(const json_t *snapshot, const json_t *start, const char *path, struct kt_err *err)
{
	const json_t *j = start;

	for (const char *p = path; *p;) {
		bool bracket = *p == '[';
		const char *name = p + (bracket || *p == '.');
		size_t n = strcspn(name, bracket ? "]" : ".[");

		if (!n || (bracket && name[n] != ']')) {
			kt_fail(err, "path '%s': character %zu is not where a member begins", path, (size_t)(name - path) + 1);
			return NULL;
		}
		_cleanup_free_ char *component = strndup(name, n);
		int64_t index = -1;
		j = follow(snapshot, j);
		const json_t *next = json_is_array(j) ? (kt_parse_i64(component, "", 0, INT32_MAX, &index, NULL) ? NULL :
			json_array_get(j, (size_t)index)) : json_object_get(j, component);
		if (!next)
			return not_found(err, path, (size_t)(name - path), component, j);
		j = next;
		p = name + n + bracket;
	}
	return (json_t *)j;
}

json_t *snap_get(const json_t *snapshot, const char *path, struct kt_err *err)
{
	return get_path(snapshot, snapshot, path, err);
}

json_t *snap_var(const json_t *snapshot, const char *name, struct kt_err *err)
{
	const char *colon = strchr(name, ':'), *variable = colon ? colon + 1 : name, *map_name;
	json_t *map, *found = NULL, *all = json_object();
	_cleanup_free_ char *where = xstrdup("");
	int n = 0;

	json_object_foreach(json_object_get(snapshot, "maps"), map_name, map) {
		json_t *variables = json_object_get(map, "variables"), *v = json_object_get(variables, variable);
		if (colon && (strlen(map_name) != (size_t)(colon - name) || strncmp(map_name, name, (size_t)(colon - name))))
			continue;
		json_object_update(all, variables);
		if (!v)
			continue;
		char *more = xasprintf("%s%s%s:%s", where, n++ ? ", " : "", map_name, variable);
		free(where);
		where = more;
		found = v;
	}
	_cleanup_free_ char *globals = list_names(all, NULL);
	json_decref(all);
	if (!n)
		kt_fail(err, "no variable '%s' (globals: %s)", name, globals);
	else if (n > 1)
		kt_fail(err, "there is more than one '%s': %s", name, where);
	return n == 1 ? found : NULL;
}

json_t *snap_map(const json_t *snapshot, const char *name, struct kt_err *err)
{
	json_t *maps = json_object_get(snapshot, "maps"), *map = json_object_get(maps, name);
	_cleanup_free_ char *names = list_names(maps, NULL);

	if (!map)
		kt_fail(err, "no map '%s' (captured maps: %s)", name, names);
	return map;
}

static json_t *entries_of(const json_t *map, const char *name, struct kt_err *err)
{
	json_t *entries = json_object_get(map, "entries");

	if (!json_is_array(entries))
		kt_fail(err, "the map '%s', of type %s, has no entries here%s", name, json_string_value(json_object_get(map, "type")),
			json_object_get(map, "variables") ? ": it has variables" : "");
	return entries;
}

/* Is this value what the text says: itself, or as JSON? */
static bool is_text(const json_t *v, const char *text)
{
	_cleanup_free_ char *dump = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	struct kt_err ignored;
	json_auto_t *parsed = kt_json_loads(text, strlen(text), "value", &ignored);

	return (json_is_string(v) && streq(json_string_value(v), text)) || (dump && streq(dump, text)) ||
		(parsed && json_equal(parsed, v));
}

json_t *snap_entry(const json_t *map, const char *name, const char *key, struct kt_err *err)
{
	json_t *entries = entries_of(map, name, err), *e;
	size_t i;

	if (!json_is_array(entries))
		return NULL;
	json_array_foreach(entries, i, e) {
		if (is_text(json_object_get(e, "key"), key))
			return e;
	}
	_cleanup_free_ char *keys = list_names(entries, "key");
	kt_fail(err, "the map '%s' has no key '%s' (keys: %s)", name, key, keys);
	return NULL;
}

static double number_of(const json_t *v)
{
	return json_is_string(v) ? strtod(json_string_value(v), NULL) : json_number_value(v);
}

json_t *snap_entries(const json_t *map, const char *name, const char *condition, struct kt_err *err)
{
	size_t at = strcspn(condition, "=!<>"), i;
	char op = condition[at];
	const char *want = condition + at + (op == '!' ? 2 : 1);
	json_t *entries = entries_of(map, name, err), *e, *found;

	if (!json_is_array(entries))
		return NULL;
	if (!at || !op || (op == '!' && condition[at + 1] != '=') || !*want) {
		kt_fail(err, "'%s' is not PATH=VALUE, PATH!=VALUE, PATH<NUMBER or PATH>NUMBER", condition);
		return NULL;
	}
	_cleanup_free_ char *path = strndup(condition, at);
	found = json_array();
	json_array_foreach(entries, i, e) {
		json_t *v = get_path(e, e, path, err);
		if (!v)
			return json_decref(found), NULL;
		if ((op == '<' || op == '>') && !json_is_number(v) && !json_is_string(v)) {
			kt_fail(err, "'%s' of the map '%s' is %s, not a number", path, name, type_name(v));
			return json_decref(found), NULL;
		}
		if (op == '=' ? is_text(v, want) : op == '!' ? !is_text(v, want) : op == '<' ? number_of(v) < strtod(want, NULL) :
		    number_of(v) > strtod(want, NULL))
			json_array_append(found, e);
	}
	if (json_array_size(found))
		return found;
	json_decref(found);
	kt_fail(err, "the map '%s': '%s' holds for none of %zu entries", name, condition, json_array_size(entries));
	return NULL;
}

json_t *snap_cpu(const json_t *snapshot, const char *number, struct kt_err *err)
{
	json_t *cpus = json_object_get(snapshot, "cpus"), *cpu;
	size_t i;

	json_array_foreach(cpus, i, cpu) {
		if (is_text(json_object_get(cpu, "cpu"), number))
			return cpu;
	}
	_cleanup_free_ char *all = list_names(cpus, "cpu");
	kt_fail(err, "no CPU '%s' (CPUs: %s)", number, all);
	return NULL;
}

json_t *snap_tasks(const json_t *snapshot, const char *which, struct kt_err *err)
{
	json_t *tasks = json_object_get(snapshot, "tasks"), *task, *found = json_array();
	size_t i;

	json_array_foreach(tasks, i, task) {
		if (is_text(json_object_get(task, "pid"), which) || is_text(json_object_get(task, "comm"), which))
			json_array_append(found, task);
	}
	if (json_array_size(found))
		return found;
	json_decref(found);
	_cleanup_free_ char *all = list_names(tasks, "comm");
	kt_fail(err, "no task '%s' (tasks: %s)", which, all);
	return NULL;
}

json_t *snap_dsq(const json_t *snapshot, const char *id, struct kt_err *err)
{
	json_t *dsqs = json_object_get(snapshot, "dsqs"), *dsq;
	size_t i;

	json_array_foreach(dsqs, i, dsq) {
		const char *is = json_string_value(json_object_get(dsq, "id"));
		char *end;

		errno = 0;
		unsigned long long want = strtoull(id, &end, 0);
		if (is && !errno && *id && !*end && want == strtoull(is, NULL, 0))
			return dsq;
	}
	_cleanup_free_ char *all = list_names(dsqs, "id");
	kt_fail(err, "no dispatch queue '%s' (queues: %s; local ones are with their CPU)", id, all);
	return NULL;
}
