/*
 * soload vm_count: loads counted instead of timed, on the processor's own counters read from user
 * space. Runs inside a virtual AICPU, whose counters are exact; each loader and metric in a process
 * of its own that does the same every time.
 */
#include "bench/command.h"
#include "bench/cycle.h"
#include "bench/subject.h"
#include "bench/vm/counts.h"

#include "base/log.h"
#include "base/options.h"
#include "probes/counter.h"

#include <argp.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOADERS_MAX 64
#define WARMUP 8

enum { KEY_SO = 256, KEY_INJECT, KEY_SIDE };

struct request {
	const char *path, *inject, *side;
	char *loaders;
	uint32_t loads;
	struct subject subject;
};

/* What a counting process leaves for its parent. */
struct tally {
	uint32_t loads;
	char error[ERR_TEXT_BYTES];
	struct {
		uint64_t values[COUNTS_COLUMNS];
	} load[];
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0, "the object to load", 0 },
	{ "loader", 'l', "A,B", 0, "loaders NAME[:KEY[=VALUE]]...", 0 },
	{ "loads", 'n', "N", 0, "loads per loader and metric, default 21", 0 },
	{ "inject", KEY_INJECT, "WHAT", 0, "make the loads do more: call, fault, loop=100", 0 },
	{ "side", KEY_SIDE, "WORD", 0, "what stands in the column side", 0 },
	{ 0 },
};

static struct counter_page counter;

/* The clock, which a page of counts is read with, is what stands in for the clock here. */
static uint64_t no_ticks(void)
{
	return 0;
}

static int count_read(struct counter_value *ret_value)
{
	const struct counter_hardware hardware = { counter_processor.read, no_ticks };

	return counter.page ? counter_page_read(counter.page, &hardware, ret_value) : -EAGAIN;
}

static uint64_t counter_now(void)
{
	struct counter_value value = { 0 };

	(void)count_read(&value);
	return value.count;
}

static int counter_start(enum counts_metric metric, struct err *err)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.pinned = 1,
		.exclude_kernel = metric == COUNTS_USER,
		.exclude_user = metric == COUNTS_KERNEL,
		.exclude_hv = 1,
	};
	struct counter_value value;
	int fd;

	if (metric == COUNTS_TIME)
		return 0;
	counter_request(&attr);
	attr.config1 &=
		~UINT64_C(1); /* 32 bits wide: a wider one has no user access before Armv8.5 */
	fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "no counter of instructions here");
	counter_map(&counter, fd);
	if (count_read(&value) < 0)
		return err_set(err, ENOTSUP,
			       "the counter cannot be read from user space "
			       "(sysctl kernel.perf_user_access=1, Linux 5.17)");
	clock_count(counter_now);
	return 0;
}

/* What lies between two records that follow each other at once: the cost of one. */
static uint64_t record_cost(void)
{
	static struct span spans[4];
	static struct timeline time;

	for (int i = 0; i < 3; i++) {
		time.spans = spans;
		time.span_capacity = 4;
		timeline_begin(&time, PHASE_OTHER);
		timeline_enter(&time, PHASE_MAP);
		timeline_enter(&time, PHASE_INIT);
		timeline_end(&time);
	}
	return time.ticks[PHASE_MAP];
}

/* Every stretch of a phase ends with one record, whose cost is not the load's. */
static void load_take(const struct timeline *time, uint64_t cost, double scale, uint64_t *values)
{
	uint64_t records[PHASE_COUNT] = { 0 };

	for (uint32_t i = 0; i < time->span_count; i++)
		records[time->spans[i].phase]++;
	for (int i = 0; i < PHASE_COUNT; i++) {
		uint64_t ticks = time->ticks[i], spent = cost * records[i];

		if (phase_class((enum phase)i) != PHASE_CLASS_LOAD)
			continue;
		values[i] = (uint64_t)(scale * (double)(ticks > spent ? ticks - spent : 0));
		values[COUNTS_TOTAL] += values[i];
	}
}

static double tick_scale(enum counts_metric metric)
{
	uint64_t hz = UINT64_C(1000000000);

	if (metric != COUNTS_TIME)
		return 1.0;
#ifdef __aarch64__
	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
#endif
	return 1e9 / (double)hz;
}

/* The second one proves that what answers was made from the object's bytes. */
static int warm_up(struct cycle *cycle, uint32_t i, struct err *err)
{
	int r = cycle_run(cycle, i, i == 1 ? CYCLE_CHECK_FULL : CYCLE_CHECK_NONE);

	if (r < 0)
		return err_set(err, -r, "%s", cycle->loads[i].text);
	if (i == 1 && cycle->loads[i].freshness == FRESHNESS_STALE)
		return err_set(err, ESTALE, "stale: %s", cycle->loads[i].text);
	return 0;
}

static int loads_count(const struct request *request, const char *loader, enum counts_metric metric,
		       struct tally *tally, struct err *err)
{
	struct cycle_options plan = {
		.loader = loader,
		.path = request->path,
		.symbol = request->subject.symbol,
		.inject = request->inject,
		.capacity = request->loads > WARMUP ? request->loads : WARMUP,
	};
	struct cycle cycle = { 0 };
	uint64_t cost = 0;
	int r = cycle_open(&cycle, &plan, err);

