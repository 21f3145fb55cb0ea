/* Walks ELF header, program headers and notes in memory, through the kernel. See mapped_id.h. */
#include "loaders/mapped_id.h"

#include "loaders/own_memory.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#define SEGMENTS_MAX 64
#define NOTES_BYTES OWN_MEMORY_BYTES_MAX

static bool memory_read(uintptr_t address, void *bytes, size_t size)
{
	return own_memory_read(address, bytes, size) == (ssize_t)size;
}

/* `size` bytes of notes: the build-id among them. */
static size_t notes_look(const unsigned char *notes, size_t size, unsigned char *ret_id)
{
	Elf64_Nhdr note;

	for (size_t at = 0; size - at >= sizeof(note);) {
		size_t left = size - at - sizeof(note), name, content;

		memcpy(&note, notes + at, sizeof(note));
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		content = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > left || content > left - name)
			return 0;
		at += sizeof(note) + name;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + at - name, "GNU", 4) == 0 && note.n_descsz <= MAPPED_ID_BYTES) {
			memcpy(ret_id, notes + at, note.n_descsz);
			return note.n_descsz;
		}
		at += content;
	}
	return 0;
}

size_t mapped_build_id(uintptr_t base, uintptr_t header, unsigned char *ret_id)
{
	unsigned char notes[NOTES_BYTES];
	Elf64_Phdr segments[SEGMENTS_MAX];
	Elf64_Ehdr elf;
	size_t found = 0;

	if (!memory_read(header, &elf, sizeof(elf)) || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf.e_phentsize != sizeof(segments[0]) || elf.e_phnum > SEGMENTS_MAX ||
	    elf.e_phoff > UINT32_MAX ||
	    !memory_read(header + elf.e_phoff, segments, elf.e_phnum * sizeof(segments[0])))
		return 0;
	for (size_t i = 0; !found && i < elf.e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];

		if (segment->p_type == PT_NOTE && segment->p_memsz <= sizeof(notes) &&
		    memory_read(base + segment->p_vaddr, notes, segment->p_memsz))
			found = notes_look(notes, segment->p_memsz, ret_id);
	}
	return found;
}
