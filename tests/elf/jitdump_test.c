/*
 * The file for perf, read back: every byte of an object's code belongs to one entry, which holds
 * those bytes; and section headers, which no loader checks, may say what they like.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define HEADER_BYTES 40
#define ENTRY_BYTES 56

static struct elf_arena *arena;
static char folder[] = "/tmp/soload-jitdump-XXXXXX", dump_path[64];

struct entry {
	uint32_t kind, total_bytes;
	uint64_t time;
	uint32_t process, thread;
	uint64_t vma, address, bytes, index;
};

static unsigned char *byte_at(const struct file_bytes *file, size_t offset)
{
	return (unsigned char *)file->bytes + offset;
}

static struct elf_object *object_load(const struct file_bytes *file)
{
	struct elf_object *object = rig_load(arena, file, "/where/it/was.so");

	assert_null(object->place.note);
	return object;
}

/* Entries from `at` on that lie one behind the other, as the object's code does. Returns how many,
 * and how many of them have the object's name. */
static size_t entries_check(const struct elf_object *object, const struct file_bytes *dump,
			    size_t at, size_t *ret_rest)
{
	const struct elf_segment *load = object->file.loads;
	uint64_t next, time = 0;
	size_t count = 0;

	while (!(load->flags & PF_X))
		load++;
	next = object->base + load->address;
	for (*ret_rest = 0; at < dump->size; count++) {
		const char *name = (const char *)byte_at(dump, at + ENTRY_BYTES);
		struct entry entry;

		assert_true(dump->size - at > ENTRY_BYTES);
		memcpy(&entry, byte_at(dump, at), sizeof(entry));
		assert_int_equal(entry.total_bytes, ENTRY_BYTES + strlen(name) + 1 + entry.bytes);
		assert_int_equal(entry.process, getpid());
		assert_true(entry.kind == 0 && entry.time >= time);
		assert_true(entry.vma == next && entry.address == next);
		assert_memory_equal(name + strlen(name) + 1, (const void *)entry.address,
				    entry.bytes);
		*ret_rest += strcmp(name, "was.so") == 0;
		next += entry.bytes;
		time = entry.time;
		at += entry.total_bytes;
	}
	assert_true(next == object->base + load->address + load->file_bytes);
	return count;
}

static size_t dump_size(void)
{
	struct file_bytes dump;
	size_t size;

	if (file_load(dump_path, &dump, NULL) < 0)
		return HEADER_BYTES;
	size = dump.size;
	file_unload(&dump);
	return size;
}

/* Loads it, and returns how many functions of it have names. */
static size_t functions_named(const struct file_bytes *file)
{
	size_t before = dump_size(), rest = 0, count;
	struct elf_object *object = object_load(file);
	struct file_bytes dump;

	assert_int_equal(file_load(dump_path, &dump, NULL), 0);
	count = entries_check(object, &dump, before, &rest);
	elf_object_unload(object);
	file_unload(&dump);
	assert_true(count > rest && rest > 0);
	return count - rest;
}

static void every_byte_once(void **state)
{
	static const unsigned char magic[8] = { 'D', 'T', 'i', 'J', 1, 0, 0, 0 };
	struct file_bytes file = built_bytes("fixtures/elf/cxx_nounique.so"), dump;
	size_t named;

	(void)state;
	named = functions_named(&file);
	assert_int_equal(file_load(dump_path, &dump, NULL), 0);
	assert_memory_equal(dump.bytes, magic, sizeof(magic));
	assert_int_equal(*byte_at(&dump, 8), HEADER_BYTES);
	file_unload(&dump);
	/* Again into the same slot: the same entries, later. */
	assert_int_equal(functions_named(&file), named);
	file_unload(&file);
}

static Elf64_Shdr *section_find(const struct file_bytes *file, uint32_t type)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)file->bytes;
	Elf64_Shdr *section = (Elf64_Shdr *)(void *)byte_at(file, header->e_shoff);

	while (section->sh_type != type)
		section++;
	return section;
}

/* Whatever they claim: the load works, and names come from the symbols that were checked. */
static void section_headers_lie(void **state)
{
	struct file_bytes file = built_bytes("fixtures/elf/cxx_nounique.so");
	size_t all, exported;
	Elf64_Ehdr *header;
	Elf64_Shdr *table, *strings;

	(void)state;
	header = (Elf64_Ehdr *)(void *)file.bytes;
	table = section_find(&file, SHT_SYMTAB);
	all = functions_named(&file);
	table->sh_type = SHT_NULL;
	exported = functions_named(&file);
	assert_true(exported < all);
	table->sh_type = SHT_SYMTAB;
	strings = (Elf64_Shdr *)(void *)byte_at(&file, header->e_shoff) + table->sh_link;
#define LIES(field, value) \
	do { \
		const Elf64_Ehdr kept_header = *header; \
		const Elf64_Shdr kept_table = *table, kept_strings = *strings; \
		(field) = (value); \
		assert_int_equal(functions_named(&file), exported); \
		*table = kept_table; \
		*strings = kept_strings; \
		*header = kept_header; \
	} while (0)
	LIES(table->sh_offset, UINT64_MAX - 7);
	LIES(table->sh_size, UINT64_MAX);
	LIES(table->sh_size, UINT64_C(1) << 40);
	LIES(table->sh_link, UINT32_MAX);
	LIES(table->sh_link, 0);
	LIES(header->e_shoff, file.size - 8);
	LIES(header->e_shoff, UINT64_MAX - 63);
	LIES(header->e_shentsize, 1);
	LIES(header->e_shnum, 0);
	LIES(strings->sh_size, 0);
	assert_int_equal(functions_named(&file), all);
	file_unload(&file);
}

static int up(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || setenv("SOLOAD_JITDUMP", folder, 1) < 0)
		return -1;
	snprintf(dump_path, sizeof(dump_path), "%s/jit-%d.dump", folder, (int)getpid());
	arena = rig_arena((struct elf_arena_options){ .slots = 2 });
	return 0;
}

static int down(void **state)
{
	(void)state;
	elf_arena_free(arena);
	unlink(dump_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_once),
		cmocka_unit_test(section_headers_lie),
	};

	return cmocka_run_group_tests_name("names for perf", tests, up, down);
}
