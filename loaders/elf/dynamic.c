/*
 * The dynamic section: one walk collects the tags, then every table they describe is found in the
 * file and bounded. What is not understood is remembered by name for the loader to refuse.
 */
#include "loaders/elf/dynamic.h"

#include "loaders/elf/symbols.h"

#include <errno.h>
#include <string.h>

#define STANDARD_TAGS (DT_RELRENT + 1)

/* The tags of the object, those below STANDARD_TAGS by number. */
struct tags {
	uint64_t seen; /* a bit per standard tag */
	uint64_t value[STANDARD_TAGS];
	uint64_t gnu_hash, versym, verdef, verneed; /* addresses; 0 = absent */
	uint64_t needed;
};

static bool tag_seen(const struct tags *tags, unsigned int tag)
{
	return tags->seen >> tag & 1;
}

static uint64_t tag_value(const struct tags *tags, unsigned int tag)
{
	return tag_seen(tags, tag) ? tags->value[tag] : 0;
}

static void tag_unknown(struct elf_dynamic *dynamic, int64_t tag)
{
	if (!dynamic->unknown)
		dynamic->unknown_tag = tag;
	dynamic->unknown = true;
}

/* Tags outside the first 37. Those that only describe, or that ask for what always happens, are
 * known and passed over. */
static void tag_collect_extension(struct tags *tags, struct elf_dynamic *dynamic,
				  const elf_dyn *entry)
{
	switch (entry->d_tag) {
	case DT_GNU_HASH:
		tags->gnu_hash = entry->d_un.d_ptr;
		break;
	case DT_VERSYM:
		tags->versym = entry->d_un.d_ptr;
		break;
	case DT_VERDEF:
		tags->verdef = entry->d_un.d_ptr;
		break;
	case DT_VERNEED:
		tags->verneed = entry->d_un.d_ptr;
		break;
	case DT_FLAGS_1:
		dynamic->flags_1 = entry->d_un.d_val;
		break;
	case DT_VERDEFNUM: /* the lists end by themselves */
	case DT_VERNEEDNUM:
	case DT_RELACOUNT:
	case DT_RELCOUNT:
	case DT_CHECKSUM:
	case DT_GNU_PRELINKED:
	case DT_PLTPADSZ:
	case DT_TLSDESC_PLT: /* TLSDESC is bound at once */
	case DT_TLSDESC_GOT:
		break;
	/* Of processors: what describes the PLT's code, since nothing is bound lazily. Others may
	 * carry relocations (AARCH64_AUTH_RELR). */
	case DT_LOPROC:	    /* X86_64_PLT */
	case DT_LOPROC + 1: /* X86_64_PLTSZ, AARCH64_BTI_PLT */
	case DT_LOPROC + 3: /* X86_64_PLTENT, AARCH64_PAC_PLT */
	case DT_LOPROC + 5: /* AARCH64_VARIANT_PCS */
		break;
	default:
		tag_unknown(dynamic, entry->d_tag);
	}
}

static int tags_collect(struct elf_dynamic *dynamic, size_t max, struct tags *ret_tags,
			struct err *err)
{
	for (size_t i = 0; i < max; i++) {
		const elf_dyn *entry = &dynamic->entries[i];
		uint64_t tag = (uint64_t)entry->d_tag;

		if (tag == DT_NULL) {
			dynamic->count = i;
			return 0;
		}
		if (tag == DT_NEEDED) {
			ret_tags->needed++;
		} else if (tag == 31) {
			tag_unknown(dynamic, 31); /* a hole in the standard's numbers */
		} else if (tag < STANDARD_TAGS) {
			ret_tags->seen |= UINT64_C(1) << tag;
			ret_tags->value[tag] = entry->d_un.d_val;
		} else {
			tag_collect_extension(ret_tags, dynamic, entry);
		}
	}
	return err_set(err, ENOEXEC, "the dynamic section does not end with DT_NULL");
}

/* `bytes` is what the tags say a table has; *ret_count entries of `entry` bytes each. */
static int table_find(const struct elf_file *file, const char *name, struct elf_span span,
		      const void **ret_table, struct err *err)
{
	*ret_table = NULL;
	if (span.bytes == 0)
		return 0;
	*ret_table = elf_bytes_at(file, span.address, span.bytes);
	if (!*ret_table)
		return err_set(
			err, ENOEXEC,
			"%s (%llu bytes at 0x%llx) is not inside the file's part of a segment",
			name, (unsigned long long)span.bytes, (unsigned long long)span.address);
	return 0;
}

