/* Tables, warnings and summary rows of a finished run. See run_report.h. */
#include "bench/run_report.h"

#include "base/log.h"
#include "base/text.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_US 1000.0
#define FEW_LOADS 20
#define SHORT_NS 1000.0 /* a hundred steps of a 100 MHz counter */
#define WIDE 1.5	/* p90 over p50 */
#define INTERRUPTED 0.02
#define STEAL 0.01

/* The column of values at `offset` of struct arm_values, NaN left out; the caller frees it. */
static double *column_take(const struct arm *arm, size_t offset, struct stats_summary *ret_summary)
{
	double *values = calloc(arm->count ? arm->count : 1, sizeof(values[0]));
	size_t n = 0;

	for (uint32_t i = 0; values && i < arm->count; i++) {
		const char *row = (const char *)&arm->values[i];
		double value = *(const double *)(const void *)(row + offset);

		if (isfinite(value))
			values[n++] = value;
	}
	*ret_summary = stats_summarise(values, values ? n : 0);
	return values;
}

static struct stats_summary column_summary(const struct arm *arm, size_t offset)
{
	struct stats_summary summary;

	free(column_take(arm, offset, &summary));
	return summary;
}

static size_t phase_offset(int phase)
{
	return offsetof(struct arm_values, phase_ns) + (size_t)phase * sizeof(double);
}

/* A phase is a column of the table when one load in ten spent time in it, with any loader. */
static uint64_t phases_shown(const struct runner *runner, const struct subject *subject)
{
	uint64_t shown = 0;

	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];
		uint32_t spent[ARM_PHASES] = { 0 };

		for (uint32_t j = 0; arm->subject == subject && j < arm->count; j++) {
			for (int phase = 0; phase < ARM_PHASES; phase++)
				spent[phase] += arm->values[j].phase_ns[phase] > 0.0;
		}
		for (int phase = 0; phase < ARM_PHASES; phase++) {
			if (spent[phase] > arm->count / 10)
				shown |= PHASE_BIT(phase);
		}
	}
	return shown;
}

static void cell_us(struct table *table, double ns)
{
	if (isfinite(ns))
		table_cell(table, "%.2f", ns / NS_PER_US);
	else
		table_cell(table, "-");
}

static struct table *table_begin(uint64_t shown)
{
	struct table *table = table_new();

	table_column_text(table, "Loader");
	for (int i = 0; i < ARM_PHASES; i++) {
		char heading[32];

		if (!(shown & PHASE_BIT(i)))
			continue;
		snprintf(heading, sizeof(heading), "%s", phase_label((enum phase)i));
		heading[0] = (char)(heading[0] & ~0x20);
		table_column_number(table, heading);
	}
	table_column_number(table, "p10");
	table_column_number(table, "p50");
	table_column_number(table, "p90");
	table_column_number(table, "Ratio");
	table_column_number(table, "Faults");
	table_column_number(table, "Stale");
	return table;
}

static void row_print(struct table *table, uint64_t shown, const struct arm *arm, double first_p50)
{
	struct stats_summary total = column_summary(arm, offsetof(struct arm_values, total_ns));

	table_cell(table, "%s", arm->loader);
	for (int i = 0; i < ARM_PHASES; i++) {
		if (shown & PHASE_BIT(i))
			cell_us(table, column_summary(arm, phase_offset(i)).p50);
	}
	cell_us(table, total.p10);
	cell_us(table, total.p50);
	cell_us(table, total.p90);
	if (isfinite(first_p50) && isfinite(total.p50) && first_p50 > 0.0)
		table_cell(table, total.p50 < 0.1 * first_p50 ? "%.4fx" : "%.2fx",
			   total.p50 / first_p50);
	else
		table_cell(table, "-");
	if (total.n)
		table_cell(table, "%.0f",
			   column_summary(arm, offsetof(struct arm_values, minflt)).p50);
	else
		table_cell(table, "-");
	table_cell(table, arm->stale ? "%u" : "-", arm->stale);
}

