/* The C orchestration for a5 as a part of this program. See linked.c. */
#include "bench/workloads/paged_attention_unroll/pa.h"

#define PA_EXPORT static
#define PA_RUNTIME_PASSED
/* NOLINTNEXTLINE(bugprone-suspicious-include): the point of this file */
#include "bench/workloads/paged_attention_unroll/orchestration.c"

const struct so_symbol pa_linked_a5[] = {
	{ ABI_CONFIG_SYMBOL, (void *)(uintptr_t)aicpu_orchestration_config },
	{ ABI_ENTRY_SYMBOL, (void *)(uintptr_t)aicpu_orchestration_entry },
	{ NULL, NULL },
};
