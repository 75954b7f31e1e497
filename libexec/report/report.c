// SPDX-License-Identifier: GPL-2.0-only
/* Reading a report: see report.h. The records of workers, schedulers and payloads have files of their own. */
#include "libexec/report/report.h"

#include "libexec/lib/lines.h"
#include "libexec/lib/printable.h"
#include "libexec/report/read.h"

enum { MAX_LOG = 64 * 1024 };

/* Take over what the check of one line found: safe to print, and no more than anyone reads. */
static void keep_defects(struct report *r, struct kt_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		if (r->nr_defects++ >= REPORT_DEFECTS)
			continue;
		_cleanup_free_ char *text = printable(errs->msgs[i], strlen(errs->msgs[i]));
		kt_errs_add(&r->defects, "%s", text);
	}
	kt_errs_deinit(errs);
}

static KT_PRINTF(2, 3) void defect(struct report *r, const char *fmt, ...)
{
	_cleanup_free_ char *msg = NULL;
	struct kt_errs one = { 0 };
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	kt_errs_add(&one, "report: %s", msg);
	keep_defects(r, &one);
}

bool report_need_int(const struct jcur *obj, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	struct jcur c;

	return jcur_need(obj, key, &c) && jcur_int(&c, min, max, ret);
}

bool report_need_str(const struct jcur *obj, const char *key, const char **ret)
{
	struct jcur c;

	return jcur_need(obj, key, &c) && jcur_str(&c, ret);
}

bool report_need_cpus(const struct jcur *obj, const char *key, struct cpumask *ret)
{
	struct kt_err err;
	struct jcur c;

	if (!jcur_need(obj, key, &c))
		return false;
	if (!json_is_string(c.j) || json_string_length(c.j) >= CPULIST_LEN)
		return jcur_error(&c, "must be a cpulist");
	return !cpulist_parse(json_string_value(c.j), ret, &err) || jcur_error(&c, "%s", err.msg);
}

static bool add_cgroup(const struct jcur *c, struct report *r, const char *name, const struct work_spec *work, int64_t workers)
{
	struct report_cgroup *cg = &r->cgroups[r->nr_cgroups];

	cg->name = name;
	cg->work = work;
	cg->index = r->nr_cgroups++;
	cg->nr_workers = workers;
	r->nr_workers += workers;
	return r->nr_workers <= SPEC_MAX_WORKERS || jcur_error(c, "asks for more than %d workers", SPEC_MAX_WORKERS);
}

/* One batch: workers that the spec starts in one place. */
static bool read_batch(const struct jcur *c, struct report *r)
{
	const struct work_spec *work;
	const char *name, *path, *owner;
	int64_t workers, group = 0;
	struct jcur at;

	if (!jcur_is_object(c) || !report_need_str(c, "cgroup", &name) ||
	    !report_need_int(c, "workers", 1, SPEC_MAX_WORKERS, &workers) || !report_need_str(c, "path", &path) ||
	    (jcur_get(c, "group", &at) && !jcur_int(&at, 0, SPEC_MAX_WORKERS, &group)))
		return false;
	work = spec_work_at(&r->spec, path, (unsigned)group, &owner);
	if (!work)
		return group ? jcur_error(c, "the spec has no group %lld of workers at '%s'", (long long)group, path) :
			jcur_error(c, "the spec starts no workers at '%s'", path);
	if (!streq(owner, name))
		return jcur_error(c, "the workers at '%s' are of cgroup '%s', not '%s'", path, owner, name);
	return add_cgroup(c, r, name, work, workers);
}

/* What the worker records are held against: the batches that the spec comes to on the plan. */
static bool read_batches(const struct jcur *run, struct report *r)
{
	struct jcur list;

	if (!jcur_need(run, "batches", &list) || !jcur_is_array(&list, 0))
		return false;
	size_t n = json_array_size(list.j);
	if (n > SPEC_MAX_WORKERS)
		return jcur_error(&list, "has more than %d batches", SPEC_MAX_WORKERS);
	r->cgroups = xcalloc(n, sizeof(*r->cgroups));
	for (size_t i = 0; i < n; i++) {
		struct jcur e = jcur_at(&list, i);

		if (!read_batch(&e, r))
			return false;
	}
	r->workers = xcalloc(r->nr_workers, sizeof(*r->workers));
	struct report_worker *w = r->workers;
	for (size_t i = 0; i < n; w += r->cgroups[i++].nr_workers)
		r->cgroups[i].workers = w;
	return true;
}

