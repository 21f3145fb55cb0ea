/*
 * What differs between machines, as data: the meaning of each relocation number. The walk over
 * relocations is written once (reloc.c) and both tables are built on every host; only the few
 * instructions of arch/NAME_*.S are the host's own.
 */
#ifndef SOLOAD_LOADERS_ELF_ARCH_H
#define SOLOAD_LOADERS_ELF_ARCH_H

#include <stddef.h>
#include <stdint.h>

/* S: the symbol's address, A: the addend, B: the load bias. All write one 64-bit word but TLS_DESC,
 * which writes two. */
enum reloc {
	RELOC_UNKNOWN,	  /* refused by number */
	RELOC_NONE,	  /* nothing to do */
	RELOC_RELATIVE,	  /* B + A */
	RELOC_ADDRESS,	  /* S + A */
	RELOC_SLOT,	  /* S: GLOB_DAT and JUMP_SLOT; A is added too, where a table has one */
	RELOC_INDIRECT,	  /* what the function at B + A returns */
	RELOC_SIZE,	  /* the symbol's size + A */
	RELOC_TLS_MODULE, /* the module of S, for __tls_get_addr */
	RELOC_TLS_OFFSET, /* S + A within its module */
	RELOC_TLS_STATIC, /* S + A from the thread pointer */
	RELOC_TLS_DESC,	  /* a resolver and its argument */
	RELOC_COPY,	  /* refused: only programs may have it */
	RELOC_TEXT, /* refused by name: narrower than an address, from code not built with -fPIC */
};

struct elf_arch {
	uint16_t machine;
	const char *name;
	const uint8_t *relocs; /* enum reloc by relocation number */
	size_t reloc_count;
	uint32_t relative;   /* the number of RELOC_RELATIVE, for the fast path */
	uint32_t tls_static; /* of RELOC_TLS_STATIC, for what is made here */
	uint32_t property;   /* the GNU property with the feature bits */
	uint32_t branch_bit; /* of it: indirect branches land on marked instructions (IBT, BTI) */
	uint32_t stack_bit;  /* of it: works with a shadow stack (SHSTK), 0 = no such thing */
	uint32_t level;	     /* the GNU property with the instruction set levels needed, 0 = none */
};

extern const struct elf_arch elf_arch_x86_64, elf_arch_aarch64;

const struct elf_arch *elf_arch_find(uint16_t machine); /* NULL = not known */
const struct elf_arch *elf_arch_native(void);

static inline enum reloc elf_arch_reloc(const struct elf_arch *arch, uint32_t number)
{
	return number < arch->reloc_count ? (enum reloc)arch->relocs[number] : RELOC_UNKNOWN;
}

#endif
