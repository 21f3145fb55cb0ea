/* Warnings: each names the cause and what to do about it. See report.h. */
#include "bench/run/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "bench/limits.h"
#include "bench/run/columns.h"

#include <jansson.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEW_LOADS 20
#define STEPS 100	/* of the clock: below, rounding is what is measured */
#define SHORT_NS 1000.0 /* and stamping itself takes tens of ns */
#define WIDE 1.5	/* p90 over p50 */
#define DRIFT 1.03	/* one half of the turns over the other */
#define DRIFT_TURNS 16
#define INTERRUPTED 0.02
#define STEAL 0.01

struct warnings {
	const struct runner *runner;
	json_t *list;
};

__attribute__((format(printf, 2, 3))) static void warn(const struct warnings *warnings,
						       const char *format, ...)
{
	char text[512];
	json_t *string;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_warn("%s", text);
	string = json_string(text); /* NULL: a loader's option that is not UTF-8 */
	if (string)
		json_array_append_new(warnings->list, string);
}

/*
 * One line per cause: the row it is worst in, and in how many more it is. A cause's severity is 0
 * where it is not; `say` writes the sentence about one row.
 */
struct cause {
	double (*severity)(const struct runner *runner, const struct arm *arm);
	void (*say)(const struct arm *arm, double severity, char *text, size_t size);
};

#define TEXT_BYTES 400

static double kinds_severity(const struct runner *runner, const struct arm *arm)
{
	double *values = calloc(arm->count, sizeof(values[0]));
	struct stats_kinds kinds = { 0 };

	(void)runner;
	for (uint32_t i = 0; values && i < arm->count; i++)
		values[i] = arm->values[i].total_ns;
	if (values && arm->count >= FEW_LOADS) {
		stats_sort(values, arm->count);
		kinds = stats_kinds(values, arm->count);
	}
	free(values);
	return kinds.two ? kinds.high / kinds.low : 0.0;
}

static void kinds_say(const struct arm *arm, double severity, char *text, size_t size)
{
	snprintf(
		text, size,
		"%s: bimodal: its loads are of two kinds, one takes %.1f times the other, and the "
		"median is either by chance; look where they part in samples.csv, try --isolate or "
		"--pin auto",
		arm->name, severity);
}

static double tail_severity(const struct runner *runner, const struct arm *arm)
{
	struct stats_summary total = column_summary(arm, COLUMN(total_ns));

	return total.p90 > WIDE * total.p50 && kinds_severity(runner, arm) == 0.0
		       ? total.p90 / total.p50
		       : 0.0;
}

static void tail_say(const struct arm *arm, double severity, char *text, size_t size)
{
	snprintf(text, size,
		 "%s: one load in ten takes %.1f times the median: other work runs on this "
		 "machine; raise -n, pin with --pin",
		 arm->name, severity);
}

/* The medians of the turns in one half, and their interval. */
static struct stats_interval half_take(const struct arm *arm, bool second, double *ret_median)
{
	uint32_t half = arm->turn_count / 2, from = second ? arm->turn_count - half : 0;
	double *medians = calloc(half, sizeof(medians[0]));
	struct stats_interval interval = { (double)NAN, (double)NAN };

	*ret_median = (double)NAN;
	if (!medians)
		return interval;
	for (uint32_t i = 0; i < half; i++)
		medians[i] = arm->turns[from + i].p50_ns;
	stats_sort(medians, half);
	*ret_median = stats_median(medians, half);
	interval = stats_median_interval(medians, half, 0.95);
	free(medians);
	return interval;
}

/* The second half over the first, or the first over the second when that is larger and negative. */
static double drift_of(const struct arm *arm)
{
	struct stats_interval early, late;
	double before, after;

	if (arm->turn_count < DRIFT_TURNS)
		return 0.0;
	early = half_take(arm, false, &before);
	late = half_take(arm, true, &after);
	if (late.low > early.high && after > DRIFT * before)
		return after / before;
	if (early.low > late.high && before > DRIFT * after)
		return -before / after;
	return 0.0;
}

static double drift_severity(const struct runner *runner, const struct arm *arm)
{
	(void)runner;
	return fabs(drift_of(arm));
}

static void drift_say(const struct arm *arm, double severity, char *text, size_t size)
{
	bool slower = drift_of(arm) > 0.0;

	snprintf(text, size,
		 "%s: drift: the %s half of its loads took %.0f %% longer than the %s: %s",
		 arm->name, slower ? "second" : "first", 100.0 * (severity - 1.0),
		 slower ? "first" : "second",
		 slower ? "the machine slowed down, or something grows with every load (--isolate "
			  "tells which)"
			: "it had not settled (raise --warmup), or the machine has calmed down");
}

static double moves_severity(const struct runner *runner, const struct arm *arm)
{
	uint32_t moves = 0;

	if (runner->options.cpu >= 0 || runner_threads(runner) > 1 || runner->options.isolate)
		return 0.0;
	for (uint32_t i = 1; i < arm->count; i++)
		moves += arm->values[i].cpu != arm->values[i - 1].cpu;
	return moves;
}

static void moves_say(const struct arm *arm, double severity, char *text, size_t size)
{
	snprintf(text, size, "%s: not pinned: its loads moved between CPUs %.0f times: --pin auto",
		 arm->name, severity);
}

static double warm_severity(const struct runner *runner, const struct arm *arm)
{
	(void)runner;
	return arm->warm;
}

static void warm_say(const struct arm *arm, double severity, char *text, size_t size)
{
	snprintf(text, size,
		 "%s: %.0f loads were not cold: the file system of the staging folder keeps what "
		 "it is told to drop (is it in memory?); name a folder on a disk, as in "
		 "disk:dirs=/var/tmp",
		 arm->name, severity);
}

