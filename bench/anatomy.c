/* Counting what an object holds. See anatomy.h. */
#include "bench/anatomy.h"

#include "loaders/elf/arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reloc_count(struct anatomy *anatomy, uint32_t type, uint64_t count)
{
	size_t i = 0;

	while (i < anatomy->reloc_kinds && anatomy->relocs[i].type != type)
		i++;
	if (i == ANATOMY_RELOCS_MAX)
		return; /* still in the total */
	if (i == anatomy->reloc_kinds)
		anatomy->relocs[anatomy->reloc_kinds++] = (struct anatomy_reloc){ .type = type };
	anatomy->relocs[i].count += count;
}

static void reloc_judge(struct anatomy *anatomy, uint32_t type)
{
	const struct elf_arch *arch = elf_arch_find(anatomy->elf.machine);

	if (!arch)
		return;
	switch (elf_arch_reloc(arch, type)) {
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
		anatomy->tls_models |= ANATOMY_TLS_GENERAL;
		break;
	case RELOC_TLS_DESC:
		anatomy->tls_models |= ANATOMY_TLS_DESC;
		break;
	case RELOC_TLS_STATIC:
		anatomy->tls_models |= ANATOMY_TLS_INITIAL;
		break;
	case RELOC_UNKNOWN:
	case RELOC_COPY:
	case RELOC_TEXT:
		if (anatomy->refused++ == 0)
			anatomy->refused_type = type;
		break;
	default:
		break;
	}
}

static void rela_read(struct anatomy *anatomy, const elf_rela *relocs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t type = (uint32_t)ELF64_R_TYPE(relocs[i].r_info);

		reloc_count(anatomy, type, 1);
		reloc_judge(anatomy, type);
	}
	anatomy->reloc_total += count;
}

/* An even word is the address of one, an odd one a bitmap of up to 63 (gABI, "Relative Relocation
 * Table"). */
static void relr_read(struct anatomy *anatomy)
{
	const struct elf_dynamic *dynamic = &anatomy->elf.dynamic;

	for (size_t i = 0; i < dynamic->relr_count; i++) {
		uint64_t word = dynamic->relr[i];

		anatomy->relr_total +=
			word & 1 ? (uint64_t)__builtin_popcountll(word >> 1) : UINT64_C(1);
	}
	anatomy->reloc_total += anatomy->relr_total;
}

static int by_count(const void *a, const void *b)
{
	const struct anatomy_reloc *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->type < y->type ? -1 : 1;
}

enum anatomy_symbol anatomy_symbol(const struct anatomy *anatomy, uint64_t i, const char **ret_name)
{
	const elf_sym *symbol = &anatomy->elf.dynamic.symbols[i];
	unsigned int visibility = ELF64_ST_VISIBILITY(symbol->st_other);
	const char *name = elf_string(&anatomy->elf, symbol->st_name);

	*ret_name = name ? name : "";
	if (symbol->st_shndx == SHN_UNDEF)
		return **ret_name ? ANATOMY_SYMBOL_IMPORT : ANATOMY_SYMBOL_NONE;
	if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || visibility == STV_HIDDEN ||
	    visibility == STV_INTERNAL)
		return ANATOMY_SYMBOL_NONE;
	return ANATOMY_SYMBOL_EXPORT;
}

static void symbol_count(struct anatomy *anatomy, uint64_t i)
{
	const elf_sym *symbol = &anatomy->elf.dynamic.symbols[i];
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);
	const char *name;

	switch (anatomy_symbol(anatomy, i, &name)) {
	case ANATOMY_SYMBOL_IMPORT:
		anatomy->imports++;
		if (strcmp(name, "__cxa_thread_atexit_impl") == 0 ||
		    strcmp(name, "__cxa_thread_atexit") == 0)
			anatomy->thread_exit = true;
		return;
	case ANATOMY_SYMBOL_EXPORT:
		anatomy->exports++;
		anatomy->functions += type == STT_FUNC || type == STT_GNU_IFUNC;
		anatomy->ifuncs += type == STT_GNU_IFUNC;
		if (ELF64_ST_BIND(symbol->st_info) != STB_GNU_UNIQUE)
			return;
		if (anatomy->unique < ANATOMY_NAMES_MAX)
			anatomy->unique_names[anatomy->unique] = name;
		anatomy->unique++;
		return;
	default:
		return;
	}
}

static int version_read(void *context, const struct elf_version *version)
{
	struct anatomy *anatomy = context;
	const char *number;

	if (!version->from || strncmp(version->name, "GLIBC_", 6) != 0)
		return 0;
	number = version->name + 6;
	if (*number < '0' || *number > '9' || strlen(number) >= sizeof(anatomy->libc_version))
		return 0;
	if (strverscmp(number, anatomy->libc_version) > 0)
		snprintf(anatomy->libc_version, sizeof(anatomy->libc_version), "%s", number);
	return 0;
}

int anatomy_read(struct anatomy *ret_anatomy, const void *bytes, size_t size, struct err *err)
{
	struct anatomy *anatomy = ret_anatomy;
	const struct elf_dynamic *dynamic = &anatomy->elf.dynamic;
	size_t symbols;
	int r;

	*anatomy = (struct anatomy){ 0 };
	r = elf_file_check(&anatomy->elf, bytes, size, err);
	if (r < 0)
		return r;
	anatomy->load_bytes = elf_load_bytes(&anatomy->elf);
	anatomy->loadable_bytes = elf_loadable_bytes(&anatomy->elf);
	anatomy->memory_bytes = anatomy->elf.end - anatomy->elf.begin;
	rela_read(anatomy, dynamic->rela, dynamic->rela_count);
	rela_read(anatomy, dynamic->plt_rela, dynamic->plt_rela_count);
	relr_read(anatomy);
	qsort(anatomy->relocs, anatomy->reloc_kinds, sizeof(anatomy->relocs[0]), by_count);
	symbols = elf_symbol_count(&anatomy->elf);
	for (size_t i = 0; i < symbols; i++)
		symbol_count(anatomy, i);
	anatomy->symbols = symbols;
	anatomy->constructors = dynamic->init_array.bytes / 8 + (dynamic->init != 0);
	anatomy->destructors = dynamic->fini_array.bytes / 8 + (dynamic->fini != 0);
	anatomy->nodelete = (dynamic->flags_1 & DF_1_NODELETE) != 0;
	anatomy->noopen = (dynamic->flags_1 & DF_1_NOOPEN) != 0;
	anatomy->program = anatomy->elf.interpreter || (dynamic->flags_1 & DF_1_PIE);
	elf_versions(&anatomy->elf, version_read, anatomy, NULL); /* a broken table names none */
	return 0;
}

const char *anatomy_printable(const char *text, char *buffer, size_t size)
{
	size_t used = 0;

	for (; *text && used + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f && c != '\\')
			buffer[used++] = (char)c;
		else
			used += (size_t)snprintf(buffer + used, size - used, "\\x%02x", c);
	}
	buffer[used] = '\0';
	return buffer;
}
