/*
 * perf: one group of hardware counters per thread, read at the begin and the end of a load, and
 * where a phase begins if the processor lets user space read them. Where there is no PMU, or no
 * right to it, every metric is empty and the reason is said once: a software event in its place
 * would be silently wrong (with exclude_kernel it misses the kernel's faults).
 */
#include "probes/probe.h"

#include "probes/counter.h"
#include "probes/perf_phases.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE(which, op, result) \
	(PERF_COUNT_HW_CACHE_##which | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	 PERF_COUNT_HW_CACHE_RESULT_##result << 16)

static const struct counter_def {
	const char *name;
	uint32_t type;
	uint64_t config;
} counters[] = {
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ "cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	{ "branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
	{ "dtlb_misses", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, MISS) },
	{ "itlb_misses", PERF_TYPE_HW_CACHE, CACHE(ITLB, READ, MISS) },
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
_Static_assert(COUNTERS == PERF_COUNTERS, "phases count them all");
#define SHARE COUNTERS /* of the time in which the group was counted, in percent */
#define USER_ONLY (COUNTERS + 1)

static const struct probe_metric metrics[] = {
	{ "cycles", "count" },	      { "instructions", "count" }, { "cache_misses", "count" },
	{ "branch_misses", "count" }, { "dtlb_misses", "count" },  { "itlb_misses", "count" },
	{ "counted", "percent" },     { "user_only", "flag" },	   { NULL, NULL },
};

/* The phases of a load, in their order. */
static const char *const parts[] = {
#define PART_LOAD(label) #label,
#define PART_HOST(label)
#define PART_DEVICE(label)
#define PART_HARNESS(label)
#define PHASE(id, label, class, text) PART_##class(label)
#include "base/phases.def"
#undef PHASE
	NULL,
};

_Static_assert(sizeof(parts) / sizeof(parts[0]) == PERF_PHASES + 1, "phases of a load come first");

struct perf_group {
	uint64_t count, enabled, running, values[COUNTERS];
};

struct perf {
	int fds[COUNTERS], leader; /* -1 = not counted */
	int place[COUNTERS];	   /* in the group's answer, -1 = none */
	struct counter_page pages[COUNTERS];
	const struct counter_hardware *hardware;
	struct perf_group before;
	struct perf_phases phases;
	bool open, user_only, given;
};

static int event_open(const struct counter_def *def, int leader, bool user_only)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = def->type,
		.config = def->config,
		.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED |
			       PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = leader < 0,
		.exclude_kernel = user_only,
		.exclude_hv = user_only,
	};

	counter_request(&attr);
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static const char *reason_of(int code)
{
	switch (code) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
		return "no PMU (a virtual machine without one, or an event this CPU does not have)";
	case EACCES:
	case EPERM:
		return "not permitted: sysctl kernel.perf_event_paranoid=2 or lower, or "
		       "CAP_PERFMON";
	case ENOSYS:
		return "this kernel has no perf events";
	default:
		return strerror(code);
	}
}

/* The first that opens leads. Returns the errno of the first that did not, 0 = all did. */
static int group_open(struct perf *self, bool user_only)
{
	int places = 0, first = 0;

	self->leader = -1;
	for (size_t i = 0; i < COUNTERS; i++) {
		self->fds[i] = event_open(&counters[i], self->leader, user_only);
		self->place[i] = self->fds[i] < 0 ? -1 : places++;
		if (self->fds[i] < 0 && !first)
			first = errno;
		if (self->leader < 0)
			self->leader = self->fds[i];
	}
	self->user_only = user_only;
	return first;
}

static void perf_finish(struct probe *probe)
{
	struct perf *self = probe->state;

	for (size_t i = 0; self->open && !self->given && i < COUNTERS; i++) {
		counter_unmap(&self->pages[i]);
		if (self->fds[i] >= 0)
			close(self->fds[i]);
	}
	self->open = false;
}

