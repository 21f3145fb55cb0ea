/* Texts to paste: an issue under the headings of upstream's performance form, and a comment for a
 * pull request. Whatever comes from a record goes through markup.h, or into a block of code. */
#include "bench/report/text.h"

#include "bench/command.h"
#include "bench/report/forest.h"
#include "bench/report/reduce.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* simpler's commit whose flow loader disk and transport inline follow. */
#define UPSTREAM_COMMIT "78f0869"

static const char none[] = "_Not recorded._";

static void heading(FILE *out, const char *text)
{
	fprintf(out, "### %s\n\n", text);
}

static void section(struct markup *markup, const char *title, const char *text)
{
	heading(markup->out, title);
	if (*text)
		markup_paragraph(markup, "%s", text);
	else
		fprintf(markup->out, "%s\n\n", none);
}

/* The command as it was typed, words with anything but plain characters quoted for a shell. */
static void command_write(const struct data_run *run, FILE *out)
{
	const json_t *argv = json_object_get(run->json, "argv"), *word;
	size_t i;

	json_array_foreach(argv, i, word)
	{
		const char *text = json_is_string(word) ? json_string_value(word) : "";

		fputs(i ? " " : "", out);
		if (*text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_-+=:,./@") == strlen(text)) {
			fputs(text, out);
			continue;
		}
		fputc('\'', out);
		for (; *text; text++) {
			if (*text == '\'')
				fputs("'\\''", out);
			else if ((unsigned char)*text >= ' ')
				fputc(*text, out);
		}
		fputc('\'', out);
	}
	fputc('\n', out);
}

/* The record the issue is about: that of the reproduction, or else of the loads alone. */
static const struct data_run *run_of(const struct data *data, uint32_t *ret_set, bool *ret_found)
{
	*ret_found = reduce_set(data, true, ret_set) || reduce_set(data, false, ret_set);
	return &data->runs[*ret_found ? data->sets[*ret_set].run : 0];
}

static void platform_write(struct data *data, const struct data_run *run, struct markup *markup)
{
	const char *platform = data_text(data, run, "repro.platform");

	heading(markup->out, "Platform");
	if (*platform)
		markup_paragraph(markup, "%s, modelled on a host (no Ascend device took part)",
				 platform);
	else
		markup_paragraph(markup, "All / Unknown: objects were loaded on a host, no Ascend "
					 "device took part");
	section(markup, "Runtime Variant",
		*platform ? data_text(data, run, "repro.runtime") : "All / Unknown");
}

/* The form asks for upstream's commit: the one whose flow was modelled. */
static void versions_write(struct data *data, const struct data_run *run, struct markup *markup)
{
	static const char absent[] = "None: nothing ran on an Ascend device";
	const char *cann = data_text(data, run, "machine.cann");
	const char *driver = data_text(data, run, "machine.driver");
	const char *revision = data_text(data, run, "machine.revision");

	heading(markup->out, "Git Commit ID");
	markup_paragraph(markup, "%s (the flow that was modelled), measured by soload %s",
			 UPSTREAM_COMMIT, *revision ? revision : SOLOAD_VERSION);
	section(markup, "CANN Version", *cann ? cann : absent);
	section(markup, "Driver Version", *driver ? driver : absent);
}

static void host_write(struct data *data, const struct data_run *run, struct markup *markup)
{
	const char *architecture = data_text(data, run, "machine.architecture");
	const char *hypervisor = data_text(data, run, "machine.hypervisor");
	double cpus = data_number(run, "machine.cpus");
	char count[32] = "";

	if (!*architecture) {
		section(markup, "Host Platform", "");
		return;
	}
	heading(markup->out, "Host Platform");
	if (isfinite(cpus))
		snprintf(count, sizeof(count), ", %.0f CPUs", cpus);
	markup_paragraph(markup, "Linux (%s): %s%s, Linux %s, %s%s%s", architecture,
			 data_text(data, run, "machine.cpu"), count,
			 data_text(data, run, "machine.kernel"),
			 data_text(data, run, "machine.libc"), *hypervisor ? ", " : "", hypervisor);
}

static void figures_write(const struct plots *plots, const char *figures, FILE *out)
{
	size_t drawn = 0;

	if (strcmp(figures, TEXT_FIGURES) == 0)
		fputs("<!-- pictures are links to files beside report.md: drop the files here in "
		      "their place, or name where they are (--figures-url) -->\n\n",
		      out);
	for (size_t i = 0; i < plots->n; i++) {
		if (!plots->at[i].drawn)
			continue;
		fprintf(out, "![%s](%s/%s.png)\n\n", plots->at[i].title, figures,
			plots->at[i].name);
		drawn++;
	}
	if (!drawn)
		fprintf(out, "%s\n\n", none);
}

