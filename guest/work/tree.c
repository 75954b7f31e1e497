// SPDX-License-Identifier: GPL-2.0-only
/* What a program and its descendants did, from /proc: see child.h. */
#include "guest/work/child.h"
#include <dirent.h>
#include <fcntl.h>

enum { MAX_PIDS = 256, STAT_PROCESSOR = 39 };

void tree_init(struct tree *t, unsigned max)
{
	*t = (struct tree){ .tasks = xcalloc(max, sizeof(*t->tasks)), .max = max };
}

static struct tree_task *task_slot(struct tree *t, pid_t tid)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->tasks[i].tid == tid)
			return &t->tasks[i];
	if (t->n == t->max) {
		t->more = true;
		return NULL;
	}
	t->tasks[t->n] = (struct tree_task){ .tid = tid };
	return &t->tasks[t->n++];
}

/* A file of a task, as text; "" when there is none. */
static const char *read_task_file(pid_t pid, const char *tid, const char *name)
{
	static char text[8192];
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid, tid, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[MAX(n, 0)] = '\0';
	return text;
}

/* The CPU it is on, or was last. The second field is in brackets and may hold anything. */
static void see_task_cpu(struct tree *t, pid_t pid, const char *tid)
{
	const char *p = strrchr(read_task_file(pid, tid, "stat"), ')');

	for (int field = 2; p && field < STAT_PROCESSOR; field++) {
		p = strchr(p + 1, ' ');
	}
	if (!p)
		return;
	unsigned long cpu = strtoul(p, NULL, 10);
	if (cpu < CPUMASK_MAX) {
		t->last_cpu = (unsigned)cpu;
		cpumask_set(&t->cpus, (unsigned)cpu);
	}
}

static void look_at_task(struct tree *t, pid_t pid, const char *tid, bool migrations)
{
	struct tree_task *task = task_slot(t, (pid_t)strtol(tid, NULL, 10));
	char *p = (char *)read_task_file(pid, tid, "schedstat");
	uint64_t run = strtoull(p, &p, 10), delay = strtoull(p, &p, 10), slices = strtoull(p, &p, 10);

	if (!task)
		return;
	if (run > task->run_ns || !task->timeslices)
		see_task_cpu(t, pid, tid);
	task->run_ns = MAX(run, task->run_ns);
	task->delay_ns = MAX(delay, task->delay_ns);
	task->timeslices = MAX(slices, task->timeslices);
	if (!migrations)
		return;
	p = strstr(read_task_file(pid, tid, "sched"), "nr_migrations");
	p = p ? strchr(p, ':') : NULL;
	if (p)
		task->migrations = strtoull(p + 1, NULL, 10);
}

void tree_look(struct tree *t, const struct child *c, bool migrations)
{
	static pid_t pids[MAX_PIDS];
	unsigned n = c->pid ? child_tree(pids, MAX_PIDS) : 0;

	for (unsigned i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/task", (int)pids[i]);
		DIR *dir = opendir(path);
		for (struct dirent *e; dir && (e = readdir(dir));)
			if (*e->d_name != '.')
				look_at_task(t, pids[i], e->d_name, migrations);
		if (dir)
			closedir(dir);
	}
}

struct tree_task tree_sum(const struct tree *t)
{
	struct tree_task sum = { 0 };

	for (unsigned i = 0; i < t->n; i++) {
		sum.run_ns += t->tasks[i].run_ns;
		sum.delay_ns += t->tasks[i].delay_ns;
		sum.timeslices += t->tasks[i].timeslices;
		sum.migrations += t->tasks[i].migrations;
	}
	return sum;
}
