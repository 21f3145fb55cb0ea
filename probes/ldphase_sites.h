/* Which places of a process's ld.so ldphase watches, and what to tell about those it cannot. */
#ifndef SOLOAD_PROBES_LDPHASE_SITES_H
#define SOLOAD_PROBES_LDPHASE_SITES_H

#include "probes/probe.h"
#include "probes/resolve.h"

struct ldphase_sites {
	struct resolved linker;
	bool named;		    /* dlopen is to be seen inside ld.so */
	bool inner;		    /* and so is what happens in it: functions, or markers */
	struct resolve_site dlopen; /* of libc, where ld.so's own is not to be seen */
	char libc[PATH_MAX];	    /* that exports it */
};

/* Zeroes on failure. -ENOTSUP when dlopen can be watched nowhere: nothing at all would be seen. */
int ldphase_sites_find(struct ldphase_sites *ret_sites, const char *linker, const char *debug_root,
		       struct err *err);

/*
 * The places in ld.so to attach to, and the step of each; there is room for STEP_COUNT. Entries, or
 * returns (of dlopen and dlclose alone); `inner` adds the entries of the steps inside. Where
 * `named` is not set, the entry and return of `dlopen` in `library` come on top.
 */
unsigned int ldphase_sites_pick(const struct ldphase_sites *sites, bool returns, bool inner,
				uint64_t *ret_offsets, uint64_t *ret_steps);

/* Adds to the probe's note what is missing, what is lost and what to do. */
void ldphase_sites_describe(const struct ldphase_sites *sites, struct probe *probe);

#endif
