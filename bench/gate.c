/* soload gate: is head slower than base? Rows, a record of their epochs, one verdict. */
#include "bench/command.h"
#include "bench/gate_count.h"
#include "bench/gate_options.h"
#include "bench/gate_record.h"
#include "bench/gate_report.h"
#include "bench/gate_sides.h"
#include "bench/prove.h"
#include "bench/record.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void markdown_append(const struct gate_result *result, const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file) {
		log_warn("%s: %s", path, strerror(errno));
		return;
	}
	gate_report_markdown(result, file);
	if (fclose(file) != 0)
		log_warn("%s: %s", path, strerror(errno));
}

static void github_show(const struct gate_result *result)
{
	const char *summary = getenv("GITHUB_STEP_SUMMARY");

	if (summary && *summary)
		markdown_append(result, summary, "ae");
	gate_report_annotations(result, stdout);
}

static int replay_run(const struct gate_options *options)
{
	struct verdict_rule rule = options->rules.verdict;
	struct gate_recorded recorded = { .rows = NULL };
	struct gate_result result;
	struct err err;
	int code = EXIT_USAGE, r;

	r = gate_record_read(options->replay, &rule, &recorded, &err);
	gate_rule_complete(&rule);
	for (size_t i = 0; r == 0 && i < recorded.count; i++) {
		struct gate_row *row = &recorded.rows[i];

		if (options->counters == GATE_COUNTERS_OFF) {
			free(row->count);
			row->count = NULL;
		}
		if (row->state == GATE_JUDGED &&
		    verdict_replay(&row->verdict, &row->epochs, &rule) < 0)
			r = err_set(&err, ENOMEM, "out of memory");
	}
	result = (struct gate_result){
		.rows = recorded.rows,
		.count = recorded.count,
		.base = "recorded",
		.head = "recorded",
		.title = options->replay,
		.incomplete = recorded.incomplete[0] ? recorded.incomplete : NULL,
	};
	if (r == 0) {
		gate_report_table(&result, stdout);
		code = (int)gate_result_code(&result);
		if (options->github)
			github_show(&result);
		gate_report_last_line(&result, stdout);
	} else {
		log_error("%s", err.text);
	}
	for (size_t i = 0; i < recorded.count; i++)
		gate_row_close(&recorded.rows[i]);
	free(recorded.rows);
	return code;
}

/* The work of every row that could be timed. */
static int rows_count(struct gate *gate, struct expected *expected, struct progress *progress,
		      struct err *err)
{
	enum gate_counters counters = gate->options.counters;
	int r = 0;

	for (size_t i = 0; r == 0 && counters != GATE_COUNTERS_OFF && i < gate->row_count; i++) {
		struct gate_row *row = &gate->rows[i];

		if (row->state != GATE_JUDGED)
			continue;
		progress_step(progress, i, "counting");
		r = gate_count_run(
			row, true,
			counters == GATE_COUNTERS_EXACT ? TALLY_BY_AUTO : TALLY_BY_NOBODY, err);
		if (r == 0)
			gate_count_judge(row, expected);
	}
	return r;
}

static int rows_run(struct gate *gate, struct expected *expected, const char *folder,
		    struct err *err)
{
	struct progress progress;
	struct csv csv = { .fd = -1 };
	char path[PATH_MAX];
	int r, closed;

	snprintf(path, sizeof(path), "%s/epochs.csv", folder);
	r = csv_open(&csv, path, epochs_header, err);
	if (r < 0)
		return r;
	progress_begin(&progress, "rows", gate->row_count);
	for (size_t i = 0; r == 0 && i < gate->row_count; i++) {
		struct gate_rules rules = gate->options.rules;

		rules.seed += i * UINT64_C(0x2545f4914f6cdd1d);
		r = gate_row_run(&gate->rows[i], &rules, &csv, &progress, err);
	}
	if (r == 0)
		r = rows_count(gate, expected, &progress, err);
	progress_end(&progress);
	if (r == 0 && gate->options.counters != GATE_COUNTERS_OFF)
		r = gate_record_counters(gate->rows, gate->row_count, folder, err);
	closed = csv_close(&csv, r == 0 ? err : NULL);
	return r < 0 ? r : closed;
}

/* The ratio at an end of an interval; NaN, an empty field, where too few epochs left it open. */
static double end_ratio(double ln_ratio)
{
	return isfinite(ln_ratio) ? exp(ln_ratio) : (double)NAN;
}

static void summary_write(struct record *record, const struct gate_row *row)
{
	for (size_t i = 0; i < row->verdict.count; i++) {
		const struct judge_series *series = &row->verdict.series[i];
		char metric[32];

		snprintf(metric, sizeof(metric), "ratio.%s",
			 epoch_quantile_name(row->verdict.subjects[i].quantile));
		record_summary(record, &(struct summary){
					       .scenario = row->epochs.scenario,
					       .loader = row->epochs.loader,
					       .so_bytes = SAMPLE_NONE,
					       .phase = epoch_subject_name(
						       row->verdict.subjects[i].subject),
					       .metric = metric,
					       .unit = "ratio",
					       .n = (int64_t)series->used,
					       .epochs = (int64_t)row->verdict.epochs,
					       .value = exp(series->estimate),
					       .ci_low = end_ratio(series->interval.low),
					       .ci_high = end_ratio(series->interval.high),
				       });
	}
}