/* The expectation is a record's own: the fastest that does the same work, and what copying and
 * relocating alone takes. */
static void expected_write(const struct data *data, const struct data_arm *const *arms, size_t n,
			   struct markup *markup)
{
	const struct data_arm *disk = text_arm(arms, n, "disk", NULL);
	const char *transport = disk ? disk->transport : n ? arms[0]->transport : NULL;
	const struct data_arm *best = text_fastest(arms, n, transport);
	const struct data_arm *floor = text_arm(arms, n, "floor", transport);
	char time[32], least[100] = "";

	if (!best) {
		section(markup, "Expected Performance", "");
		return;
	}
	if (floor)
		snprintf(least, sizeof(least),
			 " Copying and relocating its bytes alone (floor) takes %s.",
			 plot_time(reduce_summary(data, floor, REDUCE_TOTAL).p50, time,
				   sizeof(time)));
	heading(markup->out, "Expected Performance");
	markup_paragraph(
		markup, "%s brings the same object in anew on the same machine in %s by median.%s",
		best->loader,
		plot_time(reduce_summary(data, best, REDUCE_TOTAL).p50, time, sizeof(time)), least);
}

/* What upstream does first, then every arm. */
static void actual_write(struct data *data, uint32_t set, const struct data_arm *const *arms,
			 size_t n, struct markup *markup)
{
	const struct data_arm *disk = text_arm(arms, n, "disk", NULL);
	char low[32], middle[32], high[32];
	struct stats_summary total;

	if (!n) {
		section(markup, "Actual Performance", "");
		return;
	}
	heading(markup->out, "Actual Performance");
	if (disk) {
		total = reduce_summary(data, disk, REDUCE_TOTAL);
		markup_paragraph(markup,
				 "One load through a file, as at %s (%s%s%s): %s by median, %s to "
				 "%s from p10 to p90 of %zu loads.",
				 UPSTREAM_COMMIT, disk->loader, *disk->transport ? ", " : "",
				 disk->transport, plot_time(total.p50, middle, sizeof(middle)),
				 plot_time(total.p10, low, sizeof(low)),
				 plot_time(total.p90, high, sizeof(high)), total.n);
	}
	text_set(markup, data, set, NULL);
}

static void notes_write(const struct data *data, struct markup *markup)
{
	for (size_t i = 0; i < data->notes.n; i++)
		markup_item(markup, data->notes.at[i]);
}

static void context_write(const struct data *data, struct markup *markup)
{
	heading(markup->out, "Additional Context");
	fputs("Times are of the load alone: stage, link, resolve, first call, unload. Host and "
	      "AICPU are "
	      "modelled; nothing here was measured on an NPU.\n",
	      markup->out);
	notes_write(data, markup);
	fputc('\n', markup->out);
}

void text_issue(struct data *data, const struct plots *plots, const char *figures, FILE *out)
{
	const struct data_arm *arms[DATA_ARMS_MAX];
	char finding[TEXT_FINDING_BYTES] = "";
	uint32_t set = 0;
	bool found;
	const struct data_run *run = run_of(data, &set, &found);
	size_t n = found ? reduce_arms(data, set, arms, DATA_ARMS_MAX) : 0;
	struct markup markup = { .out = out };

	fputs("<!-- title: [Performance] Loading the orchestration object; label: performance "
	      "-->\n\n",
	      out);
	platform_write(data, run, &markup);
	text_finding(data, finding, sizeof(finding));
	section(&markup, "Summary", finding);
	versions_write(data, run, &markup);
	host_write(data, run, &markup);
	heading(out, "Reproduction");
	fputs("```bash\n", out);
	command_write(run, out);
	fputs("```\n\n", out);
	expected_write(data, arms, n, &markup);
	actual_write(data, set, arms, n, &markup);
	heading(out, "Profiling Data (Optional)");
	figures_write(plots, figures, out);
	context_write(data, &markup);
}

static const char *verdict_text(enum forest_verdict verdict)
{
	static const char *const texts[] = { "cannot be told from no change", "faster", "slower",
					     "too few epochs" };
	return texts[verdict];
}

