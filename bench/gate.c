/* soload gate: is head slower than base? Rows, a record of their epochs, one verdict. */
#include "bench/command.h"
#include "bench/gate_options.h"
#include "bench/gate_report.h"
#include "bench/prove.h"
#include "bench/record.h"
#include "bench/side.h"
#include "bench/subject.h"

#include "base/log.h"
#include "base/options.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADERS_MAX 64
#define DEFAULT_OBJECT "objects/gen_390k.so"

struct gate {
	struct gate_options options;
	char **argv;
	enum side_kind kind;
	char default_path[PATH_MAX];
	char *loader_copy;
	const char *loaders[LOADERS_MAX];
	size_t loader_count;
	struct subject subjects[GATE_OBJECTS_MAX]; /* objects as sides: base and head */
	size_t subject_count;
	struct gate_row *rows;
	size_t row_count;
	int cpu;
};

static int replay_run(const struct gate_options *options)
{
	struct gate_result result = { .base = "recorded",
				      .head = "recorded",
				      .title = options->replay };
	struct verdict_rule rule = options->rules.verdict;
	struct epoch_row *recorded = NULL;
	struct gate_row *rows;
	struct err err;
	int code;

	if (epochs_read(options->replay, &recorded, &result.count, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	rows = calloc(result.count, sizeof(rows[0]));
	rule.rows = result.count;
	for (size_t i = 0; rows && i < result.count; i++) {
		rows[i].epochs = recorded[i];
		if (verdict_replay(&rows[i].verdict, &recorded[i], &rule) < 0)
			log_error("out of memory");
	}
	result.rows = rows;
	gate_report_table(&result, stdout);
	code = (int)gate_result_code(&result);
	gate_report_last_line(&result, stdout);
	for (size_t i = 0; i < result.count; i++) {
		verdict_close(&rows[i].verdict);
		epoch_row_close(&recorded[i]);
	}
	free(rows);
	free(recorded);
	return code;
}

static int cpu_choose(struct gate *gate, struct err *err)
{
	return gate_cpu_take(gate->options.pin, &gate->cpu, err);
}

static int objects_open(struct gate *gate, struct err *err)
{
	struct gate_options *options = &gate->options;
	const char *slash = strrchr(options->head, '/');
	int r = 0;

	if (gate->kind == SIDE_OBJECT) {
		if (options->path_count)
			return err_set(err, EINVAL, "--so: BASE and HEAD are objects already");
		options->paths[options->path_count++] = options->base;
		options->paths[options->path_count++] = options->head;
	} else if (!options->path_count && gate->kind == SIDE_BUILD) {
		snprintf(gate->default_path, sizeof(gate->default_path), "%.*s/%s",
			 (int)(slash - options->head), options->head, DEFAULT_OBJECT);
		options->paths[options->path_count++] = gate->default_path;
	}
	if (!options->path_count)
		return err_set(err, EINVAL, "no object given: --so FILE");
	for (size_t i = 0; r == 0 && i < options->path_count; i++) {
		r = subject_open(&gate->subjects[i], options->paths[i], options->symbol, true, err);
		gate->subject_count += r == 0;
	}
	return r;
}

/* All that run the object's code; the others measure this program alone. */
static void loaders_all(struct gate *gate)
{
	for (int i = 0; loader_types[i] && gate->loader_count < LOADERS_MAX; i++) {
		if (loader_types[i]->caps & LOADER_EXECUTES)
			gate->loaders[gate->loader_count++] = loader_types[i]->name;
	}
}

static int loaders_choose(struct gate *gate, struct err *err)
{
	const char *words = gate->options.loaders;
	char *items[LOADERS_MAX];
	int count;

	if (gate->kind == SIDE_LOADER && words)
		return err_set(err, EINVAL, "--loader: BASE and HEAD are loaders already");
	if (gate->kind == SIDE_LOADER)
		words = gate->options.base;
	else if (!words)
		words = gate->kind == SIDE_BUILD ? "all" : "memfd";
	if (strcmp(words, "all") == 0) {
		loaders_all(gate);
		return 0;
	}
	gate->loader_copy = strdup(words);
	count = gate->loader_copy ? options_split(gate->loader_copy, items, LOADERS_MAX) : -ENOMEM;
	if (count < 0)
		return err_set(err, EINVAL, "--loader: more than %d loaders", LOADERS_MAX);
	for (int i = 0; i < count; i++)
		gate->loaders[gate->loader_count++] = items[i];
	return 0;
}

/* 1 when a loader works in this build, 0 with the reason when not. */
static int loader_stages(const char *spec, bool *ret_stages, struct err *err)
{
	struct loader *loader = NULL;

	*ret_stages = true;
	if (loader_open(&loader, spec, err) < 0)
		return 0;
	*ret_stages = !(loader->caps & LOADER_DISKLESS);
	loader_close(loader);
	return 1;
}

static struct client_options arm_options(const struct gate *gate, const char *loader,
					 const struct subject *subject, bool stages)
{
	return (struct client_options){
		.loader = loader,
		.path = subject->path,
		.symbol = subject->symbol,
		.call = subject->call,
		.cpu = gate->cpu,
		.spinner_cpu = -1,
		.private_directories = stages,
	};
}

static int row_make(struct gate *gate, const char *loader, size_t object, struct err *err)
{
	struct gate_row *row = &gate->rows[gate->row_count];
	const struct gate_options *options = &gate->options;
	const char *other = gate->kind == SIDE_LOADER ? options->head : loader;
	const struct subject *subject = &gate->subjects[object];
	const struct subject *second = gate->kind == SIDE_OBJECT ? &gate->subjects[1] : subject;
	const char *label =
		strrchr(second->path, '/') ? strrchr(second->path, '/') + 1 : second->path;
	char name[256], scenario[256];
	bool stages[LOCKSTEP_ARMS];

	if (!loader_stages(loader, &stages[LOCKSTEP_BASE], err) && gate->kind != SIDE_BUILD)
		return -EINVAL;
	if (!loader_stages(other, &stages[LOCKSTEP_HEAD], err) && gate->kind == SIDE_LOADER)
		return -EINVAL;
	row->arms[LOCKSTEP_BASE] = arm_options(gate, loader, subject, stages[LOCKSTEP_BASE]);
	row->arms[LOCKSTEP_HEAD] = arm_options(gate, other, second, stages[LOCKSTEP_HEAD]);
	row->arms[LOCKSTEP_HEAD].inject = options->inject;
	if (gate->kind == SIDE_BUILD) {
		row->arms[LOCKSTEP_BASE].program = options->base;
		row->arms[LOCKSTEP_HEAD].program = options->head;
	}
	snprintf(name, sizeof(name), strcmp(loader, other) == 0 ? "%s" : "%s..%s", loader, other);
	snprintf(scenario, sizeof(scenario), "cycle@%s", label);
	row->place = gate->row_count++;
	return epoch_row_open(&row->epochs, name, scenario) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int rows_make(struct gate *gate, struct err *err)
{
	size_t objects = gate->kind == SIDE_OBJECT ? 1 : gate->subject_count;
	int r = 0;

	gate->rows = calloc(objects * gate->loader_count, sizeof(gate->rows[0]));
	if (!gate->rows)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < objects; i++) {
		for (size_t j = 0; r == 0 && j < gate->loader_count; j++)
			r = row_make(gate, gate->loaders[j], i, err);
	}
	gate->options.rules.verdict.rows = gate->row_count;
	return r;
}

static int rows_run(struct gate *gate, const char *folder, struct err *err)
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
	progress_end(&progress);
	closed = csv_close(&csv, r == 0 ? err : NULL);
	return r < 0 ? r : closed;
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
					       .ci_low = exp(series->interval.low),
					       .ci_high = exp(series->interval.high),
				       });
	}
}

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

