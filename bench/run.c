/* soload run: loads alone, interleaved, each loader in a worker process of its own. */
#include "bench/command.h"
#include "bench/machine.h"
#include "bench/run/options.h"
#include "bench/run/probe.h"
#include "bench/run/report.h"
#include "bench/runner.h"

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LOADERS_MAX 64

struct run {
	struct run_options options;
	char *loader_copy;
	const char *loaders[LOADERS_MAX]; /* in loader_copy, or names of types */
	bool stages[LOADERS_MAX];
	size_t loader_count;
	bool loader_missing; /* one that was named does not work here */
	struct subject *subjects;
	size_t subject_count;
	char (*scanned)[PATH_MAX]; /* the objects of a scan */
	struct export_files exports;
	json_t *described; /* the options, as run.json has them */
	char **argv;
};

static int loader_add(struct run *run, const char *spec, struct err *err)
{
	struct loader *loader = NULL;
	int r = loader_open(&loader, spec, err);

	if (r < 0)
		return r;
	run->stages[run->loader_count] = !(loader->caps & LOADER_DISKLESS);
	if (run->options.runner.threads > 1 && !(loader->caps & LOADER_CONCURRENT))
		r = err_set(err, ENOTSUP, "%s: threads may not load with it at the same time",
			    spec);
	loader_close(loader);
	if (r < 0)
		return r;
	run->loaders[run->loader_count++] = spec;
	return 0;
}

/* "all" is what works here. */
static void loaders_all(struct run *run)
{
	for (int i = 0; i < LOADERS_MAX && loader_types[i]; i++) {
		struct err err;

		if (loader_add(run, loader_types[i]->name, &err) < 0)
			log_warn("left out: %s", err.text);
	}
}

static int loaders_choose(struct run *run, struct err *err)
{
	char *items[LOADERS_MAX];
	const char *twice;
	int count, r = 0;

	if (strcmp(run->options.loaders, "all") == 0) {
		loaders_all(run);
		return 0;
	}
	run->loader_copy = strdup(run->options.loaders);
	if (!run->loader_copy)
		return err_set(err, ENOMEM, "out of memory");
	count = options_split(run->loader_copy, items, LOADERS_MAX);
	if (count < 0)
		return err_set(err, EINVAL, "--loader: more than %d loaders", LOADERS_MAX);
	/* A typo ends the run; a loader this machine cannot run is told, and the others go on. */
	for (int i = 0; i < count; i++) {
		r = loader_add(run, items[i], err);
		if (r == -EINVAL || (r < 0 && count == 1))
			return r;
		if (r < 0)
			log_error("%s", err->text);
		run->loader_missing |= r < 0;
	}
	twice = options_repeated(run->loaders, run->loader_count);
	if (twice)
		return err_set(err, EINVAL, "loader %s is named twice", twice);
	return run->loader_count ? 0
				 : err_set(err, ENODEV, "no loader that was asked for works here");
}

/* The last CPU this process may use, as the first is where interrupts go; the spinner's is another.
 */
static int cpus_choose(struct run *run, struct err *err)
{
	cpu_set_t allowed;
	int last = -1, other = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		CPU_ZERO(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed))
			last = cpu;
	}
	if (run->options.pin == RUN_PIN_CPU && !CPU_ISSET((size_t)run->options.pin_cpu, &allowed))
		return err_set(err, EINVAL, "--pin: CPU %d is not one this process may use, %d is",
			       run->options.pin_cpu, last);
	run->options.runner.spread =
		run->options.pin == RUN_PIN_AUTO && run->options.runner.threads > 1;
	run->options.runner.cpu = run->options.pin == RUN_PIN_CPU ? run->options.pin_cpu
				  : run->options.pin == RUN_PIN_AUTO && !run->options.runner.spread
					  ? last
					  : -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed) && cpu != run->options.runner.cpu)
			other = cpu;
	}
	run->options.runner.spinner_cpu = run->options.runner.cpu < 0 ? -1 : other;
	return 0;
}

