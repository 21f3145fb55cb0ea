/* A thread for code that nobody vouches for. See host_guard.h. */
#include "device/host_guard.h"

#include "base/clock.h"
#include "device/channel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS UINT64_C(20000000)

/* One at a time; it outlives a call that is given up, because the thread does. */
static struct {
	struct guard guard;
	struct bell bell;
	struct err err;
	int result, signal, status;
	bool exits;
	uintptr_t address;
} running;

static bool given_up;
static _Thread_local bool guarded;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

#define CRASHES (sizeof(crashes) / sizeof(crashes[0]))

static struct sigaction before[CRASHES];

/* A crash elsewhere is what it would have been. */
static void crashed(int signal, siginfo_t *what, void *context)
{
	(void)context;
	if (!guarded) {
		for (size_t i = 0; i < CRASHES; i++)
			sigaction(crashes[i], &before[i], NULL);
		return;
	}
	running.address = (uintptr_t)what->si_addr;
	running.signal = signal;
	bell_ring(&running.bell);
	for (;;)
		pause();
}

/* The process does not end because an object says so. */
static void exits(int status, void *unused)
{
	(void)unused;
	if (!guarded)
		return;
	running.status = status;
	running.exits = true;
	bell_ring(&running.bell);
	for (;;)
		pause();
}

static void exits_catch(void)
{
	static bool caught;

	if (!caught)
		on_exit(exits, NULL);
	caught = true;
}

static void crashes_catch(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigemptyset(&action.sa_mask);
	action.sa_sigaction = crashed;
	for (size_t i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, &before[i]);
}

static void crashes_let_go(void)
{
	for (size_t i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &before[i], NULL);
}

static void *guarded_main(void *unused)
{
	static _Alignas(64) char memory[64 * 1024];
	const stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	stack_t before_stack = { .ss_flags = SS_DISABLE };

	(void)unused;
	guarded = true;
	sigaltstack(&stack, &before_stack);
	running.result = running.guard.call(running.guard.context, &running.err);
	guarded = false;
	sigaltstack(&before_stack, NULL); /* a sanitizer's own, which it takes back itself */
	bell_ring(&running.bell);
	return NULL;
}

static int crash_in_words(struct err *err)
{
	char address[48] = "";

	if (running.exits)
		return err_set(err, EPIPE, "the object called exit(%d) in the host",
			       running.status);
	if (running.signal != SIGABRT)
		snprintf(address, sizeof(address), " at address 0x%llx",
			 (unsigned long long)running.address);
	return err_set(err, EPIPE, "the object crashed in the host: SIG%s%s",
		       sigabbrev_np(running.signal), address);
}

/* The linker's own end at exit would wait for its lock. */
static void leave(int status, void *unused)
{
	(void)unused;
	fflush(NULL);
	_exit(status);
}

bool guard_given_up(void)
{
	return given_up;
}

/* 0 when the call has returned. */
static int returned_wait(struct guard *guard, uint32_t seen, struct err *err)
{
	uint64_t until = clock_now_ns() + guard->timeout_ns;

	while (bell_wait(&running.bell, seen, LOOK_NS) < 0) {
		if (guard->interrupted && guard->interrupted()) {
			guard->ret_failure = DEVICE_INTERRUPTED;
			return err_set(err, EINTR, "interrupted");
		}
		if (clock_now_ns() < until)
			continue;
		guard->ret_failure = DEVICE_TIMEOUT;
		return err_set(err, ETIMEDOUT, "the object did not return to the host for %.1f s",
			       (double)guard->timeout_ns / 1e9);
	}
	if (!running.signal && !running.exits)
		return 0;
	guard->ret_failure = DEVICE_CRASHED;
	return crash_in_words(err);
}

static int thread_run(struct guard *guard, struct err *err)
{
	uint32_t seen = bell_count(&running.bell);
	pthread_t thread;
	int r;

	running.guard = *guard;
	running.signal = 0;
	r = pthread_create(&thread, NULL, guarded_main, NULL);
	if (r != 0)
		return err_set(err, r, "a thread for the object: %s", strerror(r));
	r = returned_wait(guard, seen, err);
	if (r < 0) {
		given_up = true;
		on_exit(leave, NULL);
		pthread_detach(thread);
		return r;
	}
	pthread_join(thread, NULL);
	if (running.result < 0)
		*err = running.err;
	return running.result;
}

int guard_run(struct guard *guard, struct err *err)
{
	int r;

	pthread_mutex_lock(&one);
	if (given_up) {
		r = err_set(err, ENOTRECOVERABLE,
			    "an object that crashed or did not return is still in this process: "
			    "nothing else is loaded into it");
	} else {
		crashes_catch();
		exits_catch();
		r = thread_run(guard, err);
		crashes_let_go();
	}
	pthread_mutex_unlock(&one);
	return r;
}
