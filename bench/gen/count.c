/* Counts what a generated object really holds, with libelf: the compiler's word is not taken for
 * it. */
#include "bench/gen/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_COUNTED GEN_COUNTS

/* Relocation numbers of both machines; those not named here are counted as `other`. */
static enum gen_count x86_64_kind(uint64_t type)
{
	switch (type) {
	case R_X86_64_RELATIVE:
		return GEN_RELATIVE;
	case R_X86_64_JUMP_SLOT:
		return GEN_IMPORTS;
	case R_X86_64_GLOB_DAT:
		return GEN_GLOBS;
	case R_X86_64_64:
		return GEN_ABSOLUTE;
	case R_X86_64_IRELATIVE:
		return GEN_IRELATIVE;
	case R_X86_64_DTPMOD64:
	case R_X86_64_TLSDESC:
	case R_X86_64_TPOFF64:
		return GEN_TLS;
	default:
		return NOT_COUNTED;
	}
}

static enum gen_count aarch64_kind(uint64_t type)
{
	switch (type) {
	case R_AARCH64_RELATIVE:
		return GEN_RELATIVE;
	case R_AARCH64_JUMP_SLOT:
		return GEN_IMPORTS;
	case R_AARCH64_GLOB_DAT:
		return GEN_GLOBS;
	case R_AARCH64_ABS64:
		return GEN_ABSOLUTE;
	case R_AARCH64_IRELATIVE:
		return GEN_IRELATIVE;
	case R_AARCH64_TLS_DTPMOD:
	case R_AARCH64_TLSDESC:
	case R_AARCH64_TLS_TPREL:
		return GEN_TLS;
	default:
		return NOT_COUNTED;
	}
}

static void rela_count(Elf_Data *data, uint64_t entries, unsigned int machine,
		       struct gen_counts *counts)
{
	for (uint64_t i = 0; i < entries; i++) {
		enum gen_count kind;
		GElf_Rela rela;

		if (!gelf_getrela(data, (int)i, &rela))
			return;
		kind = machine == EM_AARCH64 ? aarch64_kind(GELF_R_TYPE(rela.r_info))
					     : x86_64_kind(GELF_R_TYPE(rela.r_info));
		if (kind == NOT_COUNTED)
			counts->other++;
		else
			counts->have[kind]++;
	}
}

/* An even word is an address, an odd one a bitmap of the 63 words that follow (gABI, DT_RELR). */
static void relr_count(const Elf_Data *data, struct gen_counts *counts)
{
	const uint64_t *words = data->d_buf;

	for (size_t i = 0; i < data->d_size / sizeof(*words); i++)
		counts->have[GEN_RELATIVE] +=
			words[i] & 1 ? (uint64_t)__builtin_popcountll(words[i]) - 1 : 1;
}

static void symbols_count(Elf_Data *data, uint64_t entries, struct gen_counts *counts)
{
	for (uint64_t i = 1; i < entries; i++) {
		GElf_Sym symbol;

		if (gelf_getsym(data, (int)i, &symbol) && symbol.st_shndx != SHN_UNDEF &&
		    GELF_ST_BIND(symbol.st_info) != STB_LOCAL)
			counts->have[GEN_SYMBOLS]++;
	}
}

static void dynamic_count(Elf_Data *data, uint64_t entries, struct gen_counts *counts)
{
	for (uint64_t i = 0; i < entries; i++) {
		GElf_Dyn dyn;

		if (gelf_getdyn(data, (int)i, &dyn) && dyn.d_tag == DT_NEEDED)
			counts->have[GEN_NEEDED]++;
	}
}

static void section_count(Elf_Scn *section, unsigned int machine, struct gen_counts *counts)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr header;
	uint64_t entries;

	if (!data || !gelf_getshdr(section, &header) || !header.sh_entsize)
		return;
	entries = header.sh_size / header.sh_entsize;
	if (header.sh_type == SHT_RELA)
		rela_count(data, entries, machine, counts);
	else if (header.sh_type == SHT_RELR && data->d_buf)
		relr_count(data, counts);
	else if (header.sh_type == SHT_DYNSYM)
		symbols_count(data, entries, counts);
	else if (header.sh_type == SHT_DYNAMIC)
		dynamic_count(data, entries, counts);
}

static int elf_count(Elf *elf, struct gen_counts *counts)
{
	Elf_Scn *section = NULL;
	size_t segments = 0;
	GElf_Ehdr header;

	if (!elf || !gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &segments) < 0)
		return -EINVAL;
	while ((section = elf_nextscn(elf, section)))
		section_count(section, header.e_machine, counts);
	for (size_t i = 0; i < segments; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD)
			counts->load_bytes += segment.p_filesz;
	}
	return 0;
}

int gen_count_file(const char *path, struct gen_counts *ret_counts, struct err *err)
{
	struct gen_counts counts = { 0 };
	struct stat st;
	Elf *elf;
	int fd, r;

	elf_version(EV_CURRENT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (fstat(fd, &st) < 0)
		memset(&st, 0, sizeof(st));
	counts.file_bytes = (uint64_t)st.st_size;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	r = elf_count(elf, &counts);
	elf_end(elf);
	close(fd);
	if (r < 0)
		return err_set(err, EINVAL, "%s: not an ELF file", path);
	*ret_counts = counts;
	return 0;
}
