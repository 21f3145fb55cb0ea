/*
 * The last words of an AICPU: a signal handler writes signal, address and thread to the control
 * page, removes what is staged, wakes the host and ends the process. Only async-signal-safe calls.
 *
 * Object code that crashes must not take the file it was loaded from along into eternity.
 */
#include "device/aicpu_state.h"

#include "device/directories.h"
#include "loaders/staged.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)

static struct control *page;
static uint32_t crashing;
static __thread uint32_t own_lane = CONTROL_NO_LANE;

static void leftovers_remove(void)
{
	staged_unlink_all();
	directories_leave();
}

static void crashed(int signal, siginfo_t *what, void *context)
{
	(void)context;
	/* Several threads may crash at once: the first speaks, the others wait for its _exit. */
	if (__atomic_exchange_n(&crashing, 1, __ATOMIC_ACQ_REL)) {
		for (;;)
			pause();
	}
	page->crash.code = what->si_code;
	page->crash.address = (uintptr_t)what->si_addr;
	page->crash.lane = own_lane;
	__atomic_store_n(&page->crash.signal, signal, __ATOMIC_RELEASE);
	leftovers_remove();
	bell_ring(&page->answered);
	_exit(128 + signal);
}

/* The host wants an end, or is dead: nobody is told. */
static void asked_to_end(int signal)
{
	if (__atomic_exchange_n(&crashing, 1, __ATOMIC_ACQ_REL))
		return;
	leftovers_remove();
	_exit(128 + signal);
}

void aicpu_crash_thread(unsigned int thread)
{
	void *memory =
		mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = { .ss_sp = memory, .ss_size = STACK_BYTES };

	own_lane = thread;
	/* Without a stack of its own the handler still runs, except after a stack overflow. */
	if (memory != MAP_FAILED)
		sigaltstack(&stack, NULL);
}

int aicpu_crash_prepare(struct control *control, struct err *err)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
	/* ^C goes to the whole group of the terminal: the host decides what becomes of us. */
	static const int ignored[] = { SIGINT, SIGHUP, SIGQUIT, SIGPIPE };
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	page = control;
	sigfillset(&action.sa_mask);
	action.sa_sigaction = crashed;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		if (sigaction(crashes[i], &action, NULL) < 0)
			return err_sys(err, "sigaction %d", crashes[i]);
	}
	action.sa_flags = SA_ONSTACK;
	action.sa_handler = asked_to_end;
	if (sigaction(SIGTERM, &action, NULL) < 0)
		return err_sys(err, "sigaction SIGTERM");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	/* An object that calls exit() gets no further than this. */
	if (atexit(leftovers_remove) != 0)
		return err_set(err, ENOMEM, "atexit");
	return 0;
}
