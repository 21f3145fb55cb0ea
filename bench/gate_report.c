/* Showing what was judged. See gate_report.h. */
#include "bench/gate_report.h"

#include "bench/gate_count.h"
#include "bench/table.h"

#include <math.h>
#include <string.h>

#define CELL_BYTES 64
#define REASON_BYTES (ERR_TEXT_BYTES + 64)

enum exit_code gate_result_code(const struct gate_result *result)
{
	bool inconclusive = false, compared = false;

	for (size_t i = 0; i < result->count; i++) {
		if (result->rows[i].state == GATE_SKIPPED)
			continue;
		compared = true;
		if (gate_row_verdict(&result->rows[i]) == JUDGE_FAIL)
			return EXIT_MEASURED_FAILURE;
		inconclusive |= gate_row_verdict(&result->rows[i]) == JUDGE_INCONCLUSIVE;
	}
	if (!compared)
		return EXIT_SKIPPED;
	return inconclusive || result->incomplete ? EXIT_INCONCLUSIVE : EXIT_DONE;
}

/* The place of a subject's quantile in the verdict, or -1. */
static int series_find(const struct verdict *verdict, int subject, int quantile)
{
	for (size_t i = 0; i < verdict->count; i++) {
		if (verdict->subjects[i].subject == subject &&
		    verdict->subjects[i].quantile == quantile)
			return (int)i;
	}
	return -1;
}

/* "+0.12 [-0.30, +0.50]" */
static const char *ratio_text(const struct verdict *verdict, int subject, int quantile, char *cell)
{
	int i = series_find(verdict, subject, quantile);
	const struct judge_series *series = i < 0 ? NULL : &verdict->series[i];

	if (!series || !series->judged)
		return strcpy(cell, "-");
	if (isinf(series->interval.low))
		snprintf(cell, CELL_BYTES, "%+.2f [?]", verdict_percent(series->estimate));
	else
		snprintf(cell, CELL_BYTES, "%+.2f [%+.2f, %+.2f]",
			 verdict_percent(series->estimate), verdict_percent(series->interval.low),
			 verdict_percent(series->interval.high));
	return cell;
}

static const char *row_word(const struct gate_row *row)
{
	static const char *const words[] = { "PASS", "FAIL", "INCONCLUSIVE" };

	return row->state == GATE_SKIPPED ? "skipped" : words[gate_row_verdict(row)];
}

/* Why a row is not a pass, in words; "" for one that is. */
static const char *row_reason(const struct gate_row *row, char *buffer, size_t size)
{
	if (row->state == GATE_JUDGED && row->count && row->count->rise[0] &&
	    row->verdict.verdict != JUDGE_FAIL) {
		snprintf(buffer, size, "counter %s", row->count->rise);
		return buffer;
	}
	if (row->state == GATE_JUDGED)
		return verdict_reason(&row->verdict, buffer, size);
	snprintf(buffer, size, "%s: %s",
		 row->state == GATE_BROKEN ? "loads of head fail" : "base cannot", row->error.text);
	return buffer;
}

static double row_ns(const struct gate_row *row, bool head)
{
	int i = series_find(&row->verdict, EPOCH_TOTAL, EPOCH_P50);

	if (i < 0)
		i = series_find(&row->verdict, EPOCH_TOTAL, EPOCH_P10);
	if (i < 0)
		return (double)NAN;
	return head ? row->verdict.subjects[i].head_ns : row->verdict.subjects[i].base_ns;
}

static void table_row(struct table *table, const struct gate_row *row)
{
	char cell[CELL_BYTES];

	table_cell(table, "%s", row->epochs.loader);
	table_cell(table, "%s", row->epochs.scenario);
	table_cell(table, "%s", row_word(row));
	table_cell(table, "%zu", row->verdict.epochs);
	table_cell(table, "%.1f", row->seconds);
	for (int q = 0; q < EPOCH_QUANTILES; q++)
		table_cell(table, "%s", ratio_text(&row->verdict, EPOCH_TOTAL, q, cell));
	table_cell_us(table, row_ns(row, false));
	table_cell_us(table, row_ns(row, true));
}

void gate_report_table(const struct gate_result *result, FILE *out)
{
	struct table *table = table_new();
	char reason[REASON_BYTES];

	fprintf(out, "base %s, head %s: %s\n\n", result->base, result->head, result->title);
	table_column_text(table, "Loader");
	table_column_text(table, "Scenario");
	table_column_text(table, "Verdict");
	table_column_number(table, "Epochs");
	table_column_number(table, "s");
	table_column_number(table, "p10 (%)");
	table_column_number(table, "p50 (%)");
	table_column_number(table, "p90 (%)");
	table_column_number(table, "Base p50 (us)");
	table_column_number(table, "Head p50 (us)");
	for (size_t i = 0; i < result->count; i++)
		table_row(table, &result->rows[i]);
	table_print(table, out);
	table_free(table);
	fputs("  head against base: change of the whole load, with its interval\n", out);
	for (size_t i = 0; i < result->count; i++) {
		if (*row_reason(&result->rows[i], reason, sizeof(reason)))
			fprintf(out, "  %s: %s: %s\n", result->rows[i].epochs.loader,
				row_word(&result->rows[i]), reason);
	}
	if (result->incomplete)
		fprintf(out, "  %s\n", result->incomplete);
}

/* A pipe would end the cell. */
static void markdown_cell(FILE *out, const char *text)
{
	fputs("| ", out);
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
	fputc(' ', out);
}

