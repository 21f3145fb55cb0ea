/* Names of relocations, for people: what <elf.h> calls them, on every machine this project knows.
 */
#ifndef SOLOAD_BENCH_RELOC_NAMES_H
#define SOLOAD_BENCH_RELOC_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* "R_X86_64_RELATIVE", or "type 8" written to `buffer` where the number or the machine is not
 * known. */
const char *reloc_name(uint16_t machine, uint32_t type, char *buffer, size_t size);

#endif
