/* The operations of host_build_graph: writing tasks into the Runtime struct. See host_graph.h. */
#include "device/host_graph.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_ALIGN 1024u

struct builder {
	struct abi_runtime abi; /* first: the object's view */
	const struct graph_input *input;
	uint64_t heap_used;
	int depth;
	int failed; /* the first error's errno */
	struct err err;
};

/* The log operations are given no runtime: it is the one that builds on this thread. */
static _Thread_local struct builder *building;

static struct builder *builder_of(struct abi_runtime *abi)
{
	return (struct builder *)abi;
}

__attribute__((format(printf, 3, 4))) static void builder_fail(struct builder *self, int code,
							       const char *format, ...)
{
	va_list values;

	if (self->failed)
		return;
	self->failed = code;
	va_start(values, format);
	vsnprintf(self->err.text, sizeof(self->err.text), format, values);
	va_end(values);
}

static bool task_check(struct builder *self, const struct abi_param *param)
{
	const struct graph_table *table = self->input->table;

	if (param->has_error)
		builder_fail(self, EINVAL, "task %d: %.200s", table->task_count,
			     param->error_msg ? param->error_msg : "its parameters are wrong");
	else if (table->task_count == GRAPH_TASKS_MAX)
		builder_fail(self, ENOSPC, "the Runtime struct holds %d tasks, and no more",
			     GRAPH_TASKS_MAX);
	else if (param->tensor_count < 0 || param->tensor_count > GRAPH_TENSORS_MAX ||
		 param->scalar_count < 0 || param->scalar_count > GRAPH_SCALARS_MAX)
		builder_fail(self, EINVAL,
			     "task %d has %d tensors and %d scalars: at most %d and %d are "
			     "possible",
			     table->task_count, param->tensor_count, param->scalar_count,
			     GRAPH_TENSORS_MAX, GRAPH_SCALARS_MAX);
	else
		return !self->failed;
	return false;
}

static bool output_place(struct builder *self, struct abi_tensor *tensor)
{
	uint64_t left = self->input->heap_bytes - self->heap_used;

	if (tensor->size > left || left - tensor->size < OUTPUT_ALIGN) {
		builder_fail(self, ENOMEM,
			     "the outputs of %d tasks do not fit into %llu bytes of heap, which "
			     "host_build_graph never reuses",
			     self->input->table->task_count,
			     (unsigned long long)self->input->heap_bytes);
		return false;
	}
	tensor->addr = self->input->heap + self->heap_used;
	self->heap_used += (tensor->size + OUTPUT_ALIGN - 1) & ~(uint64_t)(OUTPUT_ALIGN - 1);
	return true;
}

static struct abi_task_id build_task(struct abi_runtime *abi, const struct abi_kernels *kernels,
				     struct abi_param *param)
{
	struct builder *self = builder_of(abi);
	struct graph_table *table = self->input->table;
	struct graph_task *task;

	if (!task_check(self, param))
		return (struct abi_task_id){ UINT64_MAX };
	task = &table->tasks[table->task_count];
	task->number = (uint64_t)table->task_count;
	task->kernels[0] = kernels->aic;
	task->kernels[1] = kernels->aiv0;
	task->kernels[2] = kernels->aiv1;
	task->tensor_count = param->tensor_count;
	task->scalar_count = param->scalar_count;
	task->producer_count = 0;
	for (int i = 0; i < param->tensor_count; i++) {
		struct abi_tensor *tensor = param->tensors[i];

		if (tensor->addr == 0 && !output_place(self, tensor))
			return (struct abi_task_id){ UINT64_MAX };
		task->kinds[i] = param->kinds[i];
		memcpy(task->tensors[i], tensor, sizeof(*tensor));
	}
	memcpy(task->scalars, param->scalars, (size_t)param->scalar_count * sizeof(uint64_t));
	table->task_count++;
	return (struct abi_task_id){ task->number };
}

static void build_dependency(struct abi_runtime *abi, struct abi_task_id producer,
			     struct abi_task_id consumer)
{
	struct builder *self = builder_of(abi);
	struct graph_table *table = self->input->table;
	struct graph_task *task;

	if (self->failed)
		return;
	if (consumer.raw >= (uint64_t)table->task_count || producer.raw >= consumer.raw) {
		builder_fail(self, EINVAL,
			     "task %llu cannot wait for task %llu: only for one built before it",
			     (unsigned long long)consumer.raw, (unsigned long long)producer.raw);
		return;
	}
	task = &table->tasks[consumer.raw];
	for (int i = 0; i < task->producer_count; i++)
		if (task->producers[i] == producer.raw)
			return;
	if (task->producer_count == GRAPH_PRODUCERS_MAX) {
		builder_fail(self, E2BIG, "task %llu was given more than %d tasks to wait for",
			     (unsigned long long)consumer.raw, GRAPH_PRODUCERS_MAX);
		return;
	}
	task->producers[task->producer_count++] = (uint32_t)producer.raw;
}

/* Everything stays until the run is over: a scope means nothing here. */
static void build_scope_begin(struct abi_runtime *abi)
{
	builder_of(abi)->depth++;
}

static void build_scope_end(struct abi_runtime *abi)
{
	if (builder_of(abi)->depth-- == 0)
		builder_fail(builder_of(abi), EINVAL,
			     "the orchestration ended a scope it had not begun");
}

static void build_done(struct abi_runtime *abi)
{
	(void)abi;
}

static bool build_is_fatal(struct abi_runtime *abi)
{
	return builder_of(abi)->failed != 0;
}

static uint64_t build_device_address(struct abi_runtime *abi, const void *host)
{
	const struct graph_input *input = builder_of(abi)->input;

	for (int i = 0; host && i < input->arg_count; i++)
		if (input->args[i].kind != DEVICE_ARG_SCALAR && input->args[i].bytes == host)
			return input->addresses[i];
	return 0;
}

/* What an object says is wrong ends the round; the rest is not for the host's log. */
__attribute__((format(printf, 2, 3))) static void build_log_error(const char *function,
								  const char *format, ...)
{
	char text[256];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (building)
		builder_fail(building, EINVAL, "%s: %s", function, text);
}

__attribute__((format(printf, 2, 3))) static void build_log(const char *function,
							    const char *format, ...)
{
	(void)function;
	(void)format;
}

static const struct graph_ops build_ops = {
	.graph = { .submit_task = build_task,
		   .add_dependency = build_dependency,
		   .scope_begin = build_scope_begin,
		   .scope_end = build_scope_end,
		   .orchestration_done = build_done,
		   .is_fatal = build_is_fatal,
		   .log_error = build_log_error,
		   .log_warn = build_log,
		   .log_info = build_log,
		   .log_debug = build_log,
		   .log_always = build_log },
	.device_address = build_device_address,
};

int graph_call(graph_entry_function entry, const struct graph_input *input, struct err *err)
{
	struct builder self = { .abi = { (const struct abi_ops *)(const void *)&build_ops },
				.input = input };
	uint64_t args[ABI_HOST_ARGS_MAX];
	int r;

	for (int i = 0; i < input->arg_count; i++) {
		const struct device_arg *arg = &input->args[i];

		args[i] = arg->kind == DEVICE_ARG_SCALAR ? arg->scalar : (uintptr_t)arg->bytes;
	}
	input->table->task_count = 0;
	building = &self;
	r = entry(&self.abi, args, input->arg_count);
	building = NULL;
	if (self.failed)
		return err_set(err, self.failed, "%s", self.err.text);
	return r == 0 ? 0 : err_set(err, EINVAL, GRAPH_ENTRY_SYMBOL " returned %d", r);
}
