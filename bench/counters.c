/* The tracer. It stops the worker at every system call, so nothing here is fast, nor need it be. */
#include "bench/counters.h"

#include "base/clock.h"
#include "bench/command.h"
#include "bench/pmu.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_SYSCALL (SIGTRAP | 0x80) /* with PTRACE_O_TRACESYSGOOD */
#define POLL_US 20

/* What the kernel's own trampolines call where someone watches the dynamic linker by uprobes: no
 * work of the load. x86_64 alone, Linux 6.11 (uretprobe) and 6.18 (uprobe). */
#if defined(__x86_64__)
#define IS_WATCHERS(number) ((number) == 335 || (number) == 336)
#else
#define IS_WATCHERS(number) false
#endif

static const char *const names[COUNTERS_CALLS] = {
#define SYSCALL(name) [__NR_##name] = #name,
#include "syscalls.def" /* generated, see bench/syscalls.mk */
#undef SYSCALL
};

struct tracer {
	struct client *client;
	struct counters *one; /* being counted */
	struct counters *last;
	uint32_t wanted;
	uint64_t entered; /* the call the worker is in */
	uint64_t args[6];
	bool counting;
	struct pmu pmu;
	uint64_t since;	 /* instructions when counting began */
	bool pmu_failed; /* once: the sum is worth nothing */
	bool began;	 /* the first mark was there */
	bool answering;	 /* the batch is over, whatever became of its loads */
	uint32_t *between;
};

const char *counters_name(uint32_t number)
{
	return number < COUNTERS_CALLS ? names[number] : NULL;
}

double counters_memory(pid_t pid)
{
	unsigned long long anon = 0, shmem = 0, value;
	int found = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Pss_Anon: %llu kB", &value) == 1) {
			anon = value;
			found++;
		} else if (sscanf(line, "Pss_Shmem: %llu kB", &value) == 1) {
			shmem = value;
			found++;
		}
	}
	if (file)
		fclose(file);
	return found == 2 ? 1024.0 * (double)(anon + shmem) : (double)NAN;
}

/* The worker's next stop, or its end. */
static int stop_wait(struct client *client, int *ret_status, struct err *err)
{
	uint64_t since = clock_now_ns();

	for (;;) {
		pid_t r = waitpid(client->pid, ret_status, WNOHANG | __WALL);

		if (r == client->pid)
			break;
		if (r < 0 && errno != EINTR)
			return err_sys(err, "wait for the traced worker");
		if (command_interrupted())
			return err_set(err, EINTR, "interrupted");
		if (clock_now_ns() - since > client->options.timeout_ns)
			return err_set(err, EIO, "the traced worker hangs");
		usleep(POLL_US);
	}
	if (WIFSTOPPED(*ret_status))
		return 0;
	client->pid = 0;
	return err_set(err, EIO, "the traced worker died");
}

/* The worker stands still: between two of its marks are its own instructions and nobody's. */
static void counting_set(struct tracer *tracer, bool counting)
{
	uint64_t now = 0;

	if (counting != tracer->counting) {
		tracer->pmu_failed |= !pmu_read(&tracer->pmu, &now);
		if (counting)
			tracer->since = now;
		else
			tracer->one->instructions += now - tracer->since;
	}
	tracer->counting = counting;
}

static void load_done(struct tracer *tracer)
{
	struct counters *one = tracer->one, *last = tracer->last;

	one->exact =
		last->loads == 0 || (last->exact && one->written_bytes == last->written_bytes &&
				     one->mapped_bytes == last->mapped_bytes &&
				     memcmp(one->calls, last->calls, sizeof(one->calls)) == 0);
	one->loads = last->loads + 1;
	one->instructions += last->instructions;
	*last = *one;
	*one = (struct counters){ 0 };
}

static void call_entered(struct tracer *tracer, const struct __ptrace_syscall_info *call)
{
	uint64_t number = call->entry.nr;

	memcpy(tracer->args, call->entry.args, sizeof(tracer->args));
	tracer->entered = number;
	if (number == __NR_prctl && call->entry.args[0] == WORKER_MARK) {
		counting_set(tracer, call->entry.args[1] == WORKER_MARK_LOAD ||
					     call->entry.args[1] == WORKER_MARK_RESUME);
		tracer->began = true;
		if (call->entry.args[1] == WORKER_MARK_PAUSE)
			tracer->one->loaded_bytes = counters_memory(tracer->client->pid);
		if (call->entry.args[1] == WORKER_MARK_DONE)
			load_done(tracer);
		return;
	}
	if (IS_WATCHERS(number))
		return;
	if (!tracer->counting) {
		tracer->answering |= number == __NR_write && tracer->last->loads;
		if (tracer->began && !tracer->answering)
			tracer->between[number < COUNTERS_CALLS ? number : COUNTERS_CALLS - 1]++;
		return;
	}
	tracer->one->calls[number < COUNTERS_CALLS ? number : COUNTERS_CALLS - 1]++;
	tracer->one->total++;
}

