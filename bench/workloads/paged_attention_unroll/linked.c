/*
 * The C orchestration as a part of this program: what the `null` loader answers with, so that its
 * row is the cost of a graph whose code needs no loading. Its functions stay local to this file: a
 * loaded object must never find the program's copies instead of its own.
 */
#include "bench/workloads/paged_attention_unroll/pa.h"

#define PA_EXPORT static
/* NOLINTNEXTLINE(bugprone-suspicious-include): the point of this file */
#include "bench/workloads/paged_attention_unroll/orchestration.c"

/* host_build_graph asks the device for nothing. */
const struct so_symbol pa_linked_none[] = { { NULL, NULL } };

const struct so_symbol pa_linked[] = {
	{ ABI_CONFIG_SYMBOL, (void *)(uintptr_t)aicpu_orchestration_config },
	{ ABI_ENTRY_SYMBOL, (void *)(uintptr_t)aicpu_orchestration_entry },
	{ ABI_BIND_SYMBOL, (void *)(uintptr_t)pto2_framework_bind_runtime },
	{ NULL, NULL },
};
