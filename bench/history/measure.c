/* A revision beside the reference, in lockstep, and its work: one line of the history. */
#include "bench/history/history.h"

#include "base/clock.h"
#include "base/log.h"
#include "bench/command.h"
#include "bench/gate_count.h"
#include "bench/gate_sides.h"
#include "bench/judge.h"
#include "bench/machine.h"
#include "bench/stats.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define EPOCHS_MIN 8
#define INTERVAL_ALPHA 0.025 /* of each end */

/* [ratio, low, high] of a quantile over the epochs of a row; NULL when there is nothing to say. */
static json_t *ratio_json(const struct epoch_row *row, int quantile)
{
	double *logs = calloc(row->count + 1, sizeof(logs[0]));
	struct judge_interval interval;
	double estimate;
	json_t *three = NULL;
	size_t n = 0;

	for (size_t i = 0; logs && i < row->count; i++) {
		double value = row->epochs[i].values[EPOCH_TOTAL][quantile].ln_ratio;

		if (isfinite(value))
			logs[n++] = value;
	}
	if (n) {
		stats_sort(logs, n);
		estimate = judge_estimate(logs, n);
		interval = judge_interval(logs, n, INTERVAL_ALPHA);
		three = json_pack("[f]", exp(estimate));
		json_array_append_new(three, isfinite(interval.low) ? json_real(exp(interval.low))
								    : json_null());
		json_array_append_new(three, isfinite(interval.high) ? json_real(exp(interval.high))
								     : json_null());
	}
	free(logs);
	return three;
}

/* Only what repeats: a counter that does not is no property of the revision. */
static json_t *work_json(const struct tally *tally)
{
	json_t *work = json_object();
	char name[64];

	for (int i = 0; i < TALLY_COUNTERS; i++) {
		bool call = i < COUNTERS_CALLS;

		if (tally->known[i] && tally->exact[i] && (tally->values[i] || !call))
			json_object_set_new(work, tally_name(i, name, sizeof(name)),
					    json_integer((json_int_t)tally->values[i]));
	}
	return work;
}

static int epochs_take(struct gate_row *row, struct lockstep *lockstep, uint64_t time_ns,
		       struct err *err)
{
	uint64_t begin = clock_now_ns();

	while (row->epochs.count < EPOCHS_MIN || clock_now_ns() - begin < time_ns) {
		int r = lockstep_epoch(lockstep, &row->epochs, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A loader that does not work on one side has no ratio: *ret_works is about the revision's. */
static int row_time(struct gate_row *row, const struct history_options *options,
		    const struct revision *revision, bool *ret_works, struct err *err)
{
	struct lockstep lockstep;
	struct err why = { "" };
	int r = lockstep_open(&lockstep, row->arms, options->seed, &why);

	row->group = lockstep.shape.group;
	if (r == 0)
		r = epochs_take(row, &lockstep, options->time_ns, &why);
	if (r < 0 && command_interrupted())
		r = -EINTR;
	if (r == -EINTR || r == -ENOMEM) {
		*err = why;
	} else if (r < 0) {
		log_warn("%.12s: %s has no ratio: %s: %s", revision->hash, row->epochs.loader,
			 lockstep.failed == LOCKSTEP_BASE ? "the reference" : "the revision",
			 why.text);
		*ret_works = lockstep.failed == LOCKSTEP_BASE;
		r = 0;
	}
	lockstep_close(&lockstep);
	return r;
}

static int row_measure(struct gate_row *row, const struct history_options *options,
		       const struct revision *revision, json_t *loaders, struct err *err)
{
	json_t *loader, *p10, *p50;
	bool works = true;
	int r = row_time(row, options, revision, &works, err);

	if (r == 0 && works && options->count)
		r = gate_count_run(row, false,
				   options->instructions ? TALLY_BY_CALLGRIND : TALLY_BY_NOBODY,
				   err);
	if (r < 0 || !works)
		return r;
	if (row->count && row->count->error.text[0])
		log_warn("%.12s: %s was not counted: %s", revision->hash, row->epochs.loader,
			 row->count->error.text);
	p10 = ratio_json(&row->epochs, EPOCH_P10);
	p50 = ratio_json(&row->epochs, EPOCH_P50);
	loader = json_pack("{s:I,s:I}", "epochs", (json_int_t)row->epochs.count, "group",
			   (json_int_t)row->group);
	if (p10)
		json_object_set_new(loader, "p10", p10);
	if (p50)
		json_object_set_new(loader, "p50", p50);
	if (row->count && !row->count->error.text[0])
		json_object_set_new(loader, "work", work_json(&row->count->tallies[LOCKSTEP_HEAD]));
	json_object_set_new(loaders, row->epochs.loader, loader);
	return 0;
}

static json_t *object_json(const struct subject *subject)
{
	const char *slash = strrchr(subject->path, '/');
	char hash[32];

	snprintf(hash, sizeof(hash), "%016llx",
		 (unsigned long long)XXH64(subject->file.bytes, subject->file.size, 0));
	return json_pack("{s:s,s:I,s:s}", "name", slash ? slash + 1 : subject->path, "bytes",
			 (json_int_t)subject->file.size, "xxh64", hash);
}

/* What counters and ratios depend on besides the revision. */
static json_t *surroundings_json(void)
{
	static const char *const kept[] = { "cpu", "cpus", "kernel", "libc", "hypervisor" };
	json_t *machine = machine_json(), *object = json_object();

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (json_object_get(machine, kept[i]))
			json_object_set(object, kept[i], json_object_get(machine, kept[i]));
	}
	json_decref(machine);
	return object;
}

static json_t *line_json(const struct gate *gate, const struct history_pair *pair, json_t *loaders)
{
	const struct revision *revision = pair->revision;
	double load[1] = { 0.0 };

	if (getloadavg(load, 1) != 1)
		load[0] = 0.0;
	return json_pack("{s:i,s:s,s:I,s:s,s:s,s:s,s:o,s:o,s:f,s:O}", "schema", HISTORY_SCHEMA,
			 "revision", revision->hash, "number", (json_int_t)revision->number, "time",
			 revision->time, "title", revision->title, "reference",
			 pair->reference->hash, "object", object_json(&gate->subjects[0]),
			 "machine", surroundings_json(), "load_average", load[0], "loaders",
			 loaders);
}

int history_measure(const struct history_options *options, const struct history_pair *pair,
		    struct history_line *ret_line, struct err *err)
{
	struct gate gate = { .argv = options->argv,
			     .options = { .base = pair->base,
					  .head = pair->head,
					  .paths = { options->object },
					  .path_count = 1,
					  .loaders = options->loaders,
					  .pin = options->pin } };
	json_t *loaders = json_object();
	struct progress progress;
	char now[100];
	int r = gate_open(&gate, err);

	progress_begin(&progress, "loaders", gate.row_count);
	for (size_t i = 0; r == 0 && i < gate.row_count; i++) {
		snprintf(now, sizeof(now), "%.12s: %.60s", pair->revision->hash,
			 gate.rows[i].epochs.loader);
		progress_step(&progress, i, now);
		r = row_measure(&gate.rows[i], options, pair->revision, loaders, err);
	}
	progress_end(&progress);
	if (r == 0 && json_object_size(loaders) == 0)
		r = err_set(err, EIO, "no loader could be measured");
	if (r == 0)
		r = history_line_make(ret_line, line_json(&gate, pair, loaders), err);
	json_decref(loaders);
	gate_close(&gate);
	if (options->pin != GATE_PIN_NONE)
		gate_cpus_release();
	return r;
}
