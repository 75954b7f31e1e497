// SPDX-License-Identifier: GPL-2.0-only
/* Records of what is not our code: programs as workers. See record.h. */
#include "guest/scenario/record.h"
#include "libexec/lib/printable.h"
#include "guest/work/outside.h"

static void set_member(json_t *j, const char *key, json_t *value)
{
	if (json_object_set_new(j, key, value))
		BUG("cannot build a record");
}

static json_t *program_exit(const struct outside *o)
{
	switch (o->end) {
	case OUTSIDE_EXITED: return KT_PACK("{si}", "exited", o->code);
	case OUTSIDE_SIGNALED: return kt_json_signal(o->code);
	case OUTSIDE_TIMED_OUT: return json_string("timed_out");
	case OUTSIDE_RUNS: break;
	}
	return json_string("not_started");
}

void record_outside(json_t *j, const struct outside *o, bool worker_timed_out)
{
	char used[CPULIST_LEN];
	size_t n;
	_cleanup_free_ char *text = tail_text(&o->errors, &n);
	_cleanup_free_ char *tail = printable(text, n), *bad = printable(o->first_bad, strlen(o->first_bad));
	if (o->pid)
		set_member(j, "tid", json_integer(o->pid));
	set_member(j, "migrations", json_integer((json_int_t)o->migrations));
	set_member(j, "cpus_used", json_string(cpulist_format(&o->cpus, used)));
	if (o->timeslices) {
		set_member(j, "run_delay_ns", json_integer((json_int_t)o->delay_ns));
		set_member(j, "timeslices", json_integer((json_int_t)o->timeslices));
	}
	/* The program's end is the worker's; one that ended as it was told to has done what a worker does. */
	if (o->end != OUTSIDE_RUNS && (o->early || !o->obeyed) && !worker_timed_out)
		set_member(j, "exit", program_exit(o));
	set_member(j, "program", KT_PACK("{ss si sb sI ss so sI ss}", "path", o->command.path, "tasks", (int)o->tasks,
				  "more_tasks", o->more_tasks, "bad_lines", (json_int_t)o->bad_lines, "first_bad_line", bad,
				  "exit", program_exit(o), "stderr_bytes", (json_int_t)o->errors.total, "stderr_tail", tail));
}
