/*
 * The walk: DT_RELR, DT_RELA, DT_JMPREL, each entry by its meaning in the machine's table. A word
 * is written only inside a window, so nothing an object says can reach memory that is not its own.
 * RELATIVE entries, most of any table, take a short loop of their own.
 */
#include "loaders/elf/reloc.h"

#include "loaders/elf/arch.h"
#include "loaders/elf/bind.h"
#include "loaders/elf/imports.h"
#include "loaders/elf/tls.h"

#include <errno.h>

struct walk {
	struct bind bind;
	const struct elf_arch *arch;
	const struct elf_place *place;
	uintptr_t base;
	bool resolve; /* the second pass: only what needs the object's resolvers */
	/* The window the last word was in: words begin less than `room` behind `begin`. */
	uint64_t begin, room;
	uintptr_t write;
	uint64_t relatives; /* words computed */
};

static uint32_t rela_symbol(const elf_rela *rela)
{
	return (uint32_t)(rela->r_info >> 32);
}

static int window_enter(struct walk *walk, uint64_t address, uint64_t bytes, struct err *err)
{
	const struct elf_window *window = elf_place_window(walk->place, address, bytes);

	if (!window)
		return err_set(err, ENOEXEC,
			       "a relocation writes to 0x%llx, which is not in a writable segment",
			       (unsigned long long)address);
	walk->begin = window->begin;
	walk->room = window->end - window->begin - (sizeof(uint64_t) - 1);
	walk->write = window->write;
	return 0;
}

static inline bool word_reachable(const struct walk *walk, uint64_t address)
{
	return address - walk->begin < walk->room;
}

static __attribute__((noinline)) int word_seek(struct walk *walk, uint64_t address,
					       elf_xword **ret_word, struct err *err)
{
	int r = window_enter(walk, address, sizeof(uint64_t), err);

	if (r == 0)
		*ret_word = (elf_xword *)(walk->write + address);
	return r;
}

static inline int word_find(struct walk *walk, uint64_t address, elf_xword **ret_word,
			    struct err *err)
{
	if (!word_reachable(walk, address))
		return word_seek(walk, address, ret_word, err);
	*ret_word = (elf_xword *)(walk->write + address);
	return 0;
}

/* As many RELATIVE entries from `at` on as lie in the present window: how many. */
static size_t relatives_apply(struct walk *walk, const elf_rela *table, size_t count)
{
	const uint64_t begin = walk->begin, room = walk->room, relative = walk->arch->relative;
	const uintptr_t window = walk->write + begin, base = walk->base;
	const elf_rela *entry = table, *end = table + count, *linked;

	while (walk->bind.object->linked && entry < end && entry->r_info == relative)
		entry++;
	linked = entry;
	for (; entry < end && entry->r_info == relative; entry++) {
		uint64_t at = entry->r_offset - begin;

		if (at >= room)
			break;
		*(elf_xword *)(window + at) = base + (uint64_t)entry->r_addend;
	}
	walk->relatives += (uint64_t)(entry - linked);
	return (size_t)(entry - table);
}

static int packed_apply(struct walk *walk, const elf_xword *table, size_t count, struct err *err)
{
	uint64_t next = 0;
	elf_xword *word;
	int r;

	for (size_t i = 0; i < count; i++) {
		uint64_t entry = table[i];

		if (!(entry & 1)) {
			r = word_find(walk, entry, &word, err);
			if (r < 0)
				return r;
			*word += walk->base;
			walk->relatives++;
			next = entry + 8;
			continue;
		}
		for (uint64_t bits = entry >> 1, at = next; bits; bits >>= 1, at += 8) {
			if (!(bits & 1))
				continue;
			r = word_find(walk, at, &word, err);
			if (r < 0)
				return r;
			*word += walk->base;
			walk->relatives++;
		}
		next += 63 * 8;
	}
	return 0;
}

static int reloc_refuse(const struct walk *walk, const elf_rela *rela, struct err *err)
{
	uint32_t number = ELF64_R_TYPE(rela->r_info);

	switch (elf_arch_reloc(walk->arch, number)) {
	case RELOC_COPY:
		return err_set(err, ENOEXEC,
			       "a COPY relocation (%s type %u): only programs have them",
			       walk->arch->name, number);
	case RELOC_TEXT:
		return err_set(err, ENOEXEC,
			       "a relocation of code (%s type %u): build the object with -fPIC",
			       walk->arch->name, number);
	default:
		return err_set(err, ENOEXEC, "%s relocation type %u is not understood",
			       walk->arch->name, number);
	}
}

