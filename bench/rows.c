/* Headers and rows, side by side so that they cannot drift apart unseen. See rows.h. */
#include "bench/rows.h"

const char rows_samples_header[] =
	"run,epoch,process,arm,scenario,case,platform,runtime,device,loader,"
	"transport,so,so_bytes,load_bytes,"
	"seq,order,start_ns,total_ns,read_ns,stage_ns,link_ns,map_ns,"
	"relocate_ns,protect_ns,init_ns,"
	"resolve_ns,call_ns,unload_ns,unstage_ns,other_ns,stale,staged_"
	"at,dma_bytes,dma_ns,dma_model_ns,"
	"minflt,majflt,nvcsw,nivcsw,cpu_ns,cpu,warmup,error,thread,"
	"when,callable,early_ns";

const char rows_spans_header[] = "run,seq,lane,origin,phase,start_ns,dur_ns,arg";

const char rows_summary_header[] = "run,scenario,loader,transport,so,so_bytes,phase,metric,unit,n,"
				   "epochs,value,ci_low,ci_high,device,when";

const char rows_machine_header[] = "run,at_ns,load_average,steal_seconds,cpu_seconds";

/* The columns between total_ns and stale. */
static const enum phase columns[] = {
	PHASE_READ, PHASE_STAGE,   PHASE_LINK, PHASE_MAP,    PHASE_RELOCATE, PHASE_PROTECT,
	PHASE_INIT, PHASE_RESOLVE, PHASE_CALL, PHASE_UNLOAD, PHASE_UNSTAGE,  PHASE_OTHER,
};

static void number(struct csv *csv, int64_t value)
{
	if (value == SAMPLE_NONE)
		csv_empty(csv);
	else
		csv_signed(csv, value);
}

static void texts(struct csv *csv, const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		csv_text(csv, values[i]);
}

static void numbers(struct csv *csv, const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		number(csv, values[i]);
}

#define TEXTS(csv, ...) \
	texts(csv, (const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
#define NUMBERS(csv, ...) \
	numbers(csv, (const int64_t[]){ __VA_ARGS__ }, \
		sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

void rows_sample(struct csv *csv, const struct rows_run *run, const struct sample *s)
{
	int64_t start =
		s->start_ns == SAMPLE_NONE ? SAMPLE_NONE : s->start_ns - (int64_t)run->start_ns;

	csv_text(csv, run->id);
	NUMBERS(csv, s->epoch, s->process);
	TEXTS(csv, s->arm, s->scenario, s->case_name, s->platform, s->runtime);
	number(csv, s->device);
	TEXTS(csv, s->loader, s->transport, s->so);
	NUMBERS(csv, s->so_bytes, s->load_bytes, s->seq, s->order, start, s->total_ns);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		number(csv, s->phase_ns[columns[i]]);
	number(csv, s->stale);
	csv_text(csv, s->staged_at);
	NUMBERS(csv, s->dma_bytes, s->dma_ns, s->dma_model_ns, s->minflt, s->majflt, s->nvcsw,
		s->nivcsw, s->cpu_ns, s->cpu, s->warmup);
	csv_text(csv, s->error);
	number(csv, s->thread);
	csv_text(csv, s->when);
	NUMBERS(csv, s->callable, s->early_ns);
	csv_row_end(csv);
}

void rows_span(struct csv *csv, const struct rows_run *run, const struct record_span *span)
{
	csv_text(csv, run->id);
	number(csv, span->seq);
	TEXTS(csv, span->lane, span->origin, span->phase);
	csv_signed(csv, (int64_t)(span->start_ns - run->start_ns));
	csv_unsigned(csv, span->dur_ns);
	csv_unsigned(csv, span->arg);
	csv_row_end(csv);
}

void rows_summary(struct csv *csv, const struct rows_run *run, const struct summary *s)
{
	TEXTS(csv, run->id, s->scenario, s->loader, s->transport, s->so);
	number(csv, s->so_bytes);
	TEXTS(csv, s->phase, s->metric, s->unit);
	NUMBERS(csv, s->n, s->epochs);
	csv_double(csv, s->value);
	csv_double(csv, s->ci_low);
	csv_double(csv, s->ci_high);
	csv_text(csv, s->device);
	csv_text(csv, s->when);
	csv_row_end(csv);
}

void rows_machine(struct csv *csv, const struct rows_run *run, const struct rows_machine *row)
{
	csv_text(csv, run->id);
	csv_signed(csv, (int64_t)(row->at_ns - run->start_ns));
	csv_double(csv, row->load_average);
	csv_double(csv, row->steal_seconds);
	csv_double(csv, row->cpu_seconds);
	csv_row_end(csv);
}
