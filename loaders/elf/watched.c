/*
 * An exception that leaves a watched call passes through elf_watched_call(). Its frame has a
 * personality routine of its own, which unwinders call on their way ("Itanium C++ ABI: Exception
 * Handling", 2.5): to take note, no more, so it needs no function of an unwinder.
 */
#include "loaders/elf/watched.h"

#include <stddef.h>
#include <stdint.h>

#define CLEANUP_PHASE 2	  /* _UA_CLEANUP_PHASE */
#define CONTINUE_UNWIND 8 /* _URC_CONTINUE_UNWIND */

struct watched {
	elf_watched_function *left;
	void *context;
	struct watched *outer; /* the call in which this one was made */
};

static __thread struct watched *innermost __attribute__((tls_model("initial-exec")));

int elf_watched_personality(int version, int actions, uint64_t kind, void *exception, void *context)
	__attribute__((visibility("hidden")));

int elf_watched_personality(int version, int actions, uint64_t kind, void *exception, void *context)
{
	struct watched *watched = innermost;

	(void)version;
	(void)kind;
	(void)exception;
	(void)context;
	if (actions & CLEANUP_PHASE) {
		innermost = watched->outer;
		watched->left(watched->context);
	}
	return CONTINUE_UNWIND;
}

__attribute__((noinline)) void elf_watched_call(elf_watched_function *function,
						elf_watched_function *left, void *context)
{
	struct watched watched = { left, context, innermost };

	__asm__(".cfi_personality 0x1b, elf_watched_personality"); /* pcrel, sdata4 */
	innermost = &watched;
	function(context);
	innermost = watched.outer;
}
