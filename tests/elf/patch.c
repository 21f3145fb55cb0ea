/* The patches: each finds its place through the program headers, as a loader does. */
#include "tests/elf/patch.h"

#include "loaders/elf/file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct elf_file *checked(unsigned char *bytes, size_t size)
{
	static struct elf_file file;
	struct err err = { "" };
	int r = elf_file_check(&file, bytes, size, &err);

	assert(r == 0);
	(void)r;
	return &file;
}

/* Views are const because loaders only read; here they are the test's own copy of the bytes. */
static unsigned char *writable(unsigned char *bytes, const void *view)
{
	return bytes + ((const unsigned char *)view - bytes);
}

static void first_reloc_set(unsigned char *bytes, size_t size, uint32_t number)
{
	struct elf_file *file = checked(bytes, size);
	elf_rela rela;

	assert(file->dynamic.rela_count > 0);
	rela = file->dynamic.rela[0];
	rela.r_info = ELF64_R_INFO(ELF64_R_SYM(rela.r_info), number);
	memcpy(writable(bytes, &file->dynamic.rela[0]), &rela, sizeof(rela));
}

static void reloc_copy(unsigned char *bytes, size_t size)
{
	first_reloc_set(bytes, size,
			checked(bytes, size)->machine == EM_AARCH64 ? R_AARCH64_COPY
								    : R_X86_64_COPY);
}

static void reloc_narrow(unsigned char *bytes, size_t size)
{
	first_reloc_set(bytes, size,
			checked(bytes, size)->machine == EM_AARCH64 ? R_AARCH64_ABS32
								    : R_X86_64_PC32);
}

static void reloc_unknown(unsigned char *bytes, size_t size)
{
	first_reloc_set(bytes, size, 54321);
}

static void reloc_outside(unsigned char *bytes, size_t size)
{
	struct elf_file *file = checked(bytes, size);
	elf_rela rela = file->dynamic.rela[0];

	rela.r_offset = UINT64_C(0x7fffffffff00);
	memcpy(writable(bytes, &file->dynamic.rela[0]), &rela, sizeof(rela));
}

static void reloc_in_code(unsigned char *bytes, size_t size)
{
	struct elf_file *file = checked(bytes, size);
	elf_rela rela = file->dynamic.rela[0];

	for (size_t i = 0; i < file->load_count; i++) {
		if (file->loads[i].flags & PF_X)
			rela.r_offset = (file->loads[i].address + 15) & ~UINT64_C(7);
	}
	memcpy(writable(bytes, &file->dynamic.rela[0]), &rela, sizeof(rela));
}

static void dynamic_set(unsigned char *bytes, size_t size, int64_t old, int64_t tag)
{
	struct elf_file *file = checked(bytes, size);
	elf_dyn entry;

	for (size_t i = 0; i < file->dynamic.count; i++) {
		entry = file->dynamic.entries[i];
		if (entry.d_tag != old)
			continue;
		entry.d_tag = tag;
		memcpy(writable(bytes, &file->dynamic.entries[i]), &entry, sizeof(entry));
		return;
	}
	abort(); /* the base has no such entry */
}

static void tag_unknown(unsigned char *bytes, size_t size)
{
	dynamic_set(bytes, size, DT_GNU_HASH, 0x29);
}

/* AARCH64_AUTH_RELR: relocations that would be left undone. */
static void tag_of_processor(unsigned char *bytes, size_t size)
{
	dynamic_set(bytes, size, DT_GNU_HASH, 0x70000012);
}

/* An import in a version whose hash is 0, as that of nameless entries in the dynamic linker's
 * tables is. Found by `make fuzz`: dlvsym() then compares the names, and theirs is NULL. */
static void version_unhashed(unsigned char *bytes, size_t size)
{
	const struct elf_file *file = checked(bytes, size);
	const struct elf_dynamic *dynamic = &file->dynamic;
	const unsigned char *need = dynamic->version_needs;
	Elf64_Verneed library;
	Elf64_Vernaux version;

	memcpy(&library, need, sizeof(library));
	need += library.vn_aux;
	memcpy(&version, need, sizeof(version));
	memcpy(writable(bytes, dynamic->strings + version.vna_name), "DnNJZTpLp0", 11);
	for (size_t i = 1; i < elf_symbol_count(file); i++) {
		const char *name = dynamic->strings + dynamic->symbols[i].st_name;
		uint16_t index =
			strcmp(name, "needed_call") == 0 ? version.vna_other : VER_NDX_GLOBAL;

		memcpy(writable(bytes, &dynamic->versions[i]), &index, sizeof(index));
	}
}

/* A broken table of needed versions: imports would be bound without any. */
static void version_broken(unsigned char *bytes, size_t size)
{
	const struct elf_dynamic *dynamic = &checked(bytes, size)->dynamic;

	assert(dynamic->version_needs);
	writable(bytes, dynamic->version_needs)[offsetof(Elf64_Verneed, vn_version)] = 2;
}

