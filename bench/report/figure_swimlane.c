/* One invocation, lane by lane: what host and AICPU threads did, and when. */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MAX 12
#define ZOOMS_MAX 2   /* of the lane that loads: bringing in, and taking away */
#define ZOOM_GAP 0.05 /* of the invocation: what is farther apart is looked at apart */
#define SEEN 0.0025   /* of the invocation: as wide as two pixels */
#define RESTS_MAX PLOT_KEYS_MAX

struct lanes {
	const char *names[LANES_MAX];
	size_t n;
	double from_ns, to_ns;
};

/* One load of a run, and the lane it happened in. */
struct load_at {
	uint32_t run;
	int64_t seq;
	const char *lane;
};

static bool invocation_holds(const struct data_span *span, uint32_t run, int64_t seq)
{
	return span->run == run && span->seq == seq && strcmp(span->origin, "timing") == 0;
}

/* The load nearest to the median of the slowest arm on the device that has spans. */
static bool load_choose(const struct data *data, uint32_t set, const struct data_arm **ret_arm,
			int64_t *ret_seq)
{
	const struct data_arm *arms[DATA_ARMS_MAX];
	size_t n = reduce_arms(data, set, arms, DATA_ARMS_MAX);
	struct reduce_hosts hosts;
	double best = INFINITY;

	if (reduce_hosts(data, &hosts) < 0)
		return false;
	for (size_t i = n; i > 0 && isinf(best); i--) {
		const struct data_arm *arm = arms[i - 1];
		double p50 = reduce_summary(data, arm, REDUCE_TOTAL).p50;

		for (size_t k = arm->first; k < arm->first + arm->loads; k++) {
			const struct data_load *load = &data->loads.at[k];
			double far = fabs((double)load->total_ns - p50);

			if (load->warmup || load->failed || far >= best ||
			    isnan(reduce_host(&hosts, arm->run, load->seq)))
				continue;
			best = far;
			*ret_arm = arm;
			*ret_seq = load->seq;
		}
	}
	free(hosts.at);
	return isfinite(best);
}

static int lane_compare(const void *left, const void *right)
{
	const char *a = *(const char *const *)left, *b = *(const char *const *)right;

	if ((strcmp(a, "host") == 0) != (strcmp(b, "host") == 0))
		return strcmp(a, "host") == 0 ? -1 : 1;
	return strcmp(a, b);
}

static void lanes_collect(struct lanes *lanes, const struct data *data, uint32_t run, int64_t seq)
{
	lanes->from_ns = INFINITY;
	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		size_t k = 0;

		if (!invocation_holds(span, run, seq))
			continue;
		while (k < lanes->n && lanes->names[k] != span->lane)
			k++;
		if (k == lanes->n && lanes->n < LANES_MAX)
			lanes->names[lanes->n++] = span->lane;
		lanes->from_ns = fmin(lanes->from_ns, (double)span->start_ns);
		lanes->to_ns = fmax(lanes->to_ns, (double)(span->start_ns + span->dur_ns));
	}
	qsort(lanes->names, lanes->n, sizeof(lanes->names[0]), lane_compare);
}

static bool is_of_load(const struct data_span *span)
{
	for (int phase = 0; phase < DATA_PHASES; phase++) {
		if (phase != PHASE_OTHER &&
		    strcmp(span->phase, phase_label((enum phase)phase)) == 0)
			return true;
	}
	return false;
}

/* Whether there is room for its word within a span. */
static bool word_fits(const struct data_span *span, const struct lanes *lanes)
{
	double whole = fmax(lanes->to_ns - lanes->from_ns, 1.0);

	return (double)span->dur_ns / whole > 0.0105 * (double)characters_count(span->phase) + 0.01;
}

/* A phase of the invocation that is none of a load. */
struct rest {
	const char *phase;
	double ns, longest_ns;
	bool told; /* its word is in one of its spans */
};

static size_t rests_collect(struct rest *rests, const struct data *data, const struct lanes *lanes,
			    uint32_t run, int64_t seq)
{
	size_t n = 0;

	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		size_t k = 0;

		if (!invocation_holds(span, run, seq) || is_of_load(span) ||
		    strcmp(span->phase, phase_label(PHASE_OTHER)) == 0)
			continue;
		while (k < n && rests[k].phase != span->phase)
			k++;
		if (k == RESTS_MAX)
			continue;
		if (k == n)
			rests[n++] = (struct rest){ .phase = span->phase };
		rests[k].ns += (double)span->dur_ns;
		rests[k].longest_ns = fmax(rests[k].longest_ns, (double)span->dur_ns);
		rests[k].told |= word_fits(span, lanes);
	}
	return n;
}

