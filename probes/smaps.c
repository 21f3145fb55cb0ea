/*
 * smaps: the memory a loaded object takes, read while it is loaded: what the process has more of
 * than before, and what each of the object's own mappings has: resident, shared and dirty. Slow
 * (the kernel walks every page), and never timed.
 */
#include "probes/smaps.h"

#include "probes/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROLLUP_BYTES 4096
#define SMAPS_BYTES 16384 /* read at a time; holds the longest line */

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
	[RSS] = "Rss:",
	[PSS] = "Pss:",
	[SHARED_CLEAN] = "Shared_Clean:",
	[SHARED_DIRTY] = "Shared_Dirty:",
	[PRIVATE_CLEAN] = "Private_Clean:",
	[PRIVATE_DIRTY] = "Private_Dirty:",
};

static const char *const parts[] = {
	[SMAPS_HEAD] = "head",	 [SMAPS_TEXT] = "text", [SMAPS_RODATA] = "rodata",
	[SMAPS_RELRO] = "relro", [SMAPS_DATA] = "data", [SMAPS_BSS] = "bss",
	[SMAPS_PARTS] = NULL,
};

struct smaps {
	int fd; /* 0 = not yet opened, -1 = cannot be */
	uint64_t before[METRICS], loaded[METRICS];
	bool known;
	bool seen[SMAPS_PARTS];
	uint64_t mapped[SMAPS_PARTS][METRICS];
	char text[SMAPS_BYTES + 1];
};

/* "Rss:     4 kB": which metric it is, METRICS = none that is wanted. */
static enum metric metric_read(const char *line, uint64_t *ret_bytes)
{
	for (int i = 0; i < METRICS; i++) {
		size_t length = strlen(labels[i]);

		if (strncmp(line, labels[i], length) != 0)
			continue;
		*ret_bytes = strtoull(line + length, NULL, 10) * 1024;
		return (enum metric)i;
	}
	return METRICS;
}

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
	for (int i = 0; i < METRICS; i++)
		ret_values[i] = UINT64_MAX;
	for (const char *at = strchr(text, '\n'); at; at = strchr(at + 1, '\n')) {
		uint64_t bytes;
		enum metric metric = metric_read(at + 1, &bytes);

		if (metric < METRICS)
			ret_values[metric] = bytes;
	}
	return true;
}

/* Which part of the object a mapping is, by where it begins; SMAPS_PARTS = another's. What is
 * still writable is no RELRO. */
static unsigned int part_of(const struct probe_object *object, uint64_t begin, bool writable)
{
	for (size_t i = 0; object->base && i < object->piece_count; i++) {
		const struct probe_piece *piece = &object->pieces[i];

		if (begin < object->base + piece->begin || begin >= object->base + piece->end)
			continue;
		return piece->part == SMAPS_RELRO && writable ? (unsigned int)SMAPS_DATA
							      : piece->part;
	}
	return SMAPS_PARTS;
}

/* A line of smaps: a mapping begins, or one of its figures follows. */
static void line_take(struct smaps *self, const struct probe_object *object, const char *line,
		      unsigned int *part)
{
	unsigned long begin, end;
	char rights[5];
	uint64_t bytes;
	enum metric metric;

	if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3) {
		*part = part_of(object, begin, rights[1] == 'w');
		if (*part < SMAPS_PARTS)
			self->seen[*part] = true;
		return;
	}
	metric = *part < SMAPS_PARTS ? metric_read(line, &bytes) : METRICS;
	if (metric < METRICS)
		self->mapped[*part][metric] += bytes;
}

/* Takes the whole lines of what has been read, and moves the rest to the front: how much it is. */
static size_t lines_take(struct smaps *self, const struct probe_object *object, size_t size,
			 unsigned int *part)
{
	char *line = self->text, *end;

	self->text[size] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		line_take(self, object, line, part);
		line = end + 1;
	}
	size -= (size_t)(line - self->text);
	memmove(self->text, line, size);
	return size;
}

static void mappings_read(struct smaps *self, const struct probe_object *object)
{
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	unsigned int part = SMAPS_PARTS;
	size_t kept = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && kept < SMAPS_BYTES) {
		do
			n = read(fd, self->text + kept, SMAPS_BYTES - kept);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			kept = lines_take(self, object, kept + (size_t)n, &part);
	}
	if (fd >= 0)
		close(fd);
}

static int smaps_begin(struct probe *probe)
{
	struct smaps *self = probe->state;

	memset(self->seen, 0, sizeof(self->seen));
	memset(self->mapped, 0, sizeof(self->mapped));
	self->known = rollup_read(self, self->before);
	return 0;
}

static void smaps_loaded(struct probe *probe, const struct probe_object *object)
{
	struct smaps *self = probe->state;

	self->known = self->known && rollup_read(self, self->loaded);
	mappings_read(self, object);
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

static void smaps_part(struct probe *probe, unsigned int part, uint64_t *ret_values)
{
	const struct smaps *self = probe->state;

	for (int i = 0; i < METRICS; i++)
		ret_values[i] = self->seen[part] ? self->mapped[part][i] : UINT64_MAX;
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
	.summary = "memory a loaded object takes, each of its mappings: resident, shared, dirty",
	.origin = "smaps",
	.sight = PROBE_COUNTS,
	.probe_size = sizeof(struct smaps),
	.metrics = metrics,
	.parts = parts,
	.available = smaps_available,
	.begin = smaps_begin,
	.loaded = smaps_loaded,
	.end = smaps_end,
	.part = smaps_part,
	.finish = smaps_finish,
};
