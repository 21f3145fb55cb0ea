/* Table after table, each by the rules ld.so takes for granted. See sound.h. */
#include "loaders/elf/sound.h"

#include "loaders/elf/arch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef Elf64_Nhdr elf_nhdr __attribute__((aligned(1)));

#ifndef PT_GNU_PROPERTY /* elf.h before glibc 2.29 */
#define PT_GNU_PROPERTY 0x6474e553
#endif

#define PLTGOT_BYTES 24 /* what lazy binding writes */

/* The last entry of a tag, which is the one that counts; NULL = none. */
static const elf_dyn *entry_of(const struct elf_file *file, int64_t tag)
{
	for (size_t i = file->dynamic.count; i-- > 0;) {
		if (file->dynamic.entries[i].d_tag == tag)
			return &file->dynamic.entries[i];
	}
	return NULL;
}

/* Of tags that ld.so reads one of because it saw the other. */
static int pairs_check(const struct elf_file *file, struct err *err)
{
	static const struct {
		int64_t tag, with;
		const char *words;
	} pairs[] = {
		{ DT_STRSZ, DT_STRTAB, "DT_STRSZ without DT_STRTAB" },
		{ DT_VERNEED, DT_VERSYM, "DT_VERNEED without DT_VERSYM" },
		{ DT_VERDEF, DT_VERSYM, "DT_VERDEF without DT_VERSYM" },
		{ DT_RELA, DT_RELASZ, "DT_RELA without DT_RELASZ" },
		{ DT_RELA, DT_RELAENT, "DT_RELA without DT_RELAENT" },
		{ DT_RELR, DT_RELRSZ, "DT_RELR without DT_RELRSZ" },
		{ DT_RELR, DT_RELRENT, "DT_RELR without DT_RELRENT" },
		{ DT_PLTREL, DT_JMPREL, "DT_PLTREL without DT_JMPREL" },
		{ DT_PLTREL, DT_PLTRELSZ, "DT_PLTREL without DT_PLTRELSZ" },
		{ DT_INIT_ARRAY, DT_INIT_ARRAYSZ, "DT_INIT_ARRAY without its size" },
		{ DT_FINI_ARRAY, DT_FINI_ARRAYSZ, "DT_FINI_ARRAY without its size" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (entry_of(file, pairs[i].tag) && !entry_of(file, pairs[i].with))
			return err_set(err, ENOEXEC, "%s", pairs[i].words);
	}
	if (file->dynamic.relocations_without_addend)
		return err_set(err, ENOEXEC, "relocations without addends (DT_REL)");
	return 0;
}

static bool is_writable(const struct elf_file *file, uint64_t address, uint64_t bytes)
{
	const struct elf_segment *load = elf_load_at(file, address, bytes);

	return load && (load->flags & PF_W || file->dynamic.text_relocations);
}

static bool is_code(const struct elf_file *file, uint64_t address)
{
	const struct elf_segment *load = elf_load_at(file, address, 1);

	return load && load->flags & PF_X;
}

static int dynamic_entries_check(const struct elf_file *file, struct err *err)
{
	const elf_dyn *got = entry_of(file, DT_PLTGOT);

	for (size_t i = 0; i < file->dynamic.count; i++) {
		const elf_dyn *entry = &file->dynamic.entries[i];

		switch (entry->d_tag) {
		case DT_SONAME:
		case DT_RPATH:
		case DT_RUNPATH:
		case DT_AUDIT:
		case DT_DEPAUDIT:
		case DT_CONFIG:
			if (!elf_string(file, entry->d_un.d_val))
				return err_set(err, ENOEXEC, "dynamic tag 0x%llx names nothing",
					       (unsigned long long)entry->d_tag);
			break;
		case DT_AUXILIARY: /* ld.so loses count of what these load */
		case DT_FILTER:
			return err_set(err, ENOEXEC, "a filter of another library");
		case DT_GNU_HASH: /* there, even when it is 0 */
		case DT_VERSYM:
		case DT_VERDEF:
		case DT_VERNEED:
			if (!entry->d_un.d_ptr)
				return err_set(err, ENOEXEC, "dynamic tag 0x%llx leads nowhere",
					       (unsigned long long)entry->d_tag);
			break;
		case DT_INIT: /* called even when it is 0 */
		case DT_FINI:
			if (!is_code(file, entry->d_un.d_ptr))
				return err_set(err, ENOEXEC, "DT_INIT or DT_FINI is no code");
			break;
		default:
			break;
		}
	}
	if (got && file->dynamic.plt_rela_count &&
	    !is_writable(file, got->d_un.d_ptr, PLTGOT_BYTES))
		return err_set(err, ENOEXEC, "DT_PLTGOT (0x%llx) is not in a writable segment",
			       (unsigned long long)got->d_un.d_ptr);
	return 0;
}

/* Every PT_LOAD in its place, those without a byte included: ld.so reserves from the first to the
 * last, and maps all of them over whatever is there. */
static int loads_check(const struct elf_file *file, struct err *err)
{
	uint64_t end = 0;

	for (size_t i = 0; i < file->header_count; i++) {
		const elf_phdr *header = &file->headers[i];

		if (header->p_type != PT_LOAD)
			continue;
		if (header->p_vaddr < end || header->p_vaddr >= ELF_ADDRESS_MAX)
			return err_set(err, ENOEXEC, "segment %zu is out of order", i);
		if (!(header->p_flags & PF_R))
			return err_set(err, ENOEXEC, "segment %zu is not readable", i);
		end = header->p_vaddr + header->p_memsz;
	}
	return 0;
}

/* ld.so relocates the dynamic section itself, unless its header says that it is not writable. */
static int dynamic_header_check(const struct elf_file *file, const elf_phdr *header,
				struct err *err)
{
	const struct elf_segment *load = elf_load_at(file, header->p_vaddr, header->p_memsz);

	if (header->p_flags & PF_W && (!load || !(load->flags & PF_W)))
		return err_set(err, ENOEXEC, "PT_DYNAMIC is not in a writable segment");
	return 0;
}

/* Notes are read where they are mapped, their sizes believed. */
static int notes_check(const struct elf_file *file, const elf_phdr *header, struct err *err)
{
	const uint64_t align = header->p_align == 8 ? 8 : 4;
	const unsigned char *notes = elf_bytes_at(file, header->p_vaddr, header->p_memsz);
	uint64_t at = 0;

	if (!notes && header->p_memsz)
		return err_set(err, ENOEXEC, "a note is not inside the file's part of a segment");
	while (header->p_memsz - at > sizeof(elf_nhdr)) {
		const elf_nhdr *note = (const elf_nhdr *)(notes + at);
		uint64_t name = sizeof(*note) + note->n_namesz;
		uint64_t next = ((name + align - 1) & ~(align - 1)) + note->n_descsz;

		next = (next + align - 1) & ~(align - 1);
		if (next > header->p_memsz - at)
			return err_set(err, ENOEXEC, "a note is longer than its segment");
		at += next;
	}
	return 0;
}

static int headers_check(const struct elf_file *file, struct err *err)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int r = loads_check(file, err);

	for (size_t i = 0; i < file->header_count && r == 0; i++) {
		const elf_phdr *header = &file->headers[i];
		const size_t bytes = file->header_count * sizeof(*header);

		switch (header->p_type) {
		case PT_PHDR:
			if (elf_bytes_at(file, header->p_vaddr, bytes) !=
			    (const void *)file->headers)
				r = err_set(err, ENOEXEC,
					    "PT_PHDR is not where the program headers are");
			break;
		case PT_TLS:
			if (!header->p_align)
				r = err_set(err, ENOEXEC, "PT_TLS without an alignment");
			break;
		case PT_DYNAMIC:
			r = dynamic_header_check(file, header, err);
			break;
		case PT_GNU_RELRO:
			if (header->p_vaddr + header->p_memsz >
			    ((file->end + page - 1) & ~(page - 1)))
				r = err_set(err, ENOEXEC, "PT_GNU_RELRO reaches past the object");
			break;
		case PT_NOTE:
		case PT_GNU_PROPERTY:
			r = notes_check(file, header, err);
			break;
		default:
			break;
		}
	}
	return r;
}

