/* The carrier object, field by field, and its way through dlopen(). */
#include "loaders/elf/carrier.h"

#include "base/file.h"
#include "loaders/elf/arch.h"
#include "loaders/elf/arena.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_MAX (1 << 20) /* the linker's reserve is about 2 KB; no need to ask for more */

enum {
	DYNAMIC_HASH,
	DYNAMIC_STRINGS,
	DYNAMIC_SYMBOLS,
	DYNAMIC_STRING_BYTES,
	DYNAMIC_SYMBOL_BYTES,
	DYNAMIC_RELA,
	DYNAMIC_RELA_BYTES,
	DYNAMIC_RELA_ENTRY,
	DYNAMIC_FLAGS,
	DYNAMIC_END,
	DYNAMIC_COUNT
};
enum { HEADER_LOAD, HEADER_DYNAMIC, HEADER_TLS, HEADER_STACK, HEADER_COUNT };

/* All but the image, which follows where its alignment wants it. */
struct carrier_head {
	Elf64_Ehdr elf;
	Elf64_Phdr headers[HEADER_COUNT];
	Elf64_Dyn dynamic[DYNAMIC_COUNT];
	Elf64_Sym symbols[2];
	Elf64_Rela rela;
	uint64_t offset; /* the answer: what the relocation writes */
	uint32_t hash[5];
	char strings[4];
};

static void headers_write(struct carrier_head *head, const struct elf_file *file, uint64_t image)
{
	uint64_t end = image + file->tls.file_bytes;

	memcpy(head->elf.e_ident, ELFMAG, SELFMAG);
	head->elf.e_ident[EI_CLASS] = ELFCLASS64;
	head->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	head->elf.e_ident[EI_VERSION] = EV_CURRENT;
	head->elf.e_type = ET_DYN;
	head->elf.e_machine = file->machine;
	head->elf.e_version = EV_CURRENT;
	head->elf.e_phoff = offsetof(struct carrier_head, headers);
	head->elf.e_ehsize = sizeof(Elf64_Ehdr);
	head->elf.e_phentsize = sizeof(Elf64_Phdr);
	head->elf.e_phnum = HEADER_COUNT;
	head->headers[HEADER_LOAD] = (Elf64_Phdr){ .p_type = PT_LOAD,
						   .p_flags = PF_R | PF_W,
						   .p_filesz = end,
						   .p_memsz = end,
						   .p_align = 65536 };
	head->headers[HEADER_DYNAMIC] =
		(Elf64_Phdr){ .p_type = PT_DYNAMIC,
			      .p_flags = PF_R | PF_W,
			      .p_offset = offsetof(struct carrier_head, dynamic),
			      .p_vaddr = offsetof(struct carrier_head, dynamic),
			      .p_filesz = sizeof(head->dynamic),
			      .p_memsz = sizeof(head->dynamic),
			      .p_align = 8 };
	head->headers[HEADER_TLS] = (Elf64_Phdr){ .p_type = PT_TLS,
						  .p_flags = PF_R,
						  .p_offset = image,
						  .p_vaddr = image,
						  .p_filesz = file->tls.file_bytes,
						  .p_memsz = file->tls.memory_bytes,
						  .p_align = file->tls.align };
	head->headers[HEADER_STACK] =
		(Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
}

static void tables_write(struct carrier_head *head, uint32_t relocation)
{
#define AT(field) offsetof(struct carrier_head, field)
	const Elf64_Dyn dynamic[DYNAMIC_COUNT] = {
		[DYNAMIC_HASH] = { DT_HASH, { AT(hash) } },
		[DYNAMIC_STRINGS] = { DT_STRTAB, { AT(strings) } },
		[DYNAMIC_SYMBOLS] = { DT_SYMTAB, { AT(symbols) } },
		[DYNAMIC_STRING_BYTES] = { DT_STRSZ, { sizeof(head->strings) } },
		[DYNAMIC_SYMBOL_BYTES] = { DT_SYMENT, { sizeof(Elf64_Sym) } },
		[DYNAMIC_RELA] = { DT_RELA, { AT(rela) } },
		[DYNAMIC_RELA_BYTES] = { DT_RELASZ, { sizeof(head->rela) } },
		[DYNAMIC_RELA_ENTRY] = { DT_RELAENT, { sizeof(head->rela) } },
		[DYNAMIC_FLAGS] = { DT_FLAGS, { DF_STATIC_TLS } },
		[DYNAMIC_END] = { DT_NULL, { 0 } },
	};

	memcpy(head->dynamic, dynamic, sizeof(dynamic));
	head->symbols[1] = (Elf64_Sym){ .st_name = 1,
					.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
					.st_shndx = 1,
					.st_value = AT(offset),
					.st_size = 8 };
	head->rela = (Elf64_Rela){ .r_offset = AT(offset), .r_info = ELF64_R_INFO(0, relocation) };
	head->hash[0] = 1; /* one bucket, two symbols, the bucket begins with symbol 1 */
	head->hash[1] = 2;
	head->hash[2] = 1;
	memcpy(head->strings, "\0o", 3);
#undef AT
}

static int carrier_open(struct elf_carrier *carrier, struct err *err)
{
	char path[64];
	const char *reason;

	/* The descriptor stays open as long as the object is loaded: the linker knows it by name.
	 */
	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)getpid(), carrier->fd);
	carrier->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (carrier->handle)
		return 0;
	reason = dlerror();
	return err_set(err, ENOTSUP,
		       "initial-exec thread-local variables: %s (build without "
		       "-ftls-model=initial-exec, or set GLIBC_TUNABLES="
		       "glibc.rtld.optional_static_tls)",
		       reason ? reason : "dlopen failed");
}

int elf_carrier_load(const struct elf_file *file, const void *image,
		     struct elf_carrier *ret_carrier, struct err *err)
{
	const struct elf_segment *tls = &file->tls;
	uint64_t at = sizeof(struct carrier_head), size;
	struct elf_carrier carrier = { .fd = -1 };
	struct carrier_head *head;
	uint64_t *offset;
	int r;

	at += (tls->address - at) & (tls->align - 1);
	size = at + tls->file_bytes;
	if (tls->memory_bytes > IMAGE_MAX || tls->align > 65536)
		return err_set(err, ENOTSUP, "%llu bytes of initial-exec thread-local variables",
			       (unsigned long long)tls->memory_bytes);
	head = calloc(1, size);
	if (!head)
		return err_set(err, ENOMEM, "out of memory");
	headers_write(head, file, at);
	tables_write(head, elf_arch_find(file->machine)->tls_static);
	if (tls->file_bytes)
		memcpy((unsigned char *)head + at, image, tls->file_bytes);
	r = elf_memory_file(size, &carrier.fd, err);
	if (r == 0)
		r = fd_write_all(carrier.fd, head, size, "a memory file", err);
	free(head);
	if (r == 0)
		r = carrier_open(&carrier, err);
	offset = r == 0 ? dlsym(carrier.handle, "o") : NULL;
	if (r == 0 && !offset)
		r = err_set(err, ENOTSUP, "the dynamic linker lost a symbol");
	if (r < 0) {
		elf_carrier_unload(&carrier);
		return r;
	}
	carrier.offset = (int64_t)*offset;
	carrier.image = (const unsigned char *)offset - offsetof(struct carrier_head, offset) + at;
	*ret_carrier = carrier;
	return 0;
}

void elf_carrier_unload(struct elf_carrier *carrier)
{
	if (carrier->handle)
		dlclose(carrier->handle);
	if (carrier->fd >= 0)
		close(carrier->fd);
	carrier->handle = NULL;
	carrier->fd = -1;
}
