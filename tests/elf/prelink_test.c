/*
 * Relocated on the host for an agreed base: the object lies where it was said it would, its
 * relative words are not computed again there, and are computed again anywhere else.
 */
#include "base/file.h"
#include "loaders/elf/arch.h"
#include "loaders/elf/object.h"
#include "loaders/elf/prelink.h"
#include "loaders/loader.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct elf_arena *arena;
static struct elf_prelink_target target;

static int arena_open(void **state)
{
	(void)state;
	arena = rig_arena((struct elf_arena_options){ .slots = 2 });
	return elf_prelink_target(arena, 2, &target, NULL);
}

static int arena_close(void **state)
{
	(void)state;
	elf_arena_free(arena);
	return 0;
}

/* "elf/bare" or "elf-aarch64/bare"; false when this build has none. */
static bool object_read(const char *name, struct file_bytes *file, struct elf_file *elf)
{
	struct err err = { "" };

	if (file_load(built_path("fixtures/%s.so", name), file, &err) < 0)
		return false;
	assert_int_equal(elf_file_check(elf, file->bytes, file->size, &err), 0);
	return true;
}

static long probe_at(const unsigned char *bytes, size_t size, uint64_t linked_at,
		     uint64_t *ret_base)
{
	const struct elf_source source = {
		.bytes = bytes, .size = size, .fd = -1, .linked_at = linked_at
	};
	struct elf_object *object;
	struct err err = { "" };
	long value;

	if (elf_object_load(arena, &source, &object, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(object->linked == (linked_at == object->base));
	*ret_base = object->base;
	value = rig_call(object);
	elf_object_unload(object);
	return value;
}

static void lies_where_it_was_said(void **state)
{
	static const struct {
		const char *name;
		long value;
	} objects[] = { { "elf/bare", 1034 },	       { "elf/plain", 1001 },
			{ "elf/absolute", 9536 },      { "elf/ifunc", 5555 },
			{ "elf/cxx_nounique", 12344 }, { "elf/pages_64k", 1001 } };

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct file_bytes file;
		struct elf_file elf;
		struct err err = { "" };
		uint64_t base, at;
		size_t words = 0;

		assert_true(object_read(objects[i].name, &file, &elf));
		assert_int_equal(elf_prelink_base(&elf, &target, 0, &base, &err), 0);
		assert_int_equal(elf_prelink(&elf, base, file.bytes, &words, &err), 0);
		assert_true(words > 0);
		assert_int_equal(probe_at(file.bytes, file.size, base, &at), objects[i].value);
		assert_true(at == base);
		/* Said to be linked for elsewhere, or for nowhere: computed again. */
		assert_int_equal(probe_at(file.bytes, file.size, base + 4096, &at),
				 objects[i].value);
		assert_int_equal(probe_at(file.bytes, file.size, 0, &at), objects[i].value);
		file_unload(&file);
	}
}

/* Bytes that are not what they are said to be stay as they are: nothing is added on the device. */
static void nothing_is_computed_twice(void **state)
{
	struct elf_source source = { .fd = -1, .unrun = true };
	struct elf_object *object;
	struct file_bytes file;
	struct elf_file elf;
	struct err err = { "" };
	uint64_t seen, in_file;

	(void)state;
	assert_true(object_read("elf/bare", &file, &elf));
	source.bytes = file.bytes;
	source.size = file.size;
	assert_int_equal(elf_prelink_base(&elf, &target, 0, &source.linked_at, &err), 0);
	memcpy(&in_file, elf_bytes_at(&elf, elf.dynamic.rela[0].r_offset, 8), 8);
	assert_int_equal(elf_object_load(arena, &source, &object, NULL, &err), 0);
	memcpy(&seen, (const void *)(object->base + elf.dynamic.rela[0].r_offset), 8);
	assert_true(seen == in_file);
	elf_object_unload(object);
	source.linked_at = 0;
	assert_int_equal(elf_object_load(arena, &source, &object, NULL, &err), 0);
	memcpy(&seen, (const void *)(object->base + elf.dynamic.rela[0].r_offset), 8);
	assert_true(seen == object->base + (uint64_t)elf.dynamic.rela[0].r_addend);
	elf_object_unload(object);
	file_unload(&file);
}

/* The host need not be of the device's kind. */
static void other_machines_objects(void **state)
{
	const uint64_t base = UINT64_C(0x7000000000);
	struct file_bytes file, copy;
	struct elf_file elf, other;
	struct err err = { "" };
	size_t words = 0, seen = 0;

	(void)state;
	if (!object_read("elf-aarch64/plain", &file, &elf)) {
		print_message("no aarch64 objects in this build\n");
		skip();
	}
	assert_true(object_read("elf-aarch64/plain", &copy, &other));
	assert_int_equal(elf_prelink(&elf, base, copy.bytes, &words, &err), 0);
	for (size_t i = 0; i < elf.dynamic.rela_count; i++) {
		const elf_rela *rela = &elf.dynamic.rela[i];
		uint64_t value;

		if (ELF64_R_TYPE(rela->r_info) != elf_arch_aarch64.relative)
			continue;
		memcpy(&value, elf_bytes_at(&other, rela->r_offset, 8), 8);
		assert_true(value == base + (uint64_t)rela->r_addend);
		seen++;
	}
	assert_true(words > 0 && words == seen);
	file_unload(&file);
	file_unload(&copy);
}

static void refusals(void **state)
{
	/* Half a slot is 2 MB, the variables are larger. */
	const struct elf_prelink_target small = {
		.slot_begin = 1 << 22, .slot_bytes = 4 << 20, .slots = 1, .page = 4096
	};
	struct elf_prelink_target wrong[7] = { small, small, small, small, small, small, small };
	struct elf_arena *slotless;
	struct file_bytes file;
	struct elf_file elf;
	struct elf_prelink_target none;
	struct err err = { "" };
	uint64_t base = 0;

	(void)state;
	assert_true(object_read("elf/bss_huge", &file, &elf));
	assert_int_equal(elf_prelink_base(&elf, &small, 0, &base, &err), -ENOTSUP);
	assert_true(err.text[0]);
	file_unload(&file);
	/* Figures of a device that cannot be, or that has gone mad. */
	assert_true(object_read("elf/plain", &file, &elf));
	assert_int_equal(elf_prelink_base(&elf, &small, 0, &base, &err), 0);
	assert_int_equal(elf_prelink_base(&elf, &small, 1, &base, &err), -EINVAL);
	wrong[0].slots = ELF_SLOTS_MAX + 1;
	wrong[1].slot_begin = UINT64_MAX & ~(uint64_t)0x1fffff;
	wrong[2].slot_begin++;
	wrong[3].slot_bytes = 0;
	wrong[4].slot_bytes = UINT64_C(1) << 63;
	wrong[5].page = 0;
	wrong[6].page = 12288;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(elf_prelink_base(&elf, &wrong[i], 0, &base, &err), -EINVAL);
	file_unload(&file);
	slotless = rig_arena((struct elf_arena_options){ .fresh = true });
	assert_int_equal(elf_prelink_target(slotless, 1, &none, &err), -ENOTSUP);
	elf_arena_free(slotless);
}

/* Through loader.h, as a device would: every loader takes such bytes, wherever it puts them. */
static void every_loader_takes_them(void **state)
{
	static const char *const specs[] = { "elf", "prelinked", "auto", "memfd" };
	struct file_bytes file;
	struct elf_file elf;
	struct err err = { "" };
	struct so so = { .fd = -1, .id = 5, .generation = 1 };
	size_t words;

	(void)state;
	assert_true(object_read("elf/absolute", &file, &elf));
	assert_int_equal(elf_prelink_base(&elf, &target, 0, &so.linked_at, &err), 0);
	assert_int_equal(elf_prelink(&elf, so.linked_at, file.bytes, &words, &err), 0);
	so.bytes = file.bytes;
	so.size = file.size;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct loader *loader;
		struct image *image;
		void *probe;

		assert_int_equal(loader_open(&loader, specs[i], &err), 0);
		image = image_new(loader);
		for (int round = 0; round < 2; round++) {
			assert_int_equal(image_load(image, &so, NULL, &err), 0);
			assert_int_equal(image_symbol(image, "probe", &probe, &err), 0);
			assert_int_equal(((long (*)(void))(uintptr_t)probe)(), 9536);
			image_unload(image);
		}
		image_free(image);
		loader_close(loader);
	}
	file_unload(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_where_it_was_said),
		cmocka_unit_test(nothing_is_computed_twice),
		cmocka_unit_test(other_machines_objects),
		cmocka_unit_test(refusals),
		cmocka_unit_test(every_loader_takes_them),
	};

	return cmocka_run_group_tests(tests, arena_open, arena_close);
}