/* Objects that cannot be run are named; the others go on. Those of a scan come first, later. */
static size_t subjects_open(struct run *run)
{
	size_t count = run->options.scan.count;

	run->subjects = calloc(count + run->options.path_count, sizeof(run->subjects[0]));
	for (size_t i = 0; run->subjects && i < run->options.path_count; i++) {
		struct err err;

		if (subject_open(&run->subjects[count], run->options.paths[i], run->options.symbol,
				 run->options.call, &err) < 0)
			log_error("%s", err.text);
		else
			count++;
	}
	run->subject_count = run->subjects ? count : 0;
	return run->subject_count;
}

/* Into the record, where they can be looked at afterwards. */
static int scan_open(struct run *run, const struct record *record, struct err *err)
{
	const struct scan *scan = &run->options.scan;
	char folder[PATH_MAX - 64];
	struct progress progress;
	int r = 0;

	if (!scan->count)
		return 0;
	run->scanned = calloc(scan->count, sizeof(*run->scanned));
	if (!run->scanned)
		return err_set(err, ENOMEM, "out of memory");
	if (snprintf(folder, sizeof(folder), "%s/objects", record_folder(record)) >=
	    (int)sizeof(folder))
		return err_set(err, ENAMETOOLONG, "%s: name too long", record_folder(record));
	r = file_make_directory(folder, err);
	progress_begin(&progress, "objects made", scan->count);
	for (size_t i = 0; r == 0 && i < scan->count; i++) {
		progress_step(&progress, i, NULL);
		r = scan_make(scan, i, folder, run->scanned[i], err);
		if (r == 0)
			r = subject_open(&run->subjects[i], run->scanned[i], run->options.symbol,
					 run->options.call, err);
		else
			err_prefix(err, r, "--scan: %s", run->scanned[i]);
		if (command_interrupted())
			r = err_set(err, EINTR, "interrupted");
	}
	progress_end(&progress);
	return r;
}

static struct arm *arms_make(const struct run *run)
{
	struct arm *arms = calloc(run->subject_count * run->loader_count, sizeof(arms[0]));
	size_t count = 0;

	for (size_t i = 0; arms && i < run->subject_count; i++) {
		for (size_t j = 0; j < run->loader_count; j++) {
			arms[count].subject = &run->subjects[i];
			arms[count].stages = run->stages[j];
			arms[count++].loader = run->loaders[j];
		}
	}
	return arms;
}

static void record_describe(struct record *record, struct run *run)
{
	const struct runner_options *o = &run->options.runner;

	static const char *const colds[] = { "none", "file", "all" };
	json_t *json =
		json_pack("{s:i,s:i,s:i,s:s,s:i,s:b,s:s}", "loads", (int)o->loads, "warmup",
			  (int)o->warmup, "batch", (int)o->batch, "order",
			  o->order == RUNNER_RANDOM ? "random" : "sequential", "cpu", o->cpu,
			  "spinner", o->spinner, "check", o->check_every ? "every" : "warmup");

	json_object_set_new(json, "threads", json_integer(o->threads ? o->threads : 1));
	json_object_set_new(json, "isolate", json_boolean(o->isolate));
	json_object_set_new(json, "cold", json_string(colds[o->cold]));
	if (o->time_ns)
		json_object_set_new(json, "seconds", json_real((double)o->time_ns / 1e9));
	if (o->until > 0.0)
		json_object_set_new(json, "until", json_real(o->until));
	run->described = json_incref(json);
	record_note(record, "options", json);
	if (run->options.scan.count)
		record_note(record, "scan", scan_json(&run->options.scan, NULL));
}

/* 0 when every arm did all its loads, and none was stale. */
static int verdict(const struct run *run, const struct runner *runner)
{
	bool measured = false;
	bool failed = run->loader_missing ||
		      run->subject_count < run->options.scan.count + run->options.path_count;

	for (size_t i = 0; i < runner->arm_count; i++) {
		measured |= runner->arms[i].count > 0;
		failed |= runner->arms[i].error.text[0] || runner->arms[i].stale;
	}
	if (command_interrupted())
		return EXIT_SIGNAL_BASE + command_interrupted();
	return measured && !failed ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}

