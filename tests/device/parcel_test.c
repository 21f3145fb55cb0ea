/* Parcels: what comes out is the trimmed object, for any bytes; a damaged parcel is refused. */
#include "device/parcel.h"

#include "base/file.h"
#include "base/random.h"
#include "loaders/elf/file.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct packed {
	uint8_t *parcel, *object;
	struct parcel_size size;
};

static struct packed pack(const void *bytes, size_t size)
{
	struct packed packed = { 0 };

	packed.parcel = malloc(parcel_bytes_max(size));
	assert_non_null(packed.parcel);
	assert_int_equal(parcel_pack(bytes, size, packed.parcel, &packed.size, NULL), 0);
	assert_in_range(packed.size.bytes, sizeof(struct parcel_head), parcel_bytes_max(size));
	packed.object = malloc(packed.size.object_bytes + 1);
	assert_non_null(packed.object);
	memset(packed.object, 0xa5, packed.size.object_bytes + 1);
	return packed;
}

static void packed_free(struct packed *packed)
{
	assert_int_equal(packed->object[packed->size.object_bytes], 0xa5);
	free(packed->parcel);
	free(packed->object);
}

static int packed_open(struct packed *packed)
{
	return parcel_unpack(packed->parcel, packed->size.bytes, packed->object,
			     packed->size.object_bytes, NULL);
}

/* No object: nothing is trimmed, only zeros stay at home. */
static void round_trip(const uint8_t *bytes, size_t size)
{
	struct packed packed = pack(bytes, size);

	assert_int_equal(packed.size.object_bytes, size);
	assert_int_equal(packed_open(&packed), 0);
	assert_memory_equal(packed.object, bytes, size);
	packed_free(&packed);
}

/* Runs of zeros of every length around the shortest that is left out, at every place. */
static void test_runs(void **state)
{
	uint64_t random = 1;
	uint8_t *bytes = malloc(20000);

	(void)state;
	assert_non_null(bytes);
	for (int trial = 0; trial < 2000; trial++) {
		size_t size = random_next(&random) % 2000, at = 0;

		while (at < size) {
			size_t run = random_next(&random) % (2 * PARCEL_ZEROS_MIN + 20);
			bool zero = random_next(&random) & 1;

			for (; run > 0 && at < size; run--)
				bytes[at++] = zero ? 0 : (uint8_t)random_next(&random);
		}
		round_trip(bytes, size);
	}
	memset(bytes, 0, 20000);
	round_trip(bytes, 20000);
	free(bytes);
}

static void test_zeros_stay(void **state)
{
	uint8_t bytes[4096] = { 0 };
	struct packed packed;

	(void)state;
	packed = pack(bytes, sizeof(bytes));
	assert_int_equal(packed.size.bytes, sizeof(struct parcel_head));
	packed_free(&packed);
	bytes[0] = bytes[2000] = bytes[4095] = 1;
	packed = pack(bytes, sizeof(bytes));
	assert_int_equal(packed.size.bytes,
			 sizeof(struct parcel_head) + 3 * (sizeof(struct parcel_piece) + 1));
	assert_int_equal(packed_open(&packed), 0);
	assert_memory_equal(packed.object, bytes, sizeof(bytes));
	packed_free(&packed);
}

/* The C++ twin: segments, program headers and build-id where they were, no sections; and small. */
static void test_twin(void **state)
{
	struct file_bytes file = built_bytes("objects/pa_unroll_cxx_nounique.so");
	struct packed packed = pack(file.bytes, file.size);
	struct elf_file before, after;
	const unsigned char *ids[2];
	size_t size;
	Elf64_Ehdr header;

	(void)state;
	assert_int_equal(packed_open(&packed), 0);
	assert_int_equal(elf_file_check(&before, file.bytes, file.size, NULL), 0);
	assert_int_equal(elf_file_check(&after, packed.object, packed.size.object_bytes, NULL), 0);
	assert_int_equal(before.load_count, after.load_count);
	for (size_t i = 0; i < before.load_count; i++) {
		size_t skip = before.loads[i].offset ? 0 : sizeof(header);

		assert_memory_equal(before.bytes + before.loads[i].offset + skip,
				    after.bytes + before.loads[i].offset + skip,
				    before.loads[i].file_bytes - skip);
	}
	memcpy(&header, packed.object, sizeof(header));
	assert_int_equal(header.e_shoff, 0);
	assert_int_equal(header.e_shnum, 0);
	size = elf_build_id(&before, &ids[0]);
	assert_int_equal(size, 20);
	assert_int_equal(elf_build_id(&after, &ids[1]), size);
	assert_memory_equal(ids[0], ids[1], size);
#if defined(__x86_64__)
	assert_true(packed.size.bytes + 7744 < 40000);
#endif
	packed_free(&packed);
	file_unload(&file);
}

/* Whatever is changed in head and list: an answer or a refusal, and never a byte outside. */
static void test_damage(void **state)
{
	struct file_bytes file = built_bytes("objects/pa_unroll_cxx_nounique.so");
	struct packed packed = pack(file.bytes, file.size);
	struct parcel_head head;
	uint64_t random = 5;

	(void)state;
	memcpy(&head, packed.parcel, sizeof(head));
	for (size_t cut = 0; cut < packed.size.bytes; cut += 1 + cut / 8)
		assert_int_equal(parcel_unpack(packed.parcel, cut, packed.object,
					       packed.size.object_bytes, NULL),
				 -EBADMSG);
	assert_int_equal(parcel_unpack(packed.parcel, packed.size.bytes, packed.object,
				       packed.size.object_bytes - 1, NULL),
			 -EBADMSG);
	for (int trial = 0; trial < 20000; trial++) {
		size_t list = sizeof(head) + head.piece_count * sizeof(struct parcel_piece);
		size_t at = random_next(&random) % list;
		uint8_t kept = packed.parcel[at];
		int r;

		packed.parcel[at] = (uint8_t)random_next(&random);
		r = packed_open(&packed);
		assert_true(r == 0 || r == -EBADMSG);
		packed.parcel[at] = kept;
	}
	packed_free(&packed);
	file_unload(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_zeros_stay),
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("parcels", tests, NULL, NULL);
}
