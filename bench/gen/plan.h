/*
 * Generated objects: shared objects with exactly the relocations, imports, exports and size that
 * were asked for, made by the system's compiler and linker from a source that a seed decides.
 *
 * Every object exports `long soload_entry(void)`. It reads a word of .data, a slot of the pointer
 * table and .bss, calls an import, every ifunc, and reads every thread-local variable; it returns
 * gen_value(seed) at its first call and one more at each further call: state of an earlier load
 * shows, and so does a relocation that was forgotten.
 */
#ifndef SOLOAD_BENCH_GEN_PLAN_H
#define SOLOAD_BENCH_GEN_PLAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GEN_ENTRY "soload_entry"

/* What an object is counted by; every one can be asked for. */
enum gen_count {
	GEN_RELATIVE,  /* relocations by the load address, packed ones (RELR) included */
	GEN_IMPORTS,   /* imported functions that are called: JUMP_SLOT */
	GEN_GLOBS,     /* addresses of imports in the GOT: GLOB_DAT */
	GEN_ABSOLUTE,  /* addresses of symbols in data: R_X86_64_64, R_AARCH64_ABS64 */
	GEN_IRELATIVE, /* functions chosen by a resolver at load */
	GEN_TLS,       /* thread-local variables, one TLS relocation each */
	GEN_SYMBOLS,   /* exported symbols, the entry among them */
	GEN_NEEDED,    /* DT_NEEDED entries */
	GEN_COUNTS
};

enum gen_tls_model { GEN_TLS_GD, GEN_TLS_DESC, GEN_TLS_IE };

struct gen_plan {
	bool given[GEN_COUNTS]; /* false: as many as the toolchain brings */
	uint64_t want[GEN_COUNTS];
	uint64_t size;	     /* of the file, without `unloaded`; 0 = as small as it gets */
	uint64_t unloaded;   /* bytes in a section nobody loads, as debug info is */
	uint64_t ctors;	     /* constructors; each is one of the RELATIVE */
	uint64_t page_bytes; /* max-page-size of the link; 0 = the toolchain's own */
	uint64_t seed;
	enum gen_tls_model tls_model;
	bool compact; /* code and constants in one segment, no RELRO: the smallest there is */
	bool bare;    /* without the toolchain's start-up files and their relocations */
	bool relr;    /* pack RELATIVE into DT_RELR */
	bool now;     /* DF_BIND_NOW */
	bool unique;  /* one export is STB_GNU_UNIQUE: dlclose will not unload it */
	bool sysv;    /* DT_HASH instead of DT_GNU_HASH */
};

/* What an object holds, as counted in the file by libelf. */
struct gen_counts {
	uint64_t have[GEN_COUNTS];
	uint64_t other; /* relocations of any other kind */
	uint64_t file_bytes, load_bytes;
};

/* What soload_entry() of an object with that seed returns at its first call; positive. */
long gen_value(uint64_t seed);

/*
 * Compiles an object that is exactly as planned and writes it to `out`. Uses $CC, else cc. Equal
 * plans and toolchains make equal bytes. -EINVAL for what cannot be (fewer relocations than the
 * start-up files bring, a size the contents do not fit in), in words.
 */
int gen_build(const struct gen_plan *plan, const char *out, struct gen_counts *ret_counts,
	      struct err *err);

/* --- between the files of gen/ --- */

/* Where filling goes. .data is the last in the file: what is added there moves nothing else. */
enum gen_fill { GEN_FILL_TEXT, GEN_FILL_RODATA, GEN_FILL_DATA, GEN_FILLS };

/* How much of each count the source must bring itself, and how many filling bytes. */
struct gen_emit {
	uint64_t count[GEN_COUNTS];
	uint64_t fill[GEN_FILLS];
};

/* The number of different functions that can be imported. */
extern const unsigned int gen_imports_max;

/* The C source of the object. It includes the file fill.bin of its folder. */
void gen_source_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out);

int gen_count_file(const char *path, struct gen_counts *ret_counts, struct err *err);

#endif
