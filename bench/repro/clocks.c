/*
 * How well the AICPU's clock and the host's agree: stamps over the doorbell when a device is opened
 * and after the last round. Lanes of both are drawn on one axis; this says how far to believe it.
 */
#include "bench/repro/repro.h"

#include "probes/align.h"

#include <jansson.h>

_Static_assert(DEVICE_STAMPS == ALIGN_SAMPLES, "one list of either");

void repro_clock_open(struct repro_arm *arm)
{
	arm->clock_known = device_stamps(arm->device, arm->clock, NULL) == 0;
}

static void samples_take(struct align_sample *samples, const struct device_stamp *stamps)
{
	for (int i = 0; i < DEVICE_STAMPS; i++)
		samples[i] = (struct align_sample){ stamps[i].before_ns, stamps[i].device,
						    stamps[i].after_ns };
}

/* What lanes are converted with (host_lane_take() in device/host_round.c), as an error. */
static double off_by(const struct repro_arm *arm, const struct clock_map *map, uint64_t device,
		     double ns)
{
	uint64_t shown = device_clock_is_ns(arm->device) ? device : clock_map_ns(map, device);

	return (double)(int64_t)(shown - (uint64_t)ns);
}

static json_t *clock_json(const struct repro_arm *arm)
{
	struct device_stamp last[DEVICE_STAMPS];
	struct align_sample begin[ALIGN_SAMPLES], end[ALIGN_SAMPLES];
	double first_off, last_off, tick_ns = 1.0;
	struct clock_map map;
	struct align align;

	if (!arm->clock_known || device_stamps(arm->device, last, NULL) < 0)
		return NULL;
	map = clock_map_now();
	if (!device_clock_is_ns(arm->device))
		tick_ns = clock_step_ns();
	samples_take(begin, arm->clock);
	samples_take(end, last);
	if (align_make(&align, begin, end, ALIGN_SAMPLES, tick_ns) < 0)
		return NULL;
	first_off = off_by(arm, &map, align.other0, align.ns0);
	last_off = off_by(arm, &map, align.other1, align.ns1);
	return json_pack("{s:s,s:I,s:I,s:f,s:f,s:f}", "arm", arm->label, "from_monotonic_ns",
			 (json_int_t)align.ns0, "to_monotonic_ns", (json_int_t)align.ns1,
			 "offset_ns", first_off, "drift_ppm",
			 (last_off - first_off) / (align.ns1 - align.ns0) * 1e6, "uncertainty_ns",
			 align.uncertainty_ns);
}

void repro_clocks_record(struct repro *repro)
{
	json_t *clocks = json_array();

	for (int i = 0; clocks && i < repro->arm_count; i++) {
		json_t *clock = repro->arms[i].device ? clock_json(&repro->arms[i]) : NULL;

		if (clock)
			json_array_append_new(clocks, clock);
	}
	record_note(repro->record, "clocks", clocks);
}
