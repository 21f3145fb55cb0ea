/*
 * soload prove_probes: do the corrected steps of ldphase agree with those of the hooks inside
 * ld.so, and its corrected total with the unprobed one? Behind `make prove-probes`; the table it
 * prints is committed as results/baseline/probes.md.
 */
#include "bench/command.h"
#include "bench/stats.h"
#include "bench/watch/probed.h"

#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ROUNDS 16 /* as many as the kernel's tree has mappings in a node */
#define BLOCKS 2
#define BLOCK_LOADS 25
#define WARMUP 5
#define QUIET_LOAD 0.5 /* runnable processes per CPU */
#define LIMIT_QUIET 0.10
#define LIMIT_BUSY 0.15
#define JUDGED_NS 1000.0 /* shorter steps are below what uprobes can measure */
#define SAMPLES (ROUNDS * BLOCKS * BLOCK_LOADS)

enum side { HOOK, PHASE, SIDES };

static const char *const probes[SIDES] = { [HOOK] = "ldhook", [PHASE] = "ldphase" };

struct column {
	double values[SAMPLES];
	size_t count;
};

/* Everything about one object, gathered over all rounds. */
struct proof {
	struct column observed[SIDES][STEP_COUNT], corrected[SIDES][STEP_COUNT];
	struct column base, total, total_corrected;
	uint64_t events, drops, gaps;
};

static void column_add(struct column *column, double value)
{
	if (column->count < SAMPLES)
		column->values[column->count++] = value;
}

static double column_p10(struct column *column)
{
	return stats_summarise(column->values, column->count).p10;
}

static void probed_add(struct proof *proof, enum side side, const struct probed *probed)
{
	for (size_t i = 0; i < probed->load_count; i++) {
		const struct probed_load *load = &probed->loads[i];

		for (int step = 0; step < STEP_COUNT; step++) {
			column_add(&proof->observed[side][step], load->observed_ns[step]);
			column_add(&proof->corrected[side][step], load->corrected_ns[step]);
		}
		if (side == HOOK)
			continue;
		column_add(&proof->total, load->total_ns);
		column_add(&proof->total_corrected, load->total_ns - load->cost_ns);
	}
	for (size_t i = 0; side == PHASE && i < probed->base_count; i++)
		column_add(&proof->base, probed->base_ns[i]);
	proof->events += side == PHASE
	? probed->events : 0;
	proof->drops += probed->drops;
	proof->gaps += probed->gaps;
}

static int side_run(struct proof *proof, enum side side, const struct probed_choice *choice,
		    const char *path, struct err *err)
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
	struct probed probed = { 0 };
	int r = probed_run(&probed, choice, &plan, err);

	if (r == 0)
		probed_add(proof, side, &probed);
	probed_free(&probed);
	return r;
}

static double quiet_limit(void)
{
	double load = 99.0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(&load, 1) != 1 || cpus < 1)
		return LIMIT_BUSY;
	return load / (double)cpus < QUIET_LOAD ? LIMIT_QUIET : LIMIT_BUSY;
}

/* One row; true when it was judged and is outside the limit. */
static bool step_print(struct proof *proof, const char *object, int step, double limit)
{
	double hook = column_p10(&proof->corrected[HOOK][step]);
	double seen = column_p10(&proof->observed[PHASE][step]);
	double corrected = column_p10(&proof->corrected[PHASE][step]);
	bool judged = hook >= JUDGED_NS, wrong;

	if (!(hook > 0.0) && !(seen > 0.0))
		return false;
	if (step == STEP_LOADER) /* not inside ld.so: the hooks do not see it */
		return false;
	wrong = judged && fabs(corrected / hook - 1.0) > limit;
	printf("| %s | %s | %.0f | %.0f | %.0f | %+.1f %% | %s |\n", object,
	       step_label((enum step)step), hook, seen, corrected, (corrected / hook - 1.0) * 100.0,
	       !judged ? "below 1 us"
	       : wrong ? "**off**"
		       : "agrees");
	return wrong;
}

