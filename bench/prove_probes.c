/*
 * soload prove_probes: do the corrected steps of ldphase agree with those of the hooks inside
 * ld.so, and its corrected total with the unprobed one? Behind `make prove-probes`; the table it
 * prints is committed as results/baseline/probes.md.
 */
#include "bench/command.h"
#include "bench/machine.h"
#include "bench/stats.h"
#include "bench/watch/probed.h"

#include "base/log.h"
#include "probes/self.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#define ROUNDS_DEFAULT 16 /* as many as the kernel's tree has mappings in a node */
#define ROUNDS_MAX 256
#define BLOCKS 2
#define BLOCK_LOADS 25
#define WARMUP 5
#define QUIET_US 1000000
#define QUIET_IDLE 0.95 /* of the CPUs' time in that second */
#define LIMIT_QUIET 0.10
#define LIMIT_BUSY 0.15
#define JUDGED_NS 1000.0 /* shorter steps are below what uprobes can measure */

enum side { HOOK, PHASE, SIDES };

static const char *const probes[SIDES] = { [HOOK] = "ldhook", [PHASE] = "ldphase" };

/* The p10 of every round. A round is one pair of processes, and its two numbers are compared with
 * each other: how the machine, or chance, has laid memory out in one round is no other's matter. */
struct row {
	double truth[ROUNDS_MAX], observed[ROUNDS_MAX], corrected[ROUNDS_MAX], ratio[ROUNDS_MAX];
};

struct proof {
	struct row steps[STEP_COUNT], whole;
	size_t rounds;
	uint64_t drops, gaps, unmatched;
};

static double p10_of(const struct probed *probed, size_t column, int step)
{
	double p10, p50;

	probed_column(probed, column + (size_t)step * sizeof(double), &p10, &p50);
	return p10;
}

static void row_add(struct row *row, size_t round, double truth, double observed, double corrected)
{
	row->truth[round] = truth;
	row->observed[round] = observed;
	row->corrected[round] = corrected;
	row->ratio[round] = truth > 0.0 ? corrected / truth : 1.0;
}

static void round_add(struct proof *proof, const struct probed *sides)
{
	struct probed_verdict verdict = probed_judge(&sides[PHASE]);

	for (int step = 0; step < STEP_COUNT; step++)
		row_add(&proof->steps[step], proof->rounds,
			p10_of(&sides[HOOK], offsetof(struct probed_load, corrected_ns), step),
			p10_of(&sides[PHASE], offsetof(struct probed_load, observed_ns), step),
			p10_of(&sides[PHASE], offsetof(struct probed_load, corrected_ns), step));
	row_add(&proof->whole, proof->rounds, verdict.base_p10, verdict.probed_p10,
		verdict.corrected_p10);
	proof->rounds++;
	for (int side = 0; side < SIDES; side++) {
		proof->drops += sides[side].drops;
		proof->gaps += sides[side].gaps;
		proof->unmatched += sides[side].unmatched;
	}
}

static int side_run(struct probed *probed, const struct probed_choice *choice, const char *path,
		    struct err *err)
{
	struct probed_plan plan = {
		.blocks = BLOCKS,
		.block_loads = BLOCK_LOADS,
		.warmup = WARMUP,
		.client = { .loader = "memfd",
			    .path = path,
			    .symbol = "",
			    .cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1,
			    .spinner_cpu = -1,
			    .capacity = BLOCK_LOADS + 1 },
	};

	return probed_run(probed, choice, &plan, err);
}

/* Of all CPUs, since the start: idle and waiting, and everything (proc(5), /proc/stat). */
static bool cpu_times(double *ret_idle, double *ret_all)
{
	double times[8] = { 0 };
	FILE *file = fopen("/proc/stat", "re");
	int got;

	if (!file)
		return false;
	got = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &times[0], &times[1], &times[2],
		     &times[3], &times[4], &times[5], &times[6], &times[7]);
	fclose(file);
	*ret_idle = times[3] + times[4];
	*ret_all = 0.0;
	for (int i = 0; i < 8; i++)
		*ret_all += times[i];
	return got == 8;
}

/* Before anything of ours runs. The load average would tell of what is over, our own build first.
 */
