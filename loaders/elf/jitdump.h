/*
 * Names for perf. Code in a slot belongs to a memory file, for which perf neither looks into a map
 * in /tmp nor could tell what lay there before: one slot holds one object after the other. So what
 * was where since when is written down in perf's own format (linux, tools/perf/Documentation/
 * jitdump-specification.txt), each entry with its time. Only when SOLOAD_JITDUMP names a folder:
 *
 *     SOLOAD_JITDUMP=/tmp/p perf record -k mono -g PROGRAM
 *     perf inject --jit -i perf.data -o perf.jit.data
 *     perf report -i perf.jit.data
 */
#ifndef SOLOAD_LOADERS_ELF_JITDUMP_H
#define SOLOAD_LOADERS_ELF_JITDUMP_H

#include "loaders/elf/object.h"

/* Writes down an object whose code is in place, before its views are rebased. `ret_note` says why
 * not, when it was asked for and cannot be. Nothing happens when it was not asked for. */
void elf_jitdump_add(const struct elf_object *object, const char **ret_note);

void elf_jitdump_lock(void); /* for fork */
void elf_jitdump_unlock(void);

#endif
