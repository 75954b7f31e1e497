/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flags.h - what a scheduler can be run with and without, and the profiles that follow: ktstr-scheduler(5).
 *
 *     "flags": [{"name": "llc", "args": ["--llc"]}, {"name": "borrow", "args": ["--borrow"], "requires": ["llc"]}]
 *
 * A profile is a set of flags that has with each flag what that requires. A set of flags is a mask: bit i is the flag
 * that is declared i-th. Strings live as long as the document.
 */
#ifndef KT_FLAGS_H
#define KT_FLAGS_H

#include "libexec/lib/json.h"
#include "libexec/lib/rows.h"

enum { FLAGS_MAX = 32, PROFILES_MAX = 256 };

struct flag {
	const char *name;
	json_t *args;     /* array of strings, of a binary; NULL: none */
	json_t *options;  /* object, of a BPF object; NULL: none */
	json_t *requires; /* array of names; NULL: none */
	uint32_t needs;   /* itself, and what that requires, and so on */
};

struct flags {
	struct flag v[FLAGS_MAX];
	size_t n;
};

/* Which profiles are wanted: those that have all of one and none of the other. */
struct flags_want {
	uint32_t required, excluded;
};

extern const struct row flag_rows[];

/* Read an array of flags into a struct flags; what is wrong with it is said at its place. */
bool flags_parse(const struct jcur *c, struct flags *ret);
/* The bit of the flag of this name; 0 when there is none, and err says which there are. */
uint32_t flags_find(const struct flags *f, const char *name, struct kt_err *err);
/* Required flags with all that they require; -1 and err when an excluded one is among them. */
int flags_settle(const struct flags *f, struct flags_want *w, struct kt_err *err);
/* A profile by its name, flags in any order; -1 and err when it is none, or not among those that are wanted. */
int flags_profile(const struct flags *f, const struct flags_want *w, const char *name, uint32_t *ret, struct kt_err *err);
/* Every profile that is wanted: the one with the fewest flags first. At most PROFILES_MAX, or -1 and err. */
int flags_profiles(const struct flags *f, const struct flags_want *w, uint32_t *ret, struct kt_err *err);
/* "llc+borrow" in the order of the declaration, "default" for none; free() it. */
char *flags_name(const struct flags *f, uint32_t profile);

#endif
