/*
 * The order is the gABI's: DT_INIT, then DT_INIT_ARRAY forwards; DT_FINI_ARRAY backwards, then
 * DT_FINI. Exit functions are the C library's business, which knows them by the object's handle;
 * here the handles are remembered, so that none is left when the object goes, even when it was
 * linked without the compiler's start files.
 */
#include "loaders/elf/init.h"

#include "loaders/elf/arena.h"
#include "loaders/elf/next.h"
#include "loaders/elf/registry.h"
#include "loaders/elf/reloc.h"
#include "loaders/elf/tls.h"
#include "loaders/elf/unwind.h"
#include "loaders/elf/watched.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

typedef void init_function(int argc, char **argv, char **envp);
typedef void fini_function(void);
typedef void exit_function(void *argument);

extern int __cxa_atexit(exit_function *function, void *argument, void *handle);
extern void __cxa_finalize(void *handle);
extern int __cxa_thread_atexit_impl(exit_function *function, void *argument, void *handle);

/* What constructors are passed, as the C library passes it. */
static struct {
	int argc;
	char **argv;
} program;

__attribute__((constructor)) static void program_remember(int argc, char **argv)
{
	program.argc = argc;
	program.argv = argv;
}

uintptr_t elf_resolver_run(uintptr_t function)
{
#if defined(__aarch64__)
	/* sys/ifunc.h: the size of the structure, AT_HWCAP, AT_HWCAP2 */
	typedef uintptr_t resolver(uint64_t hardware, const void *argument);
	const uint64_t argument[3] = { sizeof(argument), getauxval(AT_HWCAP),
				       getauxval(AT_HWCAP2) };

	return ((resolver *)function)(argument[1] | UINT64_C(1) << 62, argument);
#else
	typedef uintptr_t resolver(void);

	return ((resolver *)function)();
#endif
}

static uintptr_t array_entry(const struct elf_object *object, struct elf_span span, size_t i)
{
	return *(const uintptr_t *)(object->base + span.address + i * sizeof(uintptr_t));
}

static bool entry_callable(uintptr_t entry)
{
	return entry != 0 && entry != UINTPTR_MAX; /* historical end marks */
}

static void constructors_run(void *context)
{
	const struct elf_object *object = context;
	const struct elf_dynamic *dynamic = &object->file.dynamic;
	uintptr_t entry;

	if (dynamic->init)
		((init_function *)(object->base + dynamic->init))(program.argc, program.argv,
								  environ);
	for (size_t i = 0; i < dynamic->init_array.bytes / sizeof(uintptr_t); i++) {
		entry = array_entry(object, dynamic->init_array, i);
		if (entry_callable(entry))
			((init_function *)entry)(program.argc, program.argv, environ);
	}
}

static void constructors_left(void *object)
{
	elf_object_abandon(object);
}

void elf_init_run(struct elf_object *object)
{
	elf_watched_call(constructors_run, constructors_left, object);
}

void elf_fini_run(struct elf_object *object)
{
	const struct elf_dynamic *dynamic = &object->file.dynamic;
	unsigned int count = atomic_load(&object->dso_count);
	uintptr_t entry;

	for (size_t i = dynamic->fini_array.bytes / sizeof(uintptr_t); i-- > 0;) {
		entry = array_entry(object, dynamic->fini_array, i);
		if (entry_callable(entry))
			((fini_function *)entry)();
	}
	if (dynamic->fini)
		((fini_function *)(object->base + dynamic->fini))();
	for (unsigned int i = 0; i < count && i < ELF_DSO_MAX; i++)
		__cxa_finalize(object->dso[i]);
	atomic_store(&object->dso_count, 0);
}

/* Objects have one handle; what a strange one has beyond the first few shares a handle of ours. */
static void *handle_remember(struct elf_object *object, void *handle)
{
	unsigned int count;
	bool known = false;

	pthread_mutex_lock(&object->arena->lock);
	count = atomic_load(&object->dso_count);
	for (unsigned int i = 0; i < count; i++)
		known |= object->dso[i] == handle;
	if (!known && count >= ELF_DSO_MAX - 1)
		handle = object;
	if (!known && count < ELF_DSO_MAX) {
		object->dso[count] = handle;
		atomic_store(&object->dso_count, count + 1);
	}
	pthread_mutex_unlock(&object->arena->lock);
	return handle;
}

/* atexit() of older C libraries names no handle: then the function says whose it is. */
static int substitute_cxa_atexit(exit_function *function, void *argument, void *handle)
{
	struct elf_mapped mapped;

	if (elf_registry_find((uintptr_t)handle, &mapped) ||
	    elf_registry_find((uintptr_t)function, &mapped))
		handle = handle_remember(mapped.object, handle ? handle : mapped.object);
	return __cxa_atexit(function, argument, handle);
}

struct thread_exit {
	exit_function *function;
	void *argument;
	struct elf_object *object;
};

static void thread_exit_run(void *context)
{
	struct thread_exit exit = *(struct thread_exit *)context;

	free(context);
	exit.function(exit.argument);
	atomic_fetch_sub(&exit.object->pending, 1);
}

/* The C library would count these for the object it believes is calling, which is this program. */
static int substitute_cxa_thread_atexit(exit_function *function, void *argument, void *handle)
{
	static char own_handle;
	struct elf_mapped mapped;
	struct thread_exit *exit;

	if (!elf_registry_find((uintptr_t)handle, &mapped) &&
	    !elf_registry_find((uintptr_t)function, &mapped))
		return __cxa_thread_atexit_impl(function, argument, handle);
	exit = malloc(sizeof(*exit));
	if (!exit)
		return -1;
	*exit = (struct thread_exit){ function, argument, mapped.object };
	atomic_fetch_add(&mapped.object->pending, 1);
	if (__cxa_thread_atexit_impl(thread_exit_run, exit, &own_handle) == 0)
		return 0;
	atomic_fetch_sub(&mapped.object->pending, 1);
	free(exit);
	return -1;
}

#define SUBSTITUTE(text, function) \
	{ \
		text, sizeof(text) - 1, (uintptr_t)(function) \
	}

uintptr_t elf_substitute_find(const char *name, size_t length)
{
	const struct {
		const char *name;
		size_t length;
		uintptr_t address;
	} substitutes[] = {
		SUBSTITUTE("__tls_get_addr", elf_tls_get_addr),
		SUBSTITUTE("__cxa_atexit", substitute_cxa_atexit),
		SUBSTITUTE("__cxa_thread_atexit", substitute_cxa_thread_atexit),
		SUBSTITUTE("__cxa_thread_atexit_impl", substitute_cxa_thread_atexit),
		SUBSTITUTE("_dl_find_object", elf_unwind_find_object),
		SUBSTITUTE("dl_iterate_phdr", elf_unwind_iterate),
		SUBSTITUTE("dlsym", elf_next_dlsym),
		SUBSTITUTE("dlvsym", elf_next_dlvsym),
	};

	if (name[0] != '_' && name[0] != 'd')
		return 0;
	for (size_t i = 0; i < sizeof(substitutes) / sizeof(substitutes[0]); i++) {
		if (length == substitutes[i].length &&
		    memcmp(name, substitutes[i].name, length) == 0)
			return substitutes[i].address;
	}
	return 0;
}
