/*
 * The objects under test are what they claim to be: the C++ twin as heavy as simpler's own objects
 * (file, loadable bytes, imports, GNU-unique symbols, thread-local storage, what it needs), the C
 * object light.
 */
#include "tests/built.h"

#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct facts {
	uint64_t file_bytes, load_bytes, code_bytes, tls_bytes;
	unsigned int undefined, symbols, unique, imports; /* imports: relocations that bind */
	char needed[512];				  /* names, each followed by a space */
	bool debug, relro, soname, bind_now, build_id;
	bool config, entry, bind;
	bool measured_compiler; /* the one the sizes were measured with */
};

static void count_segments(Elf *elf, struct facts *facts)
{
	size_t count;

	assert_int_equal(elf_getphdrnum(elf, &count), 0);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		assert_non_null(gelf_getphdr(elf, (int)i, &header));
		if (header.p_type == PT_LOAD) {
			facts->load_bytes += header.p_filesz;
			facts->code_bytes += header.p_flags & PF_X ? header.p_filesz : 0;
		}
		if (header.p_type == PT_TLS)
			facts->tls_bytes = header.p_memsz;
		facts->relro |= header.p_type == PT_GNU_RELRO;
	}
}

static void count_symbols(Elf *elf, const GElf_Shdr *section, Elf_Data *data, struct facts *facts)
{
	for (size_t i = 1; i < section->sh_size / section->sh_entsize; i++) {
		const char *name;
		GElf_Sym symbol;

		assert_non_null(gelf_getsym(data, (int)i, &symbol));
		name = elf_strptr(elf, section->sh_link, symbol.st_name);
		assert_non_null(name);
		facts->symbols++;
		facts->undefined += symbol.st_shndx == SHN_UNDEF;
		facts->unique += GELF_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE;
		if (symbol.st_shndx == SHN_UNDEF)
			continue;
		facts->config |= strcmp(name, "aicpu_orchestration_config") == 0;
		facts->entry |= strcmp(name, "aicpu_orchestration_entry") == 0;
		facts->bind |= strcmp(name, "pto2_framework_bind_runtime") == 0;
	}
}

static void count_relocations(const GElf_Shdr *section, Elf_Data *data, struct facts *facts)
{
	for (size_t i = 0; i < section->sh_size / section->sh_entsize; i++) {
		GElf_Rela relocation;

		assert_non_null(gelf_getrela(data, (int)i, &relocation));
		facts->imports += GELF_R_SYM(relocation.r_info) != 0;
	}
}

static void count_dynamic(Elf *elf, const GElf_Shdr *section, Elf_Data *data, struct facts *facts)
{
	for (size_t i = 0; i < section->sh_size / section->sh_entsize; i++) {
		GElf_Dyn entry;

		assert_non_null(gelf_getdyn(data, (int)i, &entry));
		if (entry.d_tag == DT_NEEDED) {
			size_t length = strlen(facts->needed);

			snprintf(facts->needed + length, sizeof(facts->needed) - length, "%s ",
				 elf_strptr(elf, section->sh_link, entry.d_un.d_val));
		}
		facts->soname |= entry.d_tag == DT_SONAME;
		facts->bind_now |= entry.d_tag == DT_BIND_NOW ||
				   (entry.d_tag == DT_FLAGS && entry.d_un.d_val & DF_BIND_NOW);
	}
}

static void count_section(Elf *elf, Elf_Scn *scn, const char *name, struct facts *facts)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Shdr section;

	assert_non_null(gelf_getshdr(scn, &section));
	if (section.sh_type == SHT_DYNSYM)
		count_symbols(elf, &section, data, facts);
	else if (section.sh_type == SHT_RELA && section.sh_flags & SHF_ALLOC)
		count_relocations(&section, data, facts);
	else if (section.sh_type == SHT_DYNAMIC)
		count_dynamic(elf, &section, data, facts);
	facts->debug |= strcmp(name, ".debug_info") == 0;
	facts->build_id |= strcmp(name, ".note.gnu.build-id") == 0;
	if (strcmp(name, ".comment") == 0)
		facts->measured_compiler =
			memmem(data->d_buf, data->d_size, "Debian 12.2.0", 13) != NULL;
}

static struct facts facts_of(const char *object)
{
	const char *path = built_path("objects/%s", object);
	struct facts facts = { 0 };
	Elf_Scn *scn = NULL;
	struct stat status;
	size_t names;
	Elf *elf;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		fail_msg("%s is missing: make objects", path);
	facts.file_bytes = (uint64_t)status.st_size;
	assert_int_not_equal(elf_version(EV_CURRENT), EV_NONE);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	count_segments(elf, &facts);
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr section;

		assert_non_null(gelf_getshdr(scn, &section));
		count_section(elf, scn, elf_strptr(elf, names, section.sh_name), &facts);
	}
	elf_end(elf);
	close(fd);
	return facts;
}

static void check_every(const struct facts *facts)
{
	assert_true(facts->config && facts->entry && facts->bind);
	assert_true(facts->debug && facts->relro && facts->build_id);
	assert_false(facts->soname || facts->bind_now);
}

static void check_twin(const char *object, unsigned int unique)
{
	struct facts facts = facts_of(object);

	check_every(&facts);
	assert_int_equal(facts.unique, unique);
	assert_int_equal(facts.tls_bytes, sizeof(void *));
	assert_non_null(strstr(facts.needed, "libstdc++.so.6 libgcc_s.so.1 libc.so.6 "));
	printf("# %s: %llu bytes, %llu loadable, %llu code, %u symbols, %u undefined, %u imports\n",
	       object, (unsigned long long)facts.file_bytes, (unsigned long long)facts.load_bytes,
	       (unsigned long long)facts.code_bytes, facts.symbols, facts.undefined, facts.imports);
	assert_in_range(facts.undefined, 38, 50);
	assert_in_range(facts.imports, 50, 70);
#if defined(__x86_64__)
	if (!facts.measured_compiler) {
		printf("# another compiler than Debian's 12.2.0: sizes not judged\n");
		return;
	}
	assert_in_range(facts.file_bytes, 400000, 460000);
	assert_in_range(facts.load_bytes, 30000, 40000);
	assert_in_range(facts.code_bytes, 18000, 24000);
#endif
}

static void test_twin(void **state)
{
	(void)state;
	check_twin("pa_unroll_cxx.so", 2);
}

static void test_twin_without_unique(void **state)
{
	(void)state;
	check_twin("pa_unroll_cxx_nounique.so", 0);
}

static void test_plain(void **state)
{
	struct facts facts = facts_of("pa_unroll.so");

	(void)state;
	check_every(&facts);
	assert_int_equal(facts.unique, 0);
	assert_int_equal(facts.tls_bytes, 0);
	assert_null(strstr(facts.needed, "stdc++"));
	assert_in_range(facts.load_bytes, 2000, 16000);
}

/* The program must not export the copy that is linked in: a loaded object has to find its own. */
static void test_program_exports_nothing(void **state)
{
	(void)state;
	assert_int_equal(facts_of("../soload").entry, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_twin_without_unique),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_program_exports_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
