/* How `soload inspect` shows an anatomy and what loaders will meet: as text or as JSON. */
#ifndef SOLOAD_BENCH_INSPECT_PRINT_H
#define SOLOAD_BENCH_INSPECT_PRINT_H

#include "bench/anatomy.h"

#include <stdbool.h>
#include <stdio.h>

struct inspect_view {
	const char *path;
	const struct anatomy *anatomy;
	const char *const *specs; /* loaders, NULL-terminated */
	bool symbols;		  /* every import and export by name */
};

void inspect_print_text(const struct inspect_view *view, FILE *out);

/* 0, or -ENOMEM. The members of the object are documented in `soload inspect --help`. */
int inspect_print_json(const struct inspect_view *view, FILE *out);

#endif
