/*
 * The AICPU: the device's side, a process of its own. It waits for the doorbell, loads the object
 * that the transport brought through its loader, and runs the orchestration on four threads.
 */
#ifndef SOLOAD_DEVICE_AICPU_H
#define SOLOAD_DEVICE_AICPU_H

#include "device/args.h"
#include "device/variant.h"
#include "loaders/loader.h"

/* What is linked into the device program for one workload. Lists end with a NULL name. */
struct aicpu_program {
	const char *name;
	const struct device_kernel *kernels;
	const struct so_symbol *linked;
};

/*
 * Runs until the host says so or dies. `control_fd` is the control page the host handed over.
 * Returns the exit status; an error at start-up is told to the host through the control page.
 */
int aicpu_main(int control_fd, const struct aicpu_program *program);

/* The name of the program the host wants and for which variant, or NULL when `control_fd` is no
 * control page. Valid until the next call. */
const char *aicpu_program_wanted(int control_fd, const struct device_variant **ret_variant);

#endif
