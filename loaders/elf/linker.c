/*
 * dlvsym() is not what the linker does for a reference with a version: the linker also takes a
 * definition without any version, when one comes first in the scope. That is how a preloaded
 * allocator or a sanitizer replaces malloc@GLIBC_2.2.5. So both are asked for, with and without the
 * version, and where they differ the definition itself says whether it has one.
 */
#include "loaders/elf/linker.h"

#include "loaders/elf/init.h"
#include "loaders/elf/symbols.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

/* An address of a library's dynamic section; the linker has relocated them on most machines. */
static const void *table_at(const struct link_map *map, uint64_t address)
{
	return (const void *)(address < map->l_addr ? address + map->l_addr : address);
}

/* The tables a look-up needs, of a library the linker has mapped and is believed about. */
static void tables_view(const struct link_map *map, struct elf_dynamic *ret_dynamic)
{
	memset(ret_dynamic, 0, sizeof(*ret_dynamic));
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		const void *table = table_at(map, entry->d_un.d_ptr);

		switch (entry->d_tag) {
		case DT_SYMTAB:
			ret_dynamic->symbols = table;
			break;
		case DT_STRTAB:
			ret_dynamic->strings = table;
			break;
		case DT_VERSYM:
			ret_dynamic->versions = table;
			break;
		case DT_HASH:
			ret_dynamic->hash = elf_hash_sysv_view(table);
			break;
		case DT_GNU_HASH:
			ret_dynamic->gnu_hash = elf_hash_gnu_view(table);
			break;
		default:
			break;
		}
	}
	ret_dynamic->symbol_max = ret_dynamic->string_bytes = SIZE_MAX;
	ret_dynamic->version_max = ret_dynamic->versions ? SIZE_MAX : 0;
}

/* Whether the library an address is in defines the name without a version. */
static bool definition_plain(void *address, const char *name)
{
	struct elf_file file = { 0 };
	struct link_map *map = NULL;
	const elf_sym *symbol;
	Dl_info where;

	if (!dladdr1(address, &where, (void **)&map, RTLD_DL_LINKMAP) || !map || !map->l_ld)
		return false;
	tables_view(map, &file.dynamic);
	if (!file.dynamic.symbols || !file.dynamic.strings)
		return false;
	symbol = elf_symbol_find(&file, name);
	return symbol && (!file.dynamic.versions ||
			  (file.dynamic.versions[symbol - file.dynamic.symbols] & 0x7fff) < 2);
}

static void *handle_ask(void *handle, const struct elf_name *name)
{
	void *exact, *any;

	if (!name->version)
		return dlsym(handle, name->text);
	/* glibc takes a version whose hash is 0, as no real one's is, for the nameless entries of
	 * its tables, and compares their names all the same. */
	exact = elf_hash_sysv(name->version) ? dlvsym(handle, name->text, name->version) : NULL;
	any = dlsym(handle, name->text);
	return any && any != exact && definition_plain(any, name->text) ? any : exact;
}

void elf_linker_keep(uintptr_t address)
{
	struct link_map *map = NULL;
	void *handle = NULL;
	Dl_info where;

	if (dladdr1((void *)address, &where, (void **)&map, RTLD_DL_LINKMAP) && map->l_name[0])
		handle = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	if (handle)
		dlclose(handle);
	(void)dlerror();
}

/* The program's handle, NULL when the caller of this library is the program, or has none: in a
 * namespace of dlmopen(). */
static void *program_open(void)
{
	static const char here;
	void *handle = dlopen(NULL, RTLD_LAZY);
	struct link_map *program = NULL, *own = NULL;
	Dl_info where;

	if (handle && dlinfo(handle, RTLD_DI_LINKMAP, &program) == 0 &&
	    dladdr1(&here, &where, (void **)&own, RTLD_DL_LINKMAP) && own != program)
		return handle;
	(void)dlerror();
	return NULL;
}

static void *program_handle(void)
{
	static _Atomic(void *) known;
	static char nothing;
	void *handle = atomic_load_explicit(&known, memory_order_acquire);

	if (!handle) {
		handle = program_open();
		if (!handle)
			handle = &nothing;
		atomic_store_explicit(&known, handle, memory_order_release);
	}
	return handle == &nothing ? NULL : handle;
}

/*
 * RTLD_DEFAULT is the scope of who asks. In a shared object that holds this library that is the
 * global one, and then what it and the libraries it needs define, which is for nobody else: there
 * the program's handle has the last word, which is the global scope and no more. But the linker
 * keeps a library, as long as who asked stays, only when it answered for RTLD_DEFAULT. A holder
 * opened with RTLD_DEEPBIND asks itself first; what it hides is kept for ever instead.
 */
