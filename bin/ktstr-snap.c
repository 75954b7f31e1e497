// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-snap - usage: ktstr-snap [options] REPORT [NAME [VERB ARGUMENT...]]
 *
 * Reads a report, or any JSON Lines with snapshot records in them, and prints what was asked of one snapshot. See ktstr-snap(1).
 */
#include "libexec/snap/snap.h"
#include "libexec/lib/lines.h"
#include <fcntl.h>
#include <getopt.h>

static const char usage[] =
	"usage: ktstr-snap [options] REPORT                     the snapshots of a report\n"
	"       ktstr-snap [options] REPORT NAME                one at a glance\n"
	"       ktstr-snap [options] REPORT NAME var VARIABLE   a global variable of the scheduler\n"
	"       ktstr-snap [options] REPORT NAME get PATH       a value: cpus[0].scx.nr_running\n"
	"       ktstr-snap [options] REPORT NAME map MAP [KEY]  a BPF map, or an entry of it\n"
	"       ktstr-snap [options] REPORT NAME cpu N          a CPU\n"
	"       ktstr-snap [options] REPORT NAME task COMM|PID  tasks\n"
	"       ktstr-snap [options] REPORT NAME dsq ID         a dispatch queue\n"
	"       ktstr-snap [options] REPORT diff NAME NAME      what differs\n"
	"\n"
	"      --find CONDITION  with map: the entries for which it holds: value.count>3\n"
	"      --format FORMAT   text (default) or json, one line\n"
	"  -h, --help            this text\n";

enum { LINE_MAX_SIZE = 16 << 20 };

struct request {
	const char *report, *find;
	bool json;
	char **words; /* after the report */
	int n;
};

/* The snapshots of a report, in their order. */
static json_t *read_snapshots(const char *path)
{
	static const char start[] = "{\"kind\":\"snapshot\"";
	_cleanup_close_ int fd = streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct lines lines = lines_init(fd, LINE_MAX_SIZE);
	json_t *all = json_array();
	struct kt_err err;
	const char *line;
	size_t len;
	int r;

	if (fd < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	while ((r = lines_next(&lines, &line, &len, &err)) > 0) {
		if (len < sizeof(start) - 1 || memcmp(line, start, sizeof(start) - 1))
			continue;
		_cleanup_free_ char *name = xasprintf("%s: line %lu", path, lines.n);
		if (lines.too_long)
			die(KT_TROUBLE, "%s has more than %d MiB", name, LINE_MAX_SIZE >> 20);
		json_t *j = kt_json_loads(line, len, name, &err);
		if (!j)
			die(KT_TROUBLE, "%s", err.msg);
		json_array_append_new(all, j);
	}
	if (r < 0)
		die(KT_TROUBLE, "%s", err.msg);
	lines_deinit(&lines);
	return all;
}

static const char *name_of(const json_t *snapshot)
{
	const char *s = json_string_value(json_object_get(snapshot, "name"));

	return s ? s : "";
}

/* The last of this name. */
static json_t *find_snapshot(const json_t *all, const char *name)
{
	json_t *j, *found = NULL;
	_cleanup_free_ char *names = xstrdup("");
	size_t i;

	json_array_foreach(all, i, j) {
		char *more = xasprintf("%s%s%s", names, i ? ", " : "", name_of(j));
		free(names);
		names = more;
		found = streq(name_of(j), name) ? j : found;
	}
	if (!found)
		die(KT_NO, "no snapshot '%s' (snapshots: %s)", name, i ? names : "none");
	return found;
}

static void print_value(const struct request *r, const json_t *j)
{
	_cleanup_free_ char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | (r->json ? JSON_COMPACT : JSON_INDENT(2)));

	if (!text)
		BUG("json_dumps failed");
	puts(!r->json && json_is_string(j) ? json_string_value(j) : text);
}

