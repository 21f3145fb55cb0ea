/*
 * What soload trace shows of what was seen, on loads made up for it: names that are no UTF-8, or
 * not known, kinds of page faults, columns that add up.
 */
#include "bench/trace/trace.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct split_load loads[] = {
	{ .what = SPLIT_OPEN, .named = true, .name = "caf\xe9.so", .pid = 1, .tid = 1 },
	{ .what = SPLIT_OPEN, .named = true, .name = "cut \xc3", .pid = 1, .tid = 1 },
	{ .what = SPLIT_OPEN, .named = true, .name = "k\xc3\xa4se.so", .pid = 1, .tid = 1 },
	{ .what = SPLIT_OPEN, .named = true, .pid = 1, .tid = 1 },
	{ .what = SPLIT_OPEN, .pid = 1, .tid = 1 },
	{ .what = SPLIT_CLOSE, .pid = 1, .tid = 1 },
};
static struct split_span spans[] = {
	{ .kind = EVENT_FAULT, .what = 16, .pid = 1, .tid = 1 },
	{ .kind = EVENT_FAULT, .what = 2, .pid = 1, .tid = 1 },
	{ .kind = EVENT_FAULT, .what = 4, .pid = 1, .tid = 1 },
};

#define LOADS (sizeof(loads) / sizeof(loads[0]))

static void trace_make(struct trace *trace)
{
	*trace = (struct trace){ .title = "made up", .origin = "ldphase" };
	for (size_t i = 0; i < LOADS; i++) {
		loads[i].start_ns = 1000 * (i + 1);
		loads[i].total_ns = 500;
		loads[i].entered[STEP_OPEN] = loads[i].what == SPLIT_OPEN;
		loads[i].entered[STEP_CLOSE] = loads[i].what == SPLIT_CLOSE;
		loads[i].entered[STEP_UNWIND] = 1;
		loads[i].corrected_ns[loads[i].what == SPLIT_OPEN ? STEP_OPEN : STEP_CLOSE] = 300;
		loads[i].corrected_ns[STEP_UNWIND] = 200;
	}
	trace->split.loads = loads;
	trace->split.load_count = LOADS;
	trace->split.spans = spans;
	trace->split.span_count = 3;
}

static unsigned int named(const json_t *events, const char *name)
{
	unsigned int count = 0;
	size_t i;
	const json_t *event;

	json_array_foreach(events, i, event)
	{
		const char *text = json_string_value(json_object_get(event, "name"));

		assert_non_null(text);
		count += strcmp(text, name) == 0;
	}
	return count;
}

static void every_load_is_in_the_json(void **state)
{
	char path[] = "/tmp/soload-json-XXXXXX";
	struct trace trace;
	struct err err = { "" };
	json_error_t reason;
	const json_t *events;
	json_t *json;

	(void)state;
	close(mkstemp(path));
	trace_make(&trace);
	assert_int_equal(trace_json_write(&trace, path, &err), 0);
	json = json_load_file(path, 0, &reason);
	assert_non_null(json);
	events = json_object_get(json, "traceEvents");
	assert_int_equal(named(events, "caf?.so"), 1);
	assert_int_equal(named(events, "cut ?"), 1);
	assert_int_equal(named(events, "k\xc3\xa4se.so"), 1);
	assert_int_equal(named(events, "dlclose"), 1);
	assert_int_equal(named(events, "exec"), 1);
	assert_int_equal(named(events, "write"), 1);
	assert_int_equal(named(events, "read"), 1);
	json_decref(json);
	unlink(path);
}

static json_int_t lane_of(const json_t *event)
{
	json_int_t pid = json_integer_value(json_object_get(event, "pid"));

	return pid << 32 | json_integer_value(json_object_get(event, "tid"));
}

static bool lane_named(const json_t *events, json_int_t lane)
{
	size_t i;
	const json_t *event;

	json_array_foreach(events, i, event)
	{
		if (strcmp(json_string_value(json_object_get(event, "ph")), "M") == 0 &&
		    lane_of(event) == lane)
			return true;
	}
	return false;
}

/* More processes than any table of a fixed size has room for: each has its lanes, and their names.
 */
static void every_lane_has_its_name(void **state)
{
	static struct split_load many[600];
	char path[] = "/tmp/soload-json-XXXXXX";
	struct trace trace = { .title = "made up", .origin = "ldphase" };
	struct err err = { "" };
	json_error_t reason;
	const json_t *events, *event;
	size_t i, lanes = 0;
	json_t *json;

	(void)state;
	for (i = 0; i < 600; i++)
		many[i] = (struct split_load){ .pid = (uint32_t)i / 2 + 1, .tid = (uint32_t)i + 1 };
	trace.split.loads = many;
	trace.split.load_count = 600;
	close(mkstemp(path));
	assert_int_equal(trace_json_write(&trace, path, &err), 0);
	json = json_load_file(path, 0, &reason);
	assert_non_null(json);
	events = json_object_get(json, "traceEvents");
	json_array_foreach(events, i, event)
	{
		assert_true(lane_named(events, lane_of(event)));
		lanes += strcmp(json_string_value(json_object_get(event, "ph")), "M") == 0;
	}
	assert_int_equal(lanes, 600);
	json_decref(json);
	unlink(path);
}

/* Every step is a column, so that those of a row are what the row says it took itself. */
static void the_table_tells_all(void **state)
{
	char *text = NULL, *row;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct trace trace;

	(void)state;
	trace_make(&trace);
	trace_table_print(&trace, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "5 dlopens, 1 dlcloses"));
	assert_non_null(strstr(text, "rest"));
	assert_non_null(strstr(text, "unwind"));
	assert_non_null(strstr(text, "close"));
	assert_non_null(strstr(text, "(the program itself)"));
	assert_non_null(strstr(text, "(name not known)"));
	row = strstr(text, "(dlclose)");
	assert_non_null(row);
	assert_non_null(strstr(text, "unmatched 0"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_load_is_in_the_json),
		cmocka_unit_test(every_lane_has_its_name),
		cmocka_unit_test(the_table_tells_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
