/* The table of variants. See variant.h. */
#include "device/variant.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#define TMR "tensormap_and_ringbuffer"
#define ABG "aicpu_build_graph"
#define HBG "host_build_graph"
#define NAMES_MAX 16

const struct device_variant device_variants[] = {
	{ .platform = "a2a3",
	  .runtime = TMR,
	  .summary = "dependencies found by the overlap of tensors; runtime bound by a symbol",
	  .object_suffix = "",
	  .operations = &runtime_tmr,
	  .threads = 4,
	  .workers = ABI_A2A3_WORKERS,
	  .aic = AICORE_A2A3_AIC,
	  .counter_ns = 20,
	  .has_bind = true },
	{ .platform = "a2a3",
	  .runtime = ABG,
	  .summary = "dependencies given by the orchestration; tasks run from the end of a scope",
	  .object_suffix = "_abg",
	  .operations = &runtime_abg,
	  .threads = 4,
	  .workers = ABI_A2A3_WORKERS,
	  .aic = AICORE_A2A3_AIC,
	  .counter_ns = 20,
	  .log = DEVICE_LOG_COST },
	{ .platform = "a5",
	  .runtime = TMR,
	  .summary = "as on a2a3, with 36 blocks, 7 threads and the runtime as first argument",
	  .object_suffix = "_a5",
	  .operations = &runtime_a5_tmr,
	  .threads = 7,
	  .workers = ABI_A5_WORKERS,
	  .aic = AICORE_A5_AIC,
	  .counter_ns = 1,
	  .log = DEVICE_LOG_APART },
	{ .platform = "a2a3",
	  .runtime = HBG,
	  .summary = "control: the host loads and orchestrates, the device only runs tasks",
	  .object_suffix = "_hbg",
	  .operations = &runtime_hbg,
	  .threads = 4,
	  .workers = ABI_A2A3_WORKERS,
	  .aic = AICORE_A2A3_AIC,
	  .counter_ns = 20,
	  .log = DEVICE_LOG_SCHEDULERS,
	  .host_builds = true },
	{ .platform = "a5",
	  .runtime = HBG,
	  .summary = "the same with 36 blocks and 7 threads",
	  .object_suffix = "_hbg",
	  .operations = &runtime_hbg,
	  .threads = 7,
	  .workers = ABI_A5_WORKERS,
	  .aic = AICORE_A5_AIC,
	  .counter_ns = 1,
	  .log = DEVICE_LOG_SCHEDULERS,
	  .host_builds = true },
	{ 0 },
};

static bool name_is_known(const char *name, bool is_platform, const char **ret_names)
{
	int count = 0;

	for (const struct device_variant *v = device_variants; v->platform; v++) {
		const char *known = is_platform ? v->platform : v->runtime;

		if (strcmp(known, name) == 0)
			return true;
		if (count < NAMES_MAX)
			ret_names[count++] = known;
	}
	ret_names[count] = NULL;
	return false;
}

static int name_check(const char *what, const char *name, bool is_platform, struct err *err)
{
	const char *names[NAMES_MAX + 1];
	char hint[80];

	if (name_is_known(name, is_platform, names))
		return 0;
	return err_set(err, EINVAL, "%s '%s' is not modelled%s (see: soload list variants)", what,
		       name, text_suggest(name, strlen(name), names, hint, sizeof(hint)));
}

const struct device_variant *device_variant_find(const char *platform, const char *runtime,
						 struct err *err)
{
	if (name_check("platform", platform, true, err) < 0 ||
	    name_check("runtime", runtime, false, err) < 0)
		return NULL;
	for (const struct device_variant *v = device_variants; v->platform; v++) {
		if (strcmp(v->platform, platform) == 0 && strcmp(v->runtime, runtime) == 0)
			return v;
	}
	err_set(err, EINVAL, "simpler has no %s for %s (see: soload list variants)", runtime,
		platform);
	return NULL;
}

int device_variant_index(const struct device_variant *variant)
{
	return (int)(variant - device_variants);
}

const struct device_variant *device_variant_at(int index)
{
	int count = (int)(sizeof(device_variants) / sizeof(device_variants[0])) - 1;

	return index >= 0 && index < count ? &device_variants[index] : NULL;
}
