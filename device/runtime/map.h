/*
 * The tensormap: who wrote which part of which buffer last. Hashed by base address alone; each
 * entry also hangs in its producer's list, so that a retired task's entries can be swept. Entries
 * of retired tasks are skipped when met and swept later. Used by the orchestrating thread alone.
 */
#ifndef SOLOAD_DEVICE_RUNTIME_MAP_H
#define SOLOAD_DEVICE_RUNTIME_MAP_H

#include "base/err.h"
#include "device/runtime/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_RINGS 4
#define MAP_HITS_MAX 16
#define MAP_SWEEP_EVERY 64 /* retirements of a ring */

/* A task's number: ring << 32 | counter. */
static inline uint64_t task_id(uint32_t ring, uint32_t counter)
{
	return (uint64_t)ring << 32 | counter;
}

static inline uint32_t task_ring(uint64_t id)
{
	return (uint32_t)(id >> 32);
}

static inline uint32_t task_counter(uint64_t id)
{
	return (uint32_t)id;
}

struct map_entry {
	struct map_entry *bucket_next, *bucket_prev;
	struct map_entry *task_next, *task_prev;
	uint64_t producer;
	struct region region;
	uint32_t bucket;
	bool allocates; /* the producer allocated the buffer: stays until it retires */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct map_entry) == 128, "two cache lines, as upstream's");

struct map_sizes {
	uint32_t buckets; /* a power of two */
	uint32_t entries;
	uint32_t window; /* tasks per ring, a power of two */
};

struct map {
	struct map_sizes sizes;
	struct map_entry *entries;
	struct map_entry **free; /* a stack */
	uint32_t free_count;
	struct map_entry **buckets;
	struct map_entry **tasks[MAP_RINGS]; /* by slot */
	uint32_t alive[MAP_RINGS];	     /* older counters have retired */
	uint32_t swept[MAP_RINGS];
	uint64_t inserts, removals, swept_count, walked;
};

struct map_hit {
	struct map_entry *entry;
	enum overlap overlap;
};

/* Clears and initialises everything, which is most of what creating a runtime costs. */
int map_create(struct map *map, const struct map_sizes *sizes, struct err *err);
void map_destroy(struct map *map);
size_t map_bytes(const struct map_sizes *sizes);

/* Tasks of `ring` below `alive` have retired; sweeps after MAP_SWEEP_EVERY of them, or at once when
 * `now`. */
void map_retire(struct map *map, uint32_t ring, uint32_t alive, bool now);

/* The slot of `id` is about to be used by it: what an older task left there goes. */
void map_claim_slot(struct map *map, uint64_t id);

/*
 * Who wrote something that `region` overlaps, newest first: the number of hits, or -E2BIG when
 * there are more than MAP_HITS_MAX.
 */
int map_lookup(struct map *map, const struct region *region, struct map_hit *ret_hits);

/* False when the pool is empty. */
bool map_insert(struct map *map, const struct region *region, uint64_t producer, bool allocates);
void map_remove(struct map *map, struct map_entry *entry);

#endif
