/* What differs between the rounds of one arm: the first invocation of a process against the steady
 * state, what was loaded apart from any, and switches from one object to another. */
#include "bench/repro/repro.h"

#include "bench/stats.h"
#include "bench/table.h"

#include <jansson.h>
#include <math.h>

/* Of the rounds after the first invocation; NaN of none. */
static double steady(const struct repro_arm *arm, int value, double *buffer)
{
	int64_t skip = arm->first_passed && arm->life.first_counts;

	if (arm->rounds_passed <= skip)
		return (double)NAN;
	return stats_median_known(arm->values + skip * VALUE_COUNT + value,
				  (size_t)(arm->rounds_passed - skip), VALUE_COUNT, buffer);
}

static double first(const struct repro_arm *arm, int value)
{
	return arm->first_passed ? arm->first[value] : (double)NAN;
}

static double median_of(const double *values, int count)
{
	double scratch[DEVICE_CALLABLES_MAX];

	return stats_median_known(values, (size_t)count, 1, scratch);
}

static void arm_cells(const struct repro *repro, const struct repro_arm *arm, struct table *table)
{
	table_cell(table, "%s", arm->loader);
	table_cell(table, "%s", arm->transport->name);
	if (repro_whens_differ(repro))
		table_cell(table, "%s", arm->when->name);
	if (repro->die_count > 1)
		table_cell(table, "%s", arm->die->name);
}

static void arm_columns(const struct repro *repro, struct table *table)
{
	table_column_text(table, "Loader");
	table_column_text(table, "Transport");
	if (repro_whens_differ(repro))
		table_column_text(table, "When");
	if (repro->die_count > 1)
		table_column_number(table, "Device");
}

/* Nothing was early where nothing may be. */
static double early_or_none(const struct repro_arm *arm, double early)
{
	return arm->when->early && !arm->when->kept ? early : (double)NAN;
}

static void first_row(const struct repro *repro, const struct repro_arm *arm, struct table *table,
		      double *buffer)
{
	static const int values[] = { VALUE_LOAD, VALUE_DEVICE, VALUE_HOST };
	bool differ = repro_whens_differ(repro);

	arm_cells(repro, arm, table);
	if (differ) {
		table_cell_us(table, median_of(arm->life.registered, arm->life.registrations));
		table_cell_us(table, early_or_none(arm, first(arm, VALUE_EARLY)));
	}
	for (int i = 0; i < 3; i++)
		table_cell_us(table, first(arm, values[i]));
	if (differ)
		table_cell_us(table, early_or_none(arm, steady(arm, VALUE_EARLY, buffer)));
	for (int i = 0; i < 3; i++)
		table_cell_us(table, steady(arm, values[i], buffer));
	if (differ)
		table_cell_us(table, median_of(arm->life.unloaded, arm->life.unloads));
}

void repro_first_print(const struct repro *repro, double *buffer)
{
	static const char *const headings[] = { "1st load", "1st device", "1st host",
						"Load",	    "Device",	  "Host" };
	struct table *table = table_new();
	bool differ = repro_whens_differ(repro);

	arm_columns(repro, table);
	if (differ) {
		table_column_number(table, "Register");
		table_column_number(table, "1st early");
	}
	for (int i = 0; i < 6; i++) {
		if (differ && i == 3)
			table_column_number(table, "Early");
		table_column_number(table, headings[i]);
	}
	if (differ)
		table_column_number(table, "At end");
	for (int i = 0; i < repro->arm_count; i++) {
		if (repro->arms[i].device)
			first_row(repro, &repro->arms[i], table, buffer);
	}
	printf("\nThe first invocation of a process, then the steady state (medians of the "
	       "others), in us\n");
	table_print(table, stdout);
	table_free(table);
	if (differ)
		printf("Register = one object's load when it is registered; Early = loaded before "
		       "the doorbell; Load = within the invocation; At end = one object's unload "
		       "after the last\n");
}

/* Rounds that began with another object than the one before, or with the same. */
static double by_switch(const struct repro_arm *arm, bool switched, double *buffer)
{
	size_t n = 0;

	for (int64_t i = 0; i < arm->rounds_passed; i++) {
		const double *values = &arm->values[i * VALUE_COUNT];

		if ((values[VALUE_SWITCHED] > 0) == switched)
			buffer[n++] = values[VALUE_TOTAL];
	}
	return stats_median_known(buffer, n, 1, buffer);
}

void repro_switches_print(const struct repro *repro, double *buffer)
{
	struct table *table;

	if (repro_callable_count(repro) < 2)
		return;
	table = table_new();
	arm_columns(repro, table);
	table_column_number(table, "Switches");
	table_column_number(table, "Kept");
	table_column_number(table, "Switch");
	table_column_number(table, "Same");
	for (int i = 0; i < repro->arm_count; i++) {
		const struct repro_arm *arm = &repro->arms[i];

		if (!arm->device)
			continue;
		arm_cells(repro, arm, table);
		table_cell(table, "%lld/%lld", (long long)arm->life.switches,
			   (long long)arm->rounds_done);
		table_cell(table, "%lld/%lld", (long long)arm->reused, (long long)arm->rounds_done);
		table_cell_us(table, by_switch(arm, true, buffer));
		table_cell_us(table, by_switch(arm, false, buffer));
	}
	printf("\n%lld objects that take turns at random: one load, medians in us\n",
	       (long long)repro->options->callables);
	table_print(table, stdout);
	table_free(table);
	printf("Kept = rounds answered by an image that was there; Switch = load when another "
	       "object ran before, Same = when the same did%s\n",
	       repro->dies[0].marked ? "; every round's code said which object it is" : "");
}

static json_t *number_or_null(double ns)
{
	return isnan(ns) ? json_null() : json_integer((json_int_t)ns);
}

static json_t *state_json(double total, double early, double device, double host)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "total_ns", number_or_null(total), "early_ns",
			 number_or_null(early), "device_ns", number_or_null(device), "host_ns",
			 number_or_null(host));
}

void repro_first_record(struct repro *repro, double *buffer)
{
	json_t *arms = json_array();

	for (int i = 0; i < repro->arm_count; i++) {
		const struct repro_arm *arm = &repro->arms[i];

		if (!arm->device)
			continue;
		json_array_append_new(
			arms,
			json_pack(
				"{s:s, s:s, s:o, s:o, s:o, s:o}", "arm", arm->label, "when",
				arm->when->name, "registration_ns",
				number_or_null(
					median_of(arm->life.registered, arm->life.registrations)),
				"first",
				state_json(first(arm, VALUE_TOTAL), first(arm, VALUE_EARLY),
					   first(arm, VALUE_DEVICE), first(arm, VALUE_HOST)),
				"steady",
				state_json(steady(arm, VALUE_TOTAL, buffer),
					   steady(arm, VALUE_EARLY, buffer),
					   steady(arm, VALUE_DEVICE, buffer),
					   steady(arm, VALUE_HOST, buffer)),
				"unload_ns",
				number_or_null(median_of(arm->life.unloaded, arm->life.unloads))));
	}
	record_note(repro->record, "first_and_steady", arms);
}
