/* report.md and report.html: the finding, what to know before reading, figures, all tables. */
#include "bench/report/text.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define ROWS_MAX 200
#define ROWS_SHOWN 64 /* in figures of one row per arm */

const struct data_arm *text_arm(const struct data_arm *const *arms, size_t n, const char *loader,
				const char *transport)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(arms[i]->loader, loader, strlen(loader)) == 0 &&
		    strchr(":", arms[i]->loader[strlen(loader)]) &&
		    (!transport || arms[i]->transport == transport))
			return arms[i];
	}
	return NULL;
}

/* With default options: not auto, which is one of the others, and not prelinked, which answers
 * bytes it knows with what it made of them. */
const struct data_arm *text_fastest(const struct data_arm *const *arms, size_t n,
				    const char *transport)
{
	const unsigned int promised = LOADER_EXECUTES | LOADER_FRESH_EVERY_LOAD;

	for (size_t i = 0; i < n; i++) {
		const struct loader_type *type =
			loader_find(arms[i]->loader, strlen(arms[i]->loader));

		if (type && (type->caps & promised) == promised && !arms[i]->stale &&
		    arms[i]->transport == transport && strcmp(type->name, "auto") != 0 &&
		    strcmp(type->name, "prelinked") != 0)
			return arms[i];
	}
	return NULL;
}

bool text_finding(struct data *data, char *buffer, size_t size)
{
	const struct data_arm *arms[ROWS_MAX], *disk, *best, *again;
	char slow[32], fast[32], more[120] = "";
	double disk_ns, best_ns;
	uint32_t set;
	size_t n;

	if (!reduce_any_set(data, &set))
		return false;
	n = reduce_arms(data, set, arms, ROWS_MAX);
	disk = text_arm(arms, n, "disk", NULL);
	best = disk ? text_fastest(arms, n, disk->transport) : NULL;
	if (!best || best == disk)
		return false;
	disk_ns = reduce_summary(data, disk, REDUCE_TOTAL).p50;
	best_ns = reduce_summary(data, best, REDUCE_TOTAL).p50;
	if (!(best_ns > 0))
		return false;
	again = text_arm(arms, n, "prelinked", disk->transport);
	if (again)
		snprintf(more, sizeof(more),
			 " Where the same bytes come again, prelinked takes %s.",
			 plot_time(reduce_summary(data, again, REDUCE_TOTAL).p50, slow,
				   sizeof(slow)));
	snprintf(buffer, size,
		 "A load of %.*s through a file on disk (%.*s) takes %s by median; %.*s, the "
		 "fastest "
		 "that loads anew each time, takes %s: %.1f times less.%s",
		 CHARACTERS(disk->so, 60), CHARACTERS(disk->loader, 40),
		 plot_time(disk_ns, slow, sizeof(slow)), CHARACTERS(best->loader, 40),
		 plot_time(best_ns, fast, sizeof(fast)), disk_ns / best_ns, more);
	return true;
}

static void time_cell(struct markup *markup, double ns)
{
	if (isfinite(ns))
		markup_cell(markup, "%.*f", ns < 9995 ? 2 : ns < 999500 ? 1 : 0, ns / 1000.0);
	else
		markup_cell(markup, " ");
}

static void arm_row(struct markup *markup, const struct data *data, const struct data_arm *arm)
{
	struct stats_summary total = reduce_summary(data, arm, REDUCE_TOTAL);

	markup_cell(markup, "%s", arm->loader);
	markup_cell(markup, "%s", *arm->transport ? arm->transport : " ");
	markup_cell(markup, "%zu", total.n);
	time_cell(markup, total.p10);
	time_cell(markup, total.p50);
	if (isfinite(total.p50_interval.low))
		markup_cell(markup, "%.2f to %.2f", total.p50_interval.low / 1000.0,
			    total.p50_interval.high / 1000.0);
	else
		markup_cell(markup, "needs 6 loads");
	time_cell(markup, total.p90);
	time_cell(markup, total.n >= 100 ? total.p99 : (double)NAN);
	markup_cell(markup, "%zu", arm->failed);
	markup_cell(markup, arm->told ? "%zu" : " ", arm->stale);
	markup_row_end(markup);
}

void text_set(struct markup *markup, struct data *data, uint32_t set, const char *folded)
{
	static const char *const columns[] = { "loader",  "transport",	"#loads",  "#p10 us",
					       "#p50 us", "#p50, 95 %", "#p90 us", "#p99 us",
					       "#failed", "#stale",	NULL };
	const struct data_arm *arms[ROWS_MAX];
	size_t n = reduce_arms(data, set, arms, ROWS_MAX);

	markup_table_begin(markup, columns, folded);
	for (size_t i = 0; i < n; i++)
		arm_row(markup, data, arms[i]);
	markup_table_end(markup, folded);
}

