/* The first fatal error, and what counts as a standstill. */
#include "device/runtime/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define STALL_LOOKS 100

void runtime_fail(struct runtime *rt, int code, const char *format, ...)
{
	va_list values;

	pthread_mutex_lock(&rt->failure_mutex);
	if (!atomic_load(&rt->failed)) {
		va_start(values, format);
		vsnprintf(rt->failure.text, sizeof(rt->failure.text), format, values);
		va_end(values);
		atomic_store(&rt->header->error, code > 0 ? code : EIO);
		atomic_store(&rt->failed, code > 0 ? code : EIO);
	}
	pthread_mutex_unlock(&rt->failure_mutex);
	sleepers_wake_all(&rt->sleepers);
}

int runtime_failure(struct runtime *rt, struct err *err)
{
	int code;

	pthread_mutex_lock(&rt->failure_mutex);
	code = atomic_load(&rt->failed);
	if (code && err)
		*err = rt->failure;
	pthread_mutex_unlock(&rt->failure_mutex);
	return -code;
}

void stall_begin(struct stall *stall, const struct runtime *rt)
{
	*stall = (struct stall){ .executed = atomic_load(&rt->executed),
				 .since_ns = clock_now_ns() };
}

bool stall_over(struct stall *stall, const struct runtime *rt)
{
	if (atomic_load(&rt->executed) != stall->executed) {
		stall_begin(stall, rt);
		return false;
	}
	return ++stall->looks >= STALL_LOOKS &&
	       clock_now_ns() - stall->since_ns >= rt->config.stall_ns;
}