static void object_heading(const struct runner *runner, const struct subject *subject, FILE *out)
{
	char whole[16], loaded[16];

	fprintf(out, "%s: %s, %s loaded; ", subject->path,
		text_bytes(subject->file.size, whole, sizeof(whole)),
		text_bytes(elf_load_bytes(&subject->elf), loaded, sizeof(loaded)));
	if (subject->symbol[0])
		fprintf(out, "%s looked up%s", subject->symbol,
			subject->call ? " and called" : ", not called");
	else
		fputs("exports no function", out);
	fprintf(out, "; %u loads per loader", runner->options.loads);
	if (runner->options.cpu >= 0)
		fprintf(out, ", pinned to CPU %d", runner->options.cpu);
	if (runner->options.spinner)
		fputs(", another thread spinning", out);
	fputs("\n\n", out);
}

/* "disk: 15 system calls: mmap 4, close 2, ...; 399.3 KB written, 540.1 KB mapped" */
static void counters_print(const struct arm *arm, FILE *out)
{
	const struct counters *c = &arm->counters;
	char written[16], mapped[16];
	const char *between = ": ";

	if (!c->loads)
		return;
	fprintf(out, "  %s: %u system calls%s", arm->loader, c->total,
		c->exact ? "" : " (not the same in every load)");
	for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
		if (!c->calls[i])
			continue;
		fprintf(out, "%s%s %u", between, counters_name(i) ? counters_name(i) : "other",
			c->calls[i]);
		between = ", ";
	}
	fprintf(out, "; %s written, %s mapped\n",
		text_bytes(c->written_bytes, written, sizeof(written)),
		text_bytes(c->mapped_bytes, mapped, sizeof(mapped)));
}

/* What the others are compared with: the first loader that really loads. */
static const struct arm *arm_first(const struct runner *runner, const struct subject *subject)
{
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		if (arm->subject == subject && (arm->client.ready.caps & LOADER_EXECUTES))
			return arm;
	}
	return NULL;
}

static void object_print(const struct runner *runner, const struct subject *subject, FILE *out)
{
	uint64_t shown = phases_shown(runner, subject);
	struct table *table = table_begin(shown);
	const struct arm *first = arm_first(runner, subject);

	object_heading(runner, subject, out);
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		if (arm->subject != subject)
			continue;
		row_print(table, shown, arm,
			  first ? column_summary(first, offsetof(struct arm_values, total_ns)).p50
				: (double)NAN);
	}
	table_print(table, out);
	table_free(table);
	fputs("  us per load: median of each phase, then p10, p50 and p90 of their sum", out);
	fprintf(out, first ? "; ratio of the p50 to that of %s\n" : "\n",
		first ? first->loader : "");
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		if (arm->subject != subject)
			continue;
		if (arm->stale)
			fprintf(out, "  %s: %u stale loads: %s\n", arm->loader, arm->stale,
				arm->stale_reason);
		counters_print(arm, out);
		if (arm->note[0])
			fprintf(out, "  %s: %s\n", arm->loader, arm->note);
		if (!arm->error.text[0] && arm->count < runner->options.loads)
			fprintf(out, "  %s: %u of %u loads\n", arm->loader, arm->count,
				runner->options.loads);
		if (arm->error.text[0])
			fprintf(out, "  %s: ended after %u loads: %s\n", arm->loader, arm->count,
				arm->error.text);
	}
}

void run_report_print(const struct runner *runner, FILE *out)
{
	const struct subject *last = NULL;

	/* The arms of one object stand together. */
	for (size_t i = 0; i < runner->arm_count; i++) {
		if (runner->arms[i].subject == last)
			continue;
		if (last)
			fputc('\n', out);
		last = runner->arms[i].subject;
		object_print(runner, last, out);
	}
}

static void arm_warn(const struct arm *arm)
{
	struct stats_summary total = column_summary(arm, offsetof(struct arm_values, total_ns));
	struct stats_summary cut = column_summary(arm, offsetof(struct arm_values, nivcsw));

	if (total.n == 0 || !(arm->client.ready.caps & LOADER_EXECUTES))
		return;
	if (total.p50 < SHORT_NS) {
		log_warn("%s: a load takes %.0f ns, too short to be timed one by one: compare it "
			 "with nothing but the null loader",
			 arm->name, total.p50);
		return;
	}
	if (total.p90 > WIDE * total.p50)
		log_warn("%s: one load in ten takes %.1f times the median: other work runs on this "
			 "machine, or the loads are of two kinds; raise -n, pin with --pin",
			 arm->name, total.p90 / total.p50);
	if (cut.mean > INTERRUPTED)
		log_warn("%s: %.0f %% of the loads were interrupted by other work: use a quieter "
			 "machine or CPU (--pin CPU)",
			 arm->name, 100.0 * cut.mean);
}

