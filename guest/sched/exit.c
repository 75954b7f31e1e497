// SPDX-License-Identifier: GPL-2.0-only
/* Why a scheduler is gone: see exit.h. */
#include "guest/sched/exit.h"
#include "libexec/lib/printable.h"
#include "guest/files.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/ktstr"

enum { MAX_LOG_LINES = 100, MAX_DUMP_LINES = 1000, MAX_LINE = 400 };

struct exit_watch {
	int kmsg, trace; /* -1: cannot be watched */
	json_t *log;     /* lines so far */
	size_t from;     /* those that are news */
};

/* The kernel's scx_exit_kind, by what its log calls the reason. */
static const struct kind {
	int number;
	const char *name, *reason;
} kinds[] = {
	{ 64, "unreg", "unregistered from user space" },
	{ 65, "unreg_bpf", "unregistered from BPF" },
	{ 66, "unreg_kern", "unregistered from the main kernel" },
	{ 67, "sysrq", "disabled by sysrq-S" },
	{ 68, "parent", "parent exiting" },
	{ 69, "parent_kill", "killed by parent scheduler" },
	{ 1024, "error", "runtime error" },
	{ 1025, "error_bpf", "scx_bpf_error" },
	{ 1026, "error_stall", "runnable task stall" },
	{ 1027, "error_reenq", "reenqueue limit" },
	{ 1028, "error_rescue", "rescue bandwidth overload" },
};

/* An instance of its own: nobody else's events, and a buffer no larger than a dump. */
static int open_trace(void)
{
	struct kt_err ignored;

	if (access(TRACEFS "/instances", F_OK) && mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		return -1;
	if ((mkdir(INSTANCE, 0700) && errno != EEXIST) || write_text(INSTANCE "/buffer_size_kb", "256", &ignored) ||
	    write_text(INSTANCE "/events/sched_ext/sched_ext_dump/enable", "1", &ignored))
		return -1;
	return open(INSTANCE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

struct exit_watch *exit_watch_create(void)
{
	struct exit_watch *w = xcalloc(1, sizeof(*w));

	w->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (w->kmsg >= 0)
		lseek(w->kmsg, 0, SEEK_END);
	w->trace = open_trace();
	w->log = json_array();
	return w;
}

static void add_line(json_t *lines, const char *text, size_t len, size_t max)
{
	_cleanup_free_ char *line = printable(text, MIN(len, (size_t)MAX_LINE));

	if (json_array_size(lines) < max)
		json_array_append_new(lines, json_string(line));
}

/* A record is "prefix;text\n" and perhaps lines of a dictionary. Backtraces come as indented lines after ours. */
static void read_log(struct exit_watch *w)
{
	char buf[8192];
	bool ours = false;
	ssize_t n;

	while (w->kmsg >= 0 && ((n = read(w->kmsg, buf, sizeof(buf) - 1)) > 0 || (n < 0 && errno == EPIPE))) {
		if (n < 0)
			continue; /* overwritten before it was read */
		buf[n] = '\0';
		const char *text = strchr(buf, ';');
		if (!text)
			continue;
		ours = !strncmp(++text, "sched_ext", 9) || (ours && *text == ' ');
		if (ours)
			add_line(w->log, text, strcspn(text, "\n"), MAX_LOG_LINES);
	}
}

json_t *exit_kernel_log(struct exit_watch *w)
{
	read_log(w);
	return json_incref(w->log);
}

json_t *exit_dump(struct exit_watch *w)
{
	static const char mark[] = "sched_ext_dump: ";
	_cleanup_free_ char *text = NULL;
	size_t have = 0, cap = 0;
	json_t *lines = json_array();
	ssize_t n = 1;

	while (w->trace >= 0 && n > 0) {
		cap = have + 65536;
		text = xrealloc(text, cap + 1, 1);
		n = read(w->trace, text + have, cap - have);
		have += n > 0 ? (size_t)n : 0;
	}
	for (char *p = text, *end = text + have, *nl; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			break;
		*nl = '\0';
		char *line = strstr(p, mark);
		if (line)
			add_line(lines, line + sizeof(mark) - 1, strlen(line + sizeof(mark) - 1), MAX_DUMP_LINES);
	}
	return lines;
}

int exit_watch_fd(const struct exit_watch *w)
{
	return w->kmsg;
}

bool exit_seen(struct exit_watch *w)
{
	read_log(w);
	for (size_t i = w->from; i < json_array_size(w->log); i++)
		if (strstr(json_string_value(json_array_get(w->log, i)), "\" disabled ("))
			return true;
	return false;
}

void exit_begin_again(struct exit_watch *w)
{
	w->from = json_array_size(w->log);
}

static const struct kind *kind_of(const char *reason, int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (reason ? streq(kinds[i].reason, reason) : kinds[i].number == number)
			return &kinds[i];
	return NULL;
}

/*
 * sched_ext: BPF scheduler "NAME" disabled (REASON)
 * sched_ext: NAME: MESSAGE
 * The last such pair: a scheduler may have been there before.
 */
static void from_log(const json_t *log, char *reason, size_t reason_size, char *message, size_t message_size)
{
	char name[128] = "";
	json_t *v;
	size_t i;

	json_array_foreach(log, i, v) {
		const char *line = json_string_value(v), *disabled = strstr(line, "\" disabled (");
		const char *first = strchr(line, '"');

		if (disabled && first < disabled) {
			snprintf(name, sizeof(name), "sched_ext: %.*s: ", (int)(disabled - first - 1), first + 1);
			snprintf(reason, reason_size, "%s", disabled + 12);
			reason[strcspn(reason, ")")] = '\0';
			*message = '\0';
		} else if (*name && !*message && !strncmp(line, name, strlen(name))) {
			snprintf(message, message_size, "%s", line + strlen(name));
		}
	}
}

json_t *exit_describe(struct exit_watch *w, const json_t *own)
{
	char reason[128] = "", message[1024] = "";
	const char *own_reason = json_string_value(json_object_get(own, "reason"));
	const char *own_message = json_string_value(json_object_get(own, "msg"));
	json_int_t number = json_integer_value(json_object_get(own, "kind"));
	json_t *code = json_object_get(own, "code"); /* an object need not note it */

	read_log(w);
	from_log(w->log, reason, sizeof(reason), message, sizeof(message));
	if (!*reason && number && own_reason)
		snprintf(reason, sizeof(reason), "%s", own_reason);
	if (!*message && number && own_message)
		snprintf(message, sizeof(message), "%s", own_message);
	const struct kind *k = kind_of(*reason ? reason : NULL, (int)number);
	return KT_PACK("{ss sI so ss ss}", "kind", k ? k->name : "unknown", "kind_number", k ? (json_int_t)k->number : number,
		       "code", number && code ? json_incref(code) : json_null(), "reason", reason,
		       "message", message);
}
