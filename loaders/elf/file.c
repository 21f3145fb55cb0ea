/*
 * The checker: the ELF header, the program headers, and every question about segments and notes.
 * The dynamic section is dynamic.c's. Sums are never formed before it is known that they fit.
 */
#include "loaders/elf/file.h"

#include "loaders/elf/dynamic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef Elf64_Ehdr elf_ehdr __attribute__((aligned(1)));
typedef Elf64_Nhdr elf_nhdr __attribute__((aligned(1)));

static int header_check(struct elf_file *file, struct err *err)
{
	const elf_ehdr *header = (const elf_ehdr *)file->bytes;

	if (file->size < sizeof(*header))
		return err_set(err, ENOEXEC, "%zu bytes are too few for an ELF header", file->size);
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(err, ENOEXEC, "not an ELF file: it does not start with \\x7fELF");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ENOEXEC, "only 64-bit little-endian ELF files are understood");
	if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
		return err_set(err, ENOEXEC, "ELF version %u is unknown", header->e_version);
	if (header->e_type != ET_DYN)
		return err_set(err, ENOEXEC, "ELF type %u is not a shared object (ET_DYN)",
			       header->e_type);
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(err, ENOEXEC, "program headers of %u bytes, expected %zu",
			       header->e_phentsize, sizeof(Elf64_Phdr));
	if (header->e_phnum == 0 || header->e_phnum == PN_XNUM)
		return err_set(err, ENOEXEC, "%u program headers", header->e_phnum);
	if (header->e_phoff > file->size ||
	    header->e_phnum > (file->size - header->e_phoff) / sizeof(Elf64_Phdr))
		return err_set(err, ENOEXEC,
			       "%u program headers at 0x%llx reach past the end of the file",
			       header->e_phnum, (unsigned long long)header->e_phoff);
	file->machine = header->e_machine;
	file->os_abi = header->e_ident[EI_OSABI];
	file->flags = header->e_flags;
	file->entry = header->e_entry;
	file->headers = (const elf_phdr *)(file->bytes + header->e_phoff);
	file->header_count = header->e_phnum;
	return 0;
}

static int segment_check(const struct elf_file *file, const elf_phdr *header,
			 struct elf_segment *ret_segment, struct err *err)
{
	struct elf_segment segment = {
		.address = header->p_vaddr,
		.memory_bytes = header->p_memsz,
		.file_bytes = header->p_filesz,
		.offset = header->p_offset,
		.align = header->p_align ? header->p_align : 1,
		.flags = header->p_flags,
	};
	size_t i = (size_t)(header - file->headers);

	if (segment.offset > file->size || segment.file_bytes > file->size - segment.offset)
		return err_set(err, ENOEXEC, "segment %zu reaches past the end of the file", i);
	if (segment.file_bytes > segment.memory_bytes)
		return err_set(err, ENOEXEC, "segment %zu is larger in the file than in memory", i);
	if (segment.address >= ELF_ADDRESS_MAX ||
	    segment.memory_bytes > ELF_ADDRESS_MAX - segment.address)
		return err_set(err, ENOEXEC, "segment %zu reaches past the address space", i);
	if (segment.align & (segment.align - 1))
		return err_set(err, ENOEXEC, "segment %zu: alignment 0x%llx is no power of two", i,
			       (unsigned long long)segment.align);
	if (segment.align > ELF_ADDRESS_MAX / 2)
		return err_set(err, ENOEXEC, "segment %zu: alignment 0x%llx is out of reach", i,
			       (unsigned long long)segment.align);
	*ret_segment = segment;
	return 0;
}

static int load_add(struct elf_file *file, const struct elf_segment *segment, struct err *err)
{
	const struct elf_segment *last;

	if (segment->memory_bytes == 0)
		return 0; /* GNU ld emits these; there is nothing to map */
	if (file->load_count == ELF_LOADS_MAX)
		return err_set(err, ENOEXEC, "more than %d loadable segments", ELF_LOADS_MAX);
	if (file->load_count) {
		last = &file->loads[file->load_count - 1];
		if (segment->address < last->address + last->memory_bytes)
			return err_set(err, ENOEXEC,
				       "the segment at 0x%llx overlaps or precedes the one before",
				       (unsigned long long)segment->address);
	} else {
		file->begin = segment->address;
	}
	file->loads[file->load_count++] = *segment;
	file->end = segment->address + segment->memory_bytes;
	if (segment->align > file->align)
		file->align = segment->align;
	return 0;
}

