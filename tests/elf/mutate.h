/*
 * Structure-aware damage to an ELF object, reproducible from a seed: header fields, program
 * headers, dynamic entries, every table they name, truncations, and plain noise.
 */
#ifndef SOLOAD_TESTS_ELF_MUTATE_H
#define SOLOAD_TESTS_ELF_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Damages `bytes` (a sound object, *size bytes) in one to four places; may shrink *size. */
void elf_mutate(unsigned char *bytes, size_t *size, uint64_t seed);

#endif
