// SPDX-License-Identifier: GPL-2.0-only
/* The records for people. Only the records are looked at; what came out of the guest is made printable. */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/printable.h"
#include <math.h>

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

static double num(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

static long long whole(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

/* Four digits, or all that are before the point. */
struct number { char s[64]; };
static struct number number(const json_t *v)
{
	struct number n = { "-" };
	double x = json_number_value(v);
	int before = fabs(x) >= 1 ? (int)floor(log10(fabs(x))) + 1 : 1;

	if (json_is_integer(v))
		snprintf(n.s, sizeof(n.s), "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		snprintf(n.s, sizeof(n.s), "%.*f", before < 4 && x != floor(x) ? 4 - before : 0, x);
	return n;
}

static void put(FILE *f, const char *text)
{
	_cleanup_free_ char *clean = printable(text, strlen(text));

	fputs(clean, f);
}

/* The worst value of every check, over the cgroups. */
static void put_checks(const json_t *figures, FILE *f)
{
	const json_t *a, *b;
	size_t i, k;

	json_array_foreach(figures, i, a) {
		const char *name = str(a, "figure"), *unit = str(a, "unit");
		bool floor = !strncmp(name, "min_", 4), worst = json_is_number(json_object_get(a, "threshold"));

		json_array_foreach(figures, k, b) {
			double x = num(a, "value"), y = num(b, "value");

			if (k != i && streq(str(b, "figure"), name) && (x == y ? k < i : (floor ? y < x : y > x)))
				worst = false;
		}
		if (worst)
			fprintf(f, "  %s %s%s%s", name, number(json_object_get(a, "value")).s,
				!*unit || streq(unit, "%") ? "" : " ", unit);
	}
}

static void put_seed(const json_t *r, FILE *f)
{
	static const struct { const char *outcome, *word; } words[] = {
		{ "passed", "PASS" }, { "failed", "FAIL" }, { "cannot_tell", "SKIP" }, { "lost", "LOST" },
	};
	size_t more = json_array_size(json_object_get(r, "failed"));

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(str(r, "outcome"), words[i].outcome))
			fprintf(f, "%8s seed %lld", words[i].word, whole(r, "seed"));
	if (streq(str(r, "outcome"), "passed")) {
		put_checks(json_object_get(r, "figures"), f);
	} else {
		fputs("  ", f);
		put(f, str(r, "reason"));
		if (more > 1)
			fprintf(f, " (and %zu more)", more - 1);
	}
	fputc('\n', f);
}

static void put_host(const json_t *r, FILE *f)
{
	if (whole(r, "ran"))
		fprintf(f, "\n%lld seeds run in %.1f s, %lld at a time; the guests' own execution took %.1f s\n",
			whole(r, "ran"), num(r, "wall_ms") / 1e3, whole(r, "jobs"), num(r, "guest_ms") / 1e3);
	else
		fputc('\n', f);
	fprintf(f, "kept in %s\n", str(r, "dir"));
}

static void put_figures(const json_t *figures, FILE *f)
{
	int name = sizeof("FIGURE") - 1, cgroup = sizeof("CGROUP") - 1;
	const json_t *r;
	size_t i;

	json_array_foreach(figures, i, r) {
		name = MAX(name, (int)strlen(str(r, "figure")));
		cgroup = MAX(cgroup, (int)strlen(str(r, "cgroup")));
	}
	fprintf(f, "%-*s %-*s %-10s %9s %9s %7s %9s %9s %9s %7s\n", name, "FIGURE", cgroup, "CGROUP", "UNIT",
		"THRESHOLD", "MIN", "SEED", "MEDIAN", "P99", "MAX", "SEED");
	json_array_foreach(figures, i, r) {
		const char *unit = *str(r, "unit") ? str(r, "unit") : "-";

		fprintf(f, "%-*s %-*s %-10s %9s %9s %7lld %9s %9s %9s %7lld\n", name, str(r, "figure"), cgroup,
			str(r, "cgroup"), unit, number(json_object_get(r, "threshold")).s,
			number(json_object_get(r, "min")).s, whole(r, "min_seed"),
			number(json_object_get(r, "median")).s, number(json_object_get(r, "p99")).s,
			number(json_object_get(r, "max")).s, whole(r, "max_seed"));
	}
}

/* "failed: 3 7-9" */
static void put_seeds(const char *what, const json_t *seeds, FILE *f)
{
	size_t n = json_array_size(seeds);

	if (n)
		fprintf(f, "%s:", what);
	for (size_t i = 0; i < n; i++) {
		long long from = json_integer_value(json_array_get(seeds, i)), to = from;

		while (i + 1 < n && json_integer_value(json_array_get(seeds, i + 1)) == to + 1)
			i++, to++;
		fprintf(f, to > from ? " %lld-%lld" : " %lld", from, to);
	}
	if (n)
		fputc('\n', f);
}

static void put_sweep(const json_t *r, FILE *f)
{
	const json_t *seeds = json_object_get(r, "seeds"), *worst = json_object_get(r, "worst");

	fprintf(f, "ktstr_sweep '%s' [topo=%s] seeds %lld..%lld: ", str(r, "name"), str(r, "topology"), whole(r, "first"),
		whole(r, "last"));
	fprintf(f, "%lld passed, %lld failed, %lld cannot tell, %lld lost\n\n", whole(r, "passed"), whole(r, "failed"),
		whole(r, "cannot_tell"), whole(r, "lost"));
	put_figures(json_object_get(r, "figures"), f);
	if (!json_is_object(worst))
		return;
	fputc('\n', f);
	put_seeds("failed", json_object_get(seeds, "failed"), f);
	put_seeds("cannot tell", json_object_get(seeds, "cannot_tell"), f);
	put_seeds("lost", json_object_get(seeds, "lost"), f);
	fprintf(f, "worst: seed %lld: ", whole(worst, "seed"));
	put(f, str(worst, "reason"));
	fprintf(f, "\nsee it again:\n  %s\n", str(worst, "replay"));
}

void text_record(const json_t *r, FILE *f)
{
	const char *kind = str(r, "kind");

	if (streq(kind, "seed"))
		put_seed(r, f);
	else if (streq(kind, "host"))
		put_host(r, f);
	else
		put_sweep(r, f);
}
