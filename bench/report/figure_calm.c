/* Is there warm-up or drift, and was the machine calm: loads over time against their own median. */
#include "bench/report/figures.h"

#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS_MAX 60
#define BIN_LEAST_NS 20000000.0

struct moment {
	double at_ns, ratio;
	bool told, interrupted;
};

static int moment_compare(const void *left, const void *right)
{
	const struct moment *a = left, *b = right;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

/* Every measured load of the run, its time relative to its own arm's median. */
static size_t moments_collect(struct moment *moments, const struct data *data, uint32_t run)
{
	size_t n = 0;

	for (size_t i = 0; i < data->arm_count; i++) {
		const struct data_arm *arm = &data->arms[i];
		double p50 = arm->run == run ? reduce_summary(data, arm, REDUCE_TOTAL).p50 : 0;

		if (arm->run != run || !(p50 > 0))
			continue;
		for (size_t k = arm->first; k < arm->first + arm->loads; k++) {
			const struct data_load *load = &data->loads.at[k];

			if (load->warmup || load->failed || load->start_ns == SAMPLE_NONE)
				continue;
			moments[n++] =
				(struct moment){ (double)load->start_ns,
						 (double)load->total_ns / p50,
						 load->nivcsw != SAMPLE_NONE, load->nivcsw > 0 };
		}
	}
	qsort(moments, n, sizeof(*moments), moment_compare);
	return n;
}

struct strip {
	double *ratios;
	double low, high, worst;
};

static void bin_write(struct plot *plot, struct strip *strip, const struct moment *moments,
		      size_t n)
{
	size_t told = 0, interrupted = 0;

	for (size_t i = 0; i < n; i++) {
		strip->ratios[i] = moments[i].ratio;
		told += moments[i].told;
		interrupted += moments[i].told && moments[i].interrupted;
	}
	stats_sort(strip->ratios, n);
	plot_field(plot, stats_percentile(strip->ratios, n, 10));
	plot_field(plot, stats_median(strip->ratios, n));
	plot_field(plot, stats_percentile(strip->ratios, n, 90));
	plot_field(plot, told ? 100.0 * (double)interrupted / (double)told : (double)NAN);
	strip->low = fmin(strip->low, stats_percentile(strip->ratios, n, 10));
	strip->high = fmax(strip->high, stats_percentile(strip->ratios, n, 90));
	if (told)
		strip->worst = fmax(strip->worst, 100.0 * (double)interrupted / (double)told);
}

/* Returns the width of one bin. */
static double bins_write(struct plot *plot, struct strip *strip, const struct moment *moments,
			 size_t n)
{
	double from = moments[0].at_ns, span = fmax(moments[n - 1].at_ns - from, 1.0);
	double width = span / BINS_MAX < 1e9 ? fmin(1e9, fmax(span / BINS_MAX, BIN_LEAST_NS))
					     : span / BINS_MAX;
	size_t at = 0;

	while (at < n) {
		double bin = floor((moments[at].at_ns - from) / width);
		size_t end = at;

		while (end < n && floor((moments[end].at_ns - from) / width) <= bin)
			end++;
		plot_field(plot, (from + (bin + 0.5) * width) / 1e9);
		bin_write(plot, strip, moments + at, end - at);
		plot_row_end(plot);
		at = end;
	}
	plot_number(plot, "x_low", from / 1e9);
	plot_number(plot, "x_high", (from + span) / 1e9);
	return width;
}

/* The machine during the run: a row per look, load average and steal since the look before. */
struct watch {
	struct plot *plot;
	double before_steal, before_cpu;
	double load_most, steal_most;
	size_t loads, steals;
};

static void look_write(struct watch *watch, double at_s, double load, double steal, double cpu)
{
	double percent = 100.0 * (steal - watch->before_steal) / (cpu - watch->before_cpu);

	if (isnan(load) && isnan(steal))
		return;
	if (!(cpu > watch->before_cpu) || !(steal >= watch->before_steal))
		percent = (double)NAN;
	plot_field(watch->plot, at_s);
	plot_field(watch->plot, load);
	plot_field(watch->plot, percent);
	plot_row_end(watch->plot);
	watch->loads += isfinite(load);
	watch->steals += isfinite(percent);
	watch->load_most = fmax(watch->load_most, load);
	watch->steal_most = fmax(watch->steal_most, percent);
	if (isfinite(steal) && isfinite(cpu)) {
		watch->before_steal = steal;
		watch->before_cpu = cpu;
	}
}

/* Before, between the rounds where the record has that, and after. */
static void machine_write(const struct data *data, struct plot *plot, uint32_t run, double end_s)
{
	const struct data_run *at = &data->runs[run];
	struct watch watch = { .plot = plot,
			       .before_steal = (double)NAN,
			       .before_cpu = (double)NAN };
	double seconds = data_number(at, "seconds");
	size_t looks = 0;

	plot_block_end(plot);
	look_write(&watch, 0, at->load_before, data_number(at, "before.steal_seconds"),
		   data_number(at, "before.cpu_seconds"));
	for (size_t i = 0; i < data->moments.n; i++) {
		const struct data_moment *moment = &data->moments.at[i];

		if (moment->run != run)
			continue;
		looks++;
		look_write(&watch, (double)moment->at_ns / 1e9, moment->load_average,
			   moment->steal_seconds, moment->cpu_seconds);
	}
	look_write(&watch, isfinite(seconds) ? seconds : end_s, at->load_after,
		   data_number(at, "after.steal_seconds"), data_number(at, "after.cpu_seconds"));
	plot_number(plot, "load_top", watch.load_most > 0 ? 1.25 * watch.load_most : 1);
	plot_number(plot, "load_step", plot_step(watch.load_most));
	plot_number(plot, "load_known", watch.loads > 1);
	plot_text(plot, "load_text",
		  watch.loads < 2 ? "load average of the machine: not recorded"
		  : looks	  ? "load average of the machine"
				  : "load average of the machine, before and after; not looked at "
				    "in between");
	plot_number(plot, "steal_top", fmax(1.25 * watch.steal_most, 1.0));
	plot_number(plot, "steal_step", plot_step(fmax(watch.steal_most, 1.0)));
	plot_number(plot, "steal_known", watch.steals > 0);
	plot_text(plot, "steal_text",
		  !watch.steals ? "percent of CPU time the hypervisor gave to others: not recorded"
		  : looks	? "percent of CPU time the hypervisor gave to others"
			  : "percent of CPU time the hypervisor gave to others, in the whole run");
}

static int calm_write(struct data *data, struct plot *plot, uint32_t run, struct moment *moments)
{
	struct strip strip = { .low = 1, .high = 1 };
	size_t n = moments_collect(moments, data, run);
	double width;

	strip.ratios = calloc(n, sizeof(*strip.ratios));
	if (!strip.ratios)
		return -ENOMEM;
	width = bins_write(plot, &strip, moments, n);
	machine_write(data, plot, run, moments[n - 1].at_ns / 1e9);
	free(strip.ratios);
	plot_number(plot, "y_low", fmax(strip.low, 0.01)); /* on a logarithmic axis */
	plot_number(plot, "y_high", strip.high);
	plot_number(plot, "interrupted_most", fmax(strip.worst, 1.0));
	plot_number(plot, "interrupted_step", plot_step(fmax(strip.worst, 1.0)));
	plot_subtitle(plot,
		      "median and p10 to p90 of %zu loads by %.2g s, each relative to the median "
		      "of its own loader and object",
		      n, width / 1e9);
	plot_alt(plot,
		 "Loads over time relative to their median: the tenth to ninetieth percentiles "
		 "lie between %.2f and %.2f.",
		 strip.low, strip.high);
	return 0;
}

int figure_calm(struct data *data, struct plots *plots, struct err *err)
{
	struct moment *moments;
	struct plot *plot;
	uint32_t set, run;
	int r;

	if (!reduce_any_set(data, &set))
		return 0;
	run = data->sets[set].run;
	moments = calloc(data->loads.n, sizeof(*moments));
	if (!moments)
		return err_set(err, ENOMEM, "out of memory");
	if (moments_collect(moments, data, run) == 0) {
		free(moments);
		return 0;
	}
	plot = plot_open(plots, "calm", "calm", err);
	r = plot ? calm_write(data, plot, run, moments) : -EIO;
	free(moments);
	if (!plot)
		return r;
	plot_title(plot, "Was there warm-up or drift, and was the machine calm?");
	plot_text(plot, "x_label", "time since the beginning of the run, seconds");
	plot_machine(plot, data, run);
	if (plot_close(plot, err) < 0 || r < 0)
		return r < 0 ? err_set(err, ENOMEM, "out of memory") : -EIO;
	return 1;
}
