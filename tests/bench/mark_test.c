/* Marks: copies of an object differ by number and by nothing else that matters, and what cannot be
 * marked is refused. */
#include "bench/repro/mark.h"

#include "base/file.h"
#include "device/abi.h"
#include "loaders/elf/file.h"
#include "loaders/loader.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The code answers its number, with every build of the workload's object. */
static void test_answers(void **state)
{
	static const char *const names[] = { "objects/pa_unroll.so", "objects/pa_unroll_cxx.so",
					     "objects/pa_unroll_abg.so",
					     "objects/pa_unroll_a5.so" };
	struct loader *loader = NULL;
	struct image *image;

	(void)state;
	assert_int_equal(loader_open(&loader, "elf", NULL), 0);
	image = image_new(loader);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct file_bytes file = built_bytes("%s", names[i]);
		struct so so = { .bytes = file.bytes, .size = file.size, .fd = -1 };
		void *configure = NULL;

		assert_int_equal(mark_object(file.bytes, file.size, (unsigned int)i * 300, NULL),
				 1);
		assert_int_equal(image_load(image, &so, NULL, NULL), 0);
		assert_int_equal(image_symbol(image, ABI_CONFIG_SYMBOL, &configure, NULL), 0);
		assert_int_equal(
			((abi_config_function)(uintptr_t)configure)(NULL, 0).expected_arg_count,
			mark_answer((unsigned int)i * 300));
		image_unload(image);
		file_unload(&file);
	}
	image_free(image);
	loader_close(loader);
}

/* Code and build-id differ, and nothing but them. */
static void test_differ(void **state)
{
	struct file_bytes a = built_bytes("objects/pa_unroll_cxx.so");
	struct file_bytes b = built_bytes("objects/pa_unroll_cxx.so");
	const unsigned char *ids[2];
	struct elf_file files[2];
	size_t differ = 0;

	(void)state;
	assert_int_equal(mark_object(a.bytes, a.size, 0, NULL), 1);
	assert_int_equal(mark_object(b.bytes, b.size, 63, NULL), 1);
	assert_int_equal(elf_file_check(&files[0], a.bytes, a.size, NULL), 0);
	assert_int_equal(elf_file_check(&files[1], b.bytes, b.size, NULL), 0);
	assert_int_equal(elf_build_id(&files[0], &ids[0]), 20);
	assert_int_equal(elf_build_id(&files[1], &ids[1]), 20);
	assert_memory_not_equal(ids[0], ids[1], 20);
	for (size_t i = 0; i < a.size; i++)
		differ += ((uint8_t *)a.bytes)[i] != ((uint8_t *)b.bytes)[i];
	assert_in_range(differ, 2, 8);
	file_unload(&a);
	file_unload(&b);
}

static void test_others(void **state)
{
	struct file_bytes file = built_bytes("objects/pa_unroll_hbg.so");
	char garbage[5000] = "#!/bin/sh";
	struct err err = { "" };

	(void)state;
	/* No such function: the build-id alone. */
	assert_int_equal(mark_object(file.bytes, file.size, 5, &err), 0);
	assert_int_equal(mark_object(file.bytes, file.size, MARK_MAX, &err), -EINVAL);
	assert_int_equal(mark_object(garbage, sizeof(garbage), 5, &err), -ENOEXEC);
	assert_int_equal(mark_object(file.bytes, 100, 5, &err), -ENOEXEC);
	file_unload(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