/* PT_LOADs alone; the ranges the others name are looked up in them. */
static int loads_check(struct elf_file *file, struct err *err)
{
	struct elf_segment segment;
	int r;

	file->align = 1;
	for (size_t i = 0; i < file->header_count; i++) {
		if (file->headers[i].p_type != PT_LOAD)
			continue;
		r = segment_check(file, &file->headers[i], &segment, err);
		if (r == 0)
			r = load_add(file, &segment, err);
		if (r < 0)
			return r;
	}
	if (!file->load_count)
		return err_set(err, ENOEXEC, "no loadable segment (PT_LOAD)");
	return 0;
}

static int span_check(const struct elf_file *file, const elf_phdr *header, const char *name,
		      struct elf_span *ret_span, struct err *err)
{
	if (ret_span->bytes)
		return err_set(err, ENOEXEC, "more than one %s", name);
	if (header->p_memsz == 0)
		return 0;
	if (!elf_bytes_at(file, header->p_vaddr, header->p_memsz))
		return err_set(err, ENOEXEC, "%s is not inside the file's part of a segment", name);
	ret_span->address = header->p_vaddr;
	ret_span->bytes = header->p_memsz;
	return 0;
}

static int tls_check(struct elf_file *file, const elf_phdr *header, struct err *err)
{
	struct elf_segment tls;
	int r = segment_check(file, header, &tls, err);

	if (r < 0)
		return r;
	if (file->tls.memory_bytes)
		return err_set(err, ENOEXEC, "more than one PT_TLS");
	if (tls.file_bytes && !elf_bytes_at(file, tls.address, tls.file_bytes))
		return err_set(err, ENOEXEC, "PT_TLS is not inside the file's part of a segment");
	file->tls = tls;
	return 0;
}

/* The end may lie past the segment: linkers pad RELRO to a page. What starts outside protects
 * nothing. */
static int relro_check(struct elf_file *file, const elf_phdr *header, struct err *err)
{
	if (file->relro.bytes)
		return err_set(err, ENOEXEC, "more than one PT_GNU_RELRO");
	if (header->p_memsz == 0)
		return 0;
	if (!elf_load_at(file, header->p_vaddr, 1) ||
	    header->p_memsz > ELF_ADDRESS_MAX - header->p_vaddr)
		return err_set(err, ENOEXEC, "PT_GNU_RELRO is not inside a segment");
	file->relro = (struct elf_span){ header->p_vaddr, header->p_memsz };
	return 0;
}

static int others_check(struct elf_file *file, struct elf_span *ret_dynamic, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < file->header_count && r == 0; i++) {
		const elf_phdr *header = &file->headers[i];

		switch (header->p_type) {
		case PT_DYNAMIC:
			r = span_check(file, header, "PT_DYNAMIC", ret_dynamic, err);
			break;
		case PT_GNU_EH_FRAME:
			r = span_check(file, header, "PT_GNU_EH_FRAME", &file->eh_frame_hdr, err);
			break;
		case PT_TLS:
			r = tls_check(file, header, err);
			break;
		case PT_GNU_RELRO:
			r = relro_check(file, header, err);
			break;
		case PT_GNU_STACK:
			file->stack_executable = header->p_flags & PF_X;
			break;
		case PT_INTERP:
			file->interpreter = true;
			break;
		default:
			break;
		}
	}
	return r;
}

int elf_file_check(struct elf_file *ret_file, const void *bytes, size_t size, struct err *err)
{
	struct elf_span dynamic = { 0, 0 };
	int r;

	memset(ret_file, 0, sizeof(*ret_file));
	ret_file->bytes = bytes;
	ret_file->size = size;
	r = header_check(ret_file, err);
	if (r == 0)
		r = loads_check(ret_file, err);
	if (r == 0)
		r = others_check(ret_file, &dynamic, err);
	if (r < 0)
		return r;
	if (dynamic.bytes == 0)
		return err_set(err, ENOEXEC, "no dynamic section (PT_DYNAMIC): a static program?");
	return elf_dynamic_check(ret_file, dynamic, err);
}

