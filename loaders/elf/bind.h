/* What symbols stand for, while an object is being relocated. */
#ifndef SOLOAD_LOADERS_ELF_BIND_H
#define SOLOAD_LOADERS_ELF_BIND_H

#include "loaders/elf/object.h"
#include "loaders/elf/plan.h"

#define BIND_VERSIONS 192 /* version indices looked up by index; more are found by walking */

/* State of one object's relocation, between elf_imports_begin() and elf_imports_end(). */
struct bind {
	struct elf_object *object;
	const struct elf_file *file;
	const struct elf_plan *plan; /* the answers, NULL = each name is looked up */
	uint64_t plans;		     /* elf_plans_moved() */
	bool versions_read;
	const char
		*versions[BIND_VERSIONS]; /* once read, and kept where there is room; NULL = none */
};

void bind_begin(struct bind *bind, struct elf_object *object);

/* After the lock was let go of in between. */
void bind_again(struct bind *bind);

/* As bind_address(), of what no plan answers. */
int bind_look(struct bind *bind, uint32_t symbol, uintptr_t *ret_address, bool *ret_indirect,
	      struct err *err);

/* The address a symbol stands for. `ret_indirect`: it is the object's own resolver function, whose
 * answer is meant. Undefined weak symbols are 0; other undefined ones -ENOENT. */
static inline int bind_address(struct bind *bind, uint32_t symbol, uintptr_t *ret_address,
			       bool *ret_indirect, struct err *err)
{
	if (!bind->plan || symbol >= bind->plan->count || !bind->plan->answers[symbol].elsewhere)
		return bind_look(bind, symbol, ret_address, ret_indirect, err);
	*ret_address = bind->plan->answers[symbol].address;
	*ret_indirect = false;
	return 0;
}

/* Whether the object itself defines that symbol by a resolver. What others say of it may change
 * between the two passes, when a resolver loads a library. */
bool bind_own_indirect(const struct bind *bind, uint32_t symbol);

/* A thread-local symbol: a module of this library, or of the dynamic linker, or neither when it is
 * undefined and weak; symbol 0 is the object's own module. */
struct bind_tls {
	uint32_t module;
	uint64_t foreign, offset;
};
int bind_tls(struct bind *bind, uint32_t symbol, struct bind_tls *ret_tls, struct err *err);

#endif
