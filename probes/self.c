/* What a watched worker tells about itself. Allocates and prints nothing once opened. */
#include "probes/self.h"

#include "base/log.h"
#include "probes/inside/ring.h"

#include <stdlib.h>
#include <string.h>

/* Next to each other, and with rights that differ so that the kernel cannot make one of two. */
static void pads_make(void)
{
	const char *text = getenv(RING_PADS_VARIABLE);
	long count = text ? strtol(text, NULL, 10) : 0;

	for (long i = 0; i < count && i < SELF_PADS_MAX; i++) {
		if (mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), i % 2 ? PROT_READ : PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			return;
	}
}

void self_open(struct self *self)
{
	const char *list = getenv(RING_COUNT_VARIABLE);
	char text[256], *items[SELF_PROBES_MAX];
	int count;

	pads_make();
	*self = (struct self){ .ring = ring_map(RING_OWN_VARIABLE) };
	if (!self->ring || !list || strlen(list) >= sizeof(text))
		return;
	strcpy(text, list); /* NOLINT: the room was compared */
	count = options_split(text, items, SELF_PROBES_MAX);
	for (int i = 0; i < count; i++) {
		if (probe_open(&self->probes[self->probe_count], items[i], NULL) == 0)
			self->probe_count++;
	}
}

void self_close(struct self *self)
{
	for (unsigned int i = 0; i < self->probe_count; i++)
		probe_close(self->probes[i]);
	self->probe_count = 0;
	self->ring = NULL;
}

void self_begin(struct self *self)
{
	for (unsigned int i = 0; i < self->probe_count; i++)
		self->begun[i] = self->probes[i]->type->begin(self->probes[i]) == 0;
}

static void phase_entered(void *to, uint32_t phase)
{
	struct self *self = to;

	for (unsigned int i = 0; i < self->probe_count; i++) {
		if (self->begun[i] && self->probes[i]->type->entered)
			self->probes[i]->type->entered(self->probes[i], phase);
	}
}

const struct timeline_hook *self_hook(struct self *self)
{
	self->hook = (struct timeline_hook){ phase_entered, self };
	for (unsigned int i = 0; i < self->probe_count; i++) {
		if (self->begun[i] && self->probes[i]->type->entered)
			return &self->hook;
	}
	return NULL;
}

void self_loaded(struct self *self, const struct probe_object *object)
{
	for (unsigned int i = 0; i < self->probe_count; i++) {
		if (self->begun[i] && self->probes[i]->type->loaded)
			self->probes[i]->type->loaded(self->probes[i], object);
	}
}

static void event_put(const struct self *self, const struct probe_event *from, enum event_kind kind)
{
	struct probe_event *event = ring_slot(self->ring);

	if (!event)
		return;
	*event = *from;
	event->pid = (uint32_t)getpid();
	event->tid = (uint32_t)syscall(SYS_gettid);
	ring_done(event, kind);
}

/* `part` counts from 1; 0 is the whole load. */
static void values_put(const struct self *self, unsigned int place, unsigned int part,
		       const uint64_t *values)
{
	const struct probe_metric *metrics = self->probes[place]->type->metrics;

	for (unsigned int i = 0; metrics[i].name; i++) {
		if (values[i] != UINT64_MAX)
			event_put(self,
				  &(struct probe_event){
					  .ts = ring_now(self->ring),
					  .value = values[i],
					  .extra = (uint64_t)place << 32 | self->load,
					  .what = (unsigned short)(part << 8 | i),
				  },
				  EVENT_VALUE);
	}
}

static void parts_put(const struct self *self, unsigned int place)
{
	struct probe *probe = self->probes[place];
	uint64_t values[PROBE_METRICS_MAX];

	for (unsigned int part = 0; probe->type->parts && probe->type->parts[part]; part++) {
		probe->type->part(probe, part, values);
		values_put(self, place, part + 1, values);
	}
}

/* Values are taken of all probes before any is written: writing touches memory. */
void self_end(struct self *self)
{
	uint64_t values[SELF_PROBES_MAX][PROBE_METRICS_MAX];
	int r[SELF_PROBES_MAX];

	if (!self->ring)
		return;
	for (unsigned int i = self->probe_count; i-- > 0;)
		r[i] = self->begun[i] ? self->probes[i]->type->end(self->probes[i], values[i]) : -1;
	for (unsigned int i = 0; i < self->probe_count; i++) {
		if (r[i] == 0) {
			values_put(self, i, 0, values[i]);
			parts_put(self, i);
		}
		if (self->probes[i]->note[0] && !self->noted[i])
			log_warn_lines(self->probes[i]->note);
		self->noted[i] = true;
	}
	self->load++;
}

void self_timeline(struct self *self, const struct timeline *time, const struct clock_map *map,
		   uint32_t load)
{
	if (!self->ring)
		return;
	for (uint32_t i = 0; i < time->span_count; i++)
		event_put(self,
			  &(struct probe_event){
				  .ts = clock_map_ns(map, time->spans[i].ticks),
				  .value = time->spans[i].arg,
				  .extra = load,
				  .what = (unsigned short)time->spans[i].phase,
			  },
			  EVENT_TIMING);
	event_put(self,
		  &(struct probe_event){
			  .ts = clock_map_ns(map, time->mark), .extra = load, .what = SELF_END },
		  EVENT_TIMING);
}
