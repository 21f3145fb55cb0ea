/*
 * What is inside a shared object, counted: for people (soload inspect) and for judging what a
 * loader will meet in it. Works for every machine and on hostile bytes: it only reads what the
 * checker let through, and runs nothing.
 */
#ifndef SOLOAD_BENCH_ANATOMY_H
#define SOLOAD_BENCH_ANATOMY_H

#include "loaders/elf/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANATOMY_RELOCS_MAX 64 /* different types; no object has a third of that */
#define ANATOMY_NAMES_MAX 8   /* examples kept of a kind of symbol */

struct anatomy_reloc {
	uint32_t type;
	uint64_t count;
};

/* How thread-local variables are reached; an object may use several. */
enum anatomy_tls { ANATOMY_TLS_GENERAL = 1, ANATOMY_TLS_DESC = 2, ANATOMY_TLS_INITIAL = 4 };

struct anatomy {
	struct elf_file elf;	 /* views into the caller's bytes */
	uint64_t load_bytes;	 /* in PT_LOADs */
	uint64_t loadable_bytes; /* of the file's beginning: all a loader needs */
	uint64_t memory_bytes;	 /* address space it takes */

	struct anatomy_reloc relocs[ANATOMY_RELOCS_MAX]; /* descending by count */
	size_t reloc_kinds;
	uint64_t reloc_total;  /* RELR's included */
	uint64_t relr_total;   /* packed relative relocations */
	uint64_t refused;      /* relocations no loader of shared objects may apply */
	uint32_t refused_type; /* the first of them */

	uint64_t symbols, imports, exports, functions, ifuncs;
	uint64_t unique;
	const char *unique_names[ANATOMY_NAMES_MAX]; /* the first few */
	bool thread_exit;	 /* imports what registers destructors of thread_locals */
	unsigned int tls_models; /* enum anatomy_tls, or-ed */
	uint64_t constructors, destructors;
	bool nodelete, noopen, program;
	char libc_version[16]; /* the newest GLIBC_ it asks for, "2.34"; "" = none */
};

/* 0, or the checker's refusal. `bytes` must outlive `ret_anatomy`. */
int anatomy_read(struct anatomy *ret_anatomy, const void *bytes, size_t size, struct err *err);

/* What a dynamic symbol is to others; NONE: hidden, local or without a name. */
enum anatomy_symbol { ANATOMY_SYMBOL_NONE, ANATOMY_SYMBOL_IMPORT, ANATOMY_SYMBOL_EXPORT };

/* The i-th of anatomy->symbols; its name in the object's bytes. */
enum anatomy_symbol anatomy_symbol(const struct anatomy *anatomy, uint64_t i,
				   const char **ret_name);

/* `text` as it may be shown: what is not printable ASCII as \xNN, cut to fit. Returns `buffer`. */
const char *anatomy_printable(const char *text, char *buffer, size_t size);

#endif
