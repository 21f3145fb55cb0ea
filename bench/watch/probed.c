/* Blocks in turns, and what the events say about each load. */
#include "bench/watch/probed.h"

#include "base/log.h"
#include "bench/command.h"
#include "bench/counters.h"
#include "bench/watch/watched.h"
#include "probes/foreign.h"
#include "probes/self.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first load of every block pays for the caches that the other block has filled. */
#define LEAD 1

static int counting_add(struct probed_choice *choice, const char *item, struct err *err)
{
	struct probe *probe;
	size_t used = strlen(choice->counting);
	int r = probe_open(&probe, item, err);

	if (r < 0)
		return r;
	if (choice->counter_count == PROBED_COUNTING_MAX ||
	    used + strlen(item) + 2 > sizeof(choice->counting)) {
		probe_close(probe);
		return err_set(err, E2BIG, "--probe: too many probes");
	}
	snprintf(choice->counting + used, sizeof(choice->counting) - used, "%s%s", used ? "," : "",
		 item);
	choice->counters[choice->counter_count++] = probe->type;
	probe_close(probe);
	return 0;
}

static int item_choose(struct probed_choice *choice, const char *item, struct err *err)
{
	const struct probe_type *type = probe_find(item, options_name_length(item));

	if (type && type->sight & PROBE_COUNTS)
		return counting_add(choice, item, err);
	if (choice->probe)
		return err_set(err, EINVAL,
			       "--probe: %s and %s both watch ld.so: one disturbs the other",
			       choice->probe->type->name, item);
	if (strcmp(item, "auto") == 0)
		return probe_open_auto(&choice->probe, 0, err);
	return probe_open(&choice->probe, item, err);
}

int probed_choose(struct probed_choice *choice, const char *text, struct err *err)
{
	char *items[PROBED_COUNTING_MAX + 1], *copy = strdup(text);
	int count, r = 0;

	*choice = (struct probed_choice){ 0 };
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	count = options_split(copy, items, PROBED_COUNTING_MAX + 1);
	if (count < 0)
		r = err_set(err, E2BIG, "--probe: too many probes");
	for (int i = 0; r == 0 && i < count; i++)
		r = item_choose(choice, items[i], err);
	free(copy);
	if (r < 0)
		probed_choice_close(choice);
	return r;
}

void probed_choice_close(struct probed_choice *choice)
{
	probe_close(choice->probe);
	*choice = (struct probed_choice){ 0 };
}

/* Samples of probed loads are rows like warm-up: seen, never counted. */
static void row_record(const struct probed_plan *plan, const struct client_load *from,
		       const struct probed_choice *choice, bool is_probed)
{
	const struct probed_record *to = &plan->to;
	const struct probe *probe = is_probed ? choice->probe : NULL;
	struct sample sample = sample_empty();
	char arm[256];

	if (!to->record)
		return;
	snprintf(arm, sizeof(arm), "%s+%s", to->name,
		 probe	     ? probe->type->name
		 : is_probed ? choice->counting
			     : "unprobed");
	sample.arm = arm;
	sample.scenario = "probe";
	sample.loader = to->loader;
	sample.so = to->so;
	sample.so_bytes = to->so_bytes;
	sample.seq = (*to->seq)++;
	sample.start_ns = (int64_t)from->load.start_ns;
	sample_phases(&sample, from->phase_ns, 0);
	sample.warmup = true;
	record_sample(to->record, &sample);
}

static double total_of(const struct client_load *load)
{
	struct sample sample = sample_empty();

	sample_phases(&sample, load->phase_ns, 0);
	return (double)sample.total_ns;
}

/* The load whose time a moment falls into: the last that has begun by then. */
static int load_at(const struct client_load *loads, int count, uint64_t ns)
{
	int found = -1;

	for (int i = 0; i < count && loads[i].load.start_ns <= ns; i++)
		found = i;
	return found;
}