static void sets_write(struct markup *markup, struct data *data)
{
	char title[800];

	for (uint32_t i = 0; i < data->set_count; i++) {
		const struct data_set *set = &data->sets[i];
		const char *so = *set->so ? set->so : "an object without a name";

		if (!set->measured)
			continue;
		snprintf(title, sizeof(title), "%.*s of %.*s (%.*s)", CHARACTERS(set->scenario, 60),
			 CHARACTERS(so, 120), CHARACTERS(data->runs[set->run].name, 60));
		markup_heading(markup, title);
		text_set(markup, data, i, NULL);
	}
}

static void failures_note(struct data *data)
{
	for (size_t i = 0; i < data->set_count; i++) {
		if (data->sets[i].arms > ROWS_SHOWN)
			data_note(data,
				  "%s of %s has %zu arms: figures show the %d fastest, tables %d",
				  data->sets[i].scenario, data->sets[i].so, data->sets[i].arms,
				  ROWS_SHOWN, ROWS_MAX);
	}
	for (size_t i = 0; i < data->arm_count; i++) {
		const struct data_arm *arm = &data->arms[i];

		if (arm->failed)
			data_note(data, "%s: %zu of %zu loads of %s failed and are in no figure",
				  arm->loader, arm->failed, arm->loads, arm->so);
		else if (!arm->measured)
			data_note(data, "%s: every load of %s was warm-up; nothing to show",
				  arm->loader, arm->so);
	}
	if (data->loads.n == 0 && data->epochs.n == 0)
		data_note(data,
			  "the records hold no loads: nothing was measured, so there is no figure");
}

static void runs_write(struct markup *markup, struct data *data)
{
	static const char *const columns[] = { "run",	 "command", "started",	     "machine",
					       "soload", "#loads",  "#load average", NULL };

	markup_heading(markup, "Records");
	markup_table_begin(markup, columns, NULL);
	for (size_t i = 0; i < data->run_count; i++) {
		const struct data_run *run = &data->runs[i];

		markup_cell(markup, "%s", run->name);
		markup_cell(markup, "%s", data_text(data, run, "command"));
		markup_cell(markup, "%s", data_text(data, run, "started"));
		markup_cell(markup, "%s, Linux %s", data_text(data, run, "machine.cpu"),
			    data_text(data, run, "machine.kernel"));
		markup_cell(markup, "%s", data_text(data, run, "machine.revision"));
		markup_cell(markup, "%zu", run->loads);
		if (isfinite(run->load_before))
			markup_cell(markup, "%.1f", run->load_before);
		else
			markup_cell(markup, "not recorded");
		markup_row_end(markup);
	}
	markup_table_end(markup, false);
}

static void notes_write(struct markup *markup, const struct data *data)
{
	if (data->notes.n == 0)
		return;
	markup_heading(markup, "Before you read on");
	markup_item_begin(markup);
	for (size_t i = 0; i < data->notes.n; i++)
		markup_item(markup, data->notes.at[i]);
	markup_item_end(markup);
}

static void gaps_write(struct markup *markup, const struct data *data)
{
	if (data->gaps.n == 0)
		return;
	markup_heading(markup, "Not shown");
	markup_item_begin(markup);
	for (size_t i = 0; i < data->gaps.n; i++)
		markup_item(markup, data->gaps.at[i]);
	markup_item_end(markup);
}

static int report_write(struct markup *markup, struct data *data, const struct plots *plots,
			const char *path, struct err *err)
{
	char finding[TEXT_FINDING_BYTES];
	bool bad;

	markup->out = fopen(path, "we");
	if (!markup->out)
		return err_sys(err, "write %s", path);
	markup_begin(markup, "Bringing a shared object in: what the records say");
	if (text_finding(data, finding, sizeof(finding)))
		markup_paragraph(markup, "%s", finding);
	notes_write(markup, data);
	if (plots->n)
		markup_heading(markup, "Figures");
	for (size_t i = 0; i < plots->n; i++)
		markup_figure(markup, plots, &plots->at[i]);
	gaps_write(markup, data);
	sets_write(markup, data);
	runs_write(markup, data);
	markup_paragraph(markup, "Made by soload report " SOLOAD_VERSION
				 " from recorded rows only. Medians of parts do not add up to the "
				 "median of the whole.");
	markup_end(markup);
	bad = ferror(markup->out);
	bad |= fclose(markup->out) != 0;
	return bad ? err_sys(err, "write %s", path) : 0;
}

int text_report(struct data *data, const struct plots *plots, const char *out, struct err *err)
{
	struct markup page = { .html = true }, text = { .figures = TEXT_FIGURES };
	char path[4200];
	int r;

	failures_note(data);
	snprintf(path, sizeof(path), "%s/report.md", out);
	r = report_write(&text, data, plots, path, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/report.html", out);
	return report_write(&page, data, plots, path, err);
}
