/* What the files of the AICPU share. Internal to device/aicpu*.c. */
#ifndef SOLOAD_DEVICE_AICPU_STATE_H
#define SOLOAD_DEVICE_AICPU_STATE_H

#include "device/aicpu.h"
#include "device/control.h"

#define AICPU_LOG_BYTES 8192

/* A place for one object. Its functions stay valid while the image is loaded. */
struct aicpu_callable {
	struct image *image; /* NULL: never used */
	struct so so;
	char path[sizeof(((struct control_request *)NULL)->object_path)];
	void *copy; /* of the bytes of an image that is kept, for who judges it later, or NULL */
	abi_config_function configure;
	struct runtime_entry entry; /* without arguments */
};

struct aicpu {
	struct control *control;
	const struct aicpu_program *program;
	const struct transport *transport;
	struct transport_device device;
	struct loader *loader;
	struct aicpu_callable callables[DEVICE_CALLABLES_MAX];
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
	struct aicpu_callable *callable; /* of the request */
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

/* One request, on the orchestrating thread; the answer is filled in but not sent. */
void aicpu_serve(struct aicpu *aicpu);

/* Brings the object of the request into its place, in phases READ to RESOLVE; one that is there is
 * unloaded first. */
int aicpu_object_load(struct aicpu *aicpu, struct err *err);

/* Is the object of the request in its place, and still what it was when it was loaded? -ESTALE in
 * words when it is another. */
int aicpu_object_find(struct aicpu *aicpu, struct err *err);

/*
 * Where dies share a file system, the file under a mapping may be overwritten at any time, and with
 * it the code that was not written to: what was right after the load is looked at again.
 */
void aicpu_object_judge_again(struct aicpu *aicpu);

void aicpu_object_unload(struct aicpu *aicpu);

/* Unloads every object; the end of their images. */
void aicpu_objects_free(struct aicpu *aicpu);

/* Signals: a crash is told to the host, staged files go, the process ends. The lane of a thread is
 * named in the report. */
int aicpu_crash_prepare(struct control *control, struct err *err);
void aicpu_crash_thread(unsigned int thread);

#endif
