/* The list of kernels, under the numbers that simpler registers them with. */
#include "bench/workloads/paged_attention_unroll/kernel.h"
#include "bench/workloads/paged_attention_unroll/pa.h"

const struct device_kernel pa_kernels[] = {
	{ PA_QK, "QK", DEVICE_CORE_AIC, pa_kernel_qk },
	{ PA_SF, "SF", DEVICE_CORE_AIV, pa_kernel_sf },
	{ PA_PV, "PV", DEVICE_CORE_AIC, pa_kernel_pv },
	{ PA_UP, "UP", DEVICE_CORE_AIV, pa_kernel_up },
	{ PA_AIC_HUB, "AIC_HUB", DEVICE_CORE_AIC, pa_kernel_hub },
	{ PA_AIV_HUB, "AIV_HUB", DEVICE_CORE_AIV, pa_kernel_hub },
	{ 0, NULL, DEVICE_CORE_AIC, NULL },
};