/* In the thread that loads: counters belong to the thread that opens them. */
static void perf_open(struct probe *probe)
{
	struct perf *self = probe->state;
	int code = group_open(self, false);

	self->open = true;
	self->hardware = &counter_processor;
	if (self->leader < 0 && (code == EACCES || code == EPERM))
		code = group_open(self, true);
	if (self->leader < 0) {
		probe_note(probe, "perf: no hardware counter: %s; its columns stay empty",
			   reason_of(code));
		return;
	}
	if (code)
		probe_note(probe, "perf: some counters are missing: %s", reason_of(code));
	if (self->user_only)
		probe_note(probe, "perf: user space only, which leaves out most of a dlopen "
				  "(mapping, page faults): needs CAP_PERFMON");
	for (size_t i = 0; i < COUNTERS; i++)
		counter_map(&self->pages[i], self->fds[i]);
	if (!perf_phases_readable(self->pages))
		probe_note(probe, "perf: no counts per phase: counters cannot be read from user "
				  "space here (/sys/bus/event_source/devices/cpu/rdpmc; on "
				  "aarch64 sysctl kernel.perf_user_access=1)");
	ioctl(self->leader, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

/* By the processor's own instruction where every counter allows it, else by one read(). */
static bool group_read(struct perf *self, struct perf_group *ret_group)
{
	bool fast = self->leader >= 0;

	for (size_t i = 0; fast && i < COUNTERS; i++) {
		struct counter_value value;

		if (self->place[i] < 0)
			continue;
		fast = self->pages[i].page &&
		       counter_page_read(self->pages[i].page, self->hardware, &value) == 0;
		if (!fast)
			break;
		ret_group->values[self->place[i]] = value.count;
		ret_group->enabled = value.enabled_ns;
		ret_group->running = value.running_ns;
	}
	return fast || (self->leader >= 0 && !self->given &&
			read(self->leader, ret_group, sizeof(*ret_group)) > 0);
}

static int perf_begin(struct probe *probe)
{
	struct perf *self = probe->state;

	if (!self->open)
		perf_open(probe);
	perf_phases_begin(&self->phases);
	return group_read(self, &self->before) ? 0 : -ENODATA;
}

static void perf_entered(struct probe *probe, uint32_t phase)
{
	struct perf *self = probe->state;

	perf_phases_enter(&self->phases, self->pages, self->hardware, phase);
}

static void perf_part(struct probe *probe, unsigned int part, uint64_t *ret_values)
{
	const struct perf *self = probe->state;

	for (unsigned int i = 0; i < COUNTERS + 2; i++)
		ret_values[i] = i < COUNTERS
					? perf_phases_count(&self->phases, self->pages, part, i)
					: UINT64_MAX;
}

void perf_give(struct probe *probe, const struct counter_page *pages,
	       const struct counter_hardware *hardware)
{
	struct perf *self = probe->state;

	self->open = self->given = true;
	self->hardware = hardware;
	for (size_t i = 0; i < COUNTERS; i++) {
		self->pages[i] = pages[i];
		self->place[i] = pages[i].page ? (int)i : -1;
	}
}

/* A group that was not counted all the time gives no number, only its share: scaling would guess.
 */
static int perf_end(struct probe *probe, uint64_t *ret_values)
{
	struct perf *self = probe->state;
	struct perf_group after = { 0 };
	uint64_t enabled, running;

	for (size_t i = 0; i < COUNTERS + 2; i++)
		ret_values[i] = UINT64_MAX;
	if (self->leader < 0 || !group_read(self, &after))
		return 0;
	enabled = after.enabled - self->before.enabled;
	running = after.running - self->before.running;
	ret_values[SHARE] = enabled ? running * 100 / enabled : 100;
	ret_values[USER_ONLY] = self->user_only;
	for (size_t i = 0; running == enabled && i < COUNTERS; i++) {
		if (self->place[i] >= 0)
			ret_values[i] =
				after.values[self->place[i]] - self->before.values[self->place[i]];
	}
	return 0;
}

const struct probe_type probe_perf = {
	.name = "perf",
	.summary = "hardware counters of a load: cycles, instructions, cache, TLB, branches",
	.origin = "perf",
	.sight = PROBE_COUNTS,
	.probe_size = sizeof(struct perf),
	.metrics = metrics,
	.begin = perf_begin,
	.end = perf_end,
	.entered = perf_entered,
	.parts = parts,
	.part = perf_part,
	.finish = perf_finish,
};
