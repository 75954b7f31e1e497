// SPDX-License-Identifier: GPL-2.0-only
/* The record of a payload, with the metrics in its output. See record.h. */
#include "guest/scenario/record.h"
#include "libexec/lib/printable.h"
#include <math.h>

/* A record is a few hundred KB at most (report.h: REPORT_PARSED_MAX), whatever a program writes. */
enum { MAX_METRICS_BYTES = 128 * 1024, MAX_METRIC_NAME = 200, MAX_DEPTH = 32, MAX_TRIES = 100 };

const char *minder_end_name(enum minder_end end)
{
	static const char *const names[] = {
		[MINDER_RUNS] = "runs", [MINDER_BY_ITSELF] = "by_itself", [MINDER_STOPPED] = "stopped",
		[MINDER_KILLED] = "killed", [MINDER_TIMED_OUT] = "timed_out", [MINDER_NOT_STARTED] = "not_started",
	};

	return names[end];
}

struct metrics {
	json_t *all;
	size_t bytes;
	unsigned dropped;
};

static void add_metric(struct metrics *m, const char *path, const json_t *value)
{
	_cleanup_free_ char *name = printable(path, strlen(path));
	size_t size = strlen(name) + 32;

	if (strlen(name) > MAX_METRIC_NAME || m->bytes + size > MAX_METRICS_BYTES || !isfinite(json_number_value(value))) {
		m->dropped++;
		return;
	}
	m->bytes += size;
	json_object_set_new(m->all, name, json_is_integer(value) && llabs(json_integer_value(value)) < 1LL << 53 ?
			    json_integer(json_integer_value(value)) : json_real(json_number_value(value)));
}

static void collect_metrics(struct metrics *m, const char *path, const json_t *j, int depth)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_number(j)) {
		add_metric(m, path, j);
		return;
	}
	if (depth == MAX_DEPTH && json_is_object(j) + json_is_array(j)) {
		m->dropped++;
		return;
	}
	json_object_foreach((json_t *)j, key, value) {
		_cleanup_free_ char *below = xasprintf("%s%s%s", path, *path ? "." : "", key);
		collect_metrics(m, below, value, depth + 1);
	}
	json_array_foreach(j, i, value) {
		_cleanup_free_ char *below = xasprintf("%s%s%zu", path, *path ? "." : "", i);
		collect_metrics(m, below, value, depth + 1);
	}
}

/* The first JSON object or array that begins a line; text before it and behind it does not matter. */
static json_t *find_json(const struct minder_stream *s)
{
	const char *end = s->head + s->kept, *next;
	unsigned tries = MAX_TRIES;

	for (const char *p = s->head; p < end && tries; p = next) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		next = nl ? nl + 1 : end;
		while (p < next && (*p == ' ' || *p == '\t'))
			p++;
		if (p == end || (*p != '{' && *p != '['))
			continue;
		json_t *j = json_loadb(p, (size_t)(end - p), JSON_DISABLE_EOF_CHECK, NULL);
		if (j)
			return j;
		tries--;
	}
	return NULL;
}

static json_t *stream_tail(const struct minder_stream *s)
{
	size_t n;
	_cleanup_free_ char *text = tail_text(&s->tail, &n), *clean = printable(text, n);

	return json_string(clean);
}

static json_t *payload_exit(const struct minder *m)
{
	switch (m->child_end) {
	case CHILD_EXITED: return KT_PACK("{si}", "exited", m->code);
	case CHILD_SIGNALED: return kt_json_signal(m->code);
	case CHILD_RUNS: break;
	}
	return json_null();
}

static json_t *string_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

json_t *record_payload(const struct engine *e, const struct payload_run *r)
{
	const struct minder *m = r->m;
	_cleanup_free_ char *why = printable(m->err.msg, strlen(m->err.msg));
	struct metrics metrics = { .all = json_object() };
	json_auto_t *doc = NULL;
	const char *source = NULL;

	if (r->payload->output == PAYLOAD_JSON) {
		doc = find_json(&m->out);
		source = doc ? "stdout" : NULL;
		if (!doc) {
			doc = find_json(&m->errors);
			source = doc ? "stderr" : NULL;
		}
		collect_metrics(&metrics, "", doc, 0);
	}
	json_t *j = KT_PACK("{ss ss so si sI sI ss so sb sI sI so so si sI so sI so}",
		"kind", "payload", "name", r->payload->name, "cgroup", string_or_null(r->cgroup), "phase", (int)r->phase,
		"start_ns", (json_int_t)engine_time(e, m->start_ns),
		"end_ns", (json_int_t)engine_time(e, m->end == MINDER_NOT_STARTED ? m->start_ns : m->end_ns),
		"end", minder_end_name(m->end), "exit", payload_exit(m), "needed_kill", m->killed,
		"cpu_time_ns", (json_int_t)m->cpu_ns, "max_rss_kib", (json_int_t)m->max_rss_kib,
		"metrics_from", string_or_null(source), "metrics", metrics.all, "metrics_dropped", (int)metrics.dropped,
		"stdout_bytes", (json_int_t)m->out.tail.total, "stdout_tail", stream_tail(&m->out),
		"stderr_bytes", (json_int_t)m->errors.tail.total, "stderr_tail", stream_tail(&m->errors));
	if (m->end == MINDER_NOT_STARTED && json_object_set_new(j, "reason", json_string(why)))
		BUG("cannot build a record");
	return j;
}
