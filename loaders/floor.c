/*
 * floor: what has to be done at least. It copies the loadable bytes into memory that is mapped and
 * touched already, applies the relocations, and looks each import up in a warm cache keyed by name.
 * It maps, protects, initialises and executes nothing: the copy is data, and symbols are answered
 * as `null` answers them. What is found out about an object (its tables, its imports) is kept while
 * the same object comes again, so that only the unavoidable is timed. A loader that need not look
 * names up one by one can relocate faster than this; none can copy faster.
 */
#include "loaders/loader.h"

#include "loaders/elf/arch.h"
#include "loaders/elf/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct import {
	const char *name; /* in the object's string table; NULL = a free slot */
	uint64_t address;
};

/* What is known about the object of the last load. */
struct floor {
	const void *bytes;
	uint64_t id, generation;
	struct elf_file file;
	unsigned char *memory;
	size_t size;
	struct import *imports; /* open addressing, at most half full */
	size_t import_mask;
};

static long floor_function(void)
{
	return 0;
}

/* As symbol tables hash names: Bernstein's function. */
static uint32_t name_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static struct import *import_slot(const struct floor *floor, const char *name)
{
	size_t i = name_hash(name) & floor->import_mask;

	while (floor->imports[i].name && strcmp(floor->imports[i].name, name) != 0)
		i = (i + 1) & floor->import_mask;
	return &floor->imports[i];
}

static const elf_sym *symbol_of(const struct floor *floor, const elf_rela *rela)
{
	return &floor->file.dynamic.symbols[ELF64_R_SYM(rela->r_info)];
}

static void floor_forget(struct floor *floor)
{
	if (floor->memory)
		munmap(floor->memory, floor->size);
	free(floor->imports);
	*floor = (struct floor){ 0 };
}

/* Everything that relocations_apply() takes on trust, once per object. */
static int relocations_check(struct floor *floor, const elf_rela *rela, size_t count,
			     struct err *err)
{
	const struct elf_arch *arch = elf_arch_native();

	for (; count > 0; count--, rela++) {
		uint32_t number = (uint32_t)ELF64_R_TYPE(rela->r_info);
		struct import *slot;
		const char *name;

		if (!elf_load_at(&floor->file, rela->r_offset, sizeof(uint64_t)))
			return err_set(err, ENOEXEC, "a relocation lies outside of the object");
		if (number == arch->relative)
			continue;
		if (ELF64_R_SYM(rela->r_info) >= floor->file.dynamic.symbol_max)
			return err_set(err, ENOEXEC, "a relocation's symbol lies outside");
		name = elf_string(&floor->file, symbol_of(floor, rela)->st_name);
		if (!name)
			return err_set(err, ENOEXEC, "a symbol's name lies outside");
		slot = import_slot(floor, name);
		slot->name = name;
		slot->address = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, name);
	}
	return 0;
}

static int floor_learn(struct floor *floor, const struct so *so, struct err *err)
{
	const struct elf_dynamic *dynamic = &floor->file.dynamic;
	size_t slots = 64;
	void *memory;
	int r;

	floor_forget(floor);
	r = elf_file_check(&floor->file, so->bytes, so->size, err);
	if (r < 0)
		return r;
	if (floor->file.machine != elf_arch_native()->machine)
		return err_set(err, ENOEXEC, "the object is for another machine");
	while (slots < 2 * (dynamic->rela_count + dynamic->plt_rela_count))
		slots *= 2;
	floor->import_mask = slots - 1;
	floor->imports = calloc(slots, sizeof(*floor->imports));
	floor->size = (size_t)(floor->file.end - floor->file.begin);
	memory = mmap(NULL, floor->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory != MAP_FAILED)
		floor->memory = memory;
	if (!floor->imports || !floor->memory)
		return err_set(err, ENOMEM, "no memory for %zu bytes", floor->size);
	r = relocations_check(floor, dynamic->rela, dynamic->rela_count, err);
	if (r == 0)
		r = relocations_check(floor, dynamic->plt_rela, dynamic->plt_rela_count, err);
	if (r < 0)
		return r;
	floor->bytes = so->bytes;
	floor->id = so->id;
	floor->generation = so->generation;
	return 0;
}

