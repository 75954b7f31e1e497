// SPDX-License-Identifier: GPL-2.0-only
/* Scheduler records: see read.h. */
#include "libexec/report/read.h"

static void replace_string(char **s, const char *with)
{
	free(*s);
	*s = xstrdup(with);
}

static bool read_exit_info(const struct jcur *c, struct report_scheduler *s)
{
	const char *kind;
	struct jcur reason, message;

	if (!jcur_is_object(c) || !report_need_str(c, "kind", &kind) || !jcur_need(c, "reason", &reason) ||
	    !jcur_need(c, "message", &message))
		return false;
	if (!json_is_string(reason.j) || !json_is_string(message.j))
		return jcur_error(c, "has a reason and a message that are strings");
	replace_string(&s->kind, kind);
	replace_string(&s->reason, json_string_value(reason.j));
	replace_string(&s->message, json_string_value(message.j));
	return true;
}

static bool read_scheduler_end(const struct jcur *c, struct report_scheduler *s)
{
	struct jcur asked, exit;
	int64_t at;
	bool by_us;

	if (!report_need_int(c, "at_ns", -REPORT_INT_MAX, REPORT_INT_MAX, &at) || !jcur_need(c, "asked", &asked) || !jcur_bool(&asked, &by_us) ||
	    !jcur_need(c, "exit", &exit))
		return false;
	s->attached = false;
	/* The first death is the one to explain; what came after it followed from it. */
	if (s->died)
		return true;
	if (json_is_object(exit.j) && !read_exit_info(&exit, s))
		return false;
	/* Asked to go, but gone of an error before it could. */
	s->died = !by_us || (s->kind && !strncmp(s->kind, "error", 5));
	s->died_at_ns = at;
	json_decref(s->end);
	s->end = json_incref(c->j);
	return true;
}

bool report_read_scheduler(const struct jcur *c, struct report *r)
{
	struct report_scheduler *s = &r->scheduler;
	const char *event, *name;

	if (!report_need_str(c, "event", &event) || !report_need_str(c, "name", &name))
		return false;
	replace_string(&s->name, name);
	s->builtin = json_is_string(json_object_get(c->j, "how")) && streq(json_string_value(json_object_get(c->j, "how")), "builtin");
	if (streq(event, "enabled")) {
		s->attached = true;
		s->enabled++;
	} else if (streq(event, "restarted")) {
		s->restarts++;
	} else if (streq(event, "ended")) {
		s->restarts += json_is_true(json_object_get(c->j, "reloading"));
		return read_scheduler_end(c, s);
	} else if (streq(event, "phase")) {
		struct jcur events;
		int64_t ns;

		if (!report_need_int(c, "duration_ns", 0, REPORT_INT_MAX, &ns) || !jcur_need(c, "events", &events) || !jcur_is_object(&events))
			return false;
		if (!s->phases)
			s->phases = json_array();
		if (json_array_size(s->phases) < REPORT_SCX_PHASES)
			json_array_append(s->phases, c->j);
	} else if (streq(event, "tasks")) {
		int64_t of, under;

		/* One for each wave of workers. */
		if (!report_need_int(c, "of", 0, SPEC_MAX_WORKERS, &of) || !report_need_int(c, "under", 0, of, &under))
			return false;
		s->tasks_counted = true;
		s->tasks = MIN(s->tasks + of, REPORT_INT_MAX);
		s->tasks_under = MIN(s->tasks_under + under, REPORT_INT_MAX);
	}
	return true;
}

void report_scheduler_deinit(struct report_scheduler *s)
{
	free(s->name);
	free(s->kind);
	free(s->reason);
	free(s->message);
	json_decref(s->end);
	json_decref(s->phases);
}
