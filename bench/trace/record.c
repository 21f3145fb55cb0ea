/* The lanes of a results folder, put beside what was watched: host and AICPU threads of a repro. */
#include "bench/trace/trace.h"

#include "bench/clocks.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PID_OF_RECORD 1 /* lanes of a record are no process of this trace */

static const char names[] = "lane,phase,start_ns,dur_ns,arg";
enum { COLUMN_LANE, COLUMN_PHASE, COLUMN_START, COLUMN_DURATION, COLUMN_ARG, COLUMNS };

/* What run.json says of time: when the record began, on the clock of everything else here, and how
 * far the AICPU's clock is off it. */
struct record_time {
	uint64_t start_ns;
	struct clocks clocks;
};

static int time_read(const char *folder, struct record_time *ret_time, struct err *err)
{
	char path[PATH_MAX];
	json_error_t reason;
	const json_t *start;
	json_t *json;

	snprintf(path, sizeof(path), "%s/run.json", folder);
	json = json_load_file(path, 0, &reason);
	if (!json)
		return err_set(err, EINVAL, "%s: %s", path, reason.text);
	start = json_object_get(json, "start_monotonic_ns");
	if (!json_is_integer(start)) {
		json_decref(json);
		return err_set(err, EINVAL, "%s says not when it began (start_monotonic_ns)", path);
	}
	*ret_time = (struct record_time){ .start_ns = (uint64_t)json_integer_value(start),
					  .clocks = clocks_read(json) };
	json_decref(json);
	return 0;
}

static int span_take(struct trace *trace, const int *columns, const struct record_time *time)
{
	const struct rows_read *rows = &trace->record;
	const char *start = rows_text(rows, columns[COLUMN_START]);
	struct trace_lane_span span = {
		.pid = PID_OF_RECORD,
		.name = rows_text(rows, columns[COLUMN_PHASE]),
		.arg = strtoull(rows_text(rows, columns[COLUMN_ARG]), NULL, 10),
	};
	int64_t duration;
	char *end;

	snprintf(span.lane, sizeof(span.lane), "%s", rows_text(rows, columns[COLUMN_LANE]));
	span.start_ns = time->start_ns + (uint64_t)strtoll(start, &end, 10);
	if (end == start || *end || !rows_integer(rows, columns[COLUMN_DURATION], &duration) ||
	    duration < 0)
		return -EINVAL;
	span.start_ns -=
		(uint64_t)(int64_t)clocks_late_ns(&time->clocks, span.lane, (double)span.start_ns);
	span.dur_ns = (uint64_t)duration;
	return trace_lane_add(trace, &span);
}

static int spans_take(struct trace *trace, const struct record_time *time, const char *path,
		      struct err *err)
{
	int columns[COLUMNS];
	int r = rows_columns(&trace->record, names, columns, path, err);

	if (r < 0)
		return r;
	while ((r = rows_next_whole(&trace->record, path, err)) > 0) {
		r = span_take(trace, columns, time);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %zu is no span", path,
				       trace->record.line);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

int trace_record(struct trace *trace, const char *folder, struct err *err)
{
	char path[PATH_MAX];
	struct record_time time = { 0 };
	int r = time_read(folder, &time, err);

	if (r < 0)
		return r;
	trace->record_error_ns =
		time.clocks.known && !clocks_are_astray(&time.clocks, (double)time.start_ns)
			? clocks_error_ns(&time.clocks)
			: -1.0;
	snprintf(path, sizeof(path), "%s/spans.csv", folder);
	r = rows_open(&trace->record, path, err);
	return r < 0 ? r : spans_take(trace, &time, path, err);
}
