/*
 * Frame tables: found by address for whoever asks, registered where nobody does. Whether the
 * process's unwinder asks is found out by asking it about a function of the object.
 */
#include "loaders/elf/unwind.h"

#include "loaders/elf/imports.h"
#include "loaders/elf/linker.h"
#include "loaders/elf/object.h"
#include "loaders/elf/registry.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* struct dl_find_object of <dlfcn.h>, which has it since glibc 2.35: all that is written. */
struct found_object {
	unsigned long long flags;
	void *begin, *end;
	struct link_map *link_map;
	void *frames;
	unsigned long long reserved[7];
};

struct frame_bases {
	void *text, *data, *function;
};

typedef void frame_function(void *begin);
typedef int find_function(void *address, void *ret_found);
typedef const void *find_fde_function(void *address, struct frame_bases *ret_bases);

/* The process's unwinder, as it was at a generation of libraries. */
struct unwinder {
	uint64_t generation;
	bool known, asks;	 /* asks: it finds loaded objects by itself */
	find_fde_function *find; /* libgcc's lookup */
	frame_function *add, *remove;
	frame_function *add_section, *remove_section; /* LLVM's libunwind takes whole sections */
};

/* Held at a fork, so never while the dynamic linker is asked for a symbol or a library: who loads
 * or forks in a constructor that dlopen() runs holds the linker's lock and waits for this one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct unwinder unwinder;

extern int (*const elf_unwind_interposer)(void *address, void *ret_found) __attribute__((weak));

/* A name for every object found; unwinders read l_addr at most. */
static struct link_map anonymous = { .l_name = (char *)(uintptr_t) "" };

static find_function *linker_find(void)
{
	static _Atomic(uintptr_t) known;
	uintptr_t find = atomic_load_explicit(&known, memory_order_relaxed);

	if (!find) {
		find = (uintptr_t)dlsym(RTLD_NEXT, "_dl_find_object");
		atomic_store_explicit(&known, find, memory_order_relaxed);
	}
	return (find_function *)find;
}

int elf_unwind_find_object(void *address, void *ret_found)
{
	struct found_object *found = ret_found;
	struct elf_mapped mapped;
	find_function *find;

	if (elf_registry_find((uintptr_t)address, &mapped)) {
		found->flags = 0;
		found->begin = (void *)mapped.begin;
		found->end = (void *)mapped.end;
		found->link_map = &anonymous;
		found->frames = (void *)mapped.frames;
		return mapped.frames ? 0 : -1;
	}
	find = linker_find();
	return find ? find(address, ret_found) : -1;
}

struct iterate {
	int (*visit)(struct dl_phdr_info *object, size_t size, void *context);
	void *context;
	uint64_t generation;
};

static int iterate_visit(void *context, const struct elf_mapped *mapped)
{
	const struct iterate *iterate = context;
	const struct elf_object *object = mapped->object;
	struct dl_phdr_info described = {
		.dlpi_addr = object->base,
		.dlpi_name = object->name,
		.dlpi_phdr = (const ElfW(Phdr) *)(uintptr_t)object->file.headers,
		.dlpi_phnum = (ElfW(Half))object->file.header_count,
		/* Each object found is a new one: whoever remembers by these must look again. */
		.dlpi_adds = iterate->generation >> 32,
		.dlpi_subs = iterate->generation & UINT32_MAX,
	};

	return iterate->visit(&described, sizeof(described), iterate->context);
}

int elf_unwind_iterate(int (*visit)(struct dl_phdr_info *object, size_t size, void *context),
		       void *context)
{
	struct iterate iterate = { visit, context, 0 };
	int r = dl_iterate_phdr(visit, context);

	if (r)
		return r;
	iterate.generation = elf_imports_generation();
	return elf_registry_visit(iterate_visit, &iterate);
}

/* The C library's unwinder may be loaded without being in the global scope. */
static uintptr_t unwinder_symbol(const char *name)
{
	static const char *const libraries[] = { "libgcc_s.so.1", "libunwind.so.1" };
	void *address = dlsym(RTLD_DEFAULT, name);

	for (size_t i = 0; i < 2 && !address; i++) {
		void *handle = dlopen(libraries[i], RTLD_NOW | RTLD_NOLOAD);

		if (!handle)
			continue;
		address = dlsym(handle, name);
		dlclose(handle); /* whoever loaded it has it still */
	}
	(void)dlerror();
	return (uintptr_t)address;
}

/* PC of the first function in the search table of PT_GNU_EH_FRAME, in the usual encoding; else 0.
 */
