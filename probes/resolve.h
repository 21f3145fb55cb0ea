/*
 * Where the functions of an ld.so are that a probe watches: names come from the file itself or from
 * its debug file, whose build-id must be the same; a place whose first instruction the kernel would
 * have to single-step is refused by name (9 us a hit instead of 0.7). Where a function begins with
 * endbr64 (CET), the instruction behind it is probed: arguments and stack are the same there.
 */
#ifndef SOLOAD_PROBES_RESOLVE_H
#define SOLOAD_PROBES_RESOLVE_H

#include "base/err.h"
#include "probes/event.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the names came from, in the order they are looked for. */
enum resolve_source {
	RESOLVE_NONE,
	RESOLVE_STAPSDT, /* markers of a glibc built with --enable-systemtap */
	RESOLVE_SYMTAB,
	RESOLVE_DEBUGDATA,  /* .gnu_debugdata, xz */
	RESOLVE_DEBUG_FILE, /* DEBUG_ROOT/.build-id/xx/yyyy.debug */
	RESOLVE_DYNSYM,
	RESOLVE_SOURCES
};

struct resolve_site {
	uint64_t address; /* where it begins, in the file's own virtual addresses */
	uint64_t offset;  /* of the instruction to probe, in the file; 0 = not found */
	enum resolve_source source;
	bool stepped; /* found, but would be single-stepped: not to be used */
};

struct resolved {
	char path[PATH_MAX];
	char build_id[64]; /* hex, "" = none */
	struct resolve_site sites[STEP_COUNT];
	unsigned int found, stepped; /* sites usable, sites refused */
};

/* `debug_root` NULL = /usr/lib/debug. Fails when `path` is no ELF file of this machine; a file
 * without names is a success that found nothing. */
int resolve_steps(const char *path, const char *debug_root, struct resolved *ret_resolved,
		  struct err *err);

/* A function exported by a library, such as dlopen of libc.so.6. -ENOENT when there is none. */
int resolve_export(const char *path, const char *name, struct resolve_site *ret_site,
		   struct err *err);

/* Whether the kernel emulates an instruction that starts with these bytes (arch/x86/kernel/
 * uprobes.c: push, nop, call and jmp); elsewhere than on x86_64 this is not known and true. */
bool resolve_emulated(const unsigned char *bytes, size_t size);

/* Where the shell would find a program: by its path, or in PATH. -ENOENT, -EACCES. */
int resolve_program(const char *name, char *ret_path, size_t size);

/* The ld.so a program asks for (PT_INTERP; scripts are followed to their interpreter), or the one a
 * running process has, by its path through the root of that process. -ESTALE when its file has been
 * replaced since it was mapped: the new one is not what runs. */
int resolve_linker_of_program(const char *path, char *ret_path, size_t size, struct err *err);
int resolve_linker_of_process(pid_t pid, char *ret_path, size_t size, struct err *err);

/* The same of any file of a running process, by such a path: 0, or -ESTALE. Other paths are 0. */
int resolve_current(const char *path, struct err *err);

#endif