static void split_add(struct probed_load *to, const struct split_load *from)
{
	for (int step = 0; step < STEP_COUNT; step++) {
		to->observed_ns[step] += (double)from->observed_ns[step];
		to->corrected_ns[step] += from->corrected_ns[step];
	}
	to->cost_ns += from->cost_ns + from->outside_ns;
	to->calls += from->calls;
	to->call_ns += (double)from->call_ns;
	to->faults += from->faults;
	to->kernel_faults += from->kernel_faults;
	to->offcpu_ns += (double)from->offcpu_ns;
	to->events += from->events;
	to->loads += from->what == SPLIT_OPEN;
}

static const char *lane_of(const struct split_span *span)
{
	switch (span->kind) {
	case EVENT_SYSCALL:
		return "syscalls";
	case EVENT_FAULT:
		return "faults";
	case EVENT_OFFCPU:
		return "off-cpu";
	default:
		return span->what == STEP_LOADER ? "loader" : "ld.so";
	}
}

static void spans_record(const struct probed_plan *plan, const struct split *split,
			 const struct client_load *loads, int count, const char *origin)
{
	int64_t first = *plan->to.seq - count;

	for (size_t i = 0; i < split->span_count; i++) {
		const struct split_span *span = &split->spans[i];
		int load = load_at(loads, count, span->start_ns);
		struct record_span row = {
			.seq = first + load,
			.lane = lane_of(span),
			.origin = origin,
			.phase = span->kind == EVENT_STEP      ? step_label((enum step)span->what)
				 : span->kind == EVENT_SYSCALL ? counters_name(span->what)
				 : span->kind == EVENT_FAULT   ? "fault"
							       : "off_cpu",
			.start_ns = span->start_ns,
			.dur_ns = span->dur_ns,
			.arg = span->kind == EVENT_STEP ? span->load : span->value,
		};

		if (load >= 0 && row.phase)
			record_span(plan->to.record, &row);
	}
}

void probed_values_take(struct probed *probed, const struct split_events *events)
{
	size_t first = probed->load_count;
	uint32_t base = probed->warm_count + (uint32_t)first + probed->lead_count + LEAD;

	for (size_t i = 0; i < events->count; i++) {
		const struct probe_event *event = &events->items[i].event;
		uint32_t load = SELF_VALUE_LOAD(event->extra) - base;
		unsigned int place = SELF_VALUE_PROBE(event->extra);
		unsigned int part = SELF_VALUE_PART(event->what);
		unsigned int metric = SELF_VALUE_METRIC(event->what);

		if (event->kind == EVENT_VALUE && load < probed->block_loads &&
		    place < PROBED_COUNTING_MAX && part <= PROBE_PARTS_MAX &&
		    metric < PROBE_METRICS_MAX)
			probed->loads[first + load].values[place][part][metric] =
				(double)event->value;
	}
}

static int block_split(struct probed *probed, struct watched *watched,
		       const struct probed_plan *plan, const struct client_load *loads,
		       struct err *err)
{
	const struct probe *probe = probed->choice->probe;
	int count = (int)probed->block_loads;
	size_t first = probed->load_count;
	struct split split;
	int r;

	probed_values_take(probed, &watched->events);
	r = split_make(&split, &watched->events, &watched->cost,
		       probe && probe->sight & PROBE_BY_CALLS, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < split.load_count; i++) {
		int load = load_at(loads, count, split.loads[i].start_ns + 1000);

		if (load >= 0)
			split_add(&probed->loads[first + (size_t)load], &split.loads[i]);
	}
	probed->gaps += split.gaps;
	probed->unmatched += split.unmatched;
	if (plan->to.record && probe)
		spans_record(plan, &split, loads, count, probe->type->origin);
	split_free(&split);
	split_events_clear(&watched->events);
	probed->load_count += (size_t)count;
	probed->lead_count += LEAD;
	return 0;
}

static int loads_failed(const struct client_load *loads, int count, uint32_t wanted,
			struct err *err)
{
	if (count == (int)wanted && (!count || loads[count - 1].load.result == 0))
		return 0;
	return err_set(err, EIO, "%s", count ? loads[count - 1].load.text : "no load was run");
}

