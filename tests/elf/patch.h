/* Changes to a built object that no linker makes: what a loader must refuse by name, and some it
 * must not mind. */
#ifndef SOLOAD_TESTS_ELF_PATCH_H
#define SOLOAD_TESTS_ELF_PATCH_H

#include <stddef.h>

struct patch {
	const char *name;
	const char *base; /* the probe object it starts from */
	long value;	  /* what it answers, when it loads */
	const char *says; /* a word of the refusal; NULL = loads */
	const char *feature;
	void (*apply)(unsigned char *bytes, size_t size);
};

/* Ends with a NULL name. */
extern const struct patch patches[];

#endif