static void markdown_phases(const struct gate_row *row, FILE *out)
{
	const struct verdict *verdict = &row->verdict;
	char cell[CELL_BYTES];

	for (size_t i = 0; i < verdict->count; i++) {
		const struct verdict_subject *about = &verdict->subjects[i];

		if (about->subject == EPOCH_TOTAL || !verdict->series[i].judged)
			continue;
		markdown_cell(out, row->epochs.loader);
		markdown_cell(out, epoch_subject_name(about->subject));
		markdown_cell(out, epoch_quantile_name(about->quantile));
		markdown_cell(out, ratio_text(verdict, about->subject, about->quantile, cell));
		fprintf(out, "| %.1f | %.1f |\n", about->base_ns / 1e3, about->head_ns / 1e3);
	}
}

static void markdown_counters(const struct gate_result *result, FILE *out)
{
	bool head = false;

	for (size_t i = 0; i < result->count; i++) {
		if (!result->rows[i].count)
			continue;
		if (!head)
			fputs("\n<details><summary>counters</summary>\n\n"
			      "| loader | counter | base | head | |\n|---|---|--:|--:|---|\n",
			      out);
		head = true;
		gate_count_markdown(&result->rows[i], out);
	}
	if (head)
		fputs("\n</details>\n", out);
}

void gate_report_markdown(const struct gate_result *result, FILE *out)
{
	char cell[CELL_BYTES], reason[REASON_BYTES];

	fprintf(out, "### soload gate: %s\n\nbase `%s`, head `%s`: %s\n\n",
		gate_result_code(result) == EXIT_DONE		    ? "pass"
		: gate_result_code(result) == EXIT_MEASURED_FAILURE ? "**fail**"
		: gate_result_code(result) == EXIT_SKIPPED	    ? "nothing to compare"
								    : "inconclusive",
		result->base, result->head, result->title);
	fputs("| loader | scenario | verdict | epochs | p10 % | p50 % | p90 % | base p50 us | head "
	      "p50 us |\n"
	      "|---|---|---|--:|--:|--:|--:|--:|--:|\n",
	      out);
	for (size_t i = 0; i < result->count; i++) {
		const struct gate_row *row = &result->rows[i];

		markdown_cell(out, row->epochs.loader);
		markdown_cell(out, row->epochs.scenario);
		fprintf(out, "| %s | %zu ", row_word(row), row->verdict.epochs);
		for (int q = 0; q < EPOCH_QUANTILES; q++)
			markdown_cell(out, ratio_text(&row->verdict, EPOCH_TOTAL, q, cell));
		fprintf(out, "| %.1f | %.1f |\n", row_ns(row, false) / 1e3,
			row_ns(row, true) / 1e3);
	}
	fputc('\n', out);
	for (size_t i = 0; i < result->count; i++) {
		if (*row_reason(&result->rows[i], reason, sizeof(reason)))
			fprintf(out, "- %s: %s\n", result->rows[i].epochs.loader, reason);
	}
	if (result->incomplete)
		fprintf(out, "- %s\n", result->incomplete);
	fputs("\n<details><summary>phases</summary>\n\n"
	      "| loader | phase | quantile | change % | base us | head us |\n"
	      "|---|---|---|--:|--:|--:|\n",
	      out);
	for (size_t i = 0; i < result->count; i++)
		markdown_phases(&result->rows[i], out);
	fputs("\n</details>\n", out);
	markdown_counters(result, out);
}

/* As GitHub wants it in a command: percent signs and line breaks are encoded. */
static void annotation_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '%' || *text == '\n' || *text == '\r')
			fprintf(out, "%%%02X", (unsigned int)*text);
		else
			fputc(*text, out);
	}
	fputc('\n', out);
}

void gate_report_annotations(const struct gate_result *result, FILE *out)
{
	char reason[REASON_BYTES];

	for (size_t i = 0; i < result->count; i++) {
		const struct gate_row *row = &result->rows[i];
		const char *kind = "warning";

		if (!*row_reason(row, reason, sizeof(reason)))
			continue;
		if (row->state != GATE_SKIPPED && gate_row_verdict(row) == JUDGE_FAIL)
			kind = "error";
		fprintf(out, "::%s title=soload gate %s::%s: ", kind, row->epochs.loader,
			row_word(row));
		annotation_text(out, reason);
	}
	if (result->incomplete)
		fprintf(out, "::warning title=soload gate::%s\n", result->incomplete);
}

void gate_report_last_line(const struct gate_result *result, FILE *out)
{
	enum exit_code code = gate_result_code(result);
	char reason[REASON_BYTES];
	bool told = false;

	fprintf(out, "verdict=%s",
		code == EXIT_DONE		? "pass"
		: code == EXIT_MEASURED_FAILURE ? "fail"
		: code == EXIT_SKIPPED		? "skipped"
						: "inconclusive");
	for (size_t i = 0; !told && i < result->count; i++) {
		const struct gate_row *row = &result->rows[i];
		bool named = code == EXIT_SKIPPED ||
			     (row->state != GATE_SKIPPED && gate_row_verdict(row) != JUDGE_PASS &&
			      (code == EXIT_INCONCLUSIVE || gate_row_verdict(row) == JUDGE_FAIL));

		told = named && *row_reason(row, reason, sizeof(reason));
		if (told)
			fprintf(out, " reason=%s: %s", row->epochs.loader, reason);
	}
	if (!told && code == EXIT_INCONCLUSIVE && result->incomplete)
		fprintf(out, " reason=%s", result->incomplete);
	fputc('\n', out);
}
