/* The comparison behind soload trim: an object is the same as itself, and a copy that differs in
 * one byte, one symbol, or that cannot be loaded is not. */
#include "bench/trim/verify.h"

#include "base/clock.h"
#include "base/file.h"
#include "loaders/elf/file.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct file_bytes whole, copy;
static struct elf_file file; /* of the copy */

static int object_open(void **state)
{
	(void)state;
	whole = built_bytes("fixtures/orch_works.so");
	copy = built_bytes("fixtures/orch_works.so");
	return elf_file_check(&file, copy.bytes, copy.size, NULL);
}

static int object_close(void **state)
{
	(void)state;
	file_unload(&whole);
	file_unload(&copy);
	return 0;
}

static int compare(struct trim_verdict *verdict, struct err *err)
{
	const struct trim_bytes as_it_was = { "whole", whole.bytes, whole.size };
	const struct trim_bytes changed = { "copy", copy.bytes, copy.size };
	int r = trim_verify(&as_it_was, &changed, verdict, err);

	memcpy(copy.bytes, whole.bytes, whole.size);
	return r;
}

static void differs(const char *words)
{
	struct trim_verdict verdict;
	struct err err = { "" };

	assert_int_equal(compare(&verdict, &err), -EILSEQ);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static uint8_t *byte_at(uint64_t offset)
{
	return (uint8_t *)copy.bytes + offset;
}

static void test_same(void **state)
{
	struct trim_verdict verdict = { .symbols = 0 };
	uint64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < file.load_count; i++)
		bytes += file.loads[i].file_bytes;
	assert_int_equal(compare(&verdict, NULL), 0);
	assert_string_equal(verdict.loaders, "memfd, elf");
	assert_int_equal(verdict.bytes, bytes);
	assert_int_equal(verdict.symbols, 3);
}

/* The last byte of a segment counts also where it is not the last of a word. What may be written to
 * is the linker's to change. */
static void test_byte(void **state)
{
	int beside_words = 0;

	(void)state;
	for (size_t i = 0; i < file.load_count; i++) {
		const struct elf_segment *segment = &file.loads[i];

		if (segment->flags & PF_W || segment->file_bytes % sizeof(uint64_t) == 0)
			continue;
		*byte_at(segment->offset + segment->file_bytes - 1) ^= 0x55;
		differs("memory differs");
		beside_words++;
	}
	assert_true(beside_words > 0);
}

/* What may be written to is compared where nobody has: the last byte of the object's only variable
 * with a value, beside the words. */
static void test_data(void **state)
{
	const struct elf_segment *last = &file.loads[file.load_count - 1];

	(void)state;
	assert_true(last->flags & PF_W && last->file_bytes % sizeof(uint64_t) != 0);
	*byte_at(last->offset + last->file_bytes - 1) ^= 0x55;
	differs("memory differs");
}

static void test_symbol(void **state)
{
	const elf_sym *symbols = file.dynamic.symbols;

	(void)state;
	for (size_t i = 1;; i++) {
		elf_sym *symbol = (elf_sym *)(uintptr_t)&symbols[i];

		assert_true((uint8_t *)symbol < (uint8_t *)copy.bytes + copy.size);
		if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
			continue;
		symbol->st_value += 16;
		break;
	}
	differs("symbols of the trimmed object lie elsewhere");
}

static void test_unloadable(void **state)
{
	(void)state;
	byte_at(0)[EI_CLASS] = ELFCLASS32;
	differs("memfd loads the original, but not the trimmed object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),	   cmocka_unit_test(test_byte),
		cmocka_unit_test(test_data),	   cmocka_unit_test(test_symbol),
		cmocka_unit_test(test_unloadable),
	};

	clock_start();
	return cmocka_run_group_tests_name("trim", tests, object_open, object_close);
}
