/* The allocator of device memory: against a plain model under random use, and what it refuses. */
#include "device/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BASE UINT64_C(0x7e9000000000)
#define BYTES (1u << 20)
#define LIVE_MAX 64

struct piece {
	uint64_t address, bytes;
};

static struct memory *memory_new(uint64_t bytes)
{
	struct memory *memory = NULL;
	struct err err;

	assert_int_equal(memory_open(&memory, bytes, &err), 0);
	memory_agree(memory, BASE);
	return memory;
}

static void piece_check(const struct piece *pieces, int count, const struct piece *piece)
{
	assert_true(piece->address >= BASE);
	assert_true(piece->address + piece->bytes <= BASE + BYTES);
	assert_int_equal(piece->address % MEMORY_ALIGN, 0);
	for (int i = 0; i < count; i++)
		assert_true(piece->address >= pieces[i].address + pieces[i].bytes ||
			    pieces[i].address >= piece->address + piece->bytes);
}

/* 20000 random steps: nothing overlaps, the sums are right, and everything comes back. */
static void test_random(void **state)
{
	struct memory *memory = memory_new(BYTES);
	struct piece pieces[LIVE_MAX];
	int count = 0;
	uint64_t whole;

	(void)state;
	srandom(7);
	for (int step = 0; step < 20000; step++) {
		if (count < LIVE_MAX && (count == 0 || random() % 2)) {
			uint64_t align = random() % 4 ? 0 : 4096;
			struct piece piece = { .bytes = 1 + (uint64_t)random() % 40000 };

			if (memory_alloc(memory, piece.bytes, align, &piece.address, NULL) < 0)
				continue;
			piece_check(pieces, count, &piece);
			if (align)
				assert_int_equal(piece.address % align, 0);
			pieces[count++] = piece;
		} else {
			int i = (int)(random() % count);

			assert_int_equal(memory_free(memory, pieces[i].address, NULL), 0);
			pieces[i] = pieces[--count];
		}
		assert_int_equal(memory_usage(memory).blocks, count);
	}
	while (count > 0)
		assert_int_equal(memory_free(memory, pieces[--count].address, NULL), 0);
	assert_int_equal(memory_usage(memory).bytes, 0);
	/* One free block again: all of it can be had at once. */
	assert_int_equal(memory_alloc(memory, BYTES, 0, &whole, NULL), 0);
	assert_int_equal(whole, BASE);
	memory_close(memory);
}

static void test_first_fit(void **state)
{
	struct memory *memory = memory_new(BYTES);
	uint64_t a, b, c, again;

	(void)state;
	assert_int_equal(memory_alloc(memory, 1000, 0, &a, NULL), 0);
	assert_int_equal(memory_alloc(memory, 1, 0, &b, NULL), 0);
	assert_int_equal(memory_alloc(memory, 1, 0, &c, NULL), 0);
	assert_int_equal(b - a, 1024);
	assert_int_equal(c - b, 512);
	assert_int_equal(memory_usage(memory).bytes, 2048);
	assert_int_equal(memory_free(memory, a, NULL), 0);
	assert_int_equal(memory_alloc(memory, 1024, 0, &again, NULL), 0);
	assert_int_equal(again, a);
	memory_close(memory);
}

static void test_refusals(void **state)
{
	struct memory *memory = memory_new(BYTES), *unagreed = NULL;
	struct err err = { "" };
	uint64_t address = 42, other;

	(void)state;
	assert_int_equal(memory_open(&unagreed, 0, &err), -EINVAL);
	assert_int_equal(memory_open(&unagreed, UINT64_MAX, &err), -EINVAL);
	assert_int_equal(memory_open(&unagreed, BYTES, &err), 0);
	assert_int_equal(memory_alloc(unagreed, 1, 0, &address, &err), -EINVAL);
	memory_close(unagreed);

	assert_int_equal(memory_alloc(memory, 0, 0, &address, &err), -EINVAL);
	assert_int_equal(memory_alloc(memory, 1, 256, &address, &err), -EINVAL);
	assert_int_equal(memory_alloc(memory, 1, 1000, &address, &err), -EINVAL);
	assert_int_equal(memory_alloc(memory, BYTES + 1, 0, &address, &err), -ENOMEM);
	assert_int_equal(memory_alloc(memory, UINT64_MAX, 0, &address, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "exhausted"));
	assert_int_equal(address, 42);

	assert_int_equal(memory_alloc(memory, 600, 0, &other, NULL), 0);
	assert_int_equal(memory_free(memory, other + 512, &err), -EINVAL);
	assert_int_equal(memory_free(memory, 0, &err), -EINVAL);
	assert_int_equal(memory_free(memory, BASE + BYTES, &err), -EINVAL);
	assert_int_equal(memory_free(memory, other, &err), 0);
	assert_int_equal(memory_free(memory, other, &err), -EINVAL);
	memory_close(memory);
}

static void test_table_full(void **state)
{
	struct memory *memory = memory_new(MEMORY_BLOCKS_MAX * 2ull * MEMORY_ALIGN);
	struct err err = { "" };
	uint64_t address;
	int r = 0, count = 0;

	(void)state;
	while ((r = memory_alloc(memory, 1, 0, &address, &err)) == 0)
		count++;
	assert_int_equal(r, -ENOSPC);
	assert_true(count > MEMORY_BLOCKS_MAX / 2);
	memory_close(memory);
}

static void test_map_at_base(void **state)
{
	struct memory *memory = memory_new(BYTES);
	void *first = NULL, *second = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(memory_map(memory_fd(memory), BYTES, 0, &first, &err), 0);
	/* The place is taken now: nothing may be mapped over it. */
	assert_int_equal(memory_map(memory_fd(memory), BYTES, (uintptr_t)first, &second, &err),
			 -EEXIST);
	assert_null(second);
	memory_close(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	    cmocka_unit_test(test_first_fit),
		cmocka_unit_test(test_refusals),    cmocka_unit_test(test_table_full),
		cmocka_unit_test(test_map_at_base),
	};

	return cmocka_run_group_tests_name("device memory", tests, NULL, NULL);
}