/* How many bytes of the file may be read from an address on; 0 when it is outside. */
static uint64_t bytes_left(const struct elf_file *file, uint64_t address)
{
	for (size_t i = 0; i < file->load_count; i++) {
		uint64_t at = address - file->loads[i].address;

		if (at < file->loads[i].file_bytes)
			return file->loads[i].file_bytes - at;
	}
	return 0;
}

static int strings_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_dynamic *dynamic = &file->dynamic;
	struct elf_span span = { tag_value(tags, DT_STRTAB), tag_value(tags, DT_STRSZ) };
	const void *table;
	int r = table_find(file, "DT_STRTAB", span, &table, err);

	if (r < 0)
		return r;
	if (!table)
		return err_set(err, ENOEXEC, "no string table (DT_STRTAB and DT_STRSZ)");
	dynamic->strings = table;
	dynamic->string_bytes = span.bytes;
	if (dynamic->strings[span.bytes - 1] != '\0')
		return err_set(err, ENOEXEC, "the string table does not end with a NUL");
	return 0;
}

static int symbols_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_dynamic *dynamic = &file->dynamic;
	uint64_t left;

	if (tag_seen(tags, DT_SYMENT) && tag_value(tags, DT_SYMENT) != sizeof(Elf64_Sym))
		return err_set(err, ENOEXEC, "DT_SYMENT is not %zu", sizeof(Elf64_Sym));
	if (!tag_seen(tags, DT_SYMTAB))
		return err_set(err, ENOEXEC, "no symbol table (DT_SYMTAB)");
	left = bytes_left(file, tag_value(tags, DT_SYMTAB));
	if (left < sizeof(Elf64_Sym))
		return err_set(err, ENOEXEC,
			       "DT_SYMTAB is not inside the file's part of a segment");
	dynamic->symbols = elf_bytes_at(file, tag_value(tags, DT_SYMTAB), left);
	dynamic->symbol_max = left / sizeof(Elf64_Sym);
	return 0;
}

static int hash_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_hash_sysv *hash = &file->dynamic.hash;
	uint64_t address = tag_value(tags, DT_HASH), left = bytes_left(file, address);
	const elf_word *words;

	if (!tag_seen(tags, DT_HASH))
		return 0;
	if (left < 8)
		return err_set(err, ENOEXEC, "DT_HASH is not inside the file's part of a segment");
	words = elf_bytes_at(file, address, left);
	if ((uint64_t)words[0] + words[1] > left / 4 - 2)
		return err_set(err, ENOEXEC, "DT_HASH: %u buckets and %u chains do not fit",
			       words[0], words[1]);
	*hash = elf_hash_sysv_view(words);
	if (hash->chain_count > file->dynamic.symbol_max)
		return err_set(err, ENOEXEC, "DT_HASH counts %u symbols, more than the file holds",
			       hash->chain_count);
	return 0;
}

static int gnu_hash_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_hash_gnu *hash = &file->dynamic.gnu_hash;
	uint64_t left = bytes_left(file, tags->gnu_hash), chains;
	const elf_word *words;

	if (!tags->gnu_hash)
		return 0;
	if (left < 16)
		return err_set(err, ENOEXEC,
			       "DT_GNU_HASH is not inside the file's part of a segment");
	words = elf_bytes_at(file, tags->gnu_hash, left);
	left -= 16;
	if (words[2] == 0 || (words[2] & (words[2] - 1)) || words[3] >= 32)
		return err_set(err, ENOEXEC, "DT_GNU_HASH: %u filter words shifted by %u", words[2],
			       words[3]);
	if (words[2] > left / 8 || words[0] > (left - (uint64_t)words[2] * 8) / 4)
		return err_set(err, ENOEXEC,
			       "DT_GNU_HASH: %u filter words and %u buckets do not fit", words[2],
			       words[0]);
	left -= (uint64_t)words[2] * 8 + (uint64_t)words[0] * 4;
	chains = words[1] < file->dynamic.symbol_max ? file->dynamic.symbol_max - words[1] : 0;
	if (chains > left / 4)
		chains = left / 4;
	*hash = elf_hash_gnu_view(words);
	hash->chain_max = chains < UINT32_MAX ? (uint32_t)chains : UINT32_MAX;
	return 0;
}