static double quiet_limit(void)
{
	double idle[2], all[2];
	bool told = cpu_times(&idle[0], &all[0]);

	usleep(QUIET_US);
	told = told && cpu_times(&idle[1], &all[1]) && all[1] > all[0];
	return told && (idle[1] - idle[0]) / (all[1] - all[0]) > QUIET_IDLE ? LIMIT_QUIET
									    : LIMIT_BUSY;
}

/* One row of the table; true when it is outside the limit. */
static bool row_print(struct row *row, size_t rounds, const char *object, const char *step,
		      double limit)
{
	double truth = stats_summarise(row->truth, rounds).p50;
	double observed = stats_summarise(row->observed, rounds).p50;
	double corrected = stats_summarise(row->corrected, rounds).p50;
	struct stats_summary ratio = stats_summarise(row->ratio, rounds);
	bool judged = truth >= JUDGED_NS, wrong = judged && fabs(ratio.p50 - 1.0) > limit;

	if (!(truth > 0.0) && !(observed > 0.0))
		return false;
	printf("| %s | %s | %.0f | %.0f | %.0f | %+.1f %% | ", object, step, truth, observed,
	       corrected, (ratio.p50 - 1.0) * 100.0);
	if (isfinite(ratio.p50_interval.low)) /* of six rounds and more */
		printf("%+.1f to %+.1f %%", (ratio.p50_interval.low - 1.0) * 100.0,
		       (ratio.p50_interval.high - 1.0) * 100.0);
	printf(" | %s |\n", !judged ? "below 1 us" : wrong ? "**off**" : "agrees");
	return wrong;
}

static unsigned int proof_print(struct proof *proof, const char *object, double limit)
{
	unsigned int wrong = proof->drops || proof->gaps || proof->unmatched;

	/* What is not inside ld.so the hooks do not see. */
	for (int step = 0; step < STEP_COUNT; step++) {
		if (step != STEP_LOADER)
			wrong += row_print(&proof->steps[step], proof->rounds, object,
					   step_label((enum step)step), limit);
	}
	wrong += row_print(&proof->whole, proof->rounds, object, "whole load against unprobed",
			   LIMIT_QUIET);
	fflush(stdout);
	return wrong;
}

static int round_run(struct proof *proof, const char *path, const struct probed_choice *choices,
		     struct err *err)
{
	struct probed sides[SIDES] = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < SIDES; i++) {
		size_t side = (i + proof->rounds) % SIDES;

		r = command_interrupted() ? -EINTR
					  : side_run(&sides[side], &choices[side], path, err);
	}
	if (r == 0)
		round_add(proof, sides);
	for (int side = 0; side < SIDES; side++)
		probed_free(&sides[side]);
	return r;
}

static int object_prove(const char *path, const struct probed_choice *choices, size_t rounds,
			struct proof *proof, struct err *err)
{
	int r = 0;

	*proof = (struct proof){ 0 };
	while (r == 0 && proof->rounds < rounds) {
		char pads[16];

		/* Workers of different rounds differ in how many mappings they have: self.h. */
		snprintf(pads, sizeof(pads), "%zu", proof->rounds % SELF_PADS_MAX);
		setenv("SOLOAD_PADS", pads, 1);
		r = round_run(proof, path, choices, err);
	}
	return r;
}

static void head_print(const char *options, size_t rounds, double limit)
{
	char machine[256], build[64];

	printf("# Steps inside ld.so: corrected uprobes against hooks\n\n"
	       "Written by `make prove-probes` of %s on %s%s; probe `ldphase%s`. "
	       "%zu rounds, each of two processes that are laid out alike, with %d loads by "
	       "`memfd` in each of %d blocks in turns. A time is the median of the rounds' p10, "
	       "in ns; the difference is the median of the rounds' own, with its 95 %% interval. A "
	       "step of 1 us or more must agree with the hooks within %.0f %%, the corrected whole "
	       "with the unprobed within 10 %%.\n\n"
	       "| object | step | ldhook | ldphase observed | corrected | difference | interval | "
	       "|\n|---|---|---:|---:|---:|---:|---:|---|\n",
	       machine_build(build, sizeof(build)), machine_line(machine, sizeof(machine)),
	       limit > LIMIT_QUIET ? ", other work running" : "", options, rounds, BLOCK_LOADS,
	       BLOCKS, limit * 100.0);
	fflush(stdout);
}

