/*
 * Refusals by name. What an object asks for and this loader neither does nor knows to be harmless
 * is refused here, so that no object is ever loaded a little wrong.
 */
#include "loaders/elf/accept.h"

#include "loaders/elf/arch.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define ARCH_SHSTK_STATUS 0x5005 /* asm/prctl.h, Linux 6.6 */
#define AARCH64_HWCAP2_BTI (1UL << 17)

#ifndef DF_1_PIE /* elf.h before glibc 2.26 */
#define DF_1_PIE 0x08000000
#endif

/* Each thread that asks gets a block of that size from malloc(), and cannot be told when there is
 * none. */
#define TLS_BYTES_MAX (UINT64_C(1) << 28)

#define FLAGS_KNOWN (DF_ORIGIN | DF_SYMBOLIC | DF_TEXTREL | DF_BIND_NOW | DF_STATIC_TLS)

/* Binding at once, a private scope and keeping for ever are what happens or is arranged for;
 * ORIGIN, NODUMP, NODEFLIB, INITFIRST and INTERPOSE ask for nothing of a private object loaded
 * last. */
#define FLAGS_1_KNOWN \
	(DF_1_NOW | DF_1_GLOBAL | DF_1_NODELETE | DF_1_INITFIRST | DF_1_ORIGIN | DF_1_INTERPOSE | \
	 DF_1_NODEFLIB | DF_1_NODUMP)

static int dynamic_accept(const struct elf_file *file, struct err *err)
{
	const struct elf_dynamic *dynamic = &file->dynamic;

	if (dynamic->unknown)
		return err_set(err, ENOEXEC, "dynamic tag 0x%llx is not understood",
			       (unsigned long long)dynamic->unknown_tag);
	if (dynamic->flags & ~(uint64_t)FLAGS_KNOWN)
		return err_set(err, ENOEXEC, "DT_FLAGS 0x%llx: not all of them are understood",
			       (unsigned long long)dynamic->flags);
	if (dynamic->flags_1 & DF_1_PIE)
		return err_set(err, ENOEXEC, "a program, not a shared object (DF_1_PIE)");
	if (dynamic->flags_1 & DF_1_NOOPEN)
		return err_set(err, ENOEXEC, "the object asks never to be opened (DF_1_NOOPEN)");
	if (dynamic->flags_1 & ~(uint64_t)FLAGS_1_KNOWN)
		return err_set(err, ENOEXEC, "DT_FLAGS_1 0x%llx: not all of them are understood",
			       (unsigned long long)dynamic->flags_1);
	if (dynamic->text_relocations)
		return err_set(err, ENOEXEC,
			       "relocations of code (DT_TEXTREL): build the object with -fPIC");
	if (dynamic->relocations_without_addend)
		return err_set(err, ENOEXEC, "relocations without addends (DT_REL)");
	if (dynamic->preinit_array.bytes)
		return err_set(err, ENOEXEC, "DT_PREINIT_ARRAY: only programs may have one");
	return 0;
}

/* A second C library, dynamic linker or sanitizer runtime in one process can only go wrong: each
 * believes to be the only one. */
static int soname_accept(const struct elf_file *file, struct err *err)
{
	static const char *const alone[] = {
		"libc.so.",	"ld-linux",    "libasan.so.",	"libtsan.so.",
		"libubsan.so.", "liblsan.so.", "libhwasan.so.", "libclang_rt.",
	};
	const char *soname = file->dynamic.soname;

	for (size_t i = 0; soname && i < sizeof(alone) / sizeof(alone[0]); i++) {
		if (strncmp(soname, alone[i], strlen(alone[i])) == 0)
			return err_set(err, ENOEXEC, "'%.100s' can be only once in a process",
				       soname);
	}
	return 0;
}

#if defined(__x86_64__)
/* Features of one level: bits of cpuid leaf 1 ecx, 7 ebx, 0x80000001 ecx, and of XCR0 (x86-64
 * psABI, "Micro-Architecture Levels"; bits by Intel SDM 2A, "CPUID"). */