/* In per cent of the loads. */
static double busy_severity(const struct runner *runner, const struct arm *arm)
{
	uint32_t cut = 0;

	(void)runner;
	for (uint32_t i = 0; i < arm->count; i++)
		cut += arm->values[i].nivcsw > 0.0;
	return cut > INTERRUPTED * arm->count ? 100.0 * cut / arm->count : 0.0;
}

static void busy_say(const struct arm *arm, double severity, char *text, size_t size)
{
	snprintf(text, size,
		 "%s: CPU busy: %.0f %% of the loads were interrupted by other work: use a quieter "
		 "machine or CPU (--pin CPU)",
		 arm->name, severity);
}

/* How many times too short. */
static double coarse_severity(const struct runner *runner, const struct arm *arm)
{
	double p50 = column_summary(arm, COLUMN(total_ns)).p50;
	double least = fmax(SHORT_NS, STEPS * clock_step_ns());

	(void)runner;
	return p50 < least ? least / fmax(p50, 1.0) : 0.0;
}

static void coarse_say(const struct arm *arm, double severity, char *text, size_t size)
{
	(void)severity;
	snprintf(text, size,
		 "%s: timer too coarse: a load takes %.0f ns, a step of the clock %.1f ns: too "
		 "short to be timed one by one; soload gate stamps such loads in groups",
		 arm->name, column_summary(arm, COLUMN(total_ns)).p50, clock_step_ns());
}

static const struct cause causes[] = {
	{ coarse_severity, coarse_say }, { kinds_severity, kinds_say }, { tail_severity, tail_say },
	{ drift_severity, drift_say },	 { moves_severity, moves_say }, { warm_severity, warm_say },
	{ busy_severity, busy_say },
};

/* A load that is too short for the clock has no shape worth a word. */
static double severity_of(const struct cause *cause, const struct runner *runner,
			  const struct arm *arm)
{
	if (arm->count == 0 || !(arm->client.ready.caps & LOADER_EXECUTES))
		return 0.0;
	if (cause != causes && coarse_severity(runner, arm) > 0.0)
		return 0.0;
	return cause->severity(runner, arm);
}

static void cause_warn(const struct warnings *warnings, const struct cause *cause)
{
	const struct runner *runner = warnings->runner;
	const struct arm *worst = NULL;
	char text[TEXT_BYTES], more[40] = "";
	double most = 0.0;
	size_t rows = 0;

	for (size_t i = 0; i < runner->arm_count; i++) {
		double severity = severity_of(cause, runner, &runner->arms[i]);

		rows += severity > 0.0;
		if (severity > most) {
			most = severity;
			worst = &runner->arms[i];
		}
	}
	if (!worst)
		return;
	cause->say(worst, most, text, sizeof(text));
	if (rows > 1)
		snprintf(more, sizeof(more), " (%zu more rows, less)", rows - 1);
	warn(warnings, "%s%s", text, more);
}

static void until_warn(const struct warnings *warnings)
{
	const struct runner *runner = warnings->runner;
	size_t missed = 0;

	for (size_t i = 0; i < runner->arm_count; i++)
		missed += runner->arms[i].alive && !limits_met(runner, &runner->arms[i]);
	if (missed)
		warn(warnings,
		     "--until: %zu of %zu rows did not get there: raise %s, or use a quieter "
		     "machine",
		     missed, runner->arm_count, runner->options.time_ns ? "--time" : "-n");
}

static void threads_warn(const struct warnings *warnings)
{
	uint32_t threads = runner_threads(warnings->runner);
	cpu_set_t allowed;

	if (threads > 1 && sched_getaffinity(0, sizeof(allowed), &allowed) == 0 &&
	    (int)threads > CPU_COUNT(&allowed))
		warn(warnings, "--threads %u on %d CPUs: they wait for each other", threads,
		     CPU_COUNT(&allowed));
}

static void machine_warn(const struct warnings *warnings, const struct run_machine *machine)
{
	const struct runner_options *options = &warnings->runner->options;

	if (options->loads < FEW_LOADS)
		warn(warnings, "%u loads say little about a distribution: use -n %d or more",
		     options->loads, FEW_LOADS);
	if (options->spinner && options->spinner_cpu < 0)
		warn(warnings, "--spinner: no second CPU is free for the spinning thread, it takes "
			       "time from the loads");
	if (machine->steal > STEAL)
		warn(warnings,
		     "steal: the hypervisor took %.1f %% of the CPU time: use another machine, or "
		     "trust p10 more than p50",
		     100.0 * machine->steal);
	if (machine->load > (double)machine->cpus)
		warn(warnings,
		     "load average %.1f on %ld CPUs: other work disturbs the loads; raise -n or "
		     "wait",
		     machine->load, machine->cpus);
}

json_t *run_report_warnings(const struct runner *runner, const struct run_machine *machine)
{
	struct warnings warnings = { .runner = runner, .list = json_array() };
	bool unlocked = false;

	machine_warn(&warnings, machine);
	threads_warn(&warnings);
	until_warn(&warnings);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		cause_warn(&warnings, &causes[i]);
	for (size_t i = 0; i < runner->arm_count; i++)
		unlocked |= runner->arms[i].count && !runner->arms[i].client.ready.locked;
	if (unlocked)
		warn(&warnings, "the workers' memory is not locked: raise the limit (ulimit -l)");
	return warnings.list;
}

void run_report_warn(const struct runner *runner, double steal)
{
	struct run_machine machine = { .steal = steal, .cpus = sysconf(_SC_NPROCESSORS_ONLN) };

	if (getloadavg(&machine.load, 1) != 1)
		machine.load = 0.0;
	record_note(runner->record, "warnings", run_report_warnings(runner, &machine));
}
