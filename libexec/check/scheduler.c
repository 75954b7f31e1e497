// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler under test was attached before the workers ran, they and the payloads were its tasks, and it was still there
 * when they were done. That it died is the first thing to know of a run: everything else followed from it. Or its death is what the
 * spec expects.
 */
#include "libexec/check/check.h"
#include <regex.h>

/* False: it is expected to survive. */
static bool expected_exit(const struct report *r, const char **how, const char **text)
{
	const struct expected_exit *e = &r->spec.expected;

	*how = e->matches ? "matches" : "contains";
	*text = e->matches ? e->matches : e->contains;
	return *text;
}

static bool found(const char *how, const char *pattern, const char *text)
{
	regex_t re;

	if (!streq(how, "matches"))
		return strstr(text, pattern);
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false; /* a bad one does not get past the spec's parser */
	bool yes = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return yes;
}

static void eval_expected(const struct report_scheduler *s, const char *how, const char *text, struct results *out)
{
	const char *verb = streq(how, "matches") ? "matches" : "contains";

	if (!s->died) {
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' survived, though it was expected to exit with an error that "
			   "%s '%s'", s->name, verb, text);
		return;
	}
	_cleanup_free_ char *all = xasprintf("%s: %s", s->reason ? s->reason : "", s->message ? s->message : "");
	if (found(how, text, all))
		result_add(out, VERDICT_PASS, 0, "the scheduler exited as expected: %s", all);
	else
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' exited with another error than expected: %s (expected one that "
			   "%s '%s')", s->name, all, verb, text);
}

/* Of somebody else's program the exit code is what it has to say: " (its loader exited with 3)", or "". */
static char *loader_end(const struct report_scheduler *s)
{
	const json_t *exit = json_object_get(json_object_get(s->end, "loader"), "exit"), *code = json_object_get(exit, "exited");
	const char *how = json_string_value(json_object_get(s->end, "how")), *sig = json_string_value(json_object_get(exit, "signaled"));

	if (!how || !streq(how, "binary") || (!json_is_integer(code) && !sig))
		return xstrdup("");
	return sig ? xasprintf(" (its loader was killed by %s)", sig) :
		xasprintf(" (its loader exited with %lld)", json_integer_value(code));
}

/* A line of the kernel's dump without the spaces that it begins with. */
static const char *dump_line(const json_t *dump, size_t i)
{
	const char *line = json_string_value(json_array_get(dump, i));

	return line ? line + strspn(line, " ") : NULL;
}

/* Whether a line of the dump is of this task among a CPU's runnable ones: "*R NAME[PID] -1940ms", the star before the one that runs. */
static bool is_task_line(const char *line, const char *task)
{
	const char *at = strchr(line, ' ');

	return at && at - line <= 2 && !strncmp(at + 1, task, strlen(task)) && at[1 + strlen(task)] == ' ';
}

/* The CPU on whose runqueue the dump has this task, "NAME[PID]"; -1: none. */
static int cpu_of_task(const json_t *dump, const char *task)
{
	int cpu = -1;

	for (size_t i = 0; i < json_array_size(dump); i++) {
		const char *line = dump_line(dump, i);

		if (line && sscanf(line, "CPU %d", &cpu) != 1 && cpu >= 0 && is_task_line(line, task))
			return cpu;
	}
	return -1;
}

/*
 * Who had the CPU of a task that stalled: "CPU 0 was held by SpinWait[119] of the rt class, worker 0 of cgroup 'hog'". The dump has,
 * of each CPU, "CPU N : ...", then "curr=NAME[PID] class=CLASS_sched_class", then its tasks. The kernel names the task that stalled,
 * or says that its watchdog did not run: then any CPU may be the one. NULL: a task of sched_ext or nobody had the CPU, so the
 * stall is the scheduler's doing.
 */
