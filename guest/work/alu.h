/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * alu.h - arithmetic of a given instruction width: chains of multiply and add that do not wait for each other, so that the
 * multipliers are busy (2 to 3 instructions a cycle). Each width is other instructions, not another count of them.
 *
 *   Scalar  8 chains of imul and add in 64-bit registers
 *   Vec128  8 chains of pmullw and paddw, 8 lanes of 16 bits (SSE2)
 *   Vec256  the same, 16 lanes (AVX2)
 *   Vec512  the same, 32 lanes (AVX-512BW)
 *   Amx     4 tiles of 16 x 16 sums of products, tdpbssd (AMX-INT8)
 */
#ifndef KT_WORK_ALU_H
#define KT_WORK_ALU_H

#include "libexec/lib/kt.h"

enum alu_width { ALU_WIDEST, ALU_SCALAR, ALU_VEC128, ALU_VEC256, ALU_VEC512, ALU_AMX };
enum { ALU_ROUNDS = 256 };

extern const char *const alu_width_names[];

/*
 * The width that is meant: for WIDEST the widest that this machine has. -1 and err when it does not have the one asked for:
 * the CPU must have the instructions, by CPUID, and the kernel must save their registers, by XCR0.
 */
int alu_resolve(enum alu_width asked, enum alu_width *ret, struct kt_err *err);
/* In the process that will use it: tiles are to be asked for. */
int alu_allow(enum alu_width width, struct kt_err *err);
/* ALU_ROUNDS rounds. True if what came out, in every chain and lane, is what must come out. */
bool alu_run(enum alu_width width);

#endif
