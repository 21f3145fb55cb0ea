/* From loads to the few numbers a figure shows: statistics of an arm, and which arms belong side by
 * side. */
#ifndef SOLOAD_BENCH_REPORT_REDUCE_H
#define SOLOAD_BENCH_REPORT_REDUCE_H

#include "bench/report/data.h"
#include "bench/stats.h"

/* What of a load: a phase, or one of these. */
enum reduce_column {
	REDUCE_TOTAL = DATA_PHASES,
	REDUCE_MINFLT,
	REDUCE_DMA,	/* of struct and object, before the load */
	REDUCE_ARRIVAL, /* both: DMA and load */
};

/* The values of an arm's measured loads, sorted; at most arm->measured. Free them. NULL with n 0
 * when nothing was observed (or no memory). */
double *reduce_values(const struct data *data, const struct data_arm *arm,
		      enum reduce_column column, size_t *ret_n);

/* Of one column of an arm; n = 0 and NaN where nothing was observed. */
struct stats_summary reduce_summary(const struct data *data, const struct data_arm *arm,
				    enum reduce_column column);

/*
 * The arms of a set that measured something, by ascending median of the total: how many, at most
 * `room`.
 */
size_t reduce_arms(const struct data *data, uint32_t set, const struct data_arm **ret_arms,
		   size_t room);

/* The fewest loads one of them measured. */
size_t reduce_least(const struct data_arm *const *arms, size_t n);

/* The set that answers best for a scenario: the workload's object first, then most arms, then most
 * loads. `reproduction` false: any other scenario. False when there is none. */
bool reduce_set(const struct data *data, bool reproduction, uint32_t *ret_set);

/* The set of loads alone, or else that of the reproduction. */
bool reduce_any_set(const struct data *data, uint32_t *ret_set);

/* "elf", or "elf, inline" where there is a transport; a device other than 0 is named. Returns
 * `buffer`. */
const char *reduce_label(const struct data_arm *arm, char *buffer, size_t size);

/* How long the host took for the invocation of this load, from spans.csv, without what the harness
 * spent on checking meanwhile; NaN when not recorded. */
struct reduce_hosts {
	struct reduce_host {
		uint32_t run;
		int64_t seq;
		double ns;
		int64_t wait_ns[2]; /* when it waited for the device: from, to */
	} * at;
	size_t n;
};
int reduce_hosts(const struct data *data, struct reduce_hosts *ret_hosts);
double reduce_host(const struct reduce_hosts *hosts, uint32_t run, int64_t seq);

#endif
