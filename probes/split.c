/* The walk over the points of every thread: see split.h for what it promises. */
#include "probes/split.h"

#include "probes/ldphase.h"
#include "probes/split_cost.h"
#include "probes/split_sort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define DEPTH_MAX 16
#define NO_SPAN SIZE_MAX

struct frame {
	size_t load, span; /* span of the step that is open, or NO_SPAN */
	enum step step;
	bool paused;
	uint64_t init_ns; /* of the load, before the INIT that is open, told by calls */
	double init_corrected_ns;
};

struct walk {
	struct split *split;
	struct split_meter meter;
	bool from_calls;
	struct frame frames[DEPTH_MAX];
	unsigned int depth;
	const struct split_point *last; /* the point before, inside a load */
	uint64_t wait_ns;		/* off the CPU since then, … */
	size_t wait_spans;		/* … the newest of all spans */
	int failed;
};

static void *room_grow(void *items, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 256;
	void *grown = realloc(items, wanted * size);

	if (grown)
		*room = wanted;
	return grown;
}

static size_t span_add(struct walk *walk, const struct split_span *span)
{
	struct split *split = walk->split;

	if (split->span_count == split->span_room) {
		void *grown = room_grow(split->spans, &split->span_room, sizeof(*span));

		if (!grown) {
			walk->failed = -ENOMEM;
			return NO_SPAN;
		}
		split->spans = grown;
	}
	split->spans[split->span_count] = *span;
	return split->span_count++;
}

static struct frame *frame_top(struct walk *walk)
{
	return walk->depth ? &walk->frames[walk->depth - 1] : NULL;
}

static struct split_load *frame_load(struct walk *walk, const struct frame *frame)
{
	return &walk->split->loads[frame->load];
}

static void step_close(struct walk *walk, struct frame *frame, uint64_t ts)
{
	if (frame->span != NO_SPAN)
		walk->split->spans[frame->span].dur_ns =
			ts - walk->split->spans[frame->span].start_ns;
	frame->span = NO_SPAN;
}

static void step_open(struct walk *walk, struct frame *frame, enum step step, uint64_t ts)
{
	struct split_load *load = frame_load(walk, frame);

	step_close(walk, frame, ts);
	frame->step = step;
	load->entered[step]++;
	frame->span = span_add(walk, &(struct split_span){
					     .start_ns = ts,
					     .pid = load->pid,
					     .tid = load->tid,
					     .depth = load->depth,
					     .kind = EVENT_STEP,
					     .what = step,
					     .step = step,
					     .load = frame->load,
				     });
}

static void frame_push(struct walk *walk, const struct split_point *point, enum split_what what)
{
	static const enum step first[] = { STEP_OPEN, STEP_CLOSE, STEP_LOADER };
	struct split *split = walk->split;
	struct split_load *load;

	if (walk->depth == DEPTH_MAX)
		return;
	if (split->load_count == split->load_room) {
		void *grown = room_grow(split->loads, &split->load_room, sizeof(*load));

		if (!grown) {
			walk->failed = -ENOMEM;
			return;
		}
		split->loads = grown;
	}
	load = &split->loads[split->load_count];
	*load = (struct split_load){
		.what = what,
		.pid = point->event->pid,
		.tid = point->event->tid,
		.depth = walk->depth,
		.start_ns = point->ts,
	};
	load->named = point->name != NULL;
	if (point->name)
		snprintf(load->name, sizeof(load->name), "%s", point->name);
	if (!walk->depth && what != SPLIT_LOADER)
		load->outside_ns = split_meter_before(&walk->meter, COST_OPEN);
	walk->frames[walk->depth++] =
		(struct frame){ .load = split->load_count++, .span = NO_SPAN };
	step_open(walk, frame_top(walk), first[what], point->ts);
}

