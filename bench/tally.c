/* Three times: workers of every layout for the faults, and one that is traced. See tally.h. */
#include "bench/tally.h"

#include "bench/callgrind.h"
#include "bench/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARMUP 3 /* loads, one by one: what a loader does once is not what it does every time */
#define FAULT_LOADS 8
#define CAPACITY TALLY_LOADS
/* A page fault brings in the pages around it, of an aligned window of 64 KiB (fault_around_bytes
 * in Linux's mm/memory.c): how many faults an object takes depends on where in a window it begins.
 */
#define WINDOW_BYTES 65536
#define LAYOUTS_MIN 4

static const char *const names[] = {
	[TALLY_CALLS - COUNTERS_CALLS] = "syscalls",
	[TALLY_WRITTEN - COUNTERS_CALLS] = "bytes_written",
	[TALLY_MAPPED - COUNTERS_CALLS] = "bytes_mapped",
	[TALLY_FAULTS - COUNTERS_CALLS] = "faults",
	[TALLY_INSTRUCTIONS - COUNTERS_CALLS] = "instructions",
};

const char *tally_name(int counter, char *buffer, unsigned long size)
{
	const char *call;

	if (counter >= COUNTERS_CALLS) {
		snprintf(buffer, size, "%s", names[counter - COUNTERS_CALLS]);
		return buffer;
	}
	call = counters_name((uint32_t)counter);
	if (call)
		snprintf(buffer, size, "syscalls.%s", call);
	else
		snprintf(buffer, size, "syscalls.%d", counter);
	return buffer;
}

int tally_find(const char *name)
{
	char buffer[64];

	for (int i = 0; i < TALLY_COUNTERS; i++) {
		if (strcmp(tally_name(i, buffer, sizeof(buffer)), name) == 0)
			return i;
	}
	return -1;
}

/* `count` loads, one by one, and the fewest faults of one of them. */
static int loads_run(struct client *client, int count, struct client_load *load,
		     uint64_t *ret_fewest, struct err *err)
{
	struct worker_run one = { .count = 1 };

	*ret_fewest = UINT64_MAX;
	for (int i = 0; i < count; i++) {
		int r = client_run(client, &one, load, err);

		if (r < 0)
			return r;
		if (load->load.result < 0)
			return err_set(err, EIO, "%s", load->load.text);
		if (client_load_stale(&load->load))
			return err_set(err, EIO, "stale load: %s", client_load_stale(&load->load));
		if ((uint64_t)load->load.minflt < *ret_fewest)
			*ret_fewest = (uint64_t)load->load.minflt;
	}
	return 0;
}

/* The fewest faults: now and then the kernel has no large page at hand, or took one back. Of fresh
 * workers that stand at every page of a window, so that two builds, which map other things before
 * the object, choose among the same; never fewer of them because one looks good. */
static int layouts_take(const struct client_options *options, struct client_load *loads,
			struct tally *tally, struct err *err)
{
	struct client_options placed = *options;
	long layouts = WINDOW_BYTES / sysconf(_SC_PAGESIZE);
	int r = 0;

	for (long i = 0; r == 0 && i < (layouts < LAYOUTS_MIN ? LAYOUTS_MIN : layouts); i++) {
		struct client client = { .to = -1, .from = -1 };
		uint64_t faults = UINT64_MAX;

		placed.layout = (uint32_t)i + 1;
		r = command_interrupted() ? err_set(err, EINTR, "interrupted")
					  : client_open(&client, &placed, err);
		if (r == 0)
			r = loads_run(&client, WARMUP, loads, &faults, err);
		if (r == 0)
			r = loads_run(&client, FAULT_LOADS, loads, &faults, err);
		client_close(&client);
		if (r == 0 && (i == 0 || faults < tally->values[TALLY_FAULTS]))
			tally->values[TALLY_FAULTS] = faults;
	}
	tally->known[TALLY_FAULTS] = r == 0;
	return r;
}

static void calls_keep(struct tally *tally, const struct counters *counters)
{
	for (int i = 0; i < COUNTERS_CALLS; i++)
		tally->values[i] = counters->calls[i];
	tally->values[TALLY_CALLS] = counters->total;
	tally->values[TALLY_WRITTEN] = counters->written_bytes;
	tally->values[TALLY_MAPPED] = counters->mapped_bytes;
	for (int i = 0; i <= TALLY_MAPPED; i++) {
		tally->known[i] = true;
		tally->exact[i] = counters->exact;
	}
}

static void instructions_keep(struct tally *tally, const struct counters *counters)
{
	tally->known[TALLY_INSTRUCTIONS] = counters->instructions_known;
	tally->values[TALLY_INSTRUCTIONS] = counters->instructions;
	tally->by = TALLY_BY_PMU;
	memcpy(tally->unknown, counters->no_pmu, sizeof(tally->unknown));
}

