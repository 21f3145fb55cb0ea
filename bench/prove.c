/* Campaigns of gates whose answer is known. See prove.h. */
#include "bench/prove.h"

#include "bench/command.h"
#include "bench/cost.h"
#include "bench/gate_record.h"
#include "bench/machine.h"
#include "bench/prove_gates.h"
#include "bench/prove_report.h"
#include "bench/record.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "bench/tally.h"

#include "base/clock.h"
#include "base/log.h"
#include "loaders/loader.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATE_BUDGET_NS UINT64_C(30000000000)
#define BUSY_LOOPS 4
#define QUICK_PART 10
#define THOUSANDTH_MOST 0.15 /* per cent */
#define REDRAWN 6000
#define REDRAWN_EPOCHS 300

/* Seconds are what a gate is expected to take at most, for sharing the budget. A pass has to be
 * reached, too: of a hundred gates without a difference five may stay open. The busy loops come
 * last, as the load average remembers them for minutes. */
static const struct prove_campaign campaigns[] = {
	{ "same build twice", NULL, 0.05, 0, 200, 190, JUDGE_PASS, 3.0, 0, 0, false },
	{ "+5 % busy wait", "5%", 0.05, 0, 200, 200, JUDGE_FAIL, 3.0, 4.0, 8.0, false },
	{ "+2 % busy wait", "2%", 0.02, 0, 100, 98, JUDGE_FAIL, 5.0, 0, 0, false },
	{ "same build twice, delta 2 %", NULL, 0.02, 0, 100, 95, JUDGE_PASS, 8.0, 0, 0, false },
	{ "30 % of the loads +20 %", "20%:30%", 0.05, 0, 20, 20, JUDGE_FAIL, 6.0, 0, 0, true },
	{ "same build twice, 4 busy loops", NULL, 0.05, BUSY_LOOPS, 200, 190, JUDGE_PASS, 6.0, 0, 0,
	  false },
};

/* Both sides of a thousandth have a hook with a loop, and words of one length for it: where a
 * worker keeps a longer word on its heap, malloc() goes other ways in every load after it. */
#define LOOP_NONE "loop=000"
#define LOOP_FORMAT "loop=%03.0f"
#define LOOP_MOST 999.0

#define COUNTED 3

static const struct prove_counted counted[COUNTED] = {
	{ "one system call more", "call", "syscalls", false, false, "" },
	{ "one page fault more", "fault", "faults", false, false, "" },
	{ "0.1 % more instructions", LOOP_NONE, "instructions", false, false, "" },
};

#define CAMPAIGNS (sizeof(campaigns) / sizeof(campaigns[0]))

struct prove {
	const struct gate_options *options;
	struct subject subject;
	char default_path[PATH_MAX];
	const char *loader;
	struct prove_result results[CAMPAIGNS];
	struct prove_gates gates;
	struct prove_pool pool;
	struct prove_redrawn same, slower;
	struct prove_counted counted[COUNTED];
};

/* This build with that injected. */
static int work_tally(const struct prove *prove, const char *inject, enum tally_by by,
		      struct tally *ret_tally, struct err *err)
{
	struct client_options arm = prove->gates.arm;

	arm.inject = inject;
	return tally_take(&arm, by, ret_tally, err);
}

/* How much more of a counter, in per cent. */
static double rise_percent(const struct tally *base, const struct tally *head, int counter)
{
	double a = (double)base->values[counter], b = (double)head->values[counter];

	return a > 0.0 ? 100.0 * (b - a) / a : (double)NAN;
}

/* As many turns of the loop as make a thousandth of a load. */
static int loop_calibrate(const struct prove *prove, const struct tally *plain, char *spec,
			  size_t size, struct err *err)
{
	const int i = TALLY_INSTRUCTIONS;
	struct tally *with = calloc(1, sizeof(*with));
	int r = with ? 0 : -ENOMEM;

	snprintf(spec, size, LOOP_FORMAT, LOOP_MOST);
	if (r == 0)
		r = work_tally(prove, spec, TALLY_BY_AUTO, with, err);
	if (r == 0 && with->values[i] > plain->values[i]) {
		double turn = ((double)with->values[i] - (double)plain->values[i]) / LOOP_MOST;

		snprintf(spec, size, LOOP_FORMAT,
			 fmin(round(0.001 * (double)plain->values[i] / turn), LOOP_MOST));
	}
	free(with);
	return r;
}

