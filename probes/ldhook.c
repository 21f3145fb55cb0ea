/*
 * ldhook: hooks inside ld.so (inside/ldhook.c), brought into a process by LD_PRELOAD. It changes
 * the code of that process, so it is chosen by name only; what it sees costs 7 ns an event.
 */
#include "probes/probe.h"

#include "probes/resolve.h"
#include "probes/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct ldhook_options {
	const char *symbols, *linker;
	bool idle;
};

static const struct option_def ldhook_options[] = {
	{ "symbols", OPTION_TEXT, offsetof(struct ldhook_options, symbols), "FOLDER",
	  "where debug files lie, default /usr/lib/debug", NULL },
	{ "linker", OPTION_TEXT, offsetof(struct ldhook_options, linker), "FILE",
	  "the ld.so of the program to watch, default soload's own", NULL },
	{ "idle", OPTION_FLAG, offsetof(struct ldhook_options, idle), NULL,
	  "bring the object with the hooks in, and hook nothing: what it changes by being there",
	  NULL },
	{ 0 },
};

#ifdef __x86_64__
#include "probes/inside/ring.h"

static const unsigned char object[] = {
#include "ldhook.bytes"
};

static int linker_resolve(const struct probe *probe, struct resolved *ret_resolved, struct err *err)
{
	const struct ldhook_options *options = probe->options;
	char linker[PATH_MAX];
	int r = 0;

	if (options->linker)
		snprintf(linker, sizeof(linker), "%s", options->linker);
	else
		r = resolve_linker_of_program("/proc/self/exe", linker, sizeof(linker), err);
	if (r == 0)
		r = resolve_steps(linker, options->symbols, ret_resolved, err);
	if (r < 0)
		return r;
	if (!ret_resolved->sites[STEP_OPEN].address)
		return err_set(err, ENOENT,
			       "no symbols for %s (build-id %.8s..): install libc6-dbg (or your "
			       "system's debug symbols of glibc)",
			       linker, ret_resolved->build_id);
	return 0;
}

static int ldhook_available(const struct probe *probe, struct err *err)
{
	struct resolved resolved;

	return linker_resolve(probe, &resolved, err);
}

static void sites_hand(struct ring *ring, const struct resolved *resolved, bool idle)
{
	const char *id = resolved->build_id;

	while (ring->build_id_bytes < sizeof(ring->build_id) &&
	       sscanf(id + 2 * (size_t)ring->build_id_bytes, "%2hhx",
		      &ring->build_id[ring->build_id_bytes]) == 1)
		ring->build_id_bytes++;
	for (int step = 0; step < STEP_COUNT && !idle; step++) {
		if (resolved->sites[step].source != RESOLVE_STAPSDT)
			ring->sites[step].address = resolved->sites[step].address;
	}
}

static int ldhook_environment(struct probe *probe, struct probe_environment *environment,
			      struct err *err)
{
	const struct ldhook_options *options = probe->options;
	struct watch *watch = probe->state;
	struct resolved resolved;
	int r = 0;

	if (!watch->bytes) {
		r = linker_resolve(probe, &resolved, err);
		if (r == 0)
			r = watch_open(watch, object, sizeof(object), err);
		if (r == 0)
			sites_hand(watch->ring, &resolved, options->idle);
	}
	return r < 0 ? r : watch_environment(watch, "LD_PRELOAD", environment, err);
}

static int ldhook_attach(struct probe *probe, const struct probe_target *target, struct err *err)
{
	const struct watch *watch = probe->state;

	(void)target;
	if (!watch->ring)
		return err_set(err, EINVAL, "cannot be put into a process that runs already");
	return 0;
}

/* The process has run: were the hooks put in? Said once, however often it is watched. */
static void ldhook_detach(struct probe *probe)
{
	const struct watch *watch = probe->state;
	unsigned int hooked = 0, wanted = 0;

	if (!watch->ring || strstr(probe->note, "ldhook: "))
		return;
	if (!watch_came(watch)) {
		probe_note(probe,
			   "ldhook: never came into the program, so nothing was seen: it has "
			   "another ld.so than glibc's, or more rights than its user");
		return;
	}
	for (int step = 0; step < STEP_COUNT; step++) {
		const struct ring_site *site = &watch->ring->sites[step];

		wanted += site->address != 0;
		hooked += site->hooked;
	}
	probe->skipped = wanted - hooked;
	if (wanted && !hooked)
		probe_note(probe, "ldhook: no hook could be put in, so nothing was seen: another "
				  "ld.so than soload's own (ldhook:linker=FILE), or a policy that "
				  "forbids writable code (SELinux execmod)");
	for (int step = 0; hooked && step < STEP_COUNT; step++) {
		if (watch->ring->sites[step].address && !watch->ring->sites[step].hooked)
			probe_note(probe,
				   "ldhook: %s begins with instructions it does not know: "
				   "not hooked",
				   step_function((enum step)step));
	}
}

static long ldhook_read(struct probe *probe, probe_take take, void *to)
{
	struct watch *watch = probe->state;

	return watch->bytes ? watch_read(watch, take, to) : 0;
}

static void ldhook_finish(struct probe *probe)
{
	watch_close(probe->state);
}
#else
static int ldhook_available(const struct probe *probe, struct err *err)
{
	(void)probe;
	return err_set(err, ENOTSUP, "hooks are written for x86_64 only");
}
#define ldhook_environment NULL
#define ldhook_attach NULL
#define ldhook_detach NULL
#define ldhook_read NULL
#define ldhook_finish NULL
#endif

const struct probe_type probe_ldhook = {
	.name = "ldhook",
	.summary = "the same phases by hooks inside ld.so: exact, opt-in, changes the process",
	.origin = "ldhook",
	.sight = PROBE_STEPS | PROBE_CHILDREN | PROBE_OPT_IN,
	.probe_size = sizeof(struct watch),
	.options_size = sizeof(struct ldhook_options),
	.options = ldhook_options,
	.available = ldhook_available,
	.environment = ldhook_environment,
	.attach = ldhook_attach,
	.detach = ldhook_detach,
	.read = ldhook_read,
	.finish = ldhook_finish,
};
