/* What the issues require of the numbers, and how it came out. */
#include "bench/speed/speed.h"

#include "base/timeline.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <math.h>
#include <string.h>

#define COST_BATCHES 101
#define COST_CALLS 20000

void speed_check_add(struct speed_checks *checks, const struct speed_check *check)
{
	if (checks->count < SPEED_CHECKS_MAX)
		checks->list[checks->count++] = *check;
}

/* Alone on the 390 KB object, where most is required. */
static const struct speed_cell *cell_390k(const struct speed_table *table, int row)
{
	return &table->cells[speed_cell_index(SPEED_390K, SPEED_ALONE, (enum speed_row)row)];
}

static double median_of(const struct speed_table *table, enum speed_object object,
			enum speed_mode mode, enum speed_row row)
{
	return table->absent[row][0] ? (double)NAN
				     : table->cells[speed_cell_index(object, mode, row)].p50;
}

static double min_of(const struct speed_table *table, enum speed_object object, enum speed_row row)
{
	return table->cells[speed_cell_index(object, SPEED_ALONE, row)].min;
}

/* Requires p50(above) / p50(below) on one object to be at least or at most so much. */
struct ratio {
	enum speed_object object;
	enum speed_row above, below;
	double bound;
	bool at_most;
};

static const struct ratio ratios[] = {
	{ SPEED_390K, SPEED_DUALMAP, SPEED_FLOOR, 1.3, true },
	{ SPEED_4M, SPEED_DUALMAP, SPEED_FLOOR, 1.3, true },
	{ SPEED_390K, SPEED_DISK, SPEED_DUALMAP, 12.0, false },
	{ SPEED_390K, SPEED_MEMFD, SPEED_DUALMAP, 18.0, false },
	{ SPEED_WORKLOAD, SPEED_DISK, SPEED_DUALMAP, 60.0, false },
	{ SPEED_390K, SPEED_DISK, SPEED_ELF, 5.0, false },
	{ SPEED_WORKLOAD, SPEED_DISK, SPEED_ELF, 25.0, false },
	{ SPEED_390K, SPEED_DISK, SPEED_PRELINKED, 120.0, false },
};

static void ratio_check(struct speed_checks *checks, const struct speed_table *table,
			const struct ratio *ratio)
{
	struct speed_check check = { .unit = "x",
				     .bound = ratio->bound,
				     .at_most = ratio->at_most };
	enum speed_row missing = table->absent[ratio->above][0] ? ratio->above : ratio->below;

	snprintf(check.name, sizeof(check.name), "%s / %s, %s", speed_row_name(ratio->above),
		 speed_row_name(ratio->below), speed_object_name(ratio->object));
	check.measured = median_of(table, ratio->object, SPEED_ALONE, ratio->above) /
			 median_of(table, ratio->object, SPEED_ALONE, ratio->below);
	check.by_minima = min_of(table, ratio->object, ratio->above) /
			  min_of(table, ratio->object, ratio->below);
	memcpy(check.why, table->absent[missing], sizeof(check.why));
	speed_check_add(checks, &check);
}

/* A bound on a value of one row. */
static void value_check(struct speed_checks *checks, const struct speed_table *table,
			enum speed_row row, struct speed_check check)
{
	check.at_most = true;
	memcpy(check.why, table->absent[row], sizeof(check.why));
	if (check.why[0])
		check.measured = (double)NAN;
	speed_check_add(checks, &check);
}

static void beside_checks(struct speed_checks *checks, const struct speed_table *table)
{
	for (int object = 0; object < SPEED_OBJECTS; object++) {
		struct speed_check check = { .unit = "x", .bound = 1.5 };
		double alone = median_of(table, (enum speed_object)object, SPEED_ALONE, SPEED_ELF);

		snprintf(check.name, sizeof(check.name), "elf beside a thread / alone, %s",
			 speed_object_name((enum speed_object)object));
		check.measured =
			median_of(table, (enum speed_object)object, SPEED_BESIDE, SPEED_ELF) /
			alone;
		value_check(checks, table, SPEED_ELF, check);
	}
}

static void fault_checks(struct speed_checks *checks, const struct speed_table *table)
{
	static const enum speed_row faultless[] = { SPEED_ELF, SPEED_DUALMAP, SPEED_PRELINKED };

	for (size_t i = 0; i < sizeof(faultless) / sizeof(faultless[0]); i++) {
		struct speed_check check = { .unit = "", .bound = 0.0 };

		snprintf(check.name, sizeof(check.name), "page faults per load, %s, 390 KB",
			 speed_row_name(faultless[i]));
		check.measured = cell_390k(table, (int)faultless[i])->minflt;
		value_check(checks, table, faultless[i], check);
	}
}

