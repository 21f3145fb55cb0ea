/*
 * host_build_graph in a call of the host: the object is loaded in this process, by every round and
 * never closed (simpler at 78f0869), or kept in its place like an object on a device.
 */
#include "device/host_state.h"

#include <errno.h>
#include <string.h>

static void judgement_take(struct device_result *result, const struct graph_load *load)
{
	result->report = load->report;
	result->verdict = load->verdict;
	memcpy(result->staged_at, load->staged_at, sizeof(result->staged_at));
	result->report.staged_at = load->report.staged_at ? result->staged_at : NULL;
}

static int object_open(struct host_round *self, struct graph_object *object, bool kept,
		       struct err *err)
{
	struct graph_load load = { .staged_at = "" };
	int r;

	object->kept = kept;
	r = graph_object_open(object, &self->job->object->so, self->lane, &load, err);
	judgement_take(self->result, &load);
	return r;
}

int host_graph_load(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	const struct so *so = &self->job->object->so;
	int r;

	host_graph_unload(self);
	r = object_open(self, &device->graphs[self->job->callable], true, err);
	if (r == 0)
		device->places[self->job->callable] =
			(struct device_place){ so->id, so->generation, so->id, so->generation };
	return r;
}

void host_graph_unload(struct host_round *self)
{
	graph_object_close(&self->device->graphs[self->job->callable], self->lane);
	self->device->places[self->job->callable] = (struct device_place){ 0 };
}

static int kept_prepare(struct host_round *self, struct err *err)
{
	struct graph_load load = { .staged_at = "" };

	if (!place_holds(&self->device->places[self->job->callable], &self->job->object->so))
		return host_graph_load(self, err);
	graph_object_find(&self->device->graphs[self->job->callable], self->lane, &load);
	judgement_take(self->result, &load);
	return 0;
}

int host_graph_build(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	const struct graph_input input = {
		.table = (struct graph_table *)(device_fields(device) + 1),
		.heap = device_fields(device)->heap_ptr,
		.heap_bytes = runtime_heap_bytes(&device->config),
		.args = self->job->args,
		.addresses = self->addresses,
		.arg_count = self->job->arg_count,
	};
	struct graph_object opened = { .handle = NULL }, *object = &opened;
	int r;

	device_fields(device)->orch_built_on_host = true;
	if (device_when(device)->kept) {
		object = &device->graphs[self->job->callable];
		r = kept_prepare(self, err);
	} else {
		r = object_open(self, object, false, err);
	}
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_ORCHESTRATE);
	r = graph_call(object->entry, &input, err);
	/* Closed on failure only: on success upstream keeps it for ever, and so does this. */
	if (r < 0) {
		graph_object_close(object, self->lane);
		device->places[self->job->callable] = (struct device_place){ 0 };
	}
	return r;
}
