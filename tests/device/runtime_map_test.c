/* Overlap of views against a brute-force count of elements, and the tensormap's bookkeeping. */
#include "device/runtime/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0x10000

static unsigned int seed = 1;

static uint32_t below(uint32_t limit)
{
	return (uint32_t)rand_r(&seed) % limit;
}

static struct region region_1d(uint32_t offset, uint32_t count, uint32_t raw)
{
	return (struct region){
		.addr = BASE, .ndims = 1, .shapes = { count }, .raw = { raw }, .offsets = { offset }
	};
}

static void test_overlap_1d(void **state)
{
	struct region a = region_1d(0, 4, 8), b = region_1d(4, 4, 8), c = region_1d(3, 2, 8);
	struct region empty = region_1d(2, 0, 8), newer = b;

	(void)state;
	assert_int_equal(region_overlap(&a, &b), OVERLAP_NONE);
	assert_int_equal(region_overlap(&a, &a), OVERLAP_COVERED);
	assert_int_equal(region_overlap(&a, &c), OVERLAP_OTHER);
	assert_int_equal(region_overlap(&c, &b), OVERLAP_OTHER);
	assert_int_equal(region_overlap(&a, &empty), OVERLAP_NONE);
	assert_int_equal(region_overlap(&empty, &a), OVERLAP_NONE);
	newer.version = 1;
	assert_int_equal(region_overlap(&newer, &a), OVERLAP_OTHER);
	assert_int_equal(region_overlap(&a, &newer), OVERLAP_NONE);
}

/* Offsets at the edge of 32 bits must not wrap into an overlap that is none. */
static void test_overlap_does_not_wrap(void **state)
{
	struct region high = region_1d(UINT32_MAX, UINT32_MAX, UINT32_MAX);
	struct region low = region_1d(0, 16, UINT32_MAX);

	(void)state;
	assert_int_equal(region_overlap(&low, &high), OVERLAP_NONE);
	assert_int_equal(region_overlap(&high, &low), OVERLAP_NONE);
	high.raw[0] = 7;
	high.ndims = 5;
	memset(high.shapes, 0xff, sizeof(high.shapes));
	memset(high.offsets, 0xff, sizeof(high.offsets));
	memset(high.raw, 0xff, sizeof(high.raw));
	assert_int_equal(region_overlap(&high, &low), OVERLAP_NONE);
	assert_int_equal(region_overlap(&high, &high), OVERLAP_COVERED);
}

#define EXTENT 4

/* How many elements of `earlier` lie in `later`, by looking at each. */
static void count_elements(const struct region *later, const struct region *earlier,
			   unsigned int *ret_shared, unsigned int *ret_all)
{
	unsigned int total = 1, at, d;

	*ret_shared = *ret_all = 0;
	for (d = 0; d < earlier->ndims; d++)
		total *= 2 * EXTENT;
	for (at = 0; at < total; at++) {
		unsigned int rest = at;
		bool in_later = true, in_earlier = true;

		for (d = 0; d < earlier->ndims; d++) {
			uint32_t x = rest % (2 * EXTENT);

			rest /= 2 * EXTENT;
			in_later &=
				x >= later->offsets[d] && x < later->offsets[d] + later->shapes[d];
			in_earlier &= x >= earlier->offsets[d] &&
				      x < earlier->offsets[d] + earlier->shapes[d];
		}
		*ret_all += in_earlier;
		*ret_shared += in_earlier && in_later;
	}
}

static struct region region_random(uint32_t ndims)
{
	struct region region = { .addr = BASE, .ndims = ndims };
	uint32_t d;

	for (d = 0; d < ndims; d++) {
		region.raw[d] = 2 * EXTENT;
		region.shapes[d] = below(8) ? 1 + below(EXTENT) : below(2 * EXTENT);
		region.offsets[d] = below(2 * EXTENT - region.shapes[d] + 1);
	}
	return region;
}

