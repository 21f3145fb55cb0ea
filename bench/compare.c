/* soload compare: how much faster is B than A, phase by phase? Live, in lockstep; no verdict. */
#include "bench/command.h"
#include "bench/gate_sides.h"
#include "bench/record.h"
#include "bench/stats.h"
#include "bench/stored.h"
#include "bench/table.h"

#include "base/clock.h"
#include "base/log.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ALPHA 0.025  /* each end of a 95 % interval */
#define EPOCHS_MIN 8 /* below, no interval of that confidence is finite */

enum { KEY_SO = 256, KEY_BUDGET, KEY_OUT, KEY_PIN, KEY_SEED, KEY_SYMBOL };

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load; may be given several times; default objects/gen_390k.so beside B",
	  0 },
	{ "loader", 'l', "A,B|all", 0, "loaders, for builds and objects", 0 },
	{ "budget", KEY_BUDGET, "SECONDS", 0, "for a row, default 5s", 1 },
	{ "out", KEY_OUT, "DIR", 0, "the results folder, default results/runs/compare-DATE-PID",
	  1 },
	{ "pin", KEY_PIN, "CPU|auto|none", 0, "where everything runs, default auto: one CPU", 2 },
	{ "seed", KEY_SEED, "S", 0, "of the coins; default a new one", 2 },
	{ "symbol", KEY_SYMBOL, "NAME", 0, "looked up and called as long f(void)", 2 },
	{ 0 },
};

