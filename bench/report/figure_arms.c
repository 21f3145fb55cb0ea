/* One row per loader: the first load against the steady state, and what a load asks of the kernel.
 */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 64

/* Where objects are registered, the first load is a registration. */
static const struct data_arm *registered(const struct data *data, const struct data_arm *arm)
{
	for (size_t i = 0; i < data->arm_count; i++) {
		const struct data_arm *other = &data->arms[i];

		if (other->run == arm->run && other->loader == arm->loader &&
		    other->transport == arm->transport && other->so == arm->so &&
		    other->when == arm->when && other->device == arm->device &&
		    strcmp(other->scenario, "registration") == 0)
			return other;
	}
	return arm;
}

/* The load that began first of all of an arm's; NaN when it failed or was not timed. */
static double first_of(const struct data *data, const struct data_arm *measured)
{
	const struct data_arm *arm = registered(data, measured);
	const struct data_load *load = &data->loads.at[arm->first];

	return arm->loads && !load->failed ? (double)load->total_ns : (double)NAN;
}

/* "9200x: ": three digits; nothing where the later loads took no time that could be told. */
static const char *times_slower(double first, double steady, char *buffer, size_t size)
{
	double times = first / steady, step = times >= 100 ? pow(10, floor(log10(times)) - 2) : 1;

	*buffer = '\0';
	if (first > 0 && steady > 0)
		snprintf(buffer, size, "%.*fx: ",
			 times < 9.995	 ? 2
			 : times < 99.95 ? 1
					 : 0,
			 step > 1 ? step * round(times / step) : times);
	return buffer;
}

static void first_row(struct plot *plot, const struct data_arm *arm, double first, double steady)
{
	char label[600], a[32], b[32], times[32];

	plot_field(plot, (double)plot->rows);
	plot_label(plot, reduce_label(arm, label, sizeof(label)));
	fprintf(plot->table, "%s%s, then %s\t%s\t",
		times_slower(first, steady, times, sizeof(times)), plot_time(first, a, sizeof(a)),
		plot_time(steady, b, sizeof(b)), plot_loader_colour(arm->loader));
	plot_field(plot, fmax(first, 1.0) / 1000.0);
	plot_field(plot, fmax(steady, 1.0) / 1000.0);
	plot_row_end(plot);
}

int figure_first(struct data *data, struct plots *plots, struct err *err)
{
	const struct data_arm *arms[ROWS_MAX];
	double low = INFINITY, high = 0;
	struct plot *plot;
	uint32_t set;
	size_t n;

	if (!reduce_any_set(data, &set))
		return 0;
	plot = plot_open(plots, "first", "pairs", err);
	if (!plot)
		return -EIO;
	n = reduce_arms(data, set, arms, ROWS_MAX);
	for (size_t i = 0; i < n; i++) {
		double first = first_of(data, arms[i]);
		double steady = reduce_summary(data, arms[i], REDUCE_TOTAL).p50;

		if (isnan(first))
			continue;
		first_row(plot, arms[i], first, steady);
		low = fmin(low, fmax(fmin(first, steady), 1.0) / 1000.0);
		high = fmax(high, fmax(fmax(first, steady), 1.0) / 1000.0);
	}
	plot_number(plot, "x_low", isfinite(low) ? low : 0.001);
	plot_number(plot, "x_high", high > 0 ? high : 1.0);
	plot_title(plot, "How much slower is the very first load than the steady state?");
	plot_subtitle(plot,
		      "hollow: the first load of the record, once; filled: median of %zu or more "
		      "measured loads of %.*s",
		      reduce_least(arms, n), CHARACTERS(arms[0]->so, 60));
	plot_text(plot, "x_label", "time of one load, microseconds");
	plot_machine(plot, data, arms[0]->run);
	plot_alt(plot, "First load and median of later loads for %zu arms, sorted by the median.",
		 n);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}

/* System calls per load, as summary.csv has them; NaN when nobody counted. */
static double syscalls_of(const struct data *data, const struct data_arm *arm)
{
	for (size_t i = 0; i < data->figures.n; i++) {
		const struct data_figure *row = &data->figures.at[i];

		if (row->run == arm->run && row->loader == arm->loader && row->so == arm->so &&
		    row->transport == arm->transport && strcmp(row->metric, "syscalls") == 0 &&
		    strcmp(row->phase, "total") == 0)
			return row->value;
	}
	return (double)NAN;
}

static double faults_of(const struct data *data, const struct data_arm *arm)
{
	return reduce_summary(data, arm, REDUCE_MINFLT).p50;
}

static void count_write(struct plot *plot, double count, double *longest)
{
	plot_field(plot, isnan(count) ? 0 : count);
	if (isnan(count))
		fputs("not counted\t", plot->table);
	else
		fprintf(plot->table, "%.*f\t", count == floor(count) ? 0 : 1, count);
	*longest = fmax(*longest, isnan(count) ? 0 : count);
}

static bool anything_counted(const struct data *data, const struct data_arm **arms, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (isfinite(faults_of(data, arms[i])) || isfinite(syscalls_of(data, arms[i])))
			return true;
	}
	return false;
}

int figure_kernel(struct data *data, struct plots *plots, struct err *err)
{
	const struct data_arm *arms[ROWS_MAX];
	double faults = 1, syscalls = 1;
	struct plot *plot;
	char label[600];
	uint32_t set;
	bool known = false;
	size_t n;

	if (!reduce_any_set(data, &set))
		return 0;
	n = reduce_arms(data, set, arms, ROWS_MAX);
	if (!anything_counted(data, arms, n))
		return 0;
	plot = plot_open(plots, "kernel", "kernel", err);
	if (!plot)
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		plot_field(plot, (double)plot->rows);
		plot_label(plot, reduce_label(arms[i], label, sizeof(label)));
		fprintf(plot->table, "%s\t", plot_loader_colour(arms[i]->loader));
		count_write(plot, faults_of(data, arms[i]), &faults);
		count_write(plot, syscalls_of(data, arms[i]), &syscalls);
		known |= isfinite(syscalls_of(data, arms[i]));
		plot_row_end(plot);
	}
	plot_number(plot, "faults_most", faults);
	plot_number(plot, "syscalls_most", syscalls);
	plot_number(plot, "syscalls_known", known);
	plot_title(plot, "What does one load ask of the kernel?");
	plot_subtitle(plot,
		      "per load of %.*s, sorted by time; faults: median of %zu or more loads%s",
		      CHARACTERS(arms[0]->so, 60), reduce_least(arms, n),
		      known ? "" : "; system calls were not counted");
	plot_machine(plot, data, arms[0]->run);
	plot_alt(plot, "Page faults and system calls per load for %zu arms, the fastest first.", n);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}