static void call_left(struct tracer *tracer, const struct __ptrace_syscall_info *call)
{
	if (!tracer->counting || call->exit.is_error)
		return;
	switch (tracer->entered) {
	case __NR_write:
	case __NR_writev:
	case __NR_pwrite64:
	case __NR_pwritev:
	case __NR_pwritev2:
	case __NR_sendfile:
	case __NR_copy_file_range:
	case __NR_process_vm_writev:
		tracer->one->written_bytes += (uint64_t)call->exit.rval;
		break;
	case __NR_mmap:
		tracer->one->mapped_bytes += tracer->args[1];
		break;
	default:
		break;
	}
}

static int call_look(struct tracer *tracer, struct err *err)
{
	struct __ptrace_syscall_info call = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracer->client->pid, sizeof(call), &call) < 0) {
		if (errno == EIO) /* a kernel that does not know the request */
			errno = ENOSYS;
		return err_sys(err, "what the worker called (Linux 5.3 or newer)");
	}
	if (call.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_entered(tracer, &call);
	else if (call.op == PTRACE_SYSCALL_INFO_EXIT)
		call_left(tracer, &call);
	return 0;
}

/* From the request to the last mark, or to the answer when a load failed and ended the batch. */
static int batch_trace(struct tracer *tracer, struct err *err)
{
	int signal_number = 0;

	while (tracer->last->loads < tracer->wanted) {
		int status, r;

		if (ptrace(PTRACE_SYSCALL, tracer->client->pid, 0,
			   (void *)(uintptr_t)signal_number) < 0)
			return err_sys(err, "let the traced worker go on");
		r = stop_wait(tracer->client, &status, err);
		if (r < 0)
			return r;
		signal_number = 0;
		if (WSTOPSIG(status) == STOP_SYSCALL)
			r = call_look(tracer, err);
		else if (status >> 16 == 0)
			signal_number = WSTOPSIG(status); /* the worker's own: pass it on */
		if (r < 0)
			return r;
		if (tracer->answering)
			return 0;
	}
	return 0;
}

static int worker_stop(struct client *client, struct err *err)
{
	int status, r;

	if (ptrace(PTRACE_SEIZE, client->pid, 0, (void *)PTRACE_O_TRACESYSGOOD) < 0)
		return err_sys(err, "system calls cannot be counted here: ptrace");
	if (ptrace(PTRACE_INTERRUPT, client->pid, 0, 0) < 0)
		return err_sys(err, "stop the worker");
	r = stop_wait(client, &status, err);
	return r;
}

static int batch_take(struct tracer *tracer, struct client_load *loads, struct err *err)
{
	struct worker_run run = { .count = tracer->wanted, .marks = 1 };
	struct client *client = tracer->client;
	int r = client_run_send(client, &run, err);

	if (r == 0)
		r = batch_trace(tracer, err);
	if (client->pid)
		ptrace(PTRACE_DETACH, client->pid, 0, 0);
	if (r < 0)
		return r;
	r = client_run_receive(client, loads, tracer->wanted, err);
	if (r > 0 && loads[r - 1].load.result < 0)
		return err_set(err, EIO, "%s", loads[r - 1].load.text);
	return r < 0 ? r : 0;
}

int counters_take(struct client *client, uint32_t loads, struct counters *ret_counters,
		  struct err *err)
{
	struct client_load *received = calloc(loads, sizeof(received[0]));
	struct counters *both = calloc(2, sizeof(both[0]));
	uint32_t between[COUNTERS_CALLS] = { 0 };
	struct tracer tracer = {
		.client = client,
		.one = both,
		.last = both ? both + 1 : NULL,
		.wanted = loads,
		.between = between,
	};
	struct err why = { "" };
	int r = received && both ? worker_stop(client, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		tracer.pmu_failed = pmu_open(&tracer.pmu, client->pid, &why) < 0;
	if (r == 0)
		r = batch_take(&tracer, received, err);
	pmu_close(&tracer.pmu);
	if (r == 0) {
		*ret_counters = both[1];
		memcpy(ret_counters->between, between, sizeof(between));
		ret_counters->instructions_known = !tracer.pmu_failed;
		if (tracer.pmu_failed)
			snprintf(ret_counters->no_pmu, sizeof(ret_counters->no_pmu), "%s",
				 why.text[0] ? why.text : "the PMU was shared with other counters");
	}
	free(received);
	free(both);
	return r;
}
