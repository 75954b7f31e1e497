// SPDX-License-Identifier: GPL-2.0-only
/* maps - fifo with a BPF map of each kind that snapshots read, and contents that a test knows. */
#define OWN_INIT
#include <linux/bpf.h>
#include "fifo.h"

enum color { RED, GREEN = 7 };
struct pair { u32 first; short second; u8 low : 3, high : 5; enum color color; char name[8]; };

#define MAP(map_name, map_kind, key_t, value_t, n) \
	struct { \
		__uint(type, map_kind); \
		__uint(max_entries, n); \
		__type(key, key_t); \
		__type(value, value_t); \
	} map_name SEC(".maps")
MAP(pairs, BPF_MAP_TYPE_ARRAY, u32, struct pair, 3);
MAP(each_cpu, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, 2);
MAP(hash, BPF_MAP_TYPE_HASH, u64, struct pair, 100);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, u32, u32, 100);
MAP(cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, u32, u64, 10);

u64 large = 0xfedcba9876543210;
s64 negative = -5;
bool yes = true;
u32 numbers[100] = { 1, 2, 3 };

struct pair model = { 1, -2, 5, 17, GREEN, "text" };
u64 cpu_value = 1000;

s32 OP_SLEEPABLE(init)
{
	for (u32 i = 0; i < 3; i++) {
		u32 small = i; /* the verifier loses sight of what a helper is given */
		struct pair *at = bpf_map_lookup_elem(&pairs, &small);
		u64 key = 10 + i;

		model.first = 100 * i;
		if (at)
			*at = model;
		bpf_map_update_elem(&hash, &key, &model, BPF_ANY);
		bpf_map_update_elem(&lru, &small, &small, BPF_ANY);
	}
	for (u32 i = 0; i < 2; i++) {
		u32 small = i, key = 5 + i;
		u64 *at = bpf_map_lookup_percpu_elem(&each_cpu, &small, 1);

		if (at)
			*at = 40 + i;
		bpf_map_update_elem(&cpu_hash, &key, &cpu_value, BPF_ANY);
	}
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SCHEDULER("maps", FIFO_OPS);
