// SPDX-License-Identifier: GPL-2.0-only
/* Arithmetic by width: see alu.h. */
#include "guest/work/alu.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* x -> x * FACTOR + SUMMAND, in 16 bits at least. What the compiler knew it would fold, hence HIDE. */
enum { FACTOR = 27893, SUMMAND = 13849, WRONG = 1 << 16 };

const char *const alu_width_names[] = { "Widest", "Scalar", "Vec128", "Vec256", "Vec512", "Amx", NULL };

#ifdef __x86_64__
#define HIDE(reg, x) __asm__ volatile("" : "+" reg(x))
#define LANES(x) (sizeof(x) / sizeof((x)[0]))
#else
#define HIDE(reg, x) __asm__ volatile("" : "+r"(x))
#endif

/* What all chains hold in the end; the low 16 bits of it, whatever the lanes' width. */
static unsigned chain_result(void)
{
	unsigned x = 1;

	for (unsigned i = 0; i < ALU_ROUNDS; i++)
		x = x * FACTOR + SUMMAND;
	return x & 0xffff;
}

#define START(reg, x) do { (x) += 1; HIDE(reg, x); } while (0)
#define STEP(reg, x) do { (x) = (x) * factor + summand; HIDE(reg, x); } while (0)
#define ALL(op, reg) op(reg, a); op(reg, b); op(reg, c); op(reg, d); op(reg, e); op(reg, f); op(reg, g); op(reg, h)

/* Eight chains in registers of one kind. Afterwards a is one of them, and differ what the others have in other bits. */
#define CHAINS(type, reg) \
	type a = { 0 }, b = a, c = a, d = a, e = a, f = a, g = a, h = a, factor = a + FACTOR, summand = a + SUMMAND; \
	HIDE(reg, factor); \
	HIDE(reg, summand); \
	ALL(START, reg); \
	for (unsigned i = ALU_ROUNDS; i; i--) { \
		ALL(STEP, reg); \
	} \
	type differ = (a ^ b) | (a ^ c) | (a ^ d) | (a ^ e) | (a ^ f) | (a ^ g) | (a ^ h)

__attribute__((noinline)) static unsigned alu_scalar(void)
{
	CHAINS(uint64_t, "r");
	return differ ? WRONG : a & 0xffff;
}

#ifdef __x86_64__
#define VECTOR_KERNEL(name, isa, bytes) \
	__attribute__((noinline, target(isa))) static unsigned name(void) \
	{ \
		typedef uint16_t vec __attribute__((vector_size(bytes))); \
		CHAINS(vec, "x"); \
		vec last = a; /* or a would have to live in memory */ \
		for (unsigned i = 0; i < LANES(last); i++) \
			if (differ[i] || last[i] != last[0]) \
				return WRONG; \
		return last[0]; \
	}

VECTOR_KERNEL(alu_vec128, "sse2", 16)
VECTOR_KERNEL(alu_vec256, "avx2", 32)
VECTOR_KERNEL(alu_vec512, "avx512f,avx512bw", 64)

enum { TILE_ROWS = 16, TILE_BYTES = 64 };

/* Every element of a sum grows by 64 products of 1 and 1 in every round. */
static unsigned amx_result(void)
{
	return ALU_ROUNDS * TILE_BYTES;
}

__attribute__((noinline, target("amx-tile,amx-int8"))) static unsigned alu_amx(void)
{
	static const struct {
		uint8_t palette, start_row, reserved[14];
		uint16_t row_bytes[16];
		uint8_t rows[16];
	} config = { .palette = 1, .row_bytes = { 64, 64, 64, 64, 64, 64 }, .rows = { 16, 16, 16, 16, 16, 16 } };
	static int8_t ones[TILE_ROWS][TILE_BYTES];
	static int32_t sums[4][TILE_ROWS][TILE_ROWS];

	memset(ones, 1, sizeof(ones));
	_tile_loadconfig(&config);
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	_tile_loadd(4, ones, TILE_BYTES);
	_tile_loadd(5, ones, TILE_BYTES);
	for (unsigned i = 0; i < ALU_ROUNDS; i++) {
		_tile_dpbssd(0, 4, 5);
		_tile_dpbssd(1, 4, 5);
		_tile_dpbssd(2, 4, 5);
		_tile_dpbssd(3, 4, 5);
	}
	_tile_stored(0, sums[0], TILE_BYTES);
	_tile_stored(1, sums[1], TILE_BYTES);
	_tile_stored(2, sums[2], TILE_BYTES);
	_tile_stored(3, sums[3], TILE_BYTES);
	_tile_release();
	for (unsigned i = 0; i < sizeof(sums) / sizeof(sums[0][0][0]); i++)
		if ((&sums[0][0][0])[i] != sums[0][0][0])
			return WRONG;
	return sums[0][0][0];
}
#endif

static bool always(void)
{
	return true;
}

#ifdef __x86_64__
/* The builtin looks at XCR0 too. */
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

static bool has_amx(void)
{
	enum { TILE = 1 << 24, INT8 = 1 << 25, XCR0_TILES = 3 << 17 }; /* CPUID leaf 7, EDX; XCR0 */
	unsigned a, b, c, d, xcr0;

	/* Not by the builtin: clang 14, which fuzzes this file, has no name for it. */
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return false;
	__asm__("xgetbv" : "=a"(xcr0), "=d"(d) : "c"(0));
	return (xcr0 & XCR0_TILES) == XCR0_TILES && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & TILE) && (d & INT8);
}
#endif

/* By enum alu_width; without run() it is not for this architecture. */
static const struct kernel {
	const char *needs;
	bool (*has)(void);
	unsigned (*run)(void);
	unsigned (*result)(void);
} kernels[] = {
	[ALU_SCALAR] = { "", always, alu_scalar, chain_result },
#ifdef __x86_64__
	[ALU_VEC128] = { "SSE2", always, alu_vec128, chain_result },
	[ALU_VEC256] = { "AVX2", has_avx2, alu_vec256, chain_result },
	[ALU_VEC512] = { "AVX-512BW", has_avx512, alu_vec512, chain_result },
	[ALU_AMX] = { "AMX-INT8", has_amx, alu_amx, amx_result },
#else
	[ALU_AMX] = { 0 },
#endif
};

static unsigned expected[ARRAY_SIZE(kernels)];

int alu_resolve(enum alu_width asked, enum alu_width *ret, struct kt_err *err)
{
	unsigned width = asked;

#ifdef __x86_64__
	__builtin_cpu_init();
#endif
	if (asked == ALU_WIDEST)
		for (width = ALU_AMX; !kernels[width].run || !kernels[width].has(); width--)
			;
	if (!kernels[width].run)
		return kt_fail(err, "the width %s is none of this architecture's", alu_width_names[width]);
	if (!kernels[width].has())
		return kt_fail(err, "the width %s needs %s, which this CPU or its kernel does not have",
			       alu_width_names[width], kernels[width].needs);
	*ret = width;
	return 0;
}

int alu_allow(enum alu_width width, struct kt_err *err)
{
	expected[width] = kernels[width].result();
#ifdef __x86_64__
	enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

	if (width == ALU_AMX && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA))
		return kt_fail(err, "the kernel does not allow AMX tiles: %s", strerror(errno));
#else
	(void)err;
#endif
	return 0;
}

bool alu_run(enum alu_width width)
{
	return kernels[width].run() == expected[width];
}
