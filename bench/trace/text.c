/* A trace for people: one load line by line, many loads as a table. */
#include "bench/trace/trace.h"

#include "bench/counters.h"
#include "bench/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define NS_PER_US 1000.0

/* A page fault is told by where in the newest mapping of the load it lies. */
static uint64_t mapping_before(const struct trace *trace, const struct split_span *fault)
{
	uint64_t base = 0;

	for (size_t i = 0; i < trace->split.span_count; i++) {
		const struct split_span *span = &trace->split.spans[i];

		if (span->start_ns > fault->start_ns)
			break;
		if (span->kind == EVENT_SYSCALL && span->what == SYS_mmap &&
		    span->extra <= fault->value && (!base || span->extra < base) &&
		    fault->value - span->extra < (UINT64_C(1) << 30))
			base = span->extra;
	}
	return base;
}

/* The error code of a page fault (Intel SDM 3A, 4.7): bit 1 write, bit 4 instruction fetch. */
const char *trace_fault_word(uint32_t code)
{
	return code & 16 ? "exec" : code & 2 ? "write" : "read";
}

static void fault_print(const struct trace *trace, const struct split_span *span, FILE *out)
{
	uint64_t base = mapping_before(trace, span);

	fprintf(out, "fault %s%s ", trace_fault_word(span->what),
		span->what & EVENT_FAULT_KERNEL ? " by the kernel" : "");
	if (base)
		fprintf(out, "object+0x%" PRIx64, span->value - base);
	else
		fprintf(out, "0x%" PRIx64, span->value);
	fprintf(out, "  (at 0x%" PRIx64 ")", span->extra);
}

static void span_print(const struct trace *trace, const struct split_span *span, FILE *out)
{
	const char *name;

	switch (span->kind) {
	case EVENT_STEP:
		fprintf(out, "> %-9s %s", step_label((enum step)span->what),
			step_text((enum step)span->what));
		break;
	case EVENT_SYSCALL:
		name = counters_name(span->what);
		fprintf(out, "    %-9s", name ? name : "syscall");
		if ((int64_t)span->extra < 0 && (int64_t)span->extra > -4096)
			fprintf(out, " = %s", strerrorname_np((int)-(int64_t)span->extra));
		break;
	case EVENT_OFFCPU:
		fputs("    off the CPU", out);
		break;
	default:
		fputs("    ", out);
		fault_print(trace, span, out);
		break;
	}
}

struct line {
	uint64_t start_ns, dur_ns;
	const struct split_span *span;	    /* or */
	const struct trace_lane_span *lane; /* of TIMING */
};

static int line_compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return (x->lane == NULL) - (y->lane == NULL);
}

static struct line *lines_make(const struct trace *trace, size_t *ret_count)
{
	size_t count = 0, room = trace->split.span_count + trace->lane_count + 1;
	struct line *lines = calloc(room, sizeof(lines[0]));

	for (size_t i = 0; lines && i < trace->split.span_count; i++) {
		const struct split_span *span = &trace->split.spans[i];

		if (span->kind == EVENT_STEP && span->what == STEP_LOADER)
			continue;
		lines[count++] = (struct line){ span->start_ns, span->dur_ns, span, NULL };
	}
	for (size_t i = 0; lines && i < trace->lane_count; i++) {
		const struct trace_lane_span *lane = &trace->lanes[i];

		lines[count++] = (struct line){ lane->start_ns, lane->dur_ns, NULL, lane };
	}
	*ret_count = lines ? count : 0;
	if (lines)
		qsort(lines, count, sizeof(lines[0]), line_compare);
	return lines;
}

/* How far the lanes of a record may be off everything else. */
static void record_print(const struct trace *trace, FILE *out)
{
	if (trace->record_error_ns > 0.0)
		fprintf(out, "  the AICPU's lanes agree with the host's within %.0f ns\n",
			trace->record_error_ns);
	else if (trace->record_error_ns < 0.0)
		fputs("  how far the AICPU's lanes are off the host's is not in the record\n", out);
}

static void events_print(const struct trace *trace, FILE *out)
{
	fprintf(out,
		"  events %zu, drops %" PRIu64 ", gaps %" PRIu64 ", unmatched %" PRIu64
		"; clocks agree within %.0f ns\n",
		trace->events.count, trace->drops, trace->split.gaps, trace->split.unmatched,
		trace->clock_error_ns);
	record_print(trace, out);
}

void trace_timeline_print(const struct trace *trace, FILE *out)
{
	size_t count;
	struct line *lines = lines_make(trace, &count);
	uint64_t start = count ? lines[0].start_ns : 0;

	fprintf(out, "%s (process %d, probe %s)\n", trace->title, (int)trace->pid, trace->origin);
	fprintf(out, "      at us     took\n");
	for (size_t i = 0; i < count; i++) {
		const struct line *line = &lines[i];

		fprintf(out, "  %9.2f", (double)(line->start_ns - start) / NS_PER_US);
		if (line->dur_ns)
			fprintf(out, " %8.2f  ", (double)line->dur_ns / NS_PER_US);
		else
			fprintf(out, " %8s  ", "");
		if (line->lane) {
			fprintf(out, "= %s\n", line->lane->name);
			continue;
		}
		fprintf(out, "%*s", (int)line->span->depth * 2, "");
		span_print(trace, line->span, out);
		fputc('\n', out);
	}
	events_print(trace, out);
	fputs("  times as observed, the probe's own cost in them: soload run --probe corrects it\n",
	      out);
	free(lines);
}