/* Same build, more work: the counter it is about must rise, in the exact sense, and a thousandth
 * must be one. */
static int work_count(const struct prove *prove, struct prove_counted *added, struct err *err)
{
	struct tally *tallies = calloc(2, sizeof(tallies[0])), *plain = tallies;
	const int i = tally_find(added->counter);
	const bool loop = i == TALLY_INSTRUCTIONS;
	const enum tally_by by = loop ? TALLY_BY_AUTO : TALLY_BY_NOBODY;
	int r = tallies ? work_tally(prove, loop ? LOOP_NONE : NULL, by, plain, err) : -ENOMEM;
	char spec[32], change[32] = "";

	snprintf(spec, sizeof(spec), "%s", added->inject);
	if (r == 0 && loop && plain->known[i])
		r = loop_calibrate(prove, plain, spec, sizeof(spec), err);
	if (r == 0)
		r = work_tally(prove, spec, by, tallies + 1, err);
	added->counted = r == 0 && plain->known[i] && tallies[1].known[i];
	if (r == 0 && !added->counted) {
		snprintf(added->result, sizeof(added->result), "%s",
			 loop ? (plain->known[i] ? tallies + 1 : plain)->unknown
			      : "no ptrace here");
	} else if (r == 0) {
		double percent = rise_percent(plain, tallies + 1, i);

		added->found = tally_compare(plain, tallies + 1, i) == TALLY_MORE &&
			       (!loop || percent <= THOUSANDTH_MOST);
		if (isfinite(percent))
			snprintf(change, sizeof(change), ", %+.2f %%", percent);
		snprintf(added->result, sizeof(added->result), "%s %llu -> %llu%s%s%.80s",
			 added->counter, (unsigned long long)plain->values[i],
			 (unsigned long long)tallies[1].values[i], change,
			 plain->exact[i] && tallies[1].exact[i] ? "" : ", does not repeat here",
			 loop ? plain->unknown : "");
	}
	free(tallies);
	return r;
}

/* What could not be counted was not found; the other rows are counted all the same. */
static int works_count(struct prove *prove, struct err *err)
{
	int r = 0;

	memcpy(prove->counted, counted, sizeof(counted));
	for (int i = 0; i < COUNTED && r != -EINTR && r != -ENOMEM; i++) {
		r = work_count(prove, &prove->counted[i], err);
		if (r < 0)
			snprintf(prove->counted[i].result, sizeof(prove->counted[i].result), "%s",
				 err->text);
	}
	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	return r == -EINTR ? r : 0;
}

static unsigned int campaign_planned(const struct prove *prove, size_t i)
{
	return prove->options->quick ? campaigns[i].gates / QUICK_PART : campaigns[i].gates;
}

/* As many gates as planned and not yet run, or as fit before `deadline_ns`. */
static int campaign_run(struct prove *prove, size_t i, uint64_t deadline_ns,
			struct progress *progress, struct err *err)
{
	const struct prove_campaign *campaign = &campaigns[i];
	struct prove_result *result = &prove->results[i];
	struct prove_gates gates = prove->gates;

	result->planned = campaign_planned(prove, i);
	if (!result->seconds)
		result->seconds = calloc(result->planned, sizeof(result->seconds[0]));
	if (!result->seconds)
		return err_set(err, ENOMEM, "out of memory");
	gates.rules.seed += (uint64_t)i * 1000003u;
	gates.deadline_ns = deadline_ns;
	gates.pool = &prove->pool;
	gates.progress = progress;
	for (size_t j = 0; j < CAMPAIGNS; j++)
		gates.before += j == i ? 0 : prove->results[j].gates;
	return prove_gates_run(&gates, campaign, result, err);
}