static void test_overlap_property(void **state)
{
	unsigned int seen[3] = { 0 };
	uint32_t ndims;
	int turn;

	(void)state;
	for (ndims = 1; ndims <= ABI_DIMS_MAX; ndims++) {
		for (turn = 0; turn < (ndims == 5 ? 40 : 300); turn++) {
			struct region later = region_random(ndims), earlier = region_random(ndims);
			unsigned int shared, all;
			enum overlap overlap = region_overlap(&later, &earlier);

			count_elements(&later, &earlier, &shared, &all);
			assert_int_equal(overlap, shared == 0	  ? OVERLAP_NONE
						  : shared == all ? OVERLAP_COVERED
								  : OVERLAP_OTHER);
			seen[overlap]++;
		}
	}
	assert_true(seen[OVERLAP_NONE] > 50 && seen[OVERLAP_COVERED] > 10 &&
		    seen[OVERLAP_OTHER] > 50);
}

/* Views that slice a buffer differently: never "none" when they share a byte. */
static void test_overlap_of_reshaped_views(void **state)
{
	int turn;

	(void)state;
	for (turn = 0; turn < 5000; turn++) {
		uint32_t rows = 1 + below(8), offset = below(64), count = 1 + below(16);
		struct region flat = region_1d(offset, count, 128);
		struct region table = { .addr = BASE, .ndims = 2, .raw = { 16, 8 } };
		bool shared = false;
		uint32_t r, c;

		table.offsets[0] = below(8);
		table.offsets[1] = below(4);
		table.shapes[0] = rows;
		table.shapes[1] = 1 + below(4);
		for (r = 0; r < rows; r++)
			for (c = 0; c < table.shapes[1]; c++) {
				uint32_t at = (table.offsets[0] + r) * 8 + table.offsets[1] + c;

				shared |= at >= offset && at < offset + count;
			}
		if (shared) {
			assert_int_equal(region_overlap(&flat, &table), OVERLAP_OTHER);
			assert_int_equal(region_overlap(&table, &flat), OVERLAP_OTHER);
		}
		/* Far apart, they are told apart. */
		flat.offsets[0] = 1000;
		assert_int_equal(region_overlap(&flat, &table), OVERLAP_NONE);
	}
}

static void test_start_offset(void **state)
{
	struct abi_tensor tensor = { .ndims = 3,
				     .shapes = { 1, 2, 3 },
				     .raw_shapes = { 5, 7, 11 },
				     .offsets = { 2, 3, 4 } };

	(void)state;
	assert_int_equal(tensor_start_offset(&tensor), (2 * 7 + 3) * 11 + 4);
	tensor.is_all_offset_zero = true; /* offsets may be unset: not read */
	assert_int_equal(tensor_start_offset(&tensor), 0);
	tensor.is_all_offset_zero = false;
	tensor.is_raw_eq_shapes = true;
	assert_int_equal(tensor_start_offset(&tensor), (2 * 2 + 3) * 3 + 4);
	tensor.ndims = 0;
	assert_int_equal(tensor_start_offset(&tensor), 0);
	tensor.ndims = 5;
	tensor.is_raw_eq_shapes = false;
	memset(tensor.raw_shapes, 0xff, sizeof(tensor.raw_shapes));
	memset(tensor.offsets, 0xff, sizeof(tensor.offsets));
	assert_true(tensor_start_offset(&tensor) == UINT64_MAX);
}

static struct map map_make(uint32_t entries, uint32_t window)
{
	struct map_sizes sizes = { .buckets = 16, .entries = entries, .window = window };
	struct map map;

	assert_int_equal(map_create(&map, &sizes, NULL), 0);
	return map;
}