/* `null` and a cache hit load nothing: there the harness is all there is to see. */
static void other_checks(struct speed_checks *checks, const struct speed_table *table)
{
	for (int row = SPEED_FLOOR; row < SPEED_ROWS; row++) {
		struct speed_check check = { .unit = "%", .bound = 2.0 };

		if (row == SPEED_CACHED)
			continue;
		snprintf(check.name, sizeof(check.name), "time in no phase, %s, 390 KB",
			 speed_row_name((enum speed_row)row));
		check.measured = 100.0 * cell_390k(table, row)->other_share;
		value_check(checks, table, (enum speed_row)row, check);
	}
}

void speed_checks_collect(struct speed_checks *checks, const struct speed_table *table)
{
	struct speed_check prelinked = { .unit = "us", .bound = 1.5 };

	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
		ratio_check(checks, table, &ratios[i]);
	snprintf(prelinked.name, sizeof(prelinked.name), "prelinked, same content, 390 KB");
	prelinked.measured = median_of(table, SPEED_390K, SPEED_ALONE, SPEED_PRELINKED) / 1000.0;
	value_check(checks, table, SPEED_PRELINKED, prelinked);
	beside_checks(checks, table);
	fault_checks(checks, table);
	other_checks(checks, table);
}

unsigned int speed_checks_print(const struct speed_checks *checks, FILE *out)
{
	struct table *table = table_new();
	unsigned int failed = 0;

	table_column_text(table, "Check");
	table_column_text(table, "Must be");
	table_column_number(table, "Is");
	table_column_number(table, "By minima");
	table_column_text(table, "");
	for (unsigned int i = 0; i < checks->count; i++) {
		const struct speed_check *check = &checks->list[i];
		bool passed = check->at_most ? check->measured <= check->bound
					     : check->measured >= check->bound;

		failed += !passed;
		table_cell(table, "%s", check->name);
		table_cell(table, "at %s %g %s", check->at_most ? "most" : "least", check->bound,
			   check->unit);
		if (isnan(check->measured)) {
			table_cell(table, "-");
			table_cell(table, "-");
			table_cell(table, "FAIL: not measured: %.120s", check->why);
			continue;
		}
		table_cell(table, "%.2f %s", check->measured, check->unit);
		if (check->by_minima > 0.0)
			table_cell(table, "%.2f %s", check->by_minima, check->unit);
		else
			table_cell(table, "-");
		table_cell(table, "%s", passed ? "PASS" : "FAIL");
	}
	table_print(table, out);
	table_free(table);
	return failed;
}

static double batch_ns(const struct clock_map *map, uint64_t ticks)
{
	return (double)clock_map_span_ns(map, ticks) / COST_CALLS;
}

void speed_record_cost(double *ret_enter_ns, double *ret_clock_ns)
{
	static struct span spans[COST_CALLS + 1];
	static struct timeline time = { .spans = spans, .span_capacity = COST_CALLS + 1 };
	double enter[COST_BATCHES], clock[COST_BATCHES];
	uint64_t enter_ticks[COST_BATCHES], clock_ticks_[COST_BATCHES];
	struct clock_map map;

	memset(spans, 0, sizeof(spans)); /* touched beforehand, as every lane's are */
	for (int batch = 0; batch < COST_BATCHES; batch++) {
		uint64_t begin;

		timeline_begin(&time, PHASE_OTHER);
		for (int i = 0; i < COST_CALLS; i++)
			timeline_enter(&time, (enum phase)(i & 7));
		timeline_end(&time);
		enter_ticks[batch] = time.mark - time.begin;
		begin = clock_ticks();
		for (int i = 0; i < COST_CALLS; i++)
			clock_now_ns();
		clock_ticks_[batch] = clock_ticks() - begin;
	}
	map = clock_map_now();
	for (int batch = 0; batch < COST_BATCHES; batch++) {
		enter[batch] = batch_ns(&map, enter_ticks[batch]);
		clock[batch] = batch_ns(&map, clock_ticks_[batch]);
	}
	stats_sort(enter, COST_BATCHES);
	stats_sort(clock, COST_BATCHES);
	*ret_enter_ns = stats_median(enter, COST_BATCHES);
	*ret_clock_ns = stats_median(clock, COST_BATCHES);
}