/* Each symbol is in one chain, so all chains together have no more links than there are symbols. */
static int hash_check(const struct elf_file *file, struct err *err)
{
	const struct elf_hash_sysv *hash = &file->dynamic.hash;
	uint32_t links = 0;

	for (uint32_t i = 0; i < hash->bucket_count; i++) {
		for (uint32_t at = hash->buckets[i]; at; at = hash->chains[at]) {
			if (at >= hash->chain_count || links++ >= hash->chain_count)
				return err_set(err, ENOEXEC, "a chain of DT_HASH does not end");
		}
	}
	return 0;
}

static int gnu_hash_check(const struct elf_file *file, struct err *err)
{
	const struct elf_hash_gnu *hash = &file->dynamic.gnu_hash;
	uint64_t end = 0; /* behind the last link that ends a chain */

	for (uint32_t i = 0; i < hash->chain_max; i++) {
		if (hash->chains[i] & 1)
			end = (uint64_t)i + 1;
	}
	for (uint32_t i = 0; i < hash->bucket_count; i++) {
		const uint32_t first = hash->buckets[i];

		if (first && (first < hash->first_symbol || first - hash->first_symbol >= end))
			return err_set(err, ENOEXEC, "a chain of DT_GNU_HASH does not end");
	}
	return 0;
}

