/*
 * The import cache: an open-addressed table of names, filled by asking the dynamic linker. A load
 * holds the lock while it relocates; a miss lets go of it, asks, and adds what was said. Absence is
 * an answer too: it costs the dynamic linker twice as much as presence.
 */
#include "loaders/elf/imports.h"

#include "loaders/elf/linker.h"
#include "loaders/elf/plan.h"

#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_FIRST 2048
#define ENTRIES_MAX 65536 /* then it starts over: hostile names must not fill the memory */
#define TEXT_MAX (16 << 20)
#define NAME_BYTES_MAX 65536 /* of one name; no compiler makes longer ones */

struct entry {
	const char *text;
	const char *version; /* kept; NULL = none */
	uintptr_t address;
	uint32_t hash;
	uint32_t bytes; /* of the text, with its NUL */
	uint32_t scope;
	uint32_t found;
};

/* Names live in blocks that are freed together. */
struct block {
	struct block *next;
	size_t used, size;
	char text[];
};

/* Entries and their texts lie in the order in which they were first asked for: objects of one kind
 * ask in the same order, and the memory is read forwards. */
static struct {
	pthread_mutex_t lock;
	struct entry *entries;
	size_t count, text_bytes;
	uint32_t *table; /* open-addressed: 1 + index of an entry, 0 = empty */
	size_t mask;	 /* of the table; entries has room for half of it */
	struct block *blocks;
	uint64_t generation; /* of the libraries the entries are true for */
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int generation_visit(struct dl_phdr_info *object, size_t size, void *context)
{
	(void)size;
	*(uint64_t *)context = ((uint64_t)object->dlpi_adds << 32) + (uint32_t)object->dlpi_subs;
	return 1;
}

uint64_t elf_imports_generation(void)
{
	uint64_t generation = 0;

	dl_iterate_phdr(generation_visit, &generation);
	return generation + ((uint64_t)elf_linker_global_count() << 48);
}

static void cache_empty(uint64_t generation)
{
	while (cache.blocks) {
		struct block *next = cache.blocks->next;

		free(cache.blocks);
		cache.blocks = next;
	}
	if (cache.table)
		memset(cache.table, 0, (cache.mask + 1) * sizeof(*cache.table));
	cache.count = 0;
	cache.text_bytes = 0;
	cache.generation = generation;
	elf_plans_forget();
}

static bool cache_stale(uint64_t generation)
{
	return cache.generation != generation || cache.count >= ENTRIES_MAX ||
	       cache.text_bytes >= TEXT_MAX;
}

void elf_imports_begin(void)
{
	uint64_t generation;

	/* Asking under the lock means that no fork happens meanwhile: a child would wait for ever
	 * for the linker's list. Code of others runs while that list is locked only in callbacks of
	 * dl_iterate_phdr(), which must not load or fork (docs/adopting.md). */
	pthread_mutex_lock(&cache.lock);
	generation = elf_imports_generation();
	if (cache_stale(generation))
		cache_empty(generation);
}

void elf_imports_end(void)
{
	pthread_mutex_unlock(&cache.lock);
}

uint64_t elf_imports_now(void)
{
	uint64_t generation;

	pthread_mutex_lock(&cache.lock);
	generation = elf_imports_generation();
	pthread_mutex_unlock(&cache.lock);
	return generation;
}

uint64_t elf_imports_since(void)
{
	return cache.generation;
}

static uint64_t hash_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t hash_text(uint64_t hash, const char *text, size_t length)
{
	uint64_t word;

	for (; length >= 8; text += 8, length -= 8) {
		memcpy(&word, text, 8);
		hash = hash_mix(hash, word);
	}
	word = 0;
	for (size_t i = 0; i < length; i++)
		word = word << 8 | (unsigned char)text[i];
	return hash_mix(hash, word + length);
}

static uint32_t hash_name(const struct elf_scope *scope, const struct elf_name *name)
{
	uint64_t hash = hash_text(scope->id, name->text, strlen(name->text));

	return (uint32_t)hash_mix(hash, (uintptr_t)name->version);
}

/* memcmp() for a few words, inline. */
static inline bool bytes_equal(const char *a, const char *b, size_t bytes)
{
	uint64_t x, y;

	if (bytes < 8)
		return memcmp(a, b, bytes) == 0;
	for (size_t i = 0; i < bytes - 8; i += 8) {
		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			return false;
	}
	memcpy(&x, a + bytes - 8, 8);
	memcpy(&y, b + bytes - 8, 8);
	return x == y;
}

/* The NUL is compared too, so equal bytes are equal names. */
static inline bool entry_matches(const struct entry *entry, const struct elf_scope *scope,
				 const struct elf_name *name)
{
	return entry->version == name->version && entry->scope == scope->id &&
	       entry->bytes <= name->room && bytes_equal(entry->text, name->text, entry->bytes);
}

static const struct entry *entry_find(uint32_t hash, const struct elf_scope *scope,
				      const struct elf_name *name)
{
	if (!cache.table)
		return NULL;
	for (size_t at = hash & cache.mask; cache.table[at]; at = (at + 1) & cache.mask) {
		const struct entry *entry = &cache.entries[cache.table[at] - 1];

		if (entry->hash == hash && entry_matches(entry, scope, name))
			return entry;
	}
	return NULL;
}

static void table_put(uint32_t index)
{
	size_t at = cache.entries[index].hash & cache.mask;

	while (cache.table[at])
		at = (at + 1) & cache.mask;
	cache.table[at] = index + 1;
}

static bool table_grow(void)
{
	size_t size = cache.table ? 2 * (cache.mask + 1) : TABLE_FIRST;
	struct entry *entries = realloc(cache.entries, size / 2 * sizeof(*entries));
	uint32_t *table = entries ? calloc(size, sizeof(*table)) : NULL;

	if (entries)
		cache.entries = entries;
	if (!table)
		return false;
	free(cache.table);
	cache.table = table;
	cache.mask = size - 1;
	for (uint32_t i = 0; i < cache.count; i++)
		table_put(i);
	return true;
}

static char *text_keep(size_t bytes)
{
	struct block *block = cache.blocks;
	size_t size = bytes > 65536 ? bytes : 65536;

	if (!block || block->size - block->used < bytes) {
		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct block){ .next = cache.blocks, .size = size };
		cache.blocks = block;
		cache.text_bytes += size;
	}
	block->used += bytes;
	return block->text + block->used - bytes;
}

