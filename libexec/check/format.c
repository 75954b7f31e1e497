// SPDX-License-Identifier: GPL-2.0-only
/* The formats of verdicts, and what they share: see format.h. */
#include "libexec/check/format.h"

#include "libexec/check/verdict.h"
#include "libexec/lib/json.h"
#include "libexec/lib/printable.h"

static void format_text(const struct judged *list, size_t n, FILE *f)
{
	for (size_t i = 0; i < n; i++)
		verdict_print(list[i].verdict, f);
}

static void format_json(const struct judged *list, size_t n, FILE *f)
{
	struct kt_err err;

	for (size_t i = 0; i < n; i++)
		if (kt_json_line(f, list[i].verdict, &err))
			die(KT_TROUBLE, "%s", err.msg);
}

static const struct format formats[] = {
	{ "text", false, format_text },   { "json", false, format_json },  { "ktap", true, format_ktap },
	{ "tap13", true, format_tap13 },  { "tap14", true, format_tap14 }, { "junit", true, format_junit },
	{ "markdown", true, format_markdown },
};

const struct format *format_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (streq(formats[i].name, name))
			return &formats[i];
	return NULL;
}

char *format_names(void)
{
	char *names = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char *more = xasprintf("%s%s%s", names ? names : "", names ? ", " : "", formats[i].name);
		free(names);
		names = more;
	}
	return names;
}

static const char *member(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

enum state judged_state(const json_t *j)
{
	static const struct { const char *verdict; enum state state; } states[] = {
		{ "pass", STATE_PASSED },          { "fail", STATE_FAILED },         { "skip", STATE_SKIPPED },
		{ "inconclusive", STATE_SKIPPED }, { "unsupported", STATE_SKIPPED }, { "lost", STATE_ERROR },
		{ "error", STATE_ERROR },
	};
	const char *verdict = member(j, "verdict");

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (streq(states[i].verdict, verdict))
			return states[i].state;
	BUG("verdict '%s' is in no format", verdict);
}

size_t rows_in_state(const json_t *rows, enum state state)
{
	size_t n = 0, i;
	const json_t *row;

	json_array_foreach(rows, i, row)
		n += judged_state(row) == state;
	return n;
}

/* The first line. */
static char *clean(const char *text)
{
	return printable(text, strcspn(text, "\n"));
}

char *judged_name(const struct judged *j, bool where)
{
	const json_t *scheduler = json_object_get(j->verdict, "scheduler"), *seed = json_object_get(j->verdict, "seed");
	const char *name = member(j->verdict, "name"), *topology = member(j->verdict, "topology");
	const char *sched = member(scheduler, "name"), *profile = member(scheduler, "profile");
	_cleanup_free_ char *text = NULL, *number = json_is_integer(seed) && where ?
		xasprintf(" [seed=%lld]", (long long)json_integer_value(seed)) : NULL;

	if (!where)
		return clean(name ? name : j->path);
	text = xasprintf("%s%s%s%s%s%s%s%s%s%s", name ? name : j->path, sched ? " [sched=" : "", sched ? sched : "",
			 sched && profile ? "/" : "", sched && profile ? profile : "", sched ? "]" : "", topology ? " [topo=" : "",
			 topology ? topology : "", topology ? "]" : "", number ? number : "");
	return clean(text);
}

char *row_name(const json_t *row)
{
	const char *of = member(row, "cgroup") ? member(row, "cgroup") : member(row, "payload");
	const json_t *tid = json_object_get(row, "tid");
	_cleanup_free_ char *thread = tid ? xasprintf(" tid %lld", (long long)json_integer_value(tid)) : NULL;
	_cleanup_free_ char *text = xasprintf("%s%s%s%s", member(row, "check"), of ? " " : "", of ? of : "", thread ? thread : "");

	return clean(text);
}

char *judged_reason(const json_t *j)
{
	const char *verdict = member(j, "verdict"), *reason = member(j, "reason");
	bool plain = streq(verdict, "pass") || streq(verdict, "fail") || streq(verdict, "skip");
	_cleanup_free_ char *text = xasprintf("%s%s%s", plain ? "" : verdict, plain || !reason ? "" : ": ", reason ? reason : "");

	return clean(text);
}

const json_t *judged_rows(const struct judged *j)
{
	return json_object_get(j->verdict, "checks");
}
