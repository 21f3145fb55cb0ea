/*
 * a2a3 tensormap_and_ringbuffer: its ten operations, and how its entry is called. Another variant
 * is another file like this one: a table, a call, and what its operations add to task_submit().
 */
#include "device/runtime/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TMR_PAYLOAD_BYTES 3392
#define LOG_TEXT_BYTES 1024

_Static_assert(sizeof(struct task_payload) <= TMR_PAYLOAD_BYTES, "fits upstream's payload");

/* The log operations are given no runtime: it is the one that runs on this thread. */
static _Thread_local struct runtime *speaking;

static struct runtime *tmr_runtime(struct abi_runtime *abi)
{
	return (struct runtime *)abi;
}

static void tmr_submit_task(struct abi_runtime *abi, const struct abi_kernels *kernels,
			    struct abi_param *param)
{
	if (!runtime_failed(tmr_runtime(abi)))
		task_submit(tmr_runtime(abi), kernels, param);
}

static void tmr_scope_begin(struct abi_runtime *abi)
{
	if (!runtime_failed(tmr_runtime(abi)))
		scope_begin(tmr_runtime(abi));
}

static void tmr_scope_end(struct abi_runtime *abi)
{
	if (!runtime_failed(tmr_runtime(abi)))
		scope_end(tmr_runtime(abi));
}

/* Called by objects that close up themselves. The entry may still submit; runtime_orchestrate()
 * says when it is really done. */
static void tmr_orchestration_done(struct abi_runtime *abi)
{
	(void)abi;
}

static bool tmr_is_fatal(struct abi_runtime *abi)
{
	return runtime_failed(tmr_runtime(abi));
}

__attribute__((format(printf, 3, 0))) static void tmr_log(enum log_level level,
							  const char *function, const char *format,
							  va_list values)
{
	char text[LOG_TEXT_BYTES];

	if (!speaking || !speaking->resources.log || !format)
		return;
	vsnprintf(text, sizeof(text), format, values);
	text[strcspn(text, "\n")] = '\0';
	speaking->resources.log(speaking->resources.log_context, level, function ? function : "?",
				text);
}

#define TMR_LOG(name, level) \
	__attribute__((format(printf, 2, 3))) static void tmr_log_##name(const char *function, \
									 const char *format, ...) \
	{ \
		va_list values; \
\
		va_start(values, format); \
		tmr_log(level, function, format, values); \
		va_end(values); \
	}

TMR_LOG(error, LOG_LEVEL_ERROR)
TMR_LOG(warn, LOG_LEVEL_WARN)
TMR_LOG(info, LOG_LEVEL_INFO)
TMR_LOG(debug, LOG_LEVEL_DEBUG)
TMR_LOG(always, LOG_LEVEL_INFO)

static const struct abi_ops tmr_ops = {
	.submit_task = tmr_submit_task,
	.scope_begin = tmr_scope_begin,
	.scope_end = tmr_scope_end,
	.orchestration_done = tmr_orchestration_done,
	.is_fatal = tmr_is_fatal,
	.log_error = tmr_log_error,
	.log_warn = tmr_log_warn,
	.log_info = tmr_log_info,
	.log_debug = tmr_log_debug,
	.log_always = tmr_log_always,
};

static void tmr_call(struct runtime *rt, const struct runtime_entry *entry)
{
	speaking = rt;
	if (entry->bind)
		entry->bind(&rt->abi);
	entry->entry(entry->args, entry->arg_count, 1, 0);
	if (entry->bind)
		entry->bind(NULL);
	speaking = NULL;
}

const struct runtime_variant runtime_tmr = {
	.name = "tensormap_and_ringbuffer",
	.ops = &tmr_ops,
	.payload_bytes = TMR_PAYLOAD_BYTES,
	.call = tmr_call,
};
