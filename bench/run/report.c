/* The tables of a finished run, and what is said below them. See report.h. */
#include "bench/run/report.h"

#include "base/text.h"
#include "bench/limits.h"
#include "bench/run/columns.h"
#include "bench/table.h"

#include <math.h>
#include <string.h>

#define NS_PER_US 1000.0

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
	table_column_number(table, "CI (%)");
	table_column_number(table, "Ratio");
	table_column_number(table, "Faults");
	table_column_number(table, "Stale");
	return table;
}

static void times_print(struct table *table, uint64_t shown, const struct arm *arm, int thread)
{
	struct stats_summary total = column_of_thread(arm, COLUMN(total_ns), thread);

	for (int i = 0; i < ARM_PHASES; i++) {
		if (shown & PHASE_BIT(i))
			cell_us(table, column_of_thread(arm, column_phase(i), thread).p50);
	}
	cell_us(table, total.p10);
	cell_us(table, total.p50);
	cell_us(table, total.p90);
}

static void row_print(struct table *table, uint64_t shown, const struct arm *arm, double first_p50)
{
	double p50 = column_summary(arm, COLUMN(total_ns)).p50, width = limits_width(arm);

	table_cell(table, "%s", arm->loader);
	times_print(table, shown, arm, COLUMN_ALL_THREADS);
	if (isfinite(width))
		table_cell(table, "%.1f", 100.0 * width);
	else
		table_cell(table, "-");
	if (isfinite(first_p50) && isfinite(p50) && first_p50 > 0.0)
		table_cell(table, p50 < 0.1 * first_p50 ? "%.4fx" : "%.2fx", p50 / first_p50);
	else
		table_cell(table, "-");
	if (arm->count)
		table_cell(table, "%.0f", column_summary(arm, COLUMN(minflt)).p50);
	else
		table_cell(table, "-");
	table_cell(table, arm->stale ? "%u" : "-", arm->stale);
}

static void threads_print(struct table *table, uint64_t shown, const struct arm *arm,
			  uint32_t threads)
{
	for (uint32_t i = 0; threads > 1 && arm->count && i < threads; i++) {
		table_cell(table, "  thread %u", i + 1);
		times_print(table, shown, arm, (int)i);
		table_cell(table, "-");
		table_cell(table, "-");
		table_cell(table, "%.0f", column_of_thread(arm, COLUMN(minflt), (int)i).p50);
		table_cell(table, "-");
	}
}

/* ", 40 loads per loader and thread": those that ended on their own have as many. */
static void loads_print(const struct runner *runner, const struct subject *subject, FILE *out)
{
	uint32_t threads = runner_threads(runner), least = UINT32_MAX, most = 0;

	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];
		uint32_t count = arm->count / threads;

		if (arm->error.text[0] || (subject && arm->subject != subject))
			continue;
		least = count < least ? count : least;
		most = count > most ? count : most;
	}
	if (most > least)
		fprintf(out, "%u to ", least);
	fprintf(out, "%u loads per loader%s", most, threads > 1 ? " and thread" : "");
}

static void method_print(const struct runner *runner, FILE *out)
{
	const struct runner_options *o = &runner->options;

	if (o->threads > 1)
		fprintf(out, ", %u threads loading at once%s", o->threads,
			o->spread ? ", each on a CPU of its own" : "");
	if (o->cpu >= 0)
		fprintf(out, ", pinned to CPU %d", o->cpu);
	if (o->isolate)
		fputs(", each in a fresh process", out);
	if (o->cold)
		fprintf(out, ", %s dropped from memory before each",
			o->cold == COLD_FILE ? "the staged file" : "everything cached");
	if (o->spinner)
		fputs(", another thread spinning", out);
	fputs("\n\n", out);
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
	fputs("; ", out);
	loads_print(runner, subject, out);
	method_print(runner, out);
}

