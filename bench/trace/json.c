/*
 * A trace as JSON for chrome://tracing and ui.perfetto.dev (the Trace Event Format): complete
 * events "X" in microseconds, one thread per lane, names of lanes as metadata "M".
 */
#include "bench/trace/trace.h"

#include "bench/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct lane {
	uint32_t pid, tid;
	char name[48];
};

struct writer {
	FILE *file;
	uint64_t start_ns;
	bool any, failed; /* out of memory: lanes are missing */
	struct lane *lanes;
	int lane_count, lane_room;
};

static void event_write(struct writer *writer, json_t *event)
{
	if (!event)
		return;
	fputs(writer->any ? ",\n" : "", writer->file);
	json_dumpf(event, writer->file, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(event);
	writer->any = true;
}

static struct lane *lane_new(struct writer *writer)
{
	if (writer->lane_count == writer->lane_room) {
		int room = writer->lane_room ? writer->lane_room * 2 : 64;
		void *grown = realloc(writer->lanes, (size_t)room * sizeof(writer->lanes[0]));

		if (!grown)
			return NULL;
		writer->lanes = grown;
		writer->lane_room = room;
	}
	return &writer->lanes[writer->lane_count++];
}

/* The number of a lane: a "thread" of its own in the viewer, named once. */
static int lane_number(struct writer *writer, uint32_t pid, uint32_t tid, const char *name)
{
	struct lane *lane;
	int i;

	for (i = 0; i < writer->lane_count; i++) {
		if (writer->lanes[i].pid == pid && writer->lanes[i].tid == tid &&
		    strcmp(writer->lanes[i].name, name) == 0)
			return i + 1;
	}
	lane = lane_new(writer);
	if (!lane) {
		writer->failed = true;
		return 0;
	}
	lane->pid = pid;
	lane->tid = tid;
	snprintf(lane->name, sizeof(lane->name), "%s", name);
	event_write(writer,
		    json_pack("{s:s,s:s,s:I,s:i,s:{s:o}}", "name", "thread_name", "ph", "M", "pid",
			      (json_int_t)pid, "tid", i + 1, "args", "name",
			      tid ? json_sprintf("%s (thread %u)", name, tid) : json_string(name)));
	return i + 1;
}

static double us(const struct writer *writer, uint64_t ns)
{
	return (double)(int64_t)(ns - writer->start_ns) / 1000.0;
}

struct entry {
	uint32_t pid, tid;
	const char *lane, *name, *category;
	uint64_t start_ns, dur_ns;
	bool instant;
	json_t *arguments;
};

/* JSON is UTF-8, names of files are bytes: in one that is not valid, what is not ASCII becomes '?'.
 */
static json_t *name_json(const char *name)
{
	json_t *string = json_string(name);
	char *ascii = string ? NULL : strdup(name);

	if (!ascii)
		return string;
	for (char *at = ascii; *at; at++) {
		if ((unsigned char)*at > 127)
			*at = '?';
	}
	string = json_string(ascii);
	free(ascii);
	return string;
}

static void entry_write(struct writer *writer, const struct entry *entry)
{
	json_t *event = json_pack("{s:o,s:s,s:s,s:f,s:I,s:i,s:o}", "name", name_json(entry->name),
				  "cat", entry->category, "ph", entry->instant ? "i" : "X", "ts",
				  us(writer, entry->start_ns), "pid", (json_int_t)entry->pid, "tid",
				  lane_number(writer, entry->pid, entry->tid, entry->lane), "args",
				  entry->arguments ? entry->arguments : json_object());

	if (event && entry->instant)
		json_object_set_new(event, "s", json_string("t"));
	else if (event)
		json_object_set_new(event, "dur", json_real((double)entry->dur_ns / 1000.0));
	event_write(writer, event);
}

static void load_write(struct writer *writer, const struct split_load *load, const char *origin)
{
	static const char *const words[] = { "dlopen", "dlclose", "load" };
	uint64_t own = 0;

	for (int step = 0; step < STEP_COUNT; step++)
		own += load->observed_ns[step];
	entry_write(writer,
		    &(struct entry){
			    .pid = load->pid,
			    .tid = load->tid,
			    .lane = "ld.so",
			    .name = load->name[0] ? load->name : words[load->what],
			    .category = origin,
			    .start_ns = load->start_ns,
			    .dur_ns = load->end_ns - load->start_ns, /* its pauses, too */
			    .arguments = json_pack(
				    "{s:s,s:I,s:I,s:I,s:b}", "what", words[load->what], "own_ns",
				    (json_int_t)own, "calls", (json_int_t)load->calls, "faults",
				    (json_int_t)load->faults, "failed", load->failed),
		    });
}

static void span_write(struct writer *writer, const struct split_span *span, const char *origin)
{
	struct entry entry = {
		.pid = span->pid,
		.tid = span->tid,
		.category = origin,
		.start_ns = span->start_ns,
		.dur_ns = span->dur_ns,
	};

	switch (span->kind) {
	case EVENT_STEP:
		entry.lane = "ld.so";
		entry.name = step_label((enum step)span->what);
		break;
	case EVENT_SYSCALL:
		entry.lane = "system calls";
		entry.name = counters_name(span->what);
		entry.arguments = json_pack("{s:I}", "result", (json_int_t)span->extra);
		break;
	case EVENT_OFFCPU:
		entry.lane = "off the CPU";
		entry.name = "off";
		break;
	default:
		entry.lane = "page faults";
		entry.name = trace_fault_word(span->what);
		entry.instant = true;
		entry.arguments =
			json_pack("{s:o,s:o,s:s}", "address",
				  json_sprintf("0x%llx", (unsigned long long)span->value), "ip",
				  json_sprintf("0x%llx", (unsigned long long)span->extra), "step",
				  step_label(span->step));
		break;
	}
	if (!entry.name)
		entry.name = "syscall";
	entry_write(writer, &entry);
}

static uint64_t earliest(const struct trace *trace)
{
	uint64_t start = UINT64_MAX;

	for (size_t i = 0; i < trace->split.load_count; i++) {
		if (trace->split.loads[i].start_ns < start)
			start = trace->split.loads[i].start_ns;
	}
	for (size_t i = 0; i < trace->lane_count; i++) {
		if (trace->lanes[i].start_ns < start)
			start = trace->lanes[i].start_ns;
	}
	return start == UINT64_MAX ? 0 : start;
}

static void all_write(struct writer *writer, const struct trace *trace)
{
	for (size_t i = 0; i < trace->lane_count; i++) {
		const struct trace_lane_span *lane = &trace->lanes[i];

		entry_write(writer,
			    &(struct entry){
				    .pid = lane->pid,
				    .lane = lane->lane,
				    .name = lane->name,
				    .category = "timing",
				    .start_ns = lane->start_ns,
				    .dur_ns = lane->dur_ns,
				    .arguments = json_pack("{s:I}", "arg", (json_int_t)lane->arg),
			    });
	}
	for (size_t i = 0; i < trace->split.load_count; i++)
		load_write(writer, &trace->split.loads[i], trace->origin);
	for (size_t i = 0; i < trace->split.span_count; i++)
		span_write(writer, &trace->split.spans[i], trace->origin);
}

int trace_json_write(const struct trace *trace, const char *path, struct err *err)
{
	struct writer writer = { .file = fopen(path, "we"), .start_ns = earliest(trace) };
	int r = 0;

	if (!writer.file)
		return err_sys(err, "%s", path);
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", writer.file);
	all_write(&writer, trace);
	fprintf(writer.file,
		"\n],\"otherData\":{\"probe\":\"%s\",\"clock_error_ns\":\"%.0f\","
		"\"start_monotonic_ns\":\"%" PRIu64 "\"",
		trace->origin ? trace->origin : "none", trace->clock_error_ns, writer.start_ns);
	if (trace->record_error_ns > 0.0)
		fprintf(writer.file, ",\"aicpu_clock_error_ns\":\"%.0f\"", trace->record_error_ns);
	fputs("}}\n", writer.file);
	free(writer.lanes);
	if (writer.failed)
		r = err_set(err, ENOMEM, "out of memory: trace less at a time");
	if (ferror(writer.file))
		r = err_sys(err, "write %s", path);
	if (fclose(writer.file) != 0 && r == 0)
		r = err_sys(err, "write %s", path);
	return r;
}
