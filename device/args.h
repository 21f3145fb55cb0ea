/*
 * What a workload hands to the device model: its arguments, in upstream's order, and its kernels.
 * The device model knows no workload; a workload knows no device.
 */
#ifndef SOLOAD_DEVICE_ARGS_H
#define SOLOAD_DEVICE_ARGS_H

#include "device/abi.h"

enum device_arg_kind {
	DEVICE_ARG_SCALAR, /* passed through */
	DEVICE_ARG_INPUT,  /* device allocation and copy to the device */
	DEVICE_ARG_OUTPUT, /* device allocation, copied back */
	DEVICE_ARG_INOUT,  /* copied both ways */
};

/* One argument of the orchestration entry; `bytes` is host memory owned by the workload. */
struct device_arg {
	enum device_arg_kind kind;
	void *bytes;
	size_t size;
	uint64_t scalar;
};

enum device_core { DEVICE_CORE_AIC, DEVICE_CORE_AIV };

/* A kernel linked into the device program: stands for the binary that upstream uploads. Lists end
 * with a NULL name. */
struct device_kernel {
	int32_t id;
	const char *name;
	enum device_core core;
	abi_kernel_function function;
};

#endif
