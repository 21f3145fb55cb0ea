/*
 * What imports are bound to when the process changes between two loads: a library becomes global,
 * two objects have a library of one name beside them. And what hostile names may cost.
 */
#include "base/file.h"
#include "loaders/elf/imports.h"
#include "loaders/elf/keep.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"

#include <dlfcn.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct elf_arena *arena;

static int arena_open(void **state)
{
	(void)state;
	arena = rig_arena((struct elf_arena_options){ .slots = 2 });
	return 0;
}

static int arena_close(void **state)
{
	(void)state;
	elf_arena_free(arena);
	return 0;
}

/* `weak` calls a function nobody defines, and `weak_definition` does: once that is global it is
 * bound to, however often its absence was remembered. */
static long weak_answer(const struct file_bytes *bytes)
{
	struct elf_object *object = rig_load(arena, bytes, NULL);
	long answer = rig_call(object);

	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	return answer;
}

static void becoming_global_is_noticed(void **state)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/weak.so");
	void *library, *global;
	struct elf_object *object;
	struct elf_keep keep;
	const struct elf_source source = { .bytes = bytes.bytes, .size = bytes.size, .fd = -1 };

	(void)state;
	library = dlopen(built_path("fixtures/elf/weak_definition.so"), RTLD_NOW | RTLD_LOCAL);
	assert_non_null(library);
	for (int i = 0; i < 2; i++)
		assert_int_equal(weak_answer(&bytes), 7111);
	assert_int_equal(elf_object_open(arena, &source, &object, NULL), 0);
	assert_int_equal(elf_object_bind(object, NULL), 0);
	assert_int_equal(elf_object_commit(object, NULL), 0);
	assert_int_equal(elf_keep_new(object, &keep), 0);
	assert_true(elf_keep_current(&keep));
	global = dlopen(built_path("fixtures/elf/weak_definition.so"),
			RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
	assert_non_null(global);
	assert_false(elf_keep_current(&keep));
	for (int i = 0; i < 2; i++)
		assert_int_equal(weak_answer(&bytes), 7010);
	elf_keep_free(&keep);
	elf_object_close(object);
	dlclose(global);
	dlclose(library);
	file_unload(&bytes);
}

/* Bound when nobody had the function, and done with when somebody has: what is kept of it is not
 * what a load would bind now. */
static void becoming_global_meanwhile_is_noticed(void **state)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/weak.so");
	const struct elf_source source = { .bytes = bytes.bytes, .size = bytes.size, .fd = -1 };
	struct elf_object *object;
	struct elf_keep keep;
	void *library;

	(void)state;
	assert_int_equal(elf_object_open(arena, &source, &object, NULL), 0);
	assert_int_equal(elf_object_bind(object, NULL), 0);
	library = dlopen(built_path("fixtures/elf/weak_definition.so"), RTLD_NOW | RTLD_GLOBAL);
	assert_non_null(library);
	assert_int_equal(elf_object_commit(object, NULL), 0);
	assert_int_equal(elf_keep_new(object, &keep), 0);
	assert_false(elf_keep_current(&keep));
	elf_keep_free(&keep);
	elf_object_close(object);
	dlclose(library);
	file_unload(&bytes);
}

/* A resolver makes a library global that defines what the next one resolves: that function is the
 * library's or the object's, never nobody's. */
static void a_resolver_may_load_a_library(void **state)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/ifunc_late.so");
	struct elf_object *object;
	void *handle;

	(void)state;
	setenv("SOLOAD_LATE", built_path("fixtures/elf/ifunc_late_definition.so"), 1);
	object = rig_load(arena, &bytes, "ifunc_late");
	unsetenv("SOLOAD_LATE");
	handle =
		dlopen(built_path("fixtures/elf/ifunc_late_definition.so"), RTLD_NOW | RTLD_NOLOAD);
	assert_non_null(handle);
	assert_int_equal(rig_call(object), 17);
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	dlclose(handle);
	file_unload(&bytes);
}

static void file_write(const char *path, const struct file_bytes *bytes)
{
	FILE *file = fopen(path, "wbe");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes->bytes, 1, bytes->size, file), bytes->size);
	fclose(file);
}