/* What is seen and has no word in any lane is named in the legend as well. */
static void legend_rest(struct plot *plot, const struct data *data, const struct lanes *lanes,
			uint32_t run, int64_t seq)
{
	struct rest rests[RESTS_MAX];
	size_t n = rests_collect(rests, data, lanes, run, seq);
	char text[32];

	for (size_t i = 0; i < n; i++) {
		if (!rests[i].told && rests[i].longest_ns > SEEN * (lanes->to_ns - lanes->from_ns))
			plot_key(plot, rests[i].phase, plot_phase_colour(rests[i].phase),
				 plot_time(rests[i].ns, text, sizeof(text)));
	}
}

/* Phases of a load, that are long enough to be seen, are named in the legend with their time. */
static void legend_write(struct plot *plot, const struct data *data, uint32_t run, int64_t seq)
{
	for (int phase = 0; phase < DATA_PHASES; phase++) {
		const char *label = phase_label((enum phase)phase);
		double ns = 0;
		char text[32];

		for (size_t i = 0; i < data->spans.n; i++) {
			const struct data_span *span = &data->spans.at[i];

			if (invocation_holds(span, run, seq) && strcmp(span->phase, label) == 0)
				ns += (double)span->dur_ns;
		}
		if (ns > 0)
			plot_key(plot, label, plot_phase_colour(label),
				 plot_time(ns, text, sizeof(text)));
	}
}

static size_t lane_find(const struct lanes *lanes, const char *lane)
{
	size_t i = 0;

	while (i < lanes->n && lanes->names[i] != lane)
		i++;
	return i;
}

static void spans_write(struct plot *plot, const struct data *data, const struct lanes *lanes,
			uint32_t run, int64_t seq)
{
	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		double start = ((double)span->start_ns - lanes->from_ns) / 1000.0;
		double end = start + (double)span->dur_ns / 1000.0;

		if (!invocation_holds(span, run, seq))
			continue;
		plot_field(plot, (double)lane_find(lanes, span->lane));
		plot_field(plot, start);
		plot_field(plot, end);
		fprintf(plot->table, "%s\t", plot_phase_colour(span->phase));
		/* written into the span where there is room for the word */
		plot_label(plot, word_fits(span, lanes) ? span->phase : " ");
		fprintf(plot->table, "%s\t", plot_word_colour(plot_phase_colour(span->phase)));
		plot_row_end(plot);
	}
}

/* A stretch of one lane in which the load's own phases are, ns since the invocation began. */
struct zoom {
	double from_ns, to_ns;
	double all_ns; /* of all of them together, to which the picture is wide */
};

/* Spans are in order of time within a lane. */
static size_t zooms_find(struct zoom *zooms, const struct data *data, const struct lanes *lanes,
			 const struct load_at *at)
{
	double gap = ZOOM_GAP * (lanes->to_ns - lanes->from_ns);
	size_t n = 0;

	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		double start = (double)span->start_ns - lanes->from_ns;

		if (!invocation_holds(span, at->run, at->seq) || span->lane != at->lane ||
		    !is_of_load(span) || span->dur_ns == 0)
			continue;
		if (n && (start - zooms[n - 1].to_ns < gap || n == ZOOMS_MAX)) {
			zooms[n - 1].to_ns = start + (double)span->dur_ns;
			continue;
		}
		zooms[n++] = (struct zoom){ start, start + (double)span->dur_ns, 0.0 };
	}
	return n;
}

/* The lane whose spans of the load take longest; NULL when there are none. */
static const char *lane_of_load(const struct data *data, const struct lanes *lanes, uint32_t run,
				int64_t seq)
{
	double sums[LANES_MAX] = { 0 }, most = 0.0;
	const char *lane = NULL;

	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];

		for (size_t k = 0; k < lanes->n; k++) {
			if (invocation_holds(span, run, seq) && span->lane == lanes->names[k] &&
			    is_of_load(span))
				sums[k] += (double)span->dur_ns;
		}
	}
	for (size_t k = 0; k < lanes->n; k++) {
		if (sums[k] > most) {
			most = sums[k];
			lane = lanes->names[k];
		}
	}
	return lane;
}