static const char doc[] =
	"Compares two builds of soload, two objects (both with a slash) or two loaders: both run "
	"in lockstep, "
	"and every phase gets its ratio with a 95 % interval over epochs. To judge a change: "
	"soload gate.\v"
	"Two results folders are compared from their files, which is weak evidence: what differs "
	"may be the "
	"moment they were made in. No interval, no verdict, and another CPU is refused.\n\n"
	"Examples:\n"
	"  soload compare memfd elf --so liborch.so\n"
	"  soload compare ./old.so ./new.so -l memfd,elf\n"
	"  soload compare results/runs/a results/runs/b\n\n"
	"Exit codes: 0 done; 1 loads failed; 2 usage, or cannot run; 3 stored records of different "
	"CPUs; "
	"77 nothing to compare; 128+N interrupted by signal N.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct gate_options *gate = state->input;

	switch (key) {
	case KEY_SO:
		if (gate->path_count == GATE_OBJECTS_MAX)
			command_usage(state, "more than %d objects", GATE_OBJECTS_MAX);
		gate->paths[gate->path_count++] = text;
		return 0;
	case 'l':
		gate->loaders = text;
		return 0;
	case KEY_BUDGET:
		gate->rules.budget_ns =
			command_duration_ns(state, "--budget", text, GATE_TIME_MIN_NS);
		return 0;
	case KEY_OUT:
		gate->out = text;
		return 0;
	case KEY_PIN:
		gate->pin = gate_pin_parse(state, text);
		return 0;
	case KEY_SEED:
		gate->rules.seed = command_seed(state, text);
		return 0;
	case KEY_SYMBOL:
		gate->symbol = text;
		return 0;
	case ARGP_KEY_ARG:
		if (gate->head)
			command_usage(state, "'%s' is a third one: A and B are two", text);
		*(gate->base ? &gate->head : &gate->base) = text;
		return 0;
	case ARGP_KEY_END:
		if (!gate->head)
			command_usage(state, "A and B: two builds, two objects or two loaders");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp compare_argp = { options, option_parse, "A B", doc, NULL, NULL, NULL };

static bool is_folder(const char *path)
{
	struct stat status;

	return strchr(path, '/') && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int stored_compare(const char *a, const char *b)
{
	struct stored first = { 0 }, second = { 0 };
	struct err err;
	int code = EXIT_USAGE;

	if (stored_read(&first, a, &err) < 0 || stored_read(&second, b, &err) < 0) {
		log_error("%s", err.text);
	} else if (strcmp(first.cpu, second.cpu) != 0) {
		log_error("not compared: made on different CPUs, '%s' and '%s'", first.cpu,
			  second.cpu);
		code = EXIT_INCONCLUSIVE;
	} else {
		puts("stored records: weak evidence, no interval. To know, compare builds live.\n");
		code = stored_print(&first, &second, stdout) ? EXIT_DONE : EXIT_SKIPPED;
	}
	stored_close(&first);
	stored_close(&second);
	return code;
}

/* Epochs until the time is up. A load that fails is in row->error, as in a gate. */
static int row_run(struct gate_row *row, const struct gate_rules *rules, struct csv *csv,
		   struct progress *progress, struct err *err)
{
	struct lockstep lockstep;
	uint64_t begin = clock_now_ns();
	int r = lockstep_open(&lockstep, row->arms, rules->seed + row->place, err);

	while (r == 0 &&
	       (row->epochs.count < EPOCHS_MIN || clock_now_ns() - begin < rules->budget_ns)) {
		progress_step(progress, row->place, row->epochs.loader);
		r = lockstep_epoch(&lockstep, &row->epochs, err);
		if (r == 0)
			epochs_write(csv, &row->epochs);
	}
	row->group = lockstep.shape.group;
	lockstep_close(&lockstep);
	return r;
}

static double median_ns(const struct gate_row *row, int subject, bool head, double *scratch)
{
	size_t n = 0;

	for (size_t i = 0; i < row->epochs.count; i++) {
		const struct epoch_value *value = &row->epochs.epochs[i].values[subject][EPOCH_P50];
		double ns = head ? value->head_ns : value->base_ns;

		if (isfinite(ns))
			scratch[n++] = ns;
	}
	stats_sort(scratch, n);
	return stats_median(scratch, n);
}

/* The change of a quantile with its interval: the ratio's logarithm is what was averaged. */
static void change_cell(struct table *table, const struct gate_row *row, int subject, int quantile,
			double *scratch)
{
	struct judge_interval interval;
	size_t n = 0;

	for (size_t i = 0; i < row->epochs.count; i++) {
		double ln = row->epochs.epochs[i].values[subject][quantile].ln_ratio;

		if (isfinite(ln))
			scratch[n++] = ln;
	}
	stats_sort(scratch, n);
	interval = judge_interval(scratch, n, ALPHA);
	if ((double)n < JUDGE_USED_MIN * (double)row->epochs.count || isinf(interval.low))
		table_cell(table, "-");
	else
		table_cell(table, "%.3f [%.3f, %.3f]", exp(judge_estimate(scratch, n)),
			   exp(interval.low), exp(interval.high));
}

static void row_show(struct table *table, const struct gate_row *row)
{
	double *scratch = calloc(row->epochs.count + 1, sizeof(scratch[0]));

	for (int subject = EPOCH_SUBJECTS - 1; scratch && subject >= 0; subject--) {
		double a = median_ns(row, subject, false, scratch);
		double b = median_ns(row, subject, true, scratch);

		if (isnan(a) && isnan(b))
			continue;
		table_cell(table, "%s", subject == EPOCH_TOTAL ? row->epochs.loader : "");
		table_cell(table, "%s", epoch_subject_name(subject));
		table_cell_us(table, a);
		table_cell_us(table, b);
		for (int q = 0; q < EPOCH_QUANTILES; q++)
			change_cell(table, row, subject, q, scratch);
	}
	free(scratch);
}

static int rows_show(const struct gate *gate)
{
	struct table *table = table_new();
	size_t shown = 0;

	printf("A is %s, B is %s\n\n", gate->options.base, gate->options.head);
	table_column_text(table, "Loader");
	table_column_text(table, "Phase");
	table_column_number(table, "A p50 (us)");
	table_column_number(table, "B p50 (us)");
	table_column_number(table, "B/A p10");
	table_column_number(table, "B/A p50");
	table_column_number(table, "B/A p90");
	for (size_t i = 0; i < gate->row_count; i++) {
		if (gate->rows[i].error.text[0])
			continue;
		row_show(table, &gate->rows[i]);
		shown += gate->rows[i].epochs.count > 0;
	}
	table_print(table, stdout);
	table_free(table);
	puts("  ratios with 95 % intervals over epochs; '-': in one of them only, or too short for "
	     "a "
	     "verdict of its own");
	return shown ? EXIT_DONE : EXIT_SKIPPED;
}

static int rows_run(struct gate *gate, struct csv *csv, struct err *err)
{
	struct progress progress;
	int r = 0, failed = 0;

	progress_begin(&progress, "rows", gate->row_count);
	for (size_t i = 0; r == 0 && i < gate->row_count; i++) {
		struct gate_row *row = &gate->rows[i];

		r = row_run(row, &gate->options.rules, csv, &progress, err);
		if (r < 0 && command_interrupted())
			r = -EINTR;
		if (r < 0 && r != -EINTR && r != -ENOMEM) {
			progress_hide(&progress);
			log_error("loader %s: %s", row->epochs.loader, err->text);
			row->error = *err;
			failed = 1;
			r = 0;
		}
		if (r == 0)
			r = csv_flush(csv, err);
	}
	progress_end(&progress);
	return r < 0 ? r : failed;
}

static int live_compare(struct gate *gate, struct record *record)
{
	struct csv csv = { .fd = -1 };
	struct err err = { "" };
	char path[PATH_MAX];
	int r, code = EXIT_USAGE;

	snprintf(path, sizeof(path), "%s/epochs.csv", record_folder(record));
	r = csv_open(&csv, path, epochs_header, &err);
	if (r == 0)
		r = rows_run(gate, &csv, &err);
	if (r >= 0 || r == -EINTR) {
		code = rows_show(gate); /* interrupted: what was measured until then */
		if (r > 0)
			code = EXIT_MEASURED_FAILURE;
		if (r < 0)
			code = EXIT_SIGNAL_BASE + command_interrupted();
		printf("\nResults: %s\n", record_folder(record));
	} else {
		log_error("%s", err.text);
	}
	if (csv_close(&csv, &err) == 0)
		return code;
	log_error("%s", err.text);
	return EXIT_USAGE;
}

static int compare_run(struct gate *gate)
{
	struct record_spec spec = {
		.out = gate->options.out,
		.command = "compare",
		.argv = gate->argv,
		.seed = gate->options.rules.seed,
	};
	struct record *record;
	struct err err;
	int code;

	if (gate_open(gate, &err) < 0 || record_open(&record, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	command_catch_signals();
	for (size_t i = 0; i < gate->subject_count; i++)
		record_object(record, gate->subjects[i].path, gate->subjects[i].file.bytes,
			      gate->subjects[i].file.size);
	code = live_compare(gate, record);
	if (record_close(record, code, &err) == 0)
		return code;
	log_error("%s", err.text);
	return EXIT_USAGE;
}

int command_compare(int argc, char **argv)
{
	struct gate gate = {
		.argv = argv,
		.options = { .pin = GATE_PIN_AUTO,
			     .rules = { .budget_ns = UINT64_C(5000000000),
					.seed = clock_now_ns() & UINT32_MAX } },
	};
	int code;

	if (argp_parse(&compare_argp, argc, argv, 0, NULL, &gate.options))
		return EXIT_USAGE;
	if (is_folder(gate.options.base) && is_folder(gate.options.head))
		return stored_compare(gate.options.base, gate.options.head);
	code = compare_run(&gate);
	gate_close(&gate);
	return code;
}