#define TABLES 9

struct sound {
	const struct elf_file *file;
	struct elf_span tables[TABLES]; /* that ld.so reads while it relocates */
	uint32_t version_highest;
	bool unneeded; /* a version of a library that is not */
};

static int version_note(void *context, const struct elf_version *version)
{
	struct sound *sound = context;
	bool needed = !version->from;

	if (version->index > sound->version_highest)
		sound->version_highest = version->index;
	for (size_t i = 0; !needed && i < sound->file->dynamic.needed_count; i++)
		needed = strcmp(elf_needed(sound->file, i), version->from) == 0;
	sound->unneeded |= !needed;
	return 0;
}

/* A symbol by its index, as relocations and chains name it. */
static int symbol_check(const struct sound *sound, uint32_t index, struct err *err)
{
	const struct elf_file *file = sound->file;
	const struct elf_dynamic *dynamic = &file->dynamic;
	const elf_sym *symbol = &dynamic->symbols[index];

	if (index >= dynamic->symbol_max || !elf_string(file, symbol->st_name))
		return err_set(err, ENOEXEC, "symbol %u or its name lies outside", index);
	if (dynamic->versions && (index >= dynamic->version_max ||
				  (dynamic->versions[index] & 0x7fffu) > sound->version_highest))
		return err_set(err, ENOEXEC, "the version of symbol %u lies outside", index);
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC && symbol->st_shndx != SHN_UNDEF &&
	    !is_code(file, symbol->st_value))
		return err_set(err, ENOEXEC, "a resolver (IFUNC) lies outside the object's code");
	return 0;
}

static int symbols_check(const struct elf_file *file, struct sound *sound, struct err *err)
{
	size_t count = elf_symbol_count(file);
	int r = elf_versions(file, version_note, sound, err);

	if (r == 0 && sound->unneeded)
		r = err_set(err, ENOEXEC, "DT_VERNEED names a library that DT_NEEDED does not");
	if (r == 0 && file->dynamic.versions && !sound->version_highest)
		r = err_set(err, ENOEXEC, "DT_VERSYM without a table of versions");
	for (size_t i = 0; i < count && r == 0; i++)
		r = symbol_check(sound, (uint32_t)i, err);
	return r;
}

static bool is_thread_local(enum reloc reloc)
{
	return reloc == RELOC_TLS_MODULE || reloc == RELOC_TLS_OFFSET ||
	       reloc == RELOC_TLS_STATIC || reloc == RELOC_TLS_DESC;
}

/* ld.so divides by the alignment of the module's variables. */
static int thread_local_check(const struct elf_file *file, uint32_t index, struct err *err)
{
	const elf_sym *symbol = &file->dynamic.symbols[index];

	if (index && ELF64_ST_TYPE(symbol->st_info) != STT_TLS)
		return err_set(err, ENOEXEC, "symbol %u is no thread-local variable", index);
	if ((!index || symbol->st_shndx != SHN_UNDEF ||
	     ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ||
	     ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT) &&
	    !file->tls.memory_bytes)
		return err_set(err, ENOEXEC, "thread-local variables without a segment (PT_TLS)");
	return 0;
}

static void tables_collect(struct sound *sound)
{
	const struct elf_dynamic *dynamic = &sound->file->dynamic;
	const struct elf_dynamic_at *at = &dynamic->at;
	const struct elf_span tables[TABLES] = {
		{ at->entries, (dynamic->count + 1) * sizeof(Elf64_Dyn) },
		{ at->strings, dynamic->string_bytes },
		{ at->symbols, elf_symbol_count(sound->file) * sizeof(Elf64_Sym) },
		{ at->rela, dynamic->rela_count * sizeof(Elf64_Rela) },
		{ at->plt_rela, dynamic->plt_rela_count * sizeof(Elf64_Rela) },
		{ at->relr, dynamic->relr_count * sizeof(Elf64_Xword) },
		{ at->versions, 2 * elf_symbol_count(sound->file) },
		{ at->hash, dynamic->hash.bucket_count
				    ? UINT64_C(4) * (2 + dynamic->hash.bucket_count +
						     dynamic->hash.chain_count)
				    : 0 },
		{ at->gnu_hash, dynamic->gnu_hash.bucket_count ? 16 : 0 },
	};

	memcpy(sound->tables, tables, sizeof(tables));
}

