/* soload aicpu: the device's side of `soload repro`, started by the host and by nobody else. It is
 * this program again, because the workload's kernels are linked into it. */
#include "bench/command.h"

#include "base/log.h"
#include "bench/workloads/workload.h"
#include "device/aicpu.h"

#include <stdlib.h>

int command_aicpu(int argc, char **argv)
{
	/* argv[1] names loader and transport, for whoever looks at the list of processes. */
	int fd = argc == 3 ? atoi(argv[2]) : -1;
	const struct device_variant *variant = NULL;
	const char *wanted = fd > 2 ? aicpu_program_wanted(fd, &variant) : NULL;
	const struct workload *workload = wanted ? workload_find(wanted, NULL) : NULL;
	const struct workload_variant *built;
	struct aicpu_program program;

	built = workload && variant ? workload_variant_find(workload, variant->object_suffix, NULL)
				    : NULL;
	if (!built) {
		log_error("aicpu: started by `soload repro`, not by hand");
		return EXIT_USAGE;
	}
	program = (struct aicpu_program){
		.name = workload->name,
		.kernels = workload->kernels,
		.linked = built->linked,
	};
	return aicpu_main(fd, &program);
}
