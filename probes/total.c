/* total: the last step down. It sees nothing by itself; soload's own TIMING phases remain. */
#include "probes/probe.h"

const struct probe_type probe_total = {
	.name = "total",
	.summary = "nothing but soload's own timing: a dlopen is one number",
	.origin = "timing",
	.sight = PROBE_CHILDREN,
};
