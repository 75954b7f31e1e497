/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h - strict JSON in, JSON Lines out, on jansson.
 *
 * Reading: syntax errors and duplicate keys are "file:line:col: message". Everything after that is checked through
 * a cursor that knows its path, so that an error reads "file: $.cgroups[1].cpuset.llc: message"; errors are
 * collected, not fatal, and a cursor function that fails returns false and leaves its output alone.
 */
#ifndef KT_JSON_H
#define KT_JSON_H

#include "libexec/lib/kt.h"
#include <jansson.h>

#define _cleanup_json_ _cleanup_(json_decrefp)

/* Read one JSON value from a file ("-" is stdin); NULL and err on failure, with code KT_USAGE when it is no JSON. */
json_t *kt_json_load(const char *path, struct kt_err *err);
json_t *kt_json_loads(const char *text, size_t len, const char *name, struct kt_err *err);

/*
 * Write one record as one line; keys in the order they were added. 0, or -1 and err. Reals print with 15 digits.
 * Build documents with json_pack(), which fails on NaN: check it, or use KT_PACK, which calls a failure a BUG.
 */
int kt_json_line(FILE *f, const json_t *record, struct kt_err *err);
#define KT_PACK(...) ({ json_t *j_ = json_pack(__VA_ARGS__); if (!j_) BUG("json_pack failed"); j_; })

/* How a process ended, as records have it: {"signaled": "SIGTERM"}. */
json_t *kt_json_signal(int sig);

/* What a whole document is checked with. */
struct jdoc {
	const char *file; /* for messages */
	struct kt_errs *errs;
};

/* A place in a document. up is the cursor of the parent, which must outlive this one (both on the stack). */
struct jcur {
	const struct jdoc *doc;
	const struct jcur *up;
	const char *key; /* NULL for an array element or the root */
	size_t index;
	json_t *j;
};

struct jcur jcur_root(const struct jdoc *doc, json_t *j);
/* The member called key, or false when there is none (no error). The parent must be an object. */
bool jcur_get(const struct jcur *obj, const char *key, struct jcur *ret);
/* The same, but a missing member is an error. */
bool jcur_need(const struct jcur *obj, const char *key, struct jcur *ret);
struct jcur jcur_at(const struct jcur *array, size_t i);
/* Add "file: $.path: message". Always returns false. */
bool jcur_error(const struct jcur *c, const char *fmt, ...) KT_PRINTF(2, 3);
/* Say the same on stderr, at once: no error. */
void jcur_note(const struct jcur *c, const char *fmt, ...) KT_PRINTF(2, 3);
/* "$.path"; free() it. */
char *jcur_path(const struct jcur *c);

/* Typed values with their range; the error names the rule. */
bool jcur_is_object(const struct jcur *c);
bool jcur_is_array(const struct jcur *c, size_t min_len);
bool jcur_int(const struct jcur *c, int64_t min, int64_t max, int64_t *ret);
bool jcur_real(const struct jcur *c, double min, double max, double *ret); /* takes integers too */
bool jcur_bool(const struct jcur *c, bool *ret);
bool jcur_str(const struct jcur *c, const char **ret); /* not empty; lives as long as the document */
enum { JCUR_NAME_MAX = 63 };
bool jcur_name(const struct jcur *c, const char **ret); /* up to so many letters, digits, '_', '-' and '.': good for a file's name */
/* Every key of the object is in the NULL-terminated list, or an error at that key. */
bool jcur_known(const struct jcur *obj, const char *const *keys);
/*
 * A variant: "Name" or {"Name": {...}}. Gives the name and, for the object form, a cursor to the parameters
 * (params->j is NULL for the string form).
 */
bool jcur_variant(const struct jcur *c, const char **name, struct jcur *params);

#endif