static int choices_open(struct probed_choice *choices, const char *options, struct err *err)
{
	int r = 0;

	for (int side = 0; r == 0 && side < SIDES; side++) {
		char spec[128];

		snprintf(spec, sizeof(spec), "%s%s", probes[side], side == PHASE ? options : "");
		r = probed_choose(&choices[side], spec, err);
	}
	return r;
}

/*
 * All workers alike but for what watches them: the hooks' object is in each (a library more to
 * search for every symbol, some mappings more), and the kernel lays all of them out the same way.
 */
static int ground_level(struct probe **ret_idle, struct err *err)
{
	static struct probe_environment environment;
	int r = probe_open(ret_idle, "ldhook:idle", err);

	if (r == 0)
		r = probe_environment(*ret_idle, &environment, err);
	for (int i = 0; r == 0 && environment.variables[i]; i++)
		putenv(environment.variables[i]);
	personality(ADDR_NO_RANDOMIZE);
	return r;
}

static int objects_prove(char **paths, const struct probed_choice *choices, size_t rounds,
			 double limit, unsigned int *ret_wrong)
{
	struct proof *proof = malloc(sizeof(*proof));
	struct err err = { "out of memory" };
	int r = proof ? 0 : -ENOMEM;

	for (; r == 0 && *paths; paths++) {
		const char *slash = strrchr(*paths, '/');

		r = object_prove(*paths, choices, rounds, proof, &err);
		if (r == 0)
			*ret_wrong += proof_print(proof, slash ? slash + 1 : *paths, limit);
		else if (r != -EINTR)
			log_error("%s: %s", *paths, err.text);
	}
	free(proof);
	return r;
}

struct prove_arguments {
	const char *options;
	size_t rounds;
	char **paths;
};

static bool arguments_parse(int argc, char **argv, struct prove_arguments *ret_arguments)
{
	int at = 1;

	*ret_arguments = (struct prove_arguments){ "", ROUNDS_DEFAULT, NULL };
	if (at + 1 < argc && strcmp(argv[at], "-n") == 0) {
		char *end;

		ret_arguments->rounds = strtoul(argv[at + 1], &end, 10);
		if (*end || !ret_arguments->rounds || ret_arguments->rounds > ROUNDS_MAX)
			return false;
		at += 2;
	}
	if (at < argc && argv[at][0] == ':')
		ret_arguments->options = argv[at++];
	ret_arguments->paths = argv + at;
	return at < argc;
}

int command_prove_probes(int argc, char **argv)
{
	struct probed_choice choices[SIDES] = { 0 };
	struct prove_arguments arguments;
	struct probe *idle = NULL;
	double limit;
	unsigned int wrong = 0;
	struct err err = { "" };
	int r;

	if (!arguments_parse(argc, argv, &arguments)) {
		fprintf(stderr,
			"usage: soload prove_probes [-n ROUNDS] [:OPTIONS-OF-LDPHASE] OBJECT...\n"
			"ROUNDS: 1 to %d, default %d\n",
			ROUNDS_MAX, ROUNDS_DEFAULT);
		return EXIT_USAGE;
	}
	command_catch_signals();
	r = choices_open(choices, arguments.options, &err);
	if (r == 0)
		r = ground_level(&idle, &err);
	if (r < 0) {
		log_error("nothing to prove here: %s", err.text);
	} else {
		limit = quiet_limit();
		head_print(arguments.options, arguments.rounds, limit);
		r = objects_prove(arguments.paths, choices, arguments.rounds, limit, &wrong);
		r = r < 0 ? -EIO : 0;
	}
	for (int side = 0; side < SIDES; side++)
		probed_choice_close(&choices[side]);
	probe_close(idle);
	if (command_interrupted())
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r < 0)
		return r == -EIO ? EXIT_USAGE : EXIT_SKIPPED;
	printf("\n%s\n", wrong ? "FAIL" : "PASS");
	return wrong ? EXIT_MEASURED_FAILURE : EXIT_DONE;
}
