/* soload vm gate: does a load take more instructions than it did? Counted, so nothing is guessed.
 */
#include "bench/command.h"
#include "bench/table.h"
#include "bench/vm/compare.h"
#include "bench/vm/vm.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "bench/inject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOADERS "disk,disk:trim,memfd,elf,elf:dualmap,prelinked,cached"
#define PAIRS_MAX 64
#define BOOTS 2
#define CEILING "ceiling" /* a side, as "base" and "head" are */

enum { KEY_INJECT = 256, KEY_CEILING };

struct pair {
	struct compare_side base, head;
};

struct request {
	struct vm_loads loads;
	const char *base, *head, *inject, *ceiling;
	struct counts kept; /* what `ceiling` holds */
	char *names;	    /* of `pairs` */
	struct pair pairs[PAIRS_MAX];
	size_t pair_count;
};

static const struct argp_option options[] = {
	{ "ceiling", KEY_CEILING, "FILE", 0,
	  "medians.csv of a gate or bench: what HEAD's user instructions may not "
	  "exceed either, where kernel, QEMU, object and C library are the same",
	  0 },
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
	"A rise fails above 0.1 % (and 2 of a load, 16 of a phase) for user instructions, above 1 "
	"% (and 64) for kernel "
	"instructions and virtual nanoseconds, when the 99.9 % intervals of the medians do not "
	"meet; so does a loader that HEAD cannot count and BASE or the ceiling can. "
	"Both boots must count the same to the last instruction, or nothing is judged.\n"
	"Loaders of two builds: " LOADERS ".\n\n"
	"Examples:\n"
	"  soload vm gate ../base/build/aarch64/soload build/aarch64/soload\n"
	"  soload vm gate elf elf:dualmap\n\n"
	"Exit codes: 0 no rise; 1 a rise, or a failure of HEAD; 2 usage, or it could not be run; 3 "
	"two boots differ, or BASE counts only a part; 77 there "
	"is no guest here (make vm), or BASE counts nothing; 128+N interrupted by signal N.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;
	struct inject inject;
	struct err err;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &request->loads;
		return 0;
	case KEY_CEILING:
		request->ceiling = text;
		return 0;
	case KEY_INJECT:
		if (inject_parse(&inject, text, &err) < 0)
			command_usage(state, "--inject: %s", err.text);
		request->inject = text;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			command_usage(state, "more than BASE and HEAD: '%s'", text);
		if (state->arg_num == 0)
			request->base = text;
		else
			request->head = text;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			command_usage(state, "BASE and HEAD are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_loads_argp, 0, NULL, 0 }, { 0 } };
static const struct argp gate_argp = {
	options, option_parse, "BASE HEAD", doc, children, NULL, NULL
};

static void pair_add(struct request *request, const char *base, const char *head)
{
	request->pairs[request->pair_count++] = (struct pair){ { "base", base }, { "head", head } };
}

static int builds_pair(struct request *request, const char *loaders, struct err *err)
{
	char *items[PAIRS_MAX];
	int count;

	request->names = strdup(loaders);
	count = request->names ? options_split(request->names, items, PAIRS_MAX) : -ENOMEM;
	if (count < 0)
		return err_set(err, -count, "--loader: more than %d loaders", PAIRS_MAX);
	for (int i = 0; i < count; i++)
		pair_add(request, items[i], items[i]);
	return 0;
}

static int sides_choose(struct request *request, struct measure *measure, struct err *err)
{
	bool builds = strchr(request->base, '/');
	const char *loaders = request->loads.loaders ? request->loads.loaders : LOADERS;
	const char *program = request->loads.vm.guest.program;

	if (builds != !!strchr(request->head, '/'))
		return err_set(err, EINVAL,
			       "'%s' and '%s': a build and a loader cannot be compared",
			       request->base, request->head);
	if (!builds && request->loads.loaders)
		return err_set(err, EINVAL, "--loader: BASE and HEAD are loaders already");
	measure->sides[0] = (struct measure_side){
		.name = "base",
		.program = builds ? request->base : program,
		.loaders = builds ? loaders : request->base,
	};
	measure->sides[1] = (struct measure_side){
		.name = "head",
		.program = builds ? request->head : program,
		.loaders = builds ? loaders : request->head,
		.inject = request->inject,
	};
	measure->side_count = 2;
	if (builds)
		return builds_pair(request, loaders, err);
	pair_add(request, request->base, request->head);
	return 0;
}

static void cell_show(struct table *table, const char *loader, const char *metric,
		      const char *phase, const struct compare_cell *cell)
{
	static const char *const words[] = { "", "less", "MORE" };

	table_cell(table, "%s", loader);
	table_cell(table, "%s", metric);
	table_cell(table, "%s", phase);
	table_cell(table, "%llu", (unsigned long long)cell->base);
	table_cell(table, "%llu", (unsigned long long)cell->head);
	if (cell->base)
		table_cell(table, "%+.2f", 100.0 * ((double)cell->head / (double)cell->base - 1.0));
	else
		table_cell(table, "-");
	table_cell(table, "%s", words[cell->verdict]);
}

/* A phase that is no difference is not shown; the totals always are. */
static void metric_judge(const struct counts *counts, const struct pair *pair,
			 enum counts_metric metric, struct table *table,
			 struct compare_outcome *outcome)
{
	const struct counts_row *base =
		counts_find(counts, pair->base.side, pair->base.loader, metric);
	const struct counts_row *head =
		counts_find(counts, pair->head.side, pair->head.loader, metric);
	bool ceiling = strcmp(pair->base.side, CEILING) == 0;
	char name[COUNTS_NAME_BYTES + 16];

	snprintf(name, sizeof(name), "%s%s", ceiling ? CEILING ":" : "", pair->head.loader);
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column)) {
		struct compare_cell cell = compare_judge(counts, base, head, metric, column);

		compare_cell_add(outcome, &cell, name, metric, column);
		if (cell.verdict != COMPARE_NOTHING &&
		    (column == COUNTS_TOTAL || cell.verdict != COMPARE_SAME))
			cell_show(table, pair->head.loader, counts_metric_name(metric),
				  counts_column_name(column), &cell);
	}
}

