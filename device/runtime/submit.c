/*
 * Submitting a task, in upstream's order: check, slot, heap, synchronise the tensormap, look inputs
 * up, assign output addresses, insert outputs, copy, link, maybe ready.
 */
#include "device/runtime/internal.h"

#include <errno.h>
#include <string.h>

struct submission {
	struct runtime *rt;
	struct ring *ring;
	struct abi_param *param;
	struct task_slot *slot;
	uint64_t id;
	uint64_t outputs_bytes;
	uint32_t entries; /* of the tensormap */
	uint32_t written; /* bits of the outputs that get their address here */
	uint64_t producers[RUNTIME_FANINS_MAX];
	uint32_t producer_count;
};

static uint64_t output_bytes(const struct abi_tensor *tensor)
{
	uint64_t mask = RUNTIME_HEAP_ALIGN - 1;

	return tensor->size > UINT64_MAX / 32 ? UINT64_MAX / 32 : (tensor->size + mask) & ~mask;
}

static void submission_measure(struct submission *self)
{
	int i;

	for (i = 0; i < self->param->tensor_count; i++) {
		const struct abi_tensor *tensor = self->param->tensors[i];

		if (self->param->kinds[i] != ABI_IN && !tensor->manual_dep &&
		    !self->rt->config.variant->graph_is_given)
			self->entries++;
		if (self->param->kinds[i] == ABI_OUT && !tensor->addr) {
			self->written |= 1u << i;
			self->outputs_bytes += output_bytes(tensor);
		}
	}
}

/* Waits for everything but links; those are known after the lookup. */
static bool submission_reserve(struct submission *self)
{
	struct runtime *rt = self->rt;

	if (self->outputs_bytes > self->ring->heap_bytes) {
		runtime_fail(rt, ENOMEM,
			     "task %llu wants %llu bytes of outputs; a ring's heap has %llu",
			     (unsigned long long)self->id, (unsigned long long)self->outputs_bytes,
			     (unsigned long long)self->ring->heap_bytes);
		return false;
	}
	return resource_await(rt, self->ring, RESOURCE_SLOT, 1) &&
	       resource_await(rt, self->ring, RESOURCE_HEAP, self->outputs_bytes) &&
	       resource_await(rt, self->ring, RESOURCE_ENTRIES, self->entries);
}

static bool producer_add(struct submission *self, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < self->producer_count; i++)
		if (self->producers[i] == id)
			return true;
	if (self->producer_count == RUNTIME_FANINS_MAX) {
		runtime_fail(self->rt, E2BIG,
			     "task %llu depends on more than %d tasks, more than a task can wait "
			     "for",
			     (unsigned long long)self->id, RUNTIME_FANINS_MAX);
		return false;
	}
	self->producers[self->producer_count++] = id;
	return true;
}

static bool tensor_lookup(struct submission *self, int index)
{
	const struct abi_tensor *tensor = self->param->tensors[index];
	struct map_hit hits[MAP_HITS_MAX];
	struct region region = region_of(tensor);
	int count = map_lookup(&self->rt->map, &region, hits), i;

	if (count < 0) {
		runtime_fail(self->rt, E2BIG,
			     "task %llu: tensor %d overlaps the outputs of more than %d writes",
			     (unsigned long long)self->id, index, MAP_HITS_MAX);
		return false;
	}
	for (i = 0; i < count; i++) {
		if (!producer_add(self, hits[i].entry->producer))
			return false;
		/* Whoever reads what this in-out leaves needs it alone: chains stay short. The
		 * entry of the task that owns the buffer stays, so that it outlives its users. */
		if (self->param->kinds[index] == ABI_INOUT && hits[i].overlap == OVERLAP_COVERED &&
		    !hits[i].entry->allocates)
			map_remove(&self->rt->map, hits[i].entry);
	}
	return true;
}

static bool submission_lookup(struct submission *self)
{
	int i;

	resource_sync(self->rt, false);
	if (self->rt->config.variant->graph_is_given)
		return true;
	for (i = 0; i < self->param->tensor_count; i++)
		if (self->param->kinds[i] != ABI_OUT && !self->param->tensors[i]->manual_dep &&
		    !tensor_lookup(self, i))
			return false;
	return true;
}

/* Packed, in the order of the parameters; the addresses are written back into the caller's
 * tensors. */
static void submission_assign(struct submission *self, uint8_t *outputs)
{
	int i;

	for (i = 0; i < self->param->tensor_count; i++) {
		struct abi_tensor *tensor = self->param->tensors[i];

		if (!(self->written & 1u << i) || tensor->addr)
			continue; /* given, or the same tensor twice */
		tensor->addr = (uintptr_t)outputs;
		outputs += output_bytes(tensor);
	}
}

