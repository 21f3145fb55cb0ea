/*
 * libFuzzer's side: `make fuzz TIME=SECONDS`. Half of the mutations know what an ELF object is made
 * of, the other half are libFuzzer's own.
 */
#include "loaders/elf/file.h"
#include "tests/elf/mutate.h"
#include "tests/fuzz/target.h"

#include <dlfcn.h>
#include <sys/resource.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t size_max);

/* Libraries the seeds need are there, so that they are bound and not refused. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
	(void)dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	(void)fuzz_object(bytes, size);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
	struct elf_file file;

	if (seed & 1 || elf_file_check(&file, bytes, size, NULL) < 0)
		return LLVMFuzzerMutate(bytes, size, size_max);
	elf_mutate(bytes, &size, seed);
	return size;
}
