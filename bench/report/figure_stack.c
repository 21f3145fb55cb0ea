/* Stacked medians: phases per loader, alone and within the invocation, and the invocation's share.
 */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 64
#define ZOOM_LESS 6.0 /* bars this much shorter than the longest are drawn again, enlarged */

/* What a bar is made of: the DMA that brings the object, then the phases of the load. */
enum { SEGMENT_DMA, SEGMENT_PHASES, SEGMENTS = SEGMENT_PHASES + DATA_PHASES };

/* What one bar is drawn from. */
struct bar {
	const struct data_arm *arm;
	struct stats_summary total;
	double segments[SEGMENTS]; /* medians, ns; NaN = not observable */
	double scale;		   /* of the axis: 1000 for us */
	double host_ns;		   /* of the invocation, median; NaN = not recorded */
	double share;		   /* median of load / invocation, percent */
};

/* All of a figure; the first `zoomed` bars, which are the shortest, are enlarged. */
struct stack {
	struct bar bars[ROWS_MAX];
	size_t n, zoomed;
	double longest, zoom_longest; /* of the sums and whiskers */
	bool seen[SEGMENTS];	      /* those long enough for a colour of their own */
};

static double bar_sum(const struct bar *bar)
{
	double sum = 0;

	for (int i = 0; i < SEGMENTS; i++)
		sum += isnan(bar->segments[i]) ? 0 : bar->segments[i];
	return sum / bar->scale;
}

/* With its whisker, unless that is so long that it would hide the bar. */
static double bar_extent(const struct bar *bar)
{
	double sum = bar_sum(bar);

	return fmin(fmax(sum, bar->total.p90 / bar->scale), 1.5 * sum);
}

/* `arrival`: with the DMA before the load. */
static void bar_fill(struct bar *bar, const struct data *data, const struct data_arm *arm,
		     bool arrival)
{
	*bar = (struct bar){ .arm = arm,
			     .total = reduce_summary(data, arm,
						     arrival ? REDUCE_ARRIVAL : REDUCE_TOTAL),
			     .scale = 1000.0,
			     .host_ns = (double)NAN };
	bar->segments[SEGMENT_DMA] =
		arrival ? reduce_summary(data, arm, REDUCE_DMA).p50 : (double)NAN;
	for (int i = 0; i < DATA_PHASES; i++)
		bar->segments[SEGMENT_PHASES + i] =
			reduce_summary(data, arm, (enum reduce_column)i).p50;
}

/* A segment needs some hundredths of the enlarged width, or a few thousandths of the whole. */
static bool segment_is_seen(const struct stack *stack, int segment)
{
	for (size_t i = 0; i < stack->n; i++) {
		const struct bar *bar = &stack->bars[i];
		double least =
			i < stack->zoomed ? stack->zoom_longest * 0.01 : stack->longest * 0.004;

		if (bar->segments[segment] / bar->scale > least)
			return true;
	}
	return false;
}

/* What is drawn how wide, once the bars are in order. */
static void stack_measure(struct stack *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		stack->longest = fmax(stack->longest, bar_extent(&stack->bars[i]));
	while (stack->zoomed < stack->n &&
	       bar_extent(&stack->bars[stack->zoomed]) * ZOOM_LESS < stack->longest)
		stack->zoomed++;
	for (size_t i = 0; i < stack->zoomed; i++)
		stack->zoom_longest = fmax(stack->zoom_longest, bar_extent(&stack->bars[i]));
	if (!(stack->zoom_longest > 0))
		stack->zoomed = 0;
	/* What is in no phase of its own is part of the rest. */
	for (int i = 0; i < SEGMENTS; i++)
		stack->seen[i] = i != SEGMENT_PHASES + PHASE_OTHER && segment_is_seen(stack, i);
}

static const char *segment_label(int segment)
{
	return segment == SEGMENT_DMA ? "dma" : phase_label((enum phase)(segment - SEGMENT_PHASES));
}

/* null and floor bring in nothing that could run: they are what the harness and what copying takes.
 */
static bool is_load(const struct data_arm *arm)
{
	const struct loader_type *type = loader_find(arm->loader, strcspn(arm->loader, ":"));

	return !type || type->caps & LOADER_EXECUTES;
}

static void row_write(struct plot *plot, const struct bar *bar, const bool *seen, const char *text)
{
	char label[600];
	double rest = 0;

	plot_field(plot, (double)plot->rows);
	reduce_label(bar->arm, label, sizeof(label) - 32);
	if (!is_load(bar->arm))
		strcat(label, " (no load)");
	if (bar->arm->stale)
		strcat(label, " (stale)");
	plot_label(plot, label);
	fprintf(plot->table, "%s\t", text);
	plot_field(plot, bar->total.p10 / bar->scale);
	plot_field(plot, bar->total.p90 / bar->scale);
	for (int i = 0; i < SEGMENTS; i++) {
		double ns = isnan(bar->segments[i]) ? 0 : bar->segments[i];

		if (seen[i])
			plot_field(plot, ns / bar->scale);
		else
			rest += ns;
	}
	plot_field(plot, rest / bar->scale);
	plot_row_end(plot);
}

