/* Loads and spans as trace events: "X" with a beginning and a length in microseconds, "M" for
 * names. */
#include "bench/report/chrome.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MAX 64
#define LANE_FIRST 1000 /* numbers of lanes; the arms' are below */

struct chrome {
	FILE *out;
	bool any;
	struct data *data;
	uint32_t run;
	const char *lanes[LANES_MAX];
	size_t lane_count;
};

/* Names are valid UTF-8 without control characters (data_name): two characters are left. */
static void string_write(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void event_begin(struct chrome *chrome, const char *kind, size_t thread, const char *name)
{
	fprintf(chrome->out,
		"%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%zu,\"name\":", chrome->any ? ",\n" : "", kind,
		chrome->run + 1, thread);
	string_write(chrome->out, name);
	chrome->any = true;
}

static void name_write(struct chrome *chrome, const char *what, size_t thread, const char *name)
{
	event_begin(chrome, "M", thread, what);
	fputs(",\"args\":{\"name\":", chrome->out);
	string_write(chrome->out, name);
	fputs("}}", chrome->out);
}

static void order_write(struct chrome *chrome, size_t thread, size_t place)
{
	event_begin(chrome, "M", thread, "thread_sort_index");
	fprintf(chrome->out, ",\"args\":{\"sort_index\":%zu}}", place);
}

/* In microseconds; of a lane that was put right, a time may lie before the run's beginning. */
static void time_write(FILE *out, const char *name, int64_t ns)
{
	long long size = llabs((long long)ns);

	fprintf(out, ",\"%s\":%s%lld.%03lld", name, ns < 0 ? "-" : "", size / 1000, size % 1000);
}

static void times_write(FILE *out, int64_t start_ns, int64_t dur_ns)
{
	time_write(out, "ts", start_ns);
	time_write(out, "dur", dur_ns);
}

/* A reserved name of Chrome's (trace_viewer's color_scheme) for every phase; waiting is grey
 * whoever waits. Perfetto colours by the event's name, which is the phase's. */
static const char *colour_of(const char *phase)
{
	static const char *const names[][2] = {
		{ "read", "rail_load" },
		{ "stage", "terrible" },
		{ "link", "bad" },
		{ "map", "good" },
		{ "relocate", "rail_animation" },
		{ "protect", "thread_state_iowait" },
		{ "init", "thread_state_runnable" },
		{ "resolve", "yellow" },
		{ "call", "vsync_highlight_color" },
		{ "unload", "olive" },
		{ "unstage", "rail_idle" },
		{ "other", "black" },
		{ "kernels", "cq_build_running" },
		{ "args", "background_memory_dump" },
		{ "so_copy", "light_memory_dump" },
		{ "heap", "cq_build_passed" },
		{ "shared", "cq_build_attempt_passed" },
		{ "send", "detailed_memory_dump" },
		{ "launch", "startup" },
		{ "wait", "grey" },
		{ "copy_back", "heap_dump_object_type" },
		{ "release", "cq_build_abandoned" },
		{ "handshake", "heap_dump_child_node_arrow" },
		{ "invalidate", "thread_state_uninterruptible" },
		{ "create", "heap_dump_stack_frame" },
		{ "orchestrate", "rail_response" },
		{ "ready", "grey" },
		{ "schedule", "thread_state_running" },
		{ "drain", "grey" },
		{ "destroy", "thread_state_unknown" },
		{ "idle", "grey" },
		{ "check", "white" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i][0], phase) == 0)
			return names[i][1];
	}
	return "generic_work";
}

/* What a lane is about, by what it does in the record. */
static bool lane_does(const struct chrome *chrome, const char *lane, enum phase phase)
{
	for (size_t i = 0; i < chrome->data->spans.n; i++) {
		const struct data_span *span = &chrome->data->spans.at[i];

		if (span->run == chrome->run && span->lane == lane &&
		    strcmp(span->phase, phase_label(phase)) == 0)
			return true;
	}
	return false;
}

static void lane_describe(const struct chrome *chrome, const char *lane, char *text, size_t size)
{
	static const struct {
		enum phase phase;
		const char *words;
	} doing[] = { { PHASE_SEND, "sends" },
		      { PHASE_WAIT, "waits" },
		      { PHASE_RESOLVE, "loads" },
		      { PHASE_ORCHESTRATE, "orchestrates" },
		      { PHASE_SCHEDULE, "schedules" } };
	bool aicpu = strncmp(lane, "aicpu", strlen("aicpu")) == 0;
	const char *name = aicpu ? lane + strlen("aicpu") : lane;
	size_t used =
		(size_t)snprintf(text, size, "%s%.*s", aicpu ? "AICPU " : "", CHARACTERS(name, 60));
	const char *between = ": ";

	for (size_t i = 0; i < sizeof(doing) / sizeof(doing[0]); i++) {
		if (!lane_does(chrome, lane, doing[i].phase))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", between, doing[i].words);
		between = ", ";
	}
}

