/* Calls of an object's code that may leave another way than by returning. */
#ifndef SOLOAD_LOADERS_ELF_WATCHED_H
#define SOLOAD_LOADERS_ELF_WATCHED_H

/* Calls `function`. When an exception, pthread_exit() or a cancellation leaves it, `left` is called
 * while that passes, and must return. Both get the context, which the caller keeps until then. */
typedef void elf_watched_function(void *context);
void elf_watched_call(elf_watched_function *function, elf_watched_function *left, void *context);

#endif
