/*
 * The checker against what it must accept (a library of this system) and, entry by entry, against
 * what it must refuse. The thousands of mutants are in hostile_test.c.
 */
#include "base/file.h"
#include "loaders/elf/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct file_bytes library;

static int library_open(void **state)
{
	Dl_info where;
	struct err err = { "" };

	(void)state;
	if (!dladdr((void *)(uintptr_t)gnu_get_libc_version, &where))
		return -1;
	return file_load(where.dli_fname, &library, &err);
}

static int library_close(void **state)
{
	(void)state;
	file_unload(&library);
	return 0;
}

static int version_count(void *context, const struct elf_version *version)
{
	size_t *count = context;

	assert_non_null(version->name);
	++*count;
	return 0;
}

static void accepts_the_c_library(void **state)
{
	const unsigned char *build_id;
	size_t versions = 0, symbols;
	struct elf_file file;
	struct err err = { "" };
	char name[32];

	(void)state;
	assert_int_equal(elf_file_check(&file, library.bytes, library.size, &err), 0);
	assert_true(file.load_count >= 2 && file.end > file.begin);
	assert_true(file.dynamic.gnu_hash.bucket_count > 0);
	assert_true(file.dynamic.rela_count + file.dynamic.relr_count > 0);
	assert_string_equal(file.dynamic.soname, "libc.so.6");
	assert_false(file.dynamic.unknown);
	assert_int_equal(elf_versions(&file, version_count, &versions, &err), 0);
	assert_true(versions > 10);
	symbols = elf_symbol_count(&file);
	assert_true(symbols > 1000 && symbols <= file.dynamic.symbol_max);
	assert_true(elf_loadable_bytes(&file) <= library.size);
	assert_true(elf_load_bytes(&file) <= elf_loadable_bytes(&file) + 65536);
	assert_true(elf_build_id(&file, &build_id) == 0 || build_id != NULL);
	assert_non_null(elf_machine_name(file.machine, name, sizeof(name)));
}

static void accepts_any_alignment(void **state)
{
	unsigned char *copy = malloc(library.size + 1);
	struct elf_file file;
	struct err err = { "" };

	(void)state;
	assert_non_null(copy);
	memcpy(copy + 1, library.bytes, library.size);
	assert_int_equal(elf_file_check(&file, copy + 1, library.size, &err), 0);
	free(copy);
}

static void refuses_every_truncation(void **state)
{
	struct elf_file file;
	struct err err;
	size_t last;

	(void)state;
	assert_int_equal(elf_file_check(&file, library.bytes, library.size, &err), 0);
	last = (size_t)(file.loads[file.load_count - 1].offset +
			file.loads[file.load_count - 1].file_bytes);
	for (size_t size = 0; size < last; size += 1 + size / 64) {
		unsigned char *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, library.bytes, size);
		err.text[0] = '\0';
		assert_int_equal(elf_file_check(&file, copy, size, &err), -ENOEXEC);
		assert_true(err.text[0] != '\0');
		free(copy);
	}
}

/* Each row breaks one field of the ELF header; the sentence must name what is wrong. */
static void refuses_broken_headers(void **state)
{
	static const struct {
		size_t offset;
		unsigned char value;
		const char *words;
	} rows[] = {
		{ 0, 0, "not an ELF file" },	    { 4, 1, "64-bit little-endian" },
		{ 5, 2, "64-bit little-endian" },   { 6, 7, "version" },
		{ 16, 2, "not a shared object" },   { 54, 55, "program headers of" },
		{ 35, 0xff, "reach past the end" }, { 56, 0, "0 program headers" },
	};
	unsigned char *bytes = library.bytes;
	struct elf_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char saved = bytes[rows[i].offset];
		struct err err = { "" };

		bytes[rows[i].offset] = rows[i].value;
		assert_int_equal(elf_file_check(&file, bytes, library.size, &err), -ENOEXEC);
		bytes[rows[i].offset] = saved;
		if (!strstr(err.text, rows[i].words))
			fail_msg("row %zu: '%s' does not say '%s'", i, err.text, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_the_c_library),
		cmocka_unit_test(accepts_any_alignment),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_broken_headers),
	};

	return cmocka_run_group_tests_name("elf/file", tests, library_open, library_close);
}
