/* The build-id of what is mapped, read out of memory that may be anything. */
#include "loaders/mapped_id.h"

#include "loaders/elf/file.h"
#include "base/file.h"
#include "tests/built.h"

#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#define PAGE 4096

/* A header with one segment of notes behind it, in a page that may be spoilt. */
struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Nhdr note;
	char name[4];
	unsigned char id[20];
};

static struct image *image_make(void)
{
	struct image *image =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(image != MAP_FAILED);
	memcpy(image->header.e_ident, ELFMAG, SELFMAG);
	image->header.e_phentsize = sizeof(Elf64_Phdr);
	image->header.e_phnum = 1;
	image->header.e_phoff = offsetof(struct image, segment);
	image->segment.p_type = PT_NOTE;
	image->segment.p_vaddr = offsetof(struct image, note);
	image->segment.p_memsz = sizeof(*image) - offsetof(struct image, note);
	image->note = (Elf64_Nhdr){ 4, sizeof(image->id), NT_GNU_BUILD_ID };
	memcpy(image->name, "GNU", 4);
	memset(image->id, 0x5a, sizeof(image->id));
	return image;
}

static size_t id_of(const struct image *image, unsigned char *ret_id)
{
	return mapped_build_id((uintptr_t)image, (uintptr_t)image, ret_id);
}

static void test_found(void **state)
{
	unsigned char id[MAPPED_ID_BYTES] = { 0 };
	struct image *image = image_make();

	(void)state;
	assert_int_equal(id_of(image, id), sizeof(image->id));
	assert_memory_equal(id, image->id, sizeof(image->id));
	munmap(image, PAGE);
}

/* A loaded object says the same as its file. */
static void test_loaded(void **state)
{
	unsigned char id[MAPPED_ID_BYTES];
	const unsigned char *expected = NULL;
	struct file_bytes bytes;
	struct elf_file file;
	struct link_map *map;
	struct err err;
	void *handle;
	size_t size;

	(void)state;
	bytes = built_bytes("objects/pa_unroll.so");
	assert_int_equal(elf_file_check(&file, bytes.bytes, bytes.size, &err), 0);
	size = elf_build_id(&file, &expected);
	assert_true(size > 0);
	handle = dlopen(built_path("objects/pa_unroll.so"), RTLD_LAZY | RTLD_LOCAL);
	assert_non_null(handle);
	assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
	assert_int_equal(mapped_build_id(map->l_addr, map->l_addr, id), size);
	assert_memory_equal(id, expected, size);
	dlclose(handle);
	file_unload(&bytes);
}

static void spoil(size_t offset, uint64_t value, size_t bytes)
{
	unsigned char id[MAPPED_ID_BYTES];
	struct image *image = image_make();

	memcpy((char *)image + offset, &value, bytes);
	assert_int_equal(id_of(image, id), 0);
	munmap(image, PAGE);
}

static void test_spoilt(void **state)
{
	unsigned char id[MAPPED_ID_BYTES];

	(void)state;
	spoil(offsetof(struct image, header.e_ident), 0, 4);
	spoil(offsetof(struct image, header.e_phentsize), 1, 2);
	spoil(offsetof(struct image, header.e_phnum), 0xffff, 2);
	spoil(offsetof(struct image, header.e_phoff), UINT64_MAX, 8);
	spoil(offsetof(struct image, segment.p_memsz), UINT64_MAX, 8);
	spoil(offsetof(struct image, segment.p_memsz), 11, 8);
	spoil(offsetof(struct image, segment.p_vaddr), UINT64_MAX - PAGE, 8);
	spoil(offsetof(struct image, note.n_namesz), UINT32_MAX, 4);
	spoil(offsetof(struct image, note.n_descsz), UINT32_MAX, 4);
	spoil(offsetof(struct image, note.n_descsz), MAPPED_ID_BYTES + 1, 4);
	spoil(offsetof(struct image, name), 0, 4);
	assert_int_equal(mapped_build_id(16, 16, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_spoilt),
	};

	return cmocka_run_group_tests_name("build-id of what is mapped", tests, NULL, NULL);
}