/* As everybody reads it, but that there is no plan to check it against: ktstr-boot did that before it ran. */
static bool read_spec(const struct jcur *run, struct report *r)
{
	_cleanup_free_ char *file = xasprintf("%s: spec", run->doc->file);
	struct jcur c;

	return jcur_need(run, "spec", &c) && !spec_from_json(c.j, file, NULL, &r->spec, run->doc->errs);
}

static bool read_run(const struct jcur *c, struct report *r)
{
	struct jcur plan, kernel;
	const char *clock;
	int64_t version;

	if (!report_need_int(c, "ktstr", 0, REPORT_INT_MAX, &version))
		return false;
	if (version != 1)
		return jcur_error(c, "has schema version %lld, and this program reads 1", (long long)version);
	if (!report_need_str(c, "name", &r->name) || !jcur_need(c, "plan", &plan) || !jcur_is_object(&plan) ||
	    !report_need_str(&plan, "name", &r->topology) || !jcur_need(c, "kernel", &kernel) || !jcur_is_object(&kernel) ||
	    !report_need_str(&kernel, "release", &r->kernel) || !report_need_str(c, "clock", &clock) ||
	    !report_need_int(c, "seed", 0, REPORT_INT_MAX, &r->seed) || !read_spec(c, r) || !read_batches(c, r))
		return false;
	r->scheduler.wanted = r->spec.scheduler.kind != SCHEDULER_NONE || r->spec.nr_staged;
	r->virtual_clock = streq(clock, "virtual");
	if (!r->virtual_clock && !streq(clock, "real"))
		return jcur_error(c, "has clock '%s', which is neither virtual nor real", clock);
	return true;
}

static bool read_end(const struct jcur *c, struct report *r)
{
	const char *outcome, *reason = NULL;
	struct jcur why;

	if (!report_need_str(c, "outcome", &outcome))
		return false;
	if (jcur_get(c, "reason", &why) && !json_is_string(why.j))
		return jcur_error(&why, "must be a string");
	reason = json_string_value(json_object_get(c->j, "reason"));
	if (!outcome_parse(outcome, &r->outcome))
		return jcur_error(c, "outcome '%s' is not done, lost, unsupported or error", outcome);
	r->reason = reason && *reason ? xstrdup(reason) : NULL;
	return true;
}

static bool read_splat(const struct jcur *c, struct report *r)
{
	const char *text;

	if (!report_need_str(c, "text", &text))
		return false;
	if (json_array_size(r->splats) >= REPORT_SPLATS)
		return jcur_error(c, "is one of more than %d splats", REPORT_SPLATS);
	r->splats = r->splats ? r->splats : json_array();
	json_array_append_new(r->splats, json_string(text));
	return true;
}

/* As it came: it is parsed only when an assertion is about it. */
static void keep_moment(struct report *r, const char *line, size_t len)
{
	if (r->moments_size + len > REPORT_MOMENTS) {
		r->moments_lost = true;
		return;
	}
	r->moments_size += len;
	r->moments = xrealloc(r->moments, r->nr_moments + 1, sizeof(*r->moments));
	struct report_moment *m = &r->moments[r->nr_moments++];
	*m = (struct report_moment){ xcalloc(len, 1), len };
	memcpy(m->line, line, len);
}

/*
 * What a snapshot is of comes before what it has, which may be megabytes. One that is not as it should be says nothing: no verdict depends
 * on it.
 */
