/* aarch64: what its relocations mean (ELF for the Arm 64-bit Architecture, "Dynamic relocations").
 */
#include "loaders/elf/arch.h"

#include <elf.h>

static const uint8_t relocs[] = {
	[R_AARCH64_NONE] = RELOC_NONE,
	[256] = RELOC_NONE, /* R_AARCH64_NONE of early drafts, still written by some linkers */
	[R_AARCH64_ABS64] = RELOC_ADDRESS,
	[R_AARCH64_ABS32] = RELOC_TEXT,
	[R_AARCH64_ABS16] = RELOC_TEXT,
	[R_AARCH64_PREL64] = RELOC_TEXT,
	[R_AARCH64_PREL32] = RELOC_TEXT,
	[R_AARCH64_PREL16] = RELOC_TEXT,
	[R_AARCH64_COPY] = RELOC_COPY,
	[R_AARCH64_GLOB_DAT] = RELOC_SLOT,
	[R_AARCH64_JUMP_SLOT] = RELOC_SLOT,
	[R_AARCH64_RELATIVE] = RELOC_RELATIVE,
	[R_AARCH64_TLS_DTPMOD] = RELOC_TLS_MODULE,
	[R_AARCH64_TLS_DTPREL] = RELOC_TLS_OFFSET,
	[R_AARCH64_TLS_TPREL] = RELOC_TLS_STATIC,
	[R_AARCH64_TLSDESC] = RELOC_TLS_DESC,
	[R_AARCH64_IRELATIVE] = RELOC_INDIRECT,
};

const struct elf_arch elf_arch_aarch64 = {
	.machine = EM_AARCH64,
	.name = "aarch64",
	.relocs = relocs,
	.reloc_count = sizeof(relocs),
	.relative = R_AARCH64_RELATIVE,
	.tls_static = R_AARCH64_TLS_TPREL,
	.property = 0xc0000000, /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
	.branch_bit = 1u << 0,	/* GNU_PROPERTY_AARCH64_FEATURE_1_BTI */
};
