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

#define ARCH_SHSTK_STATUS 0x5005 /* asm/prctl.h, Linux 6.6 */
#define AARCH64_HWCAP2_BTI (1UL << 17)

#ifndef DF_1_PIE /* elf.h before glibc 2.26 */
#define DF_1_PIE 0x08000000
#endif

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
	if (file->stack_executable)
		return err_set(err, ENOEXEC, "the object asks for an executable stack");
	r = dynamic_accept(file, err);
	if (r == 0)
		r = soname_accept(file, err);
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
	const struct elf_arch *arch = elf_arch_native();

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
