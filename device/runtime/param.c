/*
 * What a foreign object hands to submit is checked before anything is done with it. Every refusal
 * is fatal, as upstream's, and says which tensor of which task.
 */
#include "device/runtime/internal.h"

#include <errno.h>

static const char *kind_name(int32_t kind)
{
	return kind == ABI_IN ? "an input" : kind == ABI_OUT ? "an output" : "an in-out";
}

static bool tensor_check(struct runtime *rt, const struct abi_param *param, int index)
{
	const struct abi_tensor *tensor = param->tensors[index];
	int32_t kind = param->kinds[index];
	const char *wrong = NULL;

	if (!tensor)
		wrong = "is a null pointer";
	else if ((uintptr_t)tensor % _Alignof(struct abi_tensor))
		wrong = "is not aligned to 64 bytes";
	else if (kind < ABI_IN || kind > ABI_INOUT)
		wrong = "is of an unknown kind";
	else if (tensor->ndims > ABI_DIMS_MAX)
		wrong = "has more than 5 dimensions";
	else if (!tensor_dtype_bytes(tensor->dtype))
		wrong = "has an unknown data type";
	if (wrong) {
		runtime_fail(rt, EINVAL, "task %llu: tensor %d %s",
			     (unsigned long long)atomic_load(&rt->submitted), index, wrong);
		return false;
	}
	if (!tensor->addr && kind != ABI_OUT) {
		runtime_fail(rt, EINVAL, "task %llu: tensor %d is %s without an address",
			     (unsigned long long)atomic_load(&rt->submitted), index,
			     kind_name(kind));
		return false;
	}
	return true;
}

static bool kernels_check(struct runtime *rt, const struct abi_kernels *kernels)
{
	const int32_t ids[PART_COUNT] = { kernels->aic, kernels->aiv0, kernels->aiv1 };
	unsigned long long task = atomic_load(&rt->submitted);
	int i, count = 0;

	for (i = 0; i < PART_COUNT; i++) {
		if (ids[i] == -1)
			continue;
		if (ids[i] < 0 || ids[i] >= ABI_KERNELS_MAX || !rt->resources.functions[ids[i]]) {
			runtime_fail(rt, EINVAL, "task %llu: no kernel has the id %d", task,
				     ids[i]);
			return false;
		}
		count++;
	}
	if (count == 0)
		runtime_fail(rt, EINVAL, "task %llu names no kernel", task);
	return count > 0;
}

bool param_check(struct runtime *rt, const struct abi_kernels *kernels,
		 const struct abi_param *param)
{
	unsigned long long task = atomic_load(&rt->submitted);
	int i;

	if (!kernels || !param) {
		runtime_fail(rt, EINVAL, "task %llu has no kernels or no parameters", task);
		return false;
	}
	if (param->has_error) {
		runtime_fail(rt, EINVAL, "task %llu: %.300s", task,
			     param->error_msg ? param->error_msg : "its parameters are wrong");
		return false;
	}
	if (param->tensor_count < 0 || param->tensor_count > ABI_TENSORS_MAX ||
	    param->scalar_count < 0 || param->scalar_count > ABI_SCALARS_MAX) {
		runtime_fail(rt, EINVAL,
			     "task %llu has %d tensors and %d scalars; at most %d and %d are "
			     "possible",
			     task, param->tensor_count, param->scalar_count, ABI_TENSORS_MAX,
			     ABI_SCALARS_MAX);
		return false;
	}
	if (!kernels_check(rt, kernels))
		return false;
	for (i = 0; i < param->tensor_count; i++)
		if (!tensor_check(rt, param, i))
			return false;
	return true;
}
