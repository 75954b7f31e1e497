/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * value.h - bytes as JSON, by their BTF type:
 *
 *     integer       a number; a decimal string beyond 2^53; a bool is true or false
 *     enum          the name of the value, or the number of one without a name
 *     pointer       "0x..."
 *     array         a list; of char, if it ends with NUL and what is before can be printed, a string. A list of more than 64 has no
 *                   zeros at its end
 *     struct        an object; members of one without a name are the outer's. A union has all of its members
 *     float         a number, or a string: "nan", "inf"
 *     anything else null
 *
 * The BTF may be a guest's: what it says is checked against the bytes that there are, and depth and size have limits.
 */
#ifndef KT_VALUE_H
#define KT_VALUE_H

#include "libexec/lib/json.h"

struct btf;

/*
 * *nodes: how many values may still be made, counted down; at 0 there are nulls. Values beyond the end of data are null, too.
 */
json_t *value_json(const struct btf *btf, uint32_t id, const void *data, size_t size, size_t *nodes);
/* Without BTF: hexadecimal digits. */
json_t *value_hex(const void *data, size_t size);

#endif