/* The host comes first, whatever was written first. */
static size_t lane_place(struct chrome *chrome, const char *lane)
{
	char text[400];
	size_t i = 0;

	while (i < chrome->lane_count && chrome->lanes[i] != lane)
		i++;
	if (i == chrome->lane_count && i < LANES_MAX - 1) {
		chrome->lanes[chrome->lane_count++] = lane;
		lane_describe(chrome, lane, text, sizeof(text));
		name_write(chrome, "thread_name", LANE_FIRST + i, text);
		order_write(chrome, LANE_FIRST + i,
			    LANE_FIRST + (strcmp(lane, "host") == 0 ? 0 : i + 1));
	}
	return LANE_FIRST + i;
}

static void span_write(struct chrome *chrome, const struct data_span *span)
{
	event_begin(chrome, "X", lane_place(chrome, span->lane), span->phase);
	fprintf(chrome->out, ",\"cat\":\"phase\",\"cname\":\"%s\"", colour_of(span->phase));
	times_write(chrome->out, span->start_ns, span->dur_ns);
	fprintf(chrome->out, ",\"args\":{\"load\":%lld,\"observed by\":", (long long)span->seq);
	string_write(chrome->out, span->origin);
	fputs("}}", chrome->out);
}

static void load_write(struct chrome *chrome, const struct data_load *load)
{
	const struct data_arm *arm = &chrome->data->arms[load->arm];
	char name[600], label[560];

	if (load->start_ns == SAMPLE_NONE || load->total_ns == SAMPLE_NONE)
		return;
	snprintf(name, sizeof(name), "%s%s", reduce_label(arm, label, sizeof(label)),
		 load->failed	? " (failed)"
		 : load->warmup ? " (warm-up)"
				: "");
	event_begin(chrome, "X", load->arm + 1, name);
	fputs(",\"cat\":\"load\"", chrome->out);
	times_write(chrome->out, load->start_ns, load->total_ns);
	fprintf(chrome->out, ",\"args\":{\"load\":%lld,\"object\":", (long long)load->seq);
	string_write(chrome->out, arm->so);
	for (int i = 0; i < DATA_PHASES; i++) {
		if (load->phase_ns[i] != SAMPLE_NONE)
			fprintf(chrome->out, ",\"%s_ns\":%lld", phase_label((enum phase)i),
				(long long)load->phase_ns[i]);
	}
	fputs("}}", chrome->out);
}

static void arms_write(struct chrome *chrome)
{
	char name[1200], label[560];

	for (size_t i = 0; i < chrome->data->arm_count; i++) {
		const struct data_arm *arm = &chrome->data->arms[i];

		if (arm->run != chrome->run)
			continue;
		snprintf(name, sizeof(name), "loads: %s, %s",
			 reduce_label(arm, label, sizeof(label)), arm->so);
		name_write(chrome, "thread_name", i + 1, name);
		order_write(chrome, i + 1, i + 1);
		for (size_t k = arm->first; k < arm->first + arm->loads; k++)
			load_write(chrome, &chrome->data->loads.at[k]);
	}
}

static void run_write(struct chrome *chrome)
{
	struct data *data = chrome->data;
	const char *command = data_text(data, &data->runs[chrome->run], "command");
	char name[400];

	chrome->lane_count = 0;
	snprintf(name, sizeof(name), "soload%s%.*s, record %s", *command ? " " : "",
		 CHARACTERS(command, 20), data->runs[chrome->run].name);
	name_write(chrome, "process_name", 0, name);
	arms_write(chrome);
	for (size_t i = 0; i < data->spans.n; i++) {
		if (data->spans.at[i].run == chrome->run)
			span_write(chrome, &data->spans.at[i]);
	}
}

int chrome_write(struct data *data, const char *path, struct err *err)
{
	struct chrome chrome = { .data = data };
	bool bad;

	chrome.out = fopen(path, "we");
	if (!chrome.out)
		return err_sys(err, "write %s", path);
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", chrome.out);
	for (; chrome.run < data->run_count; chrome.run++)
		run_write(&chrome);
	fputs("\n]}\n", chrome.out);
	bad = ferror(chrome.out);
	bad |= fclose(chrome.out) != 0;
	return bad ? err_set(err, EIO, "cannot write %s", path) : 0;
}
