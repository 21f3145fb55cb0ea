/* Objects apart from runs: sent and loaded before one, registered, taken away again. */
#include "device/host_state.h"

#include <errno.h>
#include <string.h>

/* The struct that carries the object says nothing else. */
int host_early_begin(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	const struct transport *transport = device->options.transport;
	int r;

	dma_account(device->dma, &self->result->dma_object);
	r = transport->stage(&self->transport, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_SEND);
	host_struct_finish(device);
	r = transport->send(&self->transport, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_LAUNCH);
	host_request(self, &(struct control_request){ .load = true,
						      .keep = true,
						      .bytes_stay = !device_when(device)->kept });
	self->is_early = true;
	return 0;
}

static int early_answer(struct host_round *self, struct err *err)
{
	struct device_result *result = self->result;
	unsigned int loads = self->device->variant->threads - 1;
	int r;

	timeline_enter(self->lane, PHASE_WAIT);
	r = host_answer(self, err);
	result->early.name = result->lanes[loads].name;
	if (r == 0 || result->failure == DEVICE_FAILED)
		host_lane_take(self->device, &result->early, loads);
	return r;
}

int host_early_wait(struct host_round *self, struct err *err)
{
	if (!self->is_early)
		return 0;
	self->is_early = false;
	return early_answer(self, err);
}

static int object_load(struct host_round *self, struct err *err)
{
	int r;

	if (self->device->variant->host_builds)
		return host_graph_load(self, err);
	r = host_early_begin(self, err);
	return r < 0 ? r : host_early_wait(self, err);
}

static int object_unload(struct host_round *self, struct err *err)
{
	if (self->device->variant->host_builds)
		return host_graph_unload(self, err);
	timeline_enter(self->lane, PHASE_LAUNCH);
	host_request(self, &(struct control_request){ .load = false });
	return early_answer(self, err);
}

static int call(struct device *device, const struct device_job *job,
		struct device_result *ret_result,
		int (*step)(struct host_round *self, struct err *err), struct err *err)
{
	struct host_round self = { .device = device, .job = job, .result = ret_result };
	int r = host_begin(&self, job->object->so.size ? PHASE_SO_COPY : PHASE_LAUNCH, err);

	if (r < 0)
		return r;
	r = step(&self, err);
	host_end(&self, r);
	return r;
}

int device_register(struct device *device, const struct device_object *object,
		    unsigned int callable, struct device_result *ret_result, struct err *err)
{
	const struct device_job job = { .object = object, .callable = callable };

	return call(device, &job, ret_result, object_load, err);
}

int device_unregister(struct device *device, unsigned int callable,
		      struct device_result *ret_result, struct err *err)
{
	static const struct device_object none;
	const struct device_job job = { .object = &none, .callable = callable };

	return call(device, &job, ret_result, object_unload, err);
}

bool device_has(struct device *device, const struct device_object *object, unsigned int callable)
{
	if (callable >= DEVICE_CALLABLES_MAX)
		return false;
	if (!device->variant->host_builds && (!device->control || device_is_dead(device)))
		return false;
	return place_holds(&device->places[callable], &object->so);
}
