/*
 * A runtime for tests of workloads: no rings, no threads, no tensormap. Each task runs the moment
 * it is submitted, on the memory the arrays lie in, and is checked for what every task must be.
 */
#ifndef SOLOAD_TESTS_WORKLOAD_FAKE_H
#define SOLOAD_TESTS_WORKLOAD_FAKE_H

#include "bench/workloads/workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_HEAP_BYTES (64u << 20)
#define FAKE_KERNELS 8

struct fake {
	struct abi_runtime rt; /* first: the orchestration sees this */
	const struct device_kernel *kernels;
	unsigned char *heap;
	size_t used;
	int depth;		     /* open scopes */
	uint64_t scopes, tasks;	     /* opened and submitted so far */
	uint64_t runs[FAKE_KERNELS]; /* per kernel */
	uint64_t faults;	     /* tasks that were not what a task must be */
	uint64_t spoil;		     /* this task's first output is spoiled; 0 = none */
	bool fatal;
};

static uint64_t fake_errors; /* log_error calls of the orchestration */

static struct fake *fake_of(struct abi_runtime *rt)
{
	return (struct fake *)rt;
}

static size_t fake_element_bytes(uint32_t dtype)
{
	return dtype == ABI_BF16 || dtype == ABI_F16 ? 2 : dtype == ABI_I64 ? 8 : 4;
}

static void fake_place(struct fake *fake, struct abi_tensor *tensor)
{
	size_t bytes = (tensor->size + 1023) & ~(size_t)1023;

	if (bytes > FAKE_HEAP_BYTES - fake->used) {
		fake->faults++;
		bytes = 0;
	}
	tensor->addr = (uint64_t)(uintptr_t)(fake->heap + fake->used);
	memset(fake->heap + fake->used, 0xff, bytes); /* NaN: nobody may count on zeroes */
	fake->used += bytes;
}

/* Start of a view in elements, and whether the view stays inside its buffer. */
static void fake_offset(struct fake *fake, struct abi_tensor *tensor)
{
	const uint32_t *raw = tensor->is_raw_eq_shapes ? tensor->shapes : tensor->raw_shapes;
	uint64_t offset = 0, end = 0, stride = 1;

	for (uint32_t d = tensor->ndims; d-- > 0;) {
		uint64_t first = tensor->is_all_offset_zero ? 0 : tensor->offsets[d];

		if (first + tensor->shapes[d] > raw[d])
			fake->faults++;
		offset += first * stride;
		end += (first + tensor->shapes[d] - 1) * stride;
		stride *= raw[d];
	}
	if ((end + 1) * fake_element_bytes(tensor->dtype) > tensor->size)
		fake->faults++;
	tensor->start_offset = offset;
}

static const struct device_kernel *fake_kernel(const struct fake *fake, int32_t id)
{
	for (const struct device_kernel *kernel = fake->kernels; kernel->name; kernel++) {
		if (kernel->id == id)
			return kernel;
	}
	return NULL;
}

static void fake_run(struct fake *fake, const struct device_kernel *kernel, int64_t *args)
{
	kernel->function(args);
	fake->runs[kernel->id]++;
}

static void fake_submit(struct abi_runtime *rt, const struct abi_kernels *kernels,
			struct abi_param *param)
{
	struct fake *fake = fake_of(rt);
	bool cube = kernels->aic >= 0;
	const struct device_kernel *kernel = fake_kernel(fake, cube ? kernels->aic : kernels->aiv0);
	int64_t args[ABI_TENSORS_MAX + ABI_SCALARS_MAX];
	struct abi_tensor copies[ABI_TENSORS_MAX];
	struct abi_tensor *spoilt = NULL;
	int count = 0;

	fake->tasks++;
	if (!kernel || (kernel->core == DEVICE_CORE_AIC) != cube || kernels->aiv1 != -1 ||
	    (cube && kernels->aiv0 != -1) || param->has_error || fake->depth != 1) {
		fake->faults++;
		return;
	}
	for (int i = 0; i < param->tensor_count; i++) {
		struct abi_tensor *tensor = param->tensors[i];

		if (!tensor->addr && param->kinds[i] == ABI_OUT)
			fake_place(fake, tensor);
		if (!tensor->addr)
			fake->faults++;
		copies[i] = *tensor;
		fake_offset(fake, &copies[i]);
		args[count++] = (int64_t)(uintptr_t)&copies[i];
		if (param->kinds[i] == ABI_OUT)
			spoilt = &copies[i];
	}
	for (int i = 0; i < param->scalar_count; i++)
		args[count++] = (int64_t)param->scalars[i];
	fake_run(fake, kernel, args);
	if (fake->tasks == fake->spoil && spoilt)
		((float *)(uintptr_t)spoilt->addr)[spoilt->start_offset] += 1.0f;
}

static void fake_scope_begin(struct abi_runtime *rt)
{
	struct fake *fake = fake_of(rt);

	fake->depth++;
	fake->scopes++;
}

static void fake_scope_end(struct abi_runtime *rt)
{
	struct fake *fake = fake_of(rt);

	if (--fake->depth == 0)
		fake->used = 0;
}

static void fake_done(struct abi_runtime *rt)
{
	(void)rt;
}

static bool fake_is_fatal(struct abi_runtime *rt)
{
	return fake_of(rt)->fatal;
}

__attribute__((format(printf, 2, 3))) static void fake_log_error(const char *function,
								 const char *format, ...)
{
	va_list list;

	fake_errors++;
	va_start(list, format);
	printf("# orchestration says in %s: ", function);
	vprintf(format, list);
	printf("\n");
	va_end(list);
}

__attribute__((format(printf, 2, 3))) static void fake_log(const char *function, const char *format,
							   ...)
{
	(void)function;
	(void)format;
}

static const struct abi_ops fake_ops = {
	.submit_task = fake_submit,
	.scope_begin = fake_scope_begin,
	.scope_end = fake_scope_end,
	.orchestration_done = fake_done,
	.is_fatal = fake_is_fatal,
	.log_error = fake_log_error,
	.log_warn = fake_log,
	.log_info = fake_log,
	.log_debug = fake_log,
	.log_always = fake_log,
};

static inline bool fake_start(struct fake *fake, const struct device_kernel *kernels)
{
	*fake = (struct fake){ .rt = { &fake_ops }, .kernels = kernels };
	fake->heap = malloc(FAKE_HEAP_BYTES);
	return fake->heap != NULL;
}

static inline void fake_stop(struct fake *fake)
{
	free(fake->heap);
}

/* The entry's words: addresses of the arrays, and the scalars. */
static inline void fake_args(const struct workload_data *data, uint64_t *ret_args)
{
	for (int i = 0; i < data->arg_count; i++)
		ret_args[i] = data->args[i].kind == DEVICE_ARG_SCALAR
				      ? data->args[i].scalar
				      : (uint64_t)(uintptr_t)data->args[i].bytes;
}

#endif
