/* Who asks is told by where the call returns to. See next.h. */
#include "loaders/elf/next.h"

#include "loaders/elf/linker.h"
#include "loaders/elf/object.h"
#include "loaders/elf/registry.h"

#include <dlfcn.h>
#include <string.h>

/* NULL when the caller is no loaded object, or nobody behind it has that name. */
static void *next_find(uintptr_t caller, const char *name, const char *version)
{
	const struct elf_name wanted = { .text = name,
					 .room = strlen(name) + 1,
					 .version = version };
	struct elf_mapped mapped;
	uintptr_t address = 0;

	if (!elf_registry_find(caller, &mapped) ||
	    elf_linker_ask(mapped.object->scope, &wanted, &address) == ELF_ABSENT)
		return NULL;
	return (void *)address;
}

void *elf_next_dlsym(void *handle, const char *name)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	void *address = handle == RTLD_NEXT ? next_find(caller, name, NULL) : NULL;

	return address ? address : dlsym(handle, name); /* which leaves a reason for dlerror() */
}

void *elf_next_dlvsym(void *handle, const char *name, const char *version)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	void *address = handle == RTLD_NEXT ? next_find(caller, name, version) : NULL;

	return address ? address : dlvsym(handle, name, version);
}
