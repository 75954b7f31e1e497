// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ktstr-load [--timeout-ms N] OBJ [NAME=JSON...]
 *
 * Loads the sched_ext scheduler in OBJ, any BPF object with one struct_ops map of sched_ext_ops or sched_ext_ops_cid, with its
 * options set (options.h), attaches it, and stays until SIGTERM or SIGINT. Then it lets go of the scheduler and writes to stdout, as
 * one JSON object, what the object's own record of its end says: the variable "uei", {"kind","code","reason","msg"}, which
 * sched_ext schedulers have by convention; and "programs", what it took to verify each. What libbpf and the verifier have to
 * say goes to stderr.
 *
 * --timeout-ms   the ops' own watchdog timeout, in place of the object's
 *
 * In a guest it is one more loader binary to the supervisor (supervisor.h), which has the time limits.
 */
#include "guest/sched/enums.h"
#include "guest/sched/object.h"
#include "guest/sched/options.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <signal.h>

struct load {
	const char *path;
	int64_t timeout_ms; /* 0: as the object has it */
	struct bpf_object *obj;
	struct bpf_map *ops;
	json_t *programs; /* what it took to verify them */
};

static const char help[] =
	"usage: ktstr-load [--timeout-ms N] OBJ [NAME=JSON...]\n"
	"Load the sched_ext scheduler in a BPF object, with options set, and keep it until SIGTERM.\n";

static int say_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, fmt, ap);
}

static void parse_options(int argc, char **argv, struct load *l)
{
	static const struct option longopts[] = {
		{ "timeout-ms", required_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' }, { 0 }
	};
	struct kt_err err;

	for (int c; (c = getopt_long(argc, argv, "+h", longopts, NULL)) != -1;) {
		switch (c) {
		case 't':
			if (kt_parse_i64(optarg, "--timeout-ms", 1, 30000, &l->timeout_ms, &err))
				die_usage("%s", err.msg);
			break;
		case 'h': fputs(help, stdout); exit(KT_OK);
		default: die_usage("bad option");
		}
	}
	if (optind == argc)
		die_usage("no BPF object given");
	l->path = argv[optind];
}

/* The member of the ops in the object's own layout, or NULL when it was compiled without. */
static void *ops_member(struct load *l, const char *name)
{
	const struct btf_type *t = object_value_type(l->obj, l->ops);
	char *value = bpf_map__initial_value(l->ops, &(size_t){ 0 });
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++, m++)
		if (streq(btf__name_by_offset(bpf_object__btf(l->obj), m->name_off), name))
			return value + m->offset / 8;
	return NULL;
}

static void set_options(struct load *l, char **args)
{
	struct kt_err err;
	json_error_t e;

	enums_set(l->obj);

	for (; *args; args++) {
		char *eq = strchr(*args, '=');

		if (!eq)
			die(KT_USAGE, "'%s' is not NAME=JSON", *args);
		_cleanup_free_ char *name = xasprintf("%.*s", (int)(eq - *args), *args);
		json_auto_t *value = json_loads(eq + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
		if (!value)
			die(KT_USAGE, "option '%s': '%s' is not JSON: %s", name, eq + 1, e.text);
		if (option_set(l->obj, name, value, &err))
			die(KT_USAGE, "%s", err.msg);
	}
	if (l->timeout_ms) {
		uint32_t *timeout = ops_member(l, "timeout_ms");

		if (timeout)
			*timeout = (uint32_t)l->timeout_ms;
	}
}

static void open_object(struct load *l)
{
	struct kt_err err;

	if (object_open(l->path, &l->obj, &l->ops, &err))
		die(KT_USAGE, "%s", err.msg);
}

/* A copy of the variable "uei" as it is now, and its type; or NULL. */
static char *read_uei(struct load *l, const struct btf_type **type)
{
	const struct btf *btf = bpf_object__btf(l->obj);
	int id = btf__find_by_name_kind(btf, "uei", BTF_KIND_VAR);
	struct bpf_map *map;

	bpf_object__for_each_map(map, l->obj) {
		const char *dot = strchr(bpf_map__name(map), '.');
		int sec_id = dot ? btf__find_by_name_kind(btf, dot, BTF_KIND_DATASEC) : -1;
		const struct btf_type *sec = sec_id > 0 ? btf__type_by_id(btf, (__u32)sec_id) : NULL;
		const struct btf_var_secinfo *v = sec ? btf_var_secinfos(sec) : NULL;

		for (int i = 0; sec && i < btf_vlen(sec); i++, v++) {
			size_t size = bpf_map__value_size(map);
			_cleanup_free_ char *all = xcalloc(1, size);

			*type = btf__type_by_id(btf, btf__type_by_id(btf, v->type)->type);
			if ((int)v->type != id || !btf_is_struct(*type) || v->offset + (*type)->size > size ||
			    bpf_map__lookup_elem(map, &(int){ 0 }, sizeof(int), all, size, 0))
				continue;
			memmove(all, all + v->offset, (*type)->size);
			return take(all);
		}
	}
	return NULL;
}

/* What the object noted about its end, whatever else is in the struct. */
static void print_exit(struct load *l)
{
	const struct btf *btf = bpf_object__btf(l->obj);
	const struct btf_type *type;
	_cleanup_free_ char *uei = read_uei(l, &type);
	json_auto_t *j = KT_PACK("{sO}", "programs", l->programs);
	struct kt_err err;

	const struct btf_member *m = uei ? btf_members(type) : NULL;
	for (int i = 0; uei && i < btf_vlen(type); i++, m++) {
		const char *name = btf__name_by_offset(btf, m->name_off), *at = uei + m->offset / 8;
		__s64 size = btf__resolve_size(btf, m->type);

		if (streq(name, "kind") && size == 4)
			json_object_set_new(j, "kind", json_integer(*(const int32_t *)at));
		else if (streq(name, "exit_code") && size == 8)
			json_object_set_new(j, "code", json_integer(*(const int64_t *)at));
		else if (streq(name, "reason") || streq(name, "msg"))
			json_object_set_new(j, name, json_stringn(at, strnlen(at, (size_t)MAX(size, 0))));
	}
	if (kt_json_line(stdout, j, &err))
		die(KT_TROUBLE, "%s", err.msg);
}

enum { STATS_LOG = 4, LOG_SIZE = 4096 };

/* "processed 15 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0" */
static json_int_t figure(const char *log, const char *before)
{
	const char *p = strstr(log, before);

	return p ? strtoll(p + strlen(before), NULL, 10) : -1;
}

static void add_program(struct load *l, const struct bpf_program *p, const char *log)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return;
	json_array_append_new(l->programs, KT_PACK("{ss sI sI sI sI sI sI}", "program", bpf_program__name(p),
		"verified_insns", (json_int_t)info.verified_insns, "total_states", figure(log, "total_states "),
		"peak_states", figure(log, "peak_states "), "verify_us", figure(log, "verification time "),
		"xlated_bytes", (json_int_t)info.xlated_prog_len, "jited_bytes", (json_int_t)info.jited_prog_len));
}

