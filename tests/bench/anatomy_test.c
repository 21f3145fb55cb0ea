/*
 * Reading objects: counts against known ones, and hostile bytes. Mutants are made from real objects
 * with a fixed seed; the sanitizers (make san) turn a read outside of the bytes into a failure, and
 * so does the unreadable page behind them here.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "bench/anatomy.h"
#include "bench/inspect_print.h"
#include "bench/prospects.h"
#include "bench/reloc_names.h"
#include "loaders/elf/arch.h"
#include "tests/built.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUTANTS 3000

static const char *const sources[] = { "unique_1", "tls", "imports", "throws", "textrel" };

#define SOURCES (sizeof(sources) / sizeof(sources[0]))

static void unique_symbols_are_named(void **state)
{
	struct file_bytes file = built_bytes("fixtures/unique_1.so");
	struct anatomy anatomy;

	(void)state;
	assert_int_equal(anatomy_read(&anatomy, file.bytes, file.size, NULL), 0);
	assert_true(anatomy.unique > 0);
	assert_non_null(anatomy.unique_names[0]);
	assert_true(anatomy.load_bytes < anatomy.elf.size);
	assert_true(anatomy.loadable_bytes <= anatomy.elf.size);
	file_unload(&file);
}

static void counts_add_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOURCES; i++) {
		struct file_bytes file = built_bytes("fixtures/%s.so", sources[i]);
		struct anatomy anatomy;
		uint64_t sum = 0;

		assert_int_equal(anatomy_read(&anatomy, file.bytes, file.size, NULL), 0);
		for (size_t j = 0; j < anatomy.reloc_kinds; j++) {
			sum += anatomy.relocs[j].count;
			assert_true(j == 0 ||
				    anatomy.relocs[j].count <= anatomy.relocs[j - 1].count);
		}
		assert_true(sum + anatomy.relr_total == anatomy.reloc_total);
		assert_true(anatomy.imports + anatomy.exports <= anatomy.symbols);
		file_unload(&file);
	}
}

/* What an architecture table knows, people must be able to read. */
static void every_known_relocation_has_a_name(void **state)
{
	static const struct elf_arch *const arches[] = { &elf_arch_x86_64, &elf_arch_aarch64 };
	char buffer[32];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (uint32_t type = 0; type < arches[i]->reloc_count; type++) {
			if (elf_arch_reloc(arches[i], type) > RELOC_NONE)
				assert_ptr_not_equal(reloc_name(arches[i]->machine, type, buffer,
								sizeof(buffer)),
						     buffer);
		}
	}
	assert_string_equal(reloc_name(EM_X86_64, R_X86_64_RELATIVE, buffer, sizeof(buffer)),
			    "R_X86_64_RELATIVE");
	assert_string_equal(reloc_name(EM_AARCH64, R_AARCH64_TLSDESC, buffer, sizeof(buffer)),
			    "R_AARCH64_TLSDESC");
	assert_string_equal(reloc_name(EM_RISCV, 3, buffer, sizeof(buffer)), "type 3");
}

struct heard {
	const char *loader;
	enum prospect worst;
	unsigned int told;
	bool about_unique, about_machine;
};

static void hear(void *context, const char *loader, enum prospect prospect, const char *text)
{
	struct heard *heard = context;

	assert_string_equal(loader, heard->loader);
	assert_true(text[0] != '\0');
	if (prospect > heard->worst)
		heard->worst = prospect;
	heard->about_unique |= strstr(text, "GNU-unique") != NULL;
	heard->about_machine |= strstr(text, "this machine is not") != NULL;
	heard->told++;
}

static struct heard foresee(const struct anatomy *anatomy, const char *loader)
{
	const char *const specs[] = { loader, NULL };
	struct heard heard = { .loader = loader };

	prospects_visit(anatomy, specs, hear, &heard);
	assert_true(heard.told > 0);
	return heard;
}

