/*
 * rusage: what the kernel charges the thread for a load. Counts faults and switches rightly without
 * any rights, where perf's software events of an unprivileged user silently do not.
 */
#include "probes/probe.h"

#include <sys/resource.h>
#include <time.h>

enum metric { USER, SYSTEM, MINOR, MAJOR, VOLUNTARY, INVOLUNTARY, METRICS };

static const struct probe_metric metrics[] = {
	[USER] = { "utime", "ns" },	    [SYSTEM] = { "stime", "ns" },
	[MINOR] = { "minflt", "count" },    [MAJOR] = { "majflt", "count" },
	[VOLUNTARY] = { "nvcsw", "count" }, [INVOLUNTARY] = { "nivcsw", "count" },
	[METRICS] = { NULL, NULL },
};

struct rusage_probe {
	struct rusage before;
};

static int rusage_begin(struct probe *probe)
{
	struct rusage_probe *self = probe->state;

	return getrusage(RUSAGE_THREAD, &self->before);
}

static uint64_t time_between(const struct timeval *from, const struct timeval *to)
{
	return (uint64_t)(to->tv_sec - from->tv_sec) * 1000000000u +
	       (uint64_t)(to->tv_usec - from->tv_usec) * 1000u;
}

static int rusage_end(struct probe *probe, uint64_t *ret_values)
{
	const struct rusage_probe *self = probe->state;
	struct rusage after;
	int r = getrusage(RUSAGE_THREAD, &after);

	ret_values[USER] = time_between(&self->before.ru_utime, &after.ru_utime);
	ret_values[SYSTEM] = time_between(&self->before.ru_stime, &after.ru_stime);
	ret_values[MINOR] = (uint64_t)(after.ru_minflt - self->before.ru_minflt);
	ret_values[MAJOR] = (uint64_t)(after.ru_majflt - self->before.ru_majflt);
	ret_values[VOLUNTARY] = (uint64_t)(after.ru_nvcsw - self->before.ru_nvcsw);
	ret_values[INVOLUNTARY] = (uint64_t)(after.ru_nivcsw - self->before.ru_nivcsw);
	return r;
}

const struct probe_type probe_rusage = {
	.name = "rusage",
	.summary = "page faults, context switches and CPU time of a load, by getrusage",
	.origin = "rusage",
	.sight = PROBE_COUNTS,
	.probe_size = sizeof(struct rusage_probe),
	.metrics = metrics,
	.begin = rusage_begin,
	.end = rusage_end,
};