/* Calls a resolver of the object. It must be its code. */
static int resolver_call(struct walk *walk, uintptr_t function, uint64_t *ret_value,
			 struct err *err)
{
	const struct elf_segment *load = elf_load_at(walk->bind.file, function - walk->base, 1);

	if (!load || !(load->flags & PF_X))
		return err_set(err, ENOEXEC, "a resolver (IFUNC) lies outside the object's code");
	elf_imports_end(); /* it may do anything, loading objects included */
	*ret_value = elf_resolver_run(function);
	elf_imports_begin();
	bind_again(&walk->bind);
	return 0;
}

/* The answer of one of the object's functions, which run in the second pass. */
static int indirect_apply(struct walk *walk, const elf_rela *rela, enum reloc reloc,
			  uintptr_t address, struct err *err)
{
	uint64_t addend = (uint64_t)rela->r_addend, value = 0;
	elf_xword *word;
	int r = word_find(walk, rela->r_offset, &word, err);

	walk->bind.object->indirect |= r == 0;
	if (r < 0 || !walk->resolve)
		return r;
	r = resolver_call(walk, reloc == RELOC_INDIRECT ? address + addend : address, &value, err);
	if (r == 0)
		*word = reloc == RELOC_INDIRECT ? value : value + addend;
	return r;
}

/* A value that is the address of a symbol plus addend. */
static int address_apply(struct walk *walk, const elf_rela *rela, enum reloc reloc, struct err *err)
{
	uintptr_t address;
	bool indirect;
	elf_xword *word;
	int r = bind_address(&walk->bind, rela_symbol(rela), &address, &indirect, err);

	if (r < 0)
		return r;
	if (indirect)
		return indirect_apply(walk, rela, reloc, address, err);
	r = word_find(walk, rela->r_offset, &word, err);
	if (r == 0 && (!walk->resolve || bind_own_indirect(&walk->bind, rela_symbol(rela))))
		*word = address + (uint64_t)rela->r_addend;
	return r;
}

static int tls_descriptor_apply(const struct bind_tls *tls, elf_xword *word, struct err *err)
{
	uint64_t words[2];
	int r = 0;

	if (tls->module || tls->foreign)
		r = elf_tls_descriptor(tls->module, tls->foreign, tls->offset, words, err);
	else
		elf_tls_descriptor_absent(tls->offset, words);
	if (r == 0) {
		word[0] = words[0];
		word[1] = words[1];
	}
	return r;
}

static int tls_static_apply(struct walk *walk, const struct bind_tls *tls, elf_xword *word,
			    struct err *err)
{
	const struct elf_file *file = walk->bind.file;
	const struct elf_window *window =
		elf_place_window(walk->place, file->tls.address, file->tls.file_bytes);
	/* The relocations that give it addresses come first in most tables. */
	const struct elf_tls_place place = {
		.module = tls->module,
		.file = file,
		.image = window ? (const void *)(window->write + file->tls.address)
				: elf_bytes_at(file, file->tls.address, file->tls.file_bytes),
		.offset = tls->offset,
	};
	uint64_t value = 0;
	int r = 0;

	elf_imports_end(); /* the dynamic linker's lock must not be waited for with ours held */
	if (tls->module)
		r = elf_tls_static(&place, &value, err);
	else if (tls->foreign)
		r = elf_tls_static_foreign(tls->foreign, tls->offset, &value, err);
	elf_imports_begin();
	bind_again(&walk->bind);
	if (r == 0)
		*word = value;
	return r;
}

static int tls_apply(struct walk *walk, const elf_rela *rela, enum reloc reloc, struct err *err)
{
	struct bind_tls tls;
	elf_xword *word;
	int r = bind_tls(&walk->bind, rela_symbol(rela), &tls, err);

	if (r == 0 && reloc == RELOC_TLS_DESC)
		r = window_enter(walk, rela->r_offset, 2 * sizeof(uint64_t), err);
	if (r == 0)
		r = word_find(walk, rela->r_offset, &word, err);
	if (r < 0)
		return r;
	tls.offset += (uint64_t)rela->r_addend;
	switch (reloc) {
	case RELOC_TLS_MODULE:
		*word = tls.module ? elf_tls_word(tls.module) : tls.foreign;
		return 0;
	case RELOC_TLS_OFFSET:
		*word = tls.offset;
		return 0;
	case RELOC_TLS_DESC:
		return tls_descriptor_apply(&tls, word, err);
	default:
		return tls_static_apply(walk, &tls, word, err);
	}
}

