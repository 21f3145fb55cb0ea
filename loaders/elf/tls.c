/*
 * Modules, blocks and the words relocations want. A thread has one table of blocks, found through
 * one initial-exec variable that the assembly resolver reads too; blocks appear on first use, and
 * go with the thread, after its destructors, or with the object.
 */
#include "loaders/elf/tls.h"

#include "loaders/elf/carrier.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MODULE (UINT64_C(1) << 62) /* in a module word: this library's, not the linker's */
#define OFFSET_BITS 48		       /* of a descriptor's argument; the module is above */
#define FOREIGN_BIT UINT64_C(0x8000)   /* in a descriptor's module: the linker's */

struct module {
	bool used;
	struct elf_carrier carrier;		/* with a handle: at one offset in every thread */
	const void *image;			/* initial bytes */
	size_t image_bytes, bytes, align, skew; /* skew: of the block's begin modulo align */
};

/* begins[i] is what the assembly reads: first, so that a table is found through it. */
struct table {
	void *begins[ELF_TLS_MODULES_MAX];
	void *memory[ELF_TLS_MODULES_MAX];
	struct table *previous, *next; /* all threads' */
	unsigned int farewells;
};

/* Read by the assembly, too. Initial-exec: this and watched.c's are all the static TLS this library
 * takes, 16 bytes. */
__thread void **elf_tls_begins __attribute__((tls_model("initial-exec"), visibility("hidden")));

extern void elf_tls_resolver(void) __attribute__((visibility("hidden")));
extern void elf_tls_resolver_absent(void) __attribute__((visibility("hidden")));
void *elf_tls_slow(uint64_t argument) __attribute__((visibility("hidden")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct module modules[ELF_TLS_MODULES_MAX];
static struct table *tables;
static pthread_key_t thread_key;
static bool thread_key_made;
static atomic_bool finished; /* this code is about to go: no key, no farewells */

static uintptr_t thread_pointer(void)
{
	uintptr_t pointer;

#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#else
	pointer = 0;
#endif
	return pointer;
}

static void table_free(struct table *table)
{
	pthread_mutex_lock(&lock);
	if (table->previous)
		table->previous->next = table->next;
	else
		tables = table->next;
	if (table->next)
		table->next->previous = table->previous;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < ELF_TLS_MODULES_MAX; i++)
		free(table->memory[i]);
	elf_tls_begins = NULL;
	free(table);
}

/* The key's destructor. Other keys' destructors may still use the variables, so the table goes in
 * the last round but one the C library makes; the last is ThreadSanitizer's own. */
static void thread_farewell(void *context)
{
	struct table *table = context;

	if (++table->farewells < PTHREAD_DESTRUCTOR_ITERATIONS - 1 &&
	    pthread_setspecific(thread_key, table) == 0)
		return;
	table_free(table);
}

/* At dlclose() of a shared object that holds this library, or at exit. A thread that ended later
 * would be sent to code that has gone; what it has of tables is lost. At exit other threads may
 * still run objects, so nothing else is taken from them. */
__attribute__((destructor)) static void threads_forget(void)
{
	struct table *table = (struct table *)(void *)elf_tls_begins;
	bool used = false;

	if (!thread_key_made)
		return;
	atomic_store(&finished, true);
	pthread_key_delete(thread_key);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < ELF_TLS_MODULES_MAX; i++)
		used |= modules[i].used;
	pthread_mutex_unlock(&lock);
	if (table && !used)
		table_free(table);
}

static struct table *table_get(void)
{
	struct table *table = (struct table *)(void *)elf_tls_begins;

