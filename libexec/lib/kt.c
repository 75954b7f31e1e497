// SPDX-License-Identifier: GPL-2.0-only
/* Errors, program set-up and allocation: see kt.h. */
#include "libexec/lib/kt.h"

#include <fcntl.h>

static const char *prog = "ktstr";

static const struct { int code; const char *word; } exits[] = { /* from the best to the worst */
#define EXIT(name, code, word) { code, #word },
#include "libexec/lib/exits.list"
#undef EXIT
};

static size_t exit_rank(int code)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(exits) && exits[i].code != code)
		i++;
	return i;
}

int kt_exit_worse(int a, int b)
{
	return exit_rank(a) > exit_rank(b) ? a : b;
}

const char *kt_exit_word(int code)
{
	size_t rank = exit_rank(code);

	return rank < ARRAY_SIZE(exits) ? exits[rank].word : "BAD";
}

static void vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	/* A message that does not fit is cut; the cut is shown. */
	if (vsnprintf(buf, size, fmt, ap) >= (int)size)
		memcpy(buf + size - 4, "...", 4);
}

int kt_fail(struct kt_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = KT_TROUBLE;
	va_start(ap, fmt);
	vformat(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int kt_fail_as(struct kt_err *err, enum kt_exit code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	vformat(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int kt_context(struct kt_err *err, const char *fmt, ...)
{
	struct kt_err inner;
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	inner = *err;
	va_start(ap, fmt);
	vformat(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", inner.msg);
	return -1;
}

void kt_errs_add(struct kt_errs *errs, const char *fmt, ...)
{
	va_list ap;
	char *msg;

	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	errs->msgs = xrealloc(errs->msgs, errs->n + 1, sizeof(*errs->msgs));
	errs->msgs[errs->n++] = msg;
}

void kt_errs_print(const struct kt_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		kt_warn("%s", errs->msgs[i]);
}

void kt_errs_deinit(struct kt_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		free(errs->msgs[i]);
	free(errs->msgs);
	*errs = (struct kt_errs){ 0 };
}

static void close_stdout(void)
{
	/* EPIPE is a consumer that has seen enough; EBADF a stdout that was closed on purpose. */
	errno = 0;
	bool failed = ferror(stdout);
	if ((fclose(stdout) != 0 || failed) && errno != EPIPE && errno != EBADF) {
		kt_warn("cannot write to stdout: %s", errno ? strerror(errno) : "write error");
		_exit(KT_TROUBLE);
	}
}

/*
 * A standard descriptor that is closed would be given to the next file opened, and what is meant for it would go there. In
 * its place: what cannot be read from, or written to.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return; /* no /dev yet: init */
}

void kt_init(const char *name)
{
	fill_standard_descriptors();
	prog = name;
	if (atexit(close_stdout))
		BUG("atexit failed");
}

const char *kt_prog(void)
{
	return prog;
}

static void vsay(const char *fmt, va_list ap)
{
	char *msg;

	/* One write, so that the lines of the programs of a pipeline do not mix. */
	if (vasprintf(&msg, fmt, ap) < 0)
		return;
	fprintf(stderr, "%s: %s\n", prog, msg);
	free(msg);
}

void kt_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

void die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	exit(code);
}

void die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", prog);
	exit(KT_USAGE);
}

void kt_bug(const char *func, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: BUG in %s: ", prog, func);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		die(KT_TROUBLE, "out of memory");
	return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size);
	if (!p)
		die(KT_TROUBLE, "out of memory");
	return p;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		die(KT_TROUBLE, "out of memory");
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	return p;
}

int kt_parse_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret, struct kt_err *err)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	/* strtoll takes leading space and '+'; people who type those made a mistake. */
	if (end == s || *end || !(*s == '-' || (*s >= '0' && *s <= '9')))
		return kt_fail(err, "%s: '%s' is not a whole number", what, s);
	if (errno || v < min || v > max)
		return kt_fail(err, "%s: %s is not in %lld..%lld", what, s, (long long)min, (long long)max);
	*ret = v;
	return 0;
}

int kt_parse_time(const char *s, const char **end, int64_t *ret)
{
	static const struct { const char *name; int64_t ns; } units[] = { { "ns", 1 }, { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC },
									  { "s", NSEC_PER_SEC } };
	char *unit;

	errno = 0;
	long long v = strtoll(s, &unit, 10);
	size_t n = strspn(unit, "nums");
	if (unit == s || !(*s == '-' || (*s >= '0' && *s <= '9')) || errno)
		return -1;
	*end = unit + n;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == n && !memcmp(unit, units[i].name, n))
			return __builtin_mul_overflow(v, units[i].ns, ret) ? -1 : 0;
	return -1;
}

int kt_write_all(int fd, const void *buf, size_t len)
{
	for (const char *p = buf; len;) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

int64_t kt_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)NSEC_PER_SEC + t.tv_nsec;
}
