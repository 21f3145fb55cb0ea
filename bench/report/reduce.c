/* Statistics of arms, and the choice of what belongs side by side. */
#include "bench/report/reduce.h"

#include "bench/report/characters.h"
#include "device/when.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t column_of(const struct data_load *load, enum reduce_column column)
{
	switch (column) {
	case REDUCE_TOTAL:
		return load->total_ns;
	case REDUCE_MINFLT:
		return load->minflt;
	case REDUCE_DMA:
		return load->dma_ns;
	case REDUCE_ARRIVAL:
		return load->dma_ns == SAMPLE_NONE ? load->total_ns : load->total_ns + load->dma_ns;
	default:
		return load->phase_ns[column];
	}
}

double *reduce_values(const struct data *data, const struct data_arm *arm,
		      enum reduce_column column, size_t *ret_n)
{
	double *values = arm->measured ? calloc(arm->measured, sizeof(*values)) : NULL;
	size_t n = 0;

	*ret_n = 0;
	if (!values)
		return NULL;
	for (size_t i = arm->first; i < arm->first + arm->loads; i++) {
		const struct data_load *load = &data->loads.at[i];
		int64_t value = column_of(load, column);

		if (!load->warmup && !load->failed && value != SAMPLE_NONE)
			values[n++] = (double)value;
	}
	if (n == 0) {
		free(values);
		return NULL;
	}
	stats_sort(values, n);
	*ret_n = n;
	return values;
}

struct stats_summary reduce_summary(const struct data *data, const struct data_arm *arm,
				    enum reduce_column column)
{
	size_t n;
	double *values = reduce_values(data, arm, column, &n);
	struct stats_summary summary = stats_summarise(values, n);

	free(values);
	return summary;
}

struct ranked {
	const struct data_arm *arm;
	double p50;
};

static int ranked_compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->p50 != b->p50)
		return a->p50 < b->p50 ? -1 : 1;
	return a->arm < b->arm ? -1 : a->arm > b->arm;
}

size_t reduce_arms(const struct data *data, uint32_t set, const struct data_arm **ret_arms,
		   size_t room)
{
	struct ranked ranked[DATA_ARMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < data->arm_count; i++) {
		const struct data_arm *arm = &data->arms[i];

		if (arm->set == set && arm->measured)
			ranked[n++] =
				(struct ranked){ arm, reduce_summary(data, arm, REDUCE_TOTAL).p50 };
	}
	qsort(ranked, n, sizeof(ranked[0]), ranked_compare);
	if (n > room)
		n = room;
	for (size_t i = 0; i < n; i++)
		ret_arms[i] = ranked[i].arm;
	return n;
}

size_t reduce_least(const struct data_arm *const *arms, size_t n)
{
	size_t least = n ? arms[0]->measured : 0;

	for (size_t i = 1; i < n; i++)
		least = arms[i]->measured < least ? arms[i]->measured : least;
	return least;
}

static bool is_workload(const struct data_set *set)
{
	return strncmp(set->so, "pa_unroll", strlen("pa_unroll")) == 0;
}

static bool set_is_better(const struct data_set *set, const struct data_set *than)
{
	if (is_workload(set) != is_workload(than))
		return is_workload(set);
	if (set->arms != than->arms)
		return set->arms > than->arms;
	return set->measured > than->measured;
}

bool reduce_set(const struct data *data, bool reproduction, uint32_t *ret_set)
{
	const struct data_set *best = NULL;

	for (size_t i = 0; i < data->set_count; i++) {
		const struct data_set *set = &data->sets[i];

		if ((strcmp(set->scenario, "reproduction") == 0) != reproduction || !set->measured)
			continue;
		if (!best || set_is_better(set, best))
			best = set;
	}
	if (best)
		*ret_set = (uint32_t)(best - data->sets);
	return best;
}

bool reduce_any_set(const struct data *data, uint32_t *ret_set)
{
	return reduce_set(data, false, ret_set) || reduce_set(data, true, ret_set);
}