	if (table)
		return table;
	table = calloc(1, sizeof(*table));
	/* Without a key, at the end of this code, no farewell is said to the thread. */
	if (!table || (!atomic_load(&finished) && pthread_setspecific(thread_key, table) != 0 &&
		       !atomic_load(&finished))) {
		free(table);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	table->next = tables;
	if (tables)
		tables->previous = table;
	tables = table;
	pthread_mutex_unlock(&lock);
	elf_tls_begins = table->begins;
	return table;
}

/* NULL without memory. */
static void *block_make(uint32_t index)
{
	const struct module *module = &modules[index];
	struct table *table = table_get();
	unsigned char *memory, *begin;

	if (!table)
		return NULL;
	if (module->carrier.handle) {
		table->begins[index] =
			(void *)(thread_pointer() + (uintptr_t)module->carrier.offset);
		return table->begins[index];
	}
	memory = malloc(module->bytes + module->align);
	if (!memory)
		return NULL;
	begin = memory + ((module->skew - (uintptr_t)memory) & (module->align - 1));
	memcpy(begin, module->image, module->image_bytes);
	memset(begin + module->image_bytes, 0, module->bytes - module->image_bytes);
	table->memory[index] = memory;
	table->begins[index] = begin;
	return begin;
}

void *elf_tls_address(uint32_t module, uint64_t offset)
{
	void **begins = elf_tls_begins;
	unsigned char *begin = begins ? begins[module] : NULL;

	if (!begin)
		begin = block_make(module);
	return begin ? begin + offset : NULL;
}

/* For code of objects: as in ld.so, an access can fail in no other way. */
static void *address_or_abort(uint32_t module, uint64_t offset)
{
	void *address = elf_tls_address(module, offset);

	if (!address)
		abort();
	return address;
}

/* The dynamic linker's own, under its real name. */
extern void *__tls_get_addr(const struct elf_tls_index *index);

void *elf_tls_get_addr(const struct elf_tls_index *index)
{
	if (!(index->module & OWN_MODULE))
		return __tls_get_addr(index);
	return address_or_abort((uint32_t)index->module, index->offset);
}

/* What the assembly resolver calls when the block is not there yet. */
void *elf_tls_slow(uint64_t argument)
{
	uint64_t module = argument >> OFFSET_BITS;
	uint64_t offset = argument & ((UINT64_C(1) << OFFSET_BITS) - 1);
	struct elf_tls_index foreign = { module & ~FOREIGN_BIT, offset };

	if (module & FOREIGN_BIT)
		return __tls_get_addr(&foreign);
	return address_or_abort((uint32_t)module, offset);
}

int elf_tls_add(const struct elf_file *file, uintptr_t base, uint32_t *ret_module, struct err *err)
{
	const struct elf_segment *tls = &file->tls;
	uint32_t index = 1;
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!thread_key_made)
		r = pthread_key_create(&thread_key, thread_farewell);
	thread_key_made |= r == 0;
	while (index < ELF_TLS_MODULES_MAX && modules[index].used)
		index++;
	if (r == 0 && index < ELF_TLS_MODULES_MAX)
		modules[index] = (struct module){
			.used = true,
			.carrier.fd = -1,
			.image = (const void *)(base + tls->address),
			.image_bytes = tls->file_bytes,
			.bytes = tls->memory_bytes,
			.align = tls->align,
			.skew = tls->address & (tls->align - 1),
		};
	pthread_mutex_unlock(&lock);
	if (r)
		return err_set(err, r, "no thread-specific key left for thread-local variables");
	if (index == ELF_TLS_MODULES_MAX)
		return err_set(err, ENOSPC, "more than %d objects with thread-local variables",
			       ELF_TLS_MODULES_MAX - 1);
	*ret_module = index;
	return 0;
}

static void blocks_free(uint32_t module)
{
	for (struct table *table = tables; table; table = table->next) {
		free(table->memory[module]);
		table->memory[module] = NULL;
		table->begins[module] = NULL;
	}
}

int elf_tls_reset(uint32_t module)
{
	if (!module)
		return 0;
	if (modules[module].carrier.handle)
		return -ENOTSUP;
	pthread_mutex_lock(&lock);
	blocks_free(module);
	pthread_mutex_unlock(&lock);
	return 0;
}

void elf_tls_remove(uint32_t module)
{
	if (!module)
		return;
	elf_carrier_unload(&modules[module].carrier);
	pthread_mutex_lock(&lock);
	blocks_free(module);
	modules[module].used = false;
	pthread_mutex_unlock(&lock);
}

uint64_t elf_tls_word(uint32_t module)
{
	return OWN_MODULE | module;
}

int elf_tls_static(const struct elf_tls_place *place, uint64_t *ret_word, struct err *err)
{
	struct elf_carrier *carrier = &modules[place->module].carrier;
	int r = carrier->handle ? 0 : elf_carrier_load(place->file, place->image, carrier, err);

	if (r == 0)
		*ret_word = (uint64_t)carrier->offset + place->offset;
	return r;
}

int elf_tls_settle(uint32_t index, struct err *err)
{
	const struct module *module = &modules[index];

	if (!index || !module->carrier.handle ||
	    memcmp(module->carrier.image, module->image, module->image_bytes) == 0)
		return 0;
	return err_set(err, ENOTSUP,
		       "initial-exec thread-local variables whose initial values come late");
}

int elf_tls_static_foreign(uint64_t foreign, uint64_t offset, uint64_t *ret_word, struct err *err)
{
	typedef void static_bounds(size_t * size, size_t * align);
	struct elf_tls_index index = { foreign, offset };
	uintptr_t address = (uintptr_t)__tls_get_addr(&index), pointer = thread_pointer(), distance;
	static_bounds *bounds =
		(static_bounds *)(uintptr_t)dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
	size_t size = 0, align = 0;

	if (bounds)
		bounds(&size, &align);
#if defined(__aarch64__)
	distance = address - pointer;
#else
	distance = pointer - address;
#endif
	/* Only what lies in the block next to the thread pointer is at that offset in all threads.
	 */
	if (distance >= size)
		return err_set(err, ENOTSUP,
			       "initial-exec access to a variable that is not in static TLS");
	*ret_word = address - pointer;
	return 0;
}

int elf_tls_descriptor(uint32_t module, uint64_t foreign, uint64_t offset, uint64_t ret_words[2],
		       struct err *err)
{
	uint64_t index = module ? module : foreign | FOREIGN_BIT;

	if (offset >> OFFSET_BITS || (!module && foreign >= FOREIGN_BIT))
		return err_set(err, ENOEXEC, "a thread-local variable at offset 0x%llx",
			       (unsigned long long)offset);
	ret_words[0] = (uint64_t)(uintptr_t)elf_tls_resolver;
	ret_words[1] = index << OFFSET_BITS | offset;
	return 0;
}

void elf_tls_descriptor_absent(uint64_t addend, uint64_t ret_words[2])
{
	ret_words[0] = (uint64_t)(uintptr_t)elf_tls_resolver_absent;
	ret_words[1] = addend;
}

void elf_tls_lock(void)
{
	pthread_mutex_lock(&lock);
}

void elf_tls_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