static void note_snapshot(struct report *r, const char *line, size_t len)
{
	enum { HEAD = 400 };
	size_t head = MIN(len, (size_t)HEAD);
	if (memmem(line, head, ",\"name\":\"periodic_", 18) && memmem(line, head, ",\"by\":\"time\"", 12))
		keep_moment(r, line, len);
	const char *end = memmem(line, head, ",\"cpus\":", 8), *error = memmem(line, head, ",\"error\":", 9);

	end = end ? end : error;
	_cleanup_free_ char *text = end ? xasprintf("%.*s}", (int)(end - line), line) : NULL;
	_cleanup_json_ json_t *j = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *by = json_string_value(json_object_get(j, "by"));
	if (!by || streq(by, "time") || streq(by, "op") || streq(by, "watch") || !json_is_string(json_object_get(j, "name")))
		return;
	r->snapshots = r->snapshots ? r->snapshots : json_array();
	if (json_array_size(r->snapshots) < REPORT_SNAPSHOTS)
		json_array_append_new(r->snapshots, KT_PACK("{sO ss sO*}", "name", json_object_get(j, "name"), "by", by, "at_ns",
							    json_object_get(j, "at_ns")));
}

/* Keep the line as it came: it is parsed only when somebody wants to see it. */
static void keep_log(struct report *r, const char *line, size_t len)
{
	struct report_log *log = &r->tail[r->nr_logs++ % REPORT_TAIL];

	log->len = MIN(len, (size_t)MAX_LOG);
	log->line = xrealloc(log->line, log->len, 1);
	memcpy(log->line, line, log->len);
}

json_t *report_log_tail(const struct report *r)
{
	json_t *out = json_array();

	for (unsigned long i = r->nr_logs - MIN(r->nr_logs, (unsigned long)REPORT_TAIL); i < r->nr_logs; i++) {
		const struct report_log *log = &r->tail[i % REPORT_TAIL];
		_cleanup_json_ json_t *j = json_loadb(log->line, log->len, JSON_REJECT_DUPLICATES, NULL);
		const char *source = json_string_value(json_object_get(j, "source"));
		const char *text = json_string_value(json_object_get(j, "text"));

		/* One that is not what it says it is, or was too long to keep, is shown as it came. */
		_cleanup_free_ char *raw = text ? NULL : printable(log->line, MIN(log->len, (size_t)200));
		json_array_append_new(out, KT_PACK("{s:s, s:s}", "source", source ? source : "report",
						   "text", text ? text : raw));
	}
	return out;
}

/* How the kinds are treated; a kind that is not here is skipped. */
static const struct kind {
	const char *name;
	bool (*read)(const struct jcur *c, struct report *r); /* NULL: it is taken as it came */
	void (*keep)(struct report *r, const char *line, size_t len);
} kinds[] = { { "run", read_run }, { "worker", report_read_worker }, { "payload", report_read_payload }, { "scheduler", report_read_scheduler },
	      { "sample", report_read_sample, keep_moment }, { "splat", read_splat }, { "end", read_end }, { "log", NULL, keep_log },
	      { "snapshot", NULL, note_snapshot } };

static const struct kind *kind_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return &kinds[i];
	return NULL;
}

/*
 * The kind that writers put first, without parsing; false when the line does not begin as they
 * write it.
 */
static bool peek_kind(const char *line, size_t len, const struct kind **ret)
{
	static const char lead[] = "{\"kind\":\"";
	enum { LEAD = sizeof(lead) - 1, LONGEST = 32 };

	if (len < LEAD || memcmp(line, lead, LEAD))
		return false;
	const char *end = memchr(line + LEAD, '"', MIN(len - LEAD, (size_t)LONGEST));
	if (!end)
		return false;
	*ret = kind_find(line + LEAD, end - line - LEAD);
	return true;
}

struct reader {
	struct report *r;
	bool ended, over, cut; /* over: something came behind the end, and that has been said */
	char where[48]; /* "report: line 12" */
};