/*
 * Load it with no more of the verifier's log than its figures. Where that fails it is loaded once more, the way in which
 * libbpf shows the log.
 */
static void load_scheduler(struct load *l, char **options)
{
	_cleanup_free_ char *logs = NULL;
	struct bpf_program *p;
	size_t n = 0;

	bpf_object__for_each_program(p, l->obj) {
		n++;
	}
	logs = xcalloc(n, LOG_SIZE);
	n = 0;
	bpf_object__for_each_program(p, l->obj) {
		bpf_program__set_log_level(p, STATS_LOG);
		bpf_program__set_log_buf(p, logs + LOG_SIZE * n++, LOG_SIZE);
	}
	libbpf_set_print(NULL);
	int failed = bpf_object__load(l->obj);
	libbpf_set_print(say_libbpf);
	if (failed) {
		bpf_object__close(l->obj);
		open_object(l);
		set_options(l, options);
		if (bpf_object__load(l->obj))
			die(KT_TROUBLE, "cannot load '%s': %s", l->path, strerror(errno));
	}
	l->programs = json_array();
	n = 0;
	bpf_object__for_each_program(p, l->obj) {
		add_program(l, p, failed ? "" : logs + LOG_SIZE * n++);
	}
}

/* What a scheduler wants to know beside its ops: tracepoints, functions of the kernel. A skeleton would attach them as well. */
static void attach_others(struct load *l)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, l->obj) {
		if (bpf_program__type(p) == BPF_PROG_TYPE_STRUCT_OPS || !bpf_program__autoload(p) || !bpf_program__autoattach(p))
			continue;
		/* Some are not attached to anything: EOPNOTSUPP. */
		if (!bpf_program__attach(p) && errno != EOPNOTSUPP)
			die(KT_TROUBLE, "cannot attach program '%s' of '%s': %s", bpf_program__name(p), l->path, strerror(errno));
	}
}

static void keep_attached(struct load *l)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL); /* before there is something to let go of */
	attach_others(l);
	struct bpf_link *link = bpf_map__attach_struct_ops(l->ops);
	if (!link)
		die(KT_TROUBLE, "cannot attach '%s': %s", bpf_map__name(l->ops), strerror(errno));
	sigwaitinfo(&stop, NULL);
	/* The end of a link's last descriptor is acted upon later; this is done when it returns. */
	bpf_link__detach(link);
	bpf_link__destroy(link);
	print_exit(l);
}

int main(int argc, char **argv)
{
	struct load l = { 0 };

	kt_init("ktstr-load");
	json_object_seed(1);
	libbpf_set_print(say_libbpf);
	parse_options(argc, argv, &l);
	open_object(&l);
	set_options(&l, argv + optind + 1);
	load_scheduler(&l, argv + optind + 1);
	keep_attached(&l);
	return KT_OK;
}
