/* Texts to paste: an issue under the headings of upstream's performance form, and a comment for a
 * pull request. */
#include "bench/report/text.h"

#include "bench/report/forest.h"
#include "bench/report/reduce.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static const char none[] = "_Not recorded._";

static void heading(FILE *out, const char *text)
{
	fprintf(out, "### %s\n\n", text);
}

static void section(FILE *out, const char *title, const char *text)
{
	fprintf(out, "### %s\n\n%s\n\n", title, *text ? text : none);
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

static void platform_write(struct data *data, const struct data_run *run, FILE *out)
{
	const char *platform = data_text(data, run, "repro.platform");

	if (*platform)
		fprintf(out,
			"### Platform\n\n%s, modelled on a host (no Ascend device took part)\n\n",
			platform);
	else
		section(out, "Platform", "Host only (no Ascend device took part)");
	section(out, "Runtime Variant", data_text(data, run, "repro.runtime"));
}

static void host_write(struct data *data, const struct data_run *run, FILE *out)
{
	heading(out, "Host Platform");
	fprintf(out, "%s (%s, %.0f CPUs), Linux %s, %s, %s\n\n",
		data_text(data, run, "machine.architecture"), data_text(data, run, "machine.cpu"),
		isfinite(data_number(run, "machine.cpus")) ? data_number(run, "machine.cpus") : 0.0,
		data_text(data, run, "machine.kernel"), data_text(data, run, "machine.libc"),
		data_text(data, run, "machine.hypervisor"));
}

static void figures_write(const struct plots *plots, FILE *out)
{
	for (size_t i = 0; i < plots->n; i++) {
		if (plots->at[i].drawn)
			fprintf(out, "![%s](figures/%s.png)\n\n", plots->at[i].title,
				plots->at[i].name);
	}
}

/* The expectation is a record's own: what the same object takes once it is linked in already. */
static void expected_write(struct data *data, uint32_t set, FILE *out)
{
	const struct data_arm *arms[DATA_ARMS_MAX];
	size_t n = reduce_arms(data, set, arms, DATA_ARMS_MAX);
	char time[32];

	heading(out, "Expected Performance");
	if (n)
		fprintf(out,
			"The fastest way recorded here, `%s`, takes %s by median for the same "
			"object on "
			"the same machine.\n\n",
			arms[0]->loader,
			plot_time(reduce_summary(data, arms[0], REDUCE_TOTAL).p50, time,
				  sizeof(time)));
	else
		fprintf(out, "%s\n\n", none);
}

static void notes_write(const struct data *data, FILE *out)
{
	heading(out, "Additional Context");
	fputs("Times are of the load alone: stage, link, resolve, first call, unload. Host and "
	      "AICPU are "
	      "modelled; nothing here was measured on an NPU.\n",
	      out);
	for (size_t i = 0; i < data->notes.n; i++)
		fprintf(out, "- %s\n", data->notes.at[i]);
	fputc('\n', out);
}

void text_issue(struct data *data, const struct plots *plots, FILE *out)
{
	struct markup markup = { .out = out, .figures = "figures" };
	char finding[600] = "";
	uint32_t set = 0;
	bool found;
	const struct data_run *run = run_of(data, &set, &found);

	fputs("<!-- title: [Performance] Loading the orchestration object; label: performance "
	      "-->\n\n",
	      out);
	platform_write(data, run, out);
	text_finding(data, finding, sizeof(finding));
	section(out, "Summary", finding);
	section(out, "Git Commit ID", data_text(data, run, "machine.revision"));
	section(out, "CANN Version", data_text(data, run, "machine.cann"));
	section(out, "Driver Version", data_text(data, run, "machine.driver"));
	host_write(data, run, out);
	heading(out, "Reproduction Command");
	fputs("```bash\n", out);
	command_write(run, out);
	fputs("```\n\n", out);
	expected_write(data, set, out);
	heading(out, "Actual Performance");
	if (found)
		text_set(&markup, data, set, NULL);
	else
		fprintf(out, "%s\n\n", none);
	heading(out, "Profiling Data");
	figures_write(plots, out);
	notes_write(data, out);
}

static const char *verdict_text(enum forest_verdict verdict)
{
	static const char *const texts[] = { "cannot be told from no change", "faster", "slower",
					     "too few epochs" };
	return texts[verdict];
}

static void forest_write(struct markup *markup, const struct forest *forest)
{
	static const char *const columns[] = { "loader",    "scenario", "#change %",
					       "#interval", "#epochs",	"by its interval",
					       NULL };

	markup_table_begin(markup, columns, "All rows");
	for (size_t i = 0; i < forest->n; i++) {
		const struct forest_row *row = &forest->rows[i];

		markup_cell(markup, "%s", row->loader);
		markup_cell(markup, "%s", row->scenario);
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

/* The gate's own verdict where it recorded one; never a stronger word than the record's. */
static void verdict_write(struct data *data, const struct forest *forest, FILE *out)
{
	const struct data_run *run = &data->runs[forest->n ? forest->rows[0].run : 0];
	double code = data_number(run, "exit_code");
	const char *verdict = code == 0	  ? "pass"
			      : code == 1 ? "regression"
			      : code == 3 ? "inconclusive"
					  : "no verdict recorded";
	size_t counts[4] = { 0 };

	for (size_t i = 0; i < forest->n; i++)
		counts[forest_verdict(&forest->rows[i])]++;
	if (forest->n == 0) {
		fputs("**No verdict: the records hold no comparison (soload gate makes one).**\n\n",
		      out);
		return;
	}
	fprintf(out, "**%s** — %zu rows: %zu slower, %zu faster, %zu cannot be told from no change",
		verdict, forest->n, counts[FOREST_SLOWER], counts[FOREST_FASTER],
		counts[FOREST_SAME] + counts[FOREST_UNKNOWN]);
	fputs(" (by interval; the verdict also asks whether a change is large enough to "
	      "matter)\n\n",
	      out);
}

void text_pull_request(struct data *data, const struct plots *plots, FILE *out)
{
	struct markup markup = { .out = out, .figures = "figures" };
	struct forest forest;

	forest_collect(&forest, data);
	verdict_write(data, &forest, out);
	for (size_t i = 0; i < plots->n; i++) {
		if (strcmp(plots->at[i].name, "forest") == 0)
			markup_figure(&markup, plots, &plots->at[i]);
	}
	if (forest.n)
		forest_write(&markup, &forest);
	for (size_t i = 0; i < data->notes.n; i++)
		fprintf(out, "- %s\n", data->notes.at[i]);
}