/* Lines of the declarations that are needed no more; not where some loaders were left out. */
static void unneeded_show(const struct gate *gate, const struct expected *expected)
{
	if (gate->options.counters != GATE_COUNTERS_OFF && !gate->options.loaders)
		gate_count_unneeded(expected, EXPECTED_PATH, stdout);
}

static int result_show(const struct gate *gate, const struct expected *expected,
		       struct record *record, double seconds)
{
	char title[256], path[PATH_MAX];
	const struct verdict_rule *rule = &gate->options.rules.verdict;
	struct gate_result result = {
		.rows = gate->rows,
		.count = gate->row_count,
		.base = gate->options.base,
		.head = gate->options.head,
		.title = title,
	};
	double load[1] = { 0.0 };

	if (getloadavg(load, 1) != 1)
		load[0] = 0.0;
	snprintf(title, sizeof(title),
		 "delta %.3g %%, alpha %.3g, budget %.3g s a row, %s, load average %.1f",
		 100.0 * rule->delta, rule->alpha, (double)gate->options.rules.budget_ns / 1e9,
		 gate->cpu < 0 ? "not pinned" : "pinned", load[0]);
	for (size_t i = 0; i < gate->row_count; i++)
		summary_write(record, &gate->rows[i]);
	gate_report_table(&result, stdout);
	for (size_t i = 0; i < gate->row_count; i++) {
		if (gate->rows[i].count)
			gate_count_print(&gate->rows[i], stdout);
	}
	unneeded_show(gate, expected);
	record_note(record, "rows", gate_record_rows(gate->rows, gate->row_count));
	snprintf(path, sizeof(path), "%s/gate.md", record_folder(record));
	markdown_append(&result, path, "we");
	if (gate->options.github)
		github_show(&result);
	printf("\nResults: %s (seed %llu), %.0f s in all\n", record_folder(record),
	       (unsigned long long)gate->options.rules.seed, seconds);
	gate_report_last_line(&result, stdout);
	return (int)gate_result_code(&result);
}

static void record_describe(struct record *record, const struct gate *gate)
{
	const struct gate_options *o = &gate->options;

	for (size_t i = 0; i < gate->subject_count; i++)
		record_object(record, gate->subjects[i].path, gate->subjects[i].file.bytes,
			      gate->subjects[i].file.size);
	record_note(record, "options",
		    json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:i,s:s}", "base", o->base, "head", o->head,
			      "kind", side_kind_word(gate->kind), "delta", o->rules.verdict.delta,
			      "alpha", o->rules.verdict.alpha, "budget_seconds",
			      (double)o->rules.budget_ns / 1e9, "cpu", gate->cpu, "inject",
			      o->inject ? o->inject : ""));
	record_note(record, "rules", gate_record_rules(&o->rules.verdict));
	record_note(record, "rows_planned", json_integer((json_int_t)gate->row_count));
}

static int record_and_run(struct gate *gate, struct expected *expected)
{
	uint64_t begin = clock_now_ns();
	struct record_spec spec = {
		.out = gate->options.out,
		.command = "gate",
		.argv = gate->argv,
		.seed = gate->options.rules.seed,
	};
	struct record *record;
	struct err err;
	int code, r;

	if (record_open(&record, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	record_describe(record, gate);
	r = rows_run(gate, expected, record_folder(record), &err);
	if (r == -EINTR) {
		code = EXIT_SIGNAL_BASE + command_interrupted();
	} else if (r < 0) {
		log_error("%s", err.text);
		code = EXIT_USAGE;
	} else {
		code = result_show(gate, expected, record, (double)(clock_now_ns() - begin) / 1e9);
	}
	if (record_close(record, code, &err) == 0)
		return code;
	log_error("%s", err.text);
	return EXIT_USAGE;
}

/* Before anything is timed: what cannot be read is told at once. */
static int expected_open(struct gate *gate, struct expected *expected, struct err *err)
{
	enum gate_counters *counters = &gate->options.counters;

	if (*counters == GATE_COUNTERS_DEFAULT)
		*counters = gate->kind == SIDE_LOADER ? GATE_COUNTERS_OFF : GATE_COUNTERS_EXACT;
	return *counters == GATE_COUNTERS_OFF ? 0 : expected_read(expected, EXPECTED_PATH, err);
}

int command_gate(int argc, char **argv)
{
	struct gate gate = { .argv = argv };
	struct expected expected = { 0 };
	struct err err;
	int code = EXIT_USAGE;

	gate_options_parse(&gate.options, argc, argv);
	if (gate.options.prove)
		return prove_run(&gate.options, argv);
	if (gate.options.replay)
		return replay_run(&gate.options);
	if (gate_open(&gate, &err) < 0 || expected_open(&gate, &expected, &err) < 0) {
		log_error("%s", err.text);
	} else {
		command_catch_signals();
		code = record_and_run(&gate, &expected);
	}
	expected_close(&expected);
	gate_close(&gate);
	return code;
}