static char *who_held(const struct report *r)
{
	static const char suffix[] = "_sched_class", stalled[] = " failed to run for ";
	const json_t *dump = json_object_get(r->scheduler.end, "dump");
	const char *message = r->scheduler.message ? r->scheduler.message : "", *task_end = strstr(message, stalled);
	_cleanup_free_ char *task = task_end ? xasprintf("%.*s", (int)(task_end - message), message) : NULL;
	int cpu = 0, wanted = task ? cpu_of_task(dump, task) : -1;

	if (task && wanted < 0)
		return NULL;
	for (size_t i = 0; i < json_array_size(dump); i++) {
		const char *line = dump_line(dump, i), *class = line ? strstr(line, " class=") : NULL;
		char name[64], kind[32];
		int pid;

		if ((line && sscanf(line, "CPU %d", &cpu) == 1) || (wanted >= 0 && cpu != wanted))
			continue;
		if (!class || sscanf(line, "curr=%63[^[][%d]", name, &pid) != 2 || sscanf(class, " class=%31s", kind) != 1)
			continue;
		char *end = strstr(kind, suffix);
		if (!end || streq(kind, "ext_sched_class") || streq(kind, "idle_sched_class"))
			continue;
		*end = '\0';
		for (unsigned k = 0; k < r->nr_workers; k++)
			if (r->workers[k].present && r->workers[k].tid == pid)
				return xasprintf("CPU %d was held by %s[%d] of the %s class, worker %u of cgroup '%s'", cpu, name,
						 pid, kind, r->workers[k].index, r->workers[k].cgroup->name);
		return xasprintf("CPU %d was held by %s[%d] of the %s class", cpu, name, pid, kind);
	}
	return NULL;
}

static void add_death(const struct report *r, struct results *out)
{
	const struct report_scheduler *s = &r->scheduler;
	_cleanup_free_ char *loader = loader_end(s);
	_cleanup_free_ char *held = s->kind && streq(s->kind, "error_stall") ? who_held(r) : NULL;

	result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' died at %+lldms: %s%s%s%s%s%s", s->name,
		   (long long)s->died_at_ns / NSEC_PER_MSEC, s->reason && *s->reason ? s->reason : "its loader ended",
		   s->message && *s->message ? ": " : "", s->message ? s->message : "", loader, held ? "; " : "", held ? held : "");
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const struct report_scheduler *s = &r->scheduler;
	const char *how, *text;

	(void)threshold;
	if (!s->wanted)
		return;
	if (!s->name) {
		result_add(out, VERDICT_FAIL, 0, "the scheduler was never attached: the report has no word about it");
		return;
	}
	if (expected_exit(r, &how, &text)) {
		eval_expected(s, how, text, out);
		return;
	}
	if (s->died)
		add_death(r, out);
	else if (!s->enabled)
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' was never enabled", s->name);
	else if (s->builtin)
		result_add(out, VERDICT_PASS, 0, "the scheduler '%s' was switched on", s->name);
	else if (!s->tasks_counted)
		result_add(out, VERDICT_FAIL, 0, "nothing shows that a task ran under the scheduler '%s'", s->name);
	else if (!s->tasks_under)
		result_add(out, VERDICT_FAIL, 0, "none of %lld tasks ran under the scheduler '%s'", (long long)s->tasks, s->name);
	else
		result_add(out, VERDICT_PASS, 0, "%lld of %lld tasks ran under the scheduler '%s'%s", (long long)s->tasks_under,
			   (long long)s->tasks, s->name, json_is_true(json_object_get(s->end, "reloading")) ?
			   ", which the kernel had let go when the run ended, and which was being loaded again" : "");
}

const struct check check_scheduler = {
	.name = "scheduler",
	.summary = "the scheduler under test is attached before the workers run, and until they are done",
	.formula = "it was not enabled, had no task, or died; or did not, though that is expected",
	.on = CHECK_ALWAYS,
	.eval_run = eval_run,
};