/* Legend, ranges and what the enlarged part is. */
static void stack_describe(struct plot *plot, const struct stack *stack)
{
	char text[80];

	for (int i = 0; i < SEGMENTS; i++) {
		if (stack->seen[i])
			plot_key(plot, segment_label(i), plot_phase_colour(segment_label(i)), "");
	}
	plot_text(plot, "rest", "other and small");
	plot_number(plot, "longest", stack->longest > 0 ? stack->longest : 1.0);
	plot_number(plot, "zoomed", (double)stack->zoomed);
	plot_number(plot, "zoom_longest", stack->zoom_longest > 0 ? stack->zoom_longest : 1.0);
	snprintf(text, sizeof(text), "the %zu shortest again, enlarged %.*f times", stack->zoomed,
		 stack->zoomed && stack->longest < 9.95 * stack->zoom_longest ? 1 : 0,
		 stack->zoom_longest > 0 ? stack->longest / stack->zoom_longest : 1.0);
	plot_text(plot, "zoom_text", text);
}

static size_t loads_least(const struct bar *bars, size_t n)
{
	size_t least = n ? bars[0].total.n : 0;

	for (size_t i = 1; i < n; i++)
		least = bars[i].total.n < least ? bars[i].total.n : least;
	return least;
}

static void object_describe(const struct data_arm *arm, char *buffer, size_t size)
{
	if (!*arm->so)
		snprintf(buffer, size, "an object without a name");
	else if (arm->so_bytes == SAMPLE_NONE)
		snprintf(buffer, size, "%.*s", CHARACTERS(arm->so, 60));
	else
		snprintf(buffer, size, "%.*s (%lld bytes)", CHARACTERS(arm->so, 60),
			 (long long)arm->so_bytes);
}

static int bar_compare(const void *left, const void *right)
{
	const struct bar *a = left, *b = right;

	if (a->total.p50 != b->total.p50)
		return a->total.p50 < b->total.p50 ? -1 : 1;
	return a->arm < b->arm ? -1 : a->arm > b->arm;
}

/* The first that loads; the first at all where none does. */
static const struct bar *bar_fastest(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n; i++) {
		if (is_load(stack->bars[i].arm))
			return &stack->bars[i];
	}
	return &stack->bars[0];
}

static void phases_write(struct data *data, struct plot *plot, struct stack *stack, bool arrival)
{
	const struct bar *first = bar_fastest(stack), *last = &stack->bars[stack->n - 1];
	const char *what = arrival ? "DMA and load" : "load";
	char text[64], object[300], fast[32], slow[32], label[600], slowest[600];

	for (size_t i = 0; i < stack->n; i++)
		row_write(plot, &stack->bars[i], stack->seen,
			  plot_time(stack->bars[i].total.p50, text, sizeof(text)));
	object_describe(first->arm, object, sizeof(object));
	plot_subtitle(plot,
		      "medians of %zu or more loads of %s%s; whisker: p10 to p90 of the whole",
		      loads_least(stack->bars, stack->n), object, arrival ? ", DMA included" : "");
	plot_text(plot, "x_label",
		  arrival ? "sum of medians, microseconds, DMA as measured; the number is the "
			    "median of the whole"
			  : "sum of phase medians, microseconds; the number is the median of the "
			    "whole");
	plot_machine(plot, data, first->arm->run);
	reduce_label(first->arm, label, sizeof(label));
	reduce_label(last->arm, slowest, sizeof(slowest));
	plot_alt(plot,
		 "Bars per loader: the fastest is %.*s with %s per %s, the slowest %.*s with "
		 "%s.",
		 CHARACTERS(label, 100), plot_time(first->total.p50, fast, sizeof(fast)), what,
		 CHARACTERS(slowest, 100), plot_time(last->total.p50, slow, sizeof(slow)));
}

static int phases_make(struct data *data, struct plot *plot, uint32_t set, bool arrival,
		       struct err *err)
{
	const struct data_arm *arms[ROWS_MAX];
	struct stack *stack = calloc(1, sizeof(*stack));

	if (!stack) {
		plot_close(plot, err);
		return err_set(err, ENOMEM, "out of memory");
	}
	stack->n = reduce_arms(data, set, arms, ROWS_MAX);
	for (size_t i = 0; i < stack->n; i++)
		bar_fill(&stack->bars[i], data, arms[i], arrival);
	qsort(stack->bars, stack->n, sizeof(stack->bars[0]), bar_compare);
	stack_measure(stack);
	stack_describe(plot, stack);
	phases_write(data, plot, stack, arrival);
	free(stack);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}