static void prospects_follow_from_caps(void **state)
{
	struct file_bytes unique = built_bytes("fixtures/unique_1.so"),
			  plain = built_bytes("fixtures/nounique_1.so");
	struct anatomy anatomy;

	(void)state;
	assert_int_equal(anatomy_read(&anatomy, unique.bytes, unique.size, NULL), 0);
	assert_int_equal(foresee(&anatomy, "disk").worst, PROSPECT_STALE);
	assert_int_equal(foresee(&anatomy, "memfd:naive").worst, PROSPECT_STALE);
	assert_int_equal(foresee(&anatomy, "disk:mended").worst, PROSPECT_BEWARE);
	assert_true(foresee(&anatomy, "memfd").about_unique);
	assert_int_equal(foresee(&anatomy, "null").worst, PROSPECT_FINE);
	anatomy.elf.machine = EM_RISCV;
	assert_int_equal(foresee(&anatomy, "memfd").worst, PROSPECT_REFUSED);
	assert_true(foresee(&anatomy, "memfd").about_machine);
	assert_int_equal(anatomy_read(&anatomy, plain.bytes, plain.size, NULL), 0);
	assert_false(foresee(&anatomy, "disk").about_unique);
	snprintf(anatomy.libc_version, sizeof(anatomy.libc_version), "99.1");
	assert_int_equal(foresee(&anatomy, "memfd").worst, PROSPECT_REFUSED);
	file_unload(&unique);
	file_unload(&plain);
}

static void names_are_made_harmless(void **state)
{
	char buffer[24];

	(void)state;
	assert_string_equal(anatomy_printable("a\033[2Jb\\", buffer, sizeof(buffer)),
			    "a\\x1b[2Jb\\x5c");
	assert_string_equal(anatomy_printable("", buffer, sizeof(buffer)), "");
	assert_true(strlen(anatomy_printable("0123456789012345678901234567890", buffer,
					     sizeof(buffer))) < sizeof(buffer));
}

static uint64_t seed = 1;

/* Interesting values at interesting places: headers, then anywhere, and now and then a cut. */
static size_t mutate(unsigned char *bytes, size_t size)
{
	static const uint64_t values[] = { 0,
					   1,
					   0x7f,
					   0xffff,
					   0x7fffffff,
					   0xffffffff,
					   UINT64_C(0x7fffffffffffffff),
					   UINT64_MAX,
					   0x1000 };
	unsigned int changes = 1 + (unsigned int)(random_next(&seed) % 6);

	while (changes--) {
		size_t reach = random_next(&seed) % 2 ? 1024 : size;
		size_t width = (size_t)1 << (random_next(&seed) % 4);
		size_t at = (size_t)(random_next(&seed) % (reach < size ? reach : size));
		uint64_t value = random_next(&seed) % 3 ? values[random_next(&seed) % 9]
							: random_next(&seed);

		if (at + width <= size)
			memcpy(bytes + at, &value, width);
	}
	return random_next(&seed) % 8 ? size : (size_t)(random_next(&seed) % size) + 1;
}

/* The bytes end where an unreadable page begins. */
static void hostile_bytes_are_survived(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned int accepted = 0;
	const char *const specs[] = { "memfd", NULL };
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(null);
	for (size_t i = 0; i < SOURCES; i++) {
		struct file_bytes file = built_bytes("fixtures/%s.so", sources[i]);
		size_t room = (file.size + page - 1) / page * page;
		unsigned char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		unsigned char *copy = malloc(file.size);

		assert_true(memory != MAP_FAILED && copy);
		assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
		for (int mutant = 0; mutant < MUTANTS / (int)SOURCES; mutant++) {
			struct anatomy anatomy;
			struct inspect_view view = { "mutant", &anatomy, specs, true };
			struct err err = { "" };
			unsigned char *bytes;
			size_t size;

			memcpy(copy, file.bytes, file.size);
			size = mutate(copy, file.size);
			bytes = memory + room - size;
			memcpy(bytes, copy, size);
			if (anatomy_read(&anatomy, bytes, size, &err) < 0) {
				assert_true(err.text[0] != '\0');
				continue;
			}
			accepted++;
			inspect_print_text(&view, null);
			assert_int_equal(inspect_print_json(&view, null), 0);
		}
		munmap(memory, room + page);
		free(copy);
		file_unload(&file);
	}
	fclose(null);
	/* Else the test has looked at nothing but refusals. */
	assert_true(accepted > MUTANTS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unique_symbols_are_named),
		cmocka_unit_test(counts_add_up),
		cmocka_unit_test(every_known_relocation_has_a_name),
		cmocka_unit_test(prospects_follow_from_caps),
		cmocka_unit_test(names_are_made_harmless),
		cmocka_unit_test(hostile_bytes_are_survived),
	};

	clock_start();
	return cmocka_run_group_tests_name("anatomy", tests, NULL, NULL);
}
