/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.h - the keys of a JSON object as data: one typed row a key.
 *
 * The same rows parse the spec, print ktstr-work --list and --list-keys, and are what ktstr-spec(5) is
 * compared with, so that a key cannot be read and not be documented.
 */
#ifndef KT_ROWS_H
#define KT_ROWS_H

#include "libexec/lib/json.h"

enum row_kind {
	ROW_BOOL,   /* bool */
	ROW_UINT,   /* unsigned */
	ROW_INT,    /* int64_t */
	ROW_REAL,   /* double */
	ROW_NS,     /* int64_t, in ns; written in the unit that the name ends in: _s, _ms, _us, _ns */
	ROW_STR,    /* const char * */
	ROW_ENUM,   /* unsigned: the index of a string in names */
	ROW_CUSTOM, /* parse() */
};

enum { ROW_NOWHERE = -1 }; /* an offset: checked, not kept */

struct row {
	const char *name;
	const char *alias;     /* a second name, or NULL */
	enum row_kind kind;
	bool required;
	ptrdiff_t offset;      /* where the value lands in the struct that the rows describe */
	double min, max, def;  /* in the unit of the name, for ENUM an index; def is not checked against the range */
	const char *const *names; /* ENUM: NULL-terminated */
	const char *type;      /* what is written there, for people; may be NULL for all but CUSTOM */
	const char *help;
	/* CUSTOM: read c into what lies at the offset, which is the whole struct when none is given; errors go through c. */
	bool (*parse)(const struct jcur *c, void *out, void *ctx);
	const struct row *sub; /* CUSTOM: the rows of the object (or of the elements of the array), for --list-keys */
};

/* Set every field to its default. */
void rows_default(const struct row *rows, void *out);
/*
 * Read an object whose keys are the rows' (the last has no name): unknown, missing, mistyped and
 * out-of-range ones are errors. Fields that are not given, or are wrong, get their default. In the order of
 * the rows, not of the file.
 */
bool rows_parse(const struct jcur *obj, const struct row *rows, void *out, void *ctx);
/* The same for an object that has exactly one of the keys; gives its row. Sets no defaults. */
bool rows_parse_one(const struct jcur *obj, const struct row *rows, void *out, void *ctx, const struct row **ret);
/* For programs, one line a key: prefix.name, type, unit, default, range, meaning, with tabs between; "-" for none. */
void rows_print(FILE *f, const char *prefix, const struct row *rows);
/* The same for people. */
void rows_describe(FILE *f, const char *indent, const struct row *rows);

/* The name in the NULL-terminated list that s is probably a slip of, or NULL. */
const char *nearest_name(const char *s, const char *const *names);
/* The names with ", " between them; free() it. */
char *join_names(const char *const *names);

#endif
