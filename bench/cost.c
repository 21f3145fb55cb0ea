/* soload cost: what one timeline record costs, beside the system's clock. `make bench` holds it to
 * its limit. */
#include "bench/command.h"
#include "bench/cost.h"
#include "bench/stats.h"

#include "base/timeline.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#define BATCHES 400
#define RECORDS 1000

static const struct argp cost_argp = {
	.doc = "Measures what entering a phase costs, with and without keeping the span, and what "
	       "clock_gettime costs. The verdict is over the median of 400 batches of 1000.\v"
	       "Exit codes: 0 at most 20 ns, 1 more, 2 usage.",
};

static struct span spans[RECORDS];

static double record_ns(struct timeline *time)
{
	uint64_t before, after;

	timeline_begin(time, PHASE_OTHER);
	before = clock_now_ns();
	for (int i = 0; i < RECORDS; i++)
		timeline_enter(time, i & 1 ? PHASE_LINK : PHASE_STAGE);
	after = clock_now_ns();
	timeline_end(time);
	return (double)(after - before) / RECORDS;
}

static double gettime_ns(void)
{
	uint64_t before = clock_now_ns(), after = before;

	for (int i = 0; i < RECORDS; i++)
		after = clock_now_ns();
	return (double)(after - before) / RECORDS;
}

double cost_record_ns(void)
{
	static double kept[BATCHES];
	struct timeline lane = { .spans = spans, .span_capacity = RECORDS };

	memset(spans, 0, sizeof(spans));
	for (int i = 0; i < BATCHES; i++)
		kept[i] = record_ns(&lane);
	return stats_summarise(kept, BATCHES).p50;
}

int command_cost(int argc, char **argv)
{
	static double kept[BATCHES], totals[BATCHES], gettime[BATCHES];
	struct timeline lane = { .spans = spans, .span_capacity = RECORDS }, plain = { 0 };
	struct stats_summary record, total, clock;

	if (argp_parse(&cost_argp, argc, argv, 0, NULL, NULL))
		return EXIT_USAGE;
	memset(spans, 0, sizeof(spans));
	for (int i = 0; i < BATCHES; i++) {
		kept[i] = record_ns(&lane);
		totals[i] = record_ns(&plain);
		gettime[i] = gettime_ns();
	}
	record = stats_summarise(kept, BATCHES);
	total = stats_summarise(totals, BATCHES);
	clock = stats_summarise(gettime, BATCHES);
	printf("one timeline record: %.1f ns (min %.1f, p90 %.1f; without its span %.1f); "
	       "clock_gettime: %.1f ns; counter: %s; limit: %.0f ns\n",
	       record.p50, record.min, record.p90, total.p50, clock.p50, clock_name(),
	       COST_LIMIT_NS);
	puts(record.p50 <= COST_LIMIT_NS ? "PASS" : "FAIL");
	return record.p50 <= COST_LIMIT_NS ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}
