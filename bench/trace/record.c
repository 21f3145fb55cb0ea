/* The lanes of a results folder, put beside what was watched: host and AICPU threads of a repro. */
#include "bench/trace/trace.h"

#include "base/file.h"
#include "bench/clocks.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 8
#define PID_OF_RECORD 1 /* lanes of a record are no process of this trace */

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

/* Cuts a row at its commas, in place: 0, or -EINVAL when it is no row of spans.csv. */
static int row_cut(char *row, char **ret_fields)
{
	for (int i = 0; i < COLUMNS; i++) {
		ret_fields[i] = row;
		row = strchr(row, ',');
		if (i + 1 < COLUMNS && !row)
			return -EINVAL;
		if (row && i + 1 < COLUMNS)
			*row++ = '\0';
	}
	return 0;
}

static int row_take(struct trace *trace, char *row, const struct record_time *time)
{
	struct trace_lane_span span = { .pid = PID_OF_RECORD };
	char *fields[COLUMNS], *end;

	if (row_cut(row, fields) < 0)
		return -EINVAL;
	snprintf(span.lane, sizeof(span.lane), "%s", fields[2]);
	span.name = fields[4];
	span.start_ns = time->start_ns + (uint64_t)strtoll(fields[5], &end, 10);
	if (end == fields[5])
		return -EINVAL;
	span.start_ns -=
		(uint64_t)(int64_t)clocks_late_ns(&time->clocks, span.lane, (double)span.start_ns);
	span.dur_ns = strtoull(fields[6], NULL, 10);
	span.arg = strtoull(fields[7], NULL, 10);
	return trace_lane_add(trace, &span);
}

static int rows_take(struct trace *trace, char *text, const struct record_time *time)
{
	char *row, *rest = text;
	int r = 0;

	strsep(&rest, "\n"); /* the header */
	while (r == 0 && (row = strsep(&rest, "\n"))) {
		if (row[0])
			r = row_take(trace, row, time);
	}
	return r;
}

int trace_record(struct trace *trace, const char *folder, struct err *err)
{
	struct file_bytes file;
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
	r = file_load(path, &file, err);
	if (r < 0)
		return r;
	trace->names = malloc(file.size + 1);
	if (trace->names) {
		memcpy(trace->names, file.bytes, file.size);
		trace->names[file.size] = '\0';
	}
	file_unload(&file);
	if (!trace->names)
		return err_set(err, ENOMEM, "out of memory");
	r = rows_take(trace, trace->names, &time);
	return r < 0 ? err_set(err, -r, "%s: not rows of spans.csv", path) : 0;
}