/* Without memory nothing is remembered, which is no failure. A load that asks for more than there
 * may be goes on without; the next one starts over. */
static void entry_add(struct entry entry, const struct elf_scope *scope,
		      const struct elf_name *name)
{
	size_t bytes = strlen(name->text) + 1;
	char *text;

	if (entry_find(entry.hash, scope, name) || bytes > NAME_BYTES_MAX ||
	    cache.count >= ENTRIES_MAX || cache.text_bytes >= TEXT_MAX)
		return;
	if (name->version && elf_version_keep(name->version) != name->version)
		return;
	if ((!cache.table || 2 * cache.count > cache.mask) && !table_grow())
		return;
	text = text_keep(bytes);
	if (!text)
		return;
	memcpy(text, name->text, bytes);
	entry.text = text;
	entry.bytes = (uint32_t)bytes;
	entry.version = name->version;
	entry.scope = scope->id;
	cache.entries[cache.count] = entry;
	table_put((uint32_t)cache.count++);
}

static enum elf_found name_ask(const struct elf_scope *scope, const struct elf_name *name,
			       uint32_t hash, uintptr_t *ret_address)
{
	struct entry entry = { .hash = hash };
	uint64_t generation = cache.generation;
	enum elf_found found;

	pthread_mutex_unlock(&cache.lock); /* never held while the dynamic linker is asked */
	found = elf_linker_ask(scope, name, &entry.address);
	entry.found = found;
	pthread_mutex_lock(&cache.lock);
	if (cache.generation == generation)
		entry_add(entry, scope, name);
	*ret_address = entry.address;
	return found;
}

enum elf_found elf_import_find(const struct elf_scope *scope, const struct elf_name *name,
			       uintptr_t *ret_address)
{
	uint32_t hash = hash_name(scope, name);
	const struct entry *entry = entry_find(hash, scope, name);

	if (!entry)
		return name_ask(scope, name, hash, ret_address);
	*ret_address = entry->address;
	return (enum elf_found)entry->found;
}

/* Which module a thread-local address of this thread belongs to. */
struct tls_search {
	uintptr_t address;
	uint64_t module, offset;
};

static int tls_visit(struct dl_phdr_info *object, size_t size, void *context)
{
	struct tls_search *search = context;
	uintptr_t begin = (uintptr_t)object->dlpi_tls_data;

	(void)size;
	for (size_t i = 0; begin && i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type != PT_TLS ||
		    search->address - begin > object->dlpi_phdr[i].p_memsz)
			continue;
		search->module = object->dlpi_tls_modid;
		search->offset = search->address - begin;
		return 1;
	}
	return 0;
}

enum elf_found elf_import_find_tls(const struct elf_scope *scope, const struct elf_name *name,
				   uint64_t *ret_module, uint64_t *ret_offset)
{
	struct tls_search search = { 0 };
	enum elf_found found;

	pthread_mutex_unlock(&cache.lock); /* never held while the dynamic linker is asked */
	found = elf_linker_ask(scope, name, &search.address);
	pthread_mutex_lock(&cache.lock);
	if (found == ELF_ABSENT || !dl_iterate_phdr(tls_visit, &search)) /* as in begin */
		return ELF_ABSENT;
	*ret_module = search.module;
	*ret_offset = search.offset;
	return found;
}
