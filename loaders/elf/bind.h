/* What symbols stand for, while an object is being relocated. */
#ifndef SOLOAD_LOADERS_ELF_BIND_H
#define SOLOAD_LOADERS_ELF_BIND_H

#include "loaders/elf/object.h"

#define BIND_VERSIONS 192 /* version indices looked up by index; more are found by walking */

/* State of one object's relocation. */
struct bind {
	struct elf_object *object;
	const struct elf_file *file;
	const char *versions[BIND_VERSIONS]; /* names, kept where there is room; NULL = none */
	size_t hint;			     /* of elf_import_find() */
	uint32_t memo_symbol; /* the last one looked up, relocations being sorted by symbol */
	bool memo_indirect;
	uintptr_t memo_address;
};

int bind_begin(struct bind *bind, struct elf_object *object, struct err *err);

/* The address a symbol stands for. `ret_indirect`: it is the object's own resolver function, whose
 * answer is meant. Undefined weak symbols are 0; other undefined ones -ENOENT. */
int bind_address(struct bind *bind, uint32_t symbol, uintptr_t *ret_address, bool *ret_indirect,
		 struct err *err);

/* A thread-local symbol: a module of this library, or of the dynamic linker, or neither when it is
 * undefined and weak; symbol 0 is the object's own module. */
struct bind_tls {
	uint32_t module;
	uint64_t foreign, offset;
};
int bind_tls(struct bind *bind, uint32_t symbol, struct bind_tls *ret_tls, struct err *err);

#endif
