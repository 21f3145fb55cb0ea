/* The ranking as a table, what is not in it and why, and the steps in words. */
#include "bench/advise/advise.h"

#include "base/text.h"
#include "bench/anatomy.h"
#include "bench/prospects.h"
#include "bench/table.h"

#include <math.h>
#include <string.h>

static void bytes_cell(struct table *table, double bytes)
{
	char text[32];

	if (isnan(bytes))
		table_cell(table, "-");
	else
		table_cell(table, "%s", text_bytes((uint64_t)bytes, text, sizeof(text)));
}

static void number_cell(struct table *table, int decimals, double value)
{
	if (isnan(value))
		table_cell(table, "-");
	else
		table_cell(table, "%.*f", decimals, value);
}

static double median(const struct advise *advise, const struct advise_combo *combo, int value)
{
	return advise_median(combo, advise->rounds, value);
}

static void row_print(const struct advise *advise, size_t place, struct table *table)
{
	const struct advise_combo *combo = &advise->combos[advise->order[place]];
	double unload = median(advise, combo, PHASE_UNLOAD) + median(advise, combo, PHASE_UNSTAGE);
	double load = median(advise, combo, VALUE_LOAD) + median(advise, combo, VALUE_EXPOSED) +
		      median(advise, combo, PHASE_INVALIDATE);
	double cost = advise_cost(combo, advise->rounds);

	table_cell(table, "%zu%s", advise->rank[place],
		   advise->rank[place] == place + 1 ? "" : "=");
	table_cell(table, "%s", combo->loader);
	table_cell(table, "%s", combo->transport->name);
	table_cell(table, "%s", combo->when->name);
	table_cell_us(table, cost);
	number_cell(table, 2, 100 * cost / median(advise, combo, VALUE_HOST));
	table_cell_us(table, median(advise, combo, VALUE_TRANSFER));
	table_cell_us(table, load - unload);
	table_cell_us(table, unload);
	table_cell_us(table, advise_first(combo));
	bytes_cell(table, median(advise, combo, VALUE_MOVED));
	bytes_cell(table, advise_kept(combo));
	number_cell(table, 0, combo->calls);
	number_cell(table, 0, median(advise, combo, VALUE_FAULTS));
	table_cell_us(table, median(advise, combo, VALUE_DMA_MODEL));
}

static void ranking_print(const struct advise *advise)
{
	static const char *const numbers[] = { "Cost",	"Share %", "Transfer", "Load",	"Unload",
					       "First", "Moved",   "Kept",     "Calls", "Faults" };
	const struct dma_model *model = &advise->options->repro.dma_model;
	struct table *table = table_new();
	char heading[64];

	printf("\nPer invocation, medians in us of %zu rounds in %zu processes each, interleaved\n",
	       advise->rounds, advise->processes);
	table_column_number(table, "#");
	table_column_text(table, "Loader");
	table_column_text(table, "Transport");
	table_column_text(table, "When");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		table_column_number(table, numbers[i]);
	snprintf(heading, sizeof(heading), "DMA by model %s", model->name);
	table_column_number(table, heading);
	for (size_t place = 0; place < advise->ranked; place++)
		row_print(advise, place, table);
	table_print(table, stdout);
	table_free(table);
	printf("= : not distinguishable from the first of that rank\n"
	       "Cost = Transfer + Load + Unload, measured; what prewarm loads while the host "
	       "prepares the run counts as far as the host waits for it\n"
	       "Share: of the invocation as the host sees it; First: the cost of a process's first "
	       "run, and of the registration before it\n"
	       "Moved: bytes sent, written and copied; Kept: memory of AICPU and device between "
	       "runs, with the object where it stays loaded\n"
	       "Faults: page faults of load and unload; Calls: system calls of both, counted in a "
	       "worker%s%s\n"
	       "The modelled DMA is of the copies alone, %g us + bytes / %g GB/s each, and part of "
	       "no other column\n",
	       advise->uncounted[0] ? "; -: " : "", advise->uncounted, model->latency_us,
	       model->gigabytes_per_s);
}

struct outlook {
	bool told;
};

