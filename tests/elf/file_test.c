/*
 * The checker against what it must accept (a library of this system) and, entry by entry, against
 * what it must refuse. The thousands of mutants are in hostile_test.c.
 */
#include "base/file.h"
#include "loaders/elf/accept.h"
#include "loaders/elf/arch.h"
#include "loaders/elf/symbols.h"
#include "tests/built.h"

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

/* What the compiler marked for branch protection is seen: in notes aligned to 8 bytes. */
static void reads_properties(void **state)
{
	const struct elf_arch *native = elf_arch_native();
	struct file_bytes bytes = built_bytes("fixtures/elf/branches.so");
	struct elf_arena arena = { .branch_guard = true };
	const struct elf_arch *arch;
	struct elf_file file;
	struct err err = { "" };

	(void)state;
	assert_int_equal(elf_file_check(&file, bytes.bytes, bytes.size, &err), 0);
	assert_int_equal(elf_property(&file, native->property) &
				 (native->branch_bit | native->stack_bit),
			 native->branch_bit | native->stack_bit);
	assert_int_equal(elf_property(&file, native->property + 1), 0);
	assert_true(elf_file_guarded(&file, &arena));
	arena.branch_guard = false;
	assert_false(elf_file_guarded(&file, &arena));
	/* A program with a shadow stack takes it, and not one that was built without. */
	arena.shadow_stack = native->stack_bit != 0;
	assert_int_equal(elf_file_accept(&file, &arena, &arch, &err), 0);
	file_unload(&bytes);
	bytes = built_bytes("fixtures/elf/bare.so");
	assert_int_equal(elf_file_check(&file, bytes.bytes, bytes.size, &err), 0);
	arena.branch_guard = true;
	assert_false(elf_file_guarded(&file, &arena));
	assert_int_equal(elf_file_accept(&file, &arena, &arch, &err),
			 arena.shadow_stack ? -ENOEXEC : 0);
	assert_true(!arena.shadow_stack || strstr(err.text, "shadow stack"));
	file_unload(&bytes);
}

/* The same of the other architecture, where there is a cross compiler. */
static void reads_properties_aarch64(void **state)
{
	struct file_bytes bytes;
	const struct elf_arena arena = { .branch_guard = true };
	struct elf_file file;
	struct err err = { "" };

	(void)state;
	if (file_load(built_path("fixtures/elf-aarch64/branches.so"), &bytes, NULL) < 0)
		skip();
	assert_int_equal(elf_file_check(&file, bytes.bytes, bytes.size, &err), 0);
	assert_true(elf_property(&file, elf_arch_aarch64.property) & elf_arch_aarch64.branch_bit);
	assert_true(elf_file_guarded(&file, &arena));
	file_unload(&bytes);
}

/* Two segments may hold the same bytes of the file. Where a table is mapped is told by its address,
 * by which it was checked. */
static void rebases_by_address(void **state)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/nobits_filled.so");
	const uintptr_t bias = 0x10000000;
	struct elf_file file, plain;
	struct err err = { "" };
	elf_phdr header;

	(void)state;
	assert_int_equal(elf_file_check(&plain, bytes.bytes, bytes.size, &err), 0);
	assert_int_equal(plain.load_count, 3);
	/* The constants, which no table is in, now begin where the dynamic section does. */
	header = plain.headers[1];
	assert_int_equal(header.p_type, PT_LOAD);
	header.p_offset = plain.loads[2].offset;
	header.p_filesz = plain.loads[2].file_bytes;
	memcpy((unsigned char *)bytes.bytes + ((const unsigned char *)&plain.headers[1] -
					       (const unsigned char *)bytes.bytes),
	       &header, sizeof(header));
	assert_int_equal(elf_file_check(&file, bytes.bytes, bytes.size, &err), 0);
	elf_file_rebase(&plain, bias);
	elf_file_rebase(&file, bias);
	assert_true((uintptr_t)plain.dynamic.entries == bias + plain.loads[2].address);
	assert_ptr_equal(file.dynamic.entries, plain.dynamic.entries);
	assert_ptr_equal(file.dynamic.symbols, plain.dynamic.symbols);
	assert_ptr_equal(file.dynamic.strings, plain.dynamic.strings);
	assert_ptr_equal(file.dynamic.gnu_hash.chains, plain.dynamic.gnu_hash.chains);
	file_unload(&bytes);
}

/* Every view of the mapped image shows what the file has there. */
static void rebases_every_table(void **state)
{
	struct elf_file file, mapped;
	struct elf_dynamic *now, *was;
	struct err err = { "" };
	const unsigned char *image;
	uintptr_t bias;

	(void)state;
	assert_int_equal(elf_file_check(&file, library.bytes, library.size, &err), 0);
	mapped = file;
	/* The first segment is in the file as it is in memory: with this bias, the views stay. */
	image = file.bytes + file.loads[0].offset;
	bias = (uintptr_t)image - file.loads[0].address;
	elf_file_rebase(&mapped, bias);
	now = &mapped.dynamic;
	was = &file.dynamic;
	assert_ptr_equal(mapped.headers, file.headers);
	assert_ptr_equal(now->strings, was->strings);
	assert_ptr_equal(now->soname, was->soname);
	assert_ptr_equal(now->symbols, was->symbols);
	assert_ptr_equal(now->versions, was->versions);
	assert_ptr_equal(now->version_defs, was->version_defs);
	assert_ptr_equal(now->version_needs, was->version_needs);
	assert_ptr_equal(now->gnu_hash.bloom, was->gnu_hash.bloom);
	assert_ptr_equal(now->gnu_hash.buckets, was->gnu_hash.buckets);
	assert_ptr_equal(now->gnu_hash.chains, was->gnu_hash.chains);
	assert_ptr_equal(now->hash.buckets, was->hash.buckets);
	assert_ptr_equal(now->hash.chains, was->hash.chains);
	assert_ptr_equal(now->rela, was->rela);
	assert_ptr_equal(now->plt_rela, was->plt_rela);
	assert_ptr_equal(now->relr, was->relr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_properties),
		cmocka_unit_test(reads_properties_aarch64),
		cmocka_unit_test(rebases_by_address),
		cmocka_unit_test(rebases_every_table),
		cmocka_unit_test(accepts_the_c_library),
		cmocka_unit_test(accepts_any_alignment),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_broken_headers),
	};

	return cmocka_run_group_tests_name("elf/file", tests, library_open, library_close);
}