static void forest_write(struct markup *markup, const struct forest *forest)
{
	static const char *const columns[] = { "loader",	  "scenario",  "phase",
					       "#change %",	  "#interval", "#epochs",
					       "by its interval", NULL };

	markup_table_begin(markup, columns, "All rows");
	for (size_t i = 0; i < forest->n; i++) {
		const struct forest_row *row = &forest->rows[i];

		markup_cell(markup, "%s", row->loader);
		markup_cell(markup, "%s", row->scenario);
		markup_cell(markup, "%s", row->phase);
		markup_cell(markup, "%+.2f", 100 * (row->ratio - 1));
		if (isfinite(row->low) && isfinite(row->high))
			markup_cell(markup, "%+.2f to %+.2f", 100 * (row->low - 1),
				    100 * (row->high - 1));
		else
			markup_cell(markup, "none");
		markup_cell(markup, "%zu", row->epochs);
		markup_cell(markup, "%s", verdict_text(forest_verdict(row)));
		markup_row_end(markup);
	}
	markup_table_end(markup, true);
}

static bool is_gate(struct data *data, const struct forest *forest, uint32_t run)
{
	const char *command = data_text(data, &data->runs[run], "command");

	for (size_t i = 0; i < forest->n; i++) {
		if (forest->rows[i].run == run)
			return true;
	}
	return strcmp(command, "gate") == 0 || strcmp(command, "compare") == 0;
}

/* From the best to the worst: a gate that says nothing may hide anything but what another one
 * found. */
static const char *const verdicts[] = { "nothing to compare with", "pass", "inconclusive",
					"no verdict recorded", "regression" };

static size_t verdict_of(const struct data_run *run)
{
	double code = data_number(run, "exit_code");

	return code == EXIT_DONE	       ? 1
	       : code == EXIT_MEASURED_FAILURE ? 4
	       : code == EXIT_INCONCLUSIVE     ? 2
	       : code == EXIT_SKIPPED	       ? 0
					       : 3;
}

static void counts_write(const struct forest *forest, bool totals, FILE *out)
{
	size_t counts[4] = { 0 }, n = 0;

	for (size_t i = 0; i < forest->n; i++) {
		if (forest_is_total(&forest->rows[i]) != totals)
			continue;
		counts[forest_verdict(&forest->rows[i])]++;
		n++;
	}
	fprintf(out, "%zu %s: %zu slower, %zu faster, %zu cannot be told from no change", n,
		totals ? "rows" : "phases of them", counts[FOREST_SLOWER], counts[FOREST_FASTER],
		counts[FOREST_SAME] + counts[FOREST_UNKNOWN]);
}

/* The gates' own verdicts, the worst of them first; never a stronger word than the records'. */
static void verdict_write(struct data *data, const struct forest *forest, struct markup *markup)
{
	FILE *out = markup->out;
	size_t worst = 0, gates = 0;
	char text[300];

	for (uint32_t i = 0; i < data->run_count; i++) {
		if (!is_gate(data, forest, i))
			continue;
		if (gates++ == 0 || verdict_of(&data->runs[i]) > worst)
			worst = verdict_of(&data->runs[i]);
	}
	if (gates == 0) {
		fputs("**No verdict: the records hold no comparison (soload gate makes one).**\n\n",
		      out);
		return;
	}
	fprintf(out, "**%s** — ", verdicts[worst]);
	counts_write(forest, true, out);
	fputs("; ", out);
	counts_write(forest, false, out);
	fputs(" (by interval; the verdict also asks whether a change is large enough to "
	      "matter, and counts work)\n\n",
	      out);
	for (uint32_t i = 0; gates > 1 && i < data->run_count; i++) {
		if (!is_gate(data, forest, i))
			continue;
		snprintf(text, sizeof(text), "%s: %s", data->runs[i].name,
			 verdicts[verdict_of(&data->runs[i])]);
		markup_item(markup, text);
	}
	if (gates > 1)
		fputc('\n', out);
}

void text_pull_request(struct data *data, const struct plots *plots, const char *figures, FILE *out)
{
	struct markup markup = { .out = out, .figures = figures };
	struct forest forest;

	forest_collect(&forest, data);
	verdict_write(data, &forest, &markup);
	for (size_t i = 0; i < plots->n; i++) {
		if (strcmp(plots->at[i].name, "forest") == 0)
			markup_figure(&markup, plots, &plots->at[i]);
	}
	if (forest.n)
		forest_write(&markup, &forest);
	notes_write(data, &markup);
	forest_free(&forest);
}
