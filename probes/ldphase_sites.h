/* Which places of a process's ld.so ldphase watches, and what to tell about those it cannot. */
#ifndef SOLOAD_PROBES_LDPHASE_SITES_H
#define SOLOAD_PROBES_LDPHASE_SITES_H

#include "probes/probe.h"
#include "probes/resolve.h"

struct ldphase_sites {
	struct resolved linker;
	bool named;		    /* dlopen is to be seen inside ld.so */
	struct resolve_site dlopen; /* where it is not: libc's, offset 0 = not to be had either */
	char library[PATH_MAX];	    /* that exports it */
};

int ldphase_sites_find(struct ldphase_sites *ret_sites, const char *linker, const char *debug_root,
		       struct err *err);

/* Adds to the probe's note what is missing, what is lost and what to do. */
void ldphase_sites_describe(const struct ldphase_sites *sites, struct probe *probe);

#endif
