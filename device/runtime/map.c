/* The tensormap's pool, buckets and sweeping. */
#include "device/runtime/map.h"

#include "device/runtime/pool.h"

#include <errno.h>
#include <stdlib.h>

size_t map_bytes(const struct map_sizes *sizes)
{
	return sizes->entries * (sizeof(struct map_entry) + sizeof(struct map_entry *)) +
	       sizes->buckets * sizeof(struct map_entry *) +
	       (size_t)MAP_RINGS * sizes->window * sizeof(struct map_entry *);
}

int map_create(struct map *map, const struct map_sizes *sizes, struct err *err)
{
	uint32_t i;

	*map = (struct map){ .sizes = *sizes };
	map->entries = pool_new(sizes->entries, sizeof(struct map_entry));
	map->free = pool_new(sizes->entries, sizeof(struct map_entry *));
	map->buckets = pool_new(sizes->buckets, sizeof(struct map_entry *));
	for (i = 0; i < MAP_RINGS; i++)
		map->tasks[i] = pool_new(sizes->window, sizeof(struct map_entry *));
	if (!map->entries || !map->free || !map->buckets || !map->tasks[0] || !map->tasks[1] ||
	    !map->tasks[2] || !map->tasks[3]) {
		map_destroy(map);
		return err_set(err, ENOMEM, "no memory for a tensormap of %u entries",
			       sizes->entries);
	}
	for (i = 0; i < sizes->entries; i++)
		map->free[i] = &map->entries[sizes->entries - 1 - i];
	map->free_count = sizes->entries;
	return 0;
}

void map_destroy(struct map *map)
{
	uint32_t i;

	free(map->entries);
	free(map->free);
	free(map->buckets);
	for (i = 0; i < MAP_RINGS; i++)
		free(map->tasks[i]);
	*map = (struct map){ 0 };
}

static uint32_t map_bucket(const struct map *map, uint64_t addr)
{
	return (uint32_t)(addr * 0x9e3779b97f4a7c15ull >> 32) & (map->sizes.buckets - 1);
}

static struct map_entry **map_task(const struct map *map, uint64_t id)
{
	return &map->tasks[task_ring(id)][task_counter(id) & (map->sizes.window - 1)];
}

static void map_unlink(struct map *map, struct map_entry *entry)
{
	if (entry->bucket_prev)
		entry->bucket_prev->bucket_next = entry->bucket_next;
	else
		map->buckets[entry->bucket] = entry->bucket_next;
	if (entry->bucket_next)
		entry->bucket_next->bucket_prev = entry->bucket_prev;

	if (entry->task_prev)
		entry->task_prev->task_next = entry->task_next;
	else
		*map_task(map, entry->producer) = entry->task_next;
	if (entry->task_next)
		entry->task_next->task_prev = entry->task_prev;
	map->free[map->free_count++] = entry;
}

void map_remove(struct map *map, struct map_entry *entry)
{
	map_unlink(map, entry);
	map->removals++;
}

bool map_insert(struct map *map, const struct region *region, uint64_t producer, bool allocates)
{
	struct map_entry **task = map_task(map, producer);
	struct map_entry *entry;
	uint32_t bucket;

	if (map->free_count == 0)
		return false;
	entry = map->free[--map->free_count];
	bucket = map_bucket(map, region->addr);
	*entry = (struct map_entry){
		.bucket_next = map->buckets[bucket],
		.task_next = *task,
		.producer = producer,
		.region = *region,
		.bucket = bucket,
		.allocates = allocates,
	};
	if (entry->bucket_next)
		entry->bucket_next->bucket_prev = entry;
	map->buckets[bucket] = entry;
	if (entry->task_next)
		entry->task_next->task_prev = entry;
	*task = entry;
	map->inserts++;
	return true;
}

/* Counters wrap: "older" is a difference. */
static bool counter_before(uint32_t counter, uint32_t limit)
{
	return (int32_t)(counter - limit) < 0;
}

static void map_sweep_task(struct map *map, uint64_t id)
{
	struct map_entry **task = map_task(map, id);

	/* The slot may belong to a younger task by now. */
	while (*task && (*task)->producer == id) {
		map_unlink(map, *task);
		map->swept_count++;
	}
}

void map_retire(struct map *map, uint32_t ring, uint32_t alive, bool now)
{
	map->alive[ring] = alive;
	if (!now && alive - map->swept[ring] < MAP_SWEEP_EVERY)
		return;
	for (; map->swept[ring] != alive; map->swept[ring]++)
		map_sweep_task(map, task_id(ring, map->swept[ring]));
}

void map_claim_slot(struct map *map, uint64_t id)
{
	struct map_entry **task = map_task(map, id);

	if (*task)
		map_sweep_task(map, (*task)->producer);
}

int map_lookup(struct map *map, const struct region *region, struct map_hit *ret_hits)
{
	struct map_entry *entry = map->buckets[map_bucket(map, region->addr)];
	int hits = 0;

	for (; entry; entry = entry->bucket_next) {
		enum overlap overlap;

		map->walked++;
		if (entry->region.addr != region->addr ||
		    counter_before(task_counter(entry->producer),
				   map->alive[task_ring(entry->producer)]))
			continue;
		overlap = region_overlap(region, &entry->region);
		if (overlap == OVERLAP_NONE)
			continue;
		if (hits == MAP_HITS_MAX)
			return -E2BIG;
		ret_hits[hits++] = (struct map_hit){ entry, overlap };
	}
	return hits;
}