struct level {
	uint32_t first, seventh, extended, state;
};

static const struct level levels[] = {
	{ 0, 0, 0, 0 },
	{ bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT, 0,
	  bit_LAHF_LM, 0 },
	{ bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C, bit_BMI | bit_AVX2 | bit_BMI2,
	  bit_LZCNT, 0x6 },
	{ 0, bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL, 0, 0xe6 },
};

/* A bit for each level there is. */
static uint32_t levels_find(void)
{
	struct level has = { 0, 0, 0, 0 };
	uint32_t eax, ebx, ecx, edx, found = 0;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		has.first = ecx;
	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
		has.seventh = ebx;
	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
		has.extended = ecx;
	if (has.first & bit_OSXSAVE)
		__asm__("xgetbv" : "=a"(has.state), "=d"(edx) : "c"(0));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const struct level *level = &levels[i];

		if (level->first & ~has.first || level->seventh & ~has.seventh ||
		    level->extended & ~has.extended || level->state & ~has.state)
			break;
		found |= 1u << i;
	}
	return found;
}
#else
static uint32_t levels_find(void)
{
	return 0;
}
#endif

/* Bits of GNU_PROPERTY_X86_ISA_1_NEEDED: baseline, then x86-64-v2 to v4. Few objects have it, so
 * the machine is asked only then. */
static int level_accept(const struct elf_file *file, const struct elf_arch *arch, struct err *err)
{
	uint32_t lacking = arch->level ? elf_property(file, arch->level) : 0;

	if (lacking)
		lacking &= ~levels_find();
	if (!lacking)
		return 0;
	return err_set(err, ENOEXEC,
		       "the object needs instructions this processor lacks (%s level %d)",
		       arch->name, __builtin_ctz(lacking) + 1);
}

int elf_file_accept(const struct elf_file *file, const struct elf_arena *arena,
		    const struct elf_arch **ret_arch, struct err *err)
{
	const struct elf_arch *arch = elf_arch_native();
	char name[32];
	int r;

	if (!arch || file->machine != arch->machine)
		return err_set(err, ENOEXEC,
			       "the wrong machine: the object is for %s, this program for %s",
			       elf_machine_name(file->machine, name, sizeof(name)),
			       arch ? arch->name : "a machine this loader does not know");
	if (file->os_abi != ELFOSABI_SYSV && file->os_abi != ELFOSABI_GNU)
		return err_set(err, ENOEXEC, "the object is for another system (OS ABI %u)",
			       file->os_abi);
	if (file->tls.memory_bytes > TLS_BYTES_MAX || file->tls.align > TLS_BYTES_MAX)
		return err_set(err, ENOEXEC, "%llu bytes of thread-local variables aligned to %llu",
			       (unsigned long long)file->tls.memory_bytes,
			       (unsigned long long)file->tls.align);
	if (file->stack_executable)
		return err_set(err, ENOEXEC, "the object asks for an executable stack");
	r = dynamic_accept(file, err);
	if (r == 0)
		r = soname_accept(file, err);
	if (r == 0)
		r = level_accept(file, arch, err);
	if (r < 0)
		return r;
	if (arena->shadow_stack && !(elf_property(file, arch->property) & arch->stack_bit))
		return err_set(err, ENOEXEC,
			       "this program runs with a shadow stack, the object was not built "
			       "for one (-fcf-protection)");
	*ret_arch = arch;
	return 0;
}

bool elf_file_guarded(const struct elf_file *file, const struct elf_arena *arena)
{
	const struct elf_arch *arch = elf_arch_find(file->machine);

	return arena->branch_guard && elf_property(file, arch->property) & arch->branch_bit;
}

void elf_arena_probe(struct elf_arena *arena)
{
#if defined(__x86_64__) && defined(SYS_arch_prctl)
	unsigned long features = 0;

	arena->shadow_stack =
		syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS, &features) == 0 && features & 1;
#elif defined(__aarch64__)
	arena->branch_guard = getauxval(AT_HWCAP2) & AARCH64_HWCAP2_BTI;
#else
	(void)arena;
#endif
}
