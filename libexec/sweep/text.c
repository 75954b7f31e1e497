// SPDX-License-Identifier: GPL-2.0-only
/* The records for people. Only the records are looked at; what came out of the guest is made printable. */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/printable.h"
#include <math.h>

static const char *get_string(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

static double get_number(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

static long long get_integer(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

/* Four digits, or all that are before the point. */
struct number { char s[64]; };
static struct number format_number(const json_t *v)
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

static void put_text(FILE *f, const char *text)
{
	_cleanup_free_ char *clean = printable(text, strlen(text));

	fputs(clean, f);
}

/* Of every check the worst value of all that it gave. */
static void put_checks(const json_t *figures, FILE *f)
{
	const json_t *a, *b;
	size_t i, k;

	json_array_foreach(figures, i, a) {
		const char *name = get_string(a, "figure"), *unit = get_string(a, "unit");
		bool worst = json_is_number(json_object_get(a, "threshold"));

		json_array_foreach(figures, k, b) {
			double x = get_number(a, "value"), y = get_number(b, "value");

			if (k != i && streq(get_string(b, "figure"), name) && (x == y ? k < i : figure_is_worse(a, y, x)))
				worst = false;
		}
		if (worst)
			fprintf(f, "  %s %s%s%s", name, format_number(json_object_get(a, "value")).s,
				!*unit || streq(unit, "%") ? "" : " ", unit);
	}
}

static void put_seed(const json_t *r, FILE *f)
{
	size_t more = json_array_size(json_object_get(r, "failed"));

	fprintf(f, "%8s seed %lld", kt_exit_word(record_exit(r)), get_integer(r, "seed"));
	if (streq(get_string(r, "outcome"), "passed")) {
		put_checks(json_object_get(r, "figures"), f);
	} else {
		fputs("  ", f);
		put_text(f, get_string(r, "reason"));
		if (more > 1)
			fprintf(f, " (and %zu more)", more - 1);
	}
	fputc('\n', f);
}

static void put_host(const json_t *r, FILE *f)
{
	if (get_integer(r, "ran"))
		fprintf(f, "\n%lld seeds run in %.1f s, %lld at a time; the guests' own execution took %.1f s\n",
			get_integer(r, "ran"), get_number(r, "wall_ms") / 1e3, get_integer(r, "jobs"), get_number(r, "guest_ms") / 1e3);
	else
		fputc('\n', f);
	fprintf(f, "kept in %s\n", get_string(r, "dir"));
}

static void put_figures(const json_t *figures, FILE *f)
{
	int name = sizeof("FIGURE") - 1, cgroup = sizeof("CGROUP") - 1;
	const json_t *r;
	size_t i;

	json_array_foreach(figures, i, r) {
		name = MAX(name, (int)strlen(get_string(r, "figure")));
		cgroup = MAX(cgroup, (int)strlen(get_string(r, "cgroup")));
	}
	fprintf(f, "%-*s %-*s %-10s %9s %9s %7s %9s %9s %9s %7s\n", name, "FIGURE", cgroup, "CGROUP", "UNIT",
		"THRESHOLD", "MIN", "SEED", "MEDIAN", "P99", "MAX", "SEED");
	json_array_foreach(figures, i, r) {
		const char *unit = *get_string(r, "unit") ? get_string(r, "unit") : "-";
		const char *of = *get_string(r, "cgroup") ? get_string(r, "cgroup") : "-";

		fprintf(f, "%-*s %-*s %-10s %9s %9s %7lld %9s %9s %9s %7lld\n", name, get_string(r, "figure"), cgroup,
			of, unit, format_number(json_object_get(r, "threshold")).s,
			format_number(json_object_get(r, "min")).s, get_integer(r, "min_seed"),
			format_number(json_object_get(r, "median")).s, format_number(json_object_get(r, "p99")).s,
			format_number(json_object_get(r, "max")).s, get_integer(r, "max_seed"));
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

	fprintf(f, "ktstr_sweep '%s' [topo=%s] seeds %lld..%lld: ", get_string(r, "name"), get_string(r, "topology"),
		get_integer(r, "first"), get_integer(r, "last"));
	fprintf(f, "%lld passed, %lld failed, %lld cannot tell, %lld lost\n\n", get_integer(r, "passed"), get_integer(r, "failed"),
		get_integer(r, "cannot_tell"), get_integer(r, "lost"));
	put_figures(json_object_get(r, "figures"), f);
	if (!json_is_object(worst))
		return;
	fputc('\n', f);
	put_seeds("failed", json_object_get(seeds, "failed"), f);
	put_seeds("cannot tell", json_object_get(seeds, "cannot_tell"), f);
	put_seeds("lost", json_object_get(seeds, "lost"), f);
	fprintf(f, "worst: seed %lld: ", get_integer(worst, "seed"));
	put_text(f, get_string(worst, "reason"));
	fprintf(f, "\nsee it again:\n  %s\n", get_string(worst, "replay"));
}

void text_record(const json_t *r, FILE *f)
{
	const char *kind = get_string(r, "kind");

	if (streq(kind, "seed"))
		put_seed(r, f);
	else if (streq(kind, "host"))
		put_host(r, f);
	else
		put_sweep(r, f);
}
