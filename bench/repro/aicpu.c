/* Who the AICPU of a reproduction is: this program, or another build of it, with an emulator. */
#include "bench/repro/repro.h"

#include "loaders/elf/file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE_HERE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE_HERE EM_AARCH64
#else
#define MACHINE_HERE EM_NONE
#endif

/* What the program is built for, by its ELF header. */
static int program_machine(const char *path, uint16_t *ret_machine, struct err *err)
{
	Elf64_Ehdr header = { .e_machine = EM_NONE };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, "--aicpu: open %s", path);
	n = read(fd, &header, sizeof(header));
	close(fd);
	if (n != (ssize_t)sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ENOEXEC, "--aicpu: %s is no 64-bit ELF program", path);
	*ret_machine = header.e_machine;
	return 0;
}

/* QEMU's user emulation is one program per architecture. */
static const char *emulator_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, "qemu-", 5) == 0 ? "qemu-user" : name;
}

int repro_aicpu_choose(struct repro_aicpu *aicpu, char *text, struct err *err)
{
	char *rest = NULL;
	size_t count = 0;
	int r;

	*aicpu = (struct repro_aicpu){ .machine = MACHINE_HERE };
	if (!text)
		return 0;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (count == REPRO_COMMAND_MAX)
			return err_set(err, E2BIG, "--aicpu: more than %d words",
				       REPRO_COMMAND_MAX);
		aicpu->command[count++] = word;
	}
	if (count == 0)
		return err_set(err, EINVAL, "--aicpu: give a program");
	aicpu->program = aicpu->command[count - 1];
	r = program_machine(aicpu->program, &aicpu->machine, err);
	if (r < 0)
		return r;
	if (count > 1)
		aicpu->emulator = emulator_name(aicpu->command[0]);
	aicpu->emulated = aicpu->emulator || aicpu->machine != MACHINE_HERE;
	return 0;
}

const char *repro_aicpu_name(const struct repro_aicpu *aicpu, char *buffer, size_t size)
{
	char machine[32];

	snprintf(buffer, size, "%s%s%s", elf_machine_name(aicpu->machine, machine, sizeof(machine)),
		 aicpu->emulator ? " under " : "", aicpu->emulator ? aicpu->emulator : "");
	return buffer;
}
