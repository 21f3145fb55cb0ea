/*
 * Hostile bytes: thousands of damaged objects, each through the entry that checks, maps and
 * relocates but runs no byte of the object, in this very process. Whatever is accepted must also
 * answer look-ups and unload. A crash, a hang or a leak fails the test; SOLOAD_MUTANTS sets how
 * many, SOLOAD_SEED the first seed.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"
#include "tests/elf/mutate.h"
#include "tests/loaders/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define MUTANTS_DEFAULT 6000
#define OBJECTS_MAX 128
#define HANGS_AFTER_S 300

static struct object {
	char name[NAME_MAX + 1];
	struct file_bytes file;
} objects[OBJECTS_MAX];
static size_t object_count;

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Every small probe object: together they have each table and relocation there is. */
static int objects_read(void **state)
{
	struct dirent *entry;
	DIR *directory;

	(void)state;
	directory = opendir(built_path("fixtures/elf"));
	if (!directory)
		return -1;
	while ((entry = readdir(directory)) && object_count < OBJECTS_MAX) {
		struct object *object = &objects[object_count];
		size_t length = strlen(entry->d_name);

		if (length < 4 || strcmp(entry->d_name + length - 3, ".so") != 0)
			continue;
		object->file = built_bytes("fixtures/elf/%s", entry->d_name);
		snprintf(object->name, sizeof(object->name), "%s", entry->d_name);
		if (object->file.size < 300000)
			object_count++;
		else
			file_unload(&object->file);
	}
	closedir(directory);
	return object_count ? 0 : -1;
}

static int objects_drop(void **state)
{
	(void)state;
	while (object_count)
		file_unload(&objects[--object_count].file);
	return 0;
}

/* Bytes that end at a page nobody may touch, so that reading past them is a crash. */
struct fence {
	unsigned char *memory;
	size_t bytes;
};

static struct fence fence_make(size_t bytes)
{
	struct fence fence = { .bytes = (bytes + 4095) / 4096 * 4096 + 65536 };

	fence.memory =
		mmap(NULL, fence.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(fence.memory, MAP_FAILED);
	assert_int_equal(mprotect(fence.memory + fence.bytes - 65536, 65536, PROT_NONE), 0);
	return fence;
}

static unsigned char *fence_put(const struct fence *fence, const unsigned char *bytes, size_t size)
{
	unsigned char *at = fence->memory + fence->bytes - 65536 - size;

	memcpy(at, bytes, size);
	return at;
}

struct counts {
	size_t accepted, refused;
};

static void mutant_try(struct elf_arena *arena, const void *bytes, size_t size,
		       struct counts *counts)
{
	const struct elf_source source = { .bytes = bytes, .size = size, .fd = -1, .unrun = true };
	struct elf_object *loaded;
	struct err err = { "" };
	void *address;
	int r = elf_object_load(arena, &source, &loaded, NULL, &err);

	if (r < 0) {
		assert_true(err.text[0] != '\0');
		counts->refused++;
		return;
	}
	(void)elf_object_symbol(loaded, "probe", &address, NULL);
	(void)elf_object_symbol(loaded, "no such name", &address, NULL);
	assert_int_equal(elf_object_unload(loaded), ELF_UNLOADED);
	counts->accepted++;
}

static void mutants_try(struct elf_arena_options options)
{
	uint64_t count = setting("SOLOAD_MUTANTS", MUTANTS_DEFAULT);
	uint64_t seed = setting("SOLOAD_SEED", 1);
	struct counts counts = { 0, 0 };
	struct elf_arena *arena = rig_arena(options);
	unsigned char *copy = malloc(300000);
	struct leaks before, after;

	assert_non_null(copy);
	mutant_try(arena, objects[0].file.bytes, objects[0].file.size, &counts);
	before = leaks_now();
	assert_true(before.executable > 0);
	alarm(HANGS_AFTER_S);
	for (uint64_t i = 0; i < count; i++) {
		const struct object *object = &objects[i % object_count];
		size_t size = object->file.size;
		struct fence fence;

		memcpy(copy, object->file.bytes, size);
		elf_mutate(copy, &size, seed + i);
		if (getenv("SOLOAD_TELL"))
			fprintf(stderr, "%s seed %llu\n", object->name,
				(unsigned long long)(seed + i));
		fence = fence_make(object->file.size);
		mutant_try(arena, fence_put(&fence, copy, size), size, &counts);
		munmap(fence.memory, fence.bytes);
	}
	alarm(0);
	after = leaks_now();
	assert_int_equal(after.executable, before.executable);
	assert_int_equal(after.named, before.named);
	elf_arena_free(arena);
	free(copy);
	printf("%zu mutants refused in words, %zu accepted\n", counts.refused, counts.accepted);
	assert_true(counts.accepted > 0 && counts.refused > counts.accepted / 4);
}

static void strict(void **state)
{
	(void)state;
	mutants_try((struct elf_arena_options){ .slots = 2 });
}

static void dualmap(void **state)
{
	(void)state;
	mutants_try((struct elf_arena_options){ .slots = 2, .dualmap = true });
}

static void fresh(void **state)
{
	(void)state;
	mutants_try((struct elf_arena_options){ .fresh = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(dualmap),
		cmocka_unit_test(fresh),
	};

	return cmocka_run_group_tests_name("elf/hostile", tests, objects_read, objects_drop);
}
