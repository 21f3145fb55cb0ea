/* The machines that are known, and the one this program was built for. */
#include "loaders/elf/arch.h"

#include <elf.h>

static const struct elf_arch *const archs[] = { &elf_arch_x86_64, &elf_arch_aarch64 };

const struct elf_arch *elf_arch_find(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++) {
		if (archs[i]->machine == machine)
			return archs[i];
	}
	return NULL;
}

const struct elf_arch *elf_arch_native(void)
{
#if defined(__x86_64__)
	return &elf_arch_x86_64;
#elif defined(__aarch64__)
	return &elf_arch_aarch64;
#else
	return NULL;
#endif
}
