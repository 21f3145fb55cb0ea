/* soload vm gate: does a load take more instructions than it did? Counted, so nothing is guessed.
 */
#include "bench/command.h"
#include "bench/side.h"
#include "bench/table.h"
#include "bench/vm/compare.h"
#include "bench/vm/measure.h"
#include "bench/vm/vm.h"

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "bench/inject.h"
#include "bench/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOADERS "disk,disk:trim,memfd,elf,elf:dualmap,prelinked,cached"
#define OBJECT "objects/pa_unroll_cxx_nounique.so"
#define LOADERS_MAX 64
#define BOOTS 2

enum { KEY_SO = 256, KEY_INJECT };

struct request {
	struct vm_options vm;
	const char *base, *head, *loaders, *object, *inject;
	char default_object[PATH_MAX];
	uint32_t loads;
	enum side_kind kind;
};

/* What came of it. */
struct outcome {
	size_t judged, more, less;
	char reason[256]; /* the first rise */
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load, for aarch64; default the workload's C++ twin beside the program",
	  0 },
	{ "loader", 'l', "A,B", 0, "of two builds: loaders to compare, default " LOADERS, 0 },
	{ "loads", 'n', "N", 0, "loads per loader and metric, default 41", 0 },
	{ "inject", KEY_INJECT, "WHAT", 0,
	  "make HEAD do more, to see it found: call, fault, loop=100", 1 },
	{ 0 },
};

static const char doc[] =
	"Counts the loads of BASE and HEAD in one virtual AICPU, twice, and holds every phase of "
	"HEAD "
	"against BASE's: virtual time, user and kernel instructions. With a slash they are builds "
	"of "
	"soload for aarch64, else loaders of one build.\v"
	"A rise fails above 0.1 % (and 16) for user instructions, above 1 % (and 64) for kernel "
	"instructions and virtual nanoseconds, when the 99.9 % intervals of the medians do not "
	"meet. "
	"Both boots must count the same to the last instruction, or nothing is judged.\n\n"
	"Examples:\n"
	"  soload vm gate ../base/build/aarch64/soload build/aarch64/soload\n"
	"  soload vm gate elf elf:dualmap\n\n"
	"Exit codes: 0 no rise; 1 a rise; 2 usage, or it could not be run; 3 two boots differ; 77 "
	"there "
	"is no guest here (make vm), or BASE counts nothing; 128+N interrupted by signal N.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;
	struct inject inject;
	struct err err;
	uint64_t number;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &request->vm;
		return 0;
	case KEY_SO:
		request->object = text;
		return 0;
	case 'l':
		request->loaders = text;
		return 0;
	case 'n':
		if (options_size(text, &number) < 0 || number < 1 || number > WORKER_BATCH_MAX)
			command_usage(state, "--loads '%s' is not 1 to %d", text, WORKER_BATCH_MAX);
		request->loads = (uint32_t)number;
		return 0;
	case KEY_INJECT:
		if (inject_parse(&inject, text, &err) < 0)
			command_usage(state, "%s", err.text);
		request->inject = text;
		return 0;
	case ARGP_KEY_ARG:
		if (request->head)
			command_usage(state, "'%s' is a third one: BASE and HEAD are two", text);
		*(request->base ? &request->head : &request->base) = text;
		return 0;
	case ARGP_KEY_END:
		if (!request->head)
			command_usage(state, "BASE and HEAD: which two?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_argp, 0, "The guest:", 10 }, { 0 } };
static const struct argp gate_argp = {
	options, option_parse, "BASE HEAD", doc, children, NULL, NULL
};

static int sides_choose(struct request *request, struct measure *measure, struct err *err)
{
	bool base_file = strchr(request->base, '/'), head_file = strchr(request->head, '/');
	const char *program = request->vm.guest.program;

	if (base_file != head_file)
		return err_set(err, EINVAL,
			       "'%s' and '%s': a build and a loader cannot be compared",
			       request->base, request->head);
	if (!base_file && request->loaders)
		return err_set(err, EINVAL, "--loader: BASE and HEAD are loaders already");
	request->kind = base_file ? SIDE_BUILD : SIDE_LOADER;
	measure->sides[0] = (struct measure_side){
		.name = "base",
		.program = base_file ? request->base : program,
		.loaders = !base_file	      ? request->base
			   : request->loaders ? request->loaders
					      : LOADERS,
	};
	measure->sides[1] = measure->sides[0];
	measure->sides[1].name = "head";
	measure->sides[1].inject = request->inject;
	if (base_file)
		measure->sides[1].program = request->head;
	else
		measure->sides[1].loaders = request->head;
	return 0;
}

/* An interval that is no difference is not shown; the totals always are. */
static void row_judge(const struct counts *counts, const struct counts_row *base,
		      const struct counts_row *head, struct table *table, struct outcome *outcome)
{
	static const char *const words[] = { "", "less", "MORE", "not counted" };

	for (int metric = 0; metric < COUNTS_METRICS; metric++) {
		for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column)) {
			struct compare_cell cell = compare_judge(
				counts, base, head, (enum counts_metric)metric, column);
			const char *phase = counts_column_name(column);

			if (cell.verdict == COMPARE_NOTHING)
				continue;
			outcome->judged++;
			outcome->less += cell.verdict == COMPARE_LESS;
			outcome->more += cell.verdict == COMPARE_MORE;
			if (cell.verdict == COMPARE_MORE && !outcome->reason[0])
				snprintf(outcome->reason, sizeof(outcome->reason), "%s:%s.%s",
					 head->loader, counts_metric_name(metric), phase);
			if (column != COUNTS_TOTAL && cell.verdict == COMPARE_SAME)
				continue;
			table_cell(table, "%s", head->loader);
			table_cell(table, "%s", counts_metric_name(metric));
			table_cell(table, "%s", phase);
			table_cell(table, "%llu", (unsigned long long)cell.base);
			table_cell(table, "%llu", (unsigned long long)cell.head);
			if (cell.base)
				table_cell(table, "%+.2f",
					   100.0 * ((double)cell.head / (double)cell.base - 1.0));
			else
				table_cell(table, "-");
			table_cell(table, "%s", words[cell.verdict]);
		}
	}
}

