/*
 * Host and AICPU on objects built for tests, of any variant. The AICPU is the test program,
 * executed again: main() begins with is_aicpu().
 */
#ifndef SOLOAD_TESTS_DEVICE_DEVICE_RIG_H
#define SOLOAD_TESTS_DEVICE_DEVICE_RIG_H

#include "device/aicpu.h"
#include "device/host.h"

#define MEMORY_BYTES (2ull << 30)
#define PAIRS 3

struct rig {
	struct memory *memory;
	struct dma *dma;
	struct device *device;
	struct device_result *result;
	const struct device_variant *variant;
	const struct device_when *when;	   /* NULL: the default */
	const struct transport *transport; /* for whoever notes it here */
	bool incoherent;
	struct device_arg args[2 * PAIRS];
	int32_t outputs[PAIRS][16];
};

extern struct rig rig;
extern const struct device_kernel kernels[];
extern const struct aicpu_program program;

/* For struct device_options: the test program in its emulator, or NULL without one. */
const char *const *aicpu_command(void);

bool is_aicpu(int argc, char **argv);
int aicpu_be(char **argv);

/* Of the whole group of tests. */
int rig_up(void **state);
int rig_down(void **state);

/* tests/fixtures/orchestration.c, built for the rig's variant. */
void object_open(struct device_object *ret_object, const char *name);

void device_up(const char *loader, const char *transport, uint64_t timeout_ns);
void device_down(void);

/* The arguments of a round that works, and what it must have made of them. */
void args_set(void);
void outputs_check(void);

/* A round with that object; and one that must work. */
int run(const char *object_name, struct err *err);
int run_object(const struct device_object *object, unsigned int callable, struct err *err);
void works(void);

/* Whether the last round failed in that phase. PHASE_DRAIN is PHASE_ORCHESTRATE, too: a kernel may
 * be at it before or after the last task was submitted. */
bool failure_phase_is(enum phase expected);

/* Every way to fail of that kind: one sentence and the phase, and the round after it works. */
void failures_check(enum device_failure kind, uint64_t timeout_ns);

#endif
