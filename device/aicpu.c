/*
 * The AICPU's start and its threads. The main thread waits for the doorbell, loads and orchestrates
 * (upstream's last thread); the others schedule, from a bell of their own. What it needs it
 * finds in the control page.
 */
#include "device/aicpu_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "device/directories.h"
#include "loaders/staged.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_START 2
#define EXIT_KERNEL_HANGS 3
#define EXIT_HOST_GONE 4

struct scheduler {
	struct aicpu *aicpu;
	unsigned int index;
};

static void lanes_prepare(struct control *control)
{
	for (unsigned int i = 0; i < DEVICE_THREADS_MAX; i++) {
		struct timeline *time = &control->lanes[i].time;

		time->spans = control->lanes[i].spans;
		time->span_capacity = DEVICE_SPANS_MAX;
		time->watch = &control->watch[i];
	}
}

static void schedule_once(struct aicpu *aicpu, unsigned int index)
{
	struct timeline *lane = aicpu_lane(aicpu, index);
	struct runtime *rt = NULL;
	struct err err;

	timeline_begin(lane, PHASE_READY);
	if (runtime_gate_wait(&aicpu->gate, &rt, &err) == 0) {
		timeline_enter(lane, PHASE_SCHEDULE);
		/* A fatal error is the orchestrating thread's to report: it sees the same one. */
		runtime_schedule(rt, index, &err);
	}
	timeline_end(lane);
}

static void *scheduler_main(void *argument)
{
	const struct scheduler *self = argument;
	struct aicpu *aicpu = self->aicpu;
	struct bell *begun = &aicpu->control->begun;
	uint32_t seen = 0;

	aicpu_crash_thread(self->index);
	for (;;) {
		while (bell_count(begun) == seen)
			bell_wait(begun, seen, UINT64_MAX);
		seen++;
		if (aicpu->control->request.leave)
			return NULL;
		schedule_once(aicpu, self->index);
		bell_ring(&aicpu->left);
	}
}

static int schedulers_start(struct aicpu *aicpu, struct err *err)
{
	static struct scheduler schedulers[DEVICE_THREADS_MAX];

	for (unsigned int i = 0; i < aicpu->orchestrator; i++) {
		pthread_t thread;
		int code;

		schedulers[i] = (struct scheduler){ .aicpu = aicpu, .index = i };
		code = pthread_create(&thread, NULL, scheduler_main, &schedulers[i]);
		if (code != 0)
			return err_set(err, code, "AICPU thread %u: %s", i, strerror(code));
		pthread_detach(thread);
	}
	return 0;
}

/* Waits for the host's end. An object may ignore or block the death signal; this it cannot stop. */
static void *host_watch_main(void *argument)
{
	struct pollfd host = { .fd = (int)(intptr_t)argument, .events = POLLIN };

	while (poll(&host, 1, -1) < 0 && errno == EINTR)
		;
	staged_unlink_all();
	directories_leave_last();
	_exit(EXIT_HOST_GONE);
}