static void *global_ask(const struct elf_name *name)
{
	void *kept = handle_ask(RTLD_DEFAULT, name), *program = program_handle();
	void *address = kept && program ? handle_ask(program, name) : kept;

	if (address && address != kept)
		elf_linker_keep((uintptr_t)address);
	return address;
}

/* The place of the library an address is in, among all the scope has. */
static size_t order_of(const struct elf_scope *scope, void *address)
{
	struct link_map *map = NULL;
	Dl_info where;
	size_t i = scope->order_count;

	if (dladdr1(address, &where, (void **)&map, RTLD_DL_LINKMAP)) {
		for (i = 0; i < scope->order_count && scope->order[i] != map; i++)
			;
	}
	return i;
}

/* A handle answers for its library and what that needs; the linker would look breadth first through
 * all of them, so the answer that lies nearest counts. */
static void *needed_ask(const struct elf_scope *scope, const struct elf_name *name)
{
	size_t nearest = SIZE_MAX;
	void *found = NULL;

	for (size_t i = 0; i < scope->count; i++) {
		void *address = handle_ask(scope->handles[i], name);
		size_t order = address && scope->count > 1 ? order_of(scope, address) : 0;

		if (!address || order >= nearest)
			continue;
		nearest = order;
		found = address;
	}
	return found;
}

/* A reference without a version is also served by an old one, kept for objects linked before there
 * were versions (pthread_atfork of glibc 2.34), which dlsym() does not show. The ordinary way
 * answers first, so only such names come here. */
static void *old_ask(const struct elf_scope *scope, const char *name)
{
	for (size_t i = 0; i < scope->order_count; i++) {
		struct elf_file file = { 0 };
		const elf_sym *symbol;

		tables_view(scope->order[i], &file.dynamic);
		symbol = file.dynamic.symbols && file.dynamic.strings
				 ? elf_symbol_find_any(&file, name)
				 : NULL;
		if (symbol && symbol->st_shndx != SHN_ABS &&
		    (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ||
		     ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT))
			return (void *)(scope->order[i]->l_addr + symbol->st_value);
	}
	return NULL;
}

/*
 * What <link.h> does not show of glibc's struct link_map (include/link.h, the same from 2.1
 * to 2.42): in the program's, the list of the global scope. It lies behind what the kernel has told
 * about the program, too, by which it is found.
 */
struct map_tail {
	const void *headers;
	uintptr_t entry;
	uint16_t header_count, dynamic_count;
	struct link_map **list;
	uint32_t list_count;
};

#define MAP_WORDS 120 /* l_phdr is behind l_info, some 80 pointers, and far from the end */

/* No lock of the linker's is taken: whoever asks may hold one that its constructors want. */
static const struct map_tail *program_tail(void)
{
	const struct link_map *map = _r_debug.r_map;
	const uintptr_t *words = (const uintptr_t *)(const void *)map;

	for (size_t i = sizeof(*map) / sizeof(*words); map && i < MAP_WORDS; i++) {
		const struct map_tail *tail = (const void *)(words + i);

		if ((uintptr_t)tail->headers == getauxval(AT_PHDR) &&
		    tail->entry == getauxval(AT_ENTRY) &&
		    tail->header_count == getauxval(AT_PHNUM) && tail->list && tail->list_count &&
		    tail->list[0] == map)
			return tail;
	}
	return NULL;
}

uint32_t elf_linker_global_count(void)
{
	static _Atomic(const struct map_tail *) known;
	static const struct map_tail nothing;
	const struct map_tail *tail = atomic_load_explicit(&known, memory_order_acquire);

	if (!tail) {
		tail = program_tail();
		if (!tail)
			tail = &nothing;
		atomic_store_explicit(&known, tail, memory_order_release);
	}
	return __atomic_load_n(&tail->list_count, __ATOMIC_RELAXED);
}

enum elf_found elf_linker_ask(const struct elf_scope *scope, const struct elf_name *name,
			      uintptr_t *ret_address)
{
	void *address = (void *)elf_substitute_find(name->text, strlen(name->text));
	enum elf_found found = ELF_IN_GLOBAL;

	if (!address)
		address = global_ask(name);
	if (!address) {
		address = needed_ask(scope, name);
		if (!address && !name->version)
			address = old_ask(scope, name->text);
		found = address ? ELF_IN_NEEDED : ELF_ABSENT;
	}
	if (!address)
		(void)dlerror(); /* nobody's error but ours */
	*ret_address = (uintptr_t)address;
	return found;
}