void run_report_warn(const struct runner *runner, double steal)
{
	double load[1];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	bool unlocked = false;

	if (runner->options.loads < FEW_LOADS)
		log_warn("%u loads say little about a distribution: use -n %d or more",
			 runner->options.loads, FEW_LOADS);
	if (runner->options.spinner && runner->options.spinner_cpu < 0)
		log_warn("--spinner: no second CPU is free for the spinning thread, it takes time "
			 "from the loads");
	if (steal > STEAL)
		log_warn("the hypervisor took %.1f %% of the CPU time: use another machine, or "
			 "trust p10 more than p50",
			 100.0 * steal);
	if (getloadavg(load, 1) == 1 && load[0] > (double)cpus)
		log_warn("load average %.1f on %ld CPUs: other work disturbs the loads; raise -n "
			 "or wait",
			 load[0], cpus);
	for (size_t i = 0; i < runner->arm_count; i++) {
		arm_warn(&runner->arms[i]);
		unlocked |= runner->arms[i].count && !runner->arms[i].client.ready.locked;
	}
	if (unlocked)
		log_warn("the workers' memory is not locked: raise the limit (ulimit -l)");
}

static void summary_rows(const struct runner *runner, const struct arm *arm, const char *phase,
			 size_t offset)
{
	struct stats_summary stats = column_summary(arm, offset);
	struct summary row = {
		.scenario = "cycle",
		.loader = arm->loader,
		.so = arm->subject->label,
		.so_bytes = (int64_t)arm->subject->file.size,
		.phase = phase,
		.n = (int64_t)stats.n,
		.epochs = runner->epoch,
		.unit = "ns",
	};
	const struct {
		const char *metric;
		double value;
	} metrics[] = {
		{ "min", stats.min }, { "p10", stats.p10 },	    { "p50", stats.p50 },
		{ "p90", stats.p90 }, { "p99", stats.p99 },	    { "mean", stats.mean },
		{ "mad", stats.mad }, { "trimmed", stats.trimmed },
	};

	for (size_t i = 0; stats.n && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		bool median = strcmp(metrics[i].metric, "p50") == 0;

		row.metric = metrics[i].metric;
		row.value = metrics[i].value;
		row.ci_low = median ? stats.p50_interval.low : (double)NAN;
		row.ci_high = median ? stats.p50_interval.high : (double)NAN;
		record_summary(runner->record, &row);
	}
}

static void count_row(const struct runner *runner, const struct arm *arm, const char *metric,
		      double value)
{
	bool bytes = strncmp(metric, "bytes", 5) == 0;

	record_summary(runner->record, &(struct summary){
					       .scenario = "cycle",
					       .loader = arm->loader,
					       .so = arm->subject->label,
					       .so_bytes = (int64_t)arm->subject->file.size,
					       .phase = "total",
					       .metric = metric,
					       .unit = bytes ? "bytes" : "count",
					       .n = arm->count,
					       .epochs = runner->epoch,
					       .value = value,
					       .ci_low = (double)NAN,
					       .ci_high = (double)NAN,
				       });
}

static void counters_rows(const struct runner *runner, const struct arm *arm)
{
	const struct counters *c = &arm->counters;

	if (!c->loads)
		return;
	count_row(runner, arm, "syscalls", c->total);
	for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
		char metric[64];

		if (!c->calls[i] || !counters_name(i))
			continue;
		snprintf(metric, sizeof(metric), "syscalls.%s", counters_name(i));
		count_row(runner, arm, metric, c->calls[i]);
	}
	count_row(runner, arm, "bytes_written", (double)c->written_bytes);
	count_row(runner, arm, "bytes_mapped", (double)c->mapped_bytes);
}

void run_report_summary(const struct runner *runner)
{
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		summary_rows(runner, arm, "total", offsetof(struct arm_values, total_ns));
		for (int phase = 0; phase < ARM_PHASES; phase++)
			summary_rows(runner, arm, phase_label((enum phase)phase),
				     phase_offset(phase));
		counters_rows(runner, arm);
		count_row(runner, arm, "count", arm->count);
		count_row(runner, arm, "stale", arm->stale);
		if (arm->count)
			count_row(runner, arm, "minflt",
				  column_summary(arm, offsetof(struct arm_values, minflt)).p50);
	}
}