static struct table *table_begin(const char *base)
{
	struct table *table = table_new();

	table_column_text(table, "Loader");
	table_column_text(table, "Metric");
	table_column_text(table, "Phase");
	table_column_number(table, base);
	table_column_number(table, "Head");
	table_column_number(table, "Change (%)");
	table_column_text(table, "");
	return table;
}

static void counts_judge(const struct request *request, const struct counts *counts,
			 struct compare_outcome *outcome)
{
	struct table *table = table_begin("Base");

	for (size_t i = 0; i < request->pair_count; i++) {
		const struct pair *pair = &request->pairs[i];

		for (int m = 0; m < COUNTS_METRICS; m++) {
			enum counts_metric metric = (enum counts_metric)m;
			const char *why;
			enum compare_state state =
				compare_state(counts, &pair->base, &pair->head, metric, &why);

			if (state == COMPARE_BOTH)
				metric_judge(counts, pair, metric, table, outcome);
			else
				printf("  %s: %s: %s: %s\n", pair->head.loader,
				       counts_metric_name(metric),
				       state == COMPARE_NO_HEAD ? "fails in head"
								: "not judged, fails in base",
				       why);
		}
	}
	if (outcome->judged)
		table_print(table, stdout);
	table_free(table);
}

/* Before a guest boots: a file that is not there, or none, costs no minutes and hides no rise. */
static int ceiling_read(struct request *request, struct err *err)
{
	struct file_bytes file;
	int r = file_load(request->ceiling, &file, err);

	if (r < 0)
		return r;
	r = counts_read(&request->kept, file.bytes, file.size, err);
	file_unload(&file);
	return r < 0 ? err_prefix(err, r, "%s", request->ceiling) : 0;
}