static int size_apply(struct walk *walk, const elf_rela *rela, struct err *err)
{
	const struct elf_dynamic *dynamic = &walk->bind.file->dynamic;
	uint32_t symbol = rela_symbol(rela);
	elf_xword *word;
	int r = word_find(walk, rela->r_offset, &word, err);

	if (r < 0)
		return r;
	/* The size of a variable another library may define anew can't be told from here. */
	if (symbol >= dynamic->symbol_max || dynamic->symbols[symbol].st_shndx == SHN_UNDEF)
		return reloc_refuse(walk, rela, err);
	*word = dynamic->symbols[symbol].st_size + (uint64_t)rela->r_addend;
	return 0;
}

static int entry_apply(struct walk *walk, const elf_rela *rela, struct err *err)
{
	enum reloc reloc = elf_arch_reloc(walk->arch, (uint32_t)ELF64_R_TYPE(rela->r_info));
	elf_xword *word;
	int r;

	switch (reloc) {
	case RELOC_ADDRESS:
	case RELOC_SLOT:
		return address_apply(walk, rela, reloc, err);
	case RELOC_INDIRECT:
		return indirect_apply(walk, rela, reloc, walk->base, err);
	case RELOC_NONE:
		return 0;
	case RELOC_RELATIVE:
		r = walk->resolve ? 0 : word_find(walk, rela->r_offset, &word, err);
		if (r == 0 && !walk->resolve) {
			*word = walk->base + (uint64_t)rela->r_addend;
			walk->relatives++;
		}
		return r;
	case RELOC_SIZE:
		return walk->resolve ? 0 : size_apply(walk, rela, err);
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_STATIC:
	case RELOC_TLS_DESC:
		return walk->resolve ? 0 : tls_apply(walk, rela, reloc, err);
	default:
		return reloc_refuse(walk, rela, err);
	}
}

static int table_apply(struct walk *walk, const elf_rela *table, size_t count, struct err *err)
{
	const uint64_t relative = walk->arch->relative;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (table[i].r_info == relative && !walk->resolve) {
			i += relatives_apply(walk, table + i, count - i);
			if (i == count)
				break;
		}
		r = entry_apply(walk, &table[i], err);
	}
	return r;
}

static void walk_begin(struct walk *walk, struct elf_object *object, bool resolve)
{
	walk->arch = object->arch;
	walk->place = &object->place;
	walk->base = object->base;
	walk->resolve = resolve;
	walk->begin = 0;
	walk->room = 0;
	walk->write = 0;
	walk->relatives = 0;
	if (object->place.window_count) {
		const struct elf_window *first = &object->place.windows[0];

		if (first->end - first->begin >= sizeof(uint64_t))
			(void)window_enter(walk, first->begin, sizeof(uint64_t), NULL);
	}
	elf_imports_begin();
	bind_begin(&walk->bind, object);
}

int elf_reloc_apply(struct elf_object *object, struct err *err)
{
	const struct elf_dynamic *dynamic = &object->file.dynamic;
	struct walk walk;
	int r;

	walk_begin(&walk, object, false);
	object->libraries = elf_imports_since();
	r = packed_apply(&walk, dynamic->relr, dynamic->relr_count, err);
	if (r == 0)
		r = table_apply(&walk, dynamic->rela, dynamic->rela_count, err);
	if (r == 0)
		r = table_apply(&walk, dynamic->plt_rela, dynamic->plt_rela_count, err);
	elf_imports_end();
	object->relatives = walk.relatives;
	return r;
}

int elf_reloc_resolve(struct elf_object *object, struct err *err)
{
	const struct elf_dynamic *dynamic = &object->file.dynamic;
	struct walk walk;
	int r;

	walk_begin(&walk, object, true);
	r = table_apply(&walk, dynamic->rela, dynamic->rela_count, err);
	if (r == 0)
		r = table_apply(&walk, dynamic->plt_rela, dynamic->plt_rela_count, err);
	elf_imports_end();
	return r;
}