static void outlook_print(void *context, const char *loader, enum prospect prospect,
			  const char *text)
{
	struct outlook *outlook = context;

	if (prospect == PROSPECT_FINE)
		return;
	printf("    %s: %s\n", loader, text);
	outlook->told = true;
}

/* Why, as far as the object itself says. */
static void reason_print(const struct advise *advise, const char *loader)
{
	const struct so *so = &advise->repro.dies[0].object.so;
	const char *specs[] = { loader, NULL };
	struct outlook outlook = { .told = false };
	struct anatomy anatomy;
	struct err unused;

	if (anatomy_read(&anatomy, so->bytes, so->size, &unused) == 0)
		prospects_visit(&anatomy, specs, outlook_print, &outlook);
}

/* The same trouble is told once, with everyone who has it. */
static void trouble_print(const struct advise *advise, size_t first, bool *told)
{
	const char *loader = "", *why = advise->combos[first].why;
	const char *between = "  ";
	char name[ADVISE_NAME_BYTES];

	for (size_t i = first; i < advise->count; i++) {
		const struct advise_combo *combo = &advise->combos[i];

		if (strcmp(combo->why, why) != 0)
			continue;
		printf("%s%s", between, advise_name(combo, name));
		between = ", ";
		told[i] = true;
	}
	printf(":\n    %s\n", why);
	for (size_t i = first; i < advise->count; i++) {
		const struct advise_combo *combo = &advise->combos[i];

		if (strcmp(combo->why, why) == 0 && combo->stale > 0 &&
		    strcmp(combo->loader, loader) != 0)
			reason_print(advise, combo->loader);
		loader = strcmp(combo->why, why) == 0 ? combo->loader : loader;
	}
}

static void unranked_print(const struct advise *advise)
{
	bool told[ADVISE_COMBOS_MAX] = { false };

	if (advise->ranked < advise->count)
		printf("\nNot ranked, because it does not work for this object here:\n");
	for (size_t i = 0; i < advise->count; i++) {
		if (advise->combos[i].why[0] && !told[i])
			trouble_print(advise, i, told);
	}
}

static void gain_print(const char *what, const struct rank_gain *gain, const char *more)
{
	if (gain->n == 0)
		return;
	if (gain->distinct)
		printf("%s%+.1f us%s (%+.1f to %+.1f)", what, -gain->ns / 1e3, more,
		       -gain->high / 1e3, -gain->low / 1e3);
	else
		printf("%snot distinguishable from nothing (%+.1f to %+.1f us)", what,
		       -gain->high / 1e3, -gain->low / 1e3);
}

static void step_print(const struct advise *advise, size_t i)
{
	static const char *const dimensions[] = { "transport", "loader", "life cycle" };
	const struct rank_step *step = &advise->steps[i];
	const struct advise_rung *rung = advise_rung_of(advise, step);

	printf("%zu. %s (%s %s)\n", i + 1, rung->words, dimensions[step->dimension], rung->name);
	gain_print("     ", &step->added, i ? " more" : " per invocation");
	if (i > 0) {
		gain_print("; alone ", &step->alone, "");
		gain_print("; together ", &step->together, "");
	}
	printf("\n");
}

static void steps_print(struct advise *advise)
{
	const size_t first[RANK_DIMENSIONS] = { 0 };
	const struct advise_combo *start = advise_at(advise, first);
	char name[ADVISE_NAME_BYTES];

	if (!start || start->why[0]) {
		printf("\nNo steps: neither upstream's flow nor what is nearest to it works for "
		       "this object.\n");
		return;
	}
	printf("\nWhat to do first, in the order of what it saves; 95 %% intervals over %zu "
	       "processes. Start: %s, %.1f us per invocation\n",
	       advise->processes, advise_name(start, name),
	       advise_cost(start, advise->rounds) / 1e3);
	if (strcmp(name, "disk + inline") != 0)
		printf("(upstream's own, disk + inline, does not work for this object: see "
		       "above)\n");
	for (size_t i = 0; i < advise->step_count; i++)
		step_print(advise, i);
	if (advise->step_count == 0)
		printf("There is no step that works.\n");
}

void advise_print(struct advise *advise)
{
	ranking_print(advise);
	unranked_print(advise);
	steps_print(advise);
}
