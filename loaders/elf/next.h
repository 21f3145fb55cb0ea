/*
 * dlsym(RTLD_NEXT, …) in loaded code. The dynamic linker goes by the caller's address, which it
 * does not know, and would answer NULL: an object that wraps a function would then call nothing.
 */
#ifndef SOLOAD_LOADERS_ELF_NEXT_H
#define SOLOAD_LOADERS_ELF_NEXT_H

/* What objects get for dlsym and dlvsym: behind a loaded object come the process's libraries, then
 * those it needs, as for its imports. Everything else goes on to the dynamic linker. */
void *elf_next_dlsym(void *handle, const char *name);
void *elf_next_dlvsym(void *handle, const char *name, const char *version);

#endif