/* The time that is left is shared by what the campaigns still to come are expected to need; what
 * one leaves is for those that had too little. */
static int campaigns_run(struct prove *prove, struct err *err)
{
	uint64_t end = clock_now_ns() + prove->options->rules.budget_ns;
	struct progress progress;
	int r = 0;

	progress_begin(&progress, "gates", 0);
	for (size_t i = 0; i < CAMPAIGNS; i++)
		progress.total += campaign_planned(prove, i);
	for (size_t i = 0; r == 0 && i < CAMPAIGNS; i++) {
		uint64_t now = clock_now_ns();
		double all = 0.0, own = campaigns[i].gates * campaigns[i].seconds;

		for (size_t j = i; j < CAMPAIGNS; j++)
			all += campaigns[j].gates * campaigns[j].seconds;
		r = campaign_run(prove, i,
				 now + (uint64_t)((double)(end > now ? end - now : 0) * own / all),
				 &progress, err);
	}
	for (size_t i = 0; r == 0 && i < CAMPAIGNS; i++) {
		if (prove->results[i].gates < campaign_planned(prove, i))
			r = campaign_run(prove, i, end, &progress, err);
	}
	if (r == 0)
		r = works_count(prove, err);
	progress_end(&progress);
	return r;
}

/*
 * The epochs without a difference, drawn again with signs from coins and `shift` added: as many
 * gates as it takes to see a rare false alarm, from what this machine's noise really is.
 */
static void redraw(struct prove *prove, double shift, struct prove_redrawn *ret_redrawn)
{
	static double p10[REDRAWN_EPOCHS], p50[REDRAWN_EPOCHS], scratch[REDRAWN_EPOCHS];
	const double alpha = prove->options->rules.verdict.alpha;
	uint64_t random = prove->options->rules.seed | 1u;

	for (int gate = 0; prove->pool.count && gate < REDRAWN; gate++) {
		struct judge_series series[] = {
			{ .ln_ratios = p10, .cut = log1p(0.025), .decisive = true },
			{ .ln_ratios = p50, .cut = log1p(0.025), .decisive = true },
		};
		size_t epochs = REDRAWN_EPOCHS;

		for (size_t i = 0; i < REDRAWN_EPOCHS; i++) {
			double sign;
			size_t k;

			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			k = (size_t)((random >> 33) % prove->pool.count);
			sign = random >> 32 & 1 ? 1.0 : -1.0;
			p10[i] = sign * prove->pool.epochs[k][0] + shift;
			p50[i] = sign * prove->pool.epochs[k][1] + shift;
		}
		ret_redrawn->verdicts[judge_sequence(series, 2, &epochs, alpha, scratch)]++;
		ret_redrawn->gates++;
	}
	ret_redrawn->pool = prove->pool.count;
}

static int subject_choose(struct prove *prove, struct err *err)
{
	const struct gate_options *options = prove->options;
	const char *path = prove->default_path;

	prove->loader = options->loaders ? options->loaders : "memfd";
	if (options->path_count)
		path = options->paths[0];
	else if (subject_default(prove->default_path, sizeof(prove->default_path), err) < 0)
		return -ENOENT;
	return subject_open(&prove->subject, path, options->symbol, true, err);
}

/* Also of a proof that was cut short: what was measured is kept. */
static int results_show(struct prove *prove, struct record *record, bool counted_all)
{
	struct prove_table table = {
		.campaigns = campaigns,
		.results = prove->results,
		.count = CAMPAIGNS,
		.counted = prove->counted,
		.counted_count = counted_all ? COUNTED : 0,
		.loader = prove->loader,
		.object = prove->subject.path,
		.rules = &prove->gates.rules,
		.record_ns = cost_record_ns(),
		.jobs = prove->gates.jobs,
		.quick = prove->options->quick,
	};
	char path[PATH_MAX];
	FILE *file;

	redraw(prove, 0.0, &prove->same);
	redraw(prove, log1p(0.05), &prove->slower);
	table.same = prove->same;
	table.slower = prove->slower;
	snprintf(path, sizeof(path), "%s/prove.md", record_folder(record));
	file = fopen(path, "we");
	if (!file || (prove_report_write(&table, file), fclose(file) != 0))
		log_warn("%s: %s", path, strerror(errno));
	prove_report_write(&table, stdout);
	return prove_report_last_line(&table, stdout);
}

