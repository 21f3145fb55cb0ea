/*
 * What each loader will meet in an object on this machine, foreseen from its anatomy and from what
 * the loader promises: no loader is asked to load it, and no byte of it runs.
 */
#ifndef SOLOAD_BENCH_PROSPECTS_H
#define SOLOAD_BENCH_PROSPECTS_H

#include "bench/anatomy.h"

enum prospect {
	PROSPECT_FINE,	  /* nothing out of the ordinary */
	PROSPECT_BEWARE,  /* loads, but not as one might think */
	PROSPECT_STALE,	  /* the next load gets this one's image */
	PROSPECT_REFUSED, /* does not load */
};

const char *prospect_name(enum prospect prospect);

/* Called for everything that was found about a loader, at least once each. */
typedef void (*prospect_visit)(void *context, const char *loader, enum prospect prospect,
			       const char *text);

/* `specs`: loaders as on the command line, NULL-terminated; an unknown one is told as refused. */
void prospects_visit(const struct anatomy *anatomy, const char *const *specs, prospect_visit visit,
		     void *context);

#endif