/* Both run a batch of the same size; only the probed one keeps what was seen. */
static int block_base(struct probed *probed, struct client *client, const struct probed_plan *plan,
		      struct client_load *loads, struct err *err)
{
	struct worker_run run = { .count = plan->block_loads + LEAD, .marks = 1 };
	int r = client_run(client, &run, loads, err);

	if (r >= 0)
		r = loads_failed(loads, r, run.count, err);
	for (uint32_t i = LEAD; r == 0 && i < run.count; i++) {
		probed->base_ns[probed->base_count++] = total_of(&loads[i]);
		row_record(plan, &loads[i], probed->choice, false);
	}
	return r;
}

static int block_probed(struct probed *probed, struct watched *watched,
			const struct probed_plan *plan, struct client_load *loads, struct err *err)
{
	int r = watched_run(watched, plan->block_loads + LEAD, loads, err);

	if (r >= 0)
		r = loads_failed(loads, r, plan->block_loads + LEAD, err);
	for (uint32_t i = 0; r == 0 && i < plan->block_loads; i++) {
		probed->loads[probed->load_count + i].total_ns = total_of(&loads[LEAD + i]);
		row_record(plan, &loads[LEAD + i], probed->choice, true);
	}
	return r < 0 ? r : block_split(probed, watched, plan, loads + LEAD, err);
}

static int blocks_run(struct probed *probed, struct client *base, struct watched *watched,
		      const struct probed_plan *plan, struct err *err)
{
	struct worker_run warm = { .count = plan->warmup, .marks = 1 };
	struct client_load *loads = calloc(plan->client.capacity, sizeof(loads[0]));
	int r;

	if (!loads)
		return err_set(err, ENOMEM, "out of memory");
	r = client_run(base, &warm, loads, err);
	if (r >= 0)
		r = client_run(&watched->client, &warm, loads, err);
	for (uint32_t i = 0; r >= 0 && i < plan->blocks; i++) {
		if (command_interrupted()) {
			r = -EINTR;
			break;
		}
		split_events_clear(&watched->events);
		r = block_base(probed, base, plan, loads, err);
		if (r >= 0)
			r = block_probed(probed, watched, plan, loads, err);
	}
	free(loads);
	return r < 0 ? r : 0;
}

int probed_room(struct probed *probed, struct err *err)
{
	size_t count = (size_t)probed->blocks * probed->block_loads;

	probed->base_ns = calloc(count, sizeof(probed->base_ns[0]));
	probed->loads = calloc(count, sizeof(probed->loads[0]));
	if (!probed->base_ns || !probed->loads)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		double *values = &probed->loads[i].values[0][0][0];

		for (size_t k = 0; k < sizeof(probed->loads[i].values) / sizeof(*values); k++)
			values[k] = (double)NAN;
	}
	return 0;
}

int probed_run(struct probed *probed, const struct probed_choice *choice,
	       const struct probed_plan *plan, struct err *err)
{
	struct client_options options = plan->client;
	struct watched watched = { 0 };
	struct client base = { 0 };
	int r;

	*probed = (struct probed){
		.choice = choice,
		.blocks = plan->blocks,
		.block_loads = plan->block_loads,
		.warm_count = plan->warmup,
		.foreign = foreign_probes(),
	};
	r = probed_room(probed, err);
	if (r == 0)
		r = client_open(&base, &options, err);
	if (r == 0)
		r = watched_open(&watched, choice->probe,
				 choice->counting[0] ? choice->counting : NULL, &options, err);
	if (r == 0)
		r = blocks_run(probed, &base, &watched, plan, err);
	probed->events = watched.event_count;
	probed->drops = watched.drops;
	probed->cost = watched.cost;
	watched_close(&watched);
	client_close(&base);
	return r;
}

void probed_free(struct probed *probed)
{
	free(probed->base_ns);
	free(probed->loads);
	*probed = (struct probed){ 0 };
}