/* The rules without a delta: that is the campaign's. */
static void record_describe(struct record *record, const struct prove *prove)
{
	const struct gate_options *o = prove->options;
	json_t *rules = gate_record_rules(&prove->gates.rules.verdict);

	json_object_del(rules, "delta");
	json_object_del(rules, "phase_delta");
	record_note(record, "rules", rules);
	record_note(record, "options",
		    json_pack("{s:s,s:f,s:f,s:i,s:i,s:b}", "loader", prove->loader,
			      "budget_seconds", (double)o->rules.budget_ns / 1e9,
			      "gate_budget_seconds", (double)prove->gates.rules.budget_ns / 1e9,
			      "jobs", o->jobs, "cpu", prove->gates.arm.cpu, "quick", o->quick));
	record_object(record, prove->subject.path, prove->subject.file.bytes,
		      prove->subject.file.size);
}

static int record_and_run(struct prove *prove, char **argv)
{
	struct record_spec spec = {
		.out = prove->options->out,
		.command = "prove",
		.argv = argv,
		.seed = prove->options->rules.seed,
	};
	struct record *record;
	struct err err = { "" };
	int r, code;

	r = record_open(&record, &spec, &err);
	if (r == 0) {
		record_describe(record, prove);
		r = campaigns_run(prove, &err);
		code = results_show(prove, record, r == 0);
		if (r < 0)
			code = r == -EINTR ? EXIT_SIGNAL_BASE + command_interrupted() : EXIT_USAGE;
		if (record_close(record, code, r == 0 ? &err : NULL) < 0 && r == 0)
			r = -EIO;
		if (r == 0 || r == -EINTR)
			return code;
	}
	log_error("%s", err.text);
	return EXIT_USAGE;
}

/* What cannot load at all is wrong usage, not 820 broken gates. */
static int loader_check(const char *spec, struct err *err)
{
	struct loader *loader = NULL;
	int r = loader_open(&loader, spec, err);

	loader_close(loader);
	return r;
}

/* What all gates share. This process itself counts, later, on the CPU of the first job. */
static int gates_prepare(struct prove *prove, struct err *err)
{
	const struct gate_options *options = prove->options;
	struct prove_gates *gates = &prove->gates;
	int cpu, r = loader_check(prove->loader, err);

	if (r < 0)
		return r;
	gates->loader = prove->loader;
	gates->rules = options->rules;
	gates->rules.budget_ns = GATE_BUDGET_NS;
	gates->jobs = options->jobs;
	r = prove_gates_cpus(gates, options->pin, err);
	if (r == 0)
		r = gate_cpu_take(gates->cpus[0] < 0 ? GATE_PIN_NONE : gates->cpus[0], &cpu, err);
	if (r < 0)
		return r;
	gates->arm = (struct client_options){
		.loader = prove->loader,
		.path = prove->subject.path,
		.symbol = prove->subject.symbol,
		.call = prove->subject.call,
		.cpu = cpu,
		.spinner_cpu = -1,
		.private_directories = true,
	};
	return 0;
}

int prove_run(const struct gate_options *options, char **argv)
{
	struct prove *prove = calloc(1, sizeof(*prove));
	struct err err = { "" };
	int code = EXIT_USAGE;

	if (!prove) {
		log_error("out of memory");
		return EXIT_USAGE;
	}
	prove->options = options;
	command_catch_signals();
	if (subject_choose(prove, &err) < 0 || gates_prepare(prove, &err) < 0)
		log_error("%s", err.text);
	else
		code = record_and_run(prove, argv);
	for (size_t i = 0; i < CAMPAIGNS; i++)
		free(prove->results[i].seconds);
	subject_close(&prove->subject);
	free(prove->pool.epochs);
	free(prove);
	return code;
}