static void test_map_order_and_removal(void **state)
{
	struct map map = map_make(32, 16);
	struct map_hit hits[MAP_HITS_MAX];
	struct region whole = region_1d(0, 64, 64), half = region_1d(0, 32, 64);
	struct region other = whole;

	(void)state;
	other.addr = BASE + 64; /* another base address is another buffer */
	assert_true(map_insert(&map, &whole, task_id(0, 1), true));
	assert_true(map_insert(&map, &half, task_id(1, 2), false));
	assert_true(map_insert(&map, &other, task_id(1, 3), false));
	assert_int_equal(map_lookup(&map, &half, hits), 2);
	assert_int_equal(hits[0].entry->producer, task_id(1, 2)); /* the newest first */
	assert_int_equal(hits[0].overlap, OVERLAP_COVERED);
	assert_int_equal(hits[1].entry->producer, task_id(0, 1));
	assert_int_equal(hits[1].overlap, OVERLAP_OTHER);
	assert_true(hits[1].entry->allocates);
	map_remove(&map, hits[0].entry);
	assert_int_equal(map_lookup(&map, &half, hits), 1);
	assert_int_equal(map.free_count, 30);
	map_destroy(&map);
}

static void test_map_lazy_invalidation(void **state)
{
	struct map map = map_make(256, 128);
	struct map_hit hits[MAP_HITS_MAX];
	struct region region = region_1d(0, 1, 1);
	uint32_t i;

	(void)state;
	for (i = 0; i < 100; i++) {
		region.addr = BASE + (i % 25) * 8;
		assert_true(map_insert(&map, &region, task_id(2, i), false));
	}
	region.addr = BASE;
	assert_int_equal(map_lookup(&map, &region, hits), 4);
	map_retire(&map, 2, 26, false); /* two of the four are older: skipped, not swept */
	assert_int_equal(map_lookup(&map, &region, hits), 2);
	assert_int_equal(map.free_count, 156);
	map_retire(&map, 2, 64, false); /* the 64th retirement sweeps */
	assert_int_equal(map.free_count, 156 + 64);
	map_retire(&map, 2, 65, true);
	assert_int_equal(map.free_count, 156 + 65);
	map_destroy(&map);
}

/* With a window below 64, a slot is reused before its old task was swept. */
static void test_map_slot_reuse(void **state)
{
	struct map map = map_make(64, 4);
	struct map_hit hits[MAP_HITS_MAX];
	struct region region = region_1d(0, 1, 1);
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		map_retire(&map, 0, i > 3 ? i - 3 : 0, false);
		map_claim_slot(&map, task_id(0, i));
		assert_true(map_insert(&map, &region, task_id(0, i), false));
		assert_true(map_insert(&map, &region, task_id(0, i), false));
		assert_true(map.free_count >= 64 - 8);
	}
	assert_int_equal(map_lookup(&map, &region, hits), 8);
	map_retire(&map, 0, 1000, true);
	assert_int_equal(map.free_count, 64);
	map_destroy(&map);
}

static void test_map_limits(void **state)
{
	struct map map = map_make(MAP_HITS_MAX + 1, 64);
	struct map_hit hits[MAP_HITS_MAX];
	struct region region = region_1d(0, 1, 1);
	uint32_t i;

	(void)state;
	for (i = 0; i < MAP_HITS_MAX; i++)
		assert_true(map_insert(&map, &region, task_id(0, i), false));
	assert_int_equal(map_lookup(&map, &region, hits), MAP_HITS_MAX);
	assert_true(map_insert(&map, &region, task_id(0, i), false));
	assert_true(map_lookup(&map, &region, hits) < 0);
	assert_false(map_insert(&map, &region, task_id(0, i), false));
	map_destroy(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlap_1d),
		cmocka_unit_test(test_overlap_does_not_wrap),
		cmocka_unit_test(test_overlap_property),
		cmocka_unit_test(test_overlap_of_reshaped_views),
		cmocka_unit_test(test_start_offset),
		cmocka_unit_test(test_map_order_and_removal),
		cmocka_unit_test(test_map_lazy_invalidation),
		cmocka_unit_test(test_map_slot_reuse),
		cmocka_unit_test(test_map_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