static int once_take(const struct client_options *arm, struct tally *tally, struct err *err)
{
	struct client_options options = *arm;
	struct client_load *loads = calloc(CAPACITY, sizeof(loads[0]));
	struct counters *counters = calloc(1, sizeof(*counters));
	struct client client = { .to = -1, .from = -1 };
	uint64_t faults;
	int r = loads && counters ? 0 : err_set(err, ENOMEM, "out of memory");

	options.capacity = CAPACITY;
	options.check_every = 0;
	for (int i = 0; i < TALLY_COUNTERS; i++)
		tally->exact[i] = true;
	if (r == 0)
		r = layouts_take(&options, loads, tally, err);
	if (r == 0)
		r = client_open(&client, &options, err);
	if (r == 0)
		r = loads_run(&client, WARMUP, loads, &faults, err);
	/* Once in many loads the heap grows: what does not repeat is looked at again. */
	for (int i = 0; r == 0 && i < TALLY_TIMES && !counters->exact; i++)
		r = counters_take(&client, TALLY_LOADS, counters, err);
	if (r == 0) {
		calls_keep(tally, counters);
		instructions_keep(tally, counters);
	}
	client_close(&client);
	free(loads);
	free(counters);
	return r;
}

static void tally_merge(struct tally *into, const struct tally *more)
{
	for (int i = 0; i < TALLY_COUNTERS; i++)
		into->exact[i] &= more->exact[i] && into->known[i] == more->known[i] &&
				  into->values[i] == more->values[i];
}

const char *tally_by_word(enum tally_by by)
{
	static const char *const words[] = { "none", "auto", "pmu", "callgrind" };

	return words[by];
}

/* What is not known three times alike keeps the PMU's numbers, if it has any, as an advice. */
int tally_callgrind(const struct client_options *arm, struct tally *tally, struct err *err)
{
	uint64_t counts[TALLY_TIMES];
	char no_pmu[ERR_TEXT_BYTES];
	struct err why = { "" };
	bool exact = true;
	int r = 0;

	for (int i = 0; r == 0 && i < TALLY_TIMES; i++) {
		r = command_interrupted()
			    ? -EINTR
			    : callgrind_count(arm, WARMUP, TALLY_LOADS, &counts[i], &why);
		exact &= r == 0 && counts[i] == counts[0];
	}
	if (r == -EINTR)
		return err_set(err, EINTR, "interrupted");
	if (r == 0) {
		tally->known[TALLY_INSTRUCTIONS] = true;
		tally->values[TALLY_INSTRUCTIONS] = counts[0];
		tally->exact[TALLY_INSTRUCTIONS] = exact;
		tally->by = TALLY_BY_CALLGRIND;
		tally->unknown[0] = '\0';
	} else if (!tally->known[TALLY_INSTRUCTIONS]) {
		memcpy(no_pmu, tally->unknown, sizeof(no_pmu));
		snprintf(tally->unknown, sizeof(tally->unknown), "%.250s%s%.240s", why.text,
			 no_pmu[0] ? "; " : "", no_pmu);
	}
	return 0;
}

static int instructions_choose(const struct client_options *arm, enum tally_by by,
			       struct tally *tally, struct err *err)
{
	bool good = tally->known[TALLY_INSTRUCTIONS] && tally->exact[TALLY_INSTRUCTIONS];

	switch (by) {
	case TALLY_BY_AUTO:
		return good ? 0 : tally_callgrind(arm, tally, err);
	case TALLY_BY_CALLGRIND:
		tally->known[TALLY_INSTRUCTIONS] = false;
		tally->unknown[0] = '\0';
		return tally_callgrind(arm, tally, err);
	case TALLY_BY_NOBODY:
		tally->known[TALLY_INSTRUCTIONS] = false;
		tally->unknown[0] = '\0';
		return 0;
	default:
		return 0;
	}
}

int tally_take(const struct client_options *arm, enum tally_by by, struct tally *ret_tally,
	       struct err *err)
{
	struct tally *once = calloc(1, sizeof(*once));
	int r = once ? 0 : err_set(err, ENOMEM, "out of memory");

	for (int i = 0; r == 0 && i < TALLY_TIMES; i++) {
		memset(once, 0, sizeof(*once));
		r = command_interrupted() ? err_set(err, EINTR, "interrupted")
					  : once_take(arm, once, err);
		if (r == 0 && i == 0)
			*ret_tally = *once;
		else if (r == 0)
			tally_merge(ret_tally, once);
	}
	free(once);
	return r < 0 ? r : instructions_choose(arm, by, ret_tally, err);
}

enum tally_change tally_compare(const struct tally *base, const struct tally *head, int counter)
{
	uint64_t a = base->values[counter], b = head->values[counter];

	if (!base->known[counter] && !head->known[counter])
		return TALLY_SAME;
	if (!base->known[counter] || !head->known[counter])
		return TALLY_ADVISORY;
	if (counter == TALLY_INSTRUCTIONS && base->by != head->by)
		return TALLY_ADVISORY;
	if (!base->exact[counter] || !head->exact[counter])
		return a == b ? TALLY_SAME : TALLY_ADVISORY;
	return a == b ? TALLY_SAME : a < b ? TALLY_MORE : TALLY_FEWER;
}
