/* What the files of the AICPU share. Internal to device/aicpu*.c. */
#ifndef SOLOAD_DEVICE_AICPU_STATE_H
#define SOLOAD_DEVICE_AICPU_STATE_H

#include "device/aicpu.h"
#include "device/control.h"

#define AICPU_LOG_BYTES 8192

struct aicpu {
	struct control *control;
	const struct aicpu_program *program;
	const struct transport *transport;
	struct transport_device device;
	struct loader *loader;
	struct image *image;
	struct aicore *cores;
	const struct device_variant *variant;
	unsigned int orchestrator;    /* the index of the thread that loads */
	struct runtime_config config; /* resolved */
	struct runtime_gate gate;
	struct bell left; /* rung by each scheduler that has left the run */

	/* Of one run. */
	const struct abi_fields *view; /* both layouts begin like this */
	struct abi_handshake *workers;
	bool greeted;
	struct so so;
	abi_config_function configure;
	struct runtime_entry entry;
	uint64_t functions[ABI_KERNELS_MAX];
	struct runtime *rt;
	char log[AICPU_LOG_BYTES]; /* what the object said, until nothing is timed any more */
	size_t log_used;
};

/* The lane of a thread, for timeline_enter(). */
static inline struct timeline *aicpu_lane(struct aicpu *aicpu, unsigned int thread)
{
	return &aicpu->control->lanes[thread].time;
}

/* One run, on the orchestrating thread; the answer is filled in but not sent. */
void aicpu_run(struct aicpu *aicpu);

/* Signals: a crash is told to the host, staged files go, the process ends. The lane of a thread is
 * named in the report. */
int aicpu_crash_prepare(struct control *control, struct err *err);
void aicpu_crash_thread(unsigned int thread);

#endif