static int versions_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_dynamic *dynamic = &file->dynamic;
	uint64_t left;

	if (tags->versym) {
		left = bytes_left(file, tags->versym);
		if (!left)
			return err_set(err, ENOEXEC,
				       "DT_VERSYM is not inside a segment's file part");
		dynamic->versions = elf_bytes_at(file, tags->versym, left);
		dynamic->version_max = left / 2;
	}
	if (tags->verdef) {
		dynamic->version_def_bytes = bytes_left(file, tags->verdef);
		if (!dynamic->version_def_bytes)
			return err_set(err, ENOEXEC,
				       "DT_VERDEF is not inside a segment's file part");
		dynamic->version_defs =
			elf_bytes_at(file, tags->verdef, dynamic->version_def_bytes);
	}
	if (tags->verneed) {
		dynamic->version_need_bytes = bytes_left(file, tags->verneed);
		if (!dynamic->version_need_bytes)
			return err_set(err, ENOEXEC,
				       "DT_VERNEED is not inside a segment's file part");
		dynamic->version_needs =
			elf_bytes_at(file, tags->verneed, dynamic->version_need_bytes);
	}
	return 0;
}

static int relocations_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_dynamic *dynamic = &file->dynamic;
	struct elf_span rela = { tag_value(tags, DT_RELA), tag_value(tags, DT_RELASZ) };
	struct elf_span plt = { tag_value(tags, DT_JMPREL), tag_value(tags, DT_PLTRELSZ) };
	struct elf_span relr = { tag_value(tags, DT_RELR), tag_value(tags, DT_RELRSZ) };
	const void *table;
	int r;

	if ((tag_seen(tags, DT_RELAENT) && tag_value(tags, DT_RELAENT) != sizeof(Elf64_Rela)) ||
	    (tag_seen(tags, DT_RELRENT) && tag_value(tags, DT_RELRENT) != sizeof(Elf64_Xword)))
		return err_set(err, ENOEXEC, "DT_RELAENT or DT_RELRENT has an unknown size");
	dynamic->relocations_without_addend =
		tag_seen(tags, DT_REL) ||
		(tag_seen(tags, DT_PLTREL) && tag_value(tags, DT_PLTREL) != DT_RELA);
	if (rela.bytes % sizeof(Elf64_Rela) || plt.bytes % sizeof(Elf64_Rela) || relr.bytes % 8)
		return err_set(err, ENOEXEC, "a relocation table ends within an entry");
	r = table_find(file, "DT_RELA", rela, &table, err);
	if (r < 0)
		return r;
	dynamic->rela = table;
	dynamic->rela_count = rela.bytes / sizeof(Elf64_Rela);
	r = table_find(file, "DT_JMPREL", plt, &table, err);
	if (r < 0)
		return r;
	dynamic->plt_rela = table;
	dynamic->plt_rela_count = plt.bytes / sizeof(Elf64_Rela);
	r = table_find(file, "DT_RELR", relr, &table, err);
	if (r < 0)
		return r;
	dynamic->relr = table;
	dynamic->relr_count = relr.bytes / 8;
	return 0;
}

static int array_check(const struct elf_file *file, const char *name, struct elf_span span,
		       struct elf_span *ret_span, struct err *err)
{
	if (span.bytes == 0)
		return 0;
	if (span.bytes % 8 || !elf_load_at(file, span.address, span.bytes))
		return err_set(err, ENOEXEC, "%s (%llu bytes at 0x%llx) is not inside a segment",
			       name, (unsigned long long)span.bytes,
			       (unsigned long long)span.address);
	*ret_span = span;
	return 0;
}

/* A function must be inside an executable segment. */
static int function_check(const struct elf_file *file, const char *name, uint64_t address,
			  struct err *err)
{
	const struct elf_segment *load = address ? elf_load_at(file, address, 1) : NULL;

	if (address && (!load || !(load->flags & PF_X)))
		return err_set(err, ENOEXEC, "%s (0x%llx) is not inside an executable segment",
			       name, (unsigned long long)address);
	return 0;
}

