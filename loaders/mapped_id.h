/*
 * The GNU build-id of whatever is mapped, read out of memory: names the object that answers where
 * another one was sent.
 */
#ifndef SOLOAD_LOADERS_MAPPED_ID_H
#define SOLOAD_LOADERS_MAPPED_ID_H

#include <stddef.h>
#include <stdint.h>

#define MAPPED_ID_BYTES 32

/*
 * `base` is the load bias, `header` where the ELF header lies in memory. Writes at most
 * MAPPED_ID_BYTES and returns how many; 0 when there is no ELF header, no build-id, or memory that
 * cannot be read. Trusts no figure it reads, and never touches memory directly: a file cut short
 * under a mapping would be a SIGBUS.
 */
size_t mapped_build_id(uintptr_t base, uintptr_t header, unsigned char *ret_id);

#endif