static void frame_pop(struct walk *walk, uint64_t ts)
{
	struct frame *frame = frame_top(walk);
	struct split_load *load = frame_load(walk, frame);

	step_close(walk, frame, ts);
	for (int step = 0; step < STEP_COUNT; step++) {
		if (load->corrected_ns[step] < 0.0)
			load->corrected_ns[step] = 0.0;
	}
	load->end_ns = ts;
	load->total_ns = ts - load->start_ns - load->paused_ns;
	walk->depth--;
	if (walk->depth) {
		frame_load(walk, frame_top(walk))->nested_ns += load->total_ns;
		frame_load(walk, frame_top(walk))->paused_ns += load->paused_ns;
	}
}

/* The time since the last point belongs to the step that is open. */
static void interval_close(struct walk *walk, const struct split_point *point)
{
	struct frame *frame = frame_top(walk);
	struct split_load *load;
	double cost;

	if (!frame || !walk->last)
		return;
	load = frame_load(walk, frame);
	if (frame->paused) {
		load->paused_ns += point->ts - walk->last->ts;
		return;
	}
	cost = split_meter_interval(&walk->meter, walk->last, point);
	load->observed_ns[frame->step] += point->ts - walk->last->ts;
	load->corrected_ns[frame->step] += (double)(point->ts - walk->last->ts) - cost;
	load->cost_ns += cost;
}

/* What was taken for constructors was still relocation: of an object after the first. */
static void init_take_back(struct walk *walk, struct frame *frame)
{
	struct split_load *load = frame_load(walk, frame);

	load->observed_ns[STEP_BIND] += load->observed_ns[STEP_INIT] - frame->init_ns;
	load->corrected_ns[STEP_BIND] += load->corrected_ns[STEP_INIT] - frame->init_corrected_ns;
	load->observed_ns[STEP_INIT] = frame->init_ns;
	load->corrected_ns[STEP_INIT] = frame->init_corrected_ns;
	load->entered[STEP_BIND]++;
	load->entered[STEP_INIT]--;
	for (size_t i = frame->span; i < walk->split->span_count; i++) {
		struct split_span *span = &walk->split->spans[i];

		if (span->load != frame->load || span->step != STEP_INIT)
			continue;
		if (span->kind == EVENT_STEP)
			span->what = STEP_BIND;
		span->step = STEP_BIND;
	}
}

static void init_open(struct walk *walk, struct frame *frame, uint64_t ts)
{
	const struct split_load *load = frame_load(walk, frame);

	if (frame->step == STEP_INIT)
		init_take_back(walk, frame);
	frame->init_ns = load->observed_ns[STEP_INIT];
	frame->init_corrected_ns = load->corrected_ns[STEP_INIT];
	step_open(walk, frame, STEP_INIT, ts);
}

/* Steps out of system calls, where functions have no names. ld.so protects an object's RELRO when
 * it has relocated it, and runs constructors after the last: what a constructor protects comes too
 * late to be told from that. */
static void call_steps(struct walk *walk, struct frame *frame, const struct split_point *point)
{
	uint32_t call = point->event->what;

	if (frame_load(walk, frame)->what != SPLIT_OPEN)
		return;
	if (!point->end && call == SYS_openat)
		step_open(walk, frame, STEP_VERIFY, point->ts);
	else if (!point->end && (call == SYS_fstat || call == SYS_newfstatat))
		step_open(walk, frame, STEP_MAP, point->ts);
	else if (point->end && call == SYS_close)
		step_open(walk, frame, STEP_BIND, point->ts);
	else if (point->end && call == SYS_mprotect &&
		 (frame->step == STEP_BIND || frame->step == STEP_INIT))
		init_open(walk, frame, point->ts);
}

