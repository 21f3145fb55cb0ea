/* floor: repeats an object without learning it anew, follows a change of object, refuses what is
 * none. */
#include "base/file.h"
#include "loaders/loader.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct err err;

static void load_ok(struct image *image, const struct so *so)
{
	void *address = NULL;

	if (image_load(image, so, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(image->report.load_bytes > 0 && image->report.load_bytes <= so->size);
	assert_int_equal(image_symbol(image, "soload_entry", &address, &err), 0);
	assert_int_equal(((long (*)(void))(uintptr_t)address)(), 0);
	image_unload(image);
}

static void objects_change(void **state)
{
	struct file_bytes small = built_bytes("objects/gen_16k.so"),
			  large = built_bytes("objects/gen_390k.so");
	struct so one = { .bytes = small.bytes, .size = small.size, .fd = -1, .id = 1 };
	struct so two = { .bytes = large.bytes, .size = large.size, .fd = -1 }; /* no identity */
	struct loader *loader;
	struct image *image;

	(void)state;
	assert_int_equal(loader_open(&loader, "floor", &err), 0);
	image = image_new(loader);
	for (int i = 0; i < 20; i++)
		load_ok(image, i % 3 ? &one : &two);
	image_free(image);
	loader_close(loader);
	file_unload(&small);
	file_unload(&large);
}

static void garbage_is_refused(void **state)
{
	struct file_bytes file = built_bytes("objects/gen_16k.so");
	struct so so = { .bytes = file.bytes, .size = 100, .fd = -1 };
	struct loader *loader;
	struct image *image;

	(void)state;
	assert_int_equal(loader_open(&loader, "floor", &err), 0);
	image = image_new(loader);
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	so.size = file.size;
	((unsigned char *)file.bytes)[18] = 0xf3; /* e_machine: RISC-V */
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "another machine"));
	((unsigned char *)file.bytes)[18] = 0x3e;
	image_free(image);
	loader_close(loader);
	file_unload(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_change),
		cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests_name("loaders/floor", tests, NULL, NULL);
}