size_t elf_loadable_bytes(const struct elf_file *file)
{
	const unsigned char *headers_end =
		(const unsigned char *)(file->headers + file->header_count);
	size_t end = (size_t)(headers_end - file->bytes);

	for (size_t i = 0; i < file->header_count; i++) {
		const elf_phdr *header = &file->headers[i];

		/* Notes and the like are read through their headers too; all of them are inside
		 * PT_LOADs in practice, but a loader may look for them at their offset. */
		if (header->p_type == PT_NULL || header->p_offset > file->size ||
		    header->p_filesz > file->size - header->p_offset)
			continue;
		if (header->p_offset + header->p_filesz > end)
			end = header->p_offset + header->p_filesz;
	}
	return end;
}

uint64_t elf_load_bytes(const struct elf_file *file)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < file->load_count; i++)
		bytes += file->loads[i].file_bytes;
	return bytes;
}

const void *elf_bytes_at(const struct elf_file *file, uint64_t address, uint64_t bytes)
{
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t at = address - load->address; /* huge when below */

		if (at > load->file_bytes || bytes > load->file_bytes - at)
			continue;
		if (file->mapped)
			return (const void *)(file->bias + address);
		return file->bytes + load->offset + at;
	}
	return NULL;
}

const struct elf_segment *elf_load_at(const struct elf_file *file, uint64_t address, uint64_t bytes)
{
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t at = address - load->address;

		if (at < load->memory_bytes && bytes <= load->memory_bytes - at)
			return load;
	}
	return NULL;
}

/* The next note of a PT_NOTE's [*cursor, end), or NULL. Its name follows it, its content is
 * returned: it begins at the first multiple of `align` behind the name, counted from the note. */
static const elf_nhdr *note_next(const unsigned char **cursor, const unsigned char *end,
				 uint64_t align, const unsigned char **ret_content)
{
	const elf_nhdr *note = (const elf_nhdr *)*cursor;
	size_t left = (size_t)(end - *cursor), content, next;

	if (left < sizeof(*note))
		return NULL;
	content = (sizeof(*note) + note->n_namesz + (size_t)align - 1) & ~((size_t)align - 1);
	next = content + note->n_descsz;
	if (next > left)
		return NULL;
	*ret_content = *cursor + content;
	next = (next + align - 1) & ~((size_t)align - 1);
	*cursor += next < left ? next : left;
	return note;
}

/* The content of the first GNU note of a type, its size in *ret_size; NULL when there is none. */
static const unsigned char *note_find(const struct elf_file *file, uint32_t type, size_t *ret_size)
{
	for (size_t i = 0; i < file->header_count; i++) {
		const elf_phdr *header = &file->headers[i];
		const unsigned char *cursor, *content;
		const elf_nhdr *note;

		if (header->p_type != PT_NOTE || header->p_offset > file->size ||
		    header->p_filesz > file->size - header->p_offset)
			continue;
		cursor = file->bytes + header->p_offset;
		while ((note = note_next(&cursor, file->bytes + header->p_offset + header->p_filesz,
					 header->p_align == 8 ? 8 : 4, &content))) {
			if (note->n_type != type || note->n_namesz != 4 ||
			    memcmp(note + 1, "GNU", 4) != 0)
				continue;
			*ret_size = note->n_descsz;
			return content;
		}
	}
	return NULL;
}

size_t elf_build_id(const struct elf_file *file, const unsigned char **ret_bytes)
{
	size_t size = 0;
	const unsigned char *bytes = note_find(file, NT_GNU_BUILD_ID, &size);

	if (bytes)
		*ret_bytes = bytes;
	return bytes ? size : 0;
}

uint32_t elf_property(const struct elf_file *file, uint32_t type)
{
	size_t left = 0;
	const unsigned char *cursor = note_find(file, NT_GNU_PROPERTY_TYPE_0, &left);
	uint32_t head[2], value;
	size_t bytes;

	while (cursor && left >= sizeof(head)) {
		memcpy(head, cursor, sizeof(head));
		if (head[1] > left - sizeof(head))
			break;
		if (head[0] == type && head[1] == sizeof(value)) {
			memcpy(&value, cursor + sizeof(head), sizeof(value));
			return value;
		}
		bytes = sizeof(head) + (((size_t)head[1] + 7) & ~(size_t)7);
		if (bytes > left)
			break;
		cursor += bytes;
		left -= bytes;
	}
	return 0;
}

const char *elf_machine_name(uint16_t machine, char *buffer, size_t size)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return "riscv64";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	default:
		snprintf(buffer, size, "machine %u", machine);
		return buffer;
	}
}