static void tls_huge(unsigned char *bytes, size_t size)
{
	const struct elf_file *file = checked(bytes, size);

	for (size_t i = 0; i < file->header_count; i++) {
		elf_phdr header = file->headers[i];

		if (header.p_type != PT_TLS)
			continue;
		header.p_memsz = UINT64_C(1) << 40;
		memcpy(writable(bytes, &file->headers[i]), &header, sizeof(header));
	}
}

#if defined(__x86_64__)
/* The note of branch protection becomes one that asks for an instruction set nobody has. */
static void level_unknown(unsigned char *bytes, size_t size)
{
	const uint32_t old[2] = { 0xc0000002, 4 }; /* GNU_PROPERTY_X86_FEATURE_1_AND */
	const uint32_t new[3] = { GNU_PROPERTY_X86_ISA_1_NEEDED, 4, UINT32_C(1) << 31 };
	unsigned char *at = memmem(bytes, size, old, sizeof(old));

	assert(at);
	memcpy(at, new, sizeof(new));
}
#endif

static void no_sections(unsigned char *bytes, size_t size)
{
	Elf64_Ehdr header;

	(void)size;
	memcpy(&header, bytes, sizeof(header));
	header.e_shoff = 0;
	header.e_shnum = 0;
	header.e_shstrndx = 0;
	memcpy(bytes, &header, sizeof(header));
}

static void header_word(unsigned char *bytes, size_t at, unsigned char value)
{
	bytes[at] = value;
}

static void other_machine(unsigned char *bytes, size_t size)
{
	(void)size;
	header_word(bytes, offsetof(Elf64_Ehdr, e_machine), 0xf3); /* EM_RISCV */
}

static void other_class(unsigned char *bytes, size_t size)
{
	(void)size;
	header_word(bytes, EI_CLASS, ELFCLASS32);
}

static void other_system(unsigned char *bytes, size_t size)
{
	(void)size;
	header_word(bytes, EI_OSABI, ELFOSABI_FREEBSD);
}

static void gnu_system(unsigned char *bytes, size_t size)
{
	(void)size;
	header_word(bytes, EI_OSABI, ELFOSABI_GNU);
}

static void other_type(unsigned char *bytes, size_t size)
{
	(void)size;
	header_word(bytes, offsetof(Elf64_Ehdr, e_type), ET_EXEC);
}

static void writable_code(unsigned char *bytes, size_t size)
{
	struct elf_file *file = checked(bytes, size);

	for (size_t i = 0; i < file->header_count; i++) {
		elf_phdr header = file->headers[i];

		if (header.p_type != PT_LOAD || !(header.p_flags & PF_X))
			continue;
		header.p_flags |= PF_W;
		memcpy(writable(bytes, &file->headers[i]), &header, sizeof(header));
	}
}

const struct patch patches[] = {
	{ "no_sections", "plain", 1001, NULL, "no section headers", no_sections },
	{ "no_sections_cxx", "throw", 576, NULL, "exceptions without section headers",
	  no_sections },
	{ "reloc_copy", "bare", 0, "COPY", "COPY relocation", reloc_copy },
	{ "reloc_narrow", "bare", 0, "-fPIC", "relocation narrower than an address", reloc_narrow },
	{ "reloc_unknown", "bare", 0, "54321", "relocation nobody knows", reloc_unknown },
	{ "reloc_outside", "bare", 0, "7fffffffff00", "relocation outside", reloc_outside },
	{ "reloc_in_code", "bare", 0, "0x", "relocation into code", reloc_in_code },
	{ "tag_unknown", "hash_both", 0, "0x29", "dynamic entry nobody knows", tag_unknown },
	{ "tag_of_processor", "hash_both", 0, "0x70000012", "relocations of another ABI",
	  tag_of_processor },
	{ "version_unhashed", "needs", 426, NULL, "a version whose hash is 0", version_unhashed },
	{ "version_broken", "needs", 0, "DT_VERNEED", "a broken table of versions",
	  version_broken },
	{ "tls_huge", "tls_gd", 0, "thread-local", "more thread-local variables than memory",
	  tls_huge },
#if defined(__x86_64__)
	{ "level_unknown", "branches", 0, "level 32", "instructions the machine lacks",
	  level_unknown },
#endif
	{ "other_system", "plain", 0, "another system", "an object for FreeBSD", other_system },
	{ "gnu_system", "plain", 1001, NULL, "an object with GNU extensions", gnu_system },
	{ "other_machine", "plain", 0, "machine", "another machine's code", other_machine },
	{ "other_class", "plain", 0, "64-bit", "a 32-bit object", other_class },
	{ "other_type", "plain", 0, "shared object", "a program", other_type },
	{ "writable_code", "plain", 0, "writable and executable", "writable code", writable_code },
	{ 0 },
};