int figure_phases(struct data *data, struct plots *plots, struct err *err)
{
	struct plot *plot;
	uint32_t set;

	if (!reduce_set(data, false, &set))
		return 0;
	plot = plot_open(plots, "phases", "stack", err);
	if (!plot)
		return -EIO;
	plot_title(plot, "Which loader is fastest, and where does the time of one load go?");
	return phases_make(data, plot, set, false, err);
}

int figure_invocation(struct data *data, struct plots *plots, struct err *err)
{
	struct plot *plot;
	uint32_t set;

	if (!reduce_set(data, true, &set))
		return 0;
	plot = plot_open(plots, "invocation", "stack", err);
	if (!plot)
		return -EIO;
	plot_title(plot, "Within an invocation: what does it take until the object is there?");
	return phases_make(data, plot, set, true, err);
}

/* Medians over the arm's loads of the invocation and of the load's part of it. */
static bool share_fill(struct bar *bar, const struct data *data, const struct reduce_hosts *hosts)
{
	const struct data_arm *arm = bar->arm;
	double *host = calloc(arm->measured + 1, sizeof(*host));
	double *share = calloc(arm->measured + 1, sizeof(*share));
	size_t n = 0;

	for (size_t i = arm->first; host && share && i < arm->first + arm->loads; i++) {
		const struct data_load *load = &data->loads.at[i];
		double ns = reduce_host(hosts, arm->run, load->seq);

		if (load->warmup || load->failed || !(ns > 0) || n == arm->measured)
			continue;
		host[n] = ns;
		share[n++] = 100.0 * (double)load->total_ns / ns;
	}
	if (n) {
		bar->host_ns = stats_summarise(host, n).p50;
		bar->total = stats_summarise(share, n);
		bar->share = bar->total.p50;
		bar->scale = bar->host_ns / 100.0;
		/* In percent already, which is what the scale makes of them. */
		bar->total.p10 *= bar->scale;
		bar->total.p90 *= bar->scale;
	}
	free(host);
	free(share);
	return n;
}

static int share_compare(const void *left, const void *right)
{
	const struct bar *a = left, *b = right;

	if (a->share != b->share)
		return a->share < b->share ? -1 : 1;
	return a->arm < b->arm ? -1 : a->arm > b->arm;
}

static size_t share_bars(struct bar *bars, const struct data *data, uint32_t set)
{
	const struct data_arm *arms[ROWS_MAX];
	struct reduce_hosts hosts;
	size_t found = reduce_arms(data, set, arms, ROWS_MAX), n = 0;

	if (reduce_hosts(data, &hosts) < 0)
		return 0;
	for (size_t i = 0; i < found; i++) {
		bar_fill(&bars[n], data, arms[i], false);
		n += share_fill(&bars[n], data, &hosts);
	}
	free(hosts.at);
	qsort(bars, n, sizeof(bars[0]), share_compare);
	return n;
}

static void share_row(struct plot *plot, const struct bar *bar, const bool *seen)
{
	char text[64], time[32];

	snprintf(text, sizeof(text), "%.*f %% of %s", bar->share < 0.995 ? 2 : 1, bar->share,
		 plot_time(bar->host_ns, time, sizeof(time)));
	row_write(plot, bar, seen, text);
}

static void share_write(struct data *data, struct plot *plot, struct stack *stack)
{
	const struct bar *first = &stack->bars[0], *last = &stack->bars[stack->n - 1];
	char label[600], slowest[600];

	for (size_t i = 0; i < stack->n; i++)
		share_row(plot, &stack->bars[i], stack->seen);
	plot_subtitle(plot,
		      "medians of %zu or more invocations, first to last call of the host without "
		      "the harness's checks; whisker: p10 to p90",
		      loads_least(stack->bars, stack->n));
	plot_text(plot, "x_label",
		  "percent of the invocation, sum of phase medians; the number is the median "
		  "share");
	plot_machine(plot, data, first->arm->run);
	reduce_label(first->arm, label, sizeof(label));
	reduce_label(last->arm, slowest, sizeof(slowest));
	plot_alt(plot, "Loading is %.1f %% of an invocation with %.*s and %.1f %% with %.*s.",
		 first->share, CHARACTERS(label, 80), last->share, CHARACTERS(slowest, 80));
}

int figure_share(struct data *data, struct plots *plots, struct err *err)
{
	struct stack *stack;
	struct plot *plot = NULL;
	uint32_t set;
	int r = 0;

	if (!reduce_set(data, true, &set))
		return 0;
	stack = calloc(1, sizeof(*stack));
	if (!stack)
		return err_set(err, ENOMEM, "out of memory");
	stack->n = share_bars(stack->bars, data, set);
	if (stack->n) {
		plot = plot_open(plots, "share", "stack", err);
		r = plot ? 1 : -EIO;
	}
	if (plot) {
		plot_title(plot, "How much of one invocation is spent on loading the object?");
		stack_measure(stack);
		stack_describe(plot, stack);
		share_write(data, plot, stack);
		r = plot_close(plot, err) < 0 ? -EIO : 1;
	}
	free(stack);
	return r;
}