static unsigned int proof_print(struct proof *proof, const char *object, double limit)
{
	double base = column_p10(&proof->base), total = column_p10(&proof->total);
	double corrected = column_p10(&proof->total_corrected);
	bool off = fabs(corrected / base - 1.0) > LIMIT_QUIET;
	unsigned int wrong = off;

	for (int step = 0; step < STEP_COUNT; step++)
		wrong += step_print(proof, object, step, limit);
	printf("| %s | whole load against unprobed | %.0f | %.0f | %.0f | %+.1f %% | %s |\n",
	       object, base, total, corrected, (corrected / base - 1.0) * 100.0,
	       off ? "**off**" : "agrees");
	if (proof->drops || proof->gaps)
		wrong++;
	return wrong;
}

static int object_prove(const char *path, const struct probed_choice *choices, double limit,
			unsigned int *wrong, struct err *err)
{
	struct proof *proof = calloc(1, sizeof(*proof));
	const char *slash = strrchr(path, '/');
	int r = 0;

	if (!proof)
		return err_set(err, ENOMEM, "out of memory");
	for (int round = 0; r == 0 && round < ROUNDS; round++) {
		char pads[16];

		/* Workers of different rounds differ in how many mappings they have: self.h. */
		snprintf(pads, sizeof(pads), "%d", round);
		setenv("SOLOAD_PADS", pads, 1);
		for (int side = 0; r == 0 && side < SIDES; side++)
			r = command_interrupted()
				    ? -EINTR
				    : side_run(proof, (enum side)((side + round) % SIDES),
					       &choices[(side + round) % SIDES], path, err);
	}
	if (r == 0)
		*wrong += proof_print(proof, slash ? slash + 1 : path, limit);
	free(proof);
	return r;
}

static void head_print(const char *options, double limit)
{
	struct utsname name;

	uname(&name);
	printf("# Steps inside ld.so: corrected uprobes against hooks\n\n"
	       "Written by `make prove-probes` on Linux %s, %s, %ld CPUs%s. p10 in ns over %d "
	       "loads by "
	       "`memfd`, blocks of %d in turns; probe `ldphase%s`. A step of 1 us or more must "
	       "agree "
	       "with the hooks within %.0f %%, the corrected whole with the unprobed within 10 "
	       "%%.\n\n"
	       "| object | step | ldhook | ldphase observed | corrected | difference | |\n"
	       "|---|---|---:|---:|---:|---:|---|\n",
	       name.release, name.machine, sysconf(_SC_NPROCESSORS_ONLN),
	       limit > LIMIT_QUIET ? ", other work running" : "", SAMPLES, BLOCK_LOADS, options,
	       limit * 100.0);
	fflush(stdout);
}

/* One of each for all objects and rounds: calibration only gets better. */
static int choices_open(struct probed_choice *choices, const char *options)
{
	for (int side = 0; side < SIDES; side++) {
		struct err err;
		char spec[128];

		snprintf(spec, sizeof(spec), "%s%s", probes[side], side == PHASE ? options : "");
		if (probed_choose(&choices[side], spec, &err) == 0)
			continue;
		log_error("nothing to prove here: %s", err.text);
		for (int i = 0; i < side; i++)
			probed_choice_close(&choices[i]);
		return -ENOTSUP;
	}
	return 0;
}

int command_prove_probes(int argc, char **argv)
{
	const char *options = "";
	struct probed_choice choices[SIDES] = { 0 };
	double limit = quiet_limit();
	unsigned int wrong = 0;
	int first = 1, r = 0;

	if (argc > 1 && argv[1][0] == ':')
		options = argv[first++];
	if (first >= argc) {
		fputs("usage: soload prove_probes [:OPTIONS-OF-LDPHASE] OBJECT...\n", stderr);
		return EXIT_USAGE;
	}
	command_catch_signals();
	if (choices_open(choices, options) < 0)
		return EXIT_SKIPPED;
	head_print(options, limit);
	for (int i = first; r == 0 && i < argc; i++) {
		struct err err = { "" };

		r = object_prove(argv[i], choices, limit, &wrong, &err);
		if (r < 0 && r != -EINTR)
			log_error("%s: %s", argv[i], err.text);
	}
	for (int side = 0; side < SIDES; side++)
		probed_choice_close(&choices[side]);
	if (command_interrupted())
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r < 0)
		return EXIT_USAGE;
	printf("\n%s\n", wrong ? "FAIL" : "PASS");
	return wrong ? EXIT_MEASURED_FAILURE : EXIT_DONE;
}
