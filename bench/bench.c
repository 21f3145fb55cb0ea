/* soload bench: the speed table and the shares, judged. What `make bench` runs; nothing is stored.
 */
#include "bench/command.h"
#include "bench/machine.h"
#include "bench/speed/chain.h"
#include "bench/speed/speed.h"

#include "base/log.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { KEY_OBJECTS = 256, KEY_DISK, KEY_OUT, KEY_SEED };

struct request {
	struct speed_options speed;
	const char *out;
	char **argv;
};

static const struct argp_option options[] = {
	{ "objects", KEY_OBJECTS, "DIR", 0, "the objects under test, default build/objects", 0 },
	{ "loads", 'n', "N", 0, "loads per loader, object and mode, default 400", 0 },
	{ "disk", KEY_DISK, "DIR", 0, "where the loader disk stages, default /var/tmp", 0 },
	{ "seed", KEY_SEED, "S", 0, "of the random order, default 1", 0 },
	{ "out", KEY_OUT, "DIR", 0, "the results folder, default results/runs/bench-DATE-PID", 0 },
	{ 0 },
};

static const char doc[] =
	"Measures every loader on objects of 16 KB, 390 KB and 4 MB and on the workload's object, "
	"alone "
	"and beside a running thread, all interleaved, and holds the numbers against what they "
	"must "
	"reach.\v"
	"Shares and ratios mean something on a quiet machine only: see the line about its load.\n\n"
	"Examples:\n"
	"  soload bench                     the whole table\n"
	"  soload bench -n 50 --out DIR     fewer loads, kept in DIR\n\n"
	"Exit codes: 0 everything passed; 1 something did not; 2 usage, or nothing could run.\n";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case KEY_OBJECTS:
		request->speed.objects = text;
		return 0;
	case 'n':
		request->speed.loads = (uint32_t)command_number(state, "-n", text, 1, 100000);
		return 0;
	case KEY_DISK:
		request->speed.disk = text;
		return 0;
	case KEY_SEED:
		request->speed.seed = command_seed(state, text);
		return 0;
	case KEY_OUT:
		request->out = text;
		return 0;
	case ARGP_KEY_ARG:
		command_usage(state, "'%s' is one word too many", text);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void machine_print(void)
{
	char line[256], build[64];
	double load = 0.0;

	printf("%s; %s\n", machine_line(line, sizeof(line)), machine_build(build, sizeof(build)));
	if (getloadavg(&load, 1) == 1)
		printf("load average %.2f%s\n", load,
		       load > 0.7 ? ": busy, do not trust what fails narrowly" : "");
}

static void record_cost_check(struct speed_checks *checks)
{
	struct speed_check check = {
		.name = "one record of a timeline", .unit = "ns", .bound = 20.0, .at_most = true
	};
	double clock_ns;

	speed_record_cost(&check.measured, &clock_ns);
	printf("one record of a timeline %.1f ns, one clock_gettime %.1f ns\n", check.measured,
	       clock_ns);
	speed_check_add(checks, &check);
}

static int bench_run(const struct request *request, struct record *record)
{
	static struct speed_table table;
	static struct speed_checks checks;
	static struct chain_table chains;
	struct err err = { "" };
	unsigned int failed;
	int r;

	machine_print();
	record_cost_check(&checks);
	r = speed_measure(&request->speed, record, &table, &err);
	if (r == 0)
		r = chain_measure(&request->speed, &chains, &err);
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	speed_print(&table, stdout);
	chain_print(&chains, stdout);
	chain_record(record, &chains);
	speed_checks_collect(&checks, &table);
	chain_checks_collect(&checks, &chains);
	printf("\n");
	failed = speed_checks_print(&checks, stdout);
	printf("\n%s: %u of %u checks passed; results in %s\n", failed ? "FAIL" : "PASS",
	       checks.count - failed, checks.count, record_folder(record));
	return failed ? EXIT_MEASURED_FAILURE : EXIT_DONE;
}

int command_bench(int argc, char **argv)
{
	static const struct argp argp = { options, option_parse, NULL, doc, NULL, NULL, NULL };
	struct request request = {
		.speed = { .objects = "build/objects",
			   .disk = "/var/tmp",
			   .loads = 400,
			   .seed = 1 },
		.argv = argv,
	};
	struct record_spec spec = { .command = "bench", .argv = argv };
	struct record *record;
	struct err err = { "" };
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	spec.out = request.out;
	spec.seed = request.speed.seed;
	command_catch_signals();
	if (record_open(&record, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	code = bench_run(&request, record);
	if (record_close(record, code, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	return code;
}
