/* Lanes of phases: begin, end and the conversion to nanoseconds. Entering a phase is inline in
 * timeline.h. */
#include "base/timeline.h"

#include <string.h>

const char *const phase_labels[PHASE_COUNT] = {
#define PHASE(id, label, class, text) [PHASE_##id] = #label,
#include "base/phases.def"
#undef PHASE
};

static const struct {
	const char *text;
	enum phase_class class;
} phases[PHASE_COUNT] = {
#define PHASE(id, label, class_, text_) \
	[PHASE_##id] = { .text = text_, .class = PHASE_CLASS_##class_ },
#include "base/phases.def"
#undef PHASE
};

const char *phase_label(enum phase phase)
{
	return phase_labels[phase];
}

const char *phase_text(enum phase phase)
{
	return phases[phase].text;
}

enum phase_class phase_class(enum phase phase)
{
	return phases[phase].class;
}

void timeline_begin(struct timeline *time, enum phase phase)
{
	memset(time->ticks, 0, sizeof(time->ticks));
	time->span_count = 0;
	time->spans_dropped = 0;
	time->phase = phase;
	time->begin = clock_ticks();
	time->mark = time->begin;
	timeline_marker(time, phase, 0);
	if (time->hook)
		time->hook->entered(time->hook->to, phase);
	if (time->watch)
		*time->watch = phase;
	if (time->span_capacity)
		time->spans[time->span_count++] =
			(struct span){ .ticks = time->begin, .phase = phase };
}

void timeline_end(struct timeline *time)
{
	uint64_t now = clock_ticks();

	time->ticks[time->phase] += now - time->mark;
	time->mark = now;
	if (time->hook)
		time->hook->entered(time->hook->to, PHASE_COUNT);
}

uint64_t timeline_ns(const struct timeline *time, const struct clock_map *map, uint64_t *ret_ns)
{
	uint64_t wall = clock_map_span_ns(map, time->mark - time->begin);
	uint64_t sum = 0;

	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		ret_ns[phase] = clock_map_span_ns(map, time->ticks[phase]);
		sum += ret_ns[phase];
	}
	ret_ns[PHASE_OTHER] += wall - sum;
	return wall;
}

void timeline_import(struct timeline *time, const struct clock_map *map)
{
	uint64_t begin = clock_map_ticks(map, time->begin), sum = 0;
	uint64_t wall = clock_map_span_ticks(map, time->mark - time->begin);

	for (uint32_t i = 0; i < time->span_count; i++)
		time->spans[i].ticks =
			begin + clock_map_span_ticks(map, time->spans[i].ticks - time->begin);
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		time->ticks[phase] = clock_map_span_ticks(map, time->ticks[phase]);
		sum += time->ticks[phase];
	}
	time->ticks[PHASE_OTHER] += wall - sum;
	time->begin = begin;
	time->mark = begin + wall;
}
