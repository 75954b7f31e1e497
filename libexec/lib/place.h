/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * place.h - how people name up to 8 bytes of a guest's kernel, or of its BPF scheduler's global variables:
 *
 *     [OWNER:]NAME[.MEMBER...][+OFFSET][/SIZE][@CPU]
 *
 * OWNER is "kernel", "bpf", or a BPF map. OFFSET is decimal, or hexadecimal with 0x.
 */
#ifndef KT_PLACE_H
#define KT_PLACE_H

#include "libexec/lib/kt.h"

enum { PLACE_MAX_TEXT = 200, PLACE_MAX_SIZE = 8 };

struct place {
	char owner[PLACE_MAX_TEXT + 1]; /* "": not said */
	char name[PLACE_MAX_TEXT + 1];  /* with its members: "runqueues.nr_running" */
	uint64_t offset;
	unsigned size;                  /* 0: not said */
	int cpu;                        /* -1: not said */
};

/* -1 and err: it is none. */
int place_parse(const char *text, struct place *ret, struct kt_err *err);

#endif