static void time_cell(struct table *table, double ns)
{
	if (ns > 0.0)
		table_cell(table, "%.1f", ns / NS_PER_US);
	else
		table_cell(table, "-");
}

static int start_compare(const void *a, const void *b)
{
	const struct split_load *x = *(const struct split_load *const *)a;
	const struct split_load *y = *(const struct split_load *const *)b;

	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

/* dlopens and dlcloses, by their begin. */
static const struct split_load **loads_sort(const struct trace *trace, size_t *ret_count)
{
	const struct split_load **loads = calloc(trace->split.load_count + 1, sizeof(loads[0]));
	size_t count = 0;

	for (size_t i = 0; loads && i < trace->split.load_count; i++) {
		if (trace->split.loads[i].what != SPLIT_LOADER)
			loads[count++] = &trace->split.loads[i];
	}
	if (loads)
		qsort(loads, count, sizeof(loads[0]), start_compare);
	*ret_count = count;
	return loads;
}

/* Every step is a column when anything was in it, so that the columns of a row are its Own. */
static unsigned int steps_seen(const struct split_load *const *loads, size_t count)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < count; i++) {
		for (unsigned int step = 0; step < STEP_COUNT; step++)
			seen |= (loads[i]->entered[step] != 0 ? 1u : 0u) << step;
	}
	return seen;
}

static const char *load_name(const struct split_load *load)
{
	if (load->what == SPLIT_CLOSE)
		return "(dlclose)";
	if (!load->named)
		return "(name not known)";
	return load->name[0] ? load->name : "(the program itself)";
}

static void load_row(struct table *table, const struct trace *trace, const struct split_load *open,
		     unsigned int seen, uint64_t start_ns)
{
	double own = 0.0;

	for (int step = 0; step < STEP_COUNT; step++)
		own += open->corrected_ns[step];
	table_cell(table, "%.2f", (double)(open->start_ns - start_ns) / 1e6);
	table_cell(table, "%u", open->pid);
	time_cell(table, (double)open->total_ns);
	time_cell(table, own);
	for (unsigned int step = 0; step < STEP_COUNT; step++) {
		if (seen & (1u << step))
			time_cell(table, open->corrected_ns[step]);
	}
	if (trace->sight & PROBE_SYSCALLS)
		table_cell(table, "%u", open->calls);
	if (trace->sight & PROBE_FAULTS)
		table_cell(table, "%u", open->faults);
	if (trace->sight & PROBE_OFFCPU)
		time_cell(table, (double)open->offcpu_ns);
	table_cell(table, "%*s%s%s%s", (int)open->depth * 2, "", load_name(open),
		   open->failed ? "  failed" : "", open->open_ended ? "  end not seen" : "");
}

static struct table *loads_table(const struct trace *trace, unsigned int seen)
{
	struct table *table = table_new();

	table_column_number(table, "At ms");
	table_column_number(table, "Process");
	table_column_number(table, "Observed us");
	table_column_number(table, "Own us");
	for (unsigned int step = 0; step < STEP_COUNT; step++) {
		if (seen & (1u << step))
			table_column_number(table, step_label((enum step)step));
	}
	if (trace->sight & PROBE_SYSCALLS)
		table_column_number(table, "Calls");
	if (trace->sight & PROBE_FAULTS)
		table_column_number(table, "Faults");
	if (trace->sight & PROBE_OFFCPU)
		table_column_number(table, "Off-CPU");
	table_column_text(table, "dlopen of");
	return table;
}

void trace_table_print(const struct trace *trace, FILE *out)
{
	size_t count, closes = 0;
	const struct split_load **loads = loads_sort(trace, &count);
	unsigned int seen = loads ? steps_seen(loads, count) : 0;
	struct table *table = loads_table(trace, seen);
	double sum = 0.0, observed = 0.0;
	bool least = false;

	for (size_t i = 0; i < count; i++) {
		load_row(table, trace, loads[i], seen, loads[0]->start_ns);
		closes += loads[i]->what == SPLIT_CLOSE;
		if (loads[i]->what == SPLIT_CLOSE)
			continue;
		observed += loads[i]->depth ? 0.0 : (double)loads[i]->total_ns;
		least |= loads[i]->failed && loads[i]->open_ended;
		for (int step = 0; step < STEP_COUNT; step++)
			sum += loads[i]->corrected_ns[step];
	}
	fprintf(out, "%s: %zu dlopens, %zu dlcloses, probe %s\n", trace->title, count - closes,
		closes, trace->origin);
	if (count)
		table_print(table, out);
	fprintf(out,
		"  dlopen took %s%.2f ms in all as observed, %.2f ms less what watching cost; Own "
		"us is the sum of the steps, corrected and without the dlopens inside\n",
		least ? "at least " : "", observed / 1e6, sum / 1e6);
	events_print(trace, out);
	table_free(table);
	free(loads);
}