static int list_snapshots(const struct request *r, const json_t *all)
{
	json_t *j;
	size_t i;

	json_array_foreach(all, i, j) {
		if (r->json) {
			json_auto_t *line = KT_PACK("{sO sO* sO*}", "name", json_object_get(j, "name"), "by", json_object_get(j, "by"),
						    "at_ns", json_object_get(j, "at_ns"));
			print_value(r, line);
		} else {
			_cleanup_free_ char *when = snap_moment(j);
			printf("%-24s %15s  by %s\n", name_of(j), when, json_string_value(json_object_get(j, "by")));
		}
	}
	if (!json_array_size(all))
		die(KT_NO, "there is no snapshot in '%s': ktstr-boot --snapshot-at and --periodic take some", r->report);
	return KT_OK;
}

static int show_diff(const struct request *r, const json_t *all)
{
	if (r->n != 3)
		die_usage("'diff' takes the names of two snapshots");
	json_auto_t *changes = snap_diff(find_snapshot(all, r->words[1]), find_snapshot(all, r->words[2]));
	json_t *c;
	size_t i;

	json_array_foreach(changes, i, c) {
		const json_t *was = json_object_get(c, "was"), *is = json_object_get(c, "is");
		_cleanup_free_ char *a = was ? json_dumps(was, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
		_cleanup_free_ char *b = is ? json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
		if (r->json)
			print_value(r, c);
		else if (a && b)
			printf("%s: %s -> %s\n", json_string_value(json_object_get(c, "path")), a, b);
		else
			printf("%s: %s %s\n", json_string_value(json_object_get(c, "path")), a ? "gone, was" : "new,", a ? a : b);
	}
	return KT_OK;
}

/* New. */
static json_t *look_up(const struct request *r, const json_t *s, struct kt_err *err)
{
	const char *verb = r->words[1], *what = r->words[2];

	if (streq(verb, "var"))
		return json_incref(snap_var(s, what, err));
	if (streq(verb, "get"))
		return json_incref(snap_get(s, what, err));
	if (streq(verb, "cpu"))
		return json_incref(snap_cpu(s, what, err));
	if (streq(verb, "dsq"))
		return json_incref(snap_dsq(s, what, err));
	if (streq(verb, "task"))
		return snap_tasks(s, what, err);
	const json_t *map = snap_map(s, what, err);
	if (!map)
		return NULL;
	return r->find ? snap_entries(map, what, r->find, err) :
		json_incref(r->n == 4 ? snap_entry(map, what, r->words[3], err) : (json_t *)map);
}

static int show_snapshot(const struct request *r, const json_t *all)
{
	static const char *const verbs[] = { "var", "get", "map", "cpu", "task", "dsq", NULL };
	const json_t *s = find_snapshot(all, r->words[0]);
	bool is_map = r->n > 1 && streq(r->words[1], "map");
	struct kt_err err;
	int i = 0;

	if (r->n == 1) {
		if (r->json)
			print_value(r, s);
		else
			snap_print_table(s, stdout);
		return KT_OK;
	}
	while (verbs[i] && !streq(verbs[i], r->words[1]))
		i++;
	if (!verbs[i])
		die_usage("'%s' is not a verb: var, get, map, cpu, task, dsq, or diff in the place of a name", r->words[1]);
	if (r->n != 3 && !(is_map && r->n == 4 && !r->find))
		die_usage("'%s' takes %s", r->words[1], is_map ? "the name of a map, and a key or --find" : "one argument");
	if (r->find && !is_map)
		die_usage("--find goes with 'map'");
	json_auto_t *v = look_up(r, s, &err);
	if (!v)
		die(KT_NO, "%s", err.msg);
	print_value(r, v);
	return KT_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "find", required_argument, NULL, 'f' }, { "format", required_argument, NULL, 'F' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct request r = { 0 };

	kt_init("ktstr-snap");
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'f': r.find = optarg; break;
		case 'F':
			if (!streq(optarg, "json") && !streq(optarg, "text"))
				die_usage("--format: '%s' is not text or json", optarg);
			r.json = streq(optarg, "json");
			break;
		case 'h': fputs(usage, stdout); return KT_OK;
		default: die_usage("bad option");
		}
	}
	if (optind == argc)
		die_usage("no report given");
	r.report = argv[optind];
	r.words = argv + optind + 1;
	r.n = argc - optind - 1;
	json_auto_t *all = read_snapshots(r.report);
	return !r.n ? list_snapshots(&r, all) : streq(r.words[0], "diff") ? show_diff(&r, all) : show_snapshot(&r, all);
}
