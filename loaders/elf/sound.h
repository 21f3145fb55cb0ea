/*
 * What the dynamic linker believes of an object without looking, looked at before it is asked to
 * load bytes that may be hostile. elf checks what it follows while it follows it; ld.so follows
 * hash chains to wherever they lead, writes relocated words wherever they are said to be, and takes
 * it that every table comes with its size (glibc 2.28 to 2.41: elf/dl-load.c, do-rel.h,
 * get-dynamic-info.h, dl-lookup.c, dl-version.c, dl-reloc.c, dl-prop.h). Not to be seen from here:
 * a thread-local import that another library answers with something else.
 */
#ifndef SOLOAD_LOADERS_ELF_SOUND_H
#define SOLOAD_LOADERS_ELF_SOUND_H

#include "loaders/elf/file.h"

/* 0 when ld.so may have these bytes, as far as tables go: what the object's code does is the
 * caller's to trust. -ENOEXEC in words. No allocation; the time follows the tables' sizes. */
int elf_sound_check(const struct elf_file *file, struct err *err);

#endif