static uintptr_t first_function(const struct elf_file *file, uintptr_t base)
{
	const unsigned char *header =
		elf_bytes_at(file, file->eh_frame_hdr.address, file->eh_frame_hdr.bytes);
	int32_t relative;

	/* version 1, eh_frame pcrel sdata4, count udata4, table datarel sdata4 */
	if (!header || file->eh_frame_hdr.bytes < 20 || header[0] != 1 || header[1] != 0x1b ||
	    header[2] != 0x03 || header[3] != 0x3b)
		return 0;
	memcpy(&relative, header + 12, sizeof(relative));
	return base + file->eh_frame_hdr.address + (uintptr_t)(intptr_t)relative;
}

/* The begin of .eh_frame as an address of the object; 0 when it can't be said or when its list does
 * not end inside its segment, which would send a registered unwinder astray. */
static uint64_t frames_begin(const struct elf_file *file)
{
	const struct elf_span *span = &file->eh_frame_hdr;
	const unsigned char *header = elf_bytes_at(file, span->address, span->bytes);
	const struct elf_segment *load;
	uint64_t begin, at;
	int32_t relative;
	uint32_t length;

	if (!header || span->bytes < 8 || header[0] != 1 || header[1] != 0x1b)
		return 0;
	memcpy(&relative, header + 4, sizeof(relative));
	begin = span->address + 4 + (uint64_t)(int64_t)relative;
	load = elf_load_at(file, begin, 4);
	if (!load)
		return 0;
	for (at = begin;; at += 4 + (uint64_t)length) {
		const unsigned char *word = elf_bytes_at(file, at, 4);

		if (!word)
			return 0;
		memcpy(&length, word, 4);
		if (length == 0)
			return begin;
		if (length == UINT32_MAX)
			return 0;
	}
}

/* The unwinder holds a lock of its own meanwhile: a signal handler that asked for a backtrace in
 * this thread would wait for ever. */
static void frames_pass(frame_function *function, void *frames)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	function(frames);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Both or none: what cannot be taken back is not put there. */
static void pair_find(const char *add, const char *remove, frame_function **ret_add,
		      frame_function **ret_remove)
{
	*ret_add = (frame_function *)unwinder_symbol(add);
	*ret_remove = (frame_function *)unwinder_symbol(remove);
	if (!*ret_add || !*ret_remove)
		*ret_add = *ret_remove = NULL;
	/* The library that holds frames of ours stays, or they could not be taken out again. */
	elf_linker_keep((uintptr_t)*ret_add);
}

static struct unwinder unwinder_look(uint64_t generation)
{
	struct unwinder found = { .generation = generation, .known = true };
	uintptr_t global = (uintptr_t)dlsym(RTLD_DEFAULT, "_dl_find_object");

	found.find = (find_fde_function *)unwinder_symbol("_Unwind_Find_FDE");
	pair_find("__register_frame", "__deregister_frame", &found.add, &found.remove);
	pair_find("__unw_add_dynamic_eh_frame_section", "__unw_remove_dynamic_eh_frame_section",
		  &found.add_section, &found.remove_section);
	found.asks = &elf_unwind_interposer && global == (uintptr_t)elf_unwind_interposer;
	return found;
}

/* Called and left with the lock held, and lets go of it to ask. */
static void unwinder_renew(const struct elf_file *file, uintptr_t base)
{
	uint64_t generation = elf_imports_generation();
	struct frame_bases bases;
	struct unwinder found;
	uintptr_t function;

	if (unwinder.known && unwinder.generation == generation)
		return;
	pthread_mutex_unlock(&lock);
	found = unwinder_look(generation);
	pthread_mutex_lock(&lock);
	function = first_function(file, base);
	/* An older libgcc does not ask _dl_find_object. */
	if (found.asks && found.find && function)
		found.asks = found.find((void *)(function + 1), &bases) != NULL;
	unwinder = found;
}

struct elf_frames elf_unwind_add(const struct elf_file *file, uintptr_t base, const char **ret_note)
{
	struct elf_frames frames = { NULL, NULL };
	uint64_t begin;

	if (!file->eh_frame_hdr.bytes)
		return frames;
	pthread_mutex_lock(&lock);
	unwinder_renew(file, base);
	if (!unwinder.asks && (unwinder.add || unwinder.add_section)) {
		begin = frames_begin(file);
		if (begin) {
			frames.begin = (void *)(base + begin);
			frames.remove =
				unwinder.add_section ? unwinder.remove_section : unwinder.remove;
			frames_pass(unwinder.add_section ? unwinder.add_section : unwinder.add,
				    frames.begin);
		} else {
			*ret_note = "its frame tables can't be registered: no unwinding through it";
		}
	}
	pthread_mutex_unlock(&lock);
	return frames;
}

void elf_unwind_remove(struct elf_frames *frames)
{
	if (!frames->begin)
		return;
	pthread_mutex_lock(&lock);
	frames_pass(frames->remove, frames->begin);
	pthread_mutex_unlock(&lock);
	frames->begin = NULL;
}

void elf_unwind_lock(void)
{
	pthread_mutex_lock(&lock);
}

void elf_unwind_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
