// SPDX-License-Identifier: GPL-2.0-only
/* Values of the machine: see machine.h. */
#include "guest/scenario/machine.h"
#include "guest/files.h"
#include <dirent.h>

#define IRQS "/proc/irq"

static void add_sysctl(struct strv *s, const struct sysctl_args *a)
{
	_cleanup_free_ char *path = sysctl_path(a->name);

	if (!access(path, F_OK))
		strv_add(s, "%s", path);
}

/* Several may have asked for one interrupt: their names are in a list with commas. */
static bool is_meant(const char *number, const struct irq_args *a)
{
	_cleanup_free_ char *path = xasprintf("/sys/kernel/irq/%s/actions", number);
	char names[256];

	if (a->is_number)
		return streq(number, a->name);
	if (read_text(path, names, sizeof(names), NULL))
		return false;
	for (char *rest = names, *name; (name = strsep(&rest, ","));)
		if (streq(name, a->name))
			return true;
	return false;
}

static int is_number(const struct dirent *e)
{
	return *e->d_name >= '0' && *e->d_name <= '9';
}

static void add_irqs(struct strv *s, const struct irq_args *a)
{
	struct dirent **all;
	int n = scandir(IRQS, &all, is_number, versionsort);

	for (int i = 0; i < n; i++) {
		if (is_meant(all[i]->d_name, a))
			strv_add(s, IRQS "/%s/smp_affinity_list", all[i]->d_name);
		free(all[i]);
	}
	if (n >= 0)
		free(all);
}

struct strv machine_files(const struct op *op)
{
	struct strv s = { 0 };

	if (op->kind == &op_write_sysctl)
		add_sysctl(&s, op->args);
	else if (op->kind == &op_steer_irq)
		add_irqs(&s, op->args);
	return s;
}

int saved_keep(struct saved_values *s, const char *path, struct kt_err *err)
{
	char value[CPULIST_LEN];

	for (size_t i = 0; i < s->n; i++)
		if (streq(s->v[i].path, path))
			return 0;
	if (read_text(path, value, sizeof(value), err))
		return -1;
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = (struct saved){ xstrdup(path), xstrdup(value) };
	return 0;
}

int saved_restore(struct saved_values *s, struct kt_err *err)
{
	struct kt_err now;
	int ret = 0;

	for (size_t i = s->n; i--;)
		if (write_text(s->v[i].path, s->v[i].value, &now) && !ret)
			ret = kt_fail(err, "%s", now.msg);
	saved_deinit(s);
	return ret;
}

void saved_deinit(struct saved_values *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].value);
	}
	free(s->v);
	*s = (struct saved_values){ 0 };
}
