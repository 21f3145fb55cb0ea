/*
 * Where imports come from: the process's global scope, then the libraries the object needs. Answers
 * are cached by name, version and scope; the cache is emptied when the dynamic linker has loaded or
 * unloaded anything since, or made it global.
 */
#ifndef SOLOAD_LOADERS_ELF_IMPORTS_H
#define SOLOAD_LOADERS_ELF_IMPORTS_H

#include "base/err.h"
#include "loaders/elf/file.h"

/* A list of needed libraries, loaded with dlopen() once and kept for the life of the process. */
struct elf_scope {
	uint32_t id;
	size_t count;
	void **handles;
	char **names;
	/* All of them and what they need in turn, breadth first: who comes first is bound to. */
	struct link_map **order;
	size_t order_count;
	struct elf_scope *next;
};

/*
 * The scope of an object: loads what it needs and is not loaded yet. `directory` replaces $ORIGIN
 * in a RUNPATH, NULL = unknown. With `present_only` nothing is loaded: what is absent is an error.
 */
struct elf_scope_request {
	const struct elf_file *file;
	const char *path; /* of the object, for $ORIGIN; NULL = unknown */
	bool present_only;
};
int elf_scope_find(const struct elf_scope_request *request, struct elf_scope **ret_scope,
		   struct err *err);

enum elf_found { ELF_ABSENT, ELF_IN_GLOBAL, ELF_IN_NEEDED };

/* A name to look for: a string in a table of the object, `room` bytes of which may be read. */
struct elf_name {
	const char *text;
	size_t room;
	const char *version; /* NULL = none asked for; cached if of elf_version_keep() */
};

/* The one copy of a version's name, for the life of the process: equal names are equal pointers.
 * NULL without memory, or when hostile objects have used all there may be. */
const char *elf_version_keep(const char *name);

/* Between begin and end the cache stands still. A fork waits until then. */
void elf_imports_begin(void);
void elf_imports_end(void);

/* Which libraries the answers are true for, as elf_imports_generation() was at the last begin. */
uint64_t elf_imports_since(void);

/* The lock may have been let go of meanwhile, where others had to be asked. */
enum elf_found elf_import_find(const struct elf_scope *scope, const struct elf_name *name,
			       uintptr_t *ret_address);

/* A thread-local variable of another library: its module and where in it. */
enum elf_found elf_import_find_tls(const struct elf_scope *scope, const struct elf_name *name,
				   uint64_t *ret_module, uint64_t *ret_offset);

/* Changes when libraries came, went, or became global. Asked for where a fork may happen meanwhile,
 * its child waits for ever when it asks: so only with a lock held that a fork waits for. */
uint64_t elf_imports_generation(void);

/* The same, for who holds none; not between begin and end. */
uint64_t elf_imports_now(void);

/* For fork, as begin and end. */
void elf_names_lock(void);
void elf_names_unlock(void);
void elf_scopes_lock(void);
void elf_scopes_unlock(void);

#endif
