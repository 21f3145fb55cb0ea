/* The functions of ld.so to watch, or libc's dlopen where ld.so has no names. */
#include "probes/ldphase_sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool site_usable(const struct resolve_site *site)
{
	return site->offset && !site->stepped;
}

static bool step_brackets(int step)
{
	return step == STEP_OPEN || step == STEP_CLOSE;
}

/* libc exports dlopen even when stripped, and lies beside ld.so. What a process has mapped is named
 * by its real path, through its root: /proc/PID/root is a link that leads out of its container when
 * it is read instead of walked. */
static int dlopen_find(struct ldphase_sites *sites, const char *linker, struct err *err)
{
	char real[PATH_MAX];
	char *slash;
	int r;

	if (strncmp(linker, "/proc/", 6) == 0)
		snprintf(real, sizeof(real), "%s", linker);
	else if (!realpath(linker, real))
		return err_sys(err, "%s", linker);
	slash = strrchr(real, '/');
	snprintf(sites->libc, sizeof(sites->libc), "%.*s/libc.so.6", (int)(slash - real), real);
	r = resolve_current(sites->libc, err);
	if (r == 0)
		r = resolve_export(sites->libc, "dlopen", &sites->dlopen, err);
	if (r == 0 && sites->dlopen.stepped)
		r = err_set(err, ENOTSUP, "dlopen of %s would be single-stepped", sites->libc);
	return r;
}

/* Nothing opens a load: without a word about it, a trace would be one of a program that loads
 * nothing. */
static int unseen(const struct resolved *linker, const struct err *reason, struct err *err)
{
	if (linker->sites[STEP_OPEN].offset)
		return err_set(
			err, ENOTSUP,
			"dlopen cannot be watched: _dl_open of %s would be single-stepped; %s",
			linker->path, reason->text);
	return err_set(err, ENOTSUP,
		       "dlopen cannot be watched: no symbols for %s (build-id %.8s..); %s; install "
		       "libc6-dbg (or your system's debug symbols of glibc)",
		       linker->path, linker->build_id, reason->text);
}

static int all_find(struct ldphase_sites *sites, const char *linker, const char *debug_root,
		    struct err *err)
{
	struct err reason = { "" };
	int r = resolve_steps(linker, debug_root, &sites->linker, err);

	if (r < 0)
		return r;
	sites->named = site_usable(&sites->linker.sites[STEP_OPEN]);
	for (int step = 0; step < STEP_COUNT; step++) {
		if (!step_brackets(step) && site_usable(&sites->linker.sites[step]))
			sites->inner = true;
	}
	if (sites->named || dlopen_find(sites, linker, &reason) == 0)
		return 0;
	return unseen(&sites->linker, &reason, err);
}

int ldphase_sites_find(struct ldphase_sites *ret_sites, const char *linker, const char *debug_root,
		       struct err *err)
{
	int r;

	*ret_sites = (struct ldphase_sites){ 0 };
	r = all_find(ret_sites, linker, debug_root, err);
	if (r < 0)
		*ret_sites = (struct ldphase_sites){ 0 };
	return r;
}

unsigned int ldphase_sites_pick(const struct ldphase_sites *sites, bool returns, bool inner,
				uint64_t *ret_offsets, uint64_t *ret_steps)
{
	unsigned int count = 0;

	for (int step = 0; step < STEP_COUNT; step++) {
		const struct resolve_site *site = &sites->linker.sites[step];

		if (!site_usable(site) || (!step_brackets(step) && (returns || !inner)))
			continue;
		ret_offsets[count] = site->offset;
		ret_steps[count++] = (uint64_t)step;
	}
	return count;
}

void ldphase_sites_describe(const struct ldphase_sites *sites, struct probe *probe)
{
	const struct resolved *linker = &sites->linker;

	if (!linker->sites[STEP_OPEN].offset)
		probe_note(probe,
			   "ldphase: no symbols for %s (build-id %.8s..): phases from %s only; "
			   "install libc6-dbg (or your system's debug symbols of glibc)",
			   linker->path, linker->build_id,
			   sites->inner ? "its markers" : "system calls");
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
