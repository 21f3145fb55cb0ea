/* ldaudit: the object of inside/ldaudit.c, brought into a process by LD_AUDIT. Needs no rights. */
#include "probes/probe.h"
#include "probes/watch.h"

#include <string.h>

static const unsigned char object[] = {
#include "ldaudit.bytes"
};

static int ldaudit_environment(struct probe *probe, struct probe_environment *environment,
			       struct err *err)
{
	struct watch *watch = probe->state;
	int r = watch->bytes ? 0 : watch_open(watch, object, sizeof(object), err);

	return r < 0 ? r : watch_environment(watch, "LD_AUDIT", environment, err);
}

static long ldaudit_read(struct probe *probe, probe_take take, void *to)
{
	struct watch *watch = probe->state;

	return watch->bytes ? watch_read(watch, take, to) : 0;
}

static void ldaudit_detach(struct probe *probe)
{
	const struct watch *watch = probe->state;

	if (watch->bytes && !watch_came(watch) && !strstr(probe->note, "never came"))
		probe_note(probe, "ldaudit: never came into the program, so nothing was seen: it "
				  "has another ld.so than glibc's, or more rights than its user");
}

static void ldaudit_finish(struct probe *probe)
{
	watch_close(probe->state);
}

const struct probe_type probe_ldaudit = {
	.name = "ldaudit",
	.summary = "find and map, relocate and init together, fini, unmap, by LD_AUDIT; no rights",
	.origin = "ldaudit",
	.sight = PROBE_COARSE | PROBE_CHILDREN,
	.probe_size = sizeof(struct watch),
	.environment = ldaudit_environment,
	.read = ldaudit_read,
	.detach = ldaudit_detach,
	.finish = ldaudit_finish,
};
