/* Collecting events, and putting them in order. */
#include "probes/split.h"

#include "probes/split_sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void split_take(void *to, const struct probe_event *event, const char *name)
{
	struct split_events *events = to;

	if (events->failed || event->kind == EVENT_NONE || event->kind >= EVENT_KIND_COUNT)
		return;
	if (events->count == events->room) {
		size_t room = events->room ? events->room * 2 : 4096;
		void *grown = realloc(events->items, room * sizeof(events->items[0]));

		events->failed = !grown;
		if (!grown)
			return;
		events->items = grown;
		events->room = room;
	}
	events->items[events->count++] = (struct split_event){
		.event = *event,
		.name = name ? strndup(name, EVENT_NAME_BYTES) : NULL,
	};
}

void split_events_clear(struct split_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		free(events->items[i].name);
	events->count = 0;
	events->failed = false;
}

void split_events_free(struct split_events *events)
{
	split_events_clear(events);
	free(events->items);
	*events = (struct split_events){ 0 };
}

static int number_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int thread_compare(const struct probe_event *a, const struct probe_event *b)
{
	int r = number_compare(a->pid, b->pid);

	return r ? r : number_compare(a->tid, b->tid);
}

static int sequence_compare(const void *a, const void *b)
{
	const struct split_event *x = a, *y = b;
	int r = thread_compare(&x->event, &y->event);

	return r ? r : number_compare(x->event.seq, y->event.seq);
}

/* Timing and values have no sequence: they do not come through the probe. */
static bool event_counts(const struct probe_event *event)
{
	return event->kind != EVENT_TIMING && event->kind != EVENT_VALUE;
}

uint64_t split_gaps(struct split_events *events)
{
	const struct probe_event *last = NULL;
	uint64_t gaps = 0;

	qsort(events->items, events->count, sizeof(events->items[0]), sequence_compare);
	for (size_t i = 0; i < events->count; i++) {
		const struct probe_event *event = &events->items[i].event;

		if (!event_counts(event))
			continue;
		if (last && thread_compare(last, event) == 0 && event->seq > last->seq + 1)
			gaps += event->seq - last->seq - 1;
		last = event;
	}
	return gaps;
}

static int point_compare(const void *a, const void *b)
{
	const struct split_point *x = a, *y = b;
	int r = thread_compare(x->event, y->event);

	if (r == 0)
		r = number_compare(x->ts, y->ts);
	if (r == 0 && x->event != y->event)
		r = number_compare(x->event->seq, y->event->seq);
	return r ? r : (int)x->end - (int)y->end;
}

int split_points(const struct split_events *events, struct split_point **ret_points,
		 size_t *ret_count)
{
	struct split_point *points = malloc((2 * events->count + 1) * sizeof(points[0]));
	size_t count = 0;

	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < events->count; i++) {
		const struct split_event *item = &events->items[i];
		struct split_point point = { .ts = item->event.ts,
					     .event = &item->event,
					     .name = item->name };

		points[count++] = point;
		if (item->event.kind != EVENT_SYSCALL)
			continue;
		point.ts += item->event.value;
		point.end = true;
		points[count++] = point;
	}
	qsort(points, count, sizeof(points[0]), point_compare);
	*ret_points = points;
	*ret_count = count;
	return 0;
}