static void read_parsed(struct reader *rd, const char *line, size_t len, struct kt_errs *errs)
{
	struct report *r = rd->r;
	json_error_t e;
	const char *name;

	/* The first line is the host's, and a plan can be long. */
	if (r->lines > 1 && len > REPORT_PARSED_MAX) {
		kt_errs_add(errs, "%s: longer than %d bytes", rd->where, REPORT_PARSED_MAX);
		return;
	}
	_cleanup_json_ json_t *j = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);
	if (!j && rd->cut) /* a truncated report, which its missing end says better */
		return;
	if (!j) {
		kt_errs_add(errs, "%s: column %d: %s", rd->where, MAX(e.column, 1), e.text);
		return;
	}
	struct jdoc doc = { .file = rd->where, .errs = errs };
	struct jcur c = jcur_root(&doc, j);
	if (!jcur_is_object(&c) || !report_need_str(&c, "kind", &name))
		return;
	const struct kind *k = kind_find(name, strlen(name));
	if (!k)
		return;
	if (k->read == read_run) {
		if (r->lines > 1) {
			jcur_error(&c, "a second 'run' record");
			return;
		}
		r->run = json_incref(j);
		read_run(&c, r);
		return;
	}
	if (!k->read)
		k->keep(r, line, len);
	else if (k->read(&c, r)) {
		rd->ended |= k->read == read_end;
		if (k->keep)
			k->keep(r, line, len);
	}
}

/* What is wrong with a record of this kind in this place; NULL: nothing. */
static const char *misplaced(struct reader *rd, bool peeked, const struct kind *kind)
{
	bool run = kind && kind->read == read_run;

	if (rd->r->lines == 1)
		return peeked && !run ? "the first record must be 'run'" : NULL;
	if (!rd->ended && !run)
		return NULL;
	rd->over = true;
	return run ? "a second report begins; give them one at a time" : "a record behind the 'end' record";
}

static void read_line(struct reader *rd, const struct lines *l, const char *line, size_t len)
{
	const struct kind *kind = NULL;
	struct report *r = rd->r;
	struct kt_errs errs = { 0 };

	r->lines = l->n;
	rd->cut = l->cut;
	snprintf(rd->where, sizeof(rd->where), "report: line %lu", l->n);
	bool peeked = peek_kind(line, len, &kind);
	const char *problem = misplaced(rd, peeked, kind);
	if (problem)
		kt_errs_add(&errs, "%s: %s", rd->where, problem);
	else if (l->too_long)
		kt_errs_add(&errs, "%s: longer than %zu bytes", rd->where, l->max);
	else if (!peeked || (kind && kind->read))
		read_parsed(rd, line, len, &errs);
	else if (kind)
		kind->keep(r, line, len);
	keep_defects(r, &errs);
}

int report_read(int fd, struct report *ret, struct kt_err *err)
{
	_cleanup_(lines_deinit) struct lines l = lines_init(fd, REPORT_LINE_MAX);
	struct report r = { .outcome = OUTCOME_TRUNCATED };
	struct reader rd = { .r = &r };
	const char *line;
	size_t len;
	int rc;

	while ((rc = lines_next(&l, &line, &len, err)) > 0)
		if (!rd.over)
			read_line(&rd, &l, line, len);
	if (rc < 0) {
		report_deinit(&r);
		return -1;
	}
	if (r.lines && !r.run && !r.nr_defects && !(r.lines == 1 && rd.cut))
		defect(&r, "line 1: the first record must be 'run'");
	*ret = r;
	return 0;
}

void report_deinit(struct report *r)
{
	json_decref(r->run);
	for (size_t i = 0; i < r->nr_cgroups; i++)
		free(r->cgroups[i].wake_latency);
	free(r->cgroups);
	free(r->workers);
	report_payloads_deinit(r);
	spec_deinit(&r->spec);
	free(r->reason);
	report_scheduler_deinit(&r->scheduler);
	report_samples_deinit(&r->samples);
	for (size_t i = 0; i < r->nr_moments; i++)
		free(r->moments[i].line);
	free(r->moments);
	json_decref(r->splats);
	json_decref(r->snapshots);
	kt_errs_deinit(&r->defects);
	for (size_t i = 0; i < REPORT_TAIL; i++)
		free(r->tail[i].line);
	*r = (struct report){ 0 };
}

json_t *report_log(const char *source, const char *text, size_t len)
{
	json_t *s = json_stringn(text, len);

	if (!s) {
		_cleanup_free_ char *clean = printable(text, len);
		s = json_string(clean);
	}
	return KT_PACK("{s:s, s:s, s:o}", "kind", "log", "source", source, "text", s);
}

json_t *report_end(enum outcome outcome, const char *reason)
{
	return KT_PACK("{s:s, s:s, s:s}", "kind", "end", "outcome", outcome_name(outcome), "reason", reason);
}