/* Inside a segment that may be written, and in none of the tables. */
static int word_check(const struct sound *sound, uint64_t address, uint64_t bytes, struct err *err)
{
	bool apart = true;

	for (size_t i = 0; i < TABLES; i++) {
		const struct elf_span *table = &sound->tables[i];

		apart &= address + bytes <= table->address ||
			 address >= table->address + table->bytes;
	}
	if (apart && is_writable(sound->file, address, bytes))
		return 0;
	return err_set(err, ENOEXEC,
		       "a relocation writes to 0x%llx, which is not in a writable segment",
		       (unsigned long long)address);
}

static int packed_check(const struct sound *sound, struct err *err)
{
	const struct elf_dynamic *dynamic = &sound->file->dynamic;
	uint64_t next = 0;
	int r = 0;

	for (size_t i = 0; i < dynamic->relr_count && r == 0; i++) {
		uint64_t entry = dynamic->relr[i];

		if (!(entry & 1)) {
			r = word_check(sound, entry, 8, err);
			next = entry + 8;
			continue;
		}
		for (uint64_t bits = entry >> 1, at = next; bits && r == 0; bits >>= 1, at += 8)
			r = bits & 1 ? word_check(sound, at, 8, err) : 0;
		next += 63 * 8;
	}
	return r;
}

static int table_check(const struct sound *sound, const elf_rela *table, size_t count,
		       struct err *err)
{
	const struct elf_file *file = sound->file;
	const struct elf_arch *arch = elf_arch_find(file->machine);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const elf_rela *rela = &table[i];
		const uint32_t symbol = (uint32_t)(rela->r_info >> 32);
		const enum reloc reloc = elf_arch_reloc(arch, (uint32_t)ELF64_R_TYPE(rela->r_info));
		uint64_t bytes = reloc == RELOC_TLS_DESC ? 16 : 8;

		r = symbol_check(sound, symbol, err); /* looked at even where it says nothing */
		if (reloc == RELOC_NONE)
			continue;
		if (r == 0 && is_thread_local(reloc))
			r = thread_local_check(file, symbol, err);
		if (r == 0 && reloc == RELOC_COPY)
			bytes = file->dynamic.symbols[symbol].st_size;
		if (r == 0)
			r = word_check(sound, rela->r_offset, bytes, err);
		if (r == 0 && reloc == RELOC_INDIRECT && !is_code(file, (uint64_t)rela->r_addend))
			r = err_set(err, ENOEXEC,
				    "a resolver (IFUNC) lies outside the object's code");
	}
	return r;
}

/* As many as the tag says are taken to be relative. */
static int relatives_check(const struct elf_file *file, struct err *err)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	const elf_dyn *count = entry_of(file, DT_RELACOUNT);

	if (count && count->d_un.d_val > dynamic->rela_count)
		return err_set(err, ENOEXEC, "DT_RELACOUNT counts more than there are");
	for (size_t i = 0; count && i < count->d_un.d_val; i++) {
		if (ELF64_R_TYPE(dynamic->rela[i].r_info) != elf_arch_find(file->machine)->relative)
			return err_set(err, ENOEXEC, "DT_RELACOUNT counts what is not relative");
	}
	return 0;
}

int elf_sound_check(const struct elf_file *file, struct err *err)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	struct sound sound = { .file = file };
	int r = headers_check(file, err);

	if (!elf_arch_find(file->machine))
		return err_set(err, ENOEXEC, "an object for a machine that is not known");
	if (r == 0)
		r = pairs_check(file, err);
	if (r == 0)
		r = dynamic_entries_check(file, err);
	if (r == 0)
		r = hash_check(file, err);
	if (r == 0)
		r = gnu_hash_check(file, err);
	if (r == 0)
		r = symbols_check(file, &sound, err);
	tables_collect(&sound);
	if (r == 0)
		r = relatives_check(file, err);
	if (r == 0)
		r = packed_check(&sound, err);
	if (r == 0)
		r = table_check(&sound, dynamic->rela, dynamic->rela_count, err);
	if (r == 0)
		r = table_check(&sound, dynamic->plt_rela, dynamic->plt_rela_count, err);
	return r;
}
