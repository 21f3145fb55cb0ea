/* The functions of ld.so to watch, or libc's dlopen where ld.so has no names. */
#include "probes/ldphase_sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libc exports dlopen even when stripped, and lies beside ld.so. What a process has mapped is named
 * by its real path, through its root: /proc/PID/root is a link that leads out of its container when
 * it is read instead of walked. */
static void dlopen_find(struct ldphase_sites *sites, const char *linker)
{
	char real[PATH_MAX];
	char *slash;

	if (strncmp(linker, "/proc/", 6) == 0)
		snprintf(real, sizeof(real), "%s", linker);
	else if (!realpath(linker, real))
		return;
	slash = strrchr(real, '/');
	snprintf(sites->library, sizeof(sites->library), "%.*s/libc.so.6", (int)(slash - real),
		 real);
	if (resolve_export(sites->library, "dlopen", &sites->dlopen, NULL) < 0 ||
	    sites->dlopen.stepped)
		sites->dlopen.offset = 0;
}

int ldphase_sites_find(struct ldphase_sites *ret_sites, const char *linker, const char *debug_root,
		       struct err *err)
{
	const struct resolve_site *open = &ret_sites->linker.sites[STEP_OPEN];
	int r = resolve_steps(linker, debug_root, &ret_sites->linker, err);

	if (r < 0)
		return r;
	ret_sites->named = open->offset && !open->stepped;
	ret_sites->dlopen = (struct resolve_site){ 0 };
	if (!ret_sites->named)
		dlopen_find(ret_sites, linker);
	return 0;
}

void ldphase_sites_describe(const struct ldphase_sites *sites, struct probe *probe)
{
	const struct resolved *linker = &sites->linker;

	if (!linker->sites[STEP_OPEN].offset)
		probe_note(probe,
			   "ldphase: no symbols for %s (build-id %.8s..): phases from system calls "
			   "only; install libc6-dbg (or your system's debug symbols of glibc)",
			   linker->path, linker->build_id);
	for (int step = 0; step < STEP_COUNT; step++) {
		const struct resolve_site *site = &linker->sites[step];
		const char *function = step_function((enum step)step);

		if (site->offset && site->stepped)
			probe_note(probe,
				   "ldphase: %s starts with an instruction that would be "
				   "single-stepped: skipped",
				   function);
		else if (sites->named && !site->offset && function[0])
			probe_note(probe,
				   "ldphase: %s is not in this ld.so: its time goes to the step "
				   "before",
				   function);
	}
}
