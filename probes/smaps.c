/*
 * smaps: the memory a loaded object takes, read while it is loaded: what the process has more of
 * than before, resident, shared and dirty. Slow (the kernel walks every page), and never timed.
 */
#include "probes/probe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROLLUP_BYTES 4096

enum metric { RSS, PSS, SHARED_CLEAN, SHARED_DIRTY, PRIVATE_CLEAN, PRIVATE_DIRTY, METRICS };

static const struct probe_metric metrics[] = {
	[RSS] = { "rss", "bytes" },
	[PSS] = { "pss", "bytes" },
	[SHARED_CLEAN] = { "shared_clean", "bytes" },
	[SHARED_DIRTY] = { "shared_dirty", "bytes" },
	[PRIVATE_CLEAN] = { "private_clean", "bytes" },
	[PRIVATE_DIRTY] = { "private_dirty", "bytes" },
	[METRICS] = { NULL, NULL },
};

static const char *const labels[METRICS] = {
	[RSS] = "\nRss:",
	[PSS] = "\nPss:",
	[SHARED_CLEAN] = "\nShared_Clean:",
	[SHARED_DIRTY] = "\nShared_Dirty:",
	[PRIVATE_CLEAN] = "\nPrivate_Clean:",
	[PRIVATE_DIRTY] = "\nPrivate_Dirty:",
};

struct smaps {
	int fd; /* 0 = not yet opened, -1 = cannot be */
	uint64_t before[METRICS], loaded[METRICS];
	bool known;
};

/* /proc/self/smaps_rollup: one read, no memory of ours touched that was not before. */
static bool rollup_read(struct smaps *self, uint64_t *ret_values)
{
	char text[ROLLUP_BYTES];
	ssize_t size;

	if (self->fd == 0)
		self->fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	if (self->fd < 0)
		return false;
	size = pread(self->fd, text, sizeof(text) - 1, 0);
	if (size <= 0)
		return false;
	text[size] = '\0';
	for (int i = 0; i < METRICS; i++) {
		const char *at = strstr(text, labels[i]);

		ret_values[i] = at ? strtoull(at + strlen(labels[i]), NULL, 10) * 1024 : UINT64_MAX;
	}
	return true;
}

static int smaps_begin(struct probe *probe)
{
	struct smaps *self = probe->state;

	self->known = rollup_read(self, self->before);
	return 0;
}

static void smaps_loaded(struct probe *probe)
{
	struct smaps *self = probe->state;

	self->known = self->known && rollup_read(self, self->loaded);
}

/* Less than before is possible, as pages of the process may be reclaimed: 0 then. */
static int smaps_end(struct probe *probe, uint64_t *ret_values)
{
	const struct smaps *self = probe->state;

	for (int i = 0; i < METRICS; i++) {
		ret_values[i] = UINT64_MAX;
		if (self->known && self->loaded[i] != UINT64_MAX && self->before[i] != UINT64_MAX)
			ret_values[i] = self->loaded[i] > self->before[i]
						? self->loaded[i] - self->before[i]
						: 0;
	}
	return 0;
}

static int smaps_available(const struct probe *probe, struct err *err)
{
	(void)probe;
	if (access("/proc/self/smaps_rollup", R_OK) == 0)
		return 0;
	return err_sys(err, "/proc/self/smaps_rollup (kernel 4.14, CONFIG_PROC_PAGE_MONITOR)");
}

static void smaps_finish(struct probe *probe)
{
	const struct smaps *self = probe->state;

	if (self->fd > 0)
		close(self->fd);
}

const struct probe_type probe_smaps = {
	.name = "smaps",
	.summary = "memory a loaded object takes: resident, shared, dirty",
	.origin = "smaps",
	.sight = PROBE_COUNTS,
	.probe_size = sizeof(struct smaps),
	.metrics = metrics,
	.available = smaps_available,
	.begin = smaps_begin,
	.loaded = smaps_loaded,
	.end = smaps_end,
	.finish = smaps_finish,
};