static int result_show(const struct gate *gate, struct record *record)
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
	const char *summary = getenv("GITHUB_STEP_SUMMARY");
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
	snprintf(path, sizeof(path), "%s/gate.md", record_folder(record));
	markdown_append(&result, path, "we");
	if (gate->options.github && summary && *summary)
		markdown_append(&result, summary, "ae");
	if (gate->options.github)
		gate_report_annotations(&result, stdout);
	printf("\nResults: %s (seed %llu)\n", record_folder(record),
	       (unsigned long long)gate->options.rules.seed);
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
}

static int record_and_run(struct gate *gate)
{
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
	r = rows_run(gate, record_folder(record), &err);
	if (r == -EINTR) {
		code = EXIT_SIGNAL_BASE + command_interrupted();
	} else if (r < 0) {
		log_error("%s", err.text);
		code = EXIT_USAGE;
	} else {
		code = result_show(gate, record);
	}
	if (record_close(record, code, &err) == 0)
		return code;
	log_error("%s", err.text);
	return EXIT_USAGE;
}

static int gate_run(struct gate *gate)
{
	struct err err;
	int r = side_kind_both(gate->options.base, gate->options.head, &gate->kind, &err);

	if (r == 0)
		r = cpu_choose(gate, &err);
	if (r == 0)
		r = objects_open(gate, &err);
	if (r == 0)
		r = loaders_choose(gate, &err);
	if (r == 0)
		r = rows_make(gate, &err);
	if (r < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	command_catch_signals();
	return record_and_run(gate);
}

int command_gate(int argc, char **argv)
{
	struct gate gate = { .argv = argv };
	int code;

	gate_options_parse(&gate.options, argc, argv);
	if (gate.options.prove)
		return prove_run(&gate.options, argv);
	if (gate.options.replay)
		return replay_run(&gate.options);
	code = gate_run(&gate);
	for (size_t i = 0; i < gate.row_count; i++)
		gate_row_close(&gate.rows[i]);
	free(gate.rows);
	for (size_t i = 0; i < gate.subject_count; i++)
		subject_close(&gate.subjects[i]);
	free(gate.loader_copy);
	return code;
}
