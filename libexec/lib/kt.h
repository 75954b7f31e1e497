/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kt.h - errors, cleanup, checked allocation and the banned list. Every .c file includes it first.
 *
 * Library functions never exit: they return 0 or -1 (or NULL) and fill a struct kt_err owned by the caller, which
 * is left alone on success. Programs call die() with one of the exit codes below. A state that cannot be is BUG().
 */
#ifndef KT_H
#define KT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h> /* before the poison below: it declares what is banned */
#include <unistd.h>

/* Exit codes of every program: KT_OK, KT_NO ...; listed under EXIT STATUS in every manual page. */
enum kt_exit {
#define EXIT(name, code, word) KT_##name = code,
#include "libexec/lib/exits.list"
#undef EXIT
};
/* The worse of two exit codes, in the order of exits.list. */
int kt_exit_worse(int a, int b);
/* The word that heads the line of a run that ends so: "PASS". */
const char *kt_exit_word(int code);

#define KT_PRINTF(f, a) __attribute__((format(printf, f, a)))

/*
 * One error: a message, complete enough to print as it is ("cannot open 'x': No such file or directory"), and what a program
 * exits with that ends because of it.
 */
struct kt_err {
	enum kt_exit code;
	char msg[1024];
};

/* Fill err (which may be NULL) and return -1, so that a caller can write: return kt_fail(err, ...). The code is KT_TROUBLE. */
int kt_fail(struct kt_err *err, const char *fmt, ...) KT_PRINTF(2, 3);
/* The same with another code. */
int kt_fail_as(struct kt_err *err, enum kt_exit code, const char *fmt, ...) KT_PRINTF(3, 4);
/* Put "context: " before the message that is there; the code stays. Returns -1. */
int kt_context(struct kt_err *err, const char *fmt, ...) KT_PRINTF(2, 3);

/* A list of errors, for input that is checked as a whole and reported as a whole. */
struct kt_errs {
	char **msgs;
	size_t n;
};
void kt_errs_add(struct kt_errs *errs, const char *fmt, ...) KT_PRINTF(2, 3);
void kt_errs_print(const struct kt_errs *errs); /* one "prog: message" a line, on stderr */
void kt_errs_deinit(struct kt_errs *errs);

/* Name the program for its messages, and check stdout when it exits: a full disk must not look like success. */
void kt_init(const char *prog);
const char *kt_prog(void);
void kt_warn(const char *fmt, ...) KT_PRINTF(1, 2);           /* "prog: message" on stderr */
_Noreturn void die(int code, const char *fmt, ...) KT_PRINTF(2, 3);
/* After a bad option: points to --help and exits 129. */
_Noreturn void die_usage(const char *fmt, ...) KT_PRINTF(1, 2);

#define BUG(...) kt_bug(__func__, __VA_ARGS__)
_Noreturn void kt_bug(const char *func, const char *fmt, ...) KT_PRINTF(2, 3);

/* Allocation that ends the program when memory is gone. Not for the measured part of a run. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) KT_PRINTF(1, 2);

/* A decimal integer with nothing before or after it, within [min, max]; what names it in the error. */
int kt_parse_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret, struct kt_err *err);
/* A whole number of ns, us, ms or s, as "700ms", in ns; *end is what comes behind it. -1: there is none, or it is beyond an int64_t. */
int kt_parse_time(const char *s, const char **end, int64_t *ret);

/* Write all of buf, or return -1 with errno set: a disk that fills up in the middle is an error, not a short count. */
int kt_write_all(int fd, const void *buf, size_t len);

/* Scope cleanup: _cleanup_free_ char *s = NULL; ... return take(s); */
#define _cleanup_(fn) __attribute__((cleanup(fn)))
static inline void kt_freep(void *p) { free(*(void **)p); }
static inline void kt_closep(int *fd) { if (*fd >= 0) close(*fd); }
static inline void kt_fclosep(FILE **f) { if (*f) fclose(*f); }
#define _cleanup_free_ _cleanup_(kt_freep)
#define _cleanup_close_ _cleanup_(kt_closep)
#define _cleanup_fclose_ _cleanup_(kt_fclosep)
/* Hand a pointer over: its value, with the variable set to NULL. */
#define take(p) ({ __typeof__(p) take_ = (p); (p) = NULL; take_; })
#define take_fd(fd) ({ int take_ = (fd); (fd) = -1; take_; })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define streq(a, b) (!strcmp(a, b))

enum { NSEC_PER_USEC = 1000, NSEC_PER_MSEC = 1000000, NSEC_PER_SEC = 1000000000 };
int64_t kt_now_ns(void); /* CLOCK_MONOTONIC */

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atof ctime asctime

#endif