static bool floor_knows(const struct floor *floor, const struct so *so)
{
	return floor->bytes == so->bytes && floor->file.size == so->size && so->id != 0 &&
	       floor->id == so->id && floor->generation == so->generation;
}

static void segments_copy(const struct floor *floor)
{
	for (size_t i = 0; i < floor->file.load_count; i++) {
		const struct elf_segment *load = &floor->file.loads[i];
		unsigned char *to = floor->memory + (load->address - floor->file.begin);

		memcpy(to, floor->file.bytes + load->offset, load->file_bytes);
		memset(to + load->file_bytes, 0, load->memory_bytes - load->file_bytes);
	}
}

/* Relocations by kinds that are rarer than imports cost no less, and are counted as imports. */
static void relocations_apply(const struct floor *floor, const elf_rela *rela, size_t count)
{
	uint64_t bias = (uint64_t)(uintptr_t)floor->memory - floor->file.begin;
	uint32_t relative = elf_arch_native()->relative;

	for (; count > 0; count--, rela++) {
		uint64_t value = bias + (uint64_t)rela->r_addend;

		if (ELF64_R_TYPE(rela->r_info) != relative) {
			const elf_sym *symbol = symbol_of(floor, rela);
			const char *name = floor->file.dynamic.strings + symbol->st_name;

			value = symbol->st_shndx == SHN_UNDEF ? import_slot(floor, name)->address
							      : bias + symbol->st_value;
		}
		memcpy(floor->memory + (rela->r_offset - floor->file.begin), &value, sizeof(value));
	}
}

static int floor_load(struct image *image, struct err *err)
{
	struct floor *floor = image->loader->state;
	const struct elf_dynamic *dynamic = &floor->file.dynamic;

	timeline_enter(image->time, PHASE_MAP);
	if (!floor_knows(floor, image->so)) {
		int r = floor_learn(floor, image->so, err);

		if (r < 0) {
			floor_forget(floor);
			return r;
		}
	}
	segments_copy(floor);
	image->report.load_bytes = elf_load_bytes(&floor->file);
	timeline_enter(image->time, PHASE_RELOCATE);
	relocations_apply(floor, dynamic->rela, dynamic->rela_count);
	relocations_apply(floor, dynamic->plt_rela, dynamic->plt_rela_count);
	/* Nobody reads it, and yet it may not be left out. */
	__asm__ volatile("" : : "r"(floor->memory) : "memory");
	timeline_enter(image->time, PHASE_INIT); /* of nothing */
	return 0;
}

static int floor_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	const struct so_symbol *symbol = image->so->linked;

	if (!symbol) {
		*ret_address = (void *)(uintptr_t)floor_function;
		return 0;
	}
	for (; symbol->name; symbol++) {
		if (strcmp(symbol->name, name) == 0) {
			*ret_address = symbol->address;
			return 0;
		}
	}
	return err_set(err, ENOENT, "symbol '%s' is not linked into this program", name);
}

static void floor_unload(struct image *image)
{
	(void)image;
}

static void floor_finish(struct loader *loader)
{
	floor_forget(loader->state);
}

static int floor_available(const struct loader *loader, struct err *err)
{
	(void)loader;
	return elf_arch_native() ? 0 : err_set(err, ENOTSUP, "no ELF tables for this machine");
}

const struct loader_type loader_floor = {
	.name = "floor",
	.summary = "copies and relocates, executes nothing: no loader copies faster",
	.caps = LOADER_DISKLESS | LOADER_FILELESS | LOADER_SPLIT_PHASES | LOADER_MANY_IMAGES,
	.loader_size = sizeof(struct floor),
	.available = floor_available,
	.load = floor_load,
	.symbol = floor_symbol,
	.unload = floor_unload,
	.finish = floor_finish,
};