static int functions_check(struct elf_file *file, const struct tags *tags, struct err *err)
{
	struct elf_dynamic *dynamic = &file->dynamic;
	struct elf_span init = { tag_value(tags, DT_INIT_ARRAY), tag_value(tags, DT_INIT_ARRAYSZ) };
	struct elf_span fini = { tag_value(tags, DT_FINI_ARRAY), tag_value(tags, DT_FINI_ARRAYSZ) };
	struct elf_span pre = { tag_value(tags, DT_PREINIT_ARRAY),
				tag_value(tags, DT_PREINIT_ARRAYSZ) };
	int r;

	dynamic->init = tag_value(tags, DT_INIT);
	dynamic->fini = tag_value(tags, DT_FINI);
	r = function_check(file, "DT_INIT", dynamic->init, err);
	if (r == 0)
		r = function_check(file, "DT_FINI", dynamic->fini, err);
	if (r == 0)
		r = array_check(file, "DT_INIT_ARRAY", init, &dynamic->init_array, err);
	if (r == 0)
		r = array_check(file, "DT_FINI_ARRAY", fini, &dynamic->fini_array, err);
	if (r == 0)
		r = array_check(file, "DT_PREINIT_ARRAY", pre, &dynamic->preinit_array, err);
	return r;
}

static void addresses_collect(struct elf_file *file, const struct tags *tags, uint64_t entries)
{
	file->dynamic.at = (struct elf_dynamic_at){
		.entries = entries,
		.strings = tag_value(tags, DT_STRTAB),
		.symbols = tag_value(tags, DT_SYMTAB),
		.hash = tag_value(tags, DT_HASH),
		.gnu_hash = tags->gnu_hash,
		.versions = tags->versym,
		.version_defs = tags->verdef,
		.version_needs = tags->verneed,
		.rela = tag_value(tags, DT_RELA),
		.plt_rela = tag_value(tags, DT_JMPREL),
		.relr = tag_value(tags, DT_RELR),
	};
}

static void words_collect(struct elf_file *file, const struct tags *tags)
{
	struct elf_dynamic *dynamic = &file->dynamic;

	dynamic->needed_count = tags->needed;
	dynamic->flags = tag_value(tags, DT_FLAGS);
	dynamic->text_relocations = tag_seen(tags, DT_TEXTREL) || dynamic->flags & DF_TEXTREL;
	dynamic->symbolic = tag_seen(tags, DT_SYMBOLIC) || dynamic->flags & DF_SYMBOLIC;
	dynamic->bind_now = tag_seen(tags, DT_BIND_NOW) || dynamic->flags & DF_BIND_NOW ||
			    dynamic->flags_1 & DF_1_NOW;
	if (tag_seen(tags, DT_SONAME))
		dynamic->soname = elf_string(file, tag_value(tags, DT_SONAME));
	if (tag_seen(tags, DT_RUNPATH))
		dynamic->runpath = elf_string(file, tag_value(tags, DT_RUNPATH));
	if (tag_seen(tags, DT_RPATH))
		dynamic->rpath = elf_string(file, tag_value(tags, DT_RPATH));
}

static int needed_check(const struct elf_file *file, struct err *err)
{
	if (file->dynamic.needed_count > ELF_NEEDED_MAX)
		return err_set(err, ENOEXEC, "%zu libraries needed (DT_NEEDED)",
			       file->dynamic.needed_count);
	for (size_t i = 0; i < file->dynamic.needed_count; i++) {
		if (!elf_needed(file, i))
			return err_set(err, ENOEXEC, "DT_NEEDED %zu names nothing", i);
	}
	return 0;
}

int elf_dynamic_check(struct elf_file *file, struct elf_span span, struct err *err)
{
	struct tags tags = { 0 };
	int r;

	file->dynamic.entries = elf_bytes_at(file, span.address, span.bytes);
	r = tags_collect(&file->dynamic, span.bytes / sizeof(Elf64_Dyn), &tags, err);
	if (r == 0)
		r = strings_check(file, &tags, err);
	if (r == 0)
		r = symbols_check(file, &tags, err);
	if (r == 0)
		r = hash_check(file, &tags, err);
	if (r == 0)
		r = gnu_hash_check(file, &tags, err);
	if (r == 0)
		r = versions_check(file, &tags, err);
	if (r == 0)
		r = relocations_check(file, &tags, err);
	if (r == 0)
		r = functions_check(file, &tags, err);
	if (r < 0)
		return r;
	addresses_collect(file, &tags, span.address);
	words_collect(file, &tags);
	return needed_check(file, err);
}

const char *elf_needed(const struct elf_file *file, size_t i)
{
	for (size_t at = 0; at < file->dynamic.count; at++) {
		const elf_dyn *entry = &file->dynamic.entries[at];

		if (entry->d_tag == DT_NEEDED && i-- == 0)
			return elf_string(file, entry->d_un.d_val);
	}
	return NULL;
}
