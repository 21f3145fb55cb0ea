/* One load of a file, by one of soload's own loaders, watched in a worker. */
#include "bench/trace/trace.h"

#include "bench/command.h"
#include "bench/subject.h"
#include "bench/watch/watched.h"
#include "probes/self.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WARMUP 3

/* The phases of the shown load become a lane. */
static void timing_take(struct trace *trace, uint32_t load)
{
	struct trace_lane_span *open = NULL;

	for (size_t i = 0; i < trace->events.count; i++) {
		const struct probe_event *event = &trace->events.items[i].event;

		if (event->kind != EVENT_TIMING || event->extra != load)
			continue;
		if (open)
			open->dur_ns = event->ts - open->start_ns;
		open = NULL;
		if (event->what >= PHASE_COUNT)
			continue;
		if (trace_lane_add(trace, &(struct trace_lane_span){
						  .lane = "timing",
						  .name = phase_label((enum phase)event->what),
						  .start_ns = event->ts,
						  .arg = event->value,
						  .pid = event->pid,
					  }) == 0)
			open = &trace->lanes[trace->lane_count - 1];
	}
}

/* What happened in loads before the shown one is dropped. */
static void events_keep(struct trace *trace, uint64_t from_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < trace->events.count; i++) {
		struct split_event *item = &trace->events.items[i];

		if (item->event.ts >= from_ns)
			trace->events.items[kept++] = *item;
		else
			free(item->name);
	}
	trace->events.count = kept;
}

static uint64_t last_mark(const struct trace *trace)
{
	uint64_t found = 0;

	for (size_t i = 0; i < trace->events.count; i++) {
		const struct probe_event *event = &trace->events.items[i].event;

		if (event->kind == EVENT_MARK && event->what == WORKER_MARK_LOAD &&
		    event->ts > found)
			found = event->ts;
	}
	return found;
}

static int loads_run(struct trace *trace, struct watched *watched,
		     const struct trace_options *options, struct err *err)
{
	struct worker_run warm = { .count = WARMUP, .marks = 1 };
	struct client_load *loads =
		calloc(options->loads > WARMUP ? options->loads : WARMUP, sizeof(loads[0]));
	const struct client_load *last;
	uint64_t from;
	int r;

	if (!loads)
		return err_set(err, ENOMEM, "out of memory");
	r = client_run(&watched->client, &warm, loads, err);
	if (r >= 0) {
		split_events_clear(&watched->events);
		r = watched_run(watched, options->loads, loads, err);
	}
	if (r > 0) {
		last = &loads[r - 1];
		from = last->load.start_ns;
		if (last->load.result < 0)
			r = err_set(err, EIO, "%s", last->load.text);
		trace->events = watched->events;
		watched->events = (struct split_events){ 0 };
		timing_take(trace, WARMUP + options->loads - 1);
		if (last_mark(trace) && last_mark(trace) < from)
			from = last_mark(trace);
		events_keep(trace, from);
	}
	free(loads);
	return r < 0 ? r : 0;
}

int trace_file(struct trace *trace, struct probe *probe, const struct trace_options *options,
	       struct err *err)
{
	struct subject subject = { 0 };
	struct watched watched = { 0 };
	struct client_options client = {
		.loader = options->loader,
		.path = options->path,
		CLIENT_ANYWHERE,
		.capacity = options->loads > WARMUP ? options->loads : WARMUP,
	};
	int r = subject_open(&subject, options->path, options->symbol, true, err);

	if (r < 0)
		return r;
	client.symbol = subject.symbol;
	client.call = subject.call;
	r = watched_open(&watched, probe, NULL, &client, err);
	if (r == 0)
		r = loads_run(trace, &watched, options, err);
	trace->pid = watched.client.pid;
	trace->drops = watched.drops;
	trace->cost = watched.cost;
	snprintf(trace->title, sizeof(trace->title), "%s by %s", options->path, options->loader);
	watched_close(&watched);
	subject_close(&subject);
	return r;
}
