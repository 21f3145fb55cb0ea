/*
 * What the operations tables of all variants share: scopes, the fatal flag, the log.
 */
#include "device/runtime/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_TEXT_BYTES 1024

static _Thread_local struct runtime *speaking;

void operation_speaks(struct runtime *rt)
{
	speaking = rt;
}

struct runtime *operation_runtime(struct abi_runtime *abi)
{
	return (struct runtime *)abi;
}

void operation_scope_begin(struct abi_runtime *abi)
{
	if (!runtime_failed(operation_runtime(abi)))
		scope_begin(operation_runtime(abi));
}

void operation_scope_end(struct abi_runtime *abi)
{
	if (!runtime_failed(operation_runtime(abi)))
		scope_end(operation_runtime(abi));
}

/* Called by objects that close up themselves. The entry may still submit; runtime_orchestrate()
 * says when it is really done. */
void operation_done(struct abi_runtime *abi)
{
	(void)abi;
}

bool operation_is_fatal(struct abi_runtime *abi)
{
	return runtime_failed(operation_runtime(abi));
}

__attribute__((format(printf, 3, 0))) static void speak(enum log_level level, const char *function,
							const char *format, va_list values)
{
	char text[LOG_TEXT_BYTES];

	if (!speaking || !speaking->resources.log || !format)
		return;
	vsnprintf(text, sizeof(text), format, values);
	text[strcspn(text, "\n")] = '\0';
	speaking->resources.log(speaking->resources.log_context, level, function ? function : "?",
				text);
}

#define OPERATION_LOG(name, level) \
	void operation_log_##name(const char *function, const char *format, ...) \
	{ \
		va_list values; \
\
		va_start(values, format); \
		speak(level, function, format, values); \
		va_end(values); \
	}

OPERATION_LOG(error, LOG_LEVEL_ERROR)
OPERATION_LOG(warn, LOG_LEVEL_WARN)
OPERATION_LOG(info, LOG_LEVEL_INFO)
OPERATION_LOG(debug, LOG_LEVEL_DEBUG)
OPERATION_LOG(always, LOG_LEVEL_INFO)