static void part_add(struct walk *walk, const struct frame *frame, const struct split_point *point)
{
	const struct probe_event *event = point->event;
	struct split_load *load = frame_load(walk, frame);

	span_add(walk, &(struct split_span){
			       .start_ns = point->ts,
			       .dur_ns = event->kind == EVENT_FAULT ? 0 : event->value,
			       .pid = event->pid,
			       .tid = event->tid,
			       .depth = load->depth,
			       .kind = (enum event_kind)event->kind,
			       .what = event->what,
			       .value = event->value,
			       .extra = event->extra,
			       .step = frame->step,
			       .load = frame->load,
		       });
	if (event->kind == EVENT_SYSCALL) {
		load->calls++;
		load->call_ns += event->value;
	} else if (event->kind == EVENT_OFFCPU) {
		load->offcpu_ns += event->value;
		walk->wait_ns += event->value;
		walk->wait_spans++;
	} else {
		load->faults++;
		load->kernel_faults += (event->what & EVENT_FAULT_KERNEL) != 0;
	}
}

static void mark_walk(struct walk *walk, const struct split_point *point)
{
	struct frame *frame = frame_top(walk);

	switch (point->event->what) {
	case LDPHASE_MARK_LOAD:
		frame_push(walk, point, SPLIT_LOADER);
		break;
	case LDPHASE_MARK_PAUSE:
		if (!frame)
			break;
		step_close(walk, frame, point->ts);
		frame->paused = true;
		break;
	case LDPHASE_MARK_RESUME:
		if (!frame || !frame->paused)
			break;
		frame->paused = false;
		step_open(walk, frame, STEP_LOADER, point->ts);
		break;
	default:
		if (frame)
			frame_pop(walk, point->ts);
		break;
	}
}

/* A loader goes on to its next phase: a dlopen whose return nobody saw has ended. */
static void timing_walk(struct walk *walk, const struct split_point *point)
{
	struct frame *frame = frame_top(walk);

	if (frame && frame_load(walk, frame)->what != SPLIT_LOADER &&
	    frame_load(walk, frame)->open_ended)
		frame_pop(walk, point->ts);
}

static void step_walk(struct walk *walk, const struct split_point *point)
{
	enum step step = (enum step)point->event->what;
	struct frame *frame = frame_top(walk);

	if (step >= STEP_COUNT)
		return;
	if (step == STEP_OPEN || step == STEP_CLOSE) {
		if (frame && frame_load(walk, frame)->open_ended)
			frame_pop(walk, point->ts);
		frame_push(walk, point, step == STEP_OPEN ? SPLIT_OPEN : SPLIT_CLOSE);
		frame = frame_top(walk);
		if (frame)
			frame_load(walk, frame)->open_ended = point->event->extra == 1;
	} else if (frame) {
		step_open(walk, frame, step, point->ts);
	}
}

static void return_walk(struct walk *walk, const struct split_point *point)
{
	struct frame *frame = frame_top(walk);

	if (!frame || frame_load(walk, frame)->what == SPLIT_LOADER) {
		walk->split->unmatched++;
		return;
	}
	frame_load(walk, frame)->open_ended = false;
	if (walk->depth == 1)
		frame_load(walk, frame)->outside_ns += split_meter_after(&walk->meter, COST_RETURN);
	frame_pop(walk, point->ts);
}

/* What was off the CPU since the last event of a load that has ended there is that of the load it
 * was in, or nobody's. */
static void waits_move(struct walk *walk, struct split_load *from)
{
	struct split *split = walk->split;
	struct frame *frame = frame_top(walk);

	from->offcpu_ns -= walk->wait_ns;
	if (!frame) {
		split->span_count -= walk->wait_spans;
		return;
	}
	frame_load(walk, frame)->offcpu_ns += walk->wait_ns;
	for (size_t i = split->span_count - walk->wait_spans; i < split->span_count; i++) {
		split->spans[i].load = frame->load;
		split->spans[i].step = frame->step;
		split->spans[i].depth = frame_load(walk, frame)->depth;
	}
}

/*
 * A load that was left by an error: this is only when it was noticed, and the program may have done
 * anything since. The load has ended with its last event; what came then belongs to whoever goes
 * on, and this is no point in time.
 */