/* Kernels before 5.3 have no pidfd: there the death signal must do. */
static void host_watch(pid_t host)
{
	int fd = (int)syscall(SYS_pidfd_open, host, 0);
	sigset_t all, before;
	pthread_t thread;

	if (fd < 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, host_watch_main, (void *)(intptr_t)fd) == 0)
		pthread_detach(thread);
	else
		close(fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * Freed memory stays with the process. glibc would give the runtime's 20 MiB of pools back after
 * some runs and not after others, by what happens to lie above them in its heap: creating them anew
 * then costs 1.5 or 15 ms, and a loader would be blamed for it.
 */
static void memory_keep(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, INT_MAX);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static int directories_choose(const struct control_setup *setup, struct err *err)
{
	return setup->chip ? directories_enter_shared(setup->directories, err)
			   : directories_enter(setup->directories, err);
}

/* The private directories come before any thread, and the death signal after them: a change of
 * credentials forgets it. */
static int surroundings_prepare(struct control *control, struct err *err)
{
	struct control_startup *startup = &control->startup;
	struct err why;
	int r;

	memory_keep();
	staged_place(&control->staged);
	r = aicpu_crash_prepare(control, err);
	if (r < 0)
		return r;
	staged_number_set(control->setup.chip);
	if (!control->setup.directories[0])
		snprintf(startup->directories, sizeof(startup->directories),
			 "the machine's own directories");
	else if (directories_choose(&control->setup, &why) < 0)
		snprintf(startup->directories, sizeof(startup->directories),
			 "the machine's own directories (%.200s)", why.text);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return err_sys(err, "prctl");
	if (getppid() != control->setup.host)
		return err_set(err, ESRCH, "the host is gone");
	host_watch(control->setup.host);
	return 0;
}

static int memory_prepare(struct aicpu *aicpu, struct err *err)
{
	const struct control_setup *setup = &aicpu->control->setup;
	void *mapping = NULL;
	int r = memory_map(setup->memory_fd, setup->memory_bytes, setup->memory_base, &mapping,
			   err);

	if (r < 0)
		return r;
	aicpu->device.memory = mapping;
	aicpu->device.memory_bytes = setup->memory_bytes;
	aicpu->device.memory_fd = setup->memory_fd;
	aicpu->control->startup.memory_base = (uintptr_t)mapping;
	return 0;
}

static int loader_prepare(struct aicpu *aicpu, struct err *err)
{
	const struct control_setup *setup = &aicpu->control->setup;
	int r;

	if (aicpu->variant->host_builds)
		return 0;
	aicpu->transport = transport_find(setup->transport, err);
	if (!aicpu->transport)
		return -EINVAL;
	if (aicpu->transport->device_state_size > 0) {
		aicpu->device.state = calloc(1, aicpu->transport->device_state_size);
		if (!aicpu->device.state)
			return err_set(err, ENOMEM, "out of memory");
	}
	r = loader_open(&aicpu->loader, setup->loader, err);
	if (r == 0 && aicpu->loader->target)
		aicpu->control->startup.target = *aicpu->loader->target;
	return r;
}

static int device_prepare(struct aicpu *aicpu, struct err *err)
{
	const struct control_setup *setup = &aicpu->control->setup;
	const struct device_variant *variant = aicpu->variant;
	struct aicore_config cores = { .aic = variant->aic,
				       .aiv = variant->workers - variant->aic };
	int r;

	/* The runtime names what hangs; it should speak before the host loses its patience. */
	aicpu->config = (struct runtime_config){
		.pools = (enum runtime_pools)setup->pools,
		.schedulers = device_variant_schedulers(variant),
		.variant = variant->operations,
		.stall_ns = setup->timeout_ns / 4 * 3,
	};
	r = runtime_config_resolve(&aicpu->config, err);
	if (r == 0)
		r = runtime_gate_init(&aicpu->gate, err);
	if (r == 0)
		r = aicore_start(&cores, &aicpu->cores, err);
	return r < 0 ? r : schedulers_start(aicpu, err);
}

static int start(struct aicpu *aicpu, struct err *err)
{
	int r;

	lanes_prepare(aicpu->control);
	r = surroundings_prepare(aicpu->control, err);
	if (r == 0)
		r = memory_prepare(aicpu, err);
	if (r == 0)
		r = loader_prepare(aicpu, err);
	return r < 0 ? r : device_prepare(aicpu, err);
}

/* What the object said, after the host has its answer. */
static void log_print(struct aicpu *aicpu)
{
	if (aicpu->log_used > 0)
		fd_write_all(STDERR_FILENO, aicpu->log, aicpu->log_used, "stderr", NULL);
	aicpu->log_used = 0;
}

/* A kernel that does not return still uses the object and the memory: nothing may be taken away. */
static void leave_at_once(void)
{
	staged_unlink_all();
	directories_leave();
	_exit(EXIT_KERNEL_HANGS);
}

static void serve(struct aicpu *aicpu)
{
	struct control *control = aicpu->control;
	uint32_t seen = 0;

	for (;;) {
		bool leaves;

		while (bell_count(&control->doorbell) == seen)
			bell_wait(&control->doorbell, seen, UINT64_MAX);
		seen++;
		if (control->request.leave)
			return;
		if (control->request.stamp) {
			__atomic_store_n(&control->stamp, clock_ticks(), __ATOMIC_RELEASE);
			bell_ring(&control->answered);
			continue;
		}
		aicpu_serve(aicpu);
		leaves = control->answer.leaves;
		bell_ring(&control->answered);
		log_print(aicpu);
		if (leaves)
			leave_at_once();
	}
}

static void finish(struct aicpu *aicpu)
{
	struct err err;

	aicpu_objects_free(aicpu);
	loader_close(aicpu->loader);
	aicore_stop(aicpu->cores, 1000000000, &err);
	staged_unlink_all();
	directories_leave();
}

const char *aicpu_program_wanted(int control_fd, const struct device_variant **ret_variant)
{
	static char name[sizeof(((struct control_setup *)NULL)->program)];
	struct control *control = control_map(control_fd);

	if (!control)
		return NULL;
	memcpy(name, control->setup.program, sizeof(name) - 1);
	*ret_variant = device_variant_at(control->setup.variant);
	control_unmap(control);
	return name;
}

int aicpu_main(int control_fd, const struct aicpu_program *program)
{
	static struct aicpu aicpu;
	struct control *control = control_map(control_fd);
	int r;

	if (!control) {
		log_error("aicpu: started by the host of a device only");
		return EXIT_START;
	}
	aicpu.control = control;
	aicpu.program = program;
	log_level = (enum log_level)control->setup.log_level;
	if (control->setup.shared_clock)
		clock_share();
	aicpu.variant = device_variant_at(control->setup.variant);
	if (!aicpu.variant)
		return EXIT_START;
	aicpu.orchestrator = device_variant_schedulers(aicpu.variant);
	aicpu.device.workers = aicpu.variant->workers;
	aicpu.device.incoherent = control->setup.incoherent;
	aicpu.device.time = aicpu_lane(&aicpu, aicpu.orchestrator);
	aicpu_crash_thread(aicpu.orchestrator);
	r = start(&aicpu, &control->startup.err);
	control->startup.code = r;
	bell_ring(&control->answered);
	if (r == 0)
		serve(&aicpu);
	finish(&aicpu);
	return r < 0 ? EXIT_START : 0;
}
