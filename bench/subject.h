/*
 * An object under test, as the driver of a measurement knows it: read, checked, and with the symbol
 * that every load of it will look up.
 */
#ifndef SOLOAD_BENCH_SUBJECT_H
#define SOLOAD_BENCH_SUBJECT_H

#include "base/err.h"
#include "base/file.h"
#include "loaders/elf/file.h"

#include <stdbool.h>

/* The entry that generated objects export: long soload_entry(void). */
#define SUBJECT_ENTRY "soload_entry"

/* What commands load that are not told what, in the folder of a build. */
#define SUBJECT_DEFAULT "objects/gen_390k.so"

struct subject {
	const char *path;
	const char *label; /* the caller's: record_object() */
	struct file_bytes file;
	struct elf_file elf;
	const char *symbol; /* looked up in every load; "" = it exports no function */
	bool call;	    /* and called, as long f(void) */
};

/*
 * Reads and checks `path`. `symbol` NULL = SUBJECT_ENTRY, called, where the object has it, else its
 * first function, which is looked up but not called: nobody knows its parameters. A symbol that is
 * named must be a defined one and is called if `call`. An error names the path.
 */
int subject_open(struct subject *subject, const char *path, const char *symbol, bool call,
		 struct err *err);
void subject_close(struct subject *subject); /* zeroed is fine */

/* The default object beside a program. -ENAMETOOLONG in words. */
int subject_beside(const char *program, char *path, size_t size, struct err *err);

/* The one beside this program. */
int subject_default(char *path, size_t size, struct err *err);

#endif