/* Each binds to the library that lies beside it. */
static void origin_is_the_objects_own(void **state)
{
	char folder[] = "/tmp/soload-origin-XXXXXX", paths[2][64], libraries[2][128];
	struct file_bytes object = built_bytes("fixtures/elf/needs_origin.so");
	struct file_bytes library = built_bytes("fixtures/elf/libsoload_origin.so");
	struct elf_object *objects[2];
	void *handles[2];

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < 2; i++) {
		snprintf(libraries[i], sizeof(libraries[i]), "%s/%d", folder, i);
		assert_int_equal(mkdir(libraries[i], 0700), 0);
		strcat(libraries[i], "/libsoload_origin.so");
		snprintf(paths[i], sizeof(paths[i]), "%s/%d/object.so", folder, i);
		file_write(libraries[i], &library);
		objects[i] = rig_load(arena, &object, paths[i]);
	}
	for (int i = 0; i < 2; i++) {
		Dl_info where;
		void *bound = *(void **)rig_symbol(objects[i], "probe_bound");

		handles[i] = dlopen(libraries[i], RTLD_NOW | RTLD_NOLOAD);
		assert_non_null(handles[i]);
		assert_true(dladdr(bound, &where) != 0);
		assert_string_equal(where.dli_fname, libraries[i]);
		dlclose(handles[i]);
		assert_int_equal(elf_object_unload(objects[i]), ELF_UNLOADED);
		unlink(libraries[i]);
		*strrchr(libraries[i], '/') = '\0';
		rmdir(libraries[i]);
	}
	rmdir(folder);
	file_unload(&object);
	file_unload(&library);
}

/* Names that share a long string are not all remembered. */
static void long_names_cost_no_memory(void **state)
{
	enum { BYTES = 1 << 20, NAMES = 64 };
	struct elf_scope scope = { .id = UINT32_MAX };
	char *text = malloc(BYTES);
	size_t before;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', BYTES - 1);
	text[BYTES - 1] = '\0';
	elf_imports_begin();
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (size_t i = 0; i < NAMES; i++) {
		const struct elf_name name = { .text = text + i, .room = BYTES - i };
		uintptr_t address;

		assert_int_equal(elf_import_find(&scope, &name, &address), ELF_ABSENT);
	}
	elf_imports_end();
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before + 8 * (size_t)BYTES);
	free(text);
}

/* Nor are more short ones than there may be, within one load. */
static void many_names_cost_no_memory(void **state)
{
	enum { NAMES = 70000, BYTES = 1024 };
	struct elf_scope scope = { .id = UINT32_MAX };
	char text[BYTES];
	size_t before;

	(void)state;
	memset(text, 'y', sizeof(text));
	text[BYTES - 1] = '\0';
	elf_imports_begin();
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < NAMES; i++) {
		const struct elf_name name = { .text = text, .room = sizeof(text) };
		uintptr_t address;

		text[0] = (char)('0' + i % 10);
		text[1] = (char)('0' + i / 10 % 10);
		text[2] = (char)('0' + i / 100 % 10);
		text[3] = (char)('0' + i / 1000 % 10);
		text[4] = (char)('0' + i / 10000);
		(void)elf_import_find(&scope, &name, &address);
	}
	elf_imports_end();
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before + (32 << 20));
}

/* When the names of versions are used up, objects with others still bind, and as asked. */
static void used_up_versions_harm_nobody(void **state)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/versions.so");
	struct elf_object *object;
	char name[32];
	int i = 0;

	(void)state;
	do
		snprintf(name, sizeof(name), "HOSTILE_%d", i++);
	while (elf_version_keep(name) && i < 100000);
	assert_true(i < 100000); /* there is an end */
	for (int round = 0; round < 2; round++) {
		object = rig_load(arena, &bytes, NULL);
		assert_int_equal(rig_call(object), 1012);
		assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	}
	file_unload(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(becoming_global_meanwhile_is_noticed),
		cmocka_unit_test(becoming_global_is_noticed), /* the library stays */
		cmocka_unit_test(a_resolver_may_load_a_library),
		cmocka_unit_test(origin_is_the_objects_own),
		cmocka_unit_test(long_names_cost_no_memory),
		cmocka_unit_test(many_names_cost_no_memory),
		cmocka_unit_test(used_up_versions_harm_nobody), /* last: they stay used up */
	};

	return cmocka_run_group_tests_name("elf/binding", tests, arena_open, arena_close);
}
