/*
 * Opt-in: a program that links this file and exports the symbol
 * (-Wl,--export-dynamic-symbol=_dl_find_object) answers every unwinder of the process about loaded
 * objects. Without it unwind.c registers each object.
 */
#include "loaders/elf/unwind.h"

extern int _dl_find_object(void *address, void *ret_found)
	__attribute__((visibility("default"), used));
int _dl_find_object(void *address, void *ret_found)
{
	return elf_unwind_find_object(address, ret_found);
}

int (*const elf_unwind_interposer)(void *address, void *ret_found) = _dl_find_object;