/* Adds its rows as a side, if they compare. */
static int ceiling_add(const struct request *request, struct measured *measured, bool *ret_added,
		       struct err *err)
{
	char ours[ORIGIN_BYTES] = "", words[ORIGIN_BYTES];
	FILE *text = fmemopen(ours, sizeof(ours), "w");
	int r;

	if (text) {
		origin_print(&measured->origin, text);
		fclose(text);
	}
	if (origin_differs(request->kept.about, ours, words, sizeof(words))) {
		printf("%s: not compared: %s\n", request->ceiling, words);
		return 0;
	}
	r = counts_append(&measured->counts, &request->kept, CEILING, err);
	*ret_added = r == 0;
	return r;
}

/* Head against what was counted once and committed, in a boot of other programs: there the kernel's
 * instructions, and the time with them, differ by up to the limit; those of user space are the
 * same. */
static int ceiling_judge(const struct request *request, struct measured *measured,
			 struct compare_outcome *outcome, struct err *err)
{
	struct table *table;
	bool added = false;
	int r = ceiling_add(request, measured, &added, err);

	if (r < 0 || !added)
		return r;
	table = table_begin("Ceiling");
	for (size_t i = 0; i < request->pair_count; i++) {
		struct compare_side head = request->pairs[i].head;
		struct pair pair = { { CEILING, head.loader }, head };
		const char *why;

		compare_states_add(outcome, &measured->counts, &pair.base, &head);
		if (compare_state(&measured->counts, &pair.base, &head, COUNTS_USER, &why) ==
		    COMPARE_BOTH)
			metric_judge(&measured->counts, &pair, COUNTS_USER, table, outcome);
	}
	printf("Against %s:\n", request->ceiling);
	table_print(table, stdout);
	table_free(table);
	return 0;
}

static int boots_judge(const struct request *request, struct measured *boots, uint64_t begin_ns,
		       struct err *err)
{
	struct compare_outcome outcome = {
		.differs = compare_difference(boots[0].text, boots[1].text),
	};
	char verdict[512];
	int code, r = vm_loads_tell(&request->loads, &boots[0], err);

	for (size_t i = 0; i < BOOTS * request->pair_count; i++) {
		const struct pair *pair = &request->pairs[i / BOOTS];

		compare_states_add(&outcome, &boots[i % BOOTS].counts, &pair->base, &pair->head);
	}
	if (r == 0)
		counts_judge(request, &boots[0].counts, &outcome);
	if (r == 0 && request->ceiling)
		r = ceiling_judge(request, &boots[0], &outcome, err);
	if (r < 0)
		return r;
	code = compare_verdict(&outcome, verdict, sizeof(verdict));
	printf("two boots in %.1f s\n%s\n", (double)(clock_now_ns() - begin_ns) / 1e9, verdict);
	return code;
}

static int gate_run(struct request *request, struct err *err)
{
	struct measure measure = vm_loads_measure(&request->loads);
	struct measured boots[BOOTS] = { { .text = NULL } };
	uint64_t begin_ns = clock_now_ns();
	int r = sides_choose(request, &measure, err);

	if (r == 0 && request->ceiling)
		r = ceiling_read(request, err);
	for (int i = 0; r == 0 && i < BOOTS; i++)
		r = measure_run(&measure, &boots[i], err);
	if (r == 0)
		r = boots_judge(request, boots, begin_ns, err);
	for (int i = 0; i < BOOTS; i++)
		measured_close(&boots[i]);
	counts_close(&request->kept);
	free(request->names);
	return r;
}

int vm_gate(int argc, char **argv)
{
	struct request request = { .pair_count = 0 };
	struct err err = { "" };

	if (argp_parse(&gate_argp, argc, argv, 0, NULL, &request))
		return EXIT_USAGE;
	command_catch_signals();
	return vm_loads_end(&request.loads, gate_run(&request, &err), &err);
}
