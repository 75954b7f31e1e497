// SPDX-License-Identifier: GPL-2.0-only
/* Payload records: see read.h. */
#include "libexec/report/read.h"

enum { MAX_RUNS = 4096 };
static const int64_t TIME_MAX = INT64_C(1) << 53;

static bool read_exit(const struct jcur *c, struct report_payload *p)
{
	const char *how, *signal;
	struct jcur params;
	int64_t code = 0;

	if (json_is_null(c->j))
		return true;
	if (!jcur_variant(c, &how, &params))
		return false;
	if (streq(how, "exited") && params.j) {
		p->exited = jcur_int(&params, 0, 255, &code);
		p->exit_code = (int)code;
		return p->exited;
	}
	if (!streq(how, "signaled") || !params.j)
		return jcur_error(c, "must be {\"exited\": CODE} or {\"signaled\": NAME}, or null");
	if (json_is_integer(params.j)) {
		if (!jcur_int(&params, 1, 64, &code))
			return false;
		snprintf(p->signal, sizeof(p->signal), "signal %d", (int)code);
		return true;
	}
	if (!jcur_str(&params, &signal))
		return false;
	if (strlen(signal) >= sizeof(p->signal))
		return jcur_error(&params, "is not the name of a signal");
	memcpy(p->signal, signal, strlen(signal) + 1);
	return true;
}

static bool read_end(const struct jcur *c, struct report_payload *p)
{
	static const char *const names[] = {
		[PAYLOAD_BY_ITSELF] = "by_itself", [PAYLOAD_STOPPED] = "stopped", [PAYLOAD_KILLED] = "killed",
		[PAYLOAD_TIMED_OUT] = "timed_out", [PAYLOAD_NOT_STARTED] = "not_started",
	};
	const char *end;

	if (!jcur_str(c, &end))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!streq(end, names[i]))
			continue;
		p->end = (enum payload_end)i;
		return true;
	}
	return jcur_error(c, "'%s' is not one of the ends that a payload can have", end);
}

static bool read_metrics(const struct jcur *c, struct report_payload *p)
{
	const char *key;
	json_t *value;

	if (!jcur_is_object(c))
		return false;
	json_object_foreach(c->j, key, value)
		if (!json_is_number(value)) {
			struct jcur e = { .doc = c->doc, .up = c, .key = key, .j = value };
			return jcur_error(&e, "must be a number");
		}
	p->metrics = json_incref(c->j);
	return true;
}

bool report_read_payload(const struct jcur *c, struct report *r)
{
	struct jcur name_at, end, exit, metrics, from, start_at, end_at, reason;
	struct report_payload p = { 0 };
	int64_t start_ns, end_ns;
	const char *name;

	if (!r->workers)
		return false; /* no run record to hold it against, or a bad one, which has been said */
	if (!jcur_need(c, "name", &name_at) || !jcur_str(&name_at, &name))
		return false;
	p.payload = payloads_find(&r->spec.payloads, name);
	if (!p.payload)
		return jcur_error(&name_at, "the spec has no payload '%s'", name);
	if (r->nr_payload_runs == MAX_RUNS)
		return jcur_error(c, "more than %d payload records", MAX_RUNS);
	if (!jcur_need(c, "end", &end) || !read_end(&end, &p) || !jcur_need(c, "exit", &exit) || !read_exit(&exit, &p) ||
	    !jcur_need(c, "start_ns", &start_at) || !jcur_int(&start_at, -TIME_MAX, TIME_MAX, &start_ns) ||
	    !jcur_need(c, "end_ns", &end_at) || !jcur_int(&end_at, start_ns, TIME_MAX, &end_ns) ||
	    !jcur_need(c, "metrics_from", &from) || !jcur_need(c, "metrics", &metrics) || !read_metrics(&metrics, &p))
		return false;
	p.ran_ns = end_ns - start_ns;
	p.has_json = !json_is_null(from.j);
	if (jcur_get(c, "reason", &reason) && json_is_string(reason.j))
		p.reason = xstrdup(json_string_value(reason.j));
	r->payload_runs = xrealloc(r->payload_runs, r->nr_payload_runs + 1, sizeof(*r->payload_runs));
	r->payload_runs[r->nr_payload_runs++] = p;
	return true;
}

const char *report_payload_missing(const struct report *r)
{
	for (size_t i = 0; i < r->spec.payloads.n; i++) {
		bool there = false;

		for (size_t k = 0; k < r->nr_payload_runs; k++)
			there |= r->payload_runs[k].payload == &r->spec.payloads.v[i];
		if (!there)
			return r->spec.payloads.v[i].name;
	}
	return NULL;
}

void report_payloads_deinit(struct report *r)
{
	for (size_t i = 0; i < r->nr_payload_runs; i++) {
		json_decref(r->payload_runs[i].metrics);
		free(r->payload_runs[i].reason);
	}
	free(r->payload_runs);
}