const char *reduce_label(const struct data_arm *arm, char *buffer, size_t size)
{
	bool first = !*arm->device || strcmp(arm->device, "0") == 0;
	bool usual = !*arm->when || strcmp(arm->when, device_whens[0].name) == 0;

	snprintf(buffer, size, "%s%s%s%s%s%s%s", arm->loader, *arm->transport ? ", " : "",
		 arm->transport, usual ? "" : ", ", usual ? "" : arm->when,
		 first ? "" : ", device ", first ? "" : arm->device);
	return characters_whole(buffer);
}

static int host_compare(const void *left, const void *right)
{
	const struct reduce_host *a = left, *b = right;

	if (a->run != b->run)
		return a->run < b->run ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static bool is_phase(const struct data_span *span, enum phase phase)
{
	return strcmp(span->phase, phase_label(phase)) == 0;
}

static void hosts_collect(const struct data *data, struct reduce_hosts *hosts)
{
	size_t n = 0, out = 0;

	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		bool wait = is_phase(span, PHASE_WAIT);

		if (strcmp(span->lane, "host") != 0 || strcmp(span->origin, "timing") != 0 ||
		    is_phase(span, PHASE_CHECK))
			continue;
		hosts->at[n++] = (struct reduce_host){
			.run = span->run,
			.seq = span->seq,
			.ns = (double)span->dur_ns,
			.wait_ns = { wait ? span->start_ns : 0,
				     wait ? span->start_ns + span->dur_ns : 0 },
		};
	}
	qsort(hosts->at, n, sizeof(*hosts->at), host_compare);
	for (size_t i = 0; i < n; i++) {
		struct reduce_host *last = out ? &hosts->at[out - 1] : NULL;

		if (!last || host_compare(last, &hosts->at[i]) != 0) {
			hosts->at[out++] = hosts->at[i];
			continue;
		}
		last->ns += hosts->at[i].ns;
		if (hosts->at[i].wait_ns[1])
			memcpy(last->wait_ns, hosts->at[i].wait_ns, sizeof(last->wait_ns));
	}
	hosts->n = out;
}

static struct reduce_host *host_find(const struct reduce_hosts *hosts, uint32_t run, int64_t seq)
{
	struct reduce_host key = { .run = run, .seq = seq };

	return hosts->n ? bsearch(&key, hosts->at, hosts->n, sizeof(key), host_compare) : NULL;
}

/* The host waits while the device checks: what the harness does is in nobody's invocation. */
static void checks_take(const struct data *data, const struct reduce_hosts *hosts)
{
	for (size_t i = 0; i < data->spans.n; i++) {
		const struct data_span *span = &data->spans.at[i];
		struct reduce_host *host;
		int64_t from, to;

		if (!is_phase(span, PHASE_CHECK) || strcmp(span->lane, "host") == 0)
			continue;
		host = host_find(hosts, span->run, span->seq);
		if (!host)
			continue;
		from = span->start_ns > host->wait_ns[0] ? span->start_ns : host->wait_ns[0];
		to = span->start_ns + span->dur_ns;
		to = to < host->wait_ns[1] ? to : host->wait_ns[1];
		host->ns -= to > from ? (double)(to - from) : 0.0;
	}
}

int reduce_hosts(const struct data *data, struct reduce_hosts *ret_hosts)
{
	*ret_hosts = (struct reduce_hosts){ calloc(data->spans.n + 1, sizeof(*ret_hosts->at)), 0 };
	if (!ret_hosts->at)
		return -ENOMEM;
	hosts_collect(data, ret_hosts);
	checks_take(data, ret_hosts);
	return 0;
}

double reduce_host(const struct reduce_hosts *hosts, uint32_t run, int64_t seq)
{
	const struct reduce_host *found = host_find(hosts, run, seq);

	return found ? found->ns : (double)NAN;
}