static void submission_insert(struct submission *self)
{
	int i;

	if (self->rt->config.variant->graph_is_given)
		return;
	map_claim_slot(&self->rt->map, self->id);
	for (i = 0; i < self->param->tensor_count; i++) {
		struct region region;

		if (self->param->kinds[i] == ABI_IN || self->param->tensors[i]->manual_dep)
			continue;
		region = region_of(self->param->tensors[i]);
		/* Reserved before, so it cannot fail. */
		(void)map_insert(&self->rt->map, &region, self->id, self->written & 1u << i);
	}
}

static enum task_shape kernels_shape(const struct abi_kernels *kernels)
{
	int vectors = (kernels->aiv0 >= 0) + (kernels->aiv1 >= 0);

	if (kernels->aic < 0)
		return vectors == 2 ? SHAPE_AIV2 : SHAPE_AIV;
	return vectors == 2 ? SHAPE_AIC_AIV2 : vectors == 1 ? SHAPE_AIC_AIV : SHAPE_AIC;
}

static void submission_copy(struct submission *self, const struct abi_kernels *kernels,
			    const uint8_t *outputs)
{
	const struct abi_param *param = self->param;
	struct task_payload *payload = self->slot->payload;
	int i;

	self->slot->shape = (uint8_t)kernels_shape(kernels);
	*self->slot->descriptor = (struct task_descriptor){
		.id = self->id,
		.kernels = { kernels->aic, kernels->aiv0, kernels->aiv1 },
		.shape = self->slot->shape,
		.outputs = (uintptr_t)outputs,
		.outputs_end = (uintptr_t)outputs + self->outputs_bytes,
	};
	for (i = 0; i < param->tensor_count; i++)
		payload->tensors[i] = *param->tensors[i];
	memcpy(payload->scalars, param->scalars,
	       (size_t)param->scalar_count * sizeof(param->scalars[0]));
	payload->tensor_count = (uint32_t)param->tensor_count;
	payload->scalar_count = (uint32_t)param->scalar_count;
	payload->producer_count = 0;
}

/* Slots of producers stay as they are until this thread reuses them, so an id still names one. */
static void submission_link(struct submission *self)
{
	struct task_payload *payload = self->slot->payload;
	uint32_t i, finished = 0;

	self->slot->fanin_count = self->producer_count;
	for (i = 0; i < self->producer_count; i++) {
		uint64_t id = self->producers[i];
		struct task_slot *producer =
			ring_slot(&self->rt->rings[task_ring(id)], task_counter(id));
		int waits = slot_link(producer, self->slot, ring_dep_next(self->ring));

		if (waits == 1)
			ring_dep_take(self->ring);
		else
			finished++;
		if (waits < 0)
			continue;
		payload->producers[payload->producer_count++] = producer;
		self->rt->counters.edges++;
	}
	self->slot->dep_end = (uint32_t)self->ring->dep_head;
	atomic_store(&self->rt->submitted, atomic_load(&self->rt->submitted) + 1);
	if (slot_arrive(self->slot, finished + 1))
		ready_push(self->rt, self->slot);
}

/* Nothing to wait for yet; scope_end() lets it run. */
static void submission_hold(struct submission *self)
{
	self->slot->fanin_count = RUNTIME_FANINS_MAX;
	self->slot->given = 0;
}

static void submission_count(struct submission *self)
{
	struct runtime *rt = self->rt;
	uint64_t live = 0;
	int i;

	for (i = 0; i < RUNTIME_RINGS; i++)
		live += rt->rings[i].next - rt->map.alive[i];
	if (live > rt->counters.live_max)
		rt->counters.live_max = live;
}

struct task_slot *task_submit(struct runtime *rt, const struct abi_kernels *kernels,
			      struct abi_param *param)
{
	struct submission self = { .rt = rt, .ring = scope_ring(rt), .param = param };
	uint8_t *outputs = NULL;

	if (!self.ring) {
		runtime_fail(rt, EINVAL, "a task was submitted outside of any scope");
		return NULL;
	}
	if (!param_check(rt, kernels, param))
		return NULL;
	self.id = task_id(self.ring->index, self.ring->next);
	submission_measure(&self);
	if (!submission_reserve(&self))
		return NULL;
	if (self.outputs_bytes)
		outputs = ring_heap_take(self.ring, self.outputs_bytes);
	if (!submission_lookup(&self) ||
	    !resource_await(rt, self.ring, RESOURCE_DEPS, self.producer_count))
		return NULL;
	self.slot = ring_open(self.ring);
	scope_add(rt, self.slot);
	submission_assign(&self, outputs);
	submission_insert(&self);
	submission_copy(&self, kernels, outputs);
	submission_count(&self);
	if (rt->config.variant->graph_is_given)
		submission_hold(&self);
	else
		submission_link(&self);
	return self.slot;
}