/* 0, or a negative errno when a file could not be written, which was said. */
static int exports_finish(struct run *run, const struct runner *runner)
{
	struct export_source source = {
		.runner = runner,
		.scan = &run->options.scan,
		.options = run->described,
	};
	struct err err;
	int r = exports_write(&run->exports, &source, &err);

	if (r < 0)
		log_error("%s", err.text);
	return r;
}

/* Everything between the opened record and its end. */
static int arms_run(struct run *run, struct record *record)
{
	struct arm *arms = arms_make(run);
	double steal0 = 0.0, total0 = 0.0, steal1 = 0.0, total1 = 0.0;
	struct runner runner;
	struct err err = { "" };
	int r, probed = 0;

	if (!arms || runner_open(&runner, &run->options.runner, record, arms,
				 run->subject_count * run->loader_count) < 0) {
		log_error("out of memory: use fewer loads (-n) or loaders");
		return EXIT_USAGE;
	}
	machine_steal(&steal0, &total0);
	r = runner_run(&runner, &err);
	machine_steal(&steal1, &total1);
	if (r == 0 && runner_count(&runner) == -EINTR)
		r = -EINTR;
	if (r < 0 && r != -EINTR)
		log_error("%s", err.text);
	run_report_print(&runner, &run->options.scan, stdout);
	run_report_summary(&runner);
	if (run->options.scan.count)
		record_note(record, "scan", scan_json(&run->options.scan, &runner));
	if (r == 0)
		run_report_warn(&runner,
				total1 > total0 ? (steal1 - steal0) / (total1 - total0) : -1.0);
	if (r == 0 && run->options.probes)
		probed = run_probe(&runner, run->options.probes, stdout);
	r = r < 0 && r != -EINTR ? EXIT_USAGE : verdict(run, &runner);
	if (r == EXIT_DONE && probed < 0)
		r = EXIT_MEASURED_FAILURE;
	if (exports_finish(run, &runner) < 0)
		r = EXIT_USAGE;
	runner_close(&runner);
	return r;
}

static void objects_describe(struct run *run, struct record *record)
{
	for (size_t i = 0; i < run->subject_count; i++) {
		struct subject *subject = &run->subjects[i];
		const char *label = record_object(record, subject->path, subject->file.bytes,
						  subject->file.size);

		subject->label = label ? label : subject->path;
	}
}

static int record_and_run(struct run *run)
{
	struct record_spec spec = {
		.out = run->options.out,
		.command = "run",
		.argv = run->argv,
		.seed = run->options.runner.seed,
	};
	struct record *record;
	struct err err;
	int code;

	if (exports_open(&run->exports, &run->options.exports, &err) < 0 ||
	    record_open(&record, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (scan_open(run, record, &err) < 0) {
		log_error("%s", err.text);
		code = command_interrupted() ? EXIT_SIGNAL_BASE + command_interrupted()
					     : EXIT_USAGE;
	} else {
		objects_describe(run, record);
		record_describe(record, run);
		code = arms_run(run, record);
	}
	printf("\nResults: %s (seed %llu)\n", record_folder(record),
	       (unsigned long long)run->options.runner.seed);
	if (record_close(record, code, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	return code;
}

static int run_all(struct run *run)
{
	struct err err;

	if (loaders_choose(run, &err) < 0 || cpus_choose(run, &err) < 0 ||
	    cold_check(run->options.runner.cold, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (run->options.probes && run_probe_check(run->options.probes, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (subjects_open(run) == 0)
		return EXIT_USAGE;
	if (!run->options.seeded)
		run->options.runner.seed = 0;
	if (!run->options.seeded && getrandom(&run->options.runner.seed, sizeof(uint32_t),
					      GRND_NONBLOCK) != sizeof(uint32_t))
		run->options.runner.seed = clock_now_ns() & UINT32_MAX;
	command_catch_signals();
	return record_and_run(run);
}

int command_run(int argc, char **argv)
{
	struct run run = { .argv = argv };
	int code;

	run_options_parse(&run.options, argc, argv);
	code = run_all(&run);
	for (size_t i = 0; i < run.subject_count; i++)
		subject_close(&run.subjects[i]);
	free(run.subjects);
	free(run.scanned);
	exports_close(&run.exports);
	json_decref(run.described);
	free(run.loader_copy);
	return code;
}
