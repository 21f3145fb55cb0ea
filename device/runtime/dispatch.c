/*
 * A scheduler's cores: blocks of one AIC and two AIV. A task takes cores of one block; its payload
 * is the kernel's address and the arguments, tensors first, then scalars.
 */
#include "device/runtime/internal.h"

/* Large shapes first: they need a whole block to be free at once. */
static const enum task_shape order[SHAPE_COUNT] = { SHAPE_AIC_AIV2, SHAPE_AIV2, SHAPE_AIC_AIV,
						    SHAPE_AIC, SHAPE_AIV };

static unsigned int part_core(const struct runtime *rt, unsigned int block, int part)
{
	return part == PART_AIC ? block : rt->blocks + 2 * block + (unsigned int)(part - PART_AIV0);
}

/* Called by the core's thread. */
static void core_finished(void *context)
{
	const struct core_run *run = context;

	if (sleepers_announced(&run->rt->sleepers) & 1ull << run->scheduler)
		sleepers_wake(&run->rt->sleepers, 1ull << run->scheduler);
}

void dispatch_init(struct runtime *rt)
{
	unsigned int block;

	for (block = 0; block < rt->blocks; block++) {
		unsigned int index = block % rt->config.schedulers;
		struct scheduler *scheduler = &rt->schedulers[index];
		int part;

		scheduler->own |= 1ull << block;
		for (part = 0; part < PART_COUNT; part++) {
			unsigned int core = part_core(rt, block, part);
			struct core_run *run = &rt->runs[core];

			scheduler->free[part] |= 1ull << block;
			run->rt = rt;
			run->scheduler = index;
			aicore_set_payload(rt->resources.cores, core, &run->payload);
			aicore_notify(rt->resources.cores, core, core_finished, run);
		}
	}
}

/* Blocks with the cores a shape needs. */
static uint64_t shape_blocks(const struct scheduler *self, enum task_shape shape)
{
	uint64_t any = self->free[PART_AIV0] | self->free[PART_AIV1];
	uint64_t both = self->free[PART_AIV0] & self->free[PART_AIV1];

	switch (shape) {
	case SHAPE_AIC:
		return self->free[PART_AIC];
	case SHAPE_AIV:
		return any;
	case SHAPE_AIV2:
		return both;
	case SHAPE_AIC_AIV:
		return self->free[PART_AIC] & any;
	default:
		return self->free[PART_AIC] & both;
	}
}

uint32_t dispatch_serves(const struct scheduler *self)
{
	uint32_t shapes = 0;
	int shape;

	for (shape = 0; shape < SHAPE_COUNT; shape++)
		if (shape_blocks(self, (enum task_shape)shape))
			shapes |= 1u << shape;
	return shapes;
}

static void core_start(struct scheduler *self, unsigned int block, int part, int32_t kernel)
{
	struct runtime *rt = self->rt;
	unsigned int core = part_core(rt, block, part);
	struct core_run *run = &rt->runs[core];
	struct task_payload *payload = run->slot->payload;
	uint32_t i, count = 0;

	for (i = 0; i < payload->tensor_count; i++)
		run->args[count++] = (int64_t)(uintptr_t)&payload->tensors[i];
	for (i = 0; i < payload->scalar_count; i++)
		run->args[count++] = (int64_t)payload->scalars[i];
	run->payload = (struct aicore_payload){
		.function = rt->resources.functions[kernel],
		.args = (uintptr_t)run->args,
		.task_id = run->slot->descriptor->id,
		.func_id = kernel,
	};
	run->number = run->number % AICORE_NUMBER_MAX + 1;
	self->free[part] &= ~(1ull << block);
	aicore_write(rt->resources.cores, core, run->number);
}

/* The free core of the block for a kernel: a vector kernel goes to either vector core. */
static int block_part(const struct scheduler *self, unsigned int block, int wanted)
{
	if (wanted == PART_AIC || self->free[wanted] & 1ull << block)
		return wanted;
	return wanted == PART_AIV0 ? PART_AIV1 : PART_AIV0;
}

static void task_start(struct scheduler *self, unsigned int block, struct task_slot *slot)
{
	const struct task_descriptor *descriptor = slot->descriptor;
	uint32_t i;
	int part;

	for (i = 0; i < slot->payload->tensor_count; i++)
		slot->payload->tensors[i].start_offset =
			tensor_start_offset(&slot->payload->tensors[i]);
	atomic_store_explicit(&slot->state, TASK_RUNNING, memory_order_relaxed);
	slot->parts = 0;
	for (part = 0; part < PART_COUNT; part++)
		if (descriptor->kernels[part] >= 0)
			slot->parts++;
	for (part = 0; part < PART_COUNT; part++) {
		int core_part;

		if (descriptor->kernels[part] < 0)
			continue;
		core_part = block_part(self, block, part);
		self->rt->runs[part_core(self->rt, block, core_part)].slot = slot;
		core_start(self, block, core_part, descriptor->kernels[part]);
	}
}

static unsigned int bit_next(uint64_t bits, unsigned int next)
{
	uint64_t later = bits & UINT64_MAX << (next % 64);

	return (unsigned int)__builtin_ctzll(later ? later : bits);
}

bool dispatch_start(struct scheduler *self)
{
	bool started = false;
	int i;

	for (i = 0; i < SHAPE_COUNT; i++) {
		uint64_t blocks;

		while ((blocks = shape_blocks(self, order[i])) != 0) {
			struct task_slot *slot = queue_pop(&self->rt->ready[order[i]]);
			unsigned int block;

			if (!slot)
				break;
			block = bit_next(blocks, self->next);
			self->next = block + 1;
			task_start(self, block, slot);
			started = true;
		}
	}
	return started;
}

static bool core_has_finished(const struct runtime *rt, unsigned int core)
{
	return aicore_cond(rt->resources.cores, core) == (rt->runs[core].number | AICORE_FINISHED);
}

bool dispatch_poll(struct scheduler *self)
{
	struct runtime *rt = self->rt;
	bool finished = false;
	int part;

	for (part = 0; part < PART_COUNT; part++) {
		uint64_t busy = self->own & ~self->free[part];

		for (; busy; busy &= busy - 1) {
			unsigned int block = (unsigned int)__builtin_ctzll(busy);
			unsigned int core = part_core(rt, block, part);
			struct task_slot *slot = rt->runs[core].slot;

			if (!core_has_finished(rt, core))
				continue;
			self->free[part] |= 1ull << block;
			finished = true;
			if (--slot->parts == 0) {
				self->tasks++;
				task_finish(rt, slot);
			}
		}
	}
	return finished;
}

static int core_find(const struct scheduler *self, bool finished)
{
	int part;

	for (part = 0; part < PART_COUNT; part++) {
		uint64_t busy = self->own & ~self->free[part];

		for (; busy; busy &= busy - 1) {
			unsigned int core =
				part_core(self->rt, (unsigned int)__builtin_ctzll(busy), part);

			if (core_has_finished(self->rt, core) == finished)
				return (int)core;
		}
	}
	return -1;
}

bool dispatch_has_finished(const struct scheduler *self)
{
	return core_find(self, true) >= 0;
}

int dispatch_busy_core(const struct scheduler *self)
{
	return core_find(self, false);
}