static void jump_walk(struct walk *walk)
{
	const struct frame *frame = frame_top(walk);
	struct split_load *load;

	if (!frame || frame_load(walk, frame)->what == SPLIT_LOADER) {
		walk->split->unmatched++;
		return;
	}
	load = frame_load(walk, frame);
	load->events++;
	load->failed = load->open_ended = true;
	frame_pop(walk, walk->last->ts);
	waits_move(walk, load);
}

/* What is open although nothing more can come of it has ended with the last event before. */
static void frames_cut(struct walk *walk)
{
	while (walk->depth) {
		struct split_load *load = frame_load(walk, frame_top(walk));

		walk->split->unmatched += !load->open_ended;
		load->open_ended = true;
		frame_pop(walk, walk->last->ts);
	}
}

static void point_walk(struct walk *walk, const struct split_point *point)
{
	struct frame *frame;

	if (point->event->kind == EVENT_RETURN && point->event->extra == 1) {
		jump_walk(walk);
		return;
	}
	if (point->event->kind == EVENT_MARK && point->event->what == LDPHASE_MARK_LOAD)
		frames_cut(walk);
	if (point->event->kind != EVENT_OFFCPU) {
		split_meter_take(&walk->meter, point);
		interval_close(walk, point);
	}
	frame = frame_top(walk);
	if (frame && !point->end)
		frame_load(walk, frame)->events++;
	switch (point->event->kind) {
	case EVENT_STEP:
		step_walk(walk, point);
		break;
	case EVENT_RETURN:
		return_walk(walk, point);
		break;
	case EVENT_MARK:
		mark_walk(walk, point);
		break;
	case EVENT_TIMING:
		timing_walk(walk, point);
		break;
	default:
		if (!frame || frame->paused)
			break;
		if (!point->end)
			part_add(walk, frame, point);
		if (point->event->kind == EVENT_SYSCALL && walk->from_calls)
			call_steps(walk, frame, point);
		break;
	}
	if (point->event->kind == EVENT_OFFCPU)
		return;
	walk->last = point;
	walk->wait_ns = 0;
	walk->wait_spans = 0;
}

/* What is still open when a thread's events end was cut off. */
static void thread_finish(struct walk *walk)
{
	frames_cut(walk);
	walk->last = NULL;
	split_meter_reset(&walk->meter);
}

static int span_compare(const void *a, const void *b)
{
	const struct split_span *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	if (x->kind != y->kind)
		return (x->kind > y->kind) - (x->kind < y->kind);
	return (x->dur_ns < y->dur_ns) - (x->dur_ns > y->dur_ns);
}

static bool calls_seen(const struct split_point *points, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (points[i].event->kind == EVENT_SYSCALL)
			return true;
	}
	return false;
}

int split_make(struct split *split, struct split_events *events, const struct probe_cost *cost,
	       bool from_calls, struct err *err)
{
	struct walk walk = { .split = split, .meter = { .cost = cost }, .from_calls = from_calls };
	struct split_point *points;
	size_t count;

	*split = (struct split){ .gaps = events->count ? split_gaps(events) : 0 };
	if (events->failed || split_points(events, &points, &count) < 0)
		return err_set(err, ENOMEM, "out of memory: trace less at a time");
	walk.meter.calls_seen = calls_seen(points, count);
	for (size_t i = 0; i < count && !walk.failed; i++) {
		if (i && (points[i].event->tid != points[i - 1].event->tid ||
			  points[i].event->pid != points[i - 1].event->pid))
			thread_finish(&walk);
		point_walk(&walk, &points[i]);
	}
	if (!walk.failed)
		thread_finish(&walk);
	free(points);
	if (split->spans)
		qsort(split->spans, split->span_count, sizeof(split->spans[0]), span_compare);
	if (!walk.failed)
		return 0;
	split_free(split);
	return err_set(err, ENOMEM, "out of memory: trace less at a time");
}

void split_free(struct split *split)
{
	free(split->loads);
	free(split->spans);
	*split = (struct split){ 0 };
}