/* "disk: 15 system calls: mmap 4, close 2, ...; 399.3 KB written, 540.1 KB mapped" */
static void counters_print(const struct arm *arm, const char *name, FILE *out)
{
	const struct counters *c = &arm->counters;
	char written[16], mapped[16];
	const char *between = ": ";

	if (!c->loads)
		return;
	fprintf(out, "  %s: %u system calls%s", name, c->total,
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

static void cold_print(const struct runner *runner, const struct arm *arm, const char *name,
		       FILE *out)
{
	if (!runner->options.cold || !arm->count || arm->stages)
		return;
	fprintf(out, "  %s: writes no file: %s\n", name,
		runner->options.cold == COLD_ALL ? "only the libraries it needs were cold"
						 : "--cold changed nothing");
}

/* What a table has no column for. */
static void arm_notes_print(const struct runner *runner, const struct arm *arm, const char *name,
			    FILE *out)
{
	uint32_t threads = runner_threads(runner);

	if (arm->stale)
		fprintf(out, "  %s: %u stale loads: %s\n", name, arm->stale, arm->stale_reason);
	counters_print(arm, name, out);
	if (arm->note[0])
		fprintf(out, "  %s: %s\n", name, arm->note);
	cold_print(runner, arm, name, out);
	if (arm->error.text[0])
		fprintf(out, "  %s: ended after %u loads: %s\n", name, arm->count, arm->error.text);
	else if (arm->left && !arm->ended && !runner->options.time_ns)
		fprintf(out, "  %s: %u of %u loads\n", name, arm->count,
			runner->options.loads * threads);
	if (!arm->error.text[0] && !limits_met(runner, arm) && isfinite(limits_width(arm)))
		fprintf(out, "  %s: p50 is known to %.1f %%, not to %.1f %%\n", name,
			100.0 * limits_width(arm), 100.0 * runner->options.until);
	else if (!arm->error.text[0] && !limits_met(runner, arm))
		fprintf(out, "  %s: too few turns to tell how well p50 is known\n", name);
}

static void object_print(const struct runner *runner, const struct subject *subject, FILE *out)
{
	uint64_t shown = phases_shown(runner, subject);
	struct table *table = table_begin(shown);
	const struct arm *first = arm_first(runner, subject);
	double first_p50 = first ? column_summary(first, COLUMN(total_ns)).p50 : (double)NAN;

	object_heading(runner, subject, out);
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		if (arm->subject != subject)
			continue;
		row_print(table, shown, arm, first_p50);
		threads_print(table, shown, arm, runner_threads(runner));
	}
	table_print(table, out);
	table_free(table);
	fputs("  us per load: median of each phase, then p10, p50 and p90 of their sum", out);
	fprintf(out, first ? "; ratio of the p50 to that of %s\n" : "\n",
		first ? first->loader : "");
	for (size_t i = 0; i < runner->arm_count; i++) {
		if (runner->arms[i].subject == subject)
			arm_notes_print(runner, &runner->arms[i], runner->arms[i].loader, out);
	}
}

void run_report_print(const struct runner *runner, const struct scan *scan, FILE *out)
{
	const struct subject *last = NULL;
	size_t i = 0;

	if (scan->count) {
		fprintf(out, "%zu objects that differ in %s; ", scan->count, scan_word(scan->what));
		loads_print(runner, NULL, out);
		method_print(runner, out);
		scan_print(scan, runner, out);
	}
	for (; i < runner->arm_count &&
	       runner->arms[i].subject - runner->arms[0].subject < (ptrdiff_t)scan->count;
	     i++) {
		last = runner->arms[i].subject;
		arm_notes_print(runner, &runner->arms[i], runner->arms[i].name, out);
	}
	/* The arms of one object stand together. */
	for (; i < runner->arm_count; i++) {
		if (runner->arms[i].subject == last)
			continue;
		if (last)
			fputc('\n', out);
		last = runner->arms[i].subject;
		object_print(runner, last, out);
	}
}