static const struct counts_row *row_find(const struct counts *counts, const char *side,
					 const char *loader)
{
	for (size_t i = 0; i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];

		if (strcmp(row->side, side) == 0 && (!loader || strcmp(row->loader, loader) == 0))
			return row;
	}
	return NULL;
}

static void counts_judge(const struct request *request, const struct counts *counts,
			 struct outcome *outcome)
{
	static const char *const headings[] = { "Base", "Head", "Change (%)" };
	struct table *table = table_new();
	const struct counts_row *last = NULL;

	table_column_text(table, "Loader");
	table_column_text(table, "Metric");
	table_column_text(table, "Phase");
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column_number(table, headings[i]);
	table_column_text(table, "");
	for (size_t i = 0; i < counts->count; i++) {
		const struct counts_row *head = &counts->rows[i], *base;

		if (strcmp(head->side, "head") != 0 ||
		    (last && strcmp(last->loader, head->loader) == 0))
			continue;
		last = head;
		base = row_find(counts, "base", request->kind == SIDE_BUILD ? head->loader : NULL);
		if (!base || base->error[0] || head->error[0])
			printf("  %s: not judged: %s\n", head->loader,
			       head->error[0] ? head->error
			       : base	      ? base->error
					      : "base does not have it");
		if (base && !base->error[0] && head->error[0] && !outcome->reason[0]) {
			snprintf(outcome->reason, sizeof(outcome->reason), "%s: fails in head",
				 head->loader);
			outcome->more++;
		}
		if (base)
			row_judge(counts, base, head, table, outcome);
	}
	if (outcome->judged)
		table_print(table, stdout);
	table_free(table);
}

/* The first line in which two boots differ, 0 = they do not. */
static size_t difference(const char *a, const char *b)
{
	size_t line = 1;

	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	return *a == *b ? 0 : line;
}

static int verdict_print(const struct outcome *outcome, size_t differs)
{
	if (differs) {
		printf("two boots of the same builds differ from line %zu on: nothing can be "
		       "judged here\n"
		       "verdict=inconclusive\n",
		       differs);
		return EXIT_INCONCLUSIVE;
	}
	if (outcome->more) {
		printf("verdict=fail reason=%s (%zu of %zu cells rose)\n", outcome->reason,
		       outcome->more, outcome->judged);
		return EXIT_MEASURED_FAILURE;
	}
	if (!outcome->judged) {
		printf("verdict=skipped\n");
		return EXIT_SKIPPED;
	}
	printf("verdict=pass (%zu cells, none rose, %zu fell; two boots identical)\n",
	       outcome->judged, outcome->less);
	return EXIT_DONE;
}

static int gate_run(struct request *request, struct err *err)
{
	struct measure measure = {
		.guest = request->vm.guest,
		.side_count = 2,
		.object = request->object,
		.loads = request->loads,
	};
	struct counts counts[BOOTS] = { { 0 } };
	char *texts[BOOTS] = { NULL };
	struct outcome outcome = { 0 };
	size_t differs = 0;
	int r = sides_choose(request, &measure, err);

	for (int i = 0; r == 0 && i < BOOTS; i++)
		r = measure_run(&measure, &counts[i], &texts[i], err);
	if (r == 0) {
		differs = difference(texts[0], texts[1]);
		counts_judge(request, &counts[0], &outcome);
		r = verdict_print(&outcome, differs);
	}
	for (int i = 0; i < BOOTS; i++) {
		counts_close(&counts[i]);
		free(texts[i]);
	}
	return r;
}

int vm_gate(int argc, char **argv)
{
	struct request request = { .loads = 41 };
	struct err err = { "" };
	char *slash;
	int r;

	if (argp_parse(&gate_argp, argc, argv, 0, NULL, &request))
		return EXIT_USAGE;
	if (!request.object) {
		snprintf(request.default_object, sizeof(request.default_object) - 64, "%s",
			 request.vm.guest.program);
		slash = strrchr(request.default_object, '/');
		strcpy(slash ? slash + 1 : request.default_object, OBJECT);
		request.object = request.default_object;
	}
	command_catch_signals();
	r = gate_run(&request, &err);
	free(request.vm.words);
	if (r >= 0)
		return r;
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	log_error("%s", err.text);
	return r == -ENOENT ? EXIT_SKIPPED : EXIT_USAGE;
}
