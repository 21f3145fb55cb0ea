/* What of a library can be compared. See library.h. */
#include "tests/libraries/library.h"

#include "loaders/elf/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Exported under its plain name: no thread-local (its address depends on the thread), no version
 * node, no old version of a name. */
static bool symbol_is_comparable(const struct elf_file *elf, size_t i)
{
	const elf_sym *symbol = &elf->dynamic.symbols[i];
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);
	unsigned int binding = ELF64_ST_BIND(symbol->st_info);
	unsigned int visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || type == STT_TLS)
		return false;
	if (binding == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL)
		return false;
	if (elf->dynamic.versions && i < elf->dynamic.version_max &&
	    ((elf->dynamic.versions[i] & 0x8000) || elf->dynamic.versions[i] == 0))
		return false;
	return elf_string(elf, symbol->st_name) != NULL;
}

static void slot_add(struct library *library, uint64_t address, bool compare)
{
	uint64_t word = (address - library->elf.begin) / 8;

	if (!elf_load_at(&library->elf, address, 8))
		return;
	library->relocated[word / 8] |= (unsigned char)(1u << (word % 8));
	if (compare)
		library->slots[library->slot_count++] = address;
}

/* Writable data may be changed by whoever runs; what RELRO covers and the GOT may not. */
static bool slot_is_constant(const struct elf_file *elf, const elf_rela *rela, enum reloc kind)
{
	if (kind == RELOC_SLOT || kind == RELOC_INDIRECT)
		return true;
	return (kind == RELOC_RELATIVE || kind == RELOC_ADDRESS) &&
	       rela->r_offset >= elf->relro.address &&
	       rela->r_offset + 8 <= elf->relro.address + elf->relro.bytes;
}

/* What the ELF loader answers itself, so that unloading, unwinding and thread-local storage work.
 */
static bool import_is_replaced(const struct elf_file *elf, const elf_rela *rela)
{
	static const char *const names[] = { "__cxa_atexit",
					     "__cxa_finalize",
					     "__tls_get_addr",
					     "__cxa_thread_atexit_impl",
					     "__cxa_thread_atexit",
					     "_dl_find_object",
					     "dl_iterate_phdr",
					     "dlsym",
					     "dlvsym" };
	uint64_t index = ELF64_R_SYM(rela->r_info);
	const char *name;

	if (index == 0 || index >= elf->dynamic.symbol_max)
		return false;
	if (ELF64_ST_BIND(elf->dynamic.symbols[index].st_info) == STB_GNU_UNIQUE)
		return true;
	name = elf_string(elf, elf->dynamic.symbols[index].st_name);
	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void rela_scan(struct library *library, const elf_rela *rela, size_t count)
{
	for (size_t i = 0; i < count; i++, rela++) {
		enum reloc kind =
			elf_arch_reloc(elf_arch_native(), (uint32_t)ELF64_R_TYPE(rela->r_info));

		slot_add(library, rela->r_offset,
			 slot_is_constant(&library->elf, rela, kind) &&
				 !import_is_replaced(&library->elf, rela));
		if (kind == RELOC_TLS_DESC)
			slot_add(library, rela->r_offset + 8, false);
	}
}

static void relr_scan(struct library *library)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	uint64_t at = 0;

	for (size_t i = 0; i < dynamic->relr_count; i++) {
		uint64_t entry = dynamic->relr[i];

		if (!(entry & 1)) {
			slot_add(library, entry, false);
			at = entry + 8;
			continue;
		}
		for (unsigned int bit = 1; bit < 64; bit++) {
			if (entry >> bit & 1)
				slot_add(library, at + 8 * (bit - 1), false);
		}
		at += 63 * 8;
	}
}

/* The dynamic linker keeps addresses of its own in the dynamic section and at the head of the GOT.
 */
static void linker_words_skip(struct library *library)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	uint64_t offset = (uint64_t)((const unsigned char *)dynamic->entries - library->elf.bytes);

	for (size_t i = 0; i < library->elf.load_count; i++) {
		const struct elf_segment *load = &library->elf.loads[i];

		if (offset < load->offset || offset >= load->offset + load->file_bytes)
			continue;
		for (uint64_t at = 0; at < (dynamic->count + 1) * sizeof(elf_dyn); at += 8)
			slot_add(library, load->address + (offset - load->offset) + at, false);
	}
	for (size_t i = 0; i < dynamic->count; i++) {
		for (uint64_t at = 0; dynamic->entries[i].d_tag == DT_PLTGOT && at < 24; at += 8)
			slot_add(library, dynamic->entries[i].d_un.d_ptr + at, false);
	}
}

int library_open(struct library *library, const char *path, struct err *err)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	size_t symbols, words;
	int r;

	*library = (struct library){ .path = path };
	r = file_load(path, &library->file, err);
	if (r == 0)
		r = elf_file_check(&library->elf, library->file.bytes, library->file.size, err);
	if (r < 0)
		return r;
	symbols = elf_symbol_count(&library->elf);
	words = (size_t)(library->elf.end - library->elf.begin) / 8 + 2;
	library->symbols = calloc(symbols + 1, sizeof(*library->symbols));
	library->slots =
		calloc(dynamic->rela_count + dynamic->plt_rela_count + 1, sizeof(*library->slots));
	library->relocated = calloc(words / 8 + 1, 1);
	if (!library->symbols || !library->slots || !library->relocated)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 1; i < symbols; i++) {
		if (symbol_is_comparable(&library->elf, i))
			library->symbols[library->symbol_count++] = (uint32_t)i;
	}
	rela_scan(library, dynamic->rela, dynamic->rela_count);
	rela_scan(library, dynamic->plt_rela, dynamic->plt_rela_count);
	relr_scan(library);
	linker_words_skip(library);
	return 0;
}

void library_close(struct library *library)
{
	free(library->symbols);
	free(library->slots);
	free(library->relocated);
	file_unload(&library->file);
}

const char *library_symbol(const struct library *library, uint32_t i)
{
	const elf_sym *symbol = &library->elf.dynamic.symbols[library->symbols[i]];

	return elf_string(&library->elf, symbol->st_name);
}
