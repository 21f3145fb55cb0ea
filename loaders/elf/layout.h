/*
 * How the addresses of an object fall on pages of this kernel: runs of pages with one protection.
 *
 * Permissions belong to kernel pages (4, 16 or 64 KB), not to segments. A page that would have to
 * be writable and executable is a refusal.
 */
#ifndef SOLOAD_LOADERS_ELF_LAYOUT_H
#define SOLOAD_LOADERS_ELF_LAYOUT_H

#include "loaders/elf/file.h"

#define ELF_RUNS_MAX (2 * ELF_LOADS_MAX + 4)
#define ELF_IMAGE_MAX (UINT64_C(1) << 32) /* bytes of address space one object may take */
#define ELF_RELRO_MAX (UINT64_C(1) << 27) /* of them written at every load, file or not */

enum elf_run_kind {
	ELF_RUN_HOLE,  /* between segments; nothing is there */
	ELF_RUN_READ,  /* read-only from the start */
	ELF_RUN_CODE,  /* read and execute */
	ELF_RUN_RELRO, /* written by relocations, then read-only */
	ELF_RUN_WRITE, /* the object's own variables */
};

/* [begin, end) in addresses of the object, multiples of the page size. */
struct elf_run {
	uint64_t begin, end;
	enum elf_run_kind kind;
};

struct elf_layout {
	uint64_t page;	     /* the kernel's page size */
	uint64_t begin, end; /* of all runs */
	uint64_t align;	     /* the bias must be a multiple of it */
	/* When everything that is never written after the load comes first: the first writable
	 * page. Else 0, and only a mapping of its own will do. */
	uint64_t border;
	uint64_t relro; /* when `border`: the first page relocations write, <= border */
	/* The pages of RELRO; none when equal. On large pages code may share the first of them. */
	uint64_t closed_begin, closed_end;
	bool guarded;	  /* map code so that only marked branch targets work (BTI) */
	uint64_t wanted;  /* the bias to have when a free slot can give it; 0 = any will do */
	size_t run_count; /* runs, ascending, no gaps */
	struct elf_run runs[ELF_RUNS_MAX];
};

/* -ENOEXEC with a sentence when a page would have to be writable and executable. */
int elf_layout_plan(const struct elf_file *file, uint64_t page, struct elf_layout *ret_layout,
		    struct err *err);

#endif
