/* SPDX-License-Identifier: (MIT OR GPL-2.0)
 *
 * The maps that both BPF objects of ldphase have: the second uses those of the first. Included by
 * *.bpf.c alone.
 */
#ifndef SOLOAD_PROBES_LDPHASE_MAPS_H
#define SOLOAD_PROBES_LDPHASE_MAPS_H

#include "probes/ldphase.h"

typedef unsigned int u32;
typedef unsigned long long u64;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct ldphase_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u32);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} drops SEC(".maps");

static __always_inline void drop_count(void)
{
	u32 zero = 0;
	u64 *count = bpf_map_lookup_elem(&drops, &zero);

	if (count)
		(*count)++;
}

#endif