/* A block of its own: from, to, colour, and the word with its time where there is room. */
static void zoom_write(struct plot *plot, const struct data *data, const struct lanes *lanes,
		       const struct load_at *at, const struct zoom *zoom)
{
	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		double start = (double)span->start_ns - lanes->from_ns;
		double end = fmin(start + (double)span->dur_ns, zoom->to_ns);
		char time[32], text[200];

		start = fmax(start, zoom->from_ns);
		if (!invocation_holds(span, at->run, at->seq) || span->lane != at->lane ||
		    end <= start)
			continue;
		plot_field(plot, (start - zoom->from_ns) / 1000.0);
		plot_field(plot, (end - zoom->from_ns) / 1000.0);
		fprintf(plot->table, "%s\t", plot_phase_colour(span->phase));
		snprintf(text, sizeof(text), "%.*s %s", CHARACTERS(span->phase, 40),
			 plot_time((double)span->dur_ns, time, sizeof(time)));
		if ((end - start) / zoom->all_ns < 0.0115 * (double)characters_count(text))
			snprintf(text, sizeof(text), "%.*s", CHARACTERS(span->phase, 40));
		if ((end - start) / zoom->all_ns < 0.0125 * (double)characters_count(text))
			snprintf(text, sizeof(text), " ");
		plot_label(plot, text);
		fprintf(plot->table, "%s\t", plot_word_colour(plot_phase_colour(span->phase)));
		plot_row_end(plot);
	}
	plot_block_end(plot);
}

static void zooms_write(struct plot *plot, const struct data *data, const struct lanes *lanes,
			uint32_t run, int64_t seq)
{
	struct load_at at = { run, seq, lane_of_load(data, lanes, run, seq) };
	struct zoom zooms[ZOOMS_MAX];
	size_t n = at.lane ? zooms_find(zooms, data, lanes, &at) : 0;
	double all_ns = 0.0;
	char name[32];

	for (size_t i = 0; i < n; i++)
		all_ns += zooms[i].to_ns - zooms[i].from_ns;
	fprintf(plot->settings, "array zoom_from[%d]\narray zoom_to[%d]\n", ZOOMS_MAX, ZOOMS_MAX);
	plot_block_end(plot);
	for (size_t i = 0; i < n; i++) {
		zooms[i].all_ns = all_ns;
		zoom_write(plot, data, lanes, &at, &zooms[i]);
		snprintf(name, sizeof(name), "zoom_from[%zu]", i + 1);
		plot_number(plot, name, zooms[i].from_ns / 1000.0);
		snprintf(name, sizeof(name), "zoom_to[%zu]", i + 1);
		plot_number(plot, name, zooms[i].to_ns / 1000.0);
	}
	plot_number(plot, "zooms", (double)n);
	plot_text(plot, "zoom_lane", at.lane ? at.lane : "");
	plot_number(plot, "zoom_row", (double)lane_find(lanes, at.lane));
}

static void names_write(struct plot *plot, const struct lanes *lanes)
{
	char name[32];

	fprintf(plot->settings, "array lane[%d]\n", LANES_MAX);
	for (size_t i = 0; i < lanes->n; i++) {
		snprintf(name, sizeof(name), "lane[%zu]", i + 1);
		plot_text(plot, name, lanes->names[i]);
	}
	plot_number(plot, "lanes", (double)lanes->n);
	plot_number(plot, "longest", fmax(lanes->to_ns - lanes->from_ns, 1.0) / 1000.0);
}

int figure_swimlane(struct data *data, struct plots *plots, struct err *err)
{
	const struct data_arm *arm = NULL;
	struct lanes lanes = { .n = 0 };
	struct plot *plot;
	char label[600], whole[32], loading[32];
	uint32_t set;
	int64_t seq = 0;

	if (!reduce_set(data, true, &set) || !load_choose(data, set, &arm, &seq))
		return 0;
	plot = plot_open(plots, "swimlane", "lanes", err);
	if (!plot)
		return -EIO;
	reduce_label(arm, label, sizeof(label));
	lanes_collect(&lanes, data, arm->run, seq);
	legend_write(plot, data, arm->run, seq);
	legend_rest(plot, data, &lanes, arm->run, seq);
	spans_write(plot, data, &lanes, arm->run, seq);
	zooms_write(plot, data, &lanes, arm->run, seq);
	names_write(plot, &lanes);
	plot_title(plot, "Where in one invocation does the load happen, and who waits for it?");
	plot_subtitle(plot,
		      "load %lld of the record, %.*s: the one nearest to the median of the slowest "
		      "arm; pale: the rest of the invocation",
		      (long long)seq, CHARACTERS(label, 80));
	plot_text(plot, "x_label", "time since the host began, microseconds");
	plot_machine(plot, data, arm->run);
	plot_alt(plot, "Lanes of one invocation with %.*s, %s long, of which loading takes %s.",
		 CHARACTERS(label, 100),
		 plot_time(lanes.to_ns - lanes.from_ns, whole, sizeof(whole)),
		 plot_time(reduce_summary(data, arm, REDUCE_TOTAL).p50, loading, sizeof(loading)));
	return plot_close(plot, err) < 0 ? -EIO : 1;
}