	if (r == 0)
		r = counter_start(metric, err);
	if (r == 0 && metric != COUNTS_TIME)
		cost = record_cost();
	for (uint32_t i = 0; r == 0 && i < WARMUP; i++)
		r = warm_up(&cycle, i, err);
	for (uint32_t i = 0; r == 0 && i < request->loads; i++) {
		r = cycle_run(&cycle, i, CYCLE_CHECK_NONE);
		if (r < 0)
			err_set(err, -r, "%s", cycle.loads[i].text);
	}
	for (uint32_t i = 0; r == 0 && i < request->loads; i++)
		load_take(&cycle.timelines[i], cost, tick_scale(metric), tally->load[i].values);
	clock_count(NULL);
	tally->loads = r == 0 ? request->loads : 0;
	cycle_close(&cycle);
	return r;
}

static void tally_print(const struct tally *tally, struct counts_row *row)
{
	if (!tally->loads)
		counts_row_print(row, stdout);
	for (uint32_t i = 0; i < tally->loads; i++) {
		memcpy(row->values, tally->load[i].values, sizeof(row->values));
		counts_row_print(row, stdout);
	}
}

/* A process that ended while it loaded has counted nothing, whatever it ended with. */
static void tally_end(const struct request *request, int status, struct tally *tally)
{
	struct err err = { "" };

	if (WIFSIGNALED(status))
		err_set(&err, EIO, "ended by signal %d while it loaded", WTERMSIG(status));
	else if (tally->loads != request->loads && !tally->error[0])
		err_set(&err, EIO, "ended with exit code %d while it loaded", WEXITSTATUS(status));
	else
		return;
	tally->loads = 0;
	memcpy(tally->error, err.text, sizeof(tally->error));
}

static int tally_take(const struct request *request, const char *loader, enum counts_metric metric,
		      struct tally *tally)
{
	struct err err = { "" };
	int status;
	pid_t child;

	fflush(stdout); /* a child that calls exit() prints what is left there */
	child = fork();
	if (child == 0) {
		int r = loads_count(request, loader, metric, tally, &err);

		memcpy(tally->error, err.text, sizeof(tally->error));
		_exit(r < 0 ? EXIT_MEASURED_FAILURE : EXIT_DONE);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return err_sys(NULL, "fork");
	tally_end(request, status, tally);
	return 0;
}

static int loader_count(const struct request *request, const char *loader, bool *ret_failed)
{
	size_t size = sizeof(struct tally) + request->loads * sizeof(((struct tally *)0)->load[0]);

	for (int metric = 0; metric < COUNTS_METRICS; metric++) {
		struct counts_row row = { .metric = (enum counts_metric)metric };
		struct tally *tally = mmap(NULL, size, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (tally == MAP_FAILED || tally_take(request, loader, row.metric, tally) < 0)
			return err_sys(NULL, "memory or process");
		snprintf(row.side, sizeof(row.side), "%s", request->side);
		snprintf(row.loader, sizeof(row.loader), "%s", loader);
		memcpy(row.error, tally->error, sizeof(row.error));
		*ret_failed |= row.error[0] != '\0';
		tally_print(tally, &row);
		munmap(tally, size);
	}
	return 0;
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case KEY_SO:
		request->path = text;
		return 0;
	case 'l':
		request->loaders = text;
		return 0;
	case 'n':
		request->loads = (uint32_t)command_number(state, "-n", text, 1, WORKER_BATCH_MAX);
		return 0;
	case KEY_INJECT:
		request->inject = text;
		return 0;
	case KEY_SIDE:
		request->side = text;
		return 0;
	case ARGP_KEY_END:
		if (!request->path || !request->loaders)
			command_usage(state, "--so FILE and -l LOADERS are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp count_argp = {
	options, option_parse,
	NULL,	 "Counts instructions and virtual time of loads; see soload vm.",
	NULL,	 NULL,
	NULL
};

int command_vm_count(int argc, char **argv)
{
	struct request request = { .loads = 21, .side = "" };
	char *items[LOADERS_MAX];
	bool failed = false;
	struct err err = { "" };
	int count, r = 0;

	if (argp_parse(&count_argp, argc, argv, 0, NULL, &request))
		return EXIT_USAGE;
	count = options_split(request.loaders, items, LOADERS_MAX);
	if (count < 0)
		r = err_set(&err, EINVAL, "--loader: more than %d loaders", LOADERS_MAX);
	else
		r = subject_open(&request.subject, request.path, NULL, false, &err);
	if (r < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	counts_header_print(stdout);
	for (int i = 0; r == 0 && i < count; i++)
		r = loader_count(&request, items[i], &failed);
	subject_close(&request.subject);
	fflush(stdout);
	return r < 0 ? EXIT_USAGE : failed ? EXIT_MEASURED_FAILURE : EXIT_DONE;
}
