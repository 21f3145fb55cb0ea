/* x86_64: what its relocations mean (System V psABI for AMD64, "Relocation Types"). */
#include "loaders/elf/arch.h"

#include <elf.h>

static const uint8_t relocs[] = {
	[R_X86_64_NONE] = RELOC_NONE,
	[R_X86_64_64] = RELOC_ADDRESS,
	[R_X86_64_PC32] = RELOC_TEXT,
	[R_X86_64_GOT32] = RELOC_TEXT,
	[R_X86_64_PLT32] = RELOC_TEXT,
	[R_X86_64_COPY] = RELOC_COPY,
	[R_X86_64_GLOB_DAT] = RELOC_SLOT,
	[R_X86_64_JUMP_SLOT] = RELOC_SLOT,
	[R_X86_64_RELATIVE] = RELOC_RELATIVE,
	[R_X86_64_GOTPCREL] = RELOC_TEXT,
	[R_X86_64_32] = RELOC_TEXT,
	[R_X86_64_32S] = RELOC_TEXT,
	[R_X86_64_16] = RELOC_TEXT,
	[R_X86_64_PC16] = RELOC_TEXT,
	[R_X86_64_8] = RELOC_TEXT,
	[R_X86_64_PC8] = RELOC_TEXT,
	[R_X86_64_DTPMOD64] = RELOC_TLS_MODULE,
	[R_X86_64_DTPOFF64] = RELOC_TLS_OFFSET,
	[R_X86_64_TPOFF64] = RELOC_TLS_STATIC,
	[R_X86_64_PC64] = RELOC_TEXT,
	[R_X86_64_SIZE64] = RELOC_SIZE,
	[R_X86_64_TLSDESC] = RELOC_TLS_DESC,
	[R_X86_64_IRELATIVE] = RELOC_INDIRECT,
};

const struct elf_arch elf_arch_x86_64 = {
	.machine = EM_X86_64,
	.name = "x86_64",
	.relocs = relocs,
	.reloc_count = sizeof(relocs),
	.relative = R_X86_64_RELATIVE,
	.tls_static = R_X86_64_TPOFF64,
	.property = 0xc0000002, /* GNU_PROPERTY_X86_FEATURE_1_AND */
	.branch_bit = 1u << 0,	/* GNU_PROPERTY_X86_FEATURE_1_IBT */
	.stack_bit = 1u << 1,	/* GNU_PROPERTY_X86_FEATURE_1_SHSTK */
	.level = 0xc0008002,	/* GNU_PROPERTY_X86_ISA_1_NEEDED */
};
