/*
 * Conformance: every case with every loader of specs.def whose caps promise what the case is about,
 * each in a process of its own.
 */
#ifndef SOLOAD_TESTS_LOADERS_TRIAL_H
#define SOLOAD_TESTS_LOADERS_TRIAL_H

#include "loaders/loader.h"

#include <stddef.h>

/* What a case works with. `folder` is where a spec's %s points. */
struct trial {
	struct loader *loader; /* open; closed by the runner unless the case set it to NULL */
	const char *spec;
	const char *folder;
	const struct trial_case *tried;
};

struct trial_case {
	const char *name;
	unsigned int needs;		 /* enum loader_cap: all of them */
	int (*run)(struct trial *trial); /* 0 passed, CASE_SKIPPED, else failed */
};

/* Runs all `cases` (the last has a NULL name) as a cmocka group; returns the failures. */
int trial_run(const char *group, const struct trial_case *cases);

#endif
