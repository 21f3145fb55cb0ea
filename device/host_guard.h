/*
 * Calling an object's code in the host's own process, as host_build_graph does: on a thread that
 * can be given up. A crash, a loop without end or exit() in it is an error in words; _exit() ends
 * the host. But the thread still stands where it stood, perhaps with the dynamic linker's lock, so
 * that afterwards nothing else may be called under guard in this process; or it goes on, so that
 * nothing it was given may be freed.
 */
#ifndef SOLOAD_DEVICE_HOST_GUARD_H
#define SOLOAD_DEVICE_HOST_GUARD_H

#include "base/err.h"
#include "device/host.h"

#include <stdint.h>

struct guard {
	int (*call)(void *context, struct err *err);
	void *context;
	uint64_t timeout_ns;
	int (*interrupted)(void);	 /* not 0: the wait ends with -EINTR. May be NULL */
	enum device_failure ret_failure; /* set when the call did not return */
};

/* What `call` returns, or -EPIPE, -ETIMEDOUT, -EINTR in words; -ENOTRECOVERABLE ever after. */
int guard_run(struct guard *guard, struct err *err);

/* A call did not return: the dynamic linker may be locked for ever, what the object was given is
 * its own from now on, and the process leaves without its destructors. */
bool guard_given_up(void);

#endif
