/* Symbol tables and notes, read with libelf from bytes that nobody vouches for. */
#include "probes/names.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#define DEBUGDATA_MAX (256u << 20)

int names_open(struct names_file *file, const char *path, struct err *err)
{
	GElf_Ehdr header;
	int r;

	*file = (struct names_file){ 0 };
	r = file_load(path, &file->bytes, err);
	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	file->elf = elf_memory(file->bytes.bytes, file->bytes.size);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header)) {
		names_close(file);
		return err_set(err, ENOEXEC, "%s is no ELF file", path);
	}
	file->machine = header.e_machine;
	return 0;
}

void names_close(struct names_file *file)
{
	elf_end(file->elf);
	file_unload(&file->bytes);
	*file = (struct names_file){ 0 };
}

static Elf_Scn *section_next(const struct names_file *file, Elf_Scn *section, GElf_Shdr *ret_header)
{
	while ((section = elf_nextscn(file->elf, section))) {
		if (gelf_getshdr(section, ret_header))
			return section;
	}
	return NULL;
}

static void build_id_take(Elf_Data *data, char *ret_text, size_t size)
{
	GElf_Nhdr note;
	size_t name, desc, at = 0;

	while ((at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const unsigned char *id = (const unsigned char *)data->d_buf + desc;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
		    memcmp((const char *)data->d_buf + name, "GNU", 4) != 0)
			continue;
		for (size_t i = 0; i < note.n_descsz && 2 * i + 3 <= size; i++)
			snprintf(ret_text + 2 * i, 3, "%02x", id[i]);
		return;
	}
}

void names_build_id(const struct names_file *file, char *ret_text, size_t size)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	ret_text[0] = '\0';
	while (!ret_text[0] && (section = section_next(file, section, &header))) {
		Elf_Data *data = header.sh_type == SHT_NOTE ? elf_getdata(section, NULL) : NULL;

		if (data && data->d_buf)
			build_id_take(data, ret_text, size);
	}
}

int names_offset(const struct names_file *file, uint64_t address, uint64_t *ret_offset,
		 size_t *ret_left)
{
	size_t count = 0;

	if (elf_getphdrnum(file->elf, &count) != 0)
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr segment;
		uint64_t inside;

		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_X) || address < segment.p_vaddr)
			continue;
		inside = address - segment.p_vaddr;
		if (inside >= segment.p_filesz || segment.p_offset >= file->bytes.size ||
		    inside >= file->bytes.size - segment.p_offset)
			continue;
		*ret_offset = segment.p_offset + inside;
		*ret_left = file->bytes.size - *ret_offset;
		return 0;
	}
	return -ENOENT;
}

static int symbols_take(Elf *elf, unsigned int type, names_take take, void *to)
{
	Elf_Scn *section = NULL;
	int taken = 0;

	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		Elf_Data *data;
		GElf_Sym symbol;

		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
			const char *name;

			if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC ||
			    symbol.st_shndx == SHN_UNDEF)
				continue;
			name = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (name)
				take(to, name, symbol.st_value);
			taken++;
		}
	}
	return taken ? 0 : -ENOENT;
}

int names_symbols(const struct names_file *file, unsigned int type, names_take take, void *to)
{
	return symbols_take(file->elf, type, take, to);
}

static Elf_Data *section_named(const struct names_file *file, const char *wanted)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t strings;

	if (elf_getshdrstrndx(file->elf, &strings) != 0)
		return NULL;
	while ((section = section_next(file, section, &header))) {
		const char *name = elf_strptr(file->elf, strings, header.sh_name);
		Elf_Data *data;

		if (!name || strcmp(name, wanted) != 0)
			continue;
		data = elf_getdata(section, NULL);
		return data && data->d_buf && data->d_size ? data : NULL;
	}
	return NULL;
}

#ifdef HAVE_LZMA
/* Doubles the room until the text fits: its size is nowhere written that could be believed. */
static int data_unpack(const Elf_Data *data, unsigned char **ret_bytes, size_t *ret_size)
{
	for (size_t size = data->d_size * 4; size <= DEBUGDATA_MAX; size *= 2) {
		uint64_t memory = DEBUGDATA_MAX;
		size_t in = 0, out = 0;
		unsigned char *bytes = malloc(size);
		lzma_ret r;

		if (!bytes)
			return -ENOMEM;
		r = lzma_stream_buffer_decode(&memory, 0, NULL, data->d_buf, &in, data->d_size,
					      bytes, &out, size);
		if (r == LZMA_OK) {
			*ret_bytes = bytes;
			*ret_size = out;
			return 0;
		}
		free(bytes);
		if (r != LZMA_BUF_ERROR)
			return -EBADMSG;
	}
	return -E2BIG;
}

int names_debugdata(const struct names_file *file, names_take take, void *to)
{
	const Elf_Data *data = section_named(file, ".gnu_debugdata");
	unsigned char *bytes;
	size_t size;
	Elf *inner;
	int r;

	if (!data)
		return -ENOENT;
	r = data_unpack(data, &bytes, &size);
	if (r < 0)
		return r;
	inner = elf_memory((char *)bytes, size);
	r = inner && elf_kind(inner) == ELF_K_ELF ? symbols_take(inner, SHT_SYMTAB, take, to)
						  : -ENOEXEC;
	elf_end(inner);
	free(bytes);
	return r;
}
#else
int names_debugdata(const struct names_file *file, names_take take, void *to)
{
	(void)take;
	(void)to;
	return section_named(file, ".gnu_debugdata") ? -ENOTSUP : -ENOENT;
}
#endif

/* pc, base and semaphore, then provider, name and arguments, each with its NUL (SystemTap's
 * UserSpaceProbeImplementation). Files of 64 bits only: the caller has compared the machine. */
static void marker_take(const char *desc, size_t size, const char *provider,
			void (*take)(void *, const char *, uint64_t), void *to)
{
	size_t length = strlen(provider) + 1;
	uint64_t pc;

	if (size <= 24 + length || memcmp(desc + 24, provider, length) != 0)
		return;
	if (!memchr(desc + 24 + length, '\0', size - 24 - length))
		return;
	memcpy(&pc, desc, sizeof(pc));
	take(to, desc + 24 + length, pc);
}

int names_markers(const struct names_file *file, const char *provider, names_take take, void *to)
{
	Elf_Data *data = section_named(file, ".note.stapsdt");
	GElf_Nhdr note;
	size_t name, desc, at = 0;

	if (!data || gelf_getclass(file->elf) != ELFCLASS64)
		return -ENOENT;
	while ((at = gelf_getnote(data, at, &note, &name, &desc)) > 0)
		marker_take((const char *)data->d_buf + desc, note.n_descsz, provider, take, to);
	return 0;
}

void names_interpreter(const struct names_file *file, char *ret_path, size_t size)
{
	size_t count = 0;

	ret_path[0] = '\0';
	if (elf_getphdrnum(file->elf, &count) != 0)
		return;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_INTERP ||
		    segment.p_filesz == 0 || segment.p_filesz > size ||
		    segment.p_offset > file->bytes.size ||
		    segment.p_filesz > file->bytes.size - segment.p_offset)
			continue;
		memcpy(ret_path, (const char *)file->bytes.bytes + segment.p_offset,
		       segment.p_filesz);
		ret_path[segment.p_filesz - 1] = '\0';
	}
}
